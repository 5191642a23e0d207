package fault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

func TestTheKindOfAnError(t *testing.T) {
	t.Parallel()
	limited := &fault.Error{Kind: fault.RateLimited, Op: "hunter.find_email", Message: "slow down", RetryAfter: time.Minute}
	for _, c := range []struct {
		name    string
		err     error
		kind    fault.Kind
		wait    time.Duration
		message string
	}{
		{"none", nil, "", 0, ""},
		{"plain", errors.New("oops"), fault.Internal, 0, "something went wrong"},
		{"out of time", fmt.Errorf("ask: %w", context.DeadlineExceeded), fault.Unavailable, 0, "something went wrong"},
		{"given up", context.Canceled, fault.Unavailable, 0, "something went wrong"},
		{"a fault", limited, fault.RateLimited, time.Minute, "slow down"},
		{"wrapped", fmt.Errorf("find: %w", fmt.Errorf("try: %w", limited)), fault.RateLimited, time.Minute, "slow down"},
		{"the outer of two", fault.Wrap(fault.Unclear, "push.apply", limited), fault.Unclear, 0, "something went wrong"},
		{"joined", errors.Join(errors.New("oops"), limited), fault.RateLimited, time.Minute, "slow down"},
		{"a fault around the clock", fault.Wrap(fault.Unclear, "x", context.DeadlineExceeded), fault.Unclear, 0, "something went wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := fault.KindOf(c.err); got != c.kind {
				t.Errorf("KindOf = %q, want %q", got, c.kind)
			}
			if got := fault.RetryAfter(c.err); got != c.wait {
				t.Errorf("RetryAfter = %s, want %s", got, c.wait)
			}
			if c.err == nil {
				if fault.Is(c.err, "", fault.Internal) {
					t.Error("no error is of some kind")
				}
				return
			}
			if !fault.Is(c.err, fault.NotFound, c.kind) || fault.Is(c.err, fault.NotFound) || fault.Is(c.err) {
				t.Errorf("Is disagrees with KindOf for %q", c.kind)
			}
			if got := fault.Message(c.err); !strings.HasPrefix(got, c.message) {
				t.Errorf("Message = %q, want %q", got, c.message)
			}
		})
	}
}

// What a person is shown gives nothing of an unknown error away.
func TestMessagesOfUnknownErrorsAreSafe(t *testing.T) {
	t.Parallel()
	if got := fault.Message(errors.New("key sk_123 of ann@x.example")); strings.ContainsAny(got, "@_") {
		t.Errorf("Message = %q", got)
	}
}

func TestTextAndCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("reset")
	err := &fault.Error{Kind: fault.Unavailable, Op: "apollo.match", Message: "try later", Err: cause}
	if got := err.Error(); got != "apollo.match: Unavailable: try later: reset" {
		t.Errorf("text = %q", got)
	}
	if got := fault.New(fault.NotFound, "store.icp", "none").Error(); got != "store.icp: NotFound: none" {
		t.Errorf("text = %q", got)
	}
	if !errors.Is(fmt.Errorf("x: %w", err), cause) {
		t.Error("the cause cannot be found")
	}
}

// The kinds are error names of the state machine and explained to operators.
func TestEveryKindIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := fault.Kinds()
	for i, k := range kinds {
		if !strings.Contains(string(page), string(k)) {
			t.Errorf("docs/errors.md does not explain %s", k)
		}
		if slices.Contains(kinds[:i], k) {
			t.Errorf("%s is listed twice", k)
		}
	}
}
