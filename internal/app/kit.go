package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"time"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email/mx"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/health"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/secrets"
	"github.com/messageai/sluice/internal/store"
)

// kit builds adapters on one limiter and one breaker.
type kit struct {
	p       *parts
	limiter *ratelimit.Limiter
	breaker *breaker.Breaker
	meter   health.Meter
}

func newKit(p *parts) *kit {
	return &kit{
		p:       p,
		limiter: ratelimit.New(store.Limits{Store: p.store}, ratelimit.Options{Now: p.now, Share: domain.RunOf}),
		breaker: breaker.New(store.Breakers{Store: p.store}, breaker.Options{Now: p.now}),
	}
}

// definitions are the definitions of all providers, by name, with the prices
// of the customer's own plans.
func (p *parts) definitions() (map[string]provider.Definition, error) {
	all := map[string]provider.Definition{}
	for _, e := range catalog.All() {
		d, err := e.For(p.env.Provider(e.Definition.Name))
		if err != nil {
			return nil, err
		}
		all[d.Name] = d
	}
	return all, nil
}

// build makes the adapter of a provider that is no vector index.
func (k *kit) build(name string) (any, provider.Definition, error) {
	return k.buildOf(catalog.All(), name)
}

func (k *kit) buildOf(entries []catalog.Entry, name string) (any, provider.Definition, error) {
	for _, e := range entries {
		if e.Definition.Name != name {
			continue
		}
		d, err := e.For(k.p.env.Provider(name))
		if err != nil {
			return nil, d, err
		}
		if e.Build == nil {
			break
		}
		adapter, err := k.adapter(e)
		return adapter, d, err
	}
	return nil, provider.Definition{}, fmt.Errorf("configure: there is no provider %q; docs/providers.md lists them", name)
}

// adapter makes an adapter that works with the keys of whoever a call is for.
func (k *kit) adapter(e catalog.Entry) (any, error) {
	name := e.Definition.Name
	return k.adapterOn(e, func(o *transport.Options) {
		o.Tokens, o.Breaker = store.Tokens{Store: k.p.store}, k.breaker
		o.Secret = func(ctx context.Context, refresh bool) (transport.Secret, error) {
			key, err := k.p.secrets.Key(ctx, name, refresh)
			return transport.Secret{Fields: key.Fields, Account: key.Account, Missing: k.missing(name, key)}, err
		}
		o.Observe = func(ctx context.Context, call transport.Event) {
			if call.Status != 0 {
				k.p.store.CountCall(domain.TeamOf(ctx), name)
			}
		}
	})
}

// missing says what to do where there is no key.
func (k *kit) missing(name string, key secrets.Key) string {
	connect := "connect one with \"sluice provider connect " + name + "\""
	if key.Revoked {
		return "it was revoked; " + connect
	}
	return connect + ", or put it into the secret " + k.p.secrets.Name(name) + " for all teams"
}

// adapterOn makes an adapter on a transport that complete has completed.
func (k *kit) adapterOn(e catalog.Entry, complete func(*transport.Options)) (any, error) {
	d := e.Definition
	settings := k.p.env.Provider(d.Name)
	base := d.BaseURL
	if v := settings["base_url"]; v != "" {
		base = v
	}
	hosts := maps.Clone(d.Hosts)
	for name := range hosts {
		if v := settings[name+"_base_url"]; v != "" {
			hosts[name] = v
		}
	}
	auth := d.Auth
	if v := settings["token_url"]; v != "" {
		auth.TokenURL = v
	}
	opts := transport.Options{
		Name: d.Name, BaseURL: base, Hosts: hosts, Auth: auth, Timeout: d.Timeout, SecretFields: d.SecretFields,
		Groups: k.groups(d), RoundTripper: k.p.outside.Transport, Limiter: k.limiter, Classify: e.Classify,
		Logger: k.p.log, Now: k.p.now,
		Answered: func(kind fault.Kind, took time.Duration) { k.meter.Add(k.p.now(), d.Name, kind, took) },
	}
	complete(&opts)
	client, err := transport.New(opts)
	if err != nil {
		return nil, err
	}
	built, err := e.Build(provider.Deps{Transport: client, Settings: settings, Now: k.p.now, GRPC: k.p.outside.GRPC})
	if c, ok := built.(io.Closer); ok && k.p.outside.Opened != nil {
		k.p.outside.Opened(c)
	}
	return built, err
}

// groups are the limiter's groups of a provider.
func (k *kit) groups(d provider.Definition) []transport.Group {
	var groups []transport.Group
	for _, q := range d.Quotas {
		if k.p.outside.Generous {
			continue
		}
		groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
	}
	return groups
}

// sources are all providers that can discover.
func (k *kit) sources() (map[string]provider.Discoverer, error) {
	out := map[string]provider.Discoverer{}
	for _, e := range catalog.All() {
		if !can(e.Definition, provider.CanDiscover) {
			continue
		}
		adapter, err := k.adapter(e)
		if err != nil {
			return nil, err
		}
		d, ok := adapter.(provider.Discoverer)
		if !ok {
			return nil, fmt.Errorf("configure: %s declares what it cannot do", e.Definition.Name)
		}
		out[e.Definition.Name] = d
	}
	return out, nil
}

func can(d provider.Definition, c provider.Capability) bool {
	for _, have := range d.Capabilities {
		if have == c {
			return true
		}
	}
	return false
}

// enrichers are the providers of the waterfall.
func (k *kit) enrichers(names []string) (map[string]enrich.Source, error) {
	out := map[string]enrich.Source{}
	for _, name := range names {
		adapter, d, err := k.build(name)
		if err != nil {
			return nil, err
		}
		out[name] = enrich.Source{Definition: d, Adapter: adapter}
	}
	return out, nil
}

// mail asks the DNS which domains take mail; nil if the deployment wants that not
// to be asked.
func (k *kit) mail() enrich.Mail {
	if k.p.conf.MailCheck == "none" {
		return nil
	}
	var dns mx.DNS = net.DefaultResolver
	if k.p.outside.DNS != nil {
		dns = k.p.outside.DNS
	}
	return mx.New(dns, k.p.now, mx.Options{})
}

// embedder returns the embedder of that name and its price per million tokens.
func (k *kit) embedder(name string) (provider.Embedder, money.Price, error) {
	if name == "lexical" {
		return lexical.New(), money.Price{}, nil
	}
	adapter, d, err := k.build(name)
	if err != nil {
		return nil, money.Price{}, err
	}
	e, ok := adapter.(provider.Embedder)
	if !ok {
		return nil, money.Price{}, fmt.Errorf("configure: %s cannot embed texts", name)
	}
	return e, d.Prices.Operations[provider.OpEmbed], nil
}

// index returns the vector index of that name; nil for none.
func (k *kit) index(name string) (provider.VectorIndex, error) {
	if name == "" || name == "none" {
		return nil, nil
	}
	adapter, _, err := k.buildOf(catalog.VectorIndexes(), name)
	if err != nil {
		return nil, err
	}
	i, ok := adapter.(provider.VectorIndex)
	if !ok {
		return nil, fmt.Errorf("configure: %s is no vector index", name)
	}
	return i, nil
}

// crm returns the CRM of that name.
func (k *kit) crm(name string) (provider.CRM, error) {
	adapter, _, err := k.build(name)
	if err != nil {
		return nil, err
	}
	c, ok := adapter.(provider.CRM)
	if !ok {
		return nil, fmt.Errorf("configure: %s is no CRM", name)
	}
	return c, nil
}
