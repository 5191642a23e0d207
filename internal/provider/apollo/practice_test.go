package apollo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/apollo"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	simulator "github.com/messageai/sluice/internal/sandbox/apollo"
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
	stored, begin, ok := ratelimit.Advance(s.next[key], floor, horizon, inc)
	s.next[key] = stored
	return begin, ok, nil
}

func (s *slots) Push(_ context.Context, key string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(s.next[key]) {
		s.next[key] = until
	}
	return nil
}

// practice is the adapter on the simulator, below its declared quotas.
type practice struct {
	t      *testing.T
	client *apollo.Client
	market *market.Market
	front  *upstream.Server

	mu    sync.Mutex
	spent money.Micro
	kinds map[fault.Kind]int
}

const practiceKey = "practice-key"

func play(t *testing.T, seed uint64, faults upstream.Faults) *practice {
	t.Helper()
	m, err := market.New(market.Options{Seed: seed, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("apollo", upstream.Config{Seed: seed, Quotas: simulator.Quotas(), Faults: faults, Latency: 80 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(simulator.New(m, front, practiceKey, simulator.Options{}))
	d := apollo.Definition()
	var groups []transport.Group
	for _, q := range d.Quotas {
		groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
	}
	client, err := transport.New(transport.Options{
		Name: d.Name, BaseURL: d.BaseURL, Auth: d.Auth, SecretFields: d.SecretFields, Classify: apollo.Classify, Groups: groups,
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": practiceKey}}, nil
		},
		RoundTripper: front, Limiter: ratelimit.New(&slots{next: map[string]time.Time{}}, ratelimit.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &practice{t: t, market: m, front: front, kinds: map[fault.Kind]int{}}
	p.client, err = apollo.New(provider.Deps{Transport: client, Now: time.Now, Settings: provider.Settings{"credit_microusd": fmt.Sprint(int64(simulator.CreditPrice))}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask makes one call, as often as it is told to come back, and books its price.
// What may have been charged and what is broken is not asked again.
func (p *practice) ask(call func() (money.Micro, error)) error {
	for {
		cost, err := call()
		p.mu.Lock()
		p.spent += cost
		p.kinds[fault.KindOf(err)]++
		p.mu.Unlock()
		if wait := fault.RetryAfter(err); wait > 0 && fault.Is(err, fault.RateLimited, fault.Unavailable) {
			time.Sleep(wait)
			continue
		}
		return err
	}
}
