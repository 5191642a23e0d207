package app

import (
	"context"
	"time"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

// report adds what this worker's calls to providers brought to the deployment's
// counts, at most once a minute. A failure is not the invocation's.
func (k *kit) report(ctx context.Context) {
	counted := k.meter.Take(k.p.now())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for key, counts := range counted {
		if err := k.p.store.AddHealth(ctx, key, counts); err != nil {
			k.meter.Give(counted)
			k.p.log.WarnContext(ctx, "health of providers not written", "kind", string(fault.KindOf(err)))
			return
		}
		delete(counted, key)
	}
}

// breakers are the circuit breakers as a team meets them: those of the accounts
// whose keys it uses.
type breakers struct{ k *kit }

func (b breakers) key(ctx context.Context, provider string) (string, error) {
	key, err := b.k.p.secrets.Key(ctx, provider, false)
	if err != nil && !fault.Is(err, fault.Unauthenticated) { // one that cannot be read is none
		return "", err
	}
	return transport.BreakerKey(provider, key.Account), nil
}

// State implements api.Breakers.
func (b breakers) State(ctx context.Context, provider string) (breaker.Record, error) {
	key, err := b.key(ctx, provider)
	if err != nil {
		return breaker.Record{}, err
	}
	return b.k.breaker.State(ctx, key)
}

// Open implements api.Breakers.
func (b breakers) Open(ctx context.Context, provider, reason, by string) error {
	key, err := b.key(ctx, provider)
	if err != nil {
		return err
	}
	return b.k.breaker.Open(ctx, key, reason, by)
}

// Close implements api.Breakers.
func (b breakers) Close(ctx context.Context, provider, reason, by string) error {
	key, err := b.key(ctx, provider)
	if err != nil {
		return err
	}
	return b.k.breaker.Close(ctx, key, reason, by)
}
