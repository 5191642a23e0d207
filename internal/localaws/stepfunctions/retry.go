package stepfunctions

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
)

// heartbeatTimeout is what rules call a heartbeat that did not come. Events and
// causes call it States.Timeout: recorded on AWS with machines in JSONPath
// (LocalStack's test_heartbeats).
const heartbeatTimeout = "States.HeartbeatTimeout"

// matches reports whether a rule's ErrorEquals covers an error.
func matches(names []string, fail *failure) bool {
	name := fail.name
	if name == "States.Runtime" {
		return false // terminal
	}
	return slices.ContainsFunc(names, func(rule string) bool {
		switch rule {
		case "States.ALL":
			return name != "States.DataLimitExceeded"
		case "States.TaskFailed":
			return name != "States.DataLimitExceeded" && name != "States.Timeout"
		}
		return name == rule || fail.heartbeat && rule == heartbeatTimeout
	})
}

// delay returns how long to wait before retry number count (from 0).
func (r retrier) delay(count int, random func() float64) time.Duration {
	s := min(float64(r.interval)*math.Pow(r.backoff, float64(count)), float64(r.maxDelay))
	if r.jitter {
		s *= random()
	}
	return time.Duration(s * float64(time.Second))
}

// retried runs the attempts of a Task, Parallel or Map state until one
// succeeds, a catcher takes the error, or neither.
func (f *frame) retried(input json.RawMessage, once func(input json.RawMessage) (json.RawMessage, error)) (string, json.RawMessage, error) {
	st, visit := f.st, f.key
	counts := make([]int, len(st.retry))
	anew := func() {
		if f.redriven() {
			clear(counts)
			f.base = f.attempt
		}
	}
	for f.base = 0; ; f.attempt++ {
		f.st, f.key = st, fmt.Sprintf("%s@%d", visit, f.attempt)
		if st.kind == "Task" && f.awaits() && f.x.lookup(f.key) == nil && f.x.lookup(f.key+":s") == nil {
			f.wake() // before its arguments are evaluated, which may name the count of retries
		}
		anew()
		result, err := once(input)
		anew() // other states come to it as their branches or children do
		if err == nil {
			var output json.RawMessage
			if output, err = f.exit(map[string]json.RawMessage{"input": input, "result": result}, result, st.assign, st.output); err == nil {
				return st.next, output, nil
			}
		}
		fail, ok := errors.AsType[*failure](err)
		if !ok {
			return "", nil, err
		}
		i := slices.IndexFunc(st.retry, func(r retrier) bool { return matches(r.errors, fail) })
		if i >= 0 && counts[i] < st.retry[i].maxAttempts {
			random := f.random("retry")
			delay := st.retry[i].delay(counts[i], random.Float64)
			counts[i]++
			f.key = fmt.Sprintf("%s@%d", visit, f.attempt+1) // what a redrive that finds it waiting runs again,
			f.redriven()                                     // or has found
			if err := f.waitUntil(f.clock.Add(delay)); err != nil {
				return "", nil, err
			}
			if f.live && !f.redriven() {
				f.x.service.opts.Meter.Add(meter.StateTransitions, 1)
			}
			continue
		}
		for i, c := range st.catch {
			if matches(c.errors, fail) {
				problem := fmt.Appendf(nil, `{"Error":%s,"Cause":%s}`, quoted(fail.name), quoted(fail.cause))
				output, err := f.exit(map[string]json.RawMessage{"input": input, "errorOutput": problem}, problem, c.assign, st.catch[i].output)
				return c.next, output, err
			}
		}
		return "", nil, fail
	}
}
