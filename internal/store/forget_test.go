package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// said is an answer about somebody.
type said struct {
	Text  string `json:"text"`
	about []string
}

func (s said) Subjects() []string { return s.about }

func TestForgettingATeamsAnswersBySubject(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		put := func(team, question string, about ...string) {
			t.Helper()
			if err := s.PutAnswer(ctx, team, question, said{"something", about}, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		put("acme", "q1", "person dana@x.example", "company x.example")
		put("acme", "q2", "company x.example")
		put("acme", "q3")
		put("acme2", "q1", "person dana@x.example", "company x.example")
		// Long enough that one call of DynamoDB does not see the end.
		for n := range 40 {
			if err := s.PutAnswer(ctx, "acme", fmt.Sprint("long", n), said{string(noise(60_000, n)), []string{"provider p"}}, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		left := func(team string) map[string]bool {
			got, err := s.Answers(ctx, team, []string{"q1", "q2", "q3"}, true)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]bool{}
			for q := range got {
				out[q] = true
			}
			return out
		}
		forget := func(subject string) int {
			n, next, err := s.Forget(ctx, "acme", subject, "")
			if err != nil || next != "" {
				t.Fatal(next, err)
			}
			return n
		}
		if n := forget("person dana@x.example"); n != 1 {
			t.Errorf("%d answers about a person forgotten, want 1", n)
		}
		if diff := cmp.Diff(map[string]bool{"q2": true, "q3": true}, left("acme")); diff != "" {
			t.Error(diff)
		}
		if n := forget("company x.example"); n != 1 {
			t.Errorf("%d answers about a company forgotten, want 1", n)
		}
		if diff := cmp.Diff(map[string]bool{"q3": true}, left("acme")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]bool{"q1": true}, left("acme2")); diff != "" {
			t.Errorf("another team's: %s", diff)
		}

		// Whoever has little time gets to the end in several calls.
		total, calls := 0, 0
		for next := ""; ; {
			short, cancel := context.WithTimeout(ctx, 4*time.Second)
			n, more, err := s.Forget(short, "acme", "provider p", next)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			total, calls = total+n, calls+1
			if more == "" {
				break
			}
			if _, _, err := s.Forget(ctx, "acme2", "provider p", more); !fault.Is(err, fault.InvalidInput) {
				t.Errorf("another team's cursor = %v", err)
			}
			next = more
		}
		if total != 40 || calls < 2 {
			t.Errorf("%d answers forgotten in %d calls, want 40 in some", total, calls)
		}

		at, err := s.Forgotten(ctx, "acme")
		if err != nil {
			t.Fatal(err)
		}
		for subject, want := range map[string]bool{"person dana@x.example": true, "company x.example": true, "provider p": true, "provider q": false} {
			if when, err := at(subject); err != nil || when.IsZero() == want {
				t.Errorf("%s was forgotten at %v, %v", subject, when, err)
			}
		}
	})
}

// noise is text that does not compress well.
func noise(n, seed int) []byte {
	out := make([]byte, n)
	x := uint32(seed)*2654435761 + 1 //nolint:gosec // noise
	for i := range out {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		out[i] = 'a' + byte(x%26)
	}
	return out
}
