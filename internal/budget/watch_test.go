package budget_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// purse is one run's cap and one team's month, in memory.
type purse struct {
	mu         sync.Mutex
	run, month store.Spend
	told       map[string]int // by "scope percent cap"
	reads      int
}

func (p *purse) Reserve(_ context.Context, _ domain.Ref, r store.Reservation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run.Free < r.Max || p.month.Cap > 0 && p.month.Free < r.Max {
		return fault.New(fault.CapReached, "test.reserve", "too little left")
	}
	p.run.Free, p.month.Free = p.run.Free-r.Max, p.month.Free-r.Max
	return nil
}

func (p *purse) Settle(_ context.Context, _ domain.Ref, r store.Reservation, actual money.Micro) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range []*store.Spend{&p.run, &p.month} {
		s.Free, s.Settled = s.Free+r.Max-actual, s.Settled+actual
	}
	return nil
}

func (p *purse) OpenReservation(context.Context, domain.Ref, string) (*store.Reservation, int, error) {
	return nil, 0, nil
}

func (p *purse) Spend(context.Context, domain.Ref) (store.Spend, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	return p.run, nil
}

func (p *purse) Month(context.Context, string) (store.Spend, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.month, nil
}

func (p *purse) AlertRun(_ context.Context, _ domain.Ref, percent int, limit money.Micro) (bool, error) {
	return p.alert("run", percent, limit), nil
}

func (p *purse) AlertMonth(_ context.Context, _ string, percent int, limit money.Micro) (bool, error) {
	return p.alert("month", percent, limit), nil
}

func (p *purse) alert(scope string, percent int, limit money.Micro) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprint(scope, " ", percent, " ", int64(limit))
	p.told[key]++
	return p.told[key] == 1
}

// events returns scope and percentage of the alerts in a log.
func events(t *testing.T, log string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(log) {
		var entry struct {
			Event struct {
				Source string `json:"source"`
				Type   string `json:"detail-type"`
				Detail struct {
					Scope   string `json:"scope"`
					Percent int    `json:"percent"`
					Run     string `json:"runId"`
				} `json:"detail"`
			} `json:"event"`
			Metric json.RawMessage `json:"_aws"`
			Count  int             `json:"SpendingAlerts"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		e := entry.Event
		if e.Source != "sluice.budget" || e.Type != "Spending Alert" || (e.Detail.Run == "r1") != (e.Detail.Scope == "run") {
			t.Errorf("the line is no event that can be sent on: %s", line)
		}
		var meta map[string]any
		if err := json.Unmarshal(entry.Metric, &meta); err != nil {
			t.Fatal(err)
		}
		stamp, _ := meta["Timestamp"].(float64)
		delete(meta, "Timestamp")
		want := map[string]any{"CloudWatchMetrics": []any{map[string]any{
			"Namespace": "Sluice/dev", "Dimensions": []any{[]any{}}, "Metrics": []any{map[string]any{"Name": "SpendingAlerts", "Unit": "Count"}},
		}}}
		if diff := cmp.Diff(want, meta); diff != "" || entry.Count != 1 || stamp < 1e12 {
			t.Errorf("the line is no metric at %v of %d (-want +got):\n%s", stamp, entry.Count, diff)
		}
		out = append(out, fmt.Sprint(e.Detail.Scope, " ", e.Detail.Percent))
	}
	return out
}

// Two workers spend a run's cap: every share is told once, whoever reaches it,
// and the ledger is read far less often than it is written.
func TestEachShareOfACapIsToldOnce(t *testing.T) {
	t.Parallel()
	p := &purse{run: store.Spend{Cap: 1000, Free: 1000}, month: store.Spend{Cap: 1900, Free: 1900}, told: map[string]int{}}
	var log bytes.Buffer
	clock := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	workers := []*budget.Watch{}
	for range 2 {
		workers = append(workers, budget.NewWatch(p, p, "Sluice/dev", slog.New(slog.NewJSONHandler(&log, nil)), now))
	}
	ref := domain.Ref{Team: "acme", Campaign: "c1", Run: "r1"}
	spend := func(w *budget.Watch, most, actual money.Micro) error {
		r := store.Reservation{ID: "x", Provider: "hunter", Max: most}
		if err := w.Reserve(t.Context(), ref, r); err != nil {
			return err
		}
		return w.Settle(t.Context(), ref, r, actual)
	}
	for i := range 90 { // to 900: 50 and 80 % of the run
		if err := spend(workers[i%2], 20, 10); err != nil {
			t.Fatal(err)
		}
		clock = clock.Add(time.Second)
	}
	want := []string{"run 50", "run 80"}
	if diff := cmp.Diff(want, events(t, log.String())); diff != "" {
		t.Errorf("at 90 %% (-want +got):\n%s", diff)
	}
	if p.reads > 2*20 {
		t.Errorf("the ledger was read %d times for 90 calls in 90 seconds", p.reads)
	}
	for range 3 { // what the cap refuses has reached it, though it is not spent to the last cent
		if err := spend(workers[0], 200, 0); !fault.Is(err, fault.CapReached) {
			t.Fatalf("reserving above the cap: %v", err)
		}
	}
	if err := spend(workers[1], 90, 90); err != nil { // 990 of 1900: half of the month
		t.Fatal(err)
	}
	clock = clock.Add(time.Minute)
	for _, w := range workers {
		w.Look(t.Context(), ref)
	}
	want = append(want, "run 100", "month 50")
	if diff := cmp.Diff(want, events(t, log.String())); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
	p.run.Cap, p.run.Free = 2000, 1010 // raised: 49.5 %, and soon half of that
	workers[0].Look(t.Context(), ref)
	if err := spend(workers[0], 20, 20); err != nil {
		t.Fatal(err)
	}
	workers[0].Look(t.Context(), ref)
	if diff := cmp.Diff(append(want, "run 50"), events(t, log.String())); diff != "" {
		t.Errorf("after the cap was raised (-want +got):\n%s", diff)
	}
	if keys := slices.Sorted(maps.Keys(p.told)); !slices.Contains(keys, "run 50 2000") {
		t.Errorf("recorded %v", keys)
	}
}
