package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Queues is the part of SQS that pollers use. Both methods authorise nothing:
// SAM gives the role of a function with an SQS event what its poller needs.
type Queues interface {
	// Receive waits up to wait for at most limit (1 to 10) messages.
	Receive(ctx context.Context, queueARN string, limit int, wait time.Duration) ([]events.SQSMessage, error)
	// Delete deletes messages by receipt handle, at most 10 at once.
	Delete(ctx context.Context, queueARN string, receipts []string) error
}

// Mapping feeds a function from a queue.
type Mapping struct {
	Function                string
	QueueARN                string
	BatchSize               int           // 1 to 10,000; above 10 a window is required; zero is 10
	Window                  time.Duration // how long to collect a batch; 0 to 300 s
	MaximumConcurrency      int           // 2 to 1,000; zero scales as AWS does by default
	ReportBatchItemFailures bool
}

const (
	longPoll       = 20 * time.Second
	receiveMax     = 10
	maxBatchBytes  = maxSyncPayload - len(`{"Records":[]}`)
	retryPoll      = time.Second // after a failed receive
	scaleStart     = 5           // concurrent batches of a mapping that just woke up
	scalePerMinute = 300
	scaleLimit     = 1250
)

// mapping is a Mapping at work.
type mapping struct {
	Mapping
	service *Service

	mu        sync.Mutex
	active    int
	busySince time.Time     // since when there has been work without a break
	released  chan struct{} // a batch has ended
}

func (s *Service) addMapping(m Mapping) error {
	if m.BatchSize == 0 {
		m.BatchSize = receiveMax
	}
	switch {
	case s.functions[m.Function] == nil:
		return errors.New("there is no such function")
	case s.opts.Queues == nil:
		return errors.New("there are no queues")
	case m.BatchSize < 1 || m.BatchSize > 10000:
		return fmt.Errorf("batch size %d is not within 1 and 10,000", m.BatchSize)
	case m.BatchSize > receiveMax && m.Window < time.Second:
		return fmt.Errorf("batch size %d needs a batching window of at least 1 s", m.BatchSize)
	case m.Window < 0 || m.Window > 300*time.Second:
		return fmt.Errorf("batching window of %s is not within 0 and 300 s", m.Window)
	case m.MaximumConcurrency != 0 && (m.MaximumConcurrency < 2 || m.MaximumConcurrency > 1000):
		return fmt.Errorf("maximum concurrency %d is not within 2 and 1,000", m.MaximumConcurrency)
	}
	s.mappings = append(s.mappings, &mapping{Mapping: m, service: s, released: make(chan struct{}, 1)})
	return nil
}

// poll takes a slot, waits for a batch, hands it to a goroutine that gives the
// slot back, and so on. One long poll is open at a time, where AWS holds about
// five: idle polling is therefore metered too low, busy polling is not.
func (m *mapping) poll(ctx context.Context) {
	s := m.service
	for m.acquire(ctx) {
		batch, err := m.receive(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "poll queue", slog.String("function", m.Function), slog.String("error", err.Error()))
			s.sleep(retryPoll)
		}
		if len(batch) == 0 {
			m.release()
			continue
		}
		s.running.Go(func() {
			defer m.release()
			m.process(ctx, batch)
		})
	}
}

// acquire waits until one more batch may run; false when ctx has ended.
func (m *mapping) acquire(ctx context.Context) bool {
	for {
		if ctx.Err() != nil {
			return false
		}
		wait, ok := m.tryAcquire()
		if ok {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-m.released:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (m *mapping) tryAcquire() (wait time.Duration, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active == 0 {
		m.busySince = time.Now()
	}
	limit, busy := m.MaximumConcurrency, time.Since(m.busySince)
	if limit == 0 {
		limit = min(scaleLimit, scaleStart+scalePerMinute*int(busy/time.Minute))
	}
	if m.active >= limit {
		return time.Minute - busy%time.Minute, false
	}
	m.active++
	return 0, true
}

func (m *mapping) release() {
	m.mu.Lock()
	m.active--
	m.mu.Unlock()
	select {
	case m.released <- struct{}{}:
	default:
	}
}

// receive collects a batch: one long poll, then more until the batch is full or
// the window, which starts at the first message, has passed.
func (m *mapping) receive(ctx context.Context) ([]events.SQSMessage, error) {
	queues := m.service.opts.Queues
	batch, err := queues.Receive(ctx, m.QueueARN, min(receiveMax, m.BatchSize), longPoll)
	if err != nil || len(batch) == 0 || m.Window == 0 {
		return batch, err
	}
	end := time.Now().Add(m.Window)
	size := 0
	for _, msg := range batch {
		size += len(msg.Body)
	}
	for len(batch) < m.BatchSize && size < maxBatchBytes {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		more, err := queues.Receive(ctx, m.QueueARN, min(receiveMax, m.BatchSize-len(batch)), min(longPoll, left))
		if err != nil {
			return batch, nil //nolint:nilerr // what was received must still be worked on; the next poll reports the error
		}
		for _, msg := range more {
			size += len(msg.Body)
		}
		batch = append(batch, more...)
	}
	return batch, nil
}

// process invokes the function with the batch, in parts if it is over 6 MB, and
// deletes what succeeded. The rest comes back at its visibility time-out.
func (m *mapping) process(ctx context.Context, batch []events.SQSMessage) {
	s := m.service
	for len(batch) > 0 {
		payload, n, err := encodeBatch(batch)
		if err != nil {
			s.log.ErrorContext(ctx, "encode batch", slog.String("function", m.Function), slog.String("error", err.Error()))
			return
		}
		part := batch[:n]
		batch = batch[n:]
		result, err := s.Invoke(WithTrace(ctx, traceOf(part)), m.Function, payload)
		if err != nil { // throttled, or a loop: the messages come again, and one receive of theirs is used up
			s.log.WarnContext(ctx, "batch not taken", slog.String("function", m.Function), slog.String("error", err.Error()))
			s.sleep(retryPoll)
			continue
		}
		if result.FunctionError != "" {
			continue
		}
		done := part
		if m.ReportBatchItemFailures {
			if done, err = succeeded(part, result.Payload); err != nil {
				s.log.ErrorContext(ctx, "batch result", slog.String("function", m.Function), slog.String("request_id", result.RequestID), slog.String("error", err.Error()))
				continue
			}
		}
		for len(done) > 0 {
			n := min(receiveMax, len(done))
			receipts := make([]string, n)
			for i, msg := range done[:n] {
				receipts[i] = msg.ReceiptHandle
			}
			done = done[n:]
			if err := s.opts.Queues.Delete(ctx, m.QueueARN, receipts); err != nil {
				s.log.ErrorContext(ctx, "delete messages", slog.String("function", m.Function), slog.String("error", err.Error()))
			}
		}
	}
}

// encodeBatch encodes as many messages, one at least, as fit an invocation.
func encodeBatch(batch []events.SQSMessage) (payload []byte, n int, err error) {
	payload = append(payload, `{"Records":[`...)
	for i, msg := range batch {
		record, err := json.Marshal(msg)
		if err != nil {
			return nil, 0, fmt.Errorf("encode message: %w", err)
		}
		if i > 0 && len(payload)+len(record) > maxBatchBytes {
			break
		}
		if i > 0 {
			payload = append(payload, ',')
		}
		payload = append(payload, record...)
		n++
	}
	return append(payload, `]}`...), n, nil
}

// succeeded reads a partial batch response and returns the messages it does not
// name. A response of another shape, or one with an item that does not name a
// message of the batch, is an error: then the whole batch has failed. A response
// without a batchItemFailures says that nothing failed (developer guide, "Handling
// errors for an SQS event source in Lambda", November 2026). Names are compared
// as they are written, which decoding into a struct would not do.
func succeeded(batch []events.SQSMessage, response []byte) ([]events.SQSMessage, error) {
	if len(strings.TrimSpace(string(response))) == 0 {
		return batch, nil
	}
	var report map[string]json.RawMessage
	err := json.Unmarshal(response, &report)
	var failures []map[string]json.RawMessage
	if listed, ok := report["batchItemFailures"]; ok && err == nil {
		err = json.Unmarshal(listed, &failures)
	}
	if err != nil {
		return nil, errors.New("the function's response is not a partial batch response")
	}
	known := make(map[string]bool, len(batch))
	for _, msg := range batch {
		known[msg.MessageId] = true
	}
	failed := make(map[string]bool, len(failures))
	for _, f := range failures {
		var id string // stays empty if it is null or missing
		if json.Unmarshal(f["itemIdentifier"], &id) != nil || !known[id] {
			return nil, errors.New("a batch item failure does not name a message of the batch")
		}
		failed[id] = true
	}
	var done []events.SQSMessage
	for _, msg := range batch {
		if !failed[msg.MessageId] {
			done = append(done, msg)
		}
	}
	return done, nil
}
