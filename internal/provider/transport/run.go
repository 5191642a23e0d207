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
type try func(ctx context.Context, secret map[string]string) (int, error)

// run is what every call has in common, whatever its protocol: secret, attempt,
// a second attempt with a new key after a 401, or after a passing failure.
func (c *Client) run(ctx context.Context, op string, idempotent bool, send try) error {
	secret, err := c.secret(ctx, op, false)
	if err != nil {
		return err
	}
	err = c.attempt(ctx, op, secret, send)
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.Unauthenticated) && c.opts.Auth.Kind != AuthNone:
		// The key may have been rotated. Nothing took effect, so a repetition is
		// safe for any call; with the same key it would be pointless.
		fresh, refreshErr := c.secret(ctx, op, true)
		if refreshErr != nil || c.key(fresh) == c.key(secret) {
			return err
		}
		return c.attempt(ctx, op, fresh, send)
	case idempotent && c.worthRetry(ctx, err) && c.pause(ctx):
		return c.attempt(ctx, op, secret, send)
	}
	return err
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
func (c *Client) attempt(ctx context.Context, op string, secret map[string]string, send try) error {
	began := c.opts.Now()
	status, err := c.guarded(ctx, op, secret, send)
	took := c.opts.Now().Sub(began)
	kind := fault.KindOf(err)
	c.opts.Observe(Event{Provider: c.opts.Name, Op: op, Status: status, Kind: kind, Took: took})
	if err != nil {
		c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "provider call failed",
			slog.String("provider", c.opts.Name), slog.String("op", op), slog.String("kind", string(kind)),
			slog.Int("status", status), slog.Int64("took_ms", took.Milliseconds()))
	}
	return err
}

// guarded sends if the breaker lets it.
func (c *Client) guarded(ctx context.Context, op string, secret map[string]string, send try) (status int, err error) {
	if c.opts.Breaker == nil {
		return c.limited(ctx, op, secret, send)
	}
	permit, err := c.opts.Breaker.Allow(ctx, c.breakerKey())
	if err != nil {
		return 0, c.own(op, err)
	}
	outcome := breaker.Ignored
	defer func() { // also after a panic in send, or a probe's lease would keep everyone away
		reason := c.opts.Name + " fails with " + string(fault.KindOf(err))
		if e := c.opts.Breaker.Report(ctx, permit, outcome, reason); e != nil {
			c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "breaker not written", slog.String("provider", c.opts.Name), slog.String("kind", string(fault.KindOf(e))))
		}
	}()
	if err = c.slot(ctx, op); err != nil {
		return 0, err
	}
	status, err = c.timed(ctx, secret, send)
	outcome = health(ctx, status, err)
	return status, c.throttled(ctx, op, err)
}

// limited sends below the rate limit.
func (c *Client) limited(ctx context.Context, op string, secret map[string]string, send try) (int, error) {
	if err := c.slot(ctx, op); err != nil {
		return 0, err
	}
	status, err := c.timed(ctx, secret, send)
	return status, c.throttled(ctx, op, err)
}

// timed sends within the time limit of one attempt.
func (c *Client) timed(ctx context.Context, secret map[string]string, send try) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	return send(ctx, secret)
}

// slot waits for the limiter.
func (c *Client) slot(ctx context.Context, op string) error {
	g, limited := c.group[op]
	if !limited || c.opts.Limiter == nil {
		return nil
	}
	return c.own(op, c.opts.Limiter.Wait(ctx, c.limiterKey(g), g.Quota))
}

// longestPush bounds what a provider's Retry-After may do to everybody.
const longestPush = 24 * time.Hour

// throttled moves the limiter forward for everyone after a provider said that
// we are too fast. If it did not say for how long, its window must pass first.
func (c *Client) throttled(ctx context.Context, op string, err error) error {
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
		if perr := c.opts.Limiter.Push(ctx, c.limiterKey(g), c.opts.Now().Add(e.RetryAfter)); perr != nil {
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

func (c *Client) breakerKey() string { return joinKey(c.opts.Name, c.opts.Account) }

func (c *Client) limiterKey(g Group) string { return joinKey(c.opts.Name, c.opts.Account, g.Name) }

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
