package ratelimit

import (
	"fmt"
	"time"
)

// Quota is a documented rate. A provider that states several windows is
// declared by the tightest of them, with a Burst that fits the others.
type Quota struct {
	Rate  int           // calls ...
	Per   time.Duration // ... in any window of this length
	Burst int           // calls that may come at once after a pause; zero means one
}

// Validate reports what makes the quota unusable.
func (q Quota) Validate() error {
	switch {
	case q.Rate < 1:
		return fmt.Errorf("quota: rate is %d calls, want at least 1", q.Rate)
	case q.Per < time.Millisecond || q.Per > 31*24*time.Hour:
		return fmt.Errorf("quota: window is %v, want between 1ms and 31 days", q.Per)
	case q.Burst < 0 || q.Burst > q.Rate:
		return fmt.Errorf("quota: burst is %d, want between 0 and the rate %d", q.Burst, q.Rate)
	}
	return nil
}

// slack is how much later than its slot a call may start although Burst is one:
// timers are never exact.
func (q Quota) slack() time.Duration { return min(q.Per/50, 50*time.Millisecond) }

// Interval is the distance between two slots, a whole number of microseconds.
// It is a trifle more than Per/Rate, which pays for calls that start late:
// a window of Per, widened by the slack, holds no more than Rate slots.
func (q Quota) Interval() time.Duration {
	return ceilMicro((q.Per + q.slack() + time.Duration(q.Rate) - 1) / time.Duration(q.Rate))
}

// tolerance is how far a slot may lie in the past when it is handed out: the
// unused time that a burst may spend.
func (q Quota) tolerance() time.Duration {
	return time.Duration(max(q.Burst, 1)-1) * q.Interval()
}

// late is how long after its time a slot may still be used. Every call that
// starts at t uses a slot in [t-late, t], slots are an Interval apart, and so
// the calls of a window are at most the slots of that window widened by late.
func (q Quota) late() time.Duration { return q.tolerance() + q.slack() }

// Floor is the earliest slot that may be handed out at now.
func (q Quota) Floor(now time.Time) time.Time { return now.Add(-q.tolerance()) }

func ceilMicro(d time.Duration) time.Duration {
	return (d + time.Microsecond - 1) / time.Microsecond * time.Microsecond
}

// Block is a run of slots: Start, Start+Interval, ... A slot in the past may be
// used at once; one in the future not before its time.
type Block struct {
	Start    time.Time
	Interval time.Duration
	Slots    int
}

// Advance is the arithmetic of [Store.Advance] on a stored value, for its
// implementations: next is the stored time (zero: none), the result is the new
// value to store and the start of what was reserved. If ok is false nothing is
// reserved, and start is the time before which nothing is free.
func Advance(next, floor, horizon time.Time, inc time.Duration) (stored, start time.Time, ok bool) {
	switch {
	case next.Before(floor):
		return floor.Add(inc), floor, true
	case !next.After(horizon):
		return next.Add(inc), next, true
	default:
		return next, next, false
	}
}
