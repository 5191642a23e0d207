package transport

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
)

// try makes one attempt over some protocol and returns its status (zero: no
// answer) and its fault.
type try func(ctx context.Context, key credential) (int, error)

// again returns what an attempt is made with as it is now.
type again func(ctx context.Context) (credential, error)

// run is what every call has in common, whatever its protocol: key, attempt,
// another attempt with a new key after a 401, and one after a passing failure.
func (c *Client) run(ctx context.Context, op string, idempotent bool, send try) error {
	key, err := c.key(ctx, op, "")
	if err != nil {
		return err
	}
	now := func(ctx context.Context) (credential, error) { return c.key(ctx, op, "") }
	renewed, retried, acted := c.opts.Auth.Kind == AuthNone, !idempotent, false
	for {
		used, err := c.attempt(ctx, op, key, now, send)
		if e, ok := errors.AsType[*fault.Error](err); ok { // what became of an earlier attempt stays unknown
			e.Acted = e.Acted || acted
			acted = e.Acted
		}
		switch {
		case !renewed && fault.Is(err, fault.Unauthenticated, fault.Forbidden) && used.value != "":
			// The key may have been rotated, the token may have ended, or the new key
			// may do what the old one may not. Nothing took effect, so a repetition is
			// safe for any call; with the same key it would be pointless.
			fresh, refreshErr := c.renew(ctx, op, used, err)
			if refreshErr != nil {
				return refreshErr
			}
			if fresh == used {
				return err
			}
			key, renewed = fresh, true
		case !retried && c.worthRetry(ctx, err) && c.pause(ctx):
			retried = true
		default:
			return err
		}
	}
}

// renew returns what to send instead of what was refused. A token that may not
// do something is still the token: only its secret is looked at again.
func (c *Client) renew(ctx context.Context, op string, used credential, refusal error) (credential, error) {
	if fault.Is(refusal, fault.Unauthenticated) {
		return c.key(ctx, op, used.value)
	}
	if _, err := c.secret(ctx, op, true); err != nil {
		return credential{}, err
	}
	return c.key(ctx, op, "")
}

// worthRetry reports whether err may be gone in a moment: no answer or a 5xx,
// and the provider did not ask to wait.
func (c *Client) worthRetry(ctx context.Context, err error) bool {
	return fault.Is(err, fault.Unavailable) && fault.RetryAfter(err) == 0 && ctx.Err() == nil
}

// pause waits 100 to 400 ms and reports whether there is time for another attempt.
func (c *Client) pause(ctx context.Context) bool {
	d := 100*time.Millisecond + time.Duration(c.opts.Rand()*float64(300*time.Millisecond))
	if end, ok := ctx.Deadline(); ok && end.Sub(c.opts.Now()) < 2*d {
		return false
	}
	return sleep(ctx, d)
}

// sleep waits and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt asks breaker and limiter, sends, and tells both what came of it.
// used is what was sent, the zero credential if nothing was.
func (c *Client) attempt(ctx context.Context, op string, key credential, now again, send try) (used credential, err error) {
	began := c.opts.Now()
	used, status, err := c.guarded(ctx, op, key, now, send)
	took := c.opts.Now().Sub(began)
	kind := fault.KindOf(err)
	c.opts.Observe(ctx, Event{Provider: c.opts.Name, Op: op, Status: status, Kind: kind, Took: took})
	if err != nil {
		c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "provider call failed",
			slog.String("provider", c.opts.Name), slog.String("op", op), slog.String("kind", string(kind)),
			slog.Int("status", status), slog.Int64("took_ms", took.Milliseconds()))
	}
	return used, err
}

// guarded sends if the breaker lets it.
func (c *Client) guarded(ctx context.Context, op string, key credential, now again, send try) (used credential, status int, err error) {
	if c.opts.Breaker == nil {
		used, _, status, err = c.limited(ctx, op, key, now, send)
		return used, status, err
	}
	permit, err := c.opts.Breaker.Allow(ctx, c.breakerKey(key.account))
	if err != nil {
		return used, 0, c.own(op, err)
	}
	outcome := breaker.Ignored
	defer func() { // also after a panic in send, or a probe's lease would keep everyone away
		reason := c.opts.Name + " fails with " + string(fault.KindOf(err))
		if e := c.opts.Breaker.Report(ctx, permit, outcome, reason); e != nil {
			c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "breaker not written", slog.String("provider", c.opts.Name), slog.String("kind", string(fault.KindOf(e))))
		}
	}()
	used, outcome, status, err = c.limited(ctx, op, key, now, send)
	return used, status, err
}

// limited sends below the rate limit. What was not sent says nothing about the
// provider's health.
func (c *Client) limited(ctx context.Context, op string, key credential, now again, send try) (used credential, outcome breaker.Outcome, status int, err error) {
	if key, err = c.ready(ctx, op, key, now); err != nil {
		return used, breaker.Ignored, 0, err
	}
	status, err = c.timed(ctx, key, send)
	return key, health(ctx, status, err), status, c.throttled(ctx, op, key.account, err)
}

// ready waits for the limiter and returns what to send then: a key that was
// revoked during the wait must not be used any more.
func (c *Client) ready(ctx context.Context, op string, key credential, now again) (credential, error) {
	for {
		if err := c.slot(ctx, op, key.account); err != nil {
			return key, err
		}
		fresh, err := now(ctx)
		if err != nil || fresh.account == key.account {
			return fresh, err
		}
		key = fresh // it is another account's limit now
	}
}

// timed sends within the time limit of one attempt.
func (c *Client) timed(ctx context.Context, key credential, send try) (int, error) {
	limited, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	began := c.opts.Now()
	status, err := send(limited, key)
	if !errors.Is(ctx.Err(), context.Canceled) { // else the caller gave up
		c.opts.Answered(fault.KindOf(err), c.opts.Now().Sub(began))
	}
	return status, err
}

// slot waits for the limiter.
func (c *Client) slot(ctx context.Context, op, account string) error {
	g, limited := c.group[op]
	if !limited || c.opts.Limiter == nil {
		return nil
	}
	return c.own(op, c.opts.Limiter.Wait(ctx, c.limiterKey(account, g), g.Quota))
}

// longestPush bounds what a provider's Retry-After may do to everybody.
const longestPush = 24 * time.Hour

// throttled moves the limiter forward for everyone after a provider said that
// we are too fast. If it did not say for how long, its window must pass first.
func (c *Client) throttled(ctx context.Context, op, account string, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.RateLimited {
		return err
	}
	g, limited := c.group[op]
	if e.RetryAfter <= 0 {
		e.RetryAfter = min(max(g.Quota.Per, time.Second), time.Minute)
	}
	e.RetryAfter = min(e.RetryAfter, longestPush)
	if limited && c.opts.Limiter != nil {
		// A failure to push is not the caller's: the provider will say it again.
		if perr := c.opts.Limiter.Push(ctx, c.limiterKey(account, g), c.opts.Now().Add(e.RetryAfter)); perr != nil {
			c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "limiter not pushed", slog.String("provider", c.opts.Name), slog.String("op", op), slog.String("kind", string(fault.KindOf(perr))))
		}
	}
	return err
}

// health is what an attempt says about the provider.
func health(ctx context.Context, status int, err error) breaker.Outcome {
	switch kind := fault.KindOf(err); {
	case errors.Is(ctx.Err(), context.Canceled):
		return breaker.Ignored // the caller gave up, which is nobody's fault
	case status >= http.StatusInternalServerError, status == 0 && err != nil, kind == fault.BadResponse:
		return breaker.Failure
	case kind == fault.RateLimited, kind == fault.QuotaExhausted:
		return breaker.Ignored
	default:
		return breaker.Success
	}
}

// BreakerKey is the key of the circuit breaker of an account at a provider.
func BreakerKey(provider, account string) string { return joinKey(provider, account) }

func (c *Client) breakerKey(account string) string { return BreakerKey(c.opts.Name, account) }

func (c *Client) limiterKey(account string, g Group) string {
	return joinKey(c.opts.Name, account, g.Name)
}

func joinKey(parts ...string) string {
	key := parts[0]
	for _, p := range parts[1:] {
		if p != "" {
			key += "/" + p
		}
	}
	return key
}

// own marks a fault of the limiter or breaker with provider and operation.
func (c *Client) own(op string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return &fault.Error{Kind: fault.KindOf(err), Op: c.opts.Name + "." + op, Provider: c.opts.Name, Err: err}
	}
	return &fault.Error{Kind: e.Kind, Op: c.opts.Name + "." + op, Provider: c.opts.Name, Message: e.Message, RetryAfter: e.RetryAfter, Err: e.Err}
}

func (c *Client) internal(op, message string) error {
	return &fault.Error{Kind: fault.Internal, Op: c.opts.Name + "." + op, Provider: c.opts.Name, Message: message}
}
