package ratelimit

import (
	"context"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

// lead is how long before the end of what it has booked a share may book
// again: long enough to go on without a gap, and so short that another one
// that asks meanwhile gets the slots behind. So shares that want more than
// there is take blocks in turn, whatever the number of their processes, and one
// that is alone has everything.
const lead = time.Second

// ahead is how much time all shares together may have booked: below MaxWait, so
// that one that has nothing yet can always book.
const ahead = 4 * time.Second

// inTurn reserves slots for the share that ctx belongs to, at most n and not more
// than its part of what may be booked ahead. It waits while it is the others'
// turn, for at most MaxWait.
func (l *Limiter) inTurn(ctx context.Context, k *local, key string, n int, q Quota) (Block, error) {
	store, ok := l.store.(Sharing)
	share := l.opts.Share(ctx)
	if !ok || share == "" {
		return l.Reserve(ctx, key, n, q)
	}
	if k.shares > 1 {
		n = max(1, min(n, int(ahead/time.Duration(k.shares)/q.Interval())))
	}
	last := l.opts.Now().Add(l.opts.MaxWait)
	if end, ok := ctx.Deadline(); ok && end.Before(last) {
		last = end
	}
	for {
		now := l.opts.Now()
		horizon := now.Add(l.opts.MaxWait)
		start, shares, ok, err := store.AdvanceShare(ctx, key, share, now.Add(lead), q.Floor(now), horizon, time.Duration(n)*q.Interval())
		k.shares = shares
		switch {
		case err != nil:
			return Block{}, fault.Wrap(fault.KindOf(err), "ratelimit.wait", err)
		case ok:
			return Block{Start: start, Interval: q.Interval(), Slots: n}, nil
		case start.After(horizon):
			return Block{}, notBefore(start.Sub(now))
		}
		again := start.Add(-lead)
		if !again.Before(last) {
			return Block{}, notBefore(again.Sub(now))
		}
		if err := l.sleep(ctx, again.Sub(now)); err != nil {
			return Block{}, err
		}
	}
}

// AdvanceShare is the arithmetic of [Sharing], for its implementations: booked
// is until when the share has booked (zero: never). What is stored is also the
// share's, if ok.
func AdvanceShare(next, booked, lead, floor, horizon time.Time, inc time.Duration) (stored, start time.Time, ok bool) {
	if !next.After(horizon) && booked.After(lead) {
		return next, booked, false
	}
	return Advance(next, floor, horizon, inc)
}
