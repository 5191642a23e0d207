package stepfunctions

import (
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
)

// mapRun returns the run that the attempt with the key made, or nil.
func (x *execution) mapRun(key string) *mapRun {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.runs[key]
}

// addRun records a new map run. The service knows it first, so that whoever sees
// it in its execution finds it.
func (x *execution) addRun(run *mapRun) error {
	x.service.indexRun(run)
	err := x.recordRun(run)
	if err != nil {
		x.service.forgetRun(run)
	}
	return err
}

func (x *execution) recordRun(run *mapRun) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.outcome.status != statusRunning {
		return errStopped
	}
	inputs := make([]text, len(run.inputs))
	for i, input := range run.inputs {
		inputs[i] = text(input)
	}
	err := x.service.append(entry{
		Type: entryRun, Execution: x.id, Key: run.key, Arn: run.arn, At: run.started.UnixNano(),
		Inputs: inputs, Sizes: run.sizes, Items: run.items,
		Concurrency: run.limits.concurrency, Tolerated: []float64{run.limits.toleratedCount, run.limits.toleratedShare},
		Status: run.outcome.status, Error: run.outcome.errorName, Cause: run.outcome.cause,
	})
	if err == nil {
		x.attach(run)
	}
	return err
}

// attach is recordRun without the journal, for a holder of x.mu.
func (x *execution) attach(run *mapRun) {
	if x.runs == nil {
		x.runs = map[string]*mapRun{}
	}
	x.runs[run.key] = run
}

// indexRun makes a run known.
func (s *Service) indexRun(run *mapRun) {
	run.children = make([]*execution, len(run.inputs))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[run.arn] = run
}

func (s *Service) forgetRun(run *mapRun) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, run.arn)
}

// size returns how many items a child has.
func (run *mapRun) size(index int) int {
	if run.sizes == nil {
		return 1
	}
	return run.sizes[index]
}

// exceeded reports whether more items failed than the state tolerates.
func (run *mapRun) exceeded(failed int) bool {
	count, share := run.limits.toleratedCount, run.limits.toleratedShare
	if failed == 0 {
		return false
	}
	if count < 0 && share < 0 {
		return true
	}
	return count >= 0 && float64(failed) > count || share >= 0 && float64(failed)*100 > share*float64(run.items)
}

// child returns the execution of an index, started if it is new and running
// if it has not ended.
func (run *mapRun) child(index int) (*execution, error) {
	run.mu.Lock()
	child := run.children[index]
	run.mu.Unlock()
	s := run.execution.service
	if child != nil {
		if child.status() == statusRunning {
			child.launch(false)
		}
		return child, nil
	}
	child = run.newChild(s.newID(), index, time.Now().UTC())
	if err := s.append(entry{Type: entryChild, Execution: child.id, Arn: run.arn, Index: index, At: child.started.UnixNano()}); err != nil {
		return nil, err
	}
	s.index(child)
	s.opts.Meter.Add(meter.StateTransitions, 1)
	child.launch(true)
	return child, nil
}

// newChild makes the execution of an index. Its identity follows from the
// parent's.
func (run *mapRun) newChild(id int64, index int, started time.Time) *execution {
	parent := run.execution
	f := &frame{x: parent, key: run.key}
	name := f.identifier("child" + strconv.Itoa(index))
	child := &execution{
		service: parent.service, id: id, name: name, salt: parent.salt + "/" + name,
		arn:      parent.service.arn("execution", parent.revision.name+"/"+run.label+":"+name),
		revision: parent.revision, graph: run.graph, started: started, parent: run, index: index,
		input: run.inputs[index], outcome: outcome{status: statusRunning},
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	run.children[index] = child
	return child
}

// abortChildren stops the children that still run.
func (run *mapRun) abortChildren() {
	for _, child := range run.begun() {
		child.stop(outcome{status: statusAborted})
	}
}

// begun returns the children that were started.
func (run *mapRun) begun() []*execution {
	run.mu.Lock()
	defer run.mu.Unlock()
	all := make([]*execution, 0, len(run.children))
	for _, c := range run.children {
		if c != nil {
			all = append(all, c)
		}
	}
	return all
}

func (run *mapRun) redrives() int {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.redrive
}

// ended returns how the run ended; its status is RUNNING if it has not.
func (run *mapRun) ended() outcome {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.outcome
}

// end records how the run ended.
func (run *mapRun) end(o outcome) error {
	o.stopped = time.Now().UTC()
	x := run.execution
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.outcome.status != statusRunning {
		return errStopped
	}
	if err := x.service.append(entry{
		Type: entryRunEnd, Arn: run.arn, At: o.stopped.UnixNano(), Status: o.status, Output: text(o.output), Error: o.errorName, Cause: o.cause, Keys: o.failedAt,
	}); err != nil {
		return err
	}
	run.settle(o)
	return nil
}

// settle sets how the run ended and lets go of what only a running one needs.
func (run *mapRun) settle(o outcome) {
	if o.stopped.IsZero() {
		o.stopped = time.Now().UTC()
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	run.outcome = o
	if o.status != statusSucceeded {
		return // a redrive needs the inputs
	}
	run.inputs = nil
	for _, child := range run.children {
		if child != nil {
			child.release()
		}
	}
}

// status returns the status of the execution.
func (x *execution) status() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.outcome.status
}

// release drops the input and output of a child whose history was evicted;
// its run has ended and needs them no more.
func (x *execution) release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.evicted {
		x.input, x.outcome.output = nil, nil
	}
}

// retire notes that a child has finished and evicts the history of the one
// that finished longest ago. Failed ones keep what a redrive needs.
func (s *Service) retire(child *execution) {
	s.mu.Lock()
	s.retired = append(s.retired, child)
	var oldest *execution
	if len(s.retired) > s.opts.KeepHistories {
		oldest = s.retired[0]
		s.retired = s.retired[1:]
	}
	s.mu.Unlock()
	if oldest == nil {
		return
	}
	run := oldest.parent
	over := run.ended().status == statusSucceeded
	oldest.mu.Lock()
	defer oldest.mu.Unlock()
	if oldest.outcome.status != statusSucceeded {
		return
	}
	oldest.evicted = true
	oldest.events, oldest.records, oldest.runs = nil, nil, nil
	if over {
		oldest.input, oldest.outcome.output = nil, nil
	}
}
