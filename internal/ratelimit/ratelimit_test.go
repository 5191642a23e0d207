package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/ratelimit"
)

func quotas() []ratelimit.Quota {
	return []ratelimit.Quota{
		{Rate: 1, Per: time.Second},
		{Rate: 10, Per: time.Second, Burst: 1},
		{Rate: 100, Per: 10 * time.Second, Burst: 20},
		{Rate: 490, Per: time.Minute, Burst: 6},
		{Rate: 1000, Per: time.Second, Burst: 50},
		{Rate: 7, Per: time.Hour, Burst: 7},
	}
}

// call waits for a slot as callers do: it comes back when it was told to.
func call(ctx context.Context, l *ratelimit.Limiter, q ratelimit.Quota) error {
	for {
		err := l.Wait(ctx, "k", q)
		if !fault.Is(err, fault.RateLimited) {
			return err
		}
		wait := fault.RetryAfter(err)
		if wait <= 0 {
			return errors.New("refused without a wait")
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// The two laws: never more than Rate + Burst - 1 in any window, and at least
// 95 % of the rate under steady demand, for one process and for several.
func TestSteadyDemand(t *testing.T) {
	t.Parallel()
	for _, q := range quotas() {
		for _, processes := range []int{1, 5} {
			t.Run(fmt.Sprintf("%d per %v burst %d by %d", q.Rate, q.Per, q.Burst, processes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store, made := newMemory(), &journal{}
					windows := 20
					if q.Rate >= 1000 {
						windows = 5
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(windows)*q.Per)
					defer cancel()
					var callers sync.WaitGroup
					for range processes {
						l := ratelimit.New(store, ratelimit.Options{})
						for range 4 {
							callers.Go(func() {
								for call(ctx, l, q) == nil {
									made.add(time.Now())
								}
							})
						}
					}
					callers.Wait()
					if got, limit := made.most(q.Per), q.Rate+max(q.Burst, 1)-1; got > limit {
						t.Errorf("%d calls in a window, want at most %d", got, limit)
					}
					if got, want := len(made.calls), windows*q.Rate*95/100; got < want {
						t.Errorf("%d calls, want at least %d", got, want)
					}
				})
			})
		}
	}
}

// Random pauses between calls leave slots unused and spend bursts.
func TestRandomDemand(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		for _, q := range quotas()[:4] {
			synctest.Test(t, func(t *testing.T) {
				store, made := newMemory(), &journal{}
				ctx, cancel := context.WithTimeout(t.Context(), 10*q.Per)
				defer cancel()
				var callers sync.WaitGroup
				for p := range 4 {
					rng := rand.New(rand.NewPCG(seed, uint64(p)))
					l := ratelimit.New(store, ratelimit.Options{MaxWait: time.Duration(1+rng.IntN(8)) * time.Second})
					callers.Go(func() {
						for call(ctx, l, q) == nil {
							made.add(time.Now())
							if rng.IntN(3) == 0 {
								time.Sleep(time.Duration(rng.Float64() * float64(q.Per) / 2))
							}
						}
					})
				}
				callers.Wait()
				if got, limit := made.most(q.Per), q.Rate+max(q.Burst, 1)-1; got > limit {
					t.Errorf("seed %d, %+v: %d calls in a window, want at most %d", seed, q, got, limit)
				}
			})
		}
	}
}

// FuzzNeverOverAdmits drives several processes by a script of pauses, so that
// slots are used late, lost, and fought for in every order.
func FuzzNeverOverAdmits(f *testing.F) {
	f.Add(uint8(10), uint8(1), []byte{0, 0, 255, 1, 3, 2, 0, 0, 0, 200, 200, 9})
	f.Add(uint8(100), uint8(20), []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaazzzzzzzzzzzzAAAAAAAAAAAAAA"))
	f.Fuzz(func(t *testing.T, rate, burst uint8, script []byte) {
		q := ratelimit.Quota{Rate: int(rate), Per: time.Second, Burst: int(burst)}
		if q.Validate() != nil {
			return
		}
		clock := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		now := func() time.Time { return clock }
		store, made := newMemory(), &journal{}
		var processes []*ratelimit.Limiter
		for range 3 {
			processes = append(processes, ratelimit.New(store, ratelimit.Options{MaxWait: time.Nanosecond, Now: now}))
		}
		for _, b := range script {
			// The low bits choose the process, the high ones how time passes.
			pause := time.Duration(b>>2) * q.Interval() / 8
			clock = clock.Add(pause)
			if err := processes[b%3].Wait(t.Context(), "k", q); err == nil {
				made.add(clock)
			} else if !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) <= 0 {
				t.Fatalf("refused with %v", err)
			}
		}
		if got, limit := made.most(q.Per), q.Rate+max(q.Burst, 1)-1; got > limit {
			t.Errorf("%d calls in a window, want at most %d", got, limit)
		}
	})
}

// Timers fire late and processes stall: a call that starts late must not meet
// the punctual ones that follow it in one window.
func TestLateCalls(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		q := ratelimit.Quota{Rate: 10, Per: time.Second, Burst: 1}
		rng := rand.New(rand.NewPCG(seed, 0))
		clock := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		l := ratelimit.New(newMemory(), ratelimit.Options{MaxWait: time.Nanosecond, Hold: 10 * time.Second, Now: func() time.Time { return clock }})
		made := &journal{}
		for range 20_000 {
			clock = clock.Add(time.Millisecond)
			if rng.IntN(50) == 0 {
				clock = clock.Add(time.Duration(rng.IntN(40)) * time.Millisecond)
			}
			if err := l.Wait(t.Context(), "k", q); err == nil {
				made.add(clock)
			}
		}
		if got := made.most(q.Per); got != q.Rate {
			t.Errorf("seed %d: %d calls in a window, want %d", seed, got, q.Rate)
		}
	}
}

func TestBlocksSaveWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 50, Per: time.Second, Burst: 5}
		store := newMemory()
		l := ratelimit.New(store, ratelimit.Options{})
		const calls = 2000
		for range calls {
			if err := call(t.Context(), l, q); err != nil {
				t.Fatal(err)
			}
		}
		if got := store.count(); got > calls/20 { // one for a block, one to borrow from the share
			t.Errorf("%d writes for %d calls, want at most %d", got, calls, calls/20)
		}
	})
}

func TestBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 10, Per: 10 * time.Second, Burst: 5} // too low a rate for lanes
		l := ratelimit.New(newMemory(), ratelimit.Options{})
		for range 3 { // a pause long enough gives the burst back
			began := time.Now()
			for range 5 {
				if err := l.Wait(t.Context(), "k", q); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("5 calls took %v, want no time", took)
			}
			if err := l.Wait(t.Context(), "k", q); err != nil || time.Since(began) == 0 {
				t.Errorf("the 6th call took %v (%v), want a wait", time.Since(began), err)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A wait that is too long for the caller is not begun, takes no slot from
// others, and says when to come back.
func TestRefusalsTakeNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 1, Per: 10 * time.Second}
		l := ratelimit.New(newMemory(), ratelimit.Options{})
		if err := l.Wait(t.Context(), "k", q); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 50 {
			err := l.Wait(t.Context(), "k", q)
			if !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) < 9*time.Second || fault.RetryAfter(err) > 11*time.Second {
				t.Fatalf("second call: %v after %v, want RateLimited after 10s", err, fault.RetryAfter(err))
			}
		}
		short, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		time.Sleep(5500 * time.Millisecond)
		if err := l.Wait(short, "k", q); !fault.Is(err, fault.RateLimited) {
			t.Errorf("slot behind the deadline: %v, want RateLimited at once", err)
		}
		if err := l.Wait(t.Context(), "k", q); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 10*time.Second || took > 10200*time.Millisecond {
			t.Errorf("second slot after %v, want 10s: refusals must not use it up", took)
		}
	})
}

func TestPushKeepsEveryoneAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 10, Per: time.Second}
		store := newMemory()
		one, other := ratelimit.New(store, ratelimit.Options{}), ratelimit.New(store, ratelimit.Options{})
		for range 30 { // both hold blocks now
			for _, l := range []*ratelimit.Limiter{one, other} {
				if err := call(t.Context(), l, q); err != nil {
					t.Fatal(err)
				}
			}
		}
		until := time.Now().Add(30 * time.Second)
		if err := one.Push(t.Context(), "k", until); err != nil {
			t.Fatal(err)
		}
		if err := one.Push(t.Context(), "k", time.Now()); err != nil { // never back
			t.Fatal(err)
		}
		if err := one.Wait(t.Context(), "k", q); !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 30*time.Second {
			t.Errorf("after a push: %v after %v, want RateLimited after 30s", err, fault.RetryAfter(err))
		}
		time.Sleep(3 * time.Second) // what the other still held is over
		if err := other.Wait(t.Context(), "k", q); !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 27*time.Second {
			t.Errorf("other process: %v after %v, want RateLimited after 27s", err, fault.RetryAfter(err))
		}
		if err := call(t.Context(), other, q); err != nil || time.Now().Before(until) {
			t.Errorf("next call %v before the end of the push (%v)", time.Until(until), err)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 1, Per: 4 * time.Second}
		l := ratelimit.New(newMemory(), ratelimit.Options{})
		if err := l.Wait(t.Context(), "k", q); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		began := time.Now()
		if err := l.Wait(ctx, "k", q); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("cancelled wait: %v after %v, want the context's error after 1s", err, time.Since(began))
		}
	})
}

func TestReserve(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	l := ratelimit.New(newMemory(), ratelimit.Options{Now: func() time.Time { return now }})
	q := ratelimit.Quota{Rate: 10, Per: time.Second}
	first, err := l.Reserve(t.Context(), "k", 40, q)
	if err != nil || first != (ratelimit.Block{Start: now, Interval: q.Interval(), Slots: 40}) {
		t.Errorf("first block %+v, %v; want 40 slots from now", first, err)
	}
	second, err := l.Reserve(t.Context(), "k", 40, q)
	if err != nil || !second.Start.Equal(now.Add(40*q.Interval())) {
		t.Errorf("second block starts at %v, %v; want behind the first", second.Start, err)
	}
	if _, err := l.Reserve(t.Context(), "k", 1, q); !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 80*q.Interval() {
		t.Errorf("third block: %v after %v, want RateLimited after %v", err, fault.RetryAfter(err), 80*q.Interval())
	}
	if _, err := l.Reserve(t.Context(), "k", 0, q); !fault.Is(err, fault.Internal) {
		t.Errorf("no slots: %v, want Internal", err)
	}
	for _, bad := range []ratelimit.Quota{{}, {Rate: 1}, {Rate: 1, Per: -1}, {Rate: 2, Per: time.Second, Burst: 3}, {Rate: 1, Per: time.Second, Burst: -1}} {
		if _, err := l.Reserve(t.Context(), "k", 1, bad); !fault.Is(err, fault.Internal) {
			t.Errorf("quota %+v: %v, want Internal", bad, err)
		}
	}
}

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	store := newMemory()
	store.err = fault.New(fault.Unavailable, "store", "down")
	l := ratelimit.New(store, ratelimit.Options{})
	q := ratelimit.Quota{Rate: 10, Per: time.Second}
	if err := l.Wait(t.Context(), "k", q); !errors.Is(err, store.err) {
		t.Errorf("Wait: %v, want the store's fault", err)
	}
	if err := l.Push(t.Context(), "k", time.Now()); !errors.Is(err, store.err) {
		t.Errorf("Push: %v, want the store's fault", err)
	}
}
