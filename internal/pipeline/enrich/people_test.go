package enrich_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/store"
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

// An attempt finds and claims somebody, and ends because another company cannot be
// asked about. The next one, a moment later, knows whom, whatever the provider says
// by then: else the claim would keep that person from everybody.
func TestWhoWasClaimedAMomentAgoIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.behind = true
		rows := []domain.Row{w.branch(0, "first.example"), w.branch(1, "second.example")}
		w.put(t, rows)
		w.fail = func(question string) error {
			if question == "people at second.example" {
				return fault.New(fault.Unavailable, "test.people", "busy")
			}
			return nil
		}
		if err := w.once(t.Context(), w.database()); !fault.Is(err, fault.Unavailable) || len(w.claims) != 1 {
			t.Fatalf("%v, with %d people claimed; want Unavailable, with one", err, len(w.claims))
		}
		w.hops, w.fail = 1, func(question string) error {
			if question == "people at first.example" {
				return fault.New(fault.BadResponse, "test.people", "cannot be read")
			}
			return nil
		}
		out := w.finish(t, w.database())
		w.check(t, rows, out)
		for i, row := range out {
			person := row.Prospect.Refs["apollo"]
			if claim := w.claims[domain.ProspectID(testRef.Team, "apollo", person)]; person == "" || claim.Chunk != testRef.Chunk {
				t.Errorf("row %d has %q, claimed for %+v", i, person, claim)
			}
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
