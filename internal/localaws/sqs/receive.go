package sqs

import (
	"context"
	"net/http"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// everything asks for all attributes, as the Lambda poller does.
func everything() wanted { return wanted{system: []string{"All"}, message: []string{"All"}} }

// Receive takes up to max messages from a queue for the Lambda poller, waiting
// up to wait (at most 20 s) for the first one. No messages is not an error. It
// is metered as the requests of ten messages each that the poller would make.
// The error is ctx's, or QueueDoesNotExist.
func (s *Service) Receive(ctx context.Context, queueARN string, maxMessages int, wait time.Duration) ([]Message, error) {
	q, err := s.queueByARN(queueARN)
	if err != nil {
		return nil, err
	}
	messages, err := s.receive(ctx, q, maxMessages, min(wait, maxWait), nil, everything())
	if n := (len(messages) - 1) / maxBatchEntries; n > 0 {
		s.opts.Meter.Add(meter.SQSRequests, float64(n))
	}
	return messages, err
}

func (s *Service) receiveMessage(ctx context.Context, call *wire.Call) (any, error) {
	var in struct {
		QueueURL                    string `json:"QueueUrl"`
		MaxNumberOfMessages         *int
		VisibilityTimeout           *int
		WaitTimeSeconds             *int
		AttributeNames              []string // the older name of the next
		MessageSystemAttributeNames []string
		MessageAttributeNames       []string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, "sqs:ReceiveMessage", in.QueueURL)
	if err != nil {
		return nil, err
	}
	limit, wait := 1, q.settings().wait
	if n := in.MaxNumberOfMessages; n != nil {
		if limit = *n; limit < 1 || limit > maxBatchEntries {
			return nil, errParameter("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", limit)
		}
	}
	if n := in.WaitTimeSeconds; n != nil {
		if wait = time.Duration(*n) * time.Second; wait < 0 || wait > maxWait {
			return nil, errParameter("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", *n)
		}
	}
	var visibility *time.Duration
	if n := in.VisibilityTimeout; n != nil {
		v, err := visibilityOf(n)
		if err != nil {
			return nil, err
		}
		visibility = &v
	}
	want := wanted{system: append(in.AttributeNames, in.MessageSystemAttributeNames...), message: in.MessageAttributeNames}
	messages, err := s.receive(ctx, q, limit, wait, visibility, want)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	return map[string]any{"Messages": messages}, nil
}

// receive takes up to limit messages, waiting up to wait for the first. A nil
// visibility is the queue's.
func (s *Service) receive(ctx context.Context, q *queue, limit int, wait time.Duration, visibility *time.Duration, want wanted) ([]Message, error) {
	deadline := time.Now().Add(wait)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		deadLetter := q.settings().deadLetter
		redrive := deadLetter != "" && s.exists(deadLetter)
		now := time.Now()
		q.mu.Lock()
		got, err := s.pull(q, now, limit, wait > 0, redrive, visibility, want)
		if err != nil || len(got.messages) > 0 || !now.Before(deadline) {
			q.wake(1)
			q.mu.Unlock()
			if err != nil {
				return nil, err
			}
			if len(got.messages) == 0 {
				s.opts.Meter.Add(meter.SQSIdlePolls, 1)
			} else {
				s.bill(got.bytes)
			}
			return got.messages, s.bury(q, got.dead)
		}
		wakeAt := deadline
		if len(q.hidden.items) > 0 {
			if next := time.Unix(0, q.hidden.items[0].VisibleAt); next.Before(wakeAt) {
				wakeAt = next
			}
		}
		woken := q.enlist()
		q.mu.Unlock()
		if err := s.bury(q, got.dead); err != nil {
			return nil, err
		}
		timer := time.NewTimer(wakeAt.Sub(now))
		select {
		case <-woken:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		q.mu.Lock()
		q.dismiss(woken)
		if ctx.Err() != nil {
			q.wake(1)
		}
		q.mu.Unlock()
	}
}

// pulled is what one look at the queue brought.
type pulled struct {
	messages []Message
	bytes    int
	dead     []*message // taken off the queue, to be moved to the dead-letter queue
}

// pull takes what is ready; with redrive, messages that used up their receives
// are put aside. The queue's lock is held.
func (s *Service) pull(q *queue, now time.Time, limit int, longPoll, redrive bool, visibility *time.Duration, want wanted) (pulled, error) {
	var out pulled
	if q.deleted {
		return out, errNoQueue()
	}
	q.advance(now)
	if q.inFlight >= maxInFlight {
		if longPoll {
			return out, nil // a long poll waits for room instead
		}
		return out, fail(http.StatusForbidden, "OverLimit", "OverLimit", "Too many messages in flight: at most %d.", maxInFlight)
	}
	hideFor := q.set.visibility
	if visibility != nil {
		hideFor = *visibility
	}
	var taken []*message
	for len(taken) < limit {
		m := q.take()
		if m == nil {
			break
		}
		if redrive && m.Count >= q.set.maxReceives {
			q.detach(m)
			out.dead = append(out.dead, m)
			continue
		}
		q.hide(m, now.UnixNano(), now.Add(hideFor).UnixNano())
		taken = append(taken, m)
	}
	if len(taken) == 0 {
		return out, nil
	}
	receipts := make([]received, len(taken))
	out.messages = make([]Message, len(taken))
	for i, m := range taken {
		receipts[i] = received{Key: m.Key, Count: m.Count, At: m.ReceivedAt, VisibleAt: m.VisibleAt}
		out.messages[i] = m.view(q.name, want)
		out.bytes += m.size
	}
	return out, s.append(record{Kind: recordReceived, Queue: q.name, Received: receipts})
}

func (s *Service) exists(queueARN string) bool {
	_, err := s.queueByARN(queueARN)
	return err == nil
}

// bury puts messages that used up their receives into the dead-letter queue.
// They are in neither queue for a moment; a process that dies then finds them
// in the source queue, where the journal has them.
func (s *Service) bury(from *queue, dead []*message) error {
	if len(dead) == 0 {
		return nil
	}
	to, err := s.queueByARN(from.settings().deadLetter)
	if err != nil {
		return s.transfer(from, from, dead) // it went away meanwhile
	}
	source := s.ARN(from.name)
	for _, m := range dead {
		m.Source, m.FirstReceived = source, 0 // receives count across queues (reference of ReceiveMessage)
	}
	return s.transfer(from, to, dead)
}

// transfer puts messages that were taken off one queue into another, in one
// journal record. ID and sent time stay.
func (s *Service) transfer(from, to *queue, messages []*message) error {
	now := time.Now()
	taken := make([]uint64, len(messages))
	to.mu.Lock()
	if to.deleted && to != from { // a moment ago
		to.mu.Unlock()
		return s.transfer(from, from, messages)
	}
	defer to.mu.Unlock()
	for i, m := range messages {
		taken[i] = m.Key
		m.Key = to.nextKey + uint64(i) //nolint:gosec // an index
		m.ReceivedAt, m.VisibleAt = 0, now.UnixNano()
	}
	if err := s.append(record{Kind: recordMoved, Queue: from.name, Keys: taken, To: to.name, Messages: messages}); err != nil {
		return err
	}
	for _, m := range messages {
		to.insert(m)
	}
	to.wake(len(messages))
	return nil
}

func visibilityOf(seconds *int) (time.Duration, error) {
	if seconds == nil {
		return 0, errMissing("VisibilityTimeout")
	}
	v := time.Duration(*seconds) * time.Second
	if v < 0 || v > maxVisibility {
		return 0, errParameter("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.", *seconds)
	}
	return v, nil
}
