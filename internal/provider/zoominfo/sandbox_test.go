package zoominfo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/provider/zoominfo"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	sandbox "github.com/messageai/sluice/internal/sandbox/zoominfo"
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

// world is the adapter on the simulator, with what it booked.
type world struct {
	market *market.Market
	server *sandbox.Server
	front  *upstream.Server
	client *zoominfo.Client

	mu     sync.Mutex
	booked money.Micro
	found  map[string]int // by operation
	kinds  map[fault.Kind]int
}

func newWorld(t *testing.T, faults upstream.Faults, o sandbox.Options, settings provider.Settings) *world {
	t.Helper()
	m, err := market.New(market.Options{Seed: 9, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("zoominfo", upstream.Config{Seed: 9, Quotas: sandbox.Quotas(), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{market: m, front: front, server: sandbox.New(m, front, "right", o), found: map[string]int{}, kinds: map[fault.Kind]int{}}
	front.Use(w.server)
	d := zoominfo.Definition()
	var groups []transport.Group
	for _, q := range d.Quotas {
		groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
	}
	client, err := transport.New(transport.Options{
		Name: d.Name, BaseURL: d.BaseURL, Auth: d.Auth, SecretFields: d.SecretFields, Classify: zoominfo.Classify, Groups: groups,
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"clientId": "right", "clientSecret": "right"}}, nil
		},
		RoundTripper: front, Limiter: ratelimit.New(&slots{next: map[string]time.Time{}}, ratelimit.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if settings == nil {
		settings = provider.Settings{"intent_topics": strings.Join(w.server.Topics(), ",")}
	}
	if w.client, err = zoominfo.New(provider.Deps{Transport: client, Now: time.Now, Settings: settings}); err != nil {
		t.Fatal(err)
	}
	return w
}

// ask makes a call as often as it is told to come back, and books what it cost.
func (w *world) ask(ctx context.Context, call func() ([]provider.Answer, error)) ([]provider.Answer, error) {
	for {
		answers, err := call()
		w.mu.Lock()
		w.kinds[fault.KindOf(err)]++
		for _, a := range answers {
			w.booked += a.Usage.Cost
			if a.Err != nil {
				w.kinds[fault.KindOf(a.Err)]++
			}
			if a.Found {
				w.found[a.Usage.Op]++
			}
		}
		w.mu.Unlock()
		if wait := fault.RetryAfter(err); wait > 0 && fault.Is(err, fault.RateLimited, fault.Unavailable) {
			select {
			case <-time.After(wait):
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return answers, err
	}
}

// campaign discovers people, completes them in batches, and asks everything about
// their companies, with ten callers at once; tolerate says which errors are part
// of the game.
func (w *world) campaign(t *testing.T, people int, tolerate func(error) bool) {
	t.Helper()
	check := func(err error) error {
		if err != nil && !tolerate(err) {
			return err
		}
		return nil
	}
	var found []domain.Prospect
	for cursor, tries := "", 0; len(found) < people && tries < 100; tries++ {
		var page provider.Page
		_, err := w.ask(t.Context(), func() (_ []provider.Answer, err error) {
			page, err = w.client.Discover(t.Context(), provider.Query{Titles: []string{"CTO", "VP Engineering"}, Sizes: []string{"51-200", "201-500"}}, cursor)
			return nil, err
		})
		if check(err) != nil {
			t.Fatal(err)
		}
		if found = append(found, page.Prospects...); err == nil && page.Next == "" {
			break
		}
		if err == nil {
			cursor = page.Next
		}
	}
	if len(found) < people {
		t.Fatalf("found %d people, want %d", len(found), people)
	}
	firms := map[string]domain.Prospect{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(10)
	for some := range slices.Chunk(found[:people], 25) {
		g.Go(func() error {
			answers, err := w.ask(ctx, func() ([]provider.Answer, error) { return w.client.EnrichPeople(ctx, some) })
			mu.Lock()
			defer mu.Unlock()
			for _, a := range answers {
				if c := a.Prospect.Company; a.Found && c.Domain != "" {
					firms[c.Domain] = domain.Prospect{Company: domain.Company{Name: c.Name, Domain: c.Domain}}
				}
			}
			return check(err)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var companies []domain.Prospect
	for _, p := range firms {
		companies = append(companies, p)
	}
	slices.SortFunc(companies, func(a, b domain.Prospect) int { return strings.Compare(a.Company.Domain, b.Company.Domain) })
	g, ctx = errgroup.WithContext(t.Context())
	g.SetLimit(10)
	for some := range slices.Chunk(companies, 25) {
		g.Go(func() error {
			_, err := w.ask(ctx, func() ([]provider.Answer, error) { return w.client.EnrichCompanies(ctx, some) })
			return check(err)
		})
		for _, one := range some {
			g.Go(func() error {
				_, err := w.ask(ctx, func() ([]provider.Answer, error) { return w.client.FindTechnologies(ctx, []domain.Prospect{one}) })
				if err = check(err); err != nil {
					return err
				}
				_, err = w.ask(ctx, func() ([]provider.Answer, error) { return w.client.FindIntent(ctx, []domain.Prospect{one}) })
				return check(err)
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// At the declared rate nobody ever says that we are too fast, what was booked is
// what was charged, and tokens are renewed as they end.
func TestBookedIsChargedAtTheDeclaredRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, upstream.Faults{}, sandbox.Options{}, nil)
		began := time.Now()
		w.campaign(t, 300, func(error) bool { return false })
		requests := w.front.Requests()
		if requests[429] > 0 || requests[401] > 0 || len(requests) != 1 {
			t.Errorf("answers by status %v, want 200 only", requests)
		}
		bill := w.front.Bill()
		if w.booked != bill.Total || bill.Repeated > 0 {
			t.Errorf("booked %v, charged %v, %d of them twice", w.booked, bill.Total, bill.Repeated)
		}
		for op, least := range map[string]int{provider.OpEnrichPerson: 280, provider.OpEnrichCompany: 100, provider.OpFindTechnologies: 100, provider.OpFindIntent: 20} {
			if w.found[op] < least {
				t.Errorf("%s found %d, want %d at least", op, w.found[op], least)
			}
		}
		if w.kinds[fault.Blocked] == 0 {
			t.Error("nobody asked not to be processed")
		}
		took := time.Since(began)
		if want := 1 + int(took/(sandbox.TokenLife-time.Minute)); w.server.Issued() != want {
			t.Errorf("%d tokens in %v, want %d", w.server.Issued(), took, want)
		}
	})
}

// Under every fault of the dial nothing is charged twice, and every error is of
// a kind that the pipeline knows how to treat. Tokens are revoked on the way.
func TestFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults := upstream.Faults{Throttle: 0.03, Error: 0.03, Slow: 0.02, Truncate: 0.02, WrongType: 0.02, Lost: 0.03, SlowBy: 30 * time.Second}
		w := newWorld(t, faults, sandbox.Options{}, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() {
			for ctx.Err() == nil {
				select {
				case <-time.After(150 * time.Second):
					w.server.Revoke()
				case <-ctx.Done():
				}
			}
		}()
		w.campaign(t, 400, func(err error) bool {
			_, ours := errors.AsType[*fault.Error](err)
			return ours && fault.Is(err, fault.Unavailable, fault.Unclear, fault.BadResponse)
		})
		for _, kind := range []fault.Kind{fault.RateLimited, fault.Unclear, fault.BadResponse} {
			if w.kinds[kind] == 0 {
				t.Errorf("no %s among %v: the faults did not show", kind, w.kinds)
			}
		}
		if w.front.Requests()[401] == 0 || w.kinds[fault.Unauthenticated] > 0 {
			t.Errorf("%d calls with a revoked token, %d of them failed", w.front.Requests()[401], w.kinds[fault.Unauthenticated])
		}
		bill := w.front.Bill()
		if bill.Repeated > 0 || w.booked > bill.Total {
			t.Errorf("booked %v, charged %v, %d of them twice", w.booked, bill.Total, bill.Repeated)
		}
	})
}

// When the credits end in the middle of a batch, what was paid for is kept and
// the rest says why; the next call is refused as a whole.
func TestLimitExceededIsPerRecordThenPFAPI0011(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, upstream.Faults{}, sandbox.Options{Credits: 5, Price: 310_000}, provider.Settings{"credit_microusd": "310000"})
		people, _, err := w.client.FindPeople(t.Context(), w.market.Domain(w.market.Person(0).Company), provider.Query{})
		if err != nil {
			t.Fatal(err)
		}
		page, err := w.client.Discover(t.Context(), provider.Query{Titles: []string{"CTO"}, PageSize: 25}, "")
		if err != nil || len(people) == 0 {
			t.Fatal(err, len(people))
		}
		answers, err := w.ask(t.Context(), func() ([]provider.Answer, error) { return w.client.EnrichPeople(t.Context(), page.Prospects) })
		if err != nil || w.found[provider.OpEnrichPerson] != 5 || w.kinds[fault.QuotaExhausted] < 15 || len(answers) != 25 {
			t.Errorf("%v: found %v, kinds %v of %d answers", err, w.found, w.kinds, len(answers))
		}
		for i, a := range answers {
			if a.Found && a.Prospect.ProfileID != page.Prospects[i].ProfileID {
				t.Errorf("answer %d is about %s, asked about %s", i, a.Prospect.ProfileID, page.Prospects[i].ProfileID)
			}
		}
		if bill := w.front.Bill(); w.booked != bill.Total || bill.Total != 5*310_000 {
			t.Errorf("booked %v, charged %v", w.booked, bill.Total)
		}
		if _, err := w.client.EnrichPeople(t.Context(), people[:1]); fault.KindOf(err) != fault.QuotaExhausted {
			t.Errorf("without credits: %v, want QuotaExhausted", err)
		}
		account, err := w.client.ReadAccount(t.Context())
		if err != nil || len(account.Balances) != 2 || account.Balances[1].Left != 0 || account.Balances[1].Used != 5 {
			t.Errorf("account %+v, %v", account, err)
		}
	})
}

// A field that the contract does not include fails the call; the setting leaves
// it out.
func TestFieldsOutsideTheContractAreForbidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		denied := sandbox.Options{Denied: []string{"mobilePhone"}}
		person := []domain.Prospect{{Contact: domain.Contact{Email: "nobody@nowhere.example"}}}
		w := newWorld(t, upstream.Faults{}, denied, nil)
		if _, err := w.client.EnrichPeople(t.Context(), person); fault.KindOf(err) != fault.Forbidden || !strings.Contains(fault.Message(err), "contact_fields") {
			t.Errorf("with the default fields: %v, want Forbidden that names the setting", err)
		}
		w = newWorld(t, upstream.Faults{}, denied, provider.Settings{"contact_fields": "id,firstName,lastName,email,companyName"})
		if answers, err := w.client.EnrichPeople(t.Context(), person); err != nil || answers[0].Found || answers[0].Err != nil {
			t.Errorf("without that field: %+v, %v", answers, err)
		}
	})
}
