package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// Limits: API reference, "TransactWriteItems", read November 2026.
const (
	maxTransactItems = 100
	maxTransactBytes = 4 << 20
	transactFactor   = 2 // prepare and commit are billed
)

// reason is why one action of a transaction failed; the zero value is none.
type reason struct {
	code, message string
	item          item
}

// cancelled is the exception for a transaction some of whose actions failed.
func cancelled(reasons []reason) error {
	codes := make([]string, len(reasons))
	var list answer
	list.elements(len(reasons), func(i int) {
		r := reasons[i]
		codes[i] = cmp.Or(r.code, "None")
		var shape answer
		shape.json("Code", codes[i])
		if r.message != "" {
			shape.json("Message", r.message)
		}
		if r.item != nil {
			shape.item("Item", r.item)
		}
		list.b = append(list.b, shape.bytes()...)
	})
	e := wire.Errorf(http.StatusBadRequest, "TransactionCanceledException",
		"Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
	e.Members = map[string]any{"CancellationReasons": wire.Raw(list.b)}
	return e
}

// errTransactBytes is the error for items that are too large together: of each,
// the larger of what is there and what would be.
func errTransactBytes() error {
	return invalid("Transaction request size exceeds the maximum of 4 MB")
}

func anyFailed(reasons []reason) bool {
	return slices.ContainsFunc(reasons, func(r reason) bool { return r.code != "" })
}

// reasonFor turns an action's error into a reason; errors that concern the
// whole call are returned.
func reasonFor(err error, w *write) (reason, error) {
	if failed, ok := errors.AsType[refusal](err); ok {
		r := reason{code: "ConditionalCheckFailed", message: failed.Error()}
		if w != nil && w.onFailure == "ALL_OLD" && failed.before != nil {
			r.item = failed.before.item
		}
		return r, nil
	}
	e, ok := errors.AsType[*wire.Error](err)
	switch {
	case ok && e.Code == "ValidationException":
		return reason{code: "ValidationError", message: e.Message}, nil
	case ok && e.Code == transactionConflict:
		return reason{code: "TransactionConflict", message: e.Message}, nil
	case ok && e.Code == throughputExceeded:
		return reason{code: "ThrottlingError", message: e.Message}, nil
	}
	return reason{}, err
}

// transaction is a parsed TransactWriteItems or TransactGetItems.
type transaction struct {
	frame   *request // members of the call itself
	token   string
	actions []*request
}

// transaction reads the body. Actions that are none, or several, in one
// element are refused.
func (p *parser) transaction(kinds ...string) *transaction {
	tx := &transaction{frame: newFrame()}
	p.object(func(name string) {
		switch name {
		case "ClientRequestToken":
			tx.token = p.text()
		case "TransactItems":
			p.array(func() { tx.actions = append(tx.actions, p.transactItem(kinds)) })
		default:
			p.member(tx.frame, name)
		}
	})
	return tx
}

func (p *parser) transactItem(kinds []string) *request {
	var found *request
	p.object(func(name string) {
		if p.null() {
			return
		}
		for _, kind := range kinds {
			if name == kind {
				if found != nil {
					p.refuse(invalid("TransactItems can only contain one of Check, Put, Update or Delete"))
				}
				found = p.request(kind)
				return
			}
		}
		p.skip()
	})
	if found == nil {
		p.refuse(invalid("Invalid Request: TransactItems must contain one action each, of %s", strings.Join(kinds, ", ")))
		return newFrame() // never run: the body is refused
	}
	return found
}

// check checks the number of actions and each action's members.
func (tx *transaction) check() error {
	var c constraints
	switch n := len(tx.actions); {
	case n == 0:
		c.add("'[]'", "transactItems", "have length greater than or equal to 1")
	case n > maxTransactItems:
		c.add("'[...]'", "transactItems", "have length less than or equal to 100")
	}
	if len(tx.token) > 36 {
		c.add("'"+tx.token+"'", "clientRequestToken", "have length less than or equal to 36")
	}
	if err := c.err(); err != nil {
		return err
	}
	if err := tx.frame.check(); err != nil {
		return err
	}
	for _, r := range tx.actions {
		if err := r.check(); err != nil {
			return err
		}
		switch {
		case r.operation == "ConditionCheck" && r.condition == nil:
			return invalid("1 validation error detected: Value null at 'transactItems.member.conditionCheck.conditionExpression' failed to satisfy constraint: Member must not be null")
		case r.operation == "Update" && r.update == nil:
			return invalid("1 validation error detected: Value null at 'transactItems.member.update.updateExpression' failed to satisfy constraint: Member must not be null")
		}
	}
	return nil
}

// transactionOf reads, authorises and checks a transaction.
func (s *Service) transactionOf(call *wire.Call, kinds ...string) (*transaction, error) {
	p := newParser(call.Body)
	tx := p.transaction(kinds...)
	if err := p.end(); err != nil {
		return nil, err
	}
	for _, r := range tx.actions {
		if err := s.authorize(call, r.operation+"Item", r.table, ""); err != nil {
			return nil, err
		}
	}
	if err := tx.check(); err != nil {
		return nil, err
	}
	return tx, p.refused
}

func (s *Service) transactWriteItems(ctx context.Context, call *wire.Call) (any, error) {
	tx, err := s.transactionOf(call, "ConditionCheck", "Put", "Delete", "Update")
	if err != nil {
		return nil, err
	}
	writes := make([]*write, len(tx.actions))
	for i, r := range tx.actions {
		if writes[i], err = s.prepare(r); err != nil {
			return nil, err
		}
	}
	if tx.token == "" {
		return s.runTransaction(ctx, tx, writes, nil)
	}
	use, err := s.tokens.begin(tx)
	if err != nil {
		return nil, err
	}
	if use.Done {
		return s.repeated(tx, writes)
	}
	out, err := s.runTransaction(ctx, tx, writes, use)
	s.tokens.end(use, err == nil)
	return out, err
}

func (s *Service) runTransaction(ctx context.Context, tx *transaction, writes []*write, use *tokenUse) (any, error) {
	reasons := make([]reason, len(writes))
	bytes := 0
	tables := make([]*table, len(writes))
	for i, w := range writes {
		tables[i] = w.t
		if err := w.bind(); err != nil {
			var other error
			if reasons[i], other = reasonFor(err, w); other != nil {
				return nil, other
			}
			continue
		}
		bytes += w.to.item.size()
	}
	if anyFailed(reasons) {
		return nil, cancelled(reasons)
	}
	if duplicateKeys(writes, func(w *write) (*table, *record) { return w.t, w.to }) {
		return nil, invalid("Transaction request cannot include multiple operations on one item")
	}
	if bytes > maxTransactBytes {
		return nil, errTransactBytes()
	}
	if conflicts, err := s.hold(ctx, tables, writes); err != nil {
		return nil, err
	} else if anyFailed(conflicts) {
		return nil, cancelled(conflicts)
	}
	unlock, err := s.lockAll(tables)
	if err != nil {
		return nil, err
	}
	defer unlock()
	used := tally{writes: true}
	defer func() { s.countAll(&used) }()
	changes := make([]change, 0, len(writes))
	bytes = 0 // of the items themselves: what is sent is less for all but puts
	for i, w := range writes {
		c, err := s.attempt(w, transactFactor)
		if err != nil {
			if reasons[i], err = reasonFor(err, w); err != nil {
				return nil, err
			}
			used.of(w.t).charge(nil, transactFactor*c.units)
			continue
		}
		used.of(w.t).chargeChange(c, transactFactor)
		bytes += max(sizeOfRecord(c.before), sizeOfRecord(c.after))
		if w.operation != "ConditionCheck" && (c.before != nil || c.after != nil) {
			changes = append(changes, c)
		}
	}
	if anyFailed(reasons) {
		return nil, cancelled(reasons)
	}
	if bytes > maxTransactBytes {
		return nil, errTransactBytes()
	}
	if len(changes) > 0 || use != nil {
		if use != nil {
			use.At = time.Now().UnixMilli()
		}
		if err := s.commit(time.Now(), changes, use); err != nil {
			return nil, err
		}
	}
	var a answer
	a.reportAll(tx.frame.capacity, &used, true)
	if metrics := transactionMetrics(tx, writes); len(metrics) > 0 {
		a.json("ItemCollectionMetrics", metrics)
	}
	return wire.Raw(a.bytes()), nil
}

func transactionMetrics(tx *transaction, writes []*write) map[string][]any {
	if tx.frame.metrics != "SIZE" {
		return nil
	}
	metrics := map[string][]any{}
	for _, w := range writes {
		if m := w.t.collectionMetrics(w.to); m != nil && w.operation != "ConditionCheck" {
			metrics[w.t.def.TableName] = append(metrics[w.t.def.TableName], m)
		}
	}
	return metrics
}

// repeated answers a transaction that was already made: nothing is written,
// and AWS bills the reading of the items.
func (s *Service) repeated(tx *transaction, writes []*write) (any, error) {
	var used tally
	for _, w := range writes {
		if err := w.bind(); err != nil {
			return nil, err
		}
		found, err := s.find(w.t, w.to, true)
		if err != nil {
			return nil, err
		}
		used.of(w.t).charge(nil, transactFactor*readUnits(sizeOfRecord(found), true))
	}
	s.countAll(&used)
	var a answer
	a.reportAll(tx.frame.capacity, &used, true)
	return wire.Raw(a.bytes()), nil
}

func (s *Service) transactGetItems(call *wire.Call) (any, error) {
	tx, err := s.transactionOf(call, "Get")
	if err != nil {
		return nil, err
	}
	gets := make([]*get, len(tx.actions))
	for i, r := range tx.actions {
		if gets[i], err = s.prepareGet(r); err != nil {
			return nil, err
		}
	}
	reasons := make([]reason, len(gets))
	tables := make([]*table, len(gets))
	for i, g := range gets {
		tables[i] = g.t
		if err := g.bind(); err != nil {
			if reasons[i], err = reasonFor(err, nil); err != nil {
				return nil, err
			}
		}
	}
	if anyFailed(reasons) {
		return nil, cancelled(reasons)
	}
	if duplicateKeys(gets, func(g *get) (*table, *record) { return g.t, g.key }) {
		return nil, invalid("Transaction request cannot include multiple operations on one item")
	}
	unlock, err := s.lockAll(tables)
	if err != nil {
		return nil, err
	}
	found := make([]*record, len(gets))
	bytes := 0
	for i, g := range gets {
		found[i] = g.t.items.get(g.key)
		bytes += sizeOfRecord(found[i])
		busy := g.t.conflict(g.key)
		if busy == nil {
			busy = s.takeRead(g.t, g.key, found[i], true, transactFactor)
		}
		if busy != nil {
			reasons[i], err = reasonFor(busy, nil)
		}
	}
	unlock()
	switch {
	case err != nil:
		return nil, err
	case anyFailed(reasons):
		return nil, cancelled(reasons)
	}
	if bytes > maxTransactBytes {
		return nil, invalid("Transaction response size exceeds the maximum of 4 MB")
	}
	var used tally
	var a answer
	a.member("Responses")
	a.elements(len(gets), func(i int) {
		g := gets[i]
		used.of(g.t).charge(nil, transactFactor*readUnits(sizeOfRecord(found[i]), true))
		var shape answer
		if found[i] != nil {
			shape.item("Item", g.shown(found[i]))
		}
		a.b = append(a.b, shape.bytes()...)
	})
	s.countAll(&used)
	a.reportAll(tx.frame.capacity, &used, true)
	return wire.Raw(a.bytes()), nil
}
