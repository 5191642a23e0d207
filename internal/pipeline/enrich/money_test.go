package enrich_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

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

// A provider that counts a question when it queues it is paid then: the money is
// not free for others until the answer comes, and is not taken again when it does
// or when nobody asks any more.
func TestAQueuedQuestionIsPaidForWhenItIsCounted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		after func(w *world) // the first attempt
	}{
		{"and answered", func(*world) {}},
		{"and never answered", func(w *world) {
			w.fail = func(string) error { return fault.New(fault.QuotaExhausted, "test.verify", "no more") }
		}},
		{"and the worker was killed", func(w *world) {
			w.plan = func(_ int, op string) mishap {
				if !strings.HasPrefix(op, "provider: ") {
					return ""
				}
				w.plan = nil
				return killBefore
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				w.free, w.counts = true, true
				var rows []domain.Row
				for n := range 20 {
					email := fmt.Sprintf("ann%d@firm.example", n)
					w.running[email] = 2 * (n % 2)
					rows = append(rows, domain.Row{State: domain.InWork, Prospect: domain.Prospect{ID: id(n), Source: "apollo", Contact: domain.Contact{Email: email}}})
				}
				w.ledger.room = 20 * verifyPrice
				w.put(t, rows)
				if err := w.once(t.Context(), w.mailbox()); !fault.Is(err, fault.RateLimited) {
					t.Fatalf("with answers in the queue = %v, want RateLimited", err)
				}
				if w.covered(t); w.charged != 20*verifyPrice {
					t.Fatalf("%s is charged, want %s", w.charged, 20*verifyPrice)
				}
				c.after(w)
				w.check(t, rows, w.finish(t, w.mailbox()))
				if w.ledger.settled != w.charged {
					t.Errorf("%s is settled, %s is charged", w.ledger.settled, w.charged)
				}
			})
		})
	}
}
