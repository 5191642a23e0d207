package stepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// maxInline is how many iterations of an inline map run at once at most
// (service quotas, 2026).
const maxInline = 40

// lane is one branch or iteration that ended.
type lane struct {
	index  int
	frame  *frame
	output json.RawMessage
	err    error
	last   int64 // id of its last event, seen from the outer state
}

// fanOut runs count branches of the current attempt, at most limit at once,
// and returns their outputs. If one fails the others are stopped, and which
// one it was is recorded, so that every later run agrees.
func (f *frame) fanOut(count, limit int, run func(b *frame, index int) lane) ([]json.RawMessage, error) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	decided := f.x.lookup(f.key + ":d")
	outputs := make([]json.RawMessage, count)
	ended := make(chan lane, limit)
	slots := make([]int64, 0, limit) // free ones, by the event that freed them
	for range min(count, limit) {
		slots = append(slots, f.previous)
	}
	start := func(i int, previous int64) {
		b := f.branch(ctx, fmt.Sprintf("%s[%d]/", f.key, i))
		b.previous = previous
		if decided != nil && decided.Number != i {
			b.ghost, b.until, b.loser = true, decided.at(), true
		}
		f.x.service.running.Go(func() { ended <- run(b, i) })
	}
	running, next := 0, 0
	var cut error // why not everything ran to its end
	var loser lane
	lost := false
	last := f.previous
	for {
		for len(slots) > 0 && next < count && cut == nil {
			start(next, slots[0])
			slots = slots[1:]
			next++
			running++
		}
		if running == 0 {
			break
		}
		l := <-ended
		running--
		if l.frame.live {
			f.wake()
		}
		fail, failed := errors.AsType[*failure](l.err)
		switch {
		case l.err == nil:
			outputs[l.index] = l.output
			slots = append(slots, l.frame.previous)
			last = l.last
			f.advance(l.frame.clock)
		case failed && (decided == nil || decided.Number == l.index) && cut == nil:
			if decided == nil && !f.ghost {
				if decided, cut = f.remember(f.key+":d", &record{Kind: recordDecided, Number: l.index}); cut != nil {
					break
				}
			}
			fail.keys = append(fail.keys, f.key+":d")
			cut, loser = fail, l
			cancel()
		case failed: // came after the one that decided
		case errors.Is(l.err, errGhost) && decided != nil && decided.Number != l.index:
			lost = true // it was at work when the other failed, and keeps its slot
		case errors.Is(l.err, errGhost):
			cut = errGhost
		default:
			if cut == nil {
				cut = errStopped
			}
		}
	}
	switch {
	case cut == nil && lost:
		return nil, &failure{name: "States.Runtime", cause: "What is recorded of the execution does not fit its definition."}
	case cut == nil:
		f.previous = last
		return outputs, nil
	case loser.frame != nil:
		if decided != nil {
			f.advance(decided.at())
		}
		f.previous = loser.last
	}
	return nil, cut
}

// parallel makes one attempt of a Parallel state.
func (f *frame) parallel(input json.RawMessage) (json.RawMessage, error) {
	st := f.st
	if st.arguments != nil {
		ev := f.evaluation(map[string]json.RawMessage{"input": input})
		defer ev.close()
		var err error
		if input, err = ev.value(st.arguments, "Arguments"); err != nil {
			return nil, f.failState(err)
		}
		ev.close()
	}
	f.follow("ParallelStateStarted", nil)
	outputs, err := f.fanOut(len(st.branches), len(st.branches), func(b *frame, i int) lane {
		output, err := b.run(st.branches[i], input)
		if _, failed := errors.AsType[*failure](err); failed {
			b.abort() // as recorded on AWS, also for the state that failed
		}
		return lane{index: i, frame: b, output: output, err: err, last: b.previous}
	})
	if err != nil {
		return nil, f.failState(err)
	}
	return f.succeedState(outputs)
}

// failState emits the failure of a Parallel or Map state and returns it.
func (f *frame) failState(err error) error {
	if _, failed := errors.AsType[*failure](err); failed {
		f.follow(f.st.kind+"StateFailed", nil)
	}
	return err
}

// succeedState emits the success of a Parallel or Map state, which the exit
// does not follow in the chain of events, and joins the outputs.
func (f *frame) succeedState(outputs []json.RawMessage) (json.RawMessage, error) {
	size := 2
	for _, o := range outputs {
		size += len(o) + 1
	}
	result := append(make(json.RawMessage, 0, size), '[')
	for i, o := range outputs {
		if i > 0 {
			result = append(result, ',')
		}
		result = append(result, o...)
	}
	result = append(result, ']')
	if fail := f.limit(result); fail != nil {
		return nil, f.failState(fail)
	}
	f.emit(f.st.kind+"StateSucceeded", f.previous, nil)
	return result, nil
}

// limits are the evaluated limits of a Map state.
type limits struct {
	concurrency    int
	toleratedCount float64 // -1 if not given
	toleratedShare float64 // percent; -1 if not given
}

func (ev *evaluation) limits(m *mapping) (limits, error) {
	concurrency, err := ev.count(m.maxConcurrency, "MaxConcurrency", 0)
	if err != nil {
		return limits{}, err
	}
	count, err := ev.count(m.toleratedCount, "ToleratedFailureCount", -1)
	if err != nil {
		return limits{}, err
	}
	share, err := ev.count(m.toleratedShare, "ToleratedFailurePercentage", -1)
	return limits{concurrency: int(concurrency), toleratedCount: count, toleratedShare: share}, err
}

// items evaluates the items of a Map state without a reader.
func (ev *evaluation) items(m *mapping, input json.RawMessage) ([]json.RawMessage, error) {
	var items []json.RawMessage
	if m.items != nil {
		err := ev.typed(m.items, "Items", "array", &items)
		return items, err
	}
	if typeOf(input) != "array" {
		return nil, ev.frame.evaluationFailed("", "Map state input must be an array but was: "+string(input))
	}
	if err := json.Unmarshal(input, &items); err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	return items, nil
}

// inline makes one attempt of a Map state that runs in this execution.
func (f *frame) inline(input json.RawMessage) (json.RawMessage, error) {
	m := f.st.each
	ev := f.evaluation(map[string]json.RawMessage{"input": input})
	defer ev.close()
	items, err := ev.items(m, input)
	if err != nil {
		return nil, f.failState(err)
	}
	limits, err := ev.limits(m)
	if err != nil {
		return nil, f.failState(err)
	}
	ev.close()
	concurrency := maxInline
	if limits.concurrency > 0 {
		concurrency = min(limits.concurrency, maxInline)
	}
	f.follow("MapStateStarted", lengthDetails{Length: len(items)})
	outer, key := *f, f.key
	outputs, err := f.fanOut(len(items), concurrency, func(b *frame, i int) lane {
		b.item = fmt.Appendf(nil, `{"Index":%d,"Value":%s}`, i, items[i])
		b.st, b.key, b.entered, b.since = outer.st, fmt.Sprintf("%s[%d]", key, i), outer.entered, outer.since
		details := iterationDetails{Index: i, Name: outer.st.name}
		b.follow("MapIterationStarted", details)
		output, err := b.iteration(m, input, items[i])
		l := lane{index: i, frame: b, output: output, err: err}
		switch _, failed := errors.AsType[*failure](err); {
		case err == nil:
			l.last = b.emit("MapIterationSucceeded", b.previous, details)
		case failed:
			l.last = b.emit("MapIterationFailed", b.previous, details)
		case b.lost():
			l.last = b.emit("MapIterationAborted", b.previous, details)
		}
		return l
	})
	if err != nil {
		return nil, f.failState(err)
	}
	return f.succeedState(outputs)
}

// iteration runs the item processor over one item.
func (f *frame) iteration(m *mapping, input, item json.RawMessage) (json.RawMessage, error) {
	if m.selector != nil {
		ev := f.evaluation(map[string]json.RawMessage{"input": input})
		defer ev.close()
		var err error
		if item, err = ev.value(m.selector, "ItemSelector"); err != nil {
			return nil, err
		}
		ev.close()
	}
	return f.run(m.processor, item)
}
