package stepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
)

// Statuses of executions and map runs.
const (
	statusRunning   = "RUNNING"
	statusSucceeded = "SUCCEEDED"
	statusFailed    = "FAILED"
	statusTimedOut  = "TIMED_OUT"
	statusAborted   = "ABORTED"
	statusPending   = "PENDING_REDRIVE" // never here: a redrive starts its children as it comes to them
)

// execution is one run of a machine, or of a distributed map's item processor.
type execution struct {
	service  *Service
	id       int64 // short name in the journal and in tokens
	arn      string
	name     string
	revision *revision
	graph    *graph
	salt     string // makes its tokens and random numbers its own
	started  time.Time
	parent   *mapRun // nil for a top-level execution
	index    int     // among the parent's children

	mu           sync.Mutex
	input        json.RawMessage
	outcome      outcome   // status RUNNING until it ends
	redrive      int       // how often it was redriven,
	redone       time.Time // when last,
	redriveToken string    // and with which client token
	rerun        []string  // keys of the visits whose failure the last redrive undid,
	cut          time.Time // and when the execution had ended before it
	events       []event
	mute         bool // replaying what events already tells
	evicted      bool // finished long ago: input, output and history are gone
	records      map[string]*record
	waiters      map[string]chan struct{} // closed when a record of the key appears
	runs         map[string]*mapRun       // by the key of the attempt that made them
	cancel       context.CancelFunc       // nil unless a goroutine runs it
	done         chan struct{}            // closed when that goroutine has ended
}

// outcome is how an execution ended.
type outcome struct {
	status    string
	stopped   time.Time
	output    json.RawMessage
	errorName string
	cause     string
	failedAt  []string // keys of the attempts whose failure ended it, for a redrive
}

// record is one thing that an execution learned from outside, by the key of
// the attempt that learned it.
type record struct {
	Kind   string `json:"k,omitempty"`
	At     int64  `json:"t"` // Unix nanoseconds
	Output text   `json:"o,omitempty"`
	Error  string `json:"e,omitempty"`
	Cause  string `json:"c,omitempty"`
	Number int    `json:"n,omitempty"` // the branch that failed; the redrive in which a token was made

	redrive int // after how many redrives it was learned; the journal's order tells
}

// Kinds of records. An outcome is stored under the attempt's key, the others
// under the key and a suffix.
const (
	recordSucceeded = ""
	recordFailed    = "failed"
	recordTimedOut  = "timedout"
	recordRefused   = "refused"   // the message with the token was not taken
	recordRerun     = "rerun"     // :r, a redrive ran the state again, from this attempt
	recordSubmitted = "submitted" // :s, the message with the token was sent
	recordBeat      = "beat"      // :h, the last heartbeat
	recordDecided   = "decided"   // :d, which branch or iteration failed first
)

func (r *record) at() time.Time { return time.Unix(0, r.At).UTC() }

// errStopped unwinds a frame that may not go on: the execution ended, a
// sibling failed, or the service closes. errGhost unwinds one that only
// rebuilds history and came to its end.
var (
	errStopped = errors.New("stopped")
	errGhost   = errors.New("nothing more is recorded")
)

// lookup returns the record of a key, or nil.
func (x *execution) lookup(key string) *record {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.records[key]
}

// put stores a record unless the key has one, and returns the one that holds.
// It fails if the execution is over or the journal cannot be written.
func (x *execution) put(key string, r *record) (*record, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.outcome.status != statusRunning {
		return nil, errStopped
	}
	if have := x.records[key]; have != nil && r.Kind != recordBeat && r.Kind != recordRerun {
		return have, nil
	}
	if err := x.service.append(entry{Type: entryRecord, Execution: x.id, Key: key, Record: r}); err != nil {
		return nil, err
	}
	x.store(key, r)
	return r, nil
}

// store is put without the journal, for a holder of x.mu.
func (x *execution) store(key string, r *record) {
	if x.records == nil {
		x.records = map[string]*record{}
	}
	r.redrive = x.redrive
	x.records[key] = r
	if w := x.waiters[key]; w != nil {
		close(w)
		delete(x.waiters, key)
	}
}

// await returns a channel that is closed once the key has a record.
func (x *execution) await(key string) <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	w := x.waiters[key]
	if w == nil {
		w = make(chan struct{})
		if x.records[key] != nil {
			close(w)
			return w
		}
		if x.waiters == nil {
			x.waiters = map[string]chan struct{}{}
		}
		x.waiters[key] = w
	}
	return w
}

// end settles how the execution ended, if it has not, and stops its frames.
// The caller holds x.mu. An end that cannot be written to the journal does not
// happen: a new process goes on where this one was.
func (x *execution) end(o outcome) {
	if x.outcome.status != statusRunning {
		return
	}
	o.stopped = time.Now().UTC()
	if err := x.service.append(entry{
		Type: entryEnd, Execution: x.id, At: o.stopped.UnixNano(), Status: o.status,
		Output: text(o.output), Error: o.errorName, Cause: o.cause, Keys: o.failedAt,
	}); err != nil {
		o = x.outcome
	}
	x.outcome = o
	if x.cancel != nil {
		x.cancel()
	}
}

// stop ends the execution from outside and waits for its frames to unwind.
func (x *execution) stop(o outcome) {
	x.mu.Lock()
	x.end(o)
	done := x.done
	x.mu.Unlock()
	if done != nil {
		<-done
	}
}

// launch runs the execution in a goroutine of its own. fresh says that nothing
// of it is recorded yet.
func (x *execution) launch(fresh bool) {
	s := x.service
	ctx, cancel := context.WithCancel(s.ctx)
	x.mu.Lock()
	x.cancel, x.done = cancel, make(chan struct{})
	done := x.done
	if x.outcome.status != statusRunning { // somebody stopped it a moment ago
		cancel()
	}
	x.mu.Unlock()
	s.running.Go(func() {
		defer close(done)
		defer cancel()
		x.run(ctx, fresh)
	})
}

func (x *execution) run(ctx context.Context, fresh bool) {
	f := x.root(ctx)
	f.live = fresh
	if x.mute {
		f.previous = x.events[len(x.events)-1].id
	} else {
		f.previous = 0
		f.emit("ExecutionStarted", 0, startedDetails{Input: text(x.input), RoleArn: x.revision.roleArn})
	}
	if limit := x.graph.timeout; limit > 0 && x.parent == nil {
		since := x.started
		if x.redrive > 0 {
			since = x.redone
		}
		timer := time.AfterFunc(time.Until(since.Add(limit)), func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			if ctx.Err() == nil { // else this may be the time-out of an earlier attempt
				x.end(outcome{status: statusTimedOut})
			}
		})
		defer timer.Stop()
	}
	output, err := f.run(x.graph, x.input)
	switch {
	case !x.conclude(f, output, err):
	case x.parent != nil:
		x.service.retire(x)
	default:
		x.tellEnd()
	}
}

// tellEnd reports the end of a top-level execution.
func (x *execution) tellEnd() {
	if x.service.opts.Ended == nil {
		return
	}
	x.mu.Lock()
	o := x.outcome
	end := End{
		ExecutionARN: x.arn, MachineARN: x.revision.arn, Name: x.name, Status: o.status, Started: x.started, Stopped: o.stopped,
		Input: x.input, Output: o.output, Error: o.errorName, Cause: o.cause, Redrives: x.redrive,
	}
	x.mu.Unlock()
	x.service.opts.Ended(end)
}

// conclude ends the execution with what its root frame came to, and reports
// whether it has ended.
func (x *execution) conclude(f *frame, output json.RawMessage, err error) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	fail, failed := errors.AsType[*failure](err)
	switch {
	case err == nil:
		x.end(outcome{status: statusSucceeded, output: output})
	case failed:
		x.end(outcome{status: statusFailed, errorName: fail.name, cause: fail.cause, failedAt: fail.keys})
	}
	if x.outcome.status == statusRunning {
		return false // the service closes
	}
	x.mute = false
	x.lastEvent(f)
	x.waiters = nil
	return true
}

// lastEvent adds the event that tells how the execution ended.
func (x *execution) lastEvent(f *frame) {
	at := x.outcome.stopped
	switch o := x.outcome; o.status {
	case statusSucceeded:
		x.addEvent("ExecutionSucceeded", f.previous, at, outputDetails{Output: text(o.output)})
	case statusFailed:
		x.addEvent("ExecutionFailed", f.previous, at, failedDetails{Error: o.errorName, Cause: o.cause})
	case statusTimedOut:
		// It follows no event, and only here the error has a name: recorded in floci-io/floci issue 2733, August 2026.
		x.addEvent("ExecutionTimedOut", 0, at, failedDetails{Error: "States.Timeout"})
	case statusAborted:
		x.addEvent("ExecutionAborted", 0, at, failedDetails{Error: o.errorName, Cause: o.cause})
	}
}

// history returns the events so far. Those of an execution that finished in an
// earlier process are made again from its records.
func (x *execution) history() []event {
	x.mu.Lock()
	if done := x.done; done != nil && x.outcome.status != statusRunning {
		x.mu.Unlock()
		<-done // a time-out is seen a moment before the frames have unwound
		x.mu.Lock()
	}
	var ghost *execution
	if x.events == nil && x.outcome.status != statusRunning && !x.evicted {
		ghost = &execution{
			service: x.service, id: x.id, arn: x.arn, name: x.name, revision: x.revision, graph: x.graph, salt: x.salt,
			started: x.started, parent: x.parent, index: x.index, input: x.input, outcome: x.outcome, redrive: x.redrive,
			records: maps.Clone(x.records), runs: maps.Clone(x.runs), // a redrive changes them
		}
	}
	x.mu.Unlock()
	if ghost != nil {
		ctx, cancel := context.WithCancel(x.service.ctx)
		defer cancel()
		f := ghost.root(ctx)
		f.ghost, f.until = true, ghost.outcome.stopped
		f.emit("ExecutionStarted", 0, startedDetails{Input: text(ghost.input), RoleArn: x.revision.roleArn})
		_, _ = f.run(x.graph, ghost.input) // how it ended is known
		ghost.lastEvent(f)
		x.mu.Lock()
		if x.events == nil && x.redrive == ghost.redrive {
			x.events = ghost.events
		}
		x.mu.Unlock()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.events[:len(x.events):len(x.events)]
}

// root returns the frame of the execution's own graph.
func (x *execution) root(ctx context.Context) *frame {
	return &frame{x: x, ctx: ctx, clock: x.started, vars: map[string]json.RawMessage{}, visits: map[string]int{}, redrive: x.redriveCount()}
}

// frame runs one graph: an execution's, a branch's or an iteration's. It
// belongs to one goroutine.
type frame struct {
	x        *execution
	ctx      context.Context
	path     string                     // of all its keys
	vars     map[string]json.RawMessage // outer ones included; replaced by branches' own copies
	visits   map[string]int             // by state name
	item     json.RawMessage            // Map.Item of the context, in an iteration
	clock    time.Time                  // when what it knows was learned: deterministic
	previous int64                      // id of its last event
	live     bool                       // beyond what is recorded
	redrive  int                        // how often the execution was redriven,
	epoch    int                        // and of those, how often before it learned the last it knows
	ghost    bool                       // only rebuilds events, up to the time until
	until    time.Time
	loser    bool // a ghost because a sibling failed

	st      *state // the current state,
	key     string // its key, with the attempt,
	attempt int
	base    int       // the attempt that retries count from,
	entered int64     // the id of its entry,
	before  int64     // of the event before,
	since   time.Time // and when
}

// branch returns the frame of branch or iteration i of the current attempt.
func (f *frame) branch(ctx context.Context, path string) *frame {
	return &frame{
		x: f.x, ctx: ctx, path: path, vars: maps.Clone(f.vars), visits: map[string]int{}, item: f.item,
		clock: f.clock, previous: f.previous, live: f.live, redrive: f.redrive, epoch: f.epoch, ghost: f.ghost, until: f.until, loser: f.loser,
	}
}

// stopped reports whether the frame may not go on. One that a sibling's
// failure stops still runs through what is recorded of it, so that the history
// comes out the same.
func (f *frame) stopped() bool {
	x := f.x
	if f.ghost {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.service.ctx.Err() != nil || len(x.events) >= maxEvents-1
	}
	return f.ctx.Err() != nil && (f.live || x.service.ctx.Err() != nil || x.status() != statusRunning)
}

func (f *frame) now() time.Time { return f.clock }

// learn returns the record of a key, after moving the clock to it. Without
// one, a ghost ends and any other frame is live from here on.
func (f *frame) learn(key string) (*record, error) {
	r := f.x.lookup(key)
	if r == nil {
		if f.ghost {
			return nil, errGhost
		}
		f.wake()
		return nil, nil
	}
	f.heed(r)
	return r, nil
}

// wake notes that the frame goes on beyond what is recorded. The first time
// after a redrive it runs its state again. That is a transition, and another for
// a child, which starts again with its parent (AWS's price list). It is recorded,
// because retries count from there (developer guide, "Restarting state machine
// executions with redrive") and a later process must not bill it again.
func (f *frame) wake() {
	f.live = true
	if !f.awaits() {
		return
	}
	f.epoch = f.redrive
	if _, err := f.x.put(f.key+":r", &record{Kind: recordRerun, At: time.Now().UnixNano()}); err != nil {
		return // over: nothing after it is recorded either
	}
	transitions := 1.0
	if f.path == "" && f.x.parent != nil {
		transitions++
	}
	f.x.service.opts.Meter.Add(meter.StateTransitions, transitions)
}

// awaits reports whether the frame has not come yet to what the last redrive
// runs again.
func (f *frame) awaits() bool { return f.epoch < f.redrive && !f.ghost }

// redriven reports whether a redrive ran the current state, or attempt, again.
func (f *frame) redriven() bool {
	if f.redrive == 0 {
		return false
	}
	r := f.x.lookup(f.key + ":r")
	if r != nil {
		f.epoch = max(f.epoch, r.redrive)
	}
	return r != nil
}

// heed moves the frame to what a record tells.
func (f *frame) heed(r *record) {
	f.advance(r.at())
	f.epoch = max(f.epoch, r.redrive)
}

// advance moves the clock, never back.
func (f *frame) advance(t time.Time) {
	if t.After(f.clock) {
		f.clock = t
	}
}

// remember puts a record and moves the clock to the one that holds.
func (f *frame) remember(key string, r *record) (*record, error) {
	r.At = time.Now().UnixNano()
	r, err := f.x.put(key, r)
	if err != nil {
		return nil, errStopped
	}
	f.heed(r)
	return r, nil
}

// waitUntil waits until t, which becomes the frame's time.
func (f *frame) waitUntil(t time.Time) error {
	if f.ghost && t.After(f.until) {
		return errGhost
	}
	if f.awaits() && t.After(f.x.cut) {
		f.wake() // it did not come to its end before the redrive
	}
	if time.Now().Before(t) && !f.ghost {
		f.wake()
		if err := f.sleep(t, nil); err != nil {
			return err
		}
	}
	f.advance(t)
	return nil
}

// sleep waits until t, if that is not zero, or until woken.
func (f *frame) sleep(t time.Time, woken <-chan struct{}) error {
	var expired <-chan time.Time
	if !t.IsZero() {
		timer := time.NewTimer(time.Until(t))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-woken:
	case <-expired:
	case <-f.ctx.Done():
		return errStopped
	}
	return nil
}
