package stepfunctions

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxChildren is how many children of a map run exist at once at most
// (service quotas, 2026).
const maxChildren = 10_000

// mapRun is one distributed map at work: a set of child executions.
type mapRun struct {
	execution *execution
	key       string // of the attempt that made it
	arn       string
	label     string
	graph     *graph
	limits    limits
	started   time.Time

	mu       sync.Mutex
	inputs   []json.RawMessage // of the children; nil once it has ended
	sizes    []int             // items per child; nil: one each
	items    int
	children []*execution // by index; nil: not started
	outcome  outcome
	redrive  int
	redone   time.Time
}

// distributed makes one attempt of a Map state whose iterations are executions
// of their own.
func (f *frame) distributed(input json.RawMessage) (json.RawMessage, error) {
	m := f.st.each
	ev := f.evaluation(map[string]json.RawMessage{"input": input})
	defer ev.close()
	plan, err := f.planRun(ev, m, input)
	if err != nil {
		return nil, f.failState(err)
	}
	f.follow("MapStateStarted", lengthDetails{Length: len(plan.items)})
	run := f.x.mapRun(f.key)
	arn := f.x.service.arn("mapRun", f.x.revision.name+"/"+m.label+":"+f.identifier("mapRun"))
	f.follow("MapRunStarted", mapRunDetails{MapRunArn: arn})
	started := f.previous
	if run == nil {
		if f.ghost {
			return nil, errGhost
		}
		f.wake()
		if run, err = f.startRun(ev, plan, arn); err != nil {
			return nil, err
		}
	}
	f.advance(run.started)
	ev.close()
	o := run.ended()
	if o.status == statusRunning {
		if f.ghost {
			return nil, errGhost
		}
		f.wake()
		if redrives := run.redrives(); f.x.mute && redrives > 0 {
			started = f.follow("MapRunRedriven", mapRunDetails{MapRunArn: arn, RedriveCount: redrives})
		}
		if o, err = f.dispatch(run, plan); err != nil {
			return nil, err
		}
	}
	f.advance(o.stopped)
	if o.status != statusSucceeded {
		f.follow("MapRunFailed", failedDetails{Error: o.errorName, Cause: o.cause})
		return nil, f.failState(&failure{name: o.errorName, cause: o.cause, keys: o.failedAt})
	}
	succeeded := f.emit("MapRunSucceeded", started, nil)
	if fail := f.limit(o.output); fail != nil {
		return nil, f.failState(fail)
	}
	f.emit("MapStateSucceeded", succeeded, nil)
	return o.output, nil
}

// identifier returns a UUID that is the same whenever the execution comes here.
func (f *frame) identifier(what string) string {
	random := f.random(what)
	return formatID(random.Uint64(), random.Uint64())
}

// plan is what a distributed map evaluates before it begins.
type plan struct {
	limits       limits
	items        []json.RawMessage // without a reader
	bucket, key  string            // of the reader; key is a prefix when listing
	maxItems     int               // 0 is all
	perChild     int               // items per child; 0 is not limited by number
	childBytes   int
	batchInput   json.RawMessage
	resultBucket string
	resultPrefix string
}

func (f *frame) planRun(ev *evaluation, m *mapping, input json.RawMessage) (*plan, error) {
	p := &plan{}
	var err error
	if p.limits, err = ev.limits(m); err != nil {
		return nil, err
	}
	if m.reader == nil {
		if p.items, err = ev.items(m, input); err != nil {
			return nil, err
		}
	} else {
		var at struct{ Bucket, Key, Prefix string }
		if err := ev.typed(m.reader.arguments, "ItemReader/Arguments", "object", &at); err != nil {
			return nil, err
		}
		p.bucket, p.key = at.Bucket, at.Key
		if m.reader.list {
			p.key = at.Prefix
		}
		n, err := ev.count(m.reader.maxItems, "ItemReader/ReaderConfig/MaxItems", 0)
		if err != nil {
			return nil, err
		}
		p.maxItems = int(n)
	}
	if b := m.batcher; b != nil {
		number, err := ev.count(b.maxItems, "ItemBatcher/MaxItemsPerBatch", 0)
		if err != nil {
			return nil, err
		}
		size, err := ev.count(b.maxBytes, "ItemBatcher/MaxInputBytesPerBatch", maxPayload)
		if err != nil {
			return nil, err
		}
		p.perChild, p.childBytes = int(number), int(size)
		if b.input != nil {
			if p.batchInput, err = ev.value(b.input, "ItemBatcher/BatchInput"); err != nil {
				return nil, err
			}
		}
	}
	if m.writer != nil && m.writer.arguments != nil {
		var at struct{ Bucket, Prefix string }
		if err := ev.typed(m.writer.arguments, "ResultWriter/Arguments", "object", &at); err != nil {
			return nil, err
		}
		p.resultBucket, p.resultPrefix = at.Bucket, at.Prefix
	}
	return p, nil
}

// startRun reads the items, makes the children's inputs and records both, so
// that a later process starts the same children.
func (f *frame) startRun(ev *evaluation, p *plan, arn string) (*mapRun, error) {
	m, x := f.st.each, f.x
	if f.ctx.Err() != nil {
		return nil, errStopped
	}
	run := &mapRun{
		execution: x, key: f.key, arn: arn, label: m.label, graph: m.processor, limits: p.limits,
		started: time.Now().UTC(), outcome: outcome{status: statusRunning},
	}
	problem := func() *failure {
		if !x.service.role(x.revision.roleArn).Allows("states:StartExecution", x.revision.arn) {
			return &failure{name: "States.Permissions", cause: "The role of the state machine may not start executions of " + x.revision.arn}
		}
		ev.close() // others need the interpreter while objects are read
		items, source, fail := f.readItems(m, p)
		if fail != nil {
			return fail
		}
		return f.childInputs(ev, run, p, m, items, source)
	}()
	if f.ctx.Err() != nil {
		return nil, errStopped
	}
	if problem != nil {
		run.outcome = outcome{status: statusFailed, stopped: run.started, errorName: problem.name, cause: problem.cause}
	}
	if err := x.addRun(run); err != nil {
		return nil, errStopped
	}
	return run, nil
}

// childInputs applies selector and batcher.
func (f *frame) childInputs(ev *evaluation, run *mapRun, p *plan, m *mapping, items []json.RawMessage, source string) *failure {
	run.items = len(items)
	if m.selector != nil {
		for i, item := range items {
			ev.setItem(fmt.Appendf(nil, `{"Index":%d,"Value":%s,"Source":%s}`, i, item, quoted(source)))
			value, err := ev.value(m.selector, "ItemSelector")
			if err != nil {
				fail, ok := errors.AsType[*failure](err)
				if !ok {
					fail = &failure{} // stopped: the caller sees that
				}
				return fail
			}
			items[i] = value
		}
	}
	if m.batcher == nil {
		run.inputs = items
		return f.limitInputs(run)
	}
	for next := 0; next < len(items); {
		var b []byte
		if p.batchInput != nil {
			b = fmt.Appendf(b, `{"BatchInput":%s,"Items":[`, p.batchInput)
		} else {
			b = append(b, `{"Items":[`...)
		}
		first := next
		for ; next < len(items); next++ {
			full := p.perChild > 0 && next-first >= p.perChild || next > first && len(b)+len(items[next])+3 > p.childBytes
			if full {
				break
			}
			if next > first {
				b = append(b, ',')
			}
			b = append(b, items[next]...)
		}
		run.inputs = append(run.inputs, append(b, ']', '}'))
		run.sizes = append(run.sizes, next-first)
	}
	return f.limitInputs(run)
}

// limitInputs fails if an input is larger than an execution may have.
func (f *frame) limitInputs(run *mapRun) *failure {
	for _, input := range run.inputs {
		if fail := f.limit(input); fail != nil {
			return fail
		}
	}
	return nil
}

// dispatch starts the children that have not ended, waits for all and settles
// the run.
func (f *frame) dispatch(run *mapRun, p *plan) (outcome, error) {
	limit := maxChildren
	if run.limits.concurrency > 0 {
		limit = min(limit, run.limits.concurrency)
	}
	s := f.x.service
	ended := make(chan *execution, limit)
	running, next, failed := 0, 0, 0
	count := func(child *execution) {
		if status := child.status(); status != statusSucceeded && status != statusRunning {
			failed += run.size(child.index)
		}
	}
	for {
		for next < len(run.inputs) && running < limit && f.ctx.Err() == nil && !run.exceeded(failed) {
			child, err := run.child(next)
			if err != nil {
				return outcome{}, errStopped
			}
			next++
			if child.status() != statusRunning {
				count(child)
				continue
			}
			running++
			done := child.done
			s.running.Go(func() {
				<-done
				ended <- child
			})
		}
		if running == 0 {
			break
		}
		select {
		case child := <-ended:
			running--
			count(child)
		case <-f.ctx.Done():
		}
		if f.ctx.Err() != nil || run.exceeded(failed) {
			if s.ctx.Err() == nil {
				run.abortChildren()
			}
			for ; running > 0; running-- {
				count(<-ended)
			}
		}
	}
	if f.ctx.Err() != nil {
		if s.ctx.Err() == nil {
			run.settle(outcome{status: statusAborted})
		}
		return outcome{}, errStopped
	}
	output, fail := f.results(run, p)
	if f.ctx.Err() != nil {
		return outcome{}, errStopped
	}
	o := outcome{status: statusFailed, failedAt: []string{run.key + ":m"}}
	switch {
	case run.exceeded(failed):
		o.errorName, o.cause = "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
	case fail != nil:
		o.errorName, o.cause = fail.name, fail.cause
	default:
		o = outcome{status: statusSucceeded, output: output}
	}
	if err := run.end(o); err != nil {
		return outcome{}, errStopped
	}
	return run.ended(), nil
}
