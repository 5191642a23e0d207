// Package health says how providers are: the share of failures, the time of an
// answer, throttles, and whether that gets better or worse. Each worker counts
// in memory what its calls bring ([Meter]) and adds it to the deployment's
// counts once a minute; a call writes nothing.
//
// It imports fault and the standard library. It is NOT the circuit breaker, which
// acts on failures at once; nobody acts on these numbers but people.
package health

import (
	"math"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

// Span is the length of time that is counted together.
const Span = 5 * time.Minute

// Buckets are how many classes of times of answers are kept apart.
const Buckets = 24

// Counts are what came of the calls of a time.
type Counts struct {
	Calls     int
	Failures  int // no answer, a 5xx, nonsense
	Throttled int // the provider said that we are too fast
	Took      [Buckets]int
}

// Plus returns the sum.
func (c Counts) Plus(o Counts) Counts {
	c.Calls += o.Calls
	c.Failures += o.Failures
	c.Throttled += o.Throttled
	for i, n := range o.Took {
		c.Took[i] += n
	}
	return c
}

// bucket is the class of a time: each reaches 1.5 times as far as the one before,
// from 10 ms to 112 s.
func bucket(took time.Duration) int {
	for i := range Buckets - 1 {
		if took <= upTo(i) {
			return i
		}
	}
	return Buckets - 1
}

func upTo(bucket int) time.Duration {
	return time.Duration(float64(10*time.Millisecond) * math.Pow(1.5, float64(bucket)))
}

// ErrorShare is the share of the calls that failed, 0..1; zero without calls.
func (c Counts) ErrorShare() float64 {
	if c.Calls == 0 {
		return 0
	}
	return float64(c.Failures) / float64(c.Calls)
}

// P95 is the time within which 95 % of the answers came, rounded up to the next
// class; zero without any.
func (c Counts) P95() time.Duration {
	all := 0
	for _, n := range c.Took {
		all += n
	}
	seen := 0
	for i, n := range c.Took {
		if seen += n; n > 0 && seen*100 >= all*95 {
			return upTo(i).Round(time.Millisecond)
		}
	}
	return 0
}

// Trend says where a provider is going.
type Trend string

// The trends.
const (
	Up      Trend = "up"     // it fails less, or answers faster, than before
	Down    Trend = "down"   // it fails more, or answers slower
	Steady  Trend = "steady" // no difference that is more than chance
	Unknown Trend = "unknown"
)

// enough is how many calls must have been made in both times to compare them.
const enough = 20

// TrendOf compares the last hour with the day before it. A difference counts if
// it is more than chance makes of so many calls (two standard errors) and worth
// telling: two points of the share of failures, or half the time again.
func TrendOf(before, now Counts) Trend {
	if before.Calls < enough || now.Calls < enough {
		return Unknown
	}
	pooled := before.Plus(now).ErrorShare()
	chance := 2 * math.Sqrt(pooled*(1-pooled)*(1/float64(before.Calls)+1/float64(now.Calls)))
	switch diff := now.ErrorShare() - before.ErrorShare(); {
	case diff > max(chance, 0.02):
		return Down
	case -diff > max(chance, 0.02):
		return Up
	}
	// One class more is 1.5 times as long; the classes are coarse, so two.
	switch was, is := before.P95(), now.P95(); {
	case float64(is) > 1.6*float64(was):
		return Down
	case float64(was) > 1.6*float64(is):
		return Up
	}
	return Steady
}

// Meter counts the calls of one worker. Safe for concurrent use.
type Meter struct {
	mu     sync.Mutex
	counts map[Key]Counts
	last   time.Time // when it was emptied
}

// Key is what counts are kept apart by.
type Key struct {
	Provider string
	Start    time.Time // of the [Span]
}

// Add counts a call that was sent. kind is "" for a success.
func (m *Meter) Add(at time.Time, provider string, kind fault.Kind, took time.Duration) {
	one := Counts{Calls: 1}
	switch kind {
	case fault.Unavailable, fault.Unclear, fault.BadResponse:
		one.Failures = 1
	case fault.RateLimited:
		one.Throttled = 1
	default: // an answer, whatever it says
	}
	one.Took[bucket(took)] = 1
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[Key]Counts{}
	}
	k := Key{Provider: provider, Start: at.UTC().Truncate(Span)}
	m.counts[k] = m.counts[k].Plus(one)
}

// every is how often a worker hands over what it counted, at most.
const every = time.Minute

// Take hands over what was counted, if a minute has passed since the last time;
// else nothing.
func (m *Meter) Take(now time.Time) map[Key]Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.counts) == 0 || now.Sub(m.last) < every {
		return nil
	}
	out := m.counts
	m.counts, m.last = nil, now
	return out
}

// Give puts back what could not be handed over.
func (m *Meter) Give(counts map[Key]Counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[Key]Counts{}
	}
	for k, c := range counts {
		m.counts[k] = m.counts[k].Plus(c)
	}
}
