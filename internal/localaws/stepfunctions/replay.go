package stepfunctions

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// journalName is the service's name in the journal.
const journalName = "states"

// Types of journal entries.
const (
	entryMachine = "machine" // created or updated: a new revision
	entryDeleted = "deleted"
	entryStart   = "start" // of a top-level execution
	entryChild   = "child" // start of a child of a map run
	entryRecord  = "record"
	entryEnd     = "end"
	entryRun     = "run" // start of a map run, with its children's inputs
	entryRunEnd  = "runEnd"
	entryRedrive = "redrive"
)

// entry is one record of the journal; each type uses some of the fields.
type entry struct {
	Type        string    `json:"y"`
	Execution   int64     `json:"x,omitempty"`
	Key         string    `json:"k,omitempty"`
	Record      *record   `json:"r,omitempty"`
	At          int64     `json:"t,omitempty"` // Unix nanoseconds
	Arn         string    `json:"a,omitempty"`
	Name        string    `json:"n,omitempty"`
	Status      string    `json:"s,omitempty"`
	Input       text      `json:"i,omitempty"`
	Output      text      `json:"o,omitempty"`
	Error       string    `json:"e,omitempty"`
	Cause       string    `json:"c,omitempty"`
	Keys        []string  `json:"f,omitempty"`
	Number      int       `json:"v,omitempty"` // of a revision
	Definition  string    `json:"d,omitempty"`
	RoleArn     string    `json:"p,omitempty"`
	Salt        string    `json:"z,omitempty"`
	Index       int       `json:"j,omitempty"`
	Inputs      []text    `json:"is,omitempty"`
	Sizes       []int     `json:"ns,omitempty"`
	Items       int       `json:"m,omitempty"`
	Concurrency int       `json:"l,omitempty"`
	Tolerated   []float64 `json:"g,omitempty"`
}

func (s *Service) append(e entry) error { return s.opts.Journal.Append(journalName, e) }

func fromNano(t int64) time.Time { return time.Unix(0, t).UTC() }

// restore applies what an earlier process appended.
func (s *Service) restore() error {
	for i, raw := range s.opts.Journal.Past(journalName) {
		var e entry
		err := json.Unmarshal(raw, &e)
		if err == nil {
			err = s.apply(e)
		}
		if err != nil {
			return fmt.Errorf("restore executions: entry %d: %w", i, err)
		}
	}
	for _, run := range s.runs { // a parent that ended took its children along
		if run.ended().status == statusRunning && run.execution.status() != statusRunning {
			for _, child := range run.begun() {
				if child.outcome.status == statusRunning {
					child.outcome = outcome{status: statusAborted, stopped: run.execution.outcome.stopped}
				}
			}
			run.settle(outcome{status: statusAborted, stopped: run.execution.outcome.stopped})
		}
	}
	return nil
}

func (s *Service) apply(e entry) error {
	x := s.byID[e.Execution]
	if x == nil && (e.Type == entryRecord || e.Type == entryEnd || e.Type == entryRun || e.Type == entryRedrive) {
		return fmt.Errorf("an entry about the unknown execution %d", e.Execution)
	}
	run := s.runs[e.Arn]
	if run == nil && (e.Type == entryChild || e.Type == entryRunEnd) {
		return fmt.Errorf("an entry about the unknown map run %s", e.Arn)
	}
	switch e.Type {
	case entryMachine:
		g, err := parseDefinition(s.engine, e.Definition)
		if err != nil {
			return err
		}
		s.revise(e.Arn, e.Name, &revision{number: e.Number, definition: e.Definition, roleArn: e.RoleArn, graph: g, made: fromNano(e.At)})
	case entryDeleted:
		m := s.machines[e.Arn]
		if m == nil {
			return fmt.Errorf("an entry about the unknown machine %s", e.Arn)
		}
		m.deleted = true
	case entryStart:
		m := s.machines[e.Arn]
		if m == nil || e.Number >= len(m.revisions) {
			return fmt.Errorf("an execution of the unknown machine %s", e.Arn)
		}
		s.index(s.newExecution(m.revisions[e.Number], e.Execution, e.Name, e.Salt, json.RawMessage(e.Input), fromNano(e.At)))
	case entryChild:
		s.index(run.newChild(e.Execution, e.Index, fromNano(e.At)))
	case entryRecord:
		x.store(e.Key, e.Record)
	case entryEnd:
		x.outcome = outcome{status: e.Status, stopped: fromNano(e.At), output: json.RawMessage(e.Output), errorName: e.Error, cause: e.Cause, failedAt: e.Keys}
		if x.parent != nil {
			s.retire(x)
		}
	case entryRun:
		inputs := make([]json.RawMessage, len(e.Inputs))
		for i, input := range e.Inputs {
			inputs[i] = json.RawMessage(input)
		}
		made := &mapRun{
			execution: x, key: e.Key, arn: e.Arn, started: fromNano(e.At), inputs: inputs, sizes: e.Sizes, items: e.Items,
			limits:  limits{concurrency: e.Concurrency, toleratedCount: e.Tolerated[0], toleratedShare: e.Tolerated[1]},
			outcome: outcome{status: e.Status, errorName: e.Error, cause: e.Cause},
		}
		if e.Status != statusRunning {
			made.outcome.stopped = made.started
		}
		m := x.graph.find(e.Key)
		if m == nil {
			return fmt.Errorf("a map run of the unknown state %s", e.Key)
		}
		made.label, made.graph = m.label, m.processor
		s.indexRun(made)
		x.attach(made)
	case entryRunEnd:
		run.settle(outcome{status: e.Status, stopped: fromNano(e.At), output: json.RawMessage(e.Output), errorName: e.Error, cause: e.Cause, failedAt: e.Keys})
	case entryRedrive:
		x.reopen(fromNano(e.At), e.Name)
	default:
		return fmt.Errorf("an entry of the unknown type %q", e.Type)
	}
	return nil
}

// find returns the Map state whose attempt has the key. The name is what
// stands before the last '#'; names are unique in a machine.
func (g *graph) find(key string) *mapping {
	key = key[:strings.LastIndexByte(key, '#')]
	for name, st := range g.states {
		if st.each != nil {
			if strings.HasSuffix("/"+key, "/"+name) && st.each.distributed {
				return st.each
			}
			if m := st.each.processor.find(key + "#"); m != nil {
				return m
			}
		}
		for _, b := range st.branches {
			if m := b.find(key + "#"); m != nil {
				return m
			}
		}
	}
	return nil
}

// reopen makes an execution that failed run again: what failed is forgotten,
// and so are tokens that nobody answered. Attempts before one that was cut off
// stay known: see frame.wake. token is the client's. The caller holds mu of the
// service, or is restore.
func (x *execution) reopen(at time.Time, token string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.redriveToken = token
	var reopened []*mapRun
	for _, key := range x.outcome.failedAt {
		if base, ok := strings.CutSuffix(key, ":m"); ok && x.runs[base] != nil {
			reopened = append(reopened, x.runs[base])
		}
		delete(x.records, key)
		for k := range x.records {
			if strings.HasPrefix(k, key+"@") {
				delete(x.records, k)
			}
		}
	}
	for k := range x.records {
		if base := strings.TrimSuffix(strings.TrimSuffix(k, ":s"), ":h"); base != k && x.records[base] == nil {
			delete(x.records, k)
		}
	}
	for _, run := range x.runs {
		if status := run.ended().status; status == statusAborted || status == statusRunning {
			reopened = append(reopened, run)
		}
	}
	for _, run := range reopened {
		run.mu.Lock()
		run.outcome = outcome{status: statusRunning}
		run.redrive++
		run.redone = at
		run.mu.Unlock()
		for _, child := range run.begun() {
			if child.status() != statusSucceeded {
				child.reopen(at, "")
			}
		}
	}
	x.rerun, x.cut = x.outcome.failedAt, x.outcome.stopped
	x.outcome = outcome{status: statusRunning}
	x.redrive++
	x.redone = at
	x.cancel, x.done = nil, nil
	if x.events != nil {
		x.mute = true
		last := x.events[len(x.events)-1].id
		x.addEvent("ExecutionRedriven", last, at, redrivenDetails{RedriveCount: x.redrive})
	}
}
