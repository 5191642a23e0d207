package sqs

import (
	"container/heap"
	"context"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// Delete deletes messages for the Lambda poller, metered as requests of ten
// each. Messages that are gone already are no error.
func (s *Service) Delete(_ context.Context, queueARN string, receiptHandles []string) error {
	q, err := s.queueByARN(queueARN)
	if err != nil {
		return err
	}
	s.billBatches(len(receiptHandles))
	receipts := make([]receipt, len(receiptHandles))
	for i, handle := range receiptHandles {
		if receipts[i], err = parseReceipt(handle, q.name); err != nil {
			return err
		}
	}
	return s.remove(q, receipts)
}

// ChangeVisibility makes messages in flight visible again after timeout (0 to
// 12 h from now), metered as requests of ten each. Messages that are not in
// flight any more are passed over.
func (s *Service) ChangeVisibility(_ context.Context, queueARN string, receiptHandles []string, timeout time.Duration) error {
	q, err := s.queueByARN(queueARN)
	if err != nil {
		return err
	}
	s.billBatches(len(receiptHandles))
	for _, handle := range receiptHandles {
		r, err := parseReceipt(handle, q.name)
		if err != nil {
			return err
		}
		err = s.reschedule(q, r, timeout)
		if err != nil && wire.CodeOf(err) != "InvalidParameterValueException" { // which says that it is gone
			return err
		}
	}
	return nil
}

func (s *Service) billBatches(entries int) {
	s.opts.Meter.Add(meter.SQSRequests, float64((entries+maxBatchEntries-1)/maxBatchEntries))
}

// settling is a request about one received message, or an entry of a batch.
type settling struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout *int // ChangeMessageVisibility only
}

// settled is the answer to an entry of such a batch.
type settled struct {
	ID string `json:"Id"`
}

func (s *Service) deleteMessage(call *wire.Call) (any, error) {
	return s.settleOne(call, "sqs:DeleteMessage", s.deleteOne)
}

func (s *Service) deleteMessageBatch(call *wire.Call) (any, error) {
	return s.settleBatch(call, "sqs:DeleteMessage", s.deleteOne)
}

func (s *Service) changeMessageVisibility(call *wire.Call) (any, error) {
	return s.settleOne(call, "sqs:ChangeMessageVisibility", s.changeOne)
}

func (s *Service) changeMessageVisibilityBatch(call *wire.Call) (any, error) {
	return s.settleBatch(call, "sqs:ChangeMessageVisibility", s.changeOne)
}

func (s *Service) deleteOne(q *queue, r receipt, _ *int) error {
	return s.remove(q, []receipt{r})
}

func (s *Service) changeOne(q *queue, r receipt, seconds *int) error {
	timeout, err := visibilityOf(seconds)
	if err != nil {
		return err
	}
	return s.reschedule(q, r, timeout)
}

func (s *Service) settleOne(call *wire.Call, action string, apply func(*queue, receipt, *int) error) (any, error) {
	var in struct {
		QueueURL string `json:"QueueUrl"`
		settling
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, action, in.QueueURL)
	if err != nil {
		return nil, err
	}
	s.bill(0)
	if in.ReceiptHandle == "" {
		return nil, errMissing("ReceiptHandle")
	}
	r, err := parseReceipt(in.ReceiptHandle, q.name)
	if err != nil {
		return nil, err
	}
	return nil, apply(q, r, in.VisibilityTimeout)
}

func (s *Service) settleBatch(call *wire.Call, action string, apply func(*queue, receipt, *int) error) (any, error) {
	var in struct {
		QueueURL string `json:"QueueUrl"`
		Entries  []settling
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, action, in.QueueURL)
	if err != nil {
		return nil, err
	}
	s.bill(0)
	ids := make([]string, len(in.Entries))
	for i := range in.Entries {
		ids[i] = in.Entries[i].ID
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	var out batchAnswer[settled]
	for _, e := range in.Entries {
		r, err := parseReceipt(e.ReceiptHandle, q.name)
		if err == nil {
			err = apply(q, r, e.VisibilityTimeout)
		}
		if err != nil {
			out.refuse(e.ID, err)
		} else {
			out.Successful = append(out.Successful, settled{ID: e.ID})
		}
	}
	return out, nil
}

// remove deletes messages for good, with the latest handle or an older one.
func (s *Service) remove(q *queue, receipts []receipt) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	found := make([]*message, 0, len(receipts))
	keys := make([]uint64, 0, len(receipts))
	for _, r := range receipts {
		if m := q.find(r); m != nil {
			found, keys = append(found, m), append(keys, m.Key)
		}
	}
	if len(found) == 0 {
		return nil
	}
	if err := s.append(record{Kind: recordDeleted, Queue: q.name, Keys: keys}); err != nil {
		return err
	}
	for _, m := range found {
		q.remove(m)
	}
	return nil
}

// reschedule lets a message in flight become visible after timeout; one that
// is visible stays so.
func (s *Service) reschedule(q *queue, r receipt, timeout time.Duration) error {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advance(now)
	m := q.find(r)
	switch {
	case m == nil:
		return errParameter("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", r)
	case m.state != inFlight:
		return nil // AWS answers so, not MessageNotInflight as the reference says (recorded in April 2024)
	}
	visibleAt := now.Add(timeout).UnixNano()
	if visibleAt-m.ReceivedAt > int64(maxVisibility) {
		return errParameter("Value %d for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].", int(timeout/time.Second))
	}
	at := received{Key: m.Key, Count: m.Count, At: m.ReceivedAt, VisibleAt: visibleAt}
	if err := s.append(record{Kind: recordReceived, Queue: q.name, Received: []received{at}}); err != nil {
		return err
	}
	m.VisibleAt = visibleAt
	heap.Fix(&q.hidden, m.pos[slotHidden])
	q.wake(1)
	return nil
}
