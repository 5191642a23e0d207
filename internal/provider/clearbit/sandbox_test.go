package clearbit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/clearbit"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	simulated "github.com/messageai/sluice/internal/sandbox/clearbit"
	"github.com/messageai/sluice/internal/sandbox/market"
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

// hosts reaches the simulator by its host names and nothing else.
type hosts struct{ front *upstream.Server }

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(simulated.Hosts(), r.URL.Host) {
		return nil, fmt.Errorf("no host %s", r.URL.Host)
	}
	return h.front.RoundTrip(r)
}

// world is the adapter over its simulator, and what was booked. The price of a
// lookup is booked once, however often it is asked for: repeats are free.
type world struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
	client *clearbit.Client

	mu     sync.Mutex
	booked map[string]money.Micro
	kinds  map[fault.Kind]int
	found  int
}

func newWorld(t *testing.T, settings provider.Settings, faults upstream.Faults, o simulated.Options) *world {
	t.Helper()
	m, err := market.New(market.Options{Seed: 11, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("clearbit", upstream.Config{Seed: 7, Quotas: simulated.Quotas(), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(simulated.New(m, front, "right", o))
	d := clearbit.Definition()
	var groups []transport.Group
	for _, q := range d.Quotas {
		groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
	}
	client, err := transport.New(transport.Options{
		Name: d.Name, BaseURL: d.BaseURL, Hosts: d.Hosts, Auth: d.Auth, SecretFields: d.SecretFields, Classify: clearbit.Classify, Groups: groups,
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": "right"}}, nil
		},
		RoundTripper: hosts{front}, Limiter: ratelimit.New(&slots{next: map[string]time.Time{}}, ratelimit.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, market: m, front: front, booked: map[string]money.Micro{}, kinds: map[fault.Kind]int{}}
	if w.client, err = clearbit.New(provider.Deps{Transport: client, Now: time.Now, Settings: settings}); err != nil {
		t.Fatal(err)
	}
	return w
}

// ask puts one question, as often as it is told to come back later, at most
// tries times, and books its price.
func (w *world) ask(ctx context.Context, question string, tries int, call func() (bool, provider.Usage, error)) error {
	for {
		found, usage, err := call()
		w.mu.Lock()
		w.booked[question] = max(w.booked[question], usage.Cost)
		w.kinds[fault.KindOf(err)]++
		if found {
			w.found++
		}
		w.mu.Unlock()
		wait := fault.RetryAfter(err)
		if tries--; wait == 0 || tries == 0 {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// enrich asks for a person, the firm, and who else works there.
func (w *world) enrich(ctx context.Context, person, tries int) error {
	one := func(answers []provider.Answer, err error) (bool, provider.Usage, error) {
		a := slices.Concat(answers, []provider.Answer{{}})[0]
		return a.Found, a.Usage, errors.Join(err, a.Err)
	}
	firm := w.market.Domain(w.market.Person(person).Company)
	var errs []error
	if email := w.market.Email(person); email != "" {
		errs = append(errs, w.ask(ctx, "person "+email, tries, func() (bool, provider.Usage, error) {
			return one(w.client.EnrichPeople(ctx, []domain.Prospect{{Contact: domain.Contact{Email: email}}}))
		}))
	}
	errs = append(errs, w.ask(ctx, "firm "+firm, tries, func() (bool, provider.Usage, error) {
		return one(w.client.EnrichCompanies(ctx, []domain.Prospect{{Company: domain.Company{Domain: firm}}}))
	}))
	errs = append(errs, w.ask(ctx, "people "+firm, tries, func() (bool, provider.Usage, error) {
		people, usage, err := w.client.FindPeople(ctx, firm, provider.Query{Titles: []string{"CTO"}})
		return len(people) > 0, usage, err
	}))
	return errors.Join(errs...)
}

// campaign enriches people with 32 callers at once; tolerate says which errors
// are part of the game.
func (w *world) campaign(people, tries int, tolerate func(error) bool) {
	w.t.Helper()
	g, ctx := errgroup.WithContext(w.t.Context())
	g.SetLimit(32)
	for p := range people {
		g.Go(func() error {
			if err := w.enrich(ctx, p, tries); err != nil && !tolerate(err) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) spent() money.Micro {
	var sum money.Micro
	for _, cost := range w.booked {
		sum += cost
	}
	return sum
}

// What the adapter books is what the provider charges, to the micro-dollar:
// hits, misses, lookups that were queued, and those that never came.
func TestBookedIsCharged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pending string
		tries   int
	}{
		"patient":         {"wait", 20},
		"three tries":     {"wait", 3},
		"stored will do":  {"stored", 3},
		"one try, stored": {"stored", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, provider.Settings{"credit_microusd": "33333", "pending": test.pending}, upstream.Faults{}, simulated.Options{Price: 33_333})
				w.campaign(400, test.tries, func(err error) bool { return fault.Is(err, fault.Unavailable) && test.tries < 20 })
				bill := w.front.Bill()
				if booked := w.spent(); booked != bill.Total || bill.Total == 0 || bill.Repeated > 0 {
					t.Errorf("booked %v, charged %v, %d of it twice", booked, bill.Total, bill.Repeated)
				}
				if w.kinds[fault.Unavailable] == 0 || w.found < 400 {
					t.Errorf("found %d, ended as %v; want some queued and most found", w.found, w.kinds)
				}
			})
		})
	}
}

// The stored records of queued lookups cost nothing and are had at once.
func TestStoredRecordsAreHadAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		found := map[string]int{}
		for _, pending := range []string{"wait", "stored"} {
			w := newWorld(t, provider.Settings{"pending": pending}, upstream.Faults{}, simulated.Options{})
			w.campaign(300, 1, func(err error) bool { return fault.Is(err, fault.Unavailable) })
			found[pending] = w.found
		}
		if found["stored"] < found["wait"]+100 {
			t.Errorf("found at the first try: %v; want many more with the stored ones", found)
		}
	})
}

// At full speed nobody ever says that we are too fast, and the limit is used.
func TestDeclaredRateIsFullAndNeverTooFast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, upstream.Faults{}, simulated.Options{Prompt: true})
		began := time.Now()
		w.campaign(3000, 1, func(error) bool { return false })
		requests := w.front.Requests()
		sent, took := 0, time.Since(began)
		for _, n := range requests {
			sent += n
		}
		if requests[429] > 0 || requests[0] > 0 {
			t.Errorf("answers %v: want none too fast", requests)
		}
		// Two of the three products are asked 3000 times.
		if rate := 3000 / took.Minutes(); rate < 570 || rate > 600 {
			t.Errorf("%.0f a minute and product (%d answers in %v), want 95 %% of 600 or more", rate, sent, took)
		}
	})
}

// Under every fault of the dial nothing is charged twice, and every error is of
// a kind that the pipeline knows how to treat.
func TestFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults := upstream.Faults{Throttle: 0.03, Error: 0.03, Slow: 0.02, Truncate: 0.02, WrongType: 0.02, Lost: 0.03, SlowBy: 30 * time.Second}
		w := newWorld(t, nil, faults, simulated.Options{})
		w.campaign(500, 20, func(err error) bool { return fault.Is(err, fault.Unavailable, fault.BadResponse) })
		for _, kind := range []fault.Kind{fault.RateLimited, fault.BadResponse, fault.Unavailable, ""} {
			if w.kinds[kind] == 0 {
				t.Errorf("no %q among %v: the faults did not show", kind, w.kinds)
			}
		}
		if len(w.kinds) != 4 {
			t.Errorf("kinds %v: want four", w.kinds)
		}
		bill := w.front.Bill()
		if bill.Repeated > 0 {
			t.Errorf("charged %d lookups twice, %v wasted", bill.Repeated, bill.Wasted)
		}
		// An answer that cannot be read, or was lost twice, has no usage.
		if booked := w.spent(); booked > bill.Total || booked < bill.Total*9/10 {
			t.Errorf("booked %v, charged %v", booked, bill.Total)
		}
	})
}

func TestOutageUsedUpPlanAndGoodKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, upstream.Faults{}, simulated.Options{Credits: 3, Prompt: true})
		account, err := w.client.ReadAccount(t.Context())
		if err != nil || len(account.Balances) != 1 || account.Balances[0].Used != 1 || account.Balances[0].Limit != 600 {
			t.Errorf("account %+v, %v; want 599 of 600 left", account, err)
		}
		ctx := t.Context()
		ask := func(name string) error {
			_, err := w.client.EnrichCompanies(ctx, []domain.Prospect{{Company: domain.Company{Domain: name}}})
			return err
		}
		for _, name := range []string{"a.example", "b.example", "c.example"} {
			if err := ask(name); err != nil {
				t.Errorf("%s: %v, want a miss", name, err)
			}
		}
		if err := ask("d.example"); !fault.Is(err, fault.QuotaExhausted) {
			t.Errorf("fourth lookup of three: %v, want QuotaExhausted", err)
		}
		if err := ask("a.example"); err != nil {
			t.Errorf("a repeated lookup: %v, want an answer", err)
		}
		w.front.Dial().SetOutage(true)
		if err := ask("a.example"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("outage: %v, want Unavailable", err)
		}
		if got, want := w.front.Bill().Total, 3*simulated.LookupPrice; got != want {
			t.Errorf("charged %v, want %v: the account is read free of charge", got, want)
		}
	})
}
