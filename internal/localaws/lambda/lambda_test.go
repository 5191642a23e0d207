package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const arnPrefix = "arn:aws:lambda:us-east-1:123456789012:function:"

// function returns a function of 1 GB with a three second time-out around code
// of any signature that aws-lambda-go takes.
func function(name string, code any) lambda.Function {
	return lambda.Function{
		Name: name, ARN: arnPrefix + name, MemoryMB: 1024, Timeout: 3 * time.Second,
		New: func(context.Context, map[string]string) (lambda.Handler, error) {
			return awslambda.NewHandler(code), nil
		},
	}
}

func open(t *testing.T, opts lambda.Options) *lambda.Service {
	t.Helper()
	opts.Region, opts.Account = "us-east-1", "123456789012"
	s, err := lambda.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func invoke(t *testing.T, s *lambda.Service, name, payload string) lambda.Result {
	t.Helper()
	r, err := s.Invoke(t.Context(), name, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A sandbox writes its answers into one buffer; the next one must not change what
// a caller has.
func TestAnAnswerStaysAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, lambda.Options{Functions: []lambda.Function{
			function("echo", func(in string) (string, error) { return in, nil }),
		}})
		first := invoke(t, s, "echo", `"first"`)
		second := invoke(t, s, "echo", `"other"`)
		if string(first.Payload) != `"first"` || string(second.Payload) != `"other"` {
			t.Errorf("the answers are %s and %s", first.Payload, second.Payload)
		}
	})
}

// failureOf returns the type and message of a failed invocation.
func failureOf(t *testing.T, r lambda.Result) [2]string {
	t.Helper()
	var e messages.InvokeResponse_Error
	if err := json.Unmarshal(r.Payload, &e); err != nil || r.FunctionError != "Unhandled" {
		t.Fatalf("got %q with payload %s, want a function error", r.FunctionError, r.Payload)
	}
	return [2]string{e.Type, strings.ReplaceAll(e.Message, r.RequestID, "ID")}
}

type providerError struct{ error }

func TestInvoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type seen struct {
			RequestID, ARN string
			Left           time.Duration
			Input          map[string]int
		}
		s := open(t, lambda.Options{Functions: []lambda.Function{
			function("echo", func(ctx context.Context, in map[string]int) (seen, error) {
				lc, _ := lambdacontext.FromContext(ctx)
				deadline, _ := ctx.Deadline()
				return seen{lc.AwsRequestID, lc.InvokedFunctionArn, time.Until(deadline), in}, nil
			}),
		}})
		r := invoke(t, s, "echo", `{"a":1}`)
		var got seen
		if err := json.Unmarshal(r.Payload, &got); err != nil {
			t.Fatal(err)
		}
		want := seen{r.RequestID, arnPrefix + "echo", 3 * time.Second, map[string]int{"a": 1}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if r := invoke(t, s, "echo", ""); r.FunctionError != "" {
			t.Errorf("no payload: got %s, want the function to see {}", r.Payload)
		}
	})
}

func TestHowFailuresAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fns := []lambda.Function{
			function("plain", func() error { return errors.New("no") }),
			function("wrapped", func() error { return fmt.Errorf("step: %w", errors.New("no")) }),
			function("typed", func() error { return providerError{errors.New("429")} }),
			function("pointer", func() error { return &json.SyntaxError{Offset: 1} }),
			function("named", func() error { return messages.InvokeResponse_Error{Type: "Retryable", Message: "later"} }),
			function("panic", func() error { panic("oh") }),
			function("nil map", func() error { m := nilMap(); m["a"] = 1; return nil }),
			function("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
			function("deaf", func() error { time.Sleep(time.Minute); return nil }),
			function("huge", func() (string, error) { return strings.Repeat("x", 6<<20+99), nil }),
			function("killed", func(ctx context.Context) error { lambda.InvocationFrom(ctx).Kill(); return nil }),
		}
		unborn := function("unborn", func() {})
		unborn.New = func(context.Context, map[string]string) (lambda.Handler, error) {
			return nil, errors.New("KEY is not set")
		}
		slowStart := function("slow start", func() {})
		slowStart.New = func(ctx context.Context, _ map[string]string) (lambda.Handler, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		s := open(t, lambda.Options{Functions: append(fns, unborn, slowStart)})

		got := map[string][2]string{}
		for _, name := range []string{"plain", "wrapped", "typed", "pointer", "named", "panic", "nil map", "slow", "deaf", "huge", "killed", "unborn", "slow start"} {
			got[name] = failureOf(t, invoke(t, s, name, "{}"))
		}
		want := map[string][2]string{
			"plain":      {"errorString", "no"},
			"wrapped":    {"wrapError", "step: no"},
			"typed":      {"providerError", "429"},
			"pointer":    {"SyntaxError", ""},
			"named":      {"Retryable", "later"},
			"panic":      {"string", "oh"},
			"nil map":    {"plainError", "assignment to entry in nil map"},
			"slow":       {"Sandbox.Timedout", "RequestId: ID Error: Task timed out after 3.00 seconds"},
			"deaf":       {"Sandbox.Timedout", "RequestId: ID Error: Task timed out after 3.00 seconds"},
			"huge":       {"Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
			"killed":     {"Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: signal: killed"},
			"unborn":     {"Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 1"},
			"slow start": {"Sandbox.Timedout", "RequestId: ID Error: Task timed out after 3.00 seconds"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Minute) // let the deaf handler end before the bubble does
	})
}

func TestSandboxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts atomic.Int32
		f := function("count", nil)
		f.New = func(context.Context, map[string]string) (lambda.Handler, error) {
			sandbox, calls := starts.Add(1), 0
			return awslambda.NewHandler(func(ctx context.Context, in string) (string, error) {
				calls++
				switch in {
				case "wait":
					time.Sleep(time.Second)
				case "error":
					return "", errors.New("no")
				case "panic":
					panic("oh")
				case "kill":
					lambda.InvocationFrom(ctx).Kill()
				case "hang":
					<-ctx.Done()
				}
				return fmt.Sprintf("sandbox %d call %d", sandbox, calls), nil
			}), nil
		}
		s := open(t, lambda.Options{Functions: []lambda.Function{f}})
		var got []string
		say := func(in string) { got = append(got, string(invoke(t, s, "count", in).Payload)) }
		failing := func(in string) { failureOf(t, invoke(t, s, "count", in)) }

		var both sync.WaitGroup
		both.Go(func() { invoke(t, s, "count", `"wait"`) })
		synctest.Wait()
		both.Go(func() { invoke(t, s, "count", `"wait"`) }) // busy sandbox: a second one
		both.Wait()
		say(`""`)
		failing(`"error"`) // keeps its sandbox
		say(`""`)
		for _, in := range []string{`"panic"`, `"kill"`, `"hang"`} { // each loses its sandbox
			failing(in)
		}
		say(`""`)
		last := got[0][1:10] // which of the two finished last is not determined
		want := []string{`"` + last + ` call 2"`, `"` + last + ` call 4"`, `"sandbox 4 call 1"`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if invocations, inits := s.Counts("count"); invocations != 9 || inits != 4 {
			t.Errorf("got %d invocations and %d sandboxes, want 9 and 4", invocations, inits)
		}
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func() error { time.Sleep(time.Second); return nil }
		one, zero := 1, 0
		reserved, off, shared := function("reserved", wait), function("off", wait), function("shared", wait)
		reserved.Reserved, off.Reserved = &one, &zero
		s := open(t, lambda.Options{Functions: []lambda.Function{reserved, off, shared}, Concurrency: 102})
		start := func(name string, n int, reason string) (throttled int) {
			var all sync.WaitGroup
			var count atomic.Int32
			for range n {
				all.Go(func() {
					_, err := s.Invoke(t.Context(), name, nil)
					if e, ok := errors.AsType[*wire.Error](err); ok && e.Code == "TooManyRequestsException" && e.Status == 429 && e.Members["Reason"] == reason {
						count.Add(1)
					} else if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			return int(count.Load())
		}
		const own, account = "ReservedFunctionConcurrentInvocationLimitExceeded", "ConcurrentInvocationLimitExceeded"
		got := []int{start("reserved", 3, own), start("off", 1, own), start("shared", 105, account), start("shared", 101, account)}
		if diff := cmp.Diff([]int{2, 1, 4, 0}, got); diff != "" {
			t.Errorf("throttled: %s", diff)
		}
		codes := []string{}
		for _, call := range []func() error{
			func() error { _, err := s.Invoke(t.Context(), "absent", nil); return err },
			func() error { _, err := s.Invoke(t.Context(), "shared", []byte(`{`)); return err },
			func() error { _, err := s.Invoke(t.Context(), "shared", make([]byte, 6<<20+1)); return err },
			func() error { _, err := s.InvokeAsync("shared", make([]byte, 1<<20+1)); return err },
		} {
			codes = append(codes, wire.CodeOf(call()))
		}
		want := []string{"ResourceNotFoundException", "InvalidRequestContentException", "RequestEntityTooLargeException", "RequestEntityTooLargeException"}
		if diff := cmp.Diff(want, codes); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFunctionsThatAWSRefuses(t *testing.T) {
	t.Parallel()
	many := 950
	for name, change := range map[string]func(*lambda.Function){
		"memory":   func(f *lambda.Function) { f.MemoryMB = 64 },
		"time-out": func(f *lambda.Function) { f.Timeout = 16 * time.Minute },
		"reserved": func(f *lambda.Function) { f.Reserved = &many },
		"no code":  func(f *lambda.Function) { f.New = nil },
	} {
		f := function("f", func() {})
		change(&f)
		if _, err := lambda.New(lambda.Options{Functions: []lambda.Function{f}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBilledDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter.Meter
		f := function("f", func() { time.Sleep(99*time.Millisecond + time.Microsecond) })
		f.MemoryMB = 512
		start := f.New
		f.New = func(ctx context.Context, env map[string]string) (lambda.Handler, error) {
			time.Sleep(50 * time.Millisecond)
			return start(ctx, env)
		}
		s := open(t, lambda.Options{Functions: []lambda.Function{f}, Meter: &m})
		invoke(t, s, "f", "{}") // 150 ms with its cold start
		invoke(t, s, "f", "{}") // 100 ms
		r := m.Read()
		if got := r.Count(meter.LambdaRequests); got != 2 {
			t.Errorf("got %v requests, want 2", got)
		}
		if got := r.Count(meter.LambdaGBMilliseconds); math.Abs(got-125) > 0.001 {
			t.Errorf("got %v GB-ms, want 125", got)
		}
	})
}

func TestCallerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := false
		s := open(t, lambda.Options{Functions: []lambda.Function{function("f", func() { time.Sleep(2 * time.Second); finished = true })}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Invoke(ctx, "f", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the caller's deadline", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !finished {
			t.Error("the function did not go on without its caller")
		}
	})
}

func TestAsynchronousInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		s := open(t, lambda.Options{Functions: []lambda.Function{function("f", func(fail int) error {
			at = append(at, time.Since(began))
			if len(at) <= fail {
				return errors.New("no")
			}
			return nil
		})}})
		for _, fails := range []string{"1", "9"} {
			at = nil
			began = time.Now()
			if _, err := s.InvokeAsync("f", []byte(fails)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			want := []time.Duration{0, time.Minute}
			if fails == "9" {
				want = append(want, 3*time.Minute)
			}
			if diff := cmp.Diff(want, at); diff != "" {
				t.Errorf("attempts of an event that fails %s times: %s", fails, diff)
			}
		}
	})
}

// An event that finds no concurrency, or keeps failing, is given up after six
// hours (Lambda developer guide, "How Lambda handles errors and retries with
// asynchronous invocation"), however often the process restarted meanwhile.
func TestAsynchronousEventsHaveAMaximumAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var dropped []string
		zero := 0
		blocked := function("f", func() {})
		blocked.Reserved = &zero
		run := func(process int, do func(*lambda.Service)) {
			j, err := journal.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			log := slog.New(slog.NewTextHandler(lines(func(line string) {
				if strings.Contains(line, "asynchronous event dropped") {
					_, attempts, _ := strings.Cut(strings.TrimSpace(line), "attempts=")
					dropped = append(dropped, time.Since(began).Truncate(time.Hour).String()+" attempts "+attempts)
				}
			}), nil))
			s, err := lambda.New(lambda.Options{Functions: []lambda.Function{blocked}, Journal: j, Process: process, Logger: log})
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			do(s)
			if err := errors.Join(s.Close(), j.Close()); err != nil {
				t.Fatal(err)
			}
		}
		run(1, func(s *lambda.Service) {
			if _, err := s.InvokeAsync("f", []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * time.Hour)
			synctest.Wait()
			if len(dropped) > 0 {
				t.Errorf("dropped too early: %v", dropped)
			}
		})
		run(2, func(*lambda.Service) { time.Sleep(3 * time.Hour); synctest.Wait() })
		if diff := cmp.Diff([]string{"6h0m0s attempts 0"}, dropped); diff != "" {
			t.Error(diff)
		}
		run(3, func(*lambda.Service) { time.Sleep(time.Hour); synctest.Wait() })
		if len(dropped) != 1 {
			t.Errorf("an event that was given up came back: %v", dropped)
		}
	})
}

// lines is a writer that gives on what is written.
type lines func(line string)

func (l lines) Write(p []byte) (int, error) { l(string(p)); return len(p), nil }

func TestAsynchronousEventsSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		hang := function("f", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		work := function("f", func(ctx context.Context, in string) error {
			ids = append(ids, lambda.InvocationFrom(ctx).ID+" "+in)
			return nil
		})
		run := func(f lambda.Function, process int, do func(*lambda.Service)) {
			j, err := journal.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := lambda.New(lambda.Options{Functions: []lambda.Function{f}, Journal: j, Process: process})
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			do(s)
			if err := errors.Join(s.Close(), j.Close()); err != nil {
				t.Fatal(err)
			}
		}
		var first string
		run(hang, 1, func(s *lambda.Service) {
			var err error
			if first, err = s.InvokeAsync("f", []byte(`"a"`)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		})
		run(work, 2, func(*lambda.Service) { time.Sleep(time.Second); synctest.Wait() })
		run(work, 3, func(*lambda.Service) { time.Sleep(time.Hour) })
		if diff := cmp.Diff([]string{first + " a"}, ids); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCloseKillsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var worker *lambda.Invocation
		s, err := lambda.New(lambda.Options{Functions: []lambda.Function{function("f", func(ctx context.Context) error {
			worker = lambda.InvocationFrom(ctx)
			<-ctx.Done()
			return nil
		})}})
		if err != nil {
			t.Fatal(err)
		}
		var got lambda.Result
		var wg sync.WaitGroup
		wg.Go(func() { got = invoke(t, s, "f", "{}") })
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if kind := failureOf(t, got)[0]; kind != "Runtime.ExitError" || !worker.Dead() {
			t.Errorf("got %s, worker dead: %t; want Runtime.ExitError and a dead worker", kind, worker.Dead())
		}
		if _, err := s.Invoke(t.Context(), "f", nil); wire.CodeOf(err) != "ServiceException" {
			t.Errorf("after Close: got %v, want ServiceException", err)
		}
	})
}

// nilMap hides from the compiler that writing to the map panics.
func nilMap() map[string]int { return nil }
