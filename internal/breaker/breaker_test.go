package breaker_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
)

// memory is a store shared by the processes of a test.
type memory struct {
	mu            sync.Mutex
	records       map[string]breaker.Record
	loads, writes int
	err           error // if set, every call fails with it
}

func (m *memory) Load(_ context.Context, key string) (breaker.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	return m.records[key], m.err
}

func (m *memory) Save(_ context.Context, key string, r breaker.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.err != nil:
		return m.err
	case m.records[key].Version != r.Version-1:
		return fault.New(fault.Conflict, "memory.save", "another version")
	}
	m.writes++
	m.records[key] = r
	return nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// world is a clock and a store with some processes.
type world struct {
	t     *testing.T
	clock time.Time
	store *memory
}

func newWorld(t *testing.T) *world {
	return &world{t: t, clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), store: &memory{records: map[string]breaker.Record{}}}
}

func (w *world) process() *breaker.Breaker {
	return breaker.New(w.store, breaker.Options{Now: func() time.Time { return w.clock }})
}

func (w *world) pass(d time.Duration) { w.clock = w.clock.Add(d) }

// call makes one call with a known outcome, and reports whether it was allowed.
func (w *world) call(b *breaker.Breaker, o breaker.Outcome) bool {
	w.t.Helper()
	permit, err := b.Allow(w.t.Context(), "k")
	if err != nil {
		if !fault.Is(err, fault.CircuitOpen) || fault.RetryAfter(err) <= 0 {
			w.t.Fatalf("refused with %v after %v, want CircuitOpen with a wait", err, fault.RetryAfter(err))
		}
		return false
	}
	if err := b.Report(w.t.Context(), permit, o, "Unavailable"); err != nil {
		w.t.Fatal(err)
	}
	return true
}

func (w *world) calls(b *breaker.Breaker, o breaker.Outcome, n int) (allowed int) {
	w.t.Helper()
	for range n {
		if w.call(b, o) {
			allowed++
		}
	}
	return allowed
}

func TestOpensOnRatioOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ok, bad int
		opens   bool
	}{
		"too few calls":       {0, 9, false},
		"enough failures":     {0, 10, true},
		"just below the half": {11, 10, false},
		"half":                {10, 10, true},
	} {
		w := newWorld(t)
		b := w.process()
		w.calls(b, breaker.Success, test.ok)
		w.calls(b, breaker.Failure, test.bad)
		if open := !w.call(b, breaker.Ignored); open != test.opens {
			t.Errorf("%s: open %v, want %v", name, open, test.opens)
		}
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.process()
	for range 20 { // nine failures in any window of 30 s are too few to tell
		if got := w.calls(b, breaker.Failure, 9); got != 9 {
			t.Fatalf("%d of 9 calls allowed", got)
		}
		w.pass(31 * time.Second)
	}
	w.calls(b, breaker.Failure, 5)
	w.pass(16 * time.Second)
	w.calls(b, breaker.Failure, 5)
	if w.call(b, breaker.Ignored) {
		t.Error("ten failures within the window left it closed")
	}
}

// Open for 15 s, then one probe: a failure doubles the pause, a success closes.
func TestProbe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, other := w.process(), w.process()
	w.calls(b, breaker.Failure, 10)
	w.pass(14 * time.Second)
	if w.call(b, breaker.Success) || w.call(other, breaker.Success) {
		t.Fatal("a call was allowed while it is open")
	}
	w.pass(time.Second)
	permit, err := b.Allow(t.Context(), "k")
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	w.pass(6 * time.Second) // the other has read the store again
	if w.calls(b, breaker.Success, 5)+w.calls(other, breaker.Success, 5) != 0 {
		t.Error("others were allowed beside the probe")
	}
	if err := b.Report(t.Context(), permit, breaker.Failure, "Unavailable"); err != nil {
		t.Fatal(err)
	}
	w.pass(29 * time.Second)
	if w.call(b, breaker.Success) {
		t.Error("allowed before the doubled pause was over")
	}
	w.pass(time.Second)
	if !w.call(other, breaker.Success) {
		t.Error("the second probe was refused")
	}
	w.pass(6 * time.Second)
	if got := w.calls(b, breaker.Success, 5) + w.calls(other, breaker.Success, 5); got != 10 {
		t.Errorf("%d of 10 calls allowed after it closed", got)
	}
	want := breaker.Record{State: breaker.Closed, Version: 5}
	got, err := b.State(t.Context(), "k")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("record, %v (-want +got):\n%s", err, diff)
	}
}

func TestPauseHasALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.process()
	w.calls(b, breaker.Failure, 10)
	for range 40 {
		r, err := b.State(t.Context(), "k")
		if err != nil || r.State != breaker.Open || r.Until.Sub(w.clock) > 5*time.Minute {
			t.Fatalf("%+v, %v: want open for at most five minutes", r, err)
		}
		w.clock = r.Until
		if !w.call(b, breaker.Failure) {
			t.Fatal("the probe was refused")
		}
	}
}

// A probe that says nothing gives its place to the next; one that never reports
// loses it when the lease ends, and its late word does not count.
func TestProbeThatSaysNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.process()
	w.calls(b, breaker.Failure, 10)
	w.pass(15 * time.Second)
	if !w.call(b, breaker.Ignored) {
		t.Fatal("the first probe was refused")
	}
	lost, err := b.Allow(t.Context(), "k")
	if err != nil {
		t.Fatalf("the probe after one that said nothing: %v", err)
	}
	w.pass(time.Minute)
	other := w.process()
	next, err := other.Allow(t.Context(), "k")
	if err != nil {
		t.Fatalf("the probe after the lease: %v", err)
	}
	if err := b.Report(t.Context(), lost, breaker.Success, ""); err != nil {
		t.Fatal(err)
	}
	if r, _ := b.State(t.Context(), "k"); r.State != breaker.HalfOpen {
		t.Errorf("a late report made it %s", r.State)
	}
	if err := other.Report(t.Context(), next, breaker.Success, ""); err != nil {
		t.Fatal(err)
	}
	if r, _ := b.State(t.Context(), "k"); r.State != breaker.Closed {
		t.Errorf("the probe's success left it %s", r.State)
	}
}

func TestManual(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, other := w.process(), w.process()
	w.calls(other, breaker.Success, 1)
	if err := b.Open(t.Context(), "k", "the provider announced maintenance", "ops"); err != nil {
		t.Fatal(err)
	}
	w.pass(24 * time.Hour)
	if w.call(b, breaker.Success) || w.call(other, breaker.Success) {
		t.Error("a breaker that a person opened let a call through")
	}
	_, err := b.Allow(t.Context(), "k")
	if want := "calls to this provider are suspended: the provider announced maintenance"; fault.Message(err) != want {
		t.Errorf("message %q, want %q", fault.Message(err), want)
	}
	if err := other.Close(t.Context(), "k", "it is over", "ops"); err != nil {
		t.Fatal(err)
	}
	w.pass(6 * time.Second)
	if !w.call(b, breaker.Success) || !w.call(other, breaker.Success) {
		t.Error("closed by hand, but calls are refused")
	}
}

func TestCallsCostNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.process()
	for range 100 {
		w.calls(b, breaker.Success, 50)
		w.pass(time.Second)
	}
	if w.store.loads > 21 || w.store.writes != 0 {
		t.Errorf("5000 good calls in 100 s: %d reads and %d writes, want at most 21 and none", w.store.loads, w.store.writes)
	}
}

// Without its store the breaker works from what it knows, and recovers.
func TestStoreOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.process()
	down := errors.New("down")
	w.store.fail(down)
	if got := w.calls(b, breaker.Success, 5); got != 5 {
		t.Errorf("%d of 5 calls allowed without a store", got)
	}
	var last error
	for range 10 {
		permit, err := b.Allow(t.Context(), "k")
		if err != nil {
			break
		}
		last = b.Report(t.Context(), permit, breaker.Failure, "Unavailable")
	}
	if !errors.Is(last, down) {
		t.Errorf("opening without a store: %v, want its error", last)
	}
	if _, err := b.Allow(t.Context(), "k"); !fault.Is(err, fault.CircuitOpen) {
		t.Errorf("after ten failures: %v, want CircuitOpen in this process at least", err)
	}
	w.store.fail(nil)
	w.pass(time.Minute)
	if got := w.calls(b, breaker.Success, 5); got != 5 {
		t.Errorf("%d of 5 calls allowed after the store came back", got)
	}
}

// Whatever happens in whatever order: while a probe's lease runs no other call
// is allowed by a process that has read it, and a healthy provider ends closed.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		w := newWorld(t)
		rng := rand.New(rand.NewPCG(seed, 1))
		processes := []*breaker.Breaker{w.process(), w.process(), w.process()}
		type pending struct {
			by     *breaker.Breaker
			permit breaker.Permit
		}
		var open []pending
		for range 2000 {
			w.pass(time.Duration(rng.IntN(2000)) * time.Millisecond)
			b := processes[rng.IntN(3)]
			before := w.store.records["k"]
			permit, err := b.Allow(t.Context(), "k")
			after := w.store.records["k"]
			if err == nil {
				if began := after.Version != before.Version; began && before.State == breaker.HalfOpen && w.clock.Before(before.Until) {
					t.Fatalf("seed %d: a second probe began while %+v", seed, before)
				}
				open = append(open, pending{b, permit})
			}
			if len(open) > 0 && rng.IntN(10) > 0 {
				i := rng.IntN(len(open))
				if err := open[i].by.Report(t.Context(), open[i].permit, breaker.Outcome(rng.IntN(3)), "Unavailable"); err != nil {
					t.Fatal(err)
				}
				open = append(open[:i], open[i+1:]...)
			}
		}
		for range 400 {
			w.pass(2 * time.Second)
			w.call(processes[rng.IntN(3)], breaker.Success)
		}
		if r := w.store.records["k"]; r.State == breaker.Open || r.State == breaker.HalfOpen {
			t.Errorf("seed %d: still %+v after a long time of health", seed, r)
		}
	}
}
