package sqs

import (
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// moveTask is a redrive out of a dead-letter queue. Tasks are not in the
// journal: one that a killed process was running is gone, what it moved stays
// moved, the rest stays where it is.
type moveTask struct {
	handle      string
	source      *queue
	destination string // ARN; "" sends each message to the queue it came from
	perSecond   int    // 0 is as fast as possible
	started     time.Time

	// guarded by Service.tasksMu
	status  string
	failure string
	moved   int
	total   int
	timer   *time.Timer
}

func (t *moveTask) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

func (s *Service) startMessageMoveTask(call *wire.Call) (any, error) {
	var in struct {
		SourceArn                    string
		DestinationArn               string
		MaxNumberOfMessagesPerSecond *int
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if in.SourceArn == "" {
		return nil, errMissing("SourceArn")
	}
	for _, action := range []string{"sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage"} {
		if err := authorize(call, action, in.SourceArn); err != nil {
			return nil, err
		}
	}
	if in.DestinationArn != "" {
		if err := authorize(call, "sqs:SendMessage", in.DestinationArn); err != nil {
			return nil, err
		}
	}
	s.bill(0)
	source, err := s.queueByARN(in.SourceArn)
	if err != nil {
		return nil, errNoResource("SourceArn")
	}
	if in.DestinationArn != "" && !s.exists(in.DestinationArn) {
		return nil, errNoResource("DestinationArn")
	}
	if !s.isDeadLetter(in.SourceArn) {
		return nil, errParameter("Source queue must be configured as a Dead Letter Queue.")
	}
	t := &moveTask{handle: uuid.NewString(), source: source, destination: in.DestinationArn, started: time.Now(), status: "RUNNING"}
	if n := in.MaxNumberOfMessagesPerSecond; n != nil {
		if t.perSecond = *n; t.perSecond < 1 || t.perSecond > 500 {
			return nil, errParameter("Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a value that is between 1 and 500.")
		}
	}
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	for _, other := range s.tasks {
		if other.source == source && other.status == "RUNNING" {
			return nil, errParameter("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		}
	}
	source.mu.Lock()
	source.advance(time.Now())
	t.total = source.ready
	source.mu.Unlock()
	s.tasks = append(s.tasks, t)
	s.advanceTask(t)
	return map[string]string{"TaskHandle": t.handle}, nil
}

func errNoResource(parameter string) *wire.Error {
	return fail(http.StatusNotFound, "ResourceNotFoundException", "ResourceNotFoundException", "The resource that you specified for the %s parameter doesn't exist.", parameter)
}

// isDeadLetter reports whether some queue names arn in its redrive policy.
func (s *Service) isDeadLetter(arn string) bool {
	for _, name := range s.names() {
		if q, err := s.queue(name); err == nil && q.settings().deadLetter == arn {
			return true
		}
	}
	return false
}

// advanceTask moves one second's worth of messages and sets the timer for the
// next. tasksMu is held.
func (s *Service) advanceTask(t *moveTask) {
	n := t.total - t.moved
	if t.perSecond > 0 {
		n = min(n, t.perSecond)
	}
	for range n {
		done, err := s.moveOne(t)
		if err != nil {
			t.status, t.failure = "FAILED", err.Error()
			return
		}
		if done {
			t.status = "COMPLETED"
			return
		}
		t.moved++
	}
	if t.moved >= t.total {
		t.status = "COMPLETED"
		return
	}
	t.timer = time.AfterFunc(time.Second, func() {
		s.tasksMu.Lock()
		defer s.tasksMu.Unlock()
		if !s.closed {
			s.advanceTask(t)
		}
	})
}

// moveOne moves the next visible message, as a new message with its own sent
// time and receive count; done reports that there was none.
func (s *Service) moveOne(t *moveTask) (done bool, err error) {
	now := time.Now()
	t.source.mu.Lock()
	t.source.advance(now)
	m := t.source.take()
	if m != nil {
		t.source.detach(m)
	}
	t.source.mu.Unlock()
	if m == nil {
		return true, nil
	}
	destination := t.destination
	if destination == "" {
		destination = m.Source
	}
	to, err := s.queueByARN(destination)
	if err != nil {
		if back := s.transfer(t.source, t.source, []*message{m}); back != nil {
			return false, back
		}
		return false, fail(http.StatusBadRequest, "CouldNotDetermineMessageSource", "CouldNotDetermineMessageSource", "the queue that a message came from is unknown or gone; name a DestinationArn")
	}
	m.ID, m.SentAt, m.Count, m.FirstReceived, m.Source = uuid.NewString(), now.UnixNano(), 0, 0, ""
	return false, s.transfer(t.source, to, []*message{m})
}

func (s *Service) listMessageMoveTasks(call *wire.Call) (any, error) {
	var in struct {
		SourceArn  string
		MaxResults *int
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := authorize(call, "sqs:ListMessageMoveTasks", in.SourceArn); err != nil {
		return nil, err
	}
	s.bill(0)
	source, err := s.queueByARN(in.SourceArn)
	if err != nil {
		return nil, errNoResource("SourceArn")
	}
	limit := 1
	if in.MaxResults != nil {
		if limit = *in.MaxResults; limit < 1 || limit > 10 {
			return nil, errParameter("Value for parameter MaxResults is invalid. Reason: It must be between 1 and 10.")
		}
	}
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	results := []map[string]any{}
	for _, t := range slices.Backward(s.tasks) {
		if t.source != source || len(results) == limit {
			continue
		}
		r := map[string]any{
			"SourceArn": in.SourceArn, "Status": t.status, "StartedTimestamp": t.started.UnixMilli(),
			"ApproximateNumberOfMessagesMoved": t.moved, "ApproximateNumberOfMessagesToMove": t.total,
		}
		if t.status == "RUNNING" {
			r["TaskHandle"] = t.handle
		}
		if t.destination != "" {
			r["DestinationArn"] = t.destination
		}
		if t.perSecond > 0 {
			r["MaxNumberOfMessagesPerSecond"] = t.perSecond
		}
		if t.failure != "" {
			r["FailureReason"] = t.failure
		}
		results = append(results, r)
	}
	return map[string]any{"Results": results}, nil
}
