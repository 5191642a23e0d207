package stepfunctions

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// How long after its end an execution can be redriven, and is remembered.
const (
	redrivable = 14 * 24 * time.Hour
	remembered = 90 * 24 * time.Hour
)

const maxRedrives = 1000

// find returns the execution of an ARN, nil if there is none or its time is
// over. The caller holds mu.
func (s *Service) find(arn string) *execution {
	x := s.executions[arn]
	if x == nil || x.forgotten() {
		return nil
	}
	return x
}

func (x *execution) forgotten() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.outcome.status != statusRunning && time.Since(x.outcome.stopped) > remembered
}

func (s *Service) startExecution(call *wire.Call) (any, error) {
	var in struct{ StateMachineArn, Name, Input string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:StartExecution", in.StateMachineArn); err != nil {
		return nil, err
	}
	if in.Name == "" {
		in.Name = newID()
	}
	if err := validName(in.Name); err != nil {
		return nil, err
	}
	input, err := validInput(in.Input)
	if err != nil {
		return nil, err
	}
	id := s.newID()
	s.mu.Lock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	r := m.current()
	x := s.newExecution(r, id, in.Name, newID(), input, time.Now().UTC())
	if have := s.find(x.arn); have != nil {
		s.mu.Unlock()
		if have.status() == statusRunning && bytes.Equal(have.input, input) {
			return started(have), nil
		}
		return nil, refuse("ExecutionAlreadyExists", "Execution Already Exists: '%s'", x.arn)
	}
	err = s.append(entry{Type: entryStart, Execution: id, Arn: m.arn, Number: r.number, Name: x.name, Salt: x.salt, Input: text(input), At: x.started.UnixNano()})
	if err == nil {
		s.executions[x.arn], s.byID[id] = x, x
		s.launch(x, true)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return started(x), nil
}

func started(x *execution) map[string]any {
	return map[string]any{"executionArn": x.arn, "startDate": seconds(x.started)}
}

// execution decodes a request that names an execution, authorises it and finds
// the execution.
func (s *Service) execution(call *wire.Call, in any, arn *string) (*execution, error) {
	if err := call.Decode(in); err != nil {
		return nil, err
	}
	if err := checkArn(*arn, "execution"); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:"+call.Operation, *arn); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(*arn)
	if x == nil {
		return nil, refuse("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", *arn)
	}
	return x, nil
}

func (s *Service) stopExecution(call *wire.Call) (any, error) {
	var in struct{ ExecutionArn, Error, Cause string }
	x, err := s.execution(call, &in, &in.ExecutionArn)
	if err == nil {
		err = cmp.Or(within("error", in.Error, 0, maxError), within("cause", in.Cause, 0, maxCause))
	}
	if err != nil {
		return nil, err
	}
	x.stop(outcome{status: statusAborted, errorName: in.Error, cause: in.Cause})
	x.mu.Lock()
	defer x.mu.Unlock()
	return map[string]any{"stopDate": seconds(x.outcome.stopped)}, nil
}

func (s *Service) describeExecution(call *wire.Call) (any, error) {
	var in struct{ ExecutionArn string }
	x, err := s.execution(call, &in, &in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.outcome
	out := map[string]any{
		"executionArn": x.arn, "stateMachineArn": x.revision.arn, "name": x.name, "status": o.status,
		"startDate": seconds(x.started), "redriveCount": x.redrive,
		"inputDetails": map[string]any{"included": x.input != nil},
	}
	if x.input != nil {
		out["input"] = string(x.input)
	}
	if x.parent != nil {
		out["stateMachineArn"], out["mapRunArn"] = x.parent.machineArn(), x.parent.arn
	}
	if x.redrive > 0 {
		out["redriveDate"] = seconds(x.redone)
	}
	out["redriveStatus"] = "REDRIVABLE"
	if reason := x.notRedrivable(); reason != "" {
		out["redriveStatus"], out["redriveStatusReason"] = "NOT_REDRIVABLE", reason
		if x.parent != nil && o.status != statusRunning && o.status != statusSucceeded {
			out["redriveStatus"] = "REDRIVABLE_BY_MAP_RUN"
		}
	}
	switch o.status {
	case statusRunning:
		return out, nil
	case statusSucceeded:
		out["outputDetails"] = map[string]any{"included": o.output != nil}
		if o.output != nil {
			out["output"] = string(o.output)
		}
	default:
		if o.errorName != "" {
			out["error"] = o.errorName
		}
		if o.cause != "" {
			out["cause"] = o.cause
		}
	}
	out["stopDate"] = seconds(o.stopped)
	return out, nil
}

// notRedrivable says why the execution cannot be redriven, empty if it can.
// The caller holds x.mu.
func (x *execution) notRedrivable() string {
	switch {
	case x.outcome.status == statusRunning || x.outcome.status == statusSucceeded:
		return "Execution is " + x.outcome.status + " and cannot be redriven"
	case x.parent != nil:
		return "Execution is a child of a map run and is redriven with its parent"
	case time.Since(x.outcome.stopped) > redrivable:
		return "Execution has exceeded its redrivable period"
	case x.redrive >= maxRedrives:
		return "Execution has been redriven the maximum number of times"
	case x.outcome.cause == historyIsFull:
		return "Execution has exceeded the maximum number of history events"
	}
	return ""
}

func (s *Service) redriveExecution(call *wire.Call) (any, error) {
	var in struct{ ExecutionArn, ClientToken string }
	x, err := s.execution(call, &in, &in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	for same := false; !same; { // of two redrives at once, the second finds it running
		x.mu.Lock()
		reason, done, last := x.notRedrivable(), x.done, x.redone
		again := in.ClientToken != "" && in.ClientToken == x.redriveToken
		x.mu.Unlock()
		if again { // the same request, sent again
			return map[string]any{"redriveDate": seconds(last)}, nil
		}
		if reason != "" {
			return nil, refuse("ExecutionNotRedrivable", "Execution Not Redrivable: '%s'", reason)
		}
		if done != nil {
			<-done // its last event is written
		}
		x.history() // made again before its records change
		s.mu.Lock()
		x.mu.Lock()
		same = x.done == done && x.notRedrivable() == ""
		x.mu.Unlock()
		if !same {
			s.mu.Unlock()
		}
	}
	defer s.mu.Unlock()
	at := time.Now().UTC()
	if err := s.append(entry{Type: entryRedrive, Execution: x.id, At: at.UnixNano(), Name: in.ClientToken}); err != nil {
		return nil, err
	}
	x.reopen(at, in.ClientToken)
	s.opts.Meter.Add(meter.StateTransitions, 1)
	s.launch(x, false)
	return map[string]any{"redriveDate": seconds(at)}, nil
}

func (s *Service) listExecutions(call *wire.Call) (any, error) {
	var in struct {
		StateMachineArn, MapRunArn, StatusFilter, RedriveFilter, NextToken string
		MaxResults                                                         int
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if (in.StateMachineArn == "") == (in.MapRunArn == "") {
		return nil, invalid("stateMachineArn", "Exactly one of stateMachineArn and mapRunArn must be given")
	}
	statuses := []string{"", statusRunning, statusSucceeded, statusFailed, statusTimedOut, statusAborted, statusPending}
	if !slices.Contains(statuses, in.StatusFilter) {
		return nil, invalid("statusFilter", "Member must satisfy enum value set: [%s]", strings.Join(statuses[1:], ", "))
	}
	if err := call.Authorize("states:ListExecutions", cmp.Or(in.StateMachineArn, in.MapRunArn)); err != nil {
		return nil, err
	}
	var all []*execution
	if in.MapRunArn != "" {
		run, err := s.findRun(in.MapRunArn)
		if err != nil {
			return nil, err
		}
		all = run.begun()
	} else {
		s.mu.Lock()
		_, err := s.machine(in.StateMachineArn)
		for _, x := range s.byID {
			if x.parent == nil && x.revision.arn == in.StateMachineArn {
				all = append(all, x)
			}
		}
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	all = slices.DeleteFunc(all, func(x *execution) bool {
		x.mu.Lock()
		redriven := x.redrive > 0
		x.mu.Unlock()
		return in.StatusFilter != "" && x.status() != in.StatusFilter || in.RedriveFilter != "" && (in.RedriveFilter == "REDRIVEN") != redriven || x.forgotten()
	})
	slices.SortFunc(all, func(a, b *execution) int { return cmp.Compare(b.id, a.id) }) // newest first
	from, to, next, err := page(len(all), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, x := range all[from:to] {
		list = append(list, x.listed())
	}
	return paged("executions", list, next), nil
}

func (x *execution) listed() map[string]any {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := map[string]any{
		"executionArn": x.arn, "stateMachineArn": x.revision.arn, "name": x.name, "status": x.outcome.status,
		"startDate": seconds(x.started), "redriveCount": x.redrive,
	}
	if x.parent != nil {
		out["stateMachineArn"], out["mapRunArn"] = x.parent.machineArn(), x.parent.arn
		out["itemCount"] = x.parent.size(x.index)
	}
	if x.outcome.status != statusRunning {
		out["stopDate"] = seconds(x.outcome.stopped)
	}
	if x.redrive > 0 {
		out["redriveDate"] = seconds(x.redone)
	}
	return out
}

func (s *Service) getExecutionHistory(call *wire.Call) (any, error) {
	var in struct {
		ExecutionArn, NextToken string
		MaxResults              int
		ReverseOrder            bool
		IncludeExecutionData    *bool
	}
	x, err := s.execution(call, &in, &in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	events := x.history()
	if in.ReverseOrder {
		events = slices.Clone(events)
		slices.Reverse(events)
	}
	from, to, next, err := page(len(events), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, e := range events[from:to] {
		view, err := e.view(in.IncludeExecutionData == nil || *in.IncludeExecutionData)
		if err != nil {
			return nil, err
		}
		list = append(list, view)
	}
	return paged("events", list, next), nil
}

// machineOf is the resource that callbacks of an execution are authorised for:
// a child's machine is its item processor.
func (x *execution) machineOf() string {
	if x.parent != nil {
		return x.parent.machineArn()
	}
	return x.revision.arn
}

// closed reports whether the key lies in a Parallel or Map state that has failed
// already. The caller holds x.mu.
func (x *execution) closed(key string) bool {
	for i, c := range key {
		if c == '[' && x.records[key[:i]+":d"] != nil {
			return true
		}
	}
	return false
}
