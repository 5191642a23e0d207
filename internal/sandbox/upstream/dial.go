package upstream

import (
	"math/bits"
	"sync"
	"time"
)

// Faults are the probabilities, 0..1 per request, that a provider misbehaves.
// They exclude one another: at most one happens to a request, and their sum
// should not pass 1. The zero value is a provider without faults.
type Faults struct {
	Throttle  float64       // refused in the provider's own form, without effect
	Error     float64       // 500 or 503, without effect
	Slow      float64       // the effect happens at once, the answer comes SlowBy later
	Truncate  float64       // the effect happens, the body ends half way
	WrongType float64       // the effect happens, a web page comes instead of the answer
	Lost      float64       // the effect happens, the connection breaks before the answer
	SlowBy    time.Duration // zero: 20 seconds
	Outage    bool          // no connection at all
}

// Dial holds a provider's [Faults] and may be turned while requests run.
type Dial struct {
	mu     sync.Mutex
	faults Faults
}

// Set replaces the faults.
func (d *Dial) Set(f Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
}

// Faults returns the present setting.
func (d *Dial) Faults() Faults {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults
}

// SetOutage switches the outage on or off and leaves the rest as it is.
func (d *Dial) SetOutage(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.Outage = on
}

// mishap is what happens to one request.
type mishap int

const (
	none mishap = iota
	throttled
	failed500
	failed503
	slow
	truncated
	wrongType
	lost
)

// strike decides from a number that depends on nothing but seed, provider,
// request and attempt, so that the same seed gives the same faults however the
// goroutines are scheduled.
func (f Faults) strike(draw uint64) mishap {
	u := float64(draw>>11) / (1 << 53)
	for _, c := range []struct {
		share float64
		what  mishap
	}{
		{f.Throttle, throttled},
		{f.Error / 2, failed500},
		{f.Error / 2, failed503},
		{f.Slow, slow},
		{f.Truncate, truncated},
		{f.WrongType, wrongType},
		{f.Lost, lost},
	} {
		if u < c.share {
			return c.what
		}
		u -= c.share
	}
	return none
}

func (f Faults) slowBy() time.Duration {
	if f.SlowBy > 0 {
		return f.SlowBy
	}
	return 20 * time.Second
}

// mix is a bijective scrambler of 64 bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return bits.RotateLeft64(x^x>>31, 17)
}
