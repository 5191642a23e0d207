package health_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/health"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func counts(calls, failures int, took time.Duration) health.Counts {
	var m health.Meter
	for i := range calls {
		kind := fault.Kind("")
		if i < failures {
			kind = fault.Unavailable
		}
		m.Add(noon, "acme", kind, took)
	}
	return m.Take(noon)[health.Key{Provider: "acme", Start: noon}]
}

func TestAWorkerHandsOverOnceAMinute(t *testing.T) {
	t.Parallel()
	var m health.Meter
	m.Add(noon, "acme", "", time.Second)
	if got := m.Take(noon); len(got) != 1 {
		t.Fatalf("the first minute: %v", got)
	}
	m.Add(noon.Add(time.Second), "acme", fault.RateLimited, time.Millisecond)
	m.Add(noon.Add(2*time.Second), "acme", fault.BadResponse, time.Millisecond)
	m.Add(noon.Add(3*time.Second), "acme", fault.InvalidInput, time.Hour)
	if got := m.Take(noon.Add(59 * time.Second)); got != nil {
		t.Errorf("handed over within a minute: %v", got)
	}
	m.Add(noon.Add(6*time.Minute), "acme", "", time.Millisecond)
	got := m.Take(noon.Add(6 * time.Minute))
	want := map[health.Key]health.Counts{
		{Provider: "acme", Start: noon}:                      {Calls: 3, Failures: 1, Throttled: 1, Took: [health.Buckets]int{0: 2, health.Buckets - 1: 1}},
		{Provider: "acme", Start: noon.Add(5 * time.Minute)}: {Calls: 1, Took: [health.Buckets]int{0: 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("handed over (-want +got):\n%s", diff)
	}
	m.Give(got) // the store was down
	if diff := cmp.Diff(want, m.Take(noon.Add(8*time.Minute))); diff != "" {
		t.Errorf("handed over again (-want +got):\n%s", diff)
	}
}

func TestP95(t *testing.T) {
	t.Parallel()
	mixed := counts(94, 0, 20*time.Millisecond).Plus(counts(6, 0, 3*time.Second))
	if got := mixed.P95(); got < 3*time.Second || got > 4500*time.Millisecond {
		t.Errorf("6 of 100 took 3 s: p95 %v", got)
	}
	mixed = counts(95, 0, 20*time.Millisecond).Plus(counts(5, 0, 3*time.Second))
	if got := mixed.P95(); got < 20*time.Millisecond || got > 30*time.Millisecond {
		t.Errorf("5 of 100 took 3 s: p95 %v", got)
	}
	if got := (health.Counts{}).P95(); got != 0 {
		t.Errorf("without calls: p95 %v", got)
	}
}

func TestTrend(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	for name, test := range map[string]struct {
		before, now health.Counts
		want        health.Trend
	}{
		"as before":            {counts(2000, 20, 200*ms), counts(200, 2, 200*ms), health.Steady},
		"fails more":           {counts(2000, 20, 200*ms), counts(200, 20, 200*ms), health.Down},
		"fails less":           {counts(2000, 400, 200*ms), counts(200, 4, 200*ms), health.Up},
		"two bad ones of 20":   {counts(2000, 100, 200*ms), counts(20, 2, 200*ms), health.Steady},
		"a point more of many": {counts(90_000, 900, 200*ms), counts(90_000, 1800, 200*ms), health.Steady},
		"slower":               {counts(2000, 0, 200*ms), counts(200, 0, 900*ms), health.Down},
		"faster":               {counts(2000, 0, 900*ms), counts(200, 0, 200*ms), health.Up},
		"nobody asked lately":  {counts(2000, 0, 200*ms), counts(3, 3, 200*ms), health.Unknown},
		"nobody asked before":  {counts(3, 0, 200*ms), counts(200, 0, 200*ms), health.Unknown},
	} {
		if got := health.TrendOf(test.before, test.now); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
