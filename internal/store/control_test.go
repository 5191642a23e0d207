package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/health"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/store"
)

// What a person switched off stays off, however long nobody asks.
func TestABreakerOpenedByHandStaysOpen(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		person := breaker.New(store.Breakers{Store: s}, breaker.Options{})
		opened := time.Now().UTC()
		if err := person.Open(t.Context(), "hunter", "maintenance", "ops key"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * 24 * time.Hour)
		if _, err := breaker.New(store.Breakers{Store: s}, breaker.Options{}).Allow(t.Context(), "hunter"); !fault.Is(err, fault.CircuitOpen) {
			t.Errorf("after a month: %v, want CircuitOpen", err)
		}
		got, err := person.State(t.Context(), "hunter")
		want := breaker.Record{State: breaker.Open, Reason: "maintenance", By: "ops key", At: opened, Version: 1}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("state %v (-want +got):\n%s", err, diff)
		}
	})
}

// The limiter's memory does what the limiter's arithmetic says, whoever asks for
// whatever run, in one write unless nobody has booked anything.
func TestRunsShareALimit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		limits := store.Limits{Store: s}
		began := time.Now()
		var next time.Time
		booked := map[string]time.Time{}
		r := rand.New(rand.NewPCG(3, 4))
		refused := map[string]int{}
		for range 400 {
			time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
			run := []string{"r1", "r2", "r3", ""}[r.IntN(4)]
			now := time.Now()
			lead, floor, horizon, inc := now.Add(time.Second), now.Add(-time.Second), now.Add(5*time.Second), time.Duration(r.IntN(3000))*time.Millisecond
			if run == "" {
				lead = horizon.Add(time.Hour)
			}
			stored, start, ok := ratelimit.AdvanceShare(next, booked[run], lead, floor, horizon, inc)
			shares := 0
			var got time.Time
			var taken bool
			var err error
			if run == "" {
				got, taken, err = limits.Advance(t.Context(), "hunter", floor, horizon, inc)
			} else {
				got, shares, taken, err = limits.AdvanceShare(t.Context(), "hunter", run, lead, floor, horizon, inc)
			}
			if next = stored; ok && run != "" {
				booked[run] = stored
			}
			want := 0
			for _, until := range booked {
				if until.After(floor) {
					want++
				}
			}
			if err != nil || taken != ok || !got.Equal(start) || run != "" && shares != want {
				t.Fatalf("%s after %v: %v, %v of %d (%v); want %v, %v of %d", run, now.Sub(began), got.Sub(now), taken, shares, err, start.Sub(now), ok, want)
			}
			if !ok && start.After(horizon) {
				refused["too far"]++
			} else if !ok {
				refused["not its turn"]++
			}
		}
		if len(refused) != 2 {
			t.Errorf("refused %v: the test does not meet everything", refused)
		}
	})
}

func TestHealthIsTheSumOfAllWorkers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		var one, other health.Meter
		hand := func(m *health.Meter) {
			for k, c := range m.Take(time.Now()) {
				if err := s.AddHealth(t.Context(), k, c); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 30 { // half an hour, twice: now and three hours ago
			one.Add(time.Now(), "hunter", "", time.Second)
			other.Add(time.Now(), "hunter", fault.Unavailable, time.Minute)
			other.Add(time.Now(), "apollo", "", time.Second)
			hand(&one)
			hand(&other)
			time.Sleep(time.Minute)
		}
		time.Sleep(3 * time.Hour)
		one.Add(time.Now(), "hunter", fault.RateLimited, time.Second)
		hand(&one)
		before, hour, err := s.Health(t.Context(), "hunter")
		if err != nil || before.Calls != 60 || before.Failures != 30 || before.P95() < time.Minute || hour.Calls != 1 || hour.Throttled != 1 || hour.Failures != 0 {
			t.Errorf("%+v, %+v, %v", before, hour, err)
		}
		time.Sleep(25 * time.Hour)
		if before, hour, err := s.Health(t.Context(), "hunter"); err != nil || before.Calls+hour.Calls != 0 {
			t.Errorf("after a day: %+v, %+v, %v", before, hour, err)
		}
	})
}
