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
	hits  int // calls that it has hit
}

// names of functions and queues in the stack, without what all of them share.
const namePrefix = "sluice-dev-"

// machine is the place of calls of the state machine itself.
const machine = "machine"

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
				p.hits++
				now = append(now, p.event)
			}
		}
	}
	return now
}

// BeforeCall implements localaws.Faults.
func (d *director) BeforeCall(_ context.Context, service, operation, caller string) localaws.Fault {
	function, ok := strings.CutPrefix(caller, namePrefix)
	switch {
	case ok:
	case strings.HasSuffix(caller, "Role"): // a state machine's, nobody else is asked about
		function = machine
	default:
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
			out.Behind = max(out.Behind, time.Duration(e.For))
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
// is settled must be what was charged. People, copies and delays in queues cost
// none, nor does what happens to a function that buys nothing.
func (d *director) exact() bool {
	harmless := []string{doPause, doSuppress, doCopy, doLate, doRotate, doRevoke, doShut}
	buyers := []string{"discover", "enrich", "score", "plan"}
	return !slices.ContainsFunc(d.fired(), func(e event) bool {
		switch {
		case slices.Contains(harmless, e.Do):
			return false
		case e.Do == doStop, e.Do == doRestart, strings.HasPrefix(e.Do, doIll): // workers anywhere are cut off; answers are lost
			return true
		}
		return slices.Contains(buyers, e.In)
	})
}

// storm reports whether one of the functions was hit so often in a row that the
// attempts of whoever calls it, or of it itself, were used up.
func (d *director) storm(functions ...string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.all, func(p *planned) bool { return p.hits >= 3 && slices.Contains(functions, p.In) })
}

// hits is how often calls of the functions were hit.
func (d *director) hits(functions ...string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.all {
		if slices.Contains(functions, p.In) && p.Do != doCopy && p.Do != doLate {
			n += p.hits
		}
	}
	return n
}

// usedUp reports whether something happened that can use up the attempts of whoever
// calls the functions, or of what they call: repeated mishaps there, providers that
// are ill or shut, a database that is slow, or workers that were cut off.
func (w *world) usedUp(functions []string, providers ...string) bool {
	for _, e := range w.director.fired() {
		if e.Do == doStop || e.Do == doRestart || e.Do == doRevoke || e.Do == doShut && slices.Contains(providers, e.Of) {
			return true
		}
	}
	t := w.scenario.Tables
	return w.director.hits(functions...) >= 3 || t.Writes+t.Reads > 0 || t.Transaction > 0 || w.director.ill(providers...)
}

// ill reports whether one of the providers misbehaves by itself.
func (d *director) ill(providers ...string) bool {
	return slices.ContainsFunc(d.all, func(p *planned) bool {
		return strings.HasPrefix(p.Do, doIll) && slices.Contains(providers, p.In)
	})
}
