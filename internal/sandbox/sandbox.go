package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/apollo"
	"github.com/messageai/sluice/internal/sandbox/clearbit"
	"github.com/messageai/sluice/internal/sandbox/googleplaces"
	"github.com/messageai/sluice/internal/sandbox/hunter"
	"github.com/messageai/sluice/internal/sandbox/lusha"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/neverbounce"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	"github.com/messageai/sluice/internal/sandbox/zerobounce"
	"github.com/messageai/sluice/internal/sandbox/zoominfo"
)

// Options of a sandbox. The zero value is seed 0 with 20,000 people, the
// published quotas, no latency, no faults and no memory across processes.
type Options struct {
	Seed    uint64
	People  int              // zero: 20,000; at most 8,000,000
	Journal upstream.Journal // nil: bills are forgotten with the process
	// Latency is that of every provider's answers. A provider without latency
	// and faults does nothing in the background either: Hunter's checks, which
	// otherwise may have to be asked for again minutes later, are done at once.
	Latency time.Duration
	// By provider; a provider that is not named has the published plan.
	Plans  map[string]Plan
	Faults map[string]upstream.Faults
}

// Plan is what the account at a provider is allowed. Zero values are the
// published ones.
type Plan struct {
	Quotas      map[string][]upstream.Window // by group; nil: the provider's published ones
	Unlimited   bool                         // no quotas at all
	Credits     int                          // of the billing period; zero: ten million
	CreditPrice money.Micro                  // zero: the provider's published one
}

// Sandbox is one simulated outside world. It is safe for concurrent use.
type Sandbox struct {
	options Options
	market  *market.Market

	mu      sync.Mutex
	servers map[string]*upstream.Server
	hosts   map[string]*upstream.Server
}

// New generates the market and mounts the providers of people, companies and
// verdicts about addresses. Others are added with [Sandbox.Mount].
func New(o Options) (*Sandbox, error) {
	m, err := market.New(market.Options{Seed: o.Seed, People: o.People, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	s := &Sandbox{options: o, market: m, servers: map[string]*upstream.Server{}, hosts: map[string]*upstream.Server{}}
	prompt := func(name string) bool { return o.Latency == 0 && o.Faults[name] == (upstream.Faults{}) }
	for _, p := range []struct {
		name   string
		hosts  []string
		quotas map[string][]upstream.Window
		build  func(*upstream.Server, Plan) upstream.Handler
	}{
		{"apollo", []string{"api.apollo.io"}, apollo.Quotas(), func(f *upstream.Server, p Plan) upstream.Handler {
			return apollo.New(m, f, s.Key("apollo"), apollo.Options{Credits: p.Credits, Price: p.CreditPrice})
		}},
		{"clearbit", clearbit.Hosts(), clearbit.Quotas(), func(f *upstream.Server, p Plan) upstream.Handler {
			return clearbit.New(m, f, s.Key("clearbit"), clearbit.Options{Credits: p.Credits, Price: p.CreditPrice, Prompt: prompt("clearbit")})
		}},
		{"hunter", []string{"api.hunter.io"}, hunter.Quotas(), func(f *upstream.Server, p Plan) upstream.Handler {
			return hunter.New(m, f, s.Key("hunter"), hunter.Options{
				Credits: p.Credits, Price: p.CreditPrice, Prompt: prompt("hunter"),
			})
		}},
		{"lusha", []string{"api.lusha.com"}, lusha.Quotas(), func(f *upstream.Server, p Plan) upstream.Handler {
			return lusha.New(m, f, s.Key("lusha"), lusha.Options{Credits: p.Credits, Price: p.CreditPrice, Steady: prompt("lusha")})
		}},
		{"neverbounce", []string{"api.neverbounce.com"}, neverbounce.Quotas(), func(f *upstream.Server, p Plan) upstream.Handler {
			return neverbounce.New(m, f, s.Key("neverbounce"), neverbounce.Options{Credits: p.Credits, Price: p.CreditPrice})
		}},
		{"zerobounce", zerobounce.Hosts(), zerobounce.Quotas(), func(f *upstream.Server, p Plan) upstream.Handler {
			return zerobounce.New(m, f, s.Key("zerobounce"), zerobounce.Options{Credits: p.Credits, Price: p.CreditPrice})
		}},
		{"zoominfo", []string{"api.zoominfo.com"}, zoominfo.Quotas(), func(f *upstream.Server, p Plan) upstream.Handler {
			return zoominfo.New(m, f, s.Key("zoominfo"), zoominfo.Options{Credits: p.Credits, Price: p.CreditPrice})
		}},
		{"googleplaces", []string{"places.googleapis.com"}, googleplaces.Quotas(), func(f *upstream.Server, _ Plan) upstream.Handler {
			return googleplaces.New(m, f, s.Key("googleplaces"))
		}},
	} {
		front, err := s.Server(p.name, p.quotas)
		if err != nil {
			return nil, fmt.Errorf("build sandbox: %w", err)
		}
		handler := p.build(front, o.Plans[p.name])
		for _, host := range p.hosts {
			if err := s.Mount(host, p.name, handler); err != nil {
				return nil, fmt.Errorf("build sandbox: %w", err)
			}
		}
	}
	return s, nil
}

// Server returns the front of a provider and makes it with the quotas if it is
// new and its plan has no others. A simulator that is built outside this
// package charges there, before it is mounted.
func (s *Sandbox) Server(name string, quotas map[string][]upstream.Window) (*upstream.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if front := s.servers[name]; front != nil {
		return front, nil
	}
	plan := s.options.Plans[name]
	switch {
	case plan.Unlimited:
		quotas = unlimited(quotas)
	case plan.Quotas != nil:
		quotas = plan.Quotas
	}
	front, err := upstream.New(name, upstream.Config{
		Seed: s.options.Seed, Latency: s.options.Latency, Quotas: quotas, Faults: s.options.Faults[name], Journal: s.options.Journal,
	})
	if err != nil {
		return nil, err
	}
	s.servers[name] = front
	return front, nil
}

// unlimited keeps the windows, so that usage is still counted and told.
func unlimited(quotas map[string][]upstream.Window) map[string][]upstream.Window {
	out := map[string][]upstream.Window{}
	for group, windows := range quotas {
		for _, w := range windows {
			out[group] = append(out[group], upstream.Window{Per: w.Per})
		}
	}
	return out
}

// Mount puts a provider behind a host name.
func (s *Sandbox) Mount(host, name string, handler upstream.Handler) error {
	front, err := s.Server(name, nil)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts[host] != nil {
		return fmt.Errorf("mount %s: host %s is taken", name, host)
	}
	front.Use(handler)
	s.hosts[host] = front
	return nil
}

// Market is the market behind all providers, with its truth.
func (s *Sandbox) Market() *market.Market { return s.market }

// Key is the API key that a provider's simulator accepts.
func (s *Sandbox) Key(provider string) string { return "sandbox-" + provider + "-key" }

// Providers returns the names of the mounted providers, sorted.
func (s *Sandbox) Providers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.servers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Bills returns what each provider has charged, including in earlier processes
// with the same journal.
func (s *Sandbox) Bills() map[string]upstream.Bill {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]upstream.Bill{}
	for name, front := range s.servers {
		out[name] = front.Bill()
	}
	return out
}

// Requests returns how many answers each provider has sent in this process, by
// status; status 0 counts requests without an answer.
func (s *Sandbox) Requests() map[string]map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]map[int]int{}
	for name, front := range s.servers {
		out[name] = front.Requests()
	}
	return out
}

// Faults returns a provider's fault dial, nil for a provider that is not mounted.
func (s *Sandbox) Faults(provider string) *upstream.Dial {
	s.mu.Lock()
	defer s.mu.Unlock()
	if front := s.servers[provider]; front != nil {
		return front.Dial()
	}
	return nil
}

// Handler serves one provider, for a loopback listener; nil for a provider
// that is not mounted.
func (s *Sandbox) Handler(provider string) http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if front := s.servers[provider]; front != nil {
		return front
	}
	return nil
}

// RoundTripper answers requests in process, in the caller's goroutine, by host
// name. A host that no provider has is an error that names it.
func (s *Sandbox) RoundTripper() http.RoundTripper { return router{s} }

type router struct{ sandbox *Sandbox }

func (r router) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Hostname()
	r.sandbox.mu.Lock()
	front := r.sandbox.hosts[host]
	r.sandbox.mu.Unlock()
	if front == nil {
		if req.Body != nil {
			_ = req.Body.Close() // a round tripper must close it; the error tells nothing
		}
		return nil, fmt.Errorf("sandbox: no simulated provider at host %q; practice mode reaches nothing outside", host)
	}
	return front.RoundTrip(req)
}
