package dynamodb

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// write is one checked write: of its own, of a batch or of a transaction.
type write struct {
	*request
	*parsed
	t  *table
	to *record // the key; for a Put the whole new record
}

// prepare parses a write's expressions and finds its table.
func (s *Service) prepare(r *request) (*write, error) {
	e, err := s.parse(r)
	if err != nil {
		return nil, err
	}
	t, err := s.table(r.table)
	if err != nil {
		return nil, err
	}
	return &write{request: r, parsed: e, t: t}, nil
}

// bind checks the write's key or item against the table.
func (w *write) bind() error {
	var err error
	if w.operation == "Put" {
		if err = w.t.checkItem(w.item); err == nil {
			w.to = w.t.record(w.item.compact())
			if w.to.size > maxItemBytes {
				err = badParameter("Item size has exceeded the maximum allowed size")
			}
		}
		return err
	}
	if w.to, err = w.t.keyRecord(w.key); err != nil {
		return err
	}
	if w.parsed.update == nil {
		return nil
	}
	for _, a := range w.parsed.update.actions {
		if w.t.keys.has(a.path[0].name) {
			return badParameter("Cannot update attribute %s. This attribute is part of the key", a.path[0].name)
		}
	}
	return nil
}

// refusal is a condition that did not hold.
type refusal struct{ before *record }

func (refusal) Error() string { return "The conditional request failed" }

// attempt decides about a write and takes its units from its partitions, factor
// times. The table is locked. With a refusal comes a change that only has the
// units that the attempt costs.
func (s *Service) attempt(w *write, factor float64) (change, error) {
	if err := w.t.conflict(w.to); err != nil {
		return change{}, err
	}
	c, err := w.decide()
	if c.t == nil {
		return c, err
	}
	if err := s.takeWrite(w.to.part, c, factor); err != nil {
		return change{}, err
	}
	return c, err
}

// decide works out the change that the write makes. A ConditionCheck changes
// nothing: before and after are the same record.
func (w *write) decide() (change, error) {
	before := w.t.items.get(w.to)
	var old item
	if before != nil {
		old = before.item
	}
	if w.parsed.condition != nil && !w.parsed.condition.holds(old) {
		return change{t: w.t, before: before, units: writeUnits(before, w.attempted(old))}, refusal{before}
	}
	switch w.operation {
	case "Put":
		return w.t.plan(before, w.to), nil
	case "Delete":
		return w.t.plan(before, nil), nil
	case "Update":
		after, err := w.updated(old)
		if err != nil {
			return change{}, err
		}
		return w.t.plan(before, w.t.record(after.compact())), nil
	default: // ConditionCheck
		return change{t: w.t, before: before, after: before, units: writeUnits(before, nil)}, nil
	}
}

// attempted is what a write that its condition refused would have stored. AWS
// bills the larger of it and the item that is there, and so it is worked out for
// refused writes alone. It has no more than a size (developer guide, "DynamoDB
// reads and writes", November 2026).
func (w *write) attempted(old item) *record {
	switch w.operation {
	case "Put":
		return w.to
	case "Update":
		if after, err := w.updated(old); err == nil { // one that could not be made either has no size
			return &record{size: after.size()}
		}
	}
	return nil
}

// updated applies the update to the item, or to a new one with only the key.
func (w *write) updated(old item) (item, error) {
	after := old
	if old == nil {
		after = w.key
	}
	if w.parsed.update == nil {
		return after, nil
	}
	after, err := w.parsed.update.apply(after)
	if err != nil {
		return nil, err
	}
	if err := w.t.checkIndexKeys(after); err != nil {
		return nil, err
	}
	if after.size() > maxItemBytes {
		return nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	if after.depth() > maxNesting {
		return nil, invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
	}
	return after, nil
}

func (it item) depth() int {
	deepest := 0
	for _, a := range it {
		deepest = max(deepest, a.value.depth())
	}
	return deepest
}

func (v value) depth() int {
	if v.kind != kindL && v.kind != kindM {
		return 0
	}
	deepest := v.attrs().depth()
	for _, e := range v.list() {
		deepest = max(deepest, e.depth())
	}
	return 1 + deepest
}

// writeItem runs PutItem, UpdateItem and DeleteItem.
func (s *Service) writeItem(call *wire.Call) (any, error) {
	r, err := s.requestOf(call, strings.TrimSuffix(call.Operation, "Item"))
	if err != nil {
		return nil, err
	}
	if r.operation != "Update" && r.returnValues != "" && r.returnValues != "ALL_OLD" && r.returnValues != "NONE" {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	w, err := s.prepare(r)
	if err != nil {
		return nil, err
	}
	if err := w.bind(); err != nil {
		return nil, err
	}
	return s.run(w)
}

// run makes a single write and builds its answer.
func (s *Service) run(w *write) (any, error) {
	used := consumption{t: w.t, writes: true}
	done, metrics, err := s.runLocked(w)
	if failed, ok := errors.AsType[refusal](err); ok {
		used.table = done.units
		s.count(&used)
		return nil, conditionFailed(w.onFailure, failed.before)
	}
	if err != nil {
		return nil, err
	}
	used.chargeChange(done, 1)
	s.count(&used)
	var a answer
	if attributes := w.returned(done); attributes != nil {
		a.item("Attributes", attributes)
	}
	a.report(w.capacity, &used)
	if metrics != nil {
		a.json("ItemCollectionMetrics", metrics)
	}
	return wire.Raw(a.bytes()), nil
}

func (s *Service) runLocked(w *write) (done change, metrics any, err error) {
	if err := s.lock(w.t); err != nil {
		return done, nil, err
	}
	defer w.t.mu.Unlock()
	if done, err = s.attempt(w, 1); err != nil {
		return done, nil, err
	}
	if done.before != nil || done.after != nil {
		if err := s.commit(time.Now(), []change{done}, nil); err != nil {
			return done, nil, err
		}
	}
	if w.metrics == "SIZE" {
		metrics = w.t.collectionMetrics(w.to)
	}
	return done, metrics, nil
}

func conditionFailed(onFailure string, before *record) error {
	e := wire.Errorf(http.StatusBadRequest, "ConditionalCheckFailedException", "The conditional request failed")
	if onFailure == "ALL_OLD" && before != nil {
		e.Members = map[string]any{"Item": wire.Raw(appendItem(nil, before.item))}
	}
	return e
}

// returned picks what ReturnValues asks for, nil for nothing.
func (w *write) returned(done change) item {
	from := done.before
	if w.returnValues == "ALL_NEW" || w.returnValues == "UPDATED_NEW" {
		from = done.after
	}
	switch w.returnValues {
	case "ALL_OLD", "ALL_NEW":
		if from != nil {
			return from.item
		}
	case "UPDATED_OLD", "UPDATED_NEW":
		if from == nil || w.parsed.update == nil {
			return nil
		}
		var paths []path
		for _, a := range w.parsed.update.actions {
			paths = append(paths, a.path)
		}
		if picked := project(from.item, paths); len(picked) > 0 {
			return picked
		}
	}
	return nil
}

// compareTables orders tables by name, the order in which they are locked.
func compareTables(a, b *table) int { return strings.Compare(a.def.TableName, b.def.TableName) }

// lockAll locks several tables for writing. The caller calls unlock.
func (s *Service) lockAll(tables []*table) (unlock func(), err error) {
	tables = slices.Compact(slices.SortedFunc(slices.Values(tables), compareTables))
	var locked []*table
	unlock = func() {
		for _, t := range locked {
			t.mu.Unlock()
		}
	}
	for _, t := range tables {
		if err := s.lock(t); err != nil {
			unlock()
			return nil, err
		}
		locked = append(locked, t)
	}
	return unlock, nil
}
