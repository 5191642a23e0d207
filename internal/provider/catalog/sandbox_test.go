package catalog_test

import (
	"context"
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
	"github.com/messageai/sluice/internal/provider/apollo"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/provider/googleplaces"
	"github.com/messageai/sluice/internal/provider/hunter"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/sandbox"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// slots is a limiter store in memory.
type slots struct {
	mu   sync.Mutex
	next map[string]time.Time
}

func (s *slots) Advance(_ context.Context, key string, floor, horizon time.Time, inc time.Duration) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, start, ok := ratelimit.Advance(s.next[key], floor, horizon, inc)
	s.next[key] = stored
	return start, ok, nil
}

func (s *slots) Push(_ context.Context, key string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(s.next[key]) {
		s.next[key] = until
	}
	return nil
}

// adapters are the three discovery and enrichment adapters over a sandbox.
type adapters struct {
	apollo *apollo.Client
	places *googleplaces.Client
	hunter *hunter.Client

	mu    sync.Mutex
	spent map[string]money.Micro
	kinds map[fault.Kind]int
	asked map[string]bool // questions to Hunter, which does not charge for a repeated one
}

// first reports whether a question was not asked before.
func (a *adapters) first(question string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.asked[question]
	a.asked[question] = true
	return !before
}

func connect(t *testing.T, s *sandbox.Sandbox) *adapters {
	t.Helper()
	limiter := ratelimit.New(&slots{next: map[string]time.Time{}}, ratelimit.Options{})
	a := &adapters{spent: map[string]money.Micro{}, kinds: map[fault.Kind]int{}, asked: map[string]bool{}}
	for _, e := range catalog.All() {
		d := e.Definition
		var groups []transport.Group
		for _, q := range d.Quotas {
			groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
		}
		client, err := transport.New(transport.Options{
			Name: d.Name, BaseURL: d.BaseURL, Hosts: d.Hosts, Auth: d.Auth, SecretFields: d.SecretFields, Classify: e.Classify, Groups: groups,
			Secret: func(context.Context, bool) (transport.Secret, error) {
				secret := map[string]string{}
				for _, field := range d.SecretFields {
					secret[field] = s.Key(d.Name)
				}
				return transport.Secret{Fields: secret}, nil
			},
			RoundTripper: s.RoundTripper(), Limiter: limiter,
		})
		if err != nil {
			t.Fatal(err)
		}
		deps := provider.Deps{Transport: client, Now: time.Now, Settings: provider.Settings{}}
		switch d.Name {
		case "apollo":
			deps.Settings["credit_microusd"] = "19600" // what the sandbox charges
			a.apollo, err = apollo.New(deps)
		case "googleplaces":
			a.places, err = googleplaces.New(deps)
		case "hunter":
			a.hunter, err = hunter.New(deps)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// ask makes one call, as often as it is told to come back, and books its price.
func (a *adapters) ask(ctx context.Context, name string, call func() (provider.Usage, error)) error {
	for {
		usage, err := call()
		a.mu.Lock()
		a.spent[name] += usage.Cost
		a.kinds[fault.KindOf(err)]++
		a.mu.Unlock()
		if wait := fault.RetryAfter(err); wait > 0 && fault.Is(err, fault.RateLimited, fault.Unavailable) {
			select {
			case <-time.After(wait):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return err
	}
}

// campaign discovers people and firms and asks everything about them, with 20
// callers at once; tolerate says which errors are part of the game.
func (a *adapters) campaign(t *testing.T, people int, tolerate func(error) bool) {
	t.Helper()
	ctx := t.Context()
	check := func(err error) error {
		if err != nil && !tolerate(err) {
			return err
		}
		return nil
	}
	cursor := ""
	for range 3 {
		err := a.ask(ctx, "googleplaces", func() (provider.Usage, error) {
			page, err := a.places.Discover(ctx, provider.Query{Keywords: []string{"Software in United States"}}, cursor)
			cursor = page.Next
			return page.Usage, err
		})
		if check(err) != nil {
			t.Fatal(err)
		}
	}
	q := provider.Query{Titles: []string{"CTO", "VP Engineering", "Director of Engineering"}, Locations: []string{"United States"}, Sizes: []string{"51-200", "201-500", "501-1000"}}
	var found []domain.Prospect
	for cursor = ""; len(found) < people; {
		page := provider.Page{}
		err := a.ask(ctx, "apollo", func() (usage provider.Usage, err error) {
			page, err = a.apollo.Discover(ctx, q, cursor)
			return page.Usage, err
		})
		if check(err) != nil {
			t.Fatal(err)
		}
		if err == nil && page.Next == "" {
			break
		}
		found = append(found, page.Prospects...)
		if page.Next != "" {
			cursor = page.Next
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(20)
	for _, p := range found[:min(people, len(found))] {
		g.Go(func() error { return a.person(ctx, p, check) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (a *adapters) person(ctx context.Context, p domain.Prospect, check func(error) error) error {
	err := check(a.ask(ctx, "apollo", func() (provider.Usage, error) {
		answers, err := a.apollo.EnrichPeople(ctx, []domain.Prospect{p})
		if err != nil {
			return provider.Usage{}, err
		}
		answer := answers[0]
		if answer.Found {
			p = answer.Prospect
		}
		return answer.Usage, err
	}))
	if err != nil || p.Person.LastName == "" || p.Company.Domain == "" {
		return err
	}
	if !a.first("find " + p.Person.Name() + " at " + p.Company.Domain) {
		return nil
	}
	email := ""
	err = check(a.ask(ctx, "hunter", func() (provider.Usage, error) {
		answer, err := a.hunter.FindEmail(ctx, provider.EmailQuery{FirstName: p.Person.FirstName, LastName: p.Person.LastName, Domain: p.Company.Domain})
		email = answer.Email
		return answer.Usage, err
	}))
	if err != nil || email == "" || !a.first("verify "+email) {
		return err
	}
	return check(a.ask(ctx, "hunter", func() (provider.Usage, error) {
		verdicts, err := a.hunter.VerifyEmails(ctx, []string{email})
		if err != nil {
			return provider.Usage{}, err
		}
		return verdicts[0].Usage, nil
	}))
}

// The declared quotas fit the providers' windows: at full speed nobody ever says
// that we are too fast, and what was booked is what was charged.
func TestDeclaredQuotasAndPricesHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.New(sandbox.Options{Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		a := connect(t, s)
		a.campaign(t, 1200, func(err error) bool { return fault.Is(err, fault.Blocked) })
		for name, tooFast := range map[string]int{"apollo": 429, "googleplaces": 429, "hunter": 403} {
			requests := s.Requests()[name]
			if n := requests[tooFast]; n > 0 {
				t.Errorf("%s answered %d of %d times that we are too fast", name, n, requests[200]+n)
			}
			// Hunter knows a repeated question under another spelling of the name, so
			// there it may be a little less; never more.
			booked, charged := a.spent[name], s.Bills()[name].Total
			if booked < charged || charged == 0 || booked > charged && (name != "hunter" || booked > charged+charged/100) {
				t.Errorf("%s: booked %v, charged %v", name, booked, charged)
			}
		}
	})
}

// Under every fault of the dial nothing is charged twice, and every error is of
// a kind that the pipeline knows how to treat.
func TestFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults := upstream.Faults{Throttle: 0.03, Error: 0.03, Slow: 0.02, Truncate: 0.02, WrongType: 0.02, Lost: 0.03, SlowBy: 30 * time.Second}
		s, err := sandbox.New(sandbox.Options{Seed: 6, Faults: map[string]upstream.Faults{"apollo": faults, "hunter": faults, "googleplaces": faults}})
		if err != nil {
			t.Fatal(err)
		}
		a := connect(t, s)
		a.campaign(t, 600, func(err error) bool {
			_, ours := errors.AsType[*fault.Error](err)
			return ours && fault.Is(err, fault.Unavailable, fault.Unclear, fault.BadResponse, fault.Blocked)
		})
		for _, kind := range []fault.Kind{fault.RateLimited, fault.Unclear, fault.BadResponse, fault.Unavailable} {
			if a.kinds[kind] == 0 {
				t.Errorf("no %s among %v: the faults did not show", kind, a.kinds)
			}
		}
		for name, bill := range s.Bills() {
			if bill.Repeated > 0 {
				t.Errorf("%s charged %d calls twice, %v wasted", name, bill.Repeated, bill.Wasted)
			}
			if a.spent[name] > bill.Total {
				t.Errorf("%s: booked %v, charged only %v", name, a.spent[name], bill.Total)
			}
		}
	})
}
