package dynamodb

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// itemKey identifies an item of a table.
type itemKey struct{ part, sort string }

func (r *record) key() itemKey { return itemKey{r.part, r.sort} }

const transactionConflict = "TransactionConflictException"

// conflict is the error for an item that a transaction is working on, nil for
// others. The table is locked.
func (t *table) conflict(key *record) error {
	if _, held := t.held[key.key()]; !held {
		return nil
	}
	return wire.Errorf(http.StatusBadRequest, transactionConflict, "Transaction is ongoing for the item")
}

func isConflict(err error) bool {
	e, ok := errors.AsType[*wire.Error](err)
	return ok && e.Code == transactionConflict
}

// hold keeps the items of a transaction from others for the time that
// transactions take. It returns the reasons why it cannot, if there are any.
func (s *Service) hold(ctx context.Context, tables []*table, writes []*write) (reasons []reason, err error) {
	if s.opts.TransactionTime == 0 {
		return nil, nil
	}
	unlock, err := s.lockAll(tables)
	if err != nil {
		return nil, err
	}
	reasons = make([]reason, len(writes))
	for i, w := range writes {
		if busy := w.t.conflict(w.to); busy != nil {
			if reasons[i], err = reasonFor(busy, w); err != nil {
				break
			}
		}
	}
	if err != nil || anyFailed(reasons) {
		unlock()
		return reasons, err
	}
	for _, w := range writes {
		if w.t.held == nil {
			w.t.held = map[itemKey]struct{}{}
		}
		w.t.held[w.to.key()] = struct{}{}
	}
	unlock()
	timer := time.NewTimer(s.opts.TransactionTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	for _, w := range writes {
		w.t.mu.Lock()
		delete(w.t.held, w.to.key())
		w.t.mu.Unlock()
	}
	return nil, err
}
