package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// inSandbox returns a function whose handler gets its own sandbox, as a client
// made by the constructor has it.
func inSandbox(name string, code func(ctx context.Context, sb *lambda.Sandbox, in string) (string, error)) lambda.Function {
	f := function(name, nil)
	f.New = func(ctx context.Context, _ map[string]string) (lambda.Handler, error) {
		sb := lambda.SandboxFrom(ctx)
		return awslambda.NewHandler(func(ctx context.Context, in string) (string, error) { return code(ctx, sb, in) }), nil
	}
	return f
}

// A handler that ignores its deadline can do nothing after it, not even with a
// context of its own making.
func TestATimedOutHandlerHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []error
		call := func(ctx context.Context, sb *lambda.Sandbox) {
			_, err := sb.Enter(ctx)
			got = append(got, err)
		}
		s := open(t, lambda.Options{Functions: []lambda.Function{inSandbox("deaf", func(ctx context.Context, sb *lambda.Sandbox, _ string) (string, error) {
			call(context.Background(), sb)
			time.Sleep(time.Minute)
			call(ctx, sb)
			call(context.WithoutCancel(ctx), sb)
			call(context.Background(), sb)
			return "late", nil
		})}})
		if kind := failureOf(t, invoke(t, s, "deaf", `""`))[0]; kind != "Sandbox.Timedout" {
			t.Errorf("got %s, want a time-out", kind)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]error{nil, lambda.ErrDead, lambda.ErrDead, lambda.ErrDead}, got, cmp.Comparer(errors.Is)); diff != "" {
			t.Error(diff)
		}
	})
}

// What a handler leaves running is frozen until the next invocation, and gone
// with the sandbox.
func TestBetweenInvocationsASandboxIsFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var got []string
		s := open(t, lambda.Options{Functions: []lambda.Function{inSandbox("f", func(ctx context.Context, sb *lambda.Sandbox, in string) (string, error) {
			switch in {
			case "leave":
				go func() {
					for _, ctx := range []context.Context{context.WithoutCancel(ctx), context.Background()} {
						time.Sleep(time.Second)
						inv, err := sb.Enter(ctx)
						got = append(got, fmt.Sprintf("%s %s %v", time.Since(began), inv.ID[34:], err))
					}
					time.Sleep(time.Hour)
					_, err := sb.Enter(context.Background())
					got = append(got, fmt.Sprintf("%s %v", time.Since(began), err))
				}()
			case "work":
				time.Sleep(2 * time.Second)
			case "panic":
				panic("oh")
			}
			return "", nil
		})}})
		invoke(t, s, "f", `"leave"`)
		time.Sleep(time.Minute)
		invoke(t, s, "f", `"work"`)
		time.Sleep(2 * time.Hour)
		failureOf(t, invoke(t, s, "f", `"panic"`))
		synctest.Wait()
		// Thawed after a minute: the first call goes on for its old invocation,
		// the second, a second later, for the new one.
		want := []string{"1m0s 01 <nil>", "1m1s 02 <nil>", "2h1m2s <nil>"}
		if len(got) == 3 && strings.HasSuffix(got[2], lambda.ErrDead.Error()) {
			want[2] = got[2] // the panic may come before the thawed goroutine
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Lambda tries an initialisation that failed once more, within the invocation.
func TestInitialisationIsTriedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			start func(ctx context.Context, n int) error
			want  string
			took  time.Duration
			inits int
		}{
			"first fails":  {func(_ context.Context, n int) error { return map[int]error{1: errors.New("no")}[n] }, `"ok"`, 0, 2},
			"both fail":    {func(context.Context, int) error { return errors.New("no") }, "Runtime.ExitError", 0, 2},
			"first panics": {func(_ context.Context, n int) error { return panicIf(n == 1) }, `"ok"`, 0, 2},
			"both panic":   {func(context.Context, int) error { return panicIf(true) }, "string", 0, 2},
			"first is slow": {func(_ context.Context, n int) error {
				time.Sleep(map[int]time.Duration{1: 11 * time.Second}[n])
				return nil
			}, `"ok"`, 10 * time.Second, 2},
			"both are slow": {func(context.Context, int) error { time.Sleep(11 * time.Second); return nil }, "Sandbox.Timedout", 13 * time.Second, 2},
			"second is timed": {func(_ context.Context, n int) error {
				time.Sleep(map[int]time.Duration{1: 11 * time.Second, 2: 2 * time.Second}[n])
				return nil
			}, `"ok"`, 12 * time.Second, 2},
			"fine": {func(context.Context, int) error { time.Sleep(9 * time.Second); return nil }, `"ok"`, 9 * time.Second, 1},
		} {
			var tries atomic.Int32
			f := function("f", nil)
			f.New = func(ctx context.Context, _ map[string]string) (lambda.Handler, error) {
				if err := c.start(ctx, int(tries.Add(1))); err != nil {
					return nil, err
				}
				return awslambda.NewHandler(func() (string, error) { return "ok", nil }), nil
			}
			s := open(t, lambda.Options{Functions: []lambda.Function{f}})
			began := time.Now()
			r := invoke(t, s, "f", "{}")
			got := string(r.Payload)
			if r.FunctionError != "" {
				got = failureOf(t, r)[0]
			}
			_, inits := s.Counts("f")
			if got != c.want || time.Since(began) != c.took || inits != c.inits {
				t.Errorf("%s: got %s after %s and %d initialisations, want %s after %s and %d", name, got, time.Since(began), inits, c.want, c.took, c.inits)
			}
		}
		time.Sleep(time.Minute) // let the slow ones end before the bubble does
	})
}

func panicIf(yes bool) error {
	if yes {
		panic("oh")
	}
	return nil
}

// The frames of a panic are as aws-lambda-go reports them.
func TestStackOfAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, lambda.Options{Functions: []lambda.Function{function("f", func() error { return panicIf(true) })}})
		var e messages.InvokeResponse_Error
		if err := json.Unmarshal(invoke(t, s, "f", "{}").Payload, &e); err != nil {
			t.Fatal(err)
		}
		for _, frame := range e.StackTrace {
			if frame.Label == "panicIf" {
				if !strings.HasSuffix(frame.Path, "lambda/sandbox_test.go") || frame.Line == 0 {
					t.Errorf("got %s:%d, want this file", frame.Path, frame.Line)
				}
				return
			}
		}
		t.Errorf("no frame is labelled panicIf: %+v", e.StackTrace)
	})
}

// A function that sends to the queue that invokes it is stopped after 16 turns:
// the message stays, to be moved to the dead-letter queue.
func TestRecursiveLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, allowed := range []bool{false, true} {
			var traces []string
			q := newQueue("a")
			loop := function("loop", func(ctx context.Context, e events.SQSEvent) {
				trace := lambda.InvocationFrom(ctx).Trace
				if traces = append(traces, trace); len(traces) < 40 {
					q.mu.Lock()
					q.waiting = append(q.waiting, events.SQSMessage{
						MessageId: fmt.Sprint("n", len(traces)), ReceiptHandle: fmt.Sprint("n", len(traces)), Attributes: map[string]string{lambda.TraceAttribute: trace},
					})
					q.mu.Unlock()
				}
			})
			loop.AllowLoops = allowed
			s := open(t, lambda.Options{Functions: []lambda.Function{loop, function("other", func() {})}, Queues: q, Mappings: []lambda.Mapping{{Function: "loop", QueueARN: queueARN}}})
			s.Start()
			time.Sleep(time.Hour)
			synctest.Wait()
			want := 16
			if allowed {
				want = 40
			}
			if len(traces) != want || len(q.deleted) != want {
				t.Errorf("loops allowed: %t: %d invocations and %d deleted messages, want %d", allowed, len(traces), len(q.deleted), want)
			}
			_, direct := s.Invoke(lambda.WithTrace(t.Context(), traces[15]), "loop", nil)
			if got := wire.CodeOf(direct); (got == "RecursiveInvocationException") == allowed {
				t.Errorf("loops allowed: %t: a direct call got %q", allowed, got)
			}
			if _, err := s.Invoke(lambda.WithTrace(t.Context(), traces[15]), "other", nil); err != nil {
				t.Errorf("another function in the same chain: %v", err)
			}
		}
	})
}

// Close does not wait for ever, and says whose handler it left.
func TestCloseNamesWhatGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := lambda.New(lambda.Options{Functions: []lambda.Function{
			function("deaf", func() { time.Sleep(time.Minute) }), function("other", func() {}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		invoke(t, s, "other", "{}")
		go func() { _, _ = s.Invoke(t.Context(), "deaf", nil) }()
		synctest.Wait()
		if err := s.Close(); err == nil || !strings.HasSuffix(err.Error(), "a handler goes on although its context has ended: deaf") {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute) // let it end before the bubble does
	})
}
