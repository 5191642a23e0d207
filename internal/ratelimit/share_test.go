package ratelimit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/ratelimit"
)

type shareKey struct{}

func shareOf(ctx context.Context) string {
	share, _ := ctx.Value(shareKey{}).(string)
	return share
}

// crowd is one run: so many processes of eight callers each, from a moment on.
type crowd struct {
	share     string
	processes int
	from      time.Duration
}

// contend lets crowds ask for all that they can get and returns when each was let
// through, and the store's writes for each call.
func contend(t *testing.T, q ratelimit.Quota, lasts time.Duration, crowds ...crowd) (made map[string]*journal, all *journal, writes float64) {
	t.Helper()
	store := newMemory()
	made, all = map[string]*journal{}, &journal{}
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var callers sync.WaitGroup
	for _, c := range crowds {
		mine := &journal{}
		made[c.share] = mine
		ctx := context.WithValue(ctx, shareKey{}, c.share)
		for range c.processes {
			l := ratelimit.New(store, ratelimit.Options{Share: shareOf})
			for range 8 {
				callers.Go(func() {
					if !pause(ctx, c.from) {
						return
					}
					for call(ctx, l, q) == nil {
						mine.add(time.Now())
						all.add(time.Now())
					}
				})
			}
		}
	}
	callers.Wait()
	return made, all, float64(store.count()) / float64(len(all.calls))
}

// between is how many calls were made in a stretch of time.
func (j *journal) between(from, to time.Time) (n int) {
	for _, at := range j.calls {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// A run with one process beside one with eight gets as much as that one, while
// both together get what one alone would, and never more than the quota.
func TestRunsShareInTurn(t *testing.T) {
	t.Parallel()
	for _, q := range []ratelimit.Quota{
		{Rate: 25, Per: time.Second, Burst: 1},
		{Rate: 190, Per: time.Minute, Burst: 10},
		{Rate: 490, Per: time.Minute, Burst: 6},
		{Rate: 980, Per: time.Minute, Burst: 20},
		{Rate: 10_700, Per: time.Hour, Burst: 2},
	} {
		t.Run(fmt.Sprintf("%d per %v", q.Rate, q.Per), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				const lasts, comes = 10 * time.Minute, time.Minute
				made, all, writes := contend(t, q, lasts, crowd{share: "big", processes: 8}, crowd{share: "small", processes: 1, from: comes})
				bulk, _ := q.Lanes()
				end := began.Add(lasts)
				settled := began.Add(comes + 15*time.Second) // what the big run had booked is over
				small, big := made["small"].between(settled, end), made["big"].between(settled, end)
				t.Logf("small %d, big %d, %.3f writes a call", small, big, writes)
				if small*100 < (small+big)*45 {
					t.Errorf("the small run has %d calls beside %d of the big one, want about as many", small, big)
				}
				if got, want := len(all.calls), int(0.98*float64(bulk.Rate)*float64(lasts)/float64(q.Per)); got < want {
					t.Errorf("%d calls together, want at least %d", got, want)
				}
				if got, limit := all.most(q.Per), q.Rate+max(q.Burst, 1)-1; got > limit {
					t.Errorf("%d calls in a window, want at most %d", got, limit)
				}
			})
		})
	}
}

// Several runs at once: none has less than two thirds of its part.
func TestManyRunsShareInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 490, Per: time.Minute, Burst: 6}
		var crowds []crowd
		for i := range 6 {
			crowds = append(crowds, crowd{share: fmt.Sprint("run", i), processes: 1 + i})
		}
		made, all, _ := contend(t, q, 20*time.Minute, crowds...)
		for share, mine := range made {
			if got := len(mine.calls); got*6*3 < len(all.calls)*2 {
				t.Errorf("%s: %d of %d calls", share, got, len(all.calls))
			}
		}
		if want := 20 * q.Rate * 93 / 100; len(all.calls) < want {
			t.Errorf("%d calls together, want at least %d", len(all.calls), want)
		}
	})
}

// A run that asks little costs the others only what it takes, and one that is
// alone again has everything.
func TestWhatARunLeavesIsTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 490, Per: time.Minute, Burst: 6}
		store := newMemory()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		all := &journal{}
		var callers sync.WaitGroup
		for range 8 {
			l := ratelimit.New(store, ratelimit.Options{Share: shareOf})
			ctx := context.WithValue(ctx, shareKey{}, "big")
			for range 8 {
				callers.Go(func() {
					for call(ctx, l, q) == nil {
						all.add(time.Now())
					}
				})
			}
		}
		var longest time.Duration
		callers.Go(func() {
			l := ratelimit.New(store, ratelimit.Options{Share: shareOf})
			ctx := context.WithValue(ctx, shareKey{}, "small")
			for pause(ctx, 7*time.Second) && time.Until(deadline(ctx)) > 10*time.Second {
				began := time.Now()
				if err := call(ctx, l, q); err != nil {
					t.Error(err)
				}
				all.add(time.Now())
				longest = max(longest, time.Since(began))
			}
		})
		callers.Wait()
		bulk, _ := q.Lanes()
		if got, want := len(all.calls), 10*bulk.Rate*98/100; got < want {
			t.Errorf("%d calls together, want at least %d", got, want)
		}
		if longest > 5*time.Second {
			t.Errorf("a call of the small run waited for %v", longest)
		}
	})
}

// others is a store in which it is the others' turn for four seconds.
type others struct{ *memory }

func (others) AdvanceShare(context.Context, string, string, time.Time, time.Time, time.Time, time.Duration) (time.Time, int, bool, error) {
	return time.Now().Add(4 * time.Second), 2, false, nil
}

// A 429 is told to all processes at once, also by one in which a caller waits for
// its run's turn.
func TestPushDoesNotWaitForATurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := others{newMemory()}
		l := ratelimit.New(store, ratelimit.Options{Share: shareOf})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), shareKey{}, "small"))
		var callers sync.WaitGroup
		defer callers.Wait()
		defer cancel()
		callers.Go(func() {
			if err := l.Wait(ctx, "k", ratelimit.Quota{Rate: 10, Per: time.Second}); err == nil {
				t.Error("a slot out of turn")
			}
		})
		synctest.Wait()
		until := time.Now().Add(time.Minute)
		callers.Go(func() {
			if err := l.Push(t.Context(), "k", until); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		store.mu.Lock()
		defer store.mu.Unlock()
		if !store.next["k"].Equal(until) {
			t.Errorf("the key is free from %v, want %v", store.next["k"], until)
		}
	})
}
