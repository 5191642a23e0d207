package stepfunctions

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
)

// Payload limits (service quotas, 2026).
const (
	maxPayload   = 256 << 10 // of an input, output, result or Assign, in bytes
	maxVariables = 10 << 20  // of all variables of an execution
)

// failure is an error that a state ended with.
type failure struct {
	name, cause string
	heartbeat   bool     // a States.Timeout for want of one
	keys        []string // see outcome.failedAt
}

func (e *failure) Error() string { return e.name + ": " + e.cause }

// run runs a graph and returns its output. The error is a *failure, errStopped
// or errGhost.
func (f *frame) run(g *graph, input json.RawMessage) (json.RawMessage, error) {
	for name := g.startAt; ; {
		if f.stopped() {
			return nil, errStopped
		}
		st := g.states[name]
		f.visits[name]++
		visit := fmt.Sprintf("%s%s#%d", f.path, name, f.visits[name])
		f.st, f.key, f.attempt = st, visit, 0
		f.before, f.since = f.previous, f.clock
		f.entered = f.follow(st.kind+"StateEntered", enteredDetails{Input: text(input), Name: name})
		if f.live {
			f.x.service.opts.Meter.Add(meter.StateTransitions, 1)
		}
		f.redriven()
		if f.awaits() && slices.Contains(f.x.rerun, visit) {
			f.wake()
		}
		next, output, err := f.step(st, input)
		fail, failed := errors.AsType[*failure](err)
		switch {
		case failed:
			if fail.keys == nil {
				fail.keys = []string{visit}
			}
			return nil, fail
		case err != nil:
			if f.lost() {
				f.abort()
			}
			if errors.Is(err, errGhost) {
				return nil, errGhost
			}
			return nil, errStopped
		case next == "":
			return output, nil
		}
		name, input = next, output
	}
}

// abort emits that the current state was abandoned. The other kinds of states
// take no time and have no such event.
func (f *frame) abort() {
	if f.st != nil && slices.Contains([]string{"Map", "Parallel", "Task", "Wait"}, f.st.kind) {
		f.follow(f.st.kind+"StateAborted", nil)
	}
}

// lost reports that a frame which may not go on was stopped by a sibling's
// failure. When the execution or this process ends, states leave no event.
func (f *frame) lost() bool {
	if f.ghost {
		return f.loser
	}
	return f.x.service.ctx.Err() == nil && f.x.status() == statusRunning
}

// step runs one state and returns the next one's name, empty after the last,
// and its input.
func (f *frame) step(st *state, input json.RawMessage) (next string, output json.RawMessage, err error) {
	switch st.kind {
	case "Task":
		return f.retried(input, f.task)
	case "Parallel":
		return f.retried(input, f.parallel)
	case "Map":
		if st.each.distributed {
			return f.retried(input, f.distributed)
		}
		return f.retried(input, f.inline)
	case "Choice":
		return f.choose(input)
	case "Wait":
		if err := f.wait(input); err != nil {
			return "", nil, err
		}
	case "Fail":
		return "", nil, f.fail(input)
	}
	output, err = f.exit(map[string]json.RawMessage{"input": input}, input, st.assign, st.output)
	return st.next, output, err
}

func (f *frame) choose(input json.RawMessage) (string, json.RawMessage, error) {
	st := f.st
	sections := map[string]json.RawMessage{"input": input}
	ev := f.evaluation(sections)
	defer ev.close()
	for i, c := range st.choices {
		matches := false
		if err := ev.typed(c.condition, fmt.Sprintf("Choices[%d]/Condition", i), "boolean", &matches); err != nil {
			return "", nil, err
		}
		if matches {
			ev.close()
			output, err := f.exit(sections, input, c.assign, c.output)
			return c.next, output, err
		}
	}
	ev.close()
	if st.fallback == "" {
		return "", nil, f.failed("States.NoChoiceMatched", "No choice rule matched and the state has no Default.")
	}
	output, err := f.exit(sections, input, st.assign, st.output)
	return st.fallback, output, err
}

// wait evaluates how long to wait and does so.
func (f *frame) wait(input json.RawMessage) error {
	st := f.st
	ev := f.evaluation(map[string]json.RawMessage{"input": input})
	defer ev.close()
	if st.seconds != nil {
		n, err := ev.count(st.seconds, "Seconds", 0)
		if err != nil {
			return err
		}
		ev.close()
		return f.waitUntil(f.clock.Add(time.Duration(n * float64(time.Second))))
	}
	var stamp string
	if err := ev.typed(st.timestamp, "Timestamp", "string", &stamp); err != nil {
		return err
	}
	ev.close()
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		f.before = f.previous // recorded on AWS: this failure follows the entry
		return f.evaluationFailed("Timestamp", "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "+stamp)
	}
	return f.waitUntil(t.UTC())
}

func (f *frame) fail(input json.RawMessage) error {
	ev := f.evaluation(map[string]json.RawMessage{"input": input})
	defer ev.close()
	fail := &failure{}
	for _, part := range []struct {
		t    *template
		name string
		into *string
	}{{f.st.errorName, "Error", &fail.name}, {f.st.cause, "Cause", &fail.cause}} {
		if part.t == nil {
			continue
		}
		if err := ev.typed(part.t, part.name, "string", part.into); err != nil {
			return err
		}
	}
	return fail
}

// exit evaluates Assign and Output of a state or rule from the same sections
// of $states, emits the exit and returns the output; fallback if there is no
// Output.
func (f *frame) exit(sections map[string]json.RawMessage, fallback json.RawMessage, assign, output *template) (json.RawMessage, error) {
	ev := f.evaluation(sections)
	defer ev.close()
	assigned, err := f.assigned(ev, assign)
	if err != nil {
		return nil, err
	}
	out := fallback
	if output != nil {
		if out, err = ev.value(output, "Output"); err != nil {
			return nil, err
		}
	}
	if fail := f.limit(out); fail != nil {
		return nil, fail
	}
	details := exitedDetails{Name: f.st.name, Output: text(out), Assigned: assigned}
	if len(assigned) > 0 {
		details.Known = &dataDetails{}
		for name, value := range assigned {
			f.vars[name] = json.RawMessage(value)
		}
	}
	f.follow(f.st.kind+"StateExited", details)
	return out, nil
}

// assigned evaluates the variables of an Assign without setting them.
func (f *frame) assigned(ev *evaluation, assign *template) (map[string]text, error) {
	if assign == nil {
		return nil, nil
	}
	all := make(map[string]text, len(assign.keys))
	size := 0
	for i, name := range assign.keys {
		value, err := ev.value(assign.items[i], "Assign/"+name)
		if err != nil {
			return nil, err
		}
		all[name] = text(value)
		size += len(value)
	}
	if size > maxPayload {
		return nil, f.failed("States.DataLimitExceeded", fmt.Sprintf("The variables assigned in the state '%s' exceed the maximum number of bytes service limit.", f.st.name))
	}
	for name, value := range f.vars {
		if _, replaced := all[name]; !replaced {
			size += len(value)
		}
	}
	if size > maxVariables {
		return nil, f.failed("States.DataLimitExceeded", "The variables of the execution exceed the maximum number of bytes service limit.")
	}
	return all, nil
}

// limit fails if a payload is larger than the service carries.
func (f *frame) limit(payload json.RawMessage) *failure {
	if len(payload) <= maxPayload {
		return nil
	}
	return &failure{
		name:  "States.DataLimitExceeded",
		cause: fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", f.st.name),
	}
}

// failed is a failure whose cause names the state, as the service's own are.
func (f *frame) failed(name, cause string) *failure {
	return &failure{name: name, cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", f.st.name, f.entered, cause)}
}

// evaluationFailed emits the failure of an expression and returns it. An
// evaluation on entry is recorded on AWS as following the event before the
// entry.
func (f *frame) evaluationFailed(location, cause string) *failure {
	fail := f.failed("States.QueryEvaluationError", cause)
	previous := f.previous
	if previous == f.entered {
		previous = f.before
	}
	f.previous = f.emit("EvaluationFailed", previous, failedDetails{Error: fail.name, Cause: fail.cause, Location: location, State: f.st.name})
	return fail
}

// random returns the random numbers of one evaluation: the same whenever this
// execution comes to this place again.
func (f *frame) random(place string) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", f.x.salt, f.key, f.attempt, place))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))) //nolint:gosec // must be repeatable
}

// contextObject is $states.context.
func (f *frame) contextObject(token string, item json.RawMessage) json.RawMessage {
	x, r := f.x, f.x.revision
	const stamp = "2006-01-02T15:04:05.000Z"
	out := fmt.Appendf(nil, `{"Execution":{"Id":%s,"Input":%s,"StartTime":%s,"Name":%s,"RoleArn":%s,"RedriveCount":%d},"StateMachine":{"Id":%s,"Name":%s},"State":{"Name":%s,"EnteredTime":%s`,
		quoted(x.arn), x.input, quoted(x.started.Format(stamp)), quoted(x.name), quoted(r.roleArn), x.redriveCount(),
		quoted(r.arn), quoted(r.name), quoted(f.st.name), quoted(f.since.UTC().Format(stamp)))
	if f.st.kind == "Task" {
		out = fmt.Appendf(out, `,"RetryCount":%d`, f.attempt-f.base)
	}
	out = append(out, '}')
	if token != "" {
		out = fmt.Appendf(out, `,"Task":{"Token":%s}`, quoted(token))
	}
	if item != nil {
		out = fmt.Appendf(out, `,"Map":{"Item":%s}`, item)
	}
	return append(out, '}')
}

func (x *execution) redriveCount() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.redrive
}
