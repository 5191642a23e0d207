package enrich_test

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// A killed worker's lost answer belongs to every row that asks the same.
func TestALostAnswerIsLostForAllRowsThatShareIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		var rows []domain.Row
		for n := range 20 {
			rows = append(rows, w.person(n))
		}
		twin := w.person(0)
		twin.Prospect.ID = id(20)
		rows = append(rows, twin)
		w.put(t, rows)
		struck := false
		w.plan = func(_ int, op string) mishap {
			if struck || op != "provider: person a0" {
				return ""
			}
			struck = true
			return killAfter
		}
		out := w.finish(t, w.database())
		w.check(t, rows, out)
		for _, n := range []int{0, 20} {
			if !strings.Contains(out[n].Missing["email"], "not asked again") {
				t.Errorf("row %d = %+v, want it to say that the answer was lost", n, out[n].Missing)
			}
		}
	})
}

func TestWhatWasBoughtOnceIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		rows := []domain.Row{w.person(0), w.person(1)}
		w.put(t, rows)
		w.check(t, rows, w.finish(t, w.database()))
		settled, asked := w.ledger.settled, maps.Clone(w.asked)
		if settled != 2*matchPrice {
			t.Errorf("two people cost %s, want %s", settled, 2*matchPrice)
		}
		out := w.finish(t, w.database())
		if diff := cmp.Diff(asked, w.asked); diff != "" || w.ledger.settled != settled || len(w.ledger.reservations) != 1 {
			t.Errorf("the second time cost %s more in %d reservations, calls:\n%s", w.ledger.settled-settled, len(w.ledger.reservations), diff)
		}
		want := []domain.Call{{Provider: "apollo", Op: "enrich_person", Field: domain.FieldEmail, Outcome: "found", Cached: true}}
		for _, row := range out {
			if diff := cmp.Diff(want, row.Calls); diff != "" || row.Prospect.Contact.Email == "" {
				t.Errorf("log of a cached answer (-want +got):\n%s", diff)
			}
		}
	})
}

// What was bought a moment ago is not bought again although reads may be behind.
func TestWhatWasBoughtAMomentAgoIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.behind = true
		w.put(t, []domain.Row{w.person(0), w.person(1)})
		w.finish(t, w.database())
		next := testRef
		next.Run, next.Chunk = "r2", "s0001-00000"
		w.objects[store.ChunkKey(next.Run, next.Chunk)] = w.objects[chunkDoc]
		if err := w.work(t.Context(), next, w.database()); err != nil {
			t.Fatal(err)
		}
		if w.charged != 2*matchPrice || w.ledger.settled != w.charged {
			t.Errorf("%s charged for two people, %s settled", w.charged, w.ledger.settled)
		}
	})
}

func TestAnUnclearAnswerIsPaidForAndNeverAskedAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.Unclear, fault.BadResponse} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				w.put(t, []domain.Row{w.person(0)})
				w.fail = func(string) error { return fault.New(kind, "test.match", "cannot be read") }
				for range 2 {
					out := w.finish(t, w.database())
					if got := out[0].Calls[0].Outcome; got != "unclear" || out[0].State != domain.InWork {
						t.Errorf("the row is %s with outcome %s, want in work and unclear", out[0].State, got)
					}
				}
				if w.asked["person a0"] != 1 || w.ledger.settled != matchPrice {
					t.Errorf("asked %d times and settled %s, want once and %s", w.asked["person a0"], w.ledger.settled, matchPrice)
				}
			})
		})
	}
}

func TestAQuestionOfManyRowsIsAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		var rows []domain.Row
		for n := range 12 {
			rows = append(rows, w.branch(n, "chain.example"))
		}
		w.put(t, rows)
		out := w.finish(t, w.database())
		w.check(t, rows, out)
		if diff := cmp.Diff(map[string]int{"people at chain.example": 1, "person boss of chain.example": 1}, w.asked); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for i, row := range out {
			if i == 0 && (row.State != domain.InWork || row.Prospect.Contact.Email == "") || i > 0 && row.State != domain.Duplicate {
				t.Errorf("row %d is %s (%s): want the first branch to have the person, the others to be duplicates", i, row.State, row.Reason)
			}
		}
	})
}

// Of chunks that ask the same at the same moment one asks and the others wait,
// or all ask where repeats are free. What is settled is what was charged, also
// if a worker is killed before it can settle.
func TestChunksThatAskTheSameAtOnceSettleWhatWasCharged(t *testing.T) {
	t.Parallel()
	for _, free := range []bool{true, false} {
		t.Run(fmt.Sprintf("repeats free %t", free), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(40) {
				synctest.Test(t, func(t *testing.T) { askAtOnce(t, free, seed) })
			}
		})
	}
}

// A provider that sells a record once charges it once, whatever questions lead to
// it, in this chunk and in others, and does not say when.
func TestARecordIsBoughtOnceByWhateverQuestion(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(seed)
			w.records = map[string]string{}
			rows := make([]domain.Row, 12)
			for n := range rows {
				rows[n] = w.person(n)
				w.records[fmt.Sprint("a", n)] = fmt.Sprint("record ", n%5)
			}
			other := testRef
			other.Chunk = "s0000-00001"
			w.put(t, rows[:8])
			first := w.objects[chunkDoc]
			w.put(t, rows[4:])
			w.objects[store.ChunkKey("r1", other.Chunk)] = w.objects[chunkDoc]
			w.objects[chunkDoc] = first
			var wg sync.WaitGroup
			for _, ref := range []domain.Ref{testRef, other} {
				wg.Go(func() {
					if err := w.work(t.Context(), ref, w.database()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if w.charged != 5*matchPrice || w.ledger.settled != w.charged {
				t.Errorf("seed %d: %s charged for five records, %s settled", seed, w.charged, w.ledger.settled)
			}
		})
	}
}

func askAtOnce(t *testing.T, free bool, seed uint64) {
	w := newWorld(seed)
	w.free, w.counts = free, free && seed%2 == 1
	rows := w.mailChunk(6)
	if !w.counts {
		clear(w.running) // after a kill, a check still being made counts as made
	}
	other, third := testRef, testRef
	other.Chunk, third.Chunk = "s0000-00001", "s0000-00002"
	w.put(t, rows)
	for _, ref := range []domain.Ref{other, third} {
		w.objects[store.ChunkKey("r1", ref.Chunk)] = w.objects[chunkDoc]
	}
	w.plan = func(_ int, op string) mishap {
		if op == "Settle" && w.rand.IntN(3) == 0 {
			return killBefore
		}
		return ""
	}
	finish := func(ref domain.Ref) {
		for w.work(t.Context(), ref, w.mailbox()) != nil {
			time.Sleep(time.Minute)
		}
	}
	var wg sync.WaitGroup
	for _, ref := range []domain.Ref{testRef, other, third} {
		wg.Go(func() { finish(ref) })
	}
	wg.Wait()
	for question, n := range w.charges {
		if n > 1 {
			t.Errorf("seed %d: %s was charged %d times", seed, question, n)
		}
	}
	if w.ledger.settled != w.charged {
		t.Errorf("seed %d: the provider charged %s, settled is %s", seed, w.charged, w.ledger.settled)
	}
}
