package enrich_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

// person is a row that the database provider can complete for money.
func (w *world) person(n int) domain.Row {
	ref := fmt.Sprint("a", n)
	w.know(ref)
	return domain.Row{State: domain.InWork, Prospect: domain.Prospect{
		ID: id(n), Source: "apollo", ProfileID: ref, Refs: map[string]string{"apollo": ref}, Person: domain.Person{FirstName: "Ann"},
	}}
}

// branch is a row of a company whose only person the database knows.
func (w *world) branch(n int, company string) domain.Row {
	boss := "boss of " + company
	w.people[company] = []domain.Prospect{{Source: "apollo", ProfileID: boss, Person: domain.Person{FirstName: "Cat"}}}
	w.know(boss)
	return domain.Row{State: domain.InWork, Prospect: domain.Prospect{
		ID: id(n), Source: "googleplaces", ProfileID: fmt.Sprint("g", n), Company: domain.Company{Domain: company},
	}}
}

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

// Where repeats are free, a lost answer is counted at its price until it comes,
// and not again when it comes, whichever worker asks.
func TestALostAnswerThatIsRepeatedFreeIsPaidForAtOnceAndOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.free = true
		w.ledger.room = findPrice + verifyPrice // not a question more
		rows := w.mailChunk(1)
		w.put(t, rows)
		left := []mishap{refused, lost, lost}
		w.plan = func(_ int, op string) (what mishap) {
			if strings.HasPrefix(op, "provider: ") && len(left) > 0 {
				what, left = left[0], left[1:]
			}
			return what
		}
		w.check(t, rows, w.finish(t, w.mailbox()))
		if len(left) > 0 || w.ledger.settled != w.charged || w.charged == 0 {
			t.Errorf("%s is settled and %s charged, want both the same; %d mishaps are left", w.ledger.settled, w.charged, len(left))
		}
	})
}

// The state machine appends to the list of providers that were given up: what is
// no list would become its first element.
func TestNobodyGivenUpIsAnEmptyList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.put(t, []domain.Row{w.person(0)})
		answer, err := w.stage(w.database()).Do(t.Context(), task.Job{Message: task.Message{Ref: testRef, Doc: chunkDoc, Provider: "apollo"}})
		if err != nil {
			t.Fatal(err)
		}
		if told, err := json.Marshal(answer); err != nil || !strings.Contains(string(told), `"skipped":[]`) {
			t.Errorf("the state machine is told %s (%v)", told, err)
		}
	})
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

// Of two chunks that ask the same at the same moment one waits for the other,
// or both ask where repeats are free. What is settled is what was charged, also
// if a worker is killed before it can settle.
func TestChunksThatAskTheSameAtOnceSettleWhatWasCharged(t *testing.T) {
	t.Parallel()
	for _, free := range []bool{true, false} {
		t.Run(fmt.Sprintf("repeats free %t", free), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(40) {
				synctest.Test(t, func(t *testing.T) { askTwice(t, free, seed) })
			}
		})
	}
}

func askTwice(t *testing.T, free bool, seed uint64) {
	w := newWorld(seed)
	w.free = free
	rows := w.mailChunk(6)
	clear(w.running) // after a kill, a check still being made counts as made
	other := testRef
	other.Chunk = "s0000-00001"
	w.put(t, rows)
	w.objects[store.ChunkKey("r1", other.Chunk)] = w.objects[chunkDoc]
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
	for _, ref := range []domain.Ref{testRef, other} {
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

// A provider that stays unavailable to the last attempt does not take with it
// what it answered before.
func TestWhatWasBoughtBeforeAnOutageCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		var rows []domain.Row
		for n := range 40 {
			rows = append(rows, w.person(n))
		}
		w.put(t, rows)
		w.fail = func(string) error {
			if len(w.asked) > 10 {
				return fault.New(fault.Unavailable, "test.match", "down")
			}
			return nil
		}
		if err := w.once(t.Context(), w.database()); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("an attempt that is not the last = %v, want Unavailable", err)
		}
		w.last = true
		out := w.finish(t, w.database())
		w.check(t, rows, out)
		found := 0
		for i, row := range out {
			switch {
			case row.Prospect.Contact.Email != "":
				found++
			case row.Missing["email"] != "apollo: Unavailable":
				t.Errorf("row %d says %q, want the reason", i, row.Missing["email"])
			}
		}
		if found != 10 || w.ledger.settled != 10*matchPrice {
			t.Errorf("%d found for %s, want the 10 from before the outage", found, w.ledger.settled)
		}
	})
}

func TestAUselessProviderIsSkippedAndTheRowsGoOn(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.QuotaExhausted, fault.Unauthenticated, fault.Forbidden} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				var rows []domain.Row
				for n := range 40 {
					rows = append(rows, w.person(n))
				}
				w.put(t, rows)
				w.fail = func(string) error {
					if len(w.asked) > 10 {
						return fault.New(kind, "test.match", "no more")
					}
					return nil
				}
				out := w.finish(t, w.database())
				w.check(t, rows, out)
				found := 0
				for i, row := range out {
					switch {
					case row.State != domain.InWork:
						t.Errorf("row %d is %s", i, row.State)
					case row.Prospect.Contact.Email != "":
						found++
					case row.Missing["email"] != "apollo: "+string(kind):
						t.Errorf("row %d says %q, want the reason", i, row.Missing["email"])
					}
				}
				if found != 10 || w.ledger.settled != 10*matchPrice {
					t.Errorf("%d found for %s, want the 10 from before it was used up", found, w.ledger.settled)
				}
				if len(w.asked) > 20 {
					t.Errorf("%d people were asked for after the provider had refused", len(w.asked)-10)
				}
			})
		})
	}
}

func TestAtTheCapOnlyWhatFitsIsAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		room money.Micro
		asks int
	}{
		{"nothing fits", matchPrice - 1, 0},
		{"one of two fits", 2*matchPrice - 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				w.put(t, []domain.Row{w.person(0), w.person(1)})
				w.ledger.room = c.room
				if err := w.once(t.Context(), w.database()); !fault.Is(err, fault.CapReached) {
					t.Errorf("enriching above the cap = %v, want CapReached", err)
				}
				if len(w.asked) != c.asks || len(w.ledger.reservations) != c.asks {
					t.Errorf("asked %v with %d reservations, want %d", w.asked, len(w.ledger.reservations), c.asks)
				}
			})
		})
	}
}

func TestOnlyWhatWasChargedIsKeptOfTheReservation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		known, unknown := w.person(0), w.person(1)
		delete(w.matches, "a1")
		rows := []domain.Row{known, unknown}
		w.put(t, rows)
		before := w.ledger.room
		out := w.finish(t, w.database())
		if r := w.ledger.reservations; len(r) != 1 || r[0].Max != 2*matchPrice || r[0].Actual != matchPrice || before-w.ledger.room != matchPrice {
			t.Errorf("reservations = %+v, room went down by %s", r, before-w.ledger.room)
		}
		if got := out[1].Missing["email"]; got != "apollo: no match" {
			t.Errorf("the unknown person's row says %q", got)
		}
	})
}

func TestAWorkerOutOfTimeLeavesTheRestToTheNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		row    func(w *world, n int) domain.Row
		repeat int // times that the question whose answer was out at the deadline may be asked
	}{
		{"while it pays", func(w *world, n int) domain.Row { return w.person(n) }, 1},
		{"while it asks for nothing", func(w *world, n int) domain.Row { return w.branch(n, fmt.Sprintf("firm%d.example", n)) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				var rows []domain.Row
				for n := range 60 {
					rows = append(rows, c.row(w, n))
				}
				w.put(t, rows)
				ctx, cancel := context.WithTimeout(t.Context(), 8*time.Millisecond)
				defer cancel()
				if err := w.once(ctx, w.database()); !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) <= 0 {
					t.Errorf("a worker whose time is over = %v, want RateLimited with a wait, which is no failure", err)
				}
				if n := len(w.asked); n == 0 || n >= len(rows) {
					t.Fatalf("%d of %d questions were asked; the test wants some", n, len(rows))
				}
				w.check(t, rows, w.finish(t, w.database()))
				for question, n := range w.asked {
					if n > c.repeat {
						t.Errorf("%s was asked %d times", question, n)
					}
				}
			})
		})
	}
}

func TestSomebodyWhoAskedToBeForgottenIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.free = true
		rows := w.mailChunk(3)[2:] // an address that nobody checked
		w.put(t, rows)
		w.fail = func(string) error { return fault.New(fault.Blocked, "test.verify", "claimed") }
		out := w.finish(t, w.mailbox())
		w.check(t, rows, out)
		if out[0].State != domain.Suppressed {
			t.Errorf("the row is %s, want suppressed", out[0].State)
		}
		if want := []string{rows[0].Prospect.Contact.Email}; !slices.Equal(slices.Collect(maps.Keys(w.banned)), want) {
			t.Errorf("banned %v, want %v", w.banned, want)
		}
	})
}

func TestAPersonWhoIsAnotherChunksIsNotBought(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		rows := []domain.Row{w.branch(0, "taken.example")}
		w.claims[domain.ProspectID(testRef.Team, "apollo", "boss of taken.example")] = takenClaim
		w.put(t, rows)
		out := w.finish(t, w.database())
		w.check(t, rows, out)
		if out[0].State != domain.Duplicate || w.charged != 0 {
			t.Errorf("the row is %s and cost %s, want a free duplicate", out[0].State, w.charged)
		}
	})
}

// listed is a world with a do-not-contact list.
type listed struct {
	*world
	list *store.Suppression
}

func (l listed) Suppression(context.Context, string) (*store.Suppression, error) { return l.list, nil }

func TestNothingIsPaidForWhoMustNotBeContacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		rows := []domain.Row{w.person(0), w.person(1), w.person(2)}
		rows[0].Prospect.Company.Domain = "never.example"
		rows[1].Prospect.Contact.Email = "no@more.example"
		w.put(t, rows)
		w.stock = listed{w, suppression(t, "never.example", "no@more.example")}
		out := w.finish(t, w.database())
		w.check(t, rows, out)
		var states []domain.State
		for _, row := range out {
			states = append(states, row.State)
		}
		if diff := cmp.Diff([]domain.State{domain.Suppressed, domain.Suppressed, domain.InWork}, states); diff != "" || len(w.asked) != 1 {
			t.Errorf("asked %v; states (-want +got):\n%s", w.asked, diff)
		}
	})
}

// suppression is a do-not-contact list as the store makes it.
func suppression(t *testing.T, values ...string) *store.Suppression {
	t.Helper()
	stack, err := localaws.New(t.Context(), localaws.Options{Dir: sluice.Deploy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg, err := stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(cfg, store.Options{Core: stack.Output("CoreTable"), KeyID: stack.Output("DataKey")})
	for _, v := range values {
		if err := s.Suppress(t.Context(), "acme", v); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Suppression(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A row that is suppressed after it was paid for is still paid for.
func TestSuppressingAPaidRowDoesNotHideItsPrice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		rows := []domain.Row{w.person(0), w.person(1)}
		rows[0].Prospect.Company.Domain = "never.example"
		w.put(t, rows)
		settling := false
		w.plan = func(_ int, op string) mishap {
			if settling || op != "Settle" {
				return ""
			}
			settling = true
			return killBefore
		}
		if err := w.once(t.Context(), w.database()); err == nil {
			t.Fatal("the worker should have died before it settled")
		}
		w.stock = listed{w, suppression(t, "never.example")}
		w.check(t, rows, w.finish(t, w.database()))
	})
}

// A killed worker's lost answer was charged, whether or not anybody gets to
// ask again.
func TestALostAnswerThatNobodyAsksForAgainIsPaidFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.free = true
		rows := w.mailChunk(1)
		w.put(t, rows)
		w.plan = func(_ int, op string) mishap {
			if strings.HasPrefix(op, "provider: ") {
				return killAfter
			}
			return ""
		}
		if err := w.once(t.Context(), w.mailbox()); err == nil {
			t.Fatal("the worker should have died")
		}
		w.plan = nil
		w.fail = func(string) error { return fault.New(fault.QuotaExhausted, "test.find", "no more") }
		w.check(t, rows, w.finish(t, w.mailbox()))
	})
}

// Rows whose answer is hours away do not keep a chunk from its end, however
// many they are.
func TestAChunkDoesNotWaitForSlowMailServers(t *testing.T) {
	t.Parallel()
	for _, free := range []bool{true, false} {
		t.Run(fmt.Sprintf("repeats free %t", free), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				w.free = free
				var rows []domain.Row
				for n := range 20 {
					email := fmt.Sprintf("ann%d@slow.example", n)
					w.stuck[email] = n < 12
					rows = append(rows, domain.Row{State: domain.InWork, Prospect: domain.Prospect{
						ID: id(n), Source: "apollo", Contact: domain.Contact{Email: email},
					}})
				}
				w.put(t, rows)
				out := w.finish(t, w.mailbox())
				w.check(t, rows, out)
				for n, row := range out {
					if checked := row.Prospect.Contact.EmailStatus == domain.EmailSafe; checked != (n >= 12) {
						t.Errorf("row %d: checked %t, missing %v", n, checked, row.Missing)
					}
				}
			})
		})
	}
}
