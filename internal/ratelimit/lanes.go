package ratelimit

import (
	"context"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

type lane struct{}

// Interactive marks the calls made under ctx as awaited by a person. They have
// a share of every rate to themselves; see [Quota.Lanes].
func Interactive(ctx context.Context) context.Context {
	return context.WithValue(ctx, lane{}, true)
}

func interactive(ctx context.Context) bool { return ctx.Value(lane{}) != nil }

// interactiveKey is the stored time of the share for people.
func interactiveKey(key string) string { return key + "/interactive" }

// bulkShare is the part of the rate that is not reserved for people.
const bulkShare = 0.965

// lendable is the longest that a person may have to wait for a slot of the
// share that bulk work has taken.
const lendable = 1100 * time.Millisecond

// longestShare is the longest distance between two slots of a share that is
// worth keeping apart: a call a day helps nobody.
const longestShare = time.Hour

// Lanes splits a quota into the lane of bulk work and a share for people, so
// that both together, each at its most, stay within it: rates add up to its
// rate, bursts to its burst. The share is a few percent. A rate that is too low
// to be shared has one lane for all: the second result is zero.
func (q Quota) Lanes() (bulk, people Quota) {
	kept := int(bulkShare*float64(q.Rate)*q.stretch()) + 1
	if one := time.Duration(float64(q.Per) * q.stretch()); kept >= q.Rate && one <= lendable && q.Rate >= 20 {
		kept = q.Rate - 1 // and lends it out, see [Limiter.borrow]
	}
	if kept >= q.Rate {
		return q, Quota{}
	}
	bulk, people = q, q
	bulk.Rate, people.Rate = kept, q.Rate-kept
	if people.Interval() > longestShare {
		return q, Quota{}
	}
	people.Burst = max(1, min(q.Burst/2, people.Rate))
	bulk.Burst = max(1, q.Burst-people.Burst)
	return bulk, people
}

// stretch is by how much the slack widens a window.
func (q Quota) stretch() float64 { return float64(q.Per+q.slack()) / float64(q.Per) }

// borrow takes a slot of the share for bulk work where the lane alone would be
// less than 95 % of the rate, and a person misses nothing: the share's next
// slot follows at once. It is tried once for each block.
func (l *Limiter) borrow(ctx context.Context, key string, bulk, people Quota) (time.Time, bool, error) {
	if people.Rate == 0 || people.Interval() > lendable || float64(bulk.Rate) >= bulkShare*float64(bulk.Rate+people.Rate)*bulk.stretch() {
		return time.Time{}, false, nil
	}
	now := l.opts.Now()
	return l.advance(ctx, interactiveKey(key), people, now, now)
}

// waitInteractive takes a slot for a person: one of the share, or of the bulk
// lane where that comes sooner.
func (l *Limiter) waitInteractive(ctx context.Context, key string, bulk, people Quota) error {
	for {
		slot, q, err := l.sooner(ctx, key, bulk, people)
		if err != nil {
			return err
		}
		if err := l.sleep(ctx, slot.Sub(l.opts.Now())); err != nil {
			return err
		}
		if late := l.opts.Now().Sub(slot); late <= q.late() {
			return nil
		}
	}
}

// sooner takes the next slot of the share if it is free now, else the sooner
// one of both lanes.
func (l *Limiter) sooner(ctx context.Context, key string, bulk, people Quota) (time.Time, Quota, error) {
	now := l.opts.Now()
	last := now.Add(l.opts.MaxWait)
	if end, ok := ctx.Deadline(); ok && end.Before(last) {
		last = end
	}
	own, ok, err := l.advance(ctx, interactiveKey(key), people, now, now)
	if err != nil || ok {
		return own, people, err
	}
	horizon := last
	if own.Before(last) {
		horizon = own
	}
	shared, ok, err := l.advance(ctx, key, bulk, now, horizon)
	if err != nil || ok {
		return shared, bulk, err
	}
	if own, ok, err = l.advance(ctx, interactiveKey(key), people, now, last); err != nil || ok {
		return own, people, err
	}
	if shared.Before(own) {
		own = shared
	}
	return time.Time{}, people, notBefore(own.Sub(now))
}

func (l *Limiter) advance(ctx context.Context, key string, q Quota, now, horizon time.Time) (time.Time, bool, error) {
	start, ok, err := l.store.Advance(ctx, key, q.Floor(now), horizon, q.Interval())
	if err != nil {
		return start, false, fault.Wrap(fault.KindOf(err), "ratelimit.wait", err)
	}
	return start, ok, nil
}
