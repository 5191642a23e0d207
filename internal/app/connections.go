package app

import (
	"context"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/secrets"
	"github.com/messageai/sluice/internal/store"
)

// connections keeps the provider keys of teams: it implements api.Connections.
type connections struct{ k *kit }

// checkTime is how long a provider may take to tell whether a key is good; API
// Gateway waits for 30 s.
const checkTime = 20 * time.Second

// Connections implements api.Connections.
func (c connections) Connections(ctx context.Context) (map[string]api.Connection, error) {
	team := domain.TeamOf(ctx)
	own, err := c.k.p.secrets.Known(ctx, team)
	if err != nil {
		return nil, err
	}
	usage, month, err := c.k.p.store.UsageByProvider(ctx, team)
	if err != nil {
		return nil, err
	}
	all := map[string]api.Connection{}
	for _, e := range catalog.All() {
		d := e.Definition
		key := api.ProviderKey{State: "none", Fields: d.SecretFields, Month: month, Calls: usage[d.Name].Calls, SpentMicro: usage[d.Name].Settled}
		account := ""
		if k, has := own[d.Name]; has {
			account = team
			key.State, key.Owner, key.Fingerprint, key.Verified, key.ChangedAt = "connected", "team", k.Fingerprint, k.Verified, &k.ChangedAt
			if k.Revoked() {
				key.State, key.Owner = "revoked", ""
			}
		} else {
			found, err := c.k.p.secrets.Fields(domain.InTeam(ctx, ""), d.Name, false)
			if err != nil && !fault.Is(err, fault.Unauthenticated) { // one that cannot be read is none
				return nil, err
			}
			if len(d.SecretFields) > 0 && found[d.SecretFields[0]] != "" {
				key.State, key.Owner = "connected", "deployment"
			}
		}
		record, err := c.k.breaker.State(ctx, transport.BreakerKey(d.Name, account))
		if err != nil {
			return nil, err
		}
		all[d.Name] = api.Connection{Key: key, Breaker: breakerOf(record)}
	}
	return all, nil
}

func breakerOf(r breaker.Record) api.ProviderBreaker {
	out := api.ProviderBreaker{State: string(r.State), Reason: r.Reason}
	if r.State == "" {
		out.State = string(breaker.Closed)
	}
	if !r.Until.IsZero() {
		out.Until = &r.Until
	}
	return out
}

// Connect implements api.Connections.
func (c connections) Connect(ctx context.Context, name string, fields map[string]string) (api.Checked, error) {
	team := domain.TeamOf(ctx)
	e, err := entry(name)
	if err != nil {
		return api.Checked{}, err
	}
	own, err := c.k.p.secrets.Known(ctx, team)
	if err != nil {
		return api.Checked{}, err
	}
	out, err := c.ask(ctx, e, secrets.Key{Fields: fields, Account: team}, nil)
	if err != nil {
		return api.Checked{}, rejected(e.Definition, err)
	}
	key, err := c.k.p.secrets.Put(ctx, team, name, own[name], fields, out.Verified)
	if err != nil {
		return api.Checked{}, err
	}
	c.k.p.log.InfoContext(ctx, "provider key connected", "team", team, "provider", name, "fingerprint", key.Fingerprint, "verified", out.Verified)
	return out, nil
}

// rejected says that a key was not stored, and why.
func rejected(d provider.Definition, err error) error {
	const op = "app.connect"
	switch fault.KindOf(err) {
	case fault.Unauthenticated:
		return fault.New(fault.InvalidInput, op, d.DisplayName+" refused this key, so it was not stored; copy it again from your account there ("+d.Docs+")")
	case fault.Forbidden:
		return fault.New(fault.InvalidInput, op, d.DisplayName+" knows this key but does not let it read the account, so it was not stored; check its scopes and the plan")
	case fault.RateLimited:
		return &fault.Error{Kind: fault.RateLimited, Op: op, RetryAfter: fault.RetryAfter(err), Err: err, Message: d.DisplayName + " lets nobody ask at the moment, so the key was not stored; try again"}
	default:
		return &fault.Error{Kind: fault.Unavailable, Op: op, RetryAfter: fault.RetryAfter(err), Err: err, Message: d.DisplayName + " could not say whether the key is good, so it was not stored; try again"}
	}
}

// Check implements api.Connections.
func (c connections) Check(ctx context.Context, name string) (api.Checked, error) {
	e, err := entry(name)
	if err != nil {
		return api.Checked{}, err
	}
	key, err := c.k.p.secrets.Key(ctx, name, true)
	if err != nil {
		return api.Checked{}, err
	}
	if fields := e.Definition.SecretFields; len(fields) > 0 && key.Fields[fields[0]] == "" {
		return api.Checked{Name: name, Kind: string(fault.Unauthenticated), Detail: "no key for " + name + ": " + c.k.missing(name, key)}, nil
	}
	out, err := c.ask(ctx, e, key, store.Tokens{Store: c.k.p.store})
	if err != nil {
		return api.Checked{Name: name, Kind: string(fault.KindOf(err)), Detail: fault.Message(err)}, nil
	}
	return out, nil
}

// Revoke implements api.Connections.
func (c connections) Revoke(ctx context.Context, name string) error {
	team := domain.TeamOf(ctx)
	if err := c.k.p.secrets.Revoke(ctx, team, name); err != nil {
		return err
	}
	c.k.p.log.WarnContext(ctx, "provider key revoked", "team", team, "provider", name)
	return nil
}

// ask makes the provider's cheapest call with a key. It goes past the circuit
// breaker, which guards work, not the question whether a key is good. That an
// account has nothing left says nothing against its key.
func (c connections) ask(ctx context.Context, e catalog.Entry, key secrets.Key, tokens transport.TokenStore) (api.Checked, error) {
	out := api.Checked{Name: e.Definition.Name, OK: true}
	if !can(e.Definition, provider.CanReadAccount) {
		return out, nil
	}
	adapter, err := c.k.adapterOn(e, func(o *transport.Options) {
		o.Tokens = tokens
		o.Secret = func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: key.Fields, Account: key.Account}, nil
		}
	})
	if err != nil {
		return out, err
	}
	reader, ok := adapter.(provider.AccountReader)
	if !ok {
		return out, fault.New(fault.Internal, "app.ask", e.Definition.Name+" declares what it cannot do")
	}
	ctx, cancel := context.WithTimeout(ratelimit.Interactive(ctx), checkTime)
	defer cancel()
	account, err := reader.ReadAccount(ctx)
	if err != nil && !fault.Is(err, fault.QuotaExhausted) {
		return out, err
	}
	out.Verified, out.Plan = true, account.Plan
	for _, b := range account.Balances {
		balance := api.ProviderBalance{Name: b.Name, Limit: b.Limit, Used: b.Used, Left: b.Left}
		if !b.ResetsAt.IsZero() {
			balance.ResetsAt = &b.ResetsAt
		}
		out.Balances = append(out.Balances, balance)
	}
	return out, nil
}

// entry finds a provider of the catalog.
func entry(name string) (catalog.Entry, error) {
	for _, e := range catalog.All() {
		if e.Definition.Name == name {
			return e, nil
		}
	}
	return catalog.Entry{}, fault.New(fault.NotFound, "app.provider", "there is no provider "+name+"; docs/providers.md lists them")
}
