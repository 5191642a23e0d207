package dynamodb

import (
	"math"
	"strconv"
	"time"
)

// AWS never deletes an item whose time to live lies further back: Developer
// Guide, "Using time to live", read November 2026.
const ttlHorizon = 5 * 365 * 24 * time.Hour

// expiryOf returns the entry of an item in the expiry tree, nil if the item
// does not expire.
func (t *table) expiryOf(r *record) *record {
	if t.def.TimeToLive == "" {
		return nil
	}
	v, ok := r.item.lookup(t.def.TimeToLive)
	if !ok || v.kind != kindN {
		return nil
	}
	seconds, err := strconv.ParseFloat(v.str, 64)
	if err != nil || seconds <= 0 || seconds > math.MaxInt32*100 {
		return nil // the far future: beyond the year 8000
	}
	return &record{hash: uint64(seconds), part: r.part, sort: r.sort}
}

func (t *table) noteExpiry(r *record, now time.Time) {
	e := t.expiryOf(r)
	if e == nil || time.Unix(int64(e.hash), 0).Before(now.Add(-ttlHorizon)) { //nolint:gosec // bounded in expiryOf
		return
	}
	t.expiry.set(e)
	t.wakeBy(t.removalOf(e))
}

func (t *table) forgetExpiry(r *record) {
	if e := t.expiryOf(r); e != nil {
		t.expiry.remove(e)
	}
}

// removalOf is when an entry of the expiry tree is swept.
func (t *table) removalOf(e *record) time.Time {
	return time.Unix(int64(e.hash), 0).Add(t.lag) //nolint:gosec // bounded in expiryOf
}

// wakeBy makes sure that settle does its work from moment at on.
func (t *table) wakeBy(at time.Time) {
	if at.UnixNano() < t.wake.Load() {
		t.wake.Store(at.UnixNano())
	}
}

// lock locks the table for writing, after what is due by now has happened.
func (s *Service) lock(t *table) error {
	t.mu.Lock()
	if t.deleted {
		t.mu.Unlock()
		return notFound()
	}
	if err := s.settle(t); err != nil {
		t.mu.Unlock()
		return err
	}
	return nil
}

// rlock locks the table for reading, after what is due by now has happened.
func (s *Service) rlock(t *table) error {
	if time.Now().UnixNano() >= t.wake.Load() {
		if err := s.lock(t); err != nil {
			return err
		}
		t.mu.Unlock()
	}
	t.mu.RLock()
	if t.deleted {
		t.mu.RUnlock()
		return notFound()
	}
	return nil
}

// settle shows changes of indexes and replicas that are due and deletes items whose time to live
// passed longer than the lag ago. The table is locked. Deletions by time to
// live are free on AWS.
func (s *Service) settle(t *table) error {
	now := time.Now()
	if now.UnixNano() < t.wake.Load() {
		return nil
	}
	t.showArrivals(now)
	t.showPending(now)
	var expired []change
	t.expiry.ascend(position{depth: 1}, func(e *record) bool {
		if t.removalOf(e).After(now) {
			return false
		}
		if r := t.items.get(&record{hash: hashOf(e.part), part: e.part, sort: e.sort}); r != nil {
			expired = append(expired, t.plan(r, nil))
		}
		return true
	})
	if len(expired) > 0 {
		if err := s.commit(now, expired, nil); err != nil {
			return err
		}
	}
	t.wake.Store(math.MaxInt64)
	if len(t.pending) > 0 {
		t.wakeBy(t.pending[0].due)
	}
	if len(t.arrivals) > 0 {
		t.wakeBy(t.arrivals[0].due)
	}
	t.expiry.ascend(position{depth: 1}, func(e *record) bool {
		t.wakeBy(t.removalOf(e))
		return false
	})
	return nil
}

func (t *table) showPending(now time.Time) {
	n := 0
	for n < len(t.pending) && !t.pending[n].due.After(now) {
		t.pending[n].change.apply()
		n++
	}
	clear(t.pending[:n])
	t.pending = t.pending[n:]
}
