package ratelimit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/ratelimit"
)

func shared() []ratelimit.Quota {
	return []ratelimit.Quota{
		{Rate: 25, Per: time.Second, Burst: 1},
		{Rate: 30, Per: time.Minute, Burst: 3},
		{Rate: 190, Per: time.Minute, Burst: 10},
		{Rate: 490, Per: time.Minute, Burst: 6},
		{Rate: 10_700, Per: time.Hour, Burst: 2},
		{Rate: 1000, Per: time.Second, Burst: 50},
	}
}

func TestLanesAddUp(t *testing.T) {
	t.Parallel()
	for rate := 1; rate < 2_000; rate++ {
		for _, burst := range []int{0, 1, 2, 7} {
			q := ratelimit.Quota{Rate: rate, Per: time.Minute, Burst: min(burst, rate)}
			bulk, people := q.Lanes()
			if people == (ratelimit.Quota{}) {
				if bulk != q || rate >= 35 {
					t.Fatalf("%+v has one lane, %+v", q, bulk)
				}
				continue
			}
			if err := bulk.Validate(); err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			if err := people.Validate(); err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			if bulk.Rate+people.Rate != q.Rate || bulk.Burst-1+people.Burst-1 > max(q.Burst, 1)-1 || bulk.Rate*100 < q.Rate*95 || people.Rate < 1 {
				t.Fatalf("%+v: %+v and %+v", q, bulk, people)
			}
		}
	}
}

// While bulk work asks for all that it can get, from several processes, and
// people for all of their share: both together stay within the quota, bulk has
// 95 % of it, and no person waits for two seconds.
func TestPeopleDoNotWaitForBulk(t *testing.T) {
	t.Parallel()
	for _, q := range shared() {
		t.Run(fmt.Sprintf("%d per %v", q.Rate, q.Per), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemory()
				bulk, people, all := &journal{}, &journal{}, &journal{}
				windows := 10
				if q.Per == time.Hour {
					windows = 1
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(windows)*q.Per)
				defer cancel()
				var callers sync.WaitGroup
				for range 5 {
					l := ratelimit.New(store, ratelimit.Options{})
					for range 4 {
						callers.Go(func() {
							for call(ctx, l, q) == nil {
								bulk.add(time.Now())
								all.add(time.Now())
							}
						})
					}
				}
				_, share := q.Lanes()
				var mu sync.Mutex
				var longest time.Duration
				desk := ratelimit.New(store, ratelimit.Options{})
				for n := 1; time.Duration(n)*share.Interval() < time.Until(deadline(ctx))-2*time.Second; n++ {
					callers.Go(func() { // people do not wait for one another
						if !pause(ctx, time.Duration(n)*share.Interval()) {
							return
						}
						began := time.Now()
						if err := desk.Wait(ratelimit.Interactive(ctx), "k", q); err != nil {
							t.Errorf("a person is refused: %v", err)
							return
						}
						mu.Lock()
						defer mu.Unlock()
						longest = max(longest, time.Since(began))
						people.add(time.Now())
						all.add(time.Now())
					})
				}
				callers.Wait()
				if longest >= 2*time.Second || len(people.calls) == 0 {
					t.Errorf("a person waited for %v; %d calls of people", longest, len(people.calls))
				}
				if got, want := len(bulk.calls), windows*q.Rate*95/100; got < want {
					t.Errorf("%d calls of bulk work, want at least %d", got, want)
				}
				if got, limit := all.most(q.Per), q.Rate+max(q.Burst, 1)-1; got > limit {
					t.Errorf("%d calls in a window, want at most %d", got, limit)
				}
			})
		})
	}
}

// People who ask for more than their share take from bulk work only what it
// leaves, and never more than the quota.
func TestPeopleMayNotPassTheQuota(t *testing.T) {
	t.Parallel()
	for _, q := range append(shared(), quotas()...) {
		synctest.Test(t, func(t *testing.T) {
			store, made := newMemory(), &journal{}
			windows := 3
			ctx, cancel := context.WithTimeout(ratelimit.Interactive(t.Context()), time.Duration(windows)*q.Per)
			defer cancel()
			var callers sync.WaitGroup
			for range 3 {
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
				t.Errorf("%+v: %d calls in a window, want at most %d", q, got, limit)
			}
			if got, want := len(made.calls), windows*q.Rate*90/100; got < want {
				t.Errorf("%+v: %d calls, want at least %d: what bulk work leaves is theirs", q, got, want)
			}
		})
	}
}

func TestPushKeepsPeopleAwayToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := ratelimit.Quota{Rate: 490, Per: time.Minute, Burst: 6}
		store := newMemory()
		if err := ratelimit.New(store, ratelimit.Options{}).Push(t.Context(), "k", time.Now().Add(30*time.Second)); err != nil {
			t.Fatal(err)
		}
		err := ratelimit.New(store, ratelimit.Options{}).Wait(ratelimit.Interactive(t.Context()), "k", q)
		if !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 30*time.Second {
			t.Errorf("a person after a push: %v after %v, want RateLimited after 30s", err, fault.RetryAfter(err))
		}
	})
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func deadline(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return end
}
