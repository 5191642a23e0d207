package dynamodb

import (
	"strconv"
	"time"
)

// A read that is not strongly consistent is answered by one of several copies,
// and one may be behind. A table that has the dial for it turned on therefore
// has a second one, its replica, to which every write comes later.

// arrival is a write on its way to a replica.
type arrival struct {
	due           time.Time
	before, after *record
}

// newReplica returns the table that is behind another by opts.StaleReads. It
// lets no item expire by itself: that arrives like any other deletion.
func newReplica(def definition, opts Options) *table {
	behind := opts.StaleReads
	opts.StaleReads, def.TimeToLive = 0, ""
	r := newTable(def, opts)
	r.behind = behind
	return r
}

// send puts a change on its way. The table that it was made in is locked.
func (t *table) send(c change, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := now.Add(t.behind)
	t.arrivals = append(t.arrivals, arrival{due, c.before, c.after})
	t.wakeBy(due)
}

// showArrivals makes the changes that have arrived. The replica is locked.
func (t *table) showArrivals(now time.Time) {
	n := 0
	for n < len(t.arrivals) && !t.arrivals[n].due.After(now) {
		a := t.arrivals[n]
		t.plan(a.before, a.after).apply(a.due)
		n++
	}
	clear(t.arrivals[:n])
	t.arrivals = t.arrivals[n:]
}

// view is the table that a read sees: the table, or its replica. Which of them
// follows from the seed, the key and the time, so that a simulation with many
// goroutines can be repeated.
func (s *Service) view(t *table, consistent bool, part, sort string) (*table, error) {
	if t.replica == nil || consistent {
		return t, nil
	}
	moment := strconv.FormatUint(s.opts.Seed, 10) + " " + strconv.FormatInt(time.Now().UnixNano(), 10)
	if hashOf(moment+" "+t.def.TableName+" "+part+" "+sort)&1 == 0 {
		return t, nil
	}
	// What expired must have left the table before it can leave the replica.
	if err := s.rlock(t); err != nil {
		return nil, err
	}
	t.mu.RUnlock()
	return t.replica, nil
}
