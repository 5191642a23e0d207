package lusha_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/lusha"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	simulator "github.com/messageai/sluice/internal/sandbox/lusha"
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

// world is the adapter over the simulator.
type world struct {
	market *market.Market
	front  *upstream.Server
	client *lusha.Client
	index  []int // of people in the market, see people

	mu    sync.Mutex
	spent money.Micro
	kinds map[fault.Kind]int
}

func start(t *testing.T, o simulator.Options, faults upstream.Faults) *world {
	t.Helper()
	m, err := market.New(market.Options{Seed: 7, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{market: m, kinds: map[fault.Kind]int{}}
	if w.front, err = upstream.New("lusha", upstream.Config{Seed: 7, Quotas: simulator.Quotas(), Faults: faults}); err != nil {
		t.Fatal(err)
	}
	w.front.Use(simulator.New(m, w.front, "right", o))
	d := lusha.Definition()
	var groups []transport.Group
	for _, q := range d.Quotas {
		groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
	}
	client, err := transport.New(transport.Options{
		Name: d.Name, BaseURL: d.BaseURL, Auth: d.Auth, SecretFields: d.SecretFields, Classify: lusha.Classify, Groups: groups,
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": "right"}}, nil
		},
		RoundTripper: w.front, Limiter: ratelimit.New(&slots{next: map[string]time.Time{}}, ratelimit.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	settings := provider.Settings{}
	if o.Price > 0 {
		settings["credit_microusd"] = strconv.FormatInt(int64(o.Price), 10)
	}
	if w.client, err = lusha.New(provider.Deps{Transport: client, Now: time.Now, Settings: settings}); err != nil {
		t.Fatal(err)
	}
	return w
}

// people are n of the market, by name at their employer, and their indexes there.
// Of namesakes in one firm only the first: nobody could tell them apart.
func (w *world) people(n int) (out []domain.Prospect) {
	w.index = nil
	seen := map[string]bool{}
	for i := 0; len(out) < n; i++ {
		p := w.market.Person(i)
		name := fmt.Sprint(market.Fold(p.First), market.Fold(p.Last), p.Company)
		if seen[name] {
			continue
		}
		seen[name] = true
		w.index = append(w.index, i)
		out = append(out, domain.Prospect{
			Person:  domain.Person{FirstName: p.First, LastName: p.Last},
			Company: domain.Company{Name: w.market.CompanyName(p.Company), Domain: w.market.Domain(p.Company)},
		})
	}
	return out
}

func (w *world) companies(n int) []domain.Prospect {
	var out []domain.Prospect
	for c := range n {
		out = append(out, domain.Prospect{Company: domain.Company{Domain: w.market.Domain(c)}})
	}
	return out
}

type ask func(context.Context, []domain.Prospect) ([]provider.Answer, error)

// all asks about everybody, twenty batches at once, books what it costs, and
// asks again where the provider did nothing: too fast, out of order, or one
// contact that failed.
func (w *world) all(t *testing.T, what ask, prospects []domain.Prospect, size int) []provider.Answer {
	t.Helper()
	answers := make([]provider.Answer, len(prospects))
	var g errgroup.Group
	g.SetLimit(20)
	for from := 0; from < len(prospects); from += size {
		part := prospects[from:min(from+size, len(prospects))]
		g.Go(func() error { return w.batch(t.Context(), what, part, answers[from:]) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return answers
}

func (w *world) batch(ctx context.Context, what ask, part []domain.Prospect, into []provider.Answer) error {
	for {
		got, err := what(ctx, part)
		w.count(err)
		if err == nil {
			if len(got) != len(part) {
				return fmt.Errorf("%d answers to %d questions", len(got), len(part))
			}
			return w.settle(ctx, what, part, got, into)
		}
		if !fault.Is(err, fault.RateLimited, fault.Unavailable) {
			for i := range part {
				into[i] = provider.Answer{Err: err}
			}
			return nil
		}
		time.Sleep(max(fault.RetryAfter(err), time.Second)) // the test's own time
	}
}

// settle books the answers and asks again for those that failed for now.
func (w *world) settle(ctx context.Context, what ask, part []domain.Prospect, got, into []provider.Answer) error {
	for i, a := range got {
		w.mu.Lock()
		w.spent += a.Usage.Cost
		w.mu.Unlock()
		into[i] = a
		if a.Err == nil {
			continue
		}
		w.count(a.Err)
		if fault.Is(a.Err, fault.Unavailable, fault.RateLimited) {
			if err := w.batch(ctx, what, part[i:i+1], into[i:i+1]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) count(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kinds[fault.KindOf(err)]++
}
