package lusha_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	simulator "github.com/messageai/sluice/internal/sandbox/lusha"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// In each of the readings that the documents leave open, what is booked is what
// is charged, the right person is blocked, and nobody is asked for too fast.
func TestBookedIsChargedInEveryReading(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]simulator.Options{
		"search per result":     {},
		"search per 25 results": {SearchPer: 25},
		"minimum, 451":          {SearchPer: 25, Minimum: true, Blunt: true, Price: 98_765},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := start(t, o, upstream.Faults{})
				people := w.people(600)
				began := time.Now()
				emails := w.all(t, w.client.EnrichPeople, people, 7)
				phones := w.all(t, w.client.FindPhones, people, 100)
				firms := w.all(t, w.client.EnrichCompanies, w.companies(200), 3)
				if took := time.Since(began); took < 5*time.Second {
					t.Errorf("all was done in %v: the quota was not what held it back", took)
				}
				if bill := w.front.Bill(); w.spent != bill.Total || bill.Total == 0 || bill.Repeated > 0 {
					t.Errorf("booked %v, charged %v, of this %d twice", w.spent, bill.Total, bill.Repeated)
				}
				if n := w.front.Requests()[429]; n > 0 {
					t.Errorf("%d of %v answers say that we are too fast", n, w.front.Requests())
				}
				w.checkPeople(t, people, emails, phones)
				w.checkCompanies(t, firms)
			})
		})
	}
}

func (w *world) checkPeople(t *testing.T, people []domain.Prospect, emails, phones []provider.Answer) {
	t.Helper()
	found, mailed, called, blocked := 0, 0, 0, 0
	for i, a := range emails {
		truth := w.market.Person(w.index[i])
		if fault.Is(a.Err, fault.Blocked) != fault.Is(phones[i].Err, fault.Blocked) || a.Found != phones[i].Found || a.Prospect.ProfileID != phones[i].Prospect.ProfileID {
			t.Fatalf("person %d: %+v for e-mail, %+v for telephone", i, a.Err, phones[i].Err)
		}
		if fault.Is(a.Err, fault.Blocked) {
			blocked++
			if !truth.OptOut {
				t.Errorf("person %d is blocked, but did not opt out", i)
			}
			continue
		}
		if a.Err != nil || a.Found && truth.OptOut {
			t.Errorf("person %d (opted out: %v): found %v, %v", i, truth.OptOut, a.Found, a.Err)
		}
		if !a.Found {
			continue
		}
		found++
		if got := a.Prospect.Person; !market.SameName(got.LastName, people[i].Person.LastName) || got.Title == "" || got.Seniority == "" {
			t.Errorf("person %d: %+v", i, got)
		}
		if got := a.Prospect.Company.Domain; got != people[i].Company.Domain {
			t.Errorf("person %d: employer %q", i, got)
		}
		if a.Prospect.Contact.Email != "" {
			mailed++
			if at := normalize.EmailDomain(a.Prospect.Contact.Email); at == "freemail.example" {
				t.Errorf("person %d: a private address", i)
			}
		}
		if phones[i].Prospect.Contact.Phone != "" {
			called++
		}
	}
	if found < 300 || mailed < 100 || called < 60 || blocked == 0 {
		t.Errorf("of %d people %d found, %d with address, %d with number, %d blocked", len(emails), found, mailed, called, blocked)
	}
}

func (w *world) checkCompanies(t *testing.T, firms []provider.Answer) {
	t.Helper()
	found, tech := 0, 0
	for c, a := range firms {
		if a.Err != nil {
			t.Fatal(a.Err)
		}
		if !a.Found {
			continue
		}
		found++
		got := a.Prospect.Company
		if truth := w.market.Company(c); got.Domain != truth.Domain || got.Employees == 0 || got.Industry == "" || got.Country != w.market.Country(truth.Country).Name || got.FundingStage != truth.FundingStage {
			t.Errorf("company %d: %+v", c, got)
		}
		if len(got.Technologies) > 0 {
			tech++
		}
	}
	if found < 100 || tech < 50 {
		t.Errorf("of %d companies %d found, %d with technologies", len(firms), found, tech)
	}
}

// A second question for the same data costs the search alone.
func TestRevealedDataIsNotChargedAgainButTheSearchIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, simulator.Options{Steady: true}, upstream.Faults{})
		people := w.people(100)
		w.all(t, w.client.FindPhones, people, 100)
		first := w.spent
		answers := w.all(t, w.client.FindPhones, people, 100)
		searches := money.Micro(0)
		for _, a := range answers {
			if a.Found {
				searches += simulator.CreditPrice
			}
		}
		if again := w.spent - first; again != searches || w.spent != w.front.Bill().Total || first <= searches {
			t.Errorf("first %v, then %v, want %v; charged %v in all", first, again, searches, w.front.Bill().Total)
		}
	})
}

// By its own id, by address and by name Lusha means the same person.
func TestEveryIdentityFindsThePerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, simulator.Options{Steady: true}, upstream.Faults{})
		people := w.people(100)
		answers := w.all(t, w.client.EnrichPeople, people, 100)
		tried := 0
		for i, a := range answers {
			email := w.market.Email(w.index[i])
			if !a.Found || email == "" || tried == 20 {
				continue
			}
			tried++
			byCompany := people[i]
			byCompany.Company.Domain = ""
			got := w.all(t, w.client.EnrichPeople, []domain.Prospect{
				{Refs: map[string]string{"lusha": a.Prospect.ProfileID}},
				{Contact: domain.Contact{Email: email}},
				{Person: domain.Person{ProfileURL: "https://www.linkedin.com/in/somebody-" + a.Prospect.ProfileID}},
				byCompany,
			}, 4)
			for j, g := range got {
				if g.Prospect.ProfileID != a.Prospect.ProfileID {
					t.Errorf("person %d by identity %d: %q, want %q (%v)", i, j, g.Prospect.ProfileID, a.Prospect.ProfileID, g.Err)
				}
			}
		}
		if tried == 0 {
			t.Error("nobody was found")
		}
	})
}

func TestAccountTellsWhatWasSpent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, simulator.Options{Credits: 500}, upstream.Faults{})
		w.all(t, w.client.EnrichPeople, w.people(50), 10)
		used := float64(w.front.Bill().Total / simulator.CreditPrice)
		began := time.Now()
		var got provider.Account
		for range 12 {
			var err error
			for got, err = w.client.ReadAccount(t.Context()); fault.Is(err, fault.RateLimited); got, err = w.client.ReadAccount(t.Context()) {
				time.Sleep(fault.RetryAfter(err)) // our own limiter: the wait is long
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 2*time.Minute || w.front.Requests()[429] > 0 {
			t.Errorf("twelve calls at five a minute took %v, %d too fast", took, w.front.Requests()[429])
		}
		got.Usage.Took = 0
		calls := w.front.Usage("api")[3]
		want := provider.Account{Plan: "scale", Usage: provider.Usage{Op: provider.OpReadAccount}, Balances: []provider.Balance{
			{Name: "credits", Limit: 500, Used: used, Left: 500 - used},
			{Name: "daily", Limit: 5000, Used: float64(calls.Used), Left: float64(calls.Left()), ResetsAt: time.Now().UTC().Add(calls.ResetIn).Truncate(time.Millisecond)},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("account (-want +got):\n%s", diff)
		}
		if used == 0 {
			t.Error("nothing was spent")
		}
	})
}

// With the credits used up a call says so and is not charged.
func TestUsedUpCreditsAre402(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, simulator.Options{Credits: 40}, upstream.Faults{})
		w.all(t, w.client.FindPhones, w.people(100), 10)
		if w.kinds[fault.QuotaExhausted] == 0 || w.spent != w.front.Bill().Total || w.spent > 40*simulator.CreditPrice {
			t.Errorf("booked %v, charged %v of 40 credits; %v", w.spent, w.front.Bill().Total, w.kinds)
		}
	})
}

// Under every fault of the dial nothing is charged twice, and every error is of
// a kind that the pipeline knows how to treat.
func TestFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, simulator.Options{}, upstream.Faults{
			Throttle: 0.06, Error: 0.06, Slow: 0.04, Truncate: 0.04, WrongType: 0.04, Lost: 0.06, SlowBy: 30 * time.Second,
		})
		people := w.people(600)
		w.all(t, w.client.EnrichPeople, people, 5)
		w.all(t, w.client.FindPhones, people, 5)
		w.all(t, w.client.EnrichCompanies, w.companies(200), 5)
		known := []fault.Kind{"", fault.RateLimited, fault.Unavailable, fault.Unclear, fault.BadResponse, fault.Blocked}
		for kind := range w.kinds {
			if !slices.Contains(known, kind) {
				t.Errorf("unexpected %s among %v", kind, w.kinds)
			}
		}
		for _, kind := range known {
			if w.kinds[kind] == 0 {
				t.Errorf("no %q among %v: the faults did not show", kind, w.kinds)
			}
		}
		if bill := w.front.Bill(); bill.Repeated > 0 || w.spent > bill.Total {
			t.Errorf("charged %d twice, %v wasted; booked %v of %v", bill.Repeated, bill.Wasted, w.spent, bill.Total)
		}
	})
}

func TestOutageChargesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, simulator.Options{}, upstream.Faults{Outage: true})
		if _, err := w.client.EnrichPeople(t.Context(), w.people(3)); !fault.Is(err, fault.Unavailable) || w.front.Bill().Total != 0 {
			t.Errorf("outage: %v, charged %v; want Unavailable and nothing", err, w.front.Bill().Total)
		}
	})
}
