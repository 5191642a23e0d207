package practice_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// chaos makes things go wrong at random: the seed fixes how often, and which
// calls are hit depends on their order.
type chaos struct {
	mu   sync.Mutex
	rand *rand.Rand
	hits map[localaws.Mishap]int

	mishap    float64 // share of calls that go wrong
	delay     float64 // share of calls that are slow
	duplicate float64 // share of messages that come twice
	late      float64 // share of messages that come late
}

// newChaos draws how bad a day it is.
func newChaos(seed uint64) *chaos {
	r := rand.New(rand.NewPCG(seed, 77))
	return &chaos{
		rand: r, hits: map[localaws.Mishap]int{},
		mishap: 0.004 * r.Float64(), delay: 0.01 * r.Float64(), duplicate: 0.2 * r.Float64(), late: 0.2 * r.Float64(),
	}
}

// BeforeCall implements localaws.Faults. Only functions are hit: a client of
// the API is a person who would repeat the request.
func (c *chaos) BeforeCall(_ context.Context, _, _, caller string) localaws.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	var f localaws.Fault
	if caller == "" || caller == "sluice-dev-api" {
		return f
	}
	if c.rand.Float64() < c.delay {
		f.Delay = time.Duration(c.rand.Int64N(int64(3 * time.Second)))
	}
	if c.rand.Float64() < c.mishap {
		kinds := []localaws.Mishap{localaws.Throttle, localaws.ServerError, localaws.KillBefore, localaws.KillAfter, localaws.LoseAnswer}
		f.Mishap = kinds[c.rand.IntN(len(kinds))]
		c.hits[f.Mishap]++
	}
	return f
}

// disturb makes messages come twice and late.
func (c *chaos) disturb(string) sqs.Disturbance {
	c.mu.Lock()
	defer c.mu.Unlock()
	var d sqs.Disturbance
	if c.rand.Float64() < c.duplicate {
		d.Duplicates = 1 + c.rand.IntN(2)
	}
	if c.rand.Float64() < c.late {
		d.Delay = time.Duration(c.rand.Int64N(int64(5 * time.Minute)))
	}
	return d
}

// providers draws how ill each provider is.
func (c *chaos) providers() map[string]upstream.Faults {
	out := map[string]upstream.Faults{}
	for _, name := range []string{"apollo", "hunter", "googleplaces", "hubspot", "openai"} {
		out[name] = upstream.Faults{
			Throttle: 0.03 * c.rand.Float64(), Error: 0.03 * c.rand.Float64(), Slow: 0.01 * c.rand.Float64(),
			Truncate: 0.005 * c.rand.Float64(), WrongType: 0.005 * c.rand.Float64(), Lost: 0.005 * c.rand.Float64(), SlowBy: 5 * time.Second,
		}
	}
	return out
}
