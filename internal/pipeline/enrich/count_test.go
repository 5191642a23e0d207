package enrich_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/messageai/sluice/internal/domain"
)

// lookups counts how often the cache is asked for each answer.
type lookups struct {
	*world
	asked map[string]int
}

func (l *lookups) Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error) {
	for _, q := range questions {
		l.asked[q]++
	}
	return l.world.Answers(ctx, team, questions, latest)
}

// What is billed by the request: the cache is asked for each answer once, though
// several rows wait for it, before and after it was bought; and only waves that
// can cost something are reserved and settled.
func TestATurnReadsEachAnswerOnceAndReservesWhatCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		rows := []domain.Row{w.person(0), w.person(1), w.branch(2, "one.example"), w.branch(3, "one.example"), w.branch(4, "two.example")}
		twin := w.person(0)
		twin.Prospect.ID = id(5)
		rows = append(rows, twin)
		w.put(t, rows)
		seen := &lookups{w, map[string]int{}}
		w.stock = seen
		w.check(t, rows, w.finish(t, w.database()))
		// Two companies are asked for people, and four people completed.
		if len(seen.asked) != 6 || len(w.asked) != 6 {
			t.Errorf("the cache was asked for %d answers and the provider for %d, want 6 of each", len(seen.asked), len(w.asked))
		}
		for question, n := range seen.asked {
			if n != 1 {
				t.Errorf("the cache was asked %d times for %s", n, question)
			}
		}
		if len(w.ledger.reservations) != 1 || w.ledger.settled != 4*matchPrice {
			t.Errorf("%d reservations, %s settled; want one for the four people", len(w.ledger.reservations), w.ledger.settled)
		}
	})
}

// A worker that dies while it asks what is free leaves nothing to settle, and
// what it was told is not asked again.
func TestWhatIsFreeLeavesNoReservation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		rows := []domain.Row{w.branch(0, "one.example"), w.branch(1, "two.example")}
		w.put(t, rows)
		dead := false
		w.plan = func(_ int, op string) mishap {
			if dead || op != "Reserve" {
				return ""
			}
			dead = true
			return killBefore
		}
		if err := w.once(t.Context(), w.database()); err == nil || !dead {
			t.Fatal("the worker lives")
		}
		if len(w.ledger.reservations) != 0 || w.asked["people at one.example"] != 1 {
			t.Errorf("reservations %+v, asked %v", w.ledger.reservations, w.asked)
		}
		w.check(t, rows, w.finish(t, w.database()))
		if w.asked["people at one.example"] != 1 || w.asked["people at two.example"] != 1 || w.ledger.settled != 2*matchPrice {
			t.Errorf("asked %v for %s, want each once for %s", w.asked, w.ledger.settled, 2*matchPrice)
		}
	})
}
