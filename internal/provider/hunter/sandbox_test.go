package hunter_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	simulator "github.com/messageai/sluice/internal/sandbox/hunter"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// everything searches domains, looks for the addresses of people who work there
// and verifies what it finds, each question once. check sees every error.
func (p *practice) everything(companies int, check func(error) error) (people, found, verified int) {
	ctx := p.t.Context()
	var mu sync.Mutex
	asked := map[string]bool{}
	count := func(n *int, by int) {
		mu.Lock()
		defer mu.Unlock()
		*n += by
	}
	first := func(question string) bool {
		mu.Lock()
		defer mu.Unlock()
		before := asked[question]
		asked[question] = true
		return !before
	}
	verify := func(email string) error {
		if !first(email) {
			return nil
		}
		return check(p.ask(func() (money.Micro, error) {
			verdicts, err := p.client.VerifyEmails(ctx, []string{email})
			if err != nil {
				return 0, err
			}
			count(&verified, 1)
			return verdicts[0].Usage.Cost, nil
		}))
	}
	var g errgroup.Group
	g.SetLimit(12)
	for c := range companies {
		g.Go(func() error {
			var at []domain.Prospect
			err := check(p.ask(func() (usage money.Micro, err error) {
				var u provider.Usage
				at, u, err = p.client.FindPeople(ctx, p.market.Domain(c), provider.Query{})
				return u.Cost, err
			}))
			count(&people, len(at))
			for _, one := range at {
				if one.Contact.EmailStatus == domain.EmailUnchecked && err == nil {
					err = verify(one.Contact.Email)
				}
			}
			for _, i := range p.market.Staff(c) {
				truth := p.market.Person(i)
				if err != nil || truth.Company != c || !first(market.Fold(truth.First)+" "+market.Fold(truth.Last)+" at "+p.market.Domain(c)) {
					continue
				}
				err = check(p.ask(func() (money.Micro, error) {
					answer, err := p.client.FindEmail(ctx, provider.EmailQuery{FirstName: truth.First, LastName: truth.Last, Domain: p.market.Domain(c)})
					if answer.Found {
						count(&found, 1)
					}
					return answer.Usage.Cost, err
				}))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		p.t.Fatal(err)
	}
	return people, found, verified
}

// At the declared rates nobody ever says that we are too fast, what was booked
// is what was charged, and the account says the same.
func TestPracticeAddsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(t, 5, upstream.Faults{})
		people, found, verified := p.everything(120, func(err error) error {
			if fault.Is(err, fault.Blocked) {
				return nil
			}
			return err
		})
		if people < 100 || found < 200 || verified < 20 {
			t.Errorf("%d people, %d addresses found, %d verified", people, found, verified)
		}
		bill := p.front.Bill()
		if p.spent != bill.Total || bill.Repeated > 0 {
			t.Errorf("booked %v, charged %+v", p.spent, bill)
		}
		if n := p.front.Requests(); n[403] > 0 || n[400] > 0 {
			t.Errorf("answers by status: %v", n)
		}
		account, err := p.client.ReadAccount(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range account.Balances {
			if b.Name == "credits" && money.Micro(b.Used*float64(simulator.CreditPrice)) != bill.Total {
				t.Errorf("%+v, but charged %v", b, bill.Total)
			}
		}
		if len(account.Balances) != 3 || account.Plan != "Starter" || account.Balances[0].ResetsAt.Before(time.Now()) {
			t.Errorf("account %+v", account)
		}
	})
}

// To the micro-dollar: what one call books is what it is charged.
func TestEachDomainSearchIsBookedAsCharged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(t, 7, upstream.Faults{})
		for c := range 150 {
			before := p.front.Bill().Total
			_, usage, err := p.client.FindPeople(t.Context(), p.market.Domain(c), provider.Query{Titles: []string{"CTO"}, PageSize: 1 + c%10})
			if err != nil {
				t.Fatal(err)
			}
			if charged := p.front.Bill().Total - before; charged != usage.Cost {
				t.Errorf("search %d: booked %v, charged %v", c, usage.Cost, charged)
			}
		}
	})
}

// Under every fault of the dial nothing is charged twice, and every error is of
// a kind that the pipeline treats.
func TestPracticeFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults := upstream.Faults{Throttle: 0.03, Error: 0.04, Slow: 0.02, Truncate: 0.02, WrongType: 0.02, Lost: 0.03, SlowBy: 30 * time.Second}
		p := play(t, 6, faults)
		p.everything(150, func(err error) error {
			if _, ours := errors.AsType[*fault.Error](err); err == nil || ours && fault.Is(err, fault.Unavailable, fault.BadResponse, fault.Blocked) {
				return nil
			}
			return err
		})
		for _, kind := range []fault.Kind{fault.RateLimited, fault.BadResponse, fault.Unavailable, fault.Blocked} {
			if p.kinds[kind] == 0 {
				t.Errorf("no %s among %v: the faults did not show", kind, p.kinds)
			}
		}
		if bill := p.front.Bill(); bill.Repeated > 0 || p.spent > bill.Total || p.spent == 0 {
			t.Errorf("booked %v, charged %+v", p.spent, bill)
		}
	})
}
