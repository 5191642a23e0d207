package sim_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// director makes the events of a scenario happen, and remembers which did.
type director struct {
	// act performs a pause or a suppression, from outside any function.
	act func(event)

	mu     sync.Mutex
	events map[string][]*planned // by where they happen
	count  map[string]int
	all    []*planned
}

type planned struct {
	event
	fired bool
}

// names of functions and queues in the stack, without what all of them share.
const namePrefix = "sluice-dev-"

func newDirector(events []event) *director {
	d := &director{events: map[string][]*planned{}, count: map[string]int{}}
	for _, e := range events {
		p := &planned{event: e}
		d.all = append(d.all, p)
		if strings.HasPrefix(e.Do, doIll) {
			p.fired = true // it colours everything
			continue
		}
		place := e.In + " " + e.Call
		if e.Do == doCopy || e.Do == doLate {
			place = "message to " + e.In
		}
		d.events[place] = append(d.events[place], p)
	}
	return d
}

// due counts one more call at each of the places and returns the events that
// happen there now.
func (d *director) due(places ...string) (now []event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, place := range places {
		waiting, ok := d.events[place]
		if !ok {
			continue
		}
		d.count[place]++
		n := d.count[place]
		for _, p := range waiting {
			if n == p.Nth || n > p.Nth && n < p.Nth+p.times() && p.Do != doCopy {
				p.fired = true
				now = append(now, p.event)
			}
		}
	}
	return now
}

// BeforeCall implements localaws.Faults. The API is spared: its client is a
// person, who would repeat the request.
func (d *director) BeforeCall(_ context.Context, service, operation, caller string) localaws.Fault {
	function, ok := strings.CutPrefix(caller, namePrefix)
	if !ok || function == "api" {
		return localaws.Fault{}
	}
	var f localaws.Fault
	for _, e := range d.due(function+" ", function+" "+service, function+" "+service+"."+operation) {
		switch e.Do {
		case doThrottle:
			f.Mishap = localaws.Throttle
		case doError:
			f.Mishap = localaws.ServerError
		case doKillBefore:
			f.Mishap = localaws.KillBefore
		case doKillAfter:
			f.Mishap = localaws.KillAfter
		case doLose:
			f.Mishap = localaws.LoseAnswer
		case doDelay:
			f.Delay += time.Duration(e.For)
		default:
			d.act(e)
		}
	}
	return f
}

// disturb is told of every message that is sent.
func (d *director) disturb(queue string) (out sqs.Disturbance) {
	for _, e := range d.due("message to " + strings.TrimPrefix(queue, namePrefix)) {
		if e.Do == doCopy {
			out.Duplicates += e.times()
		} else {
			out.Delay += time.Duration(e.For)
		}
	}
	return out
}

// providers is how ill each provider is.
func (d *director) providers() map[string]upstream.Faults {
	out := map[string]upstream.Faults{}
	for _, p := range d.all {
		f := out[p.In]
		switch strings.TrimPrefix(p.Do, doIll) {
		case "throttle":
			f.Throttle += p.Share
		case "error":
			f.Error += p.Share
		case "slow":
			f.Slow, f.SlowBy = f.Slow+p.Share, time.Duration(p.For)
		case "truncate":
			f.Truncate += p.Share
		case "wrong type":
			f.WrongType += p.Share
		case "lost":
			f.Lost += p.Share
		default:
			continue
		}
		out[p.In] = f
	}
	return out
}

// fired are the events that really happened.
func (d *director) fired() (out []event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.all {
		if p.fired {
			out = append(out, p.event)
		}
	}
	return out
}

// exact reports whether nothing happened that may cost an answer, so that what
// is settled must be what was charged.
func (d *director) exact() bool {
	return !slices.ContainsFunc(d.fired(), func(e event) bool {
		return !slices.Contains([]string{doPause, doSuppress, doCopy, doLate}, e.Do)
	})
}

// stormy reports whether a call was hit so often in a row that giving up on
// something is right.
func (d *director) stormy() bool {
	return slices.ContainsFunc(d.fired(), func(e event) bool { return e.times() >= 4 || strings.HasPrefix(e.Do, doIll) })
}
