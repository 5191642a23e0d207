package enrich_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/store"
)

var takenClaim = store.Claim{Run: "r0", Campaign: "c0", Chunk: "s0000-00007"}

// scenario is a provider and a chunk.
type scenario struct {
	name  string
	free  bool // repeats are not charged
	batch int  // people in one call
	chunk func(*world) []domain.Row
	from  func(*world) enrich.Source
}

func scenarios() []scenario {
	database := func(w *world) enrich.Source { return w.database() }
	mailbox := func(w *world) enrich.Source { return w.mailbox() }
	people := func(n int) func(*world) []domain.Row { return func(w *world) []domain.Row { return w.peopleChunk(n) } }
	mail := func(n int) func(*world) []domain.Row { return func(w *world) []domain.Row { return w.mailChunk(n) } }
	return []scenario{
		{name: "people", chunk: people(27), from: database},
		{name: "people in batches", batch: 10, chunk: people(27), from: database},
		{name: "addresses", chunk: mail(15), from: mailbox},
		{name: "addresses at domains whose DNS changes its mind", chunk: func(w *world) []domain.Row { return w.doubtChunk(14) }, from: mailbox},
		{name: "addresses, repeats free", free: true, chunk: mail(15), from: mailbox},
	}
}

// play runs a scenario to its end with what plan lets go wrong. It returns how
// many calls it took.
func play(t *testing.T, s scenario, seed uint64, plan func(n int) mishap) (calls int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log []string
		w := newWorld(seed)
		w.free, w.batch = s.free, s.batch
		w.plan = func(n int, op string) mishap {
			what := plan(n)
			if what != "" {
				log = append(log, fmt.Sprintf("call %d (%s) %s", n, op, what))
			}
			return what
		}
		rows := s.chunk(w)
		w.put(t, rows)
		w.check(t, rows, w.finish(t, s.from(w)))
		if t.Failed() {
			t.Logf("seed %d: %q", seed, log)
		}
		calls = w.calls
	})
	return calls
}

// Whatever call goes wrong and however, nothing is paid for twice and nothing
// that was paid for is unaccounted for.
func TestNoCallCanBeTheOneThatMakesUsPayTwice(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for at := range play(t, s, 0, func(int) mishap { return "" }) {
				if testing.Short() && at%4 > 0 {
					continue // the race detector has seen the others' code
				}
				for _, what := range mishaps {
					play(t, s, 0, func(n int) mishap {
						if n == at {
							return what
						}
						return ""
					})
				}
			}
		})
	}
}

// The same with several mishaps in one run, so that recoveries are hit too.
func TestNoSeriesOfMishapsMakesUsPayTwice(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			seeds := uint64(60)
			if testing.Short() {
				seeds = 15
			}
			for seed := range seeds {
				r, hits := rand.New(rand.NewPCG(seed, 2)), 0
				play(t, s, seed, func(int) mishap {
					if hits == 8 || r.IntN(12) > 0 {
						return ""
					}
					hits++
					return mishaps[r.IntN(len(mishaps))]
				})
			}
		})
	}
}
