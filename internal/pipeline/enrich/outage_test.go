package enrich_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

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

// A message whose sender was not told that it was taken may come when its chunk has
// gone on without the provider: nothing is bought or claimed that no row would have.
func TestNothingIsBoughtForAChunkThatWentOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.put(t, []domain.Row{w.person(0)})
		_, err := w.stage(w.database()).Do(t.Context(), task.Job{
			Message: task.Message{Ref: testRef, Doc: chunkDoc, Provider: "apollo"}, Done: map[string]json.RawMessage{store.StepScored: json.RawMessage("{}")},
		})
		if !fault.Is(err, fault.InvalidInput) || len(w.asked) > 0 || w.ledger.settled > 0 {
			t.Errorf("%v, %d questions for %s; want a refusal and none", err, len(w.asked), w.ledger.settled)
		}
	})
}
