package breaker

import "time"

// State is the position of a breaker.
type State string

// The states. The zero value means closed: nothing was ever written.
const (
	Closed   State = "closed"
	Open     State = "open"
	HalfOpen State = "half-open" // one process probes, the others stay away
)

// Record is what is shared about one key.
type Record struct {
	State State
	// Until is when an open breaker may be probed, and when the lease of a
	// half-open one ends. Zero with Open: only a person closes it.
	Until  time.Time
	Trips  int    // times it opened without a success in between
	Reason string // why it is open, or why a person closed it, for people; no data
	// By and At are the person who opened or closed it by hand, and when; zero if
	// the machine did.
	By      string    `json:",omitzero"`
	At      time.Time `json:",omitzero"`
	Version int64     // raised by every write; zero: never written
}

// Manual reports whether a person opened it.
func (r Record) Manual() bool { return r.State == Open && r.Until.IsZero() }

// blocked returns how long calls are refused from now on; probe reports that
// the caller may try to become the one that probes.
func (r Record) blocked(now time.Time) (wait time.Duration, probe bool) {
	switch {
	case r.State == Closed || r.State == "":
		return 0, false
	case r.Manual():
		return manualWait, false
	case now.Before(r.Until):
		return r.Until.Sub(now), false
	default:
		return 0, true
	}
}

// manualWait is what callers of a breaker that waits for a person are told.
const manualWait = time.Hour

// probing is the record of a process that has begun to probe.
func (r Record) probing(now time.Time, lease time.Duration) Record {
	return Record{State: HalfOpen, Until: now.Add(lease), Trips: r.Trips, Reason: r.Reason}
}

// tripped is the record after a failure too many: each trip in a row doubles
// the pause, up to a limit.
func (r Record) tripped(now time.Time, pause, longest time.Duration, reason string) Record {
	for range min(r.Trips, 30) {
		pause = min(2*pause, longest)
	}
	return Record{State: Open, Until: now.Add(min(pause, longest)), Trips: r.Trips + 1, Reason: reason}
}

// counts is a rolling window of outcomes in two halves: the current one and the
// one before.
type counts struct {
	since        time.Time
	ok, bad      int
	oldOK, oldNo int
}

func (c *counts) add(now time.Time, window time.Duration, failed bool) {
	switch half := window / 2; {
	case now.Sub(c.since) >= 2*half:
		*c = counts{since: now}
	case now.Sub(c.since) >= half:
		*c = counts{since: c.since.Add(half), oldOK: c.ok, oldNo: c.bad}
	}
	if failed {
		c.bad++
	} else {
		c.ok++
	}
}

// tooMany reports whether the share of failures reached ratio over at least
// least calls.
func (c *counts) tooMany(least int, ratio float64) bool {
	bad := c.bad + c.oldNo
	all := bad + c.ok + c.oldOK
	return all >= least && float64(bad) >= ratio*float64(all)
}
