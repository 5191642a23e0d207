// Package sqs is Amazon SQS on this machine: standard queues with visibility
// time-outs, delays, receive counts, dead-letter queues, redrive tasks and long
// polling, delivered at least once.
//
// The JSON protocol comes in through [Service.Handle]; the Lambda event source
// poller, which lives in the same process, calls [Service.Receive],
// [Service.Delete] and [Service.ChangeVisibility]. Waiting is on channels and
// timers of the caller's own goroutine, so it runs inside a testing/synctest
// bubble.
//
// It imports its siblings wire, meter and journal. It is not for FIFO queues,
// the old query protocol, resource policies or tags.
package sqs

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// Options configures a [Service]. Region and Account are part of every ARN and
// queue URL.
type Options struct {
	Region  string
	Account string
	Meter   *meter.Meter     // nil counts nothing
	Journal *journal.Journal // nil remembers nothing

	// Disturb is asked at every message sent and says what goes wrong with it;
	// queue is the queue's name. Nil disturbs nothing. It must not call the
	// service.
	Disturb func(queue string) Disturbance
}

// Disturbance is what happens to one message that is sent. The zero value is
// an undisturbed delivery.
type Disturbance struct {
	Duplicates int           // further copies with the same message id, each deleted on its own
	Delay      time.Duration // added to the message's own delay; it also reorders
	Behind     time.Duration // that the copies come after the message
}

// Service is the queues of one account in one region. Its methods may be
// called from many goroutines.
type Service struct {
	opts   Options
	mu     sync.RWMutex // taken before a queue's lock, never while holding one
	queues map[string]*queue

	tasksMu sync.Mutex
	tasks   []*moveTask
	closed  bool
}

// New returns the service with the queues and messages that its journal
// remembers.
func New(opts Options) (*Service, error) {
	s := &Service{opts: opts, queues: map[string]*queue{}}
	if err := s.replay(opts.Journal.Past(journalName)); err != nil {
		return nil, err
	}
	return s, nil
}

// Close stops redrive tasks that are still moving messages. Queues stay usable.
func (s *Service) Close() error {
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	s.closed = true
	for _, t := range s.tasks {
		t.stop()
	}
	return nil
}

// ARN returns the ARN of the queue called name, whether it exists or not.
func (s *Service) ARN(name string) string {
	return "arn:aws:sqs:" + s.opts.Region + ":" + s.opts.Account + ":" + name
}

// URL returns the URL of the queue called name, whether it exists or not.
func (s *Service) URL(name string) string {
	return "https://sqs." + s.opts.Region + ".amazonaws.com/" + s.opts.Account + "/" + name
}

// Handle answers one call of the JSON protocol.
func (s *Service) Handle(ctx context.Context, call *wire.Call) (any, error) {
	switch call.Operation {
	case "CreateQueue":
		return s.createQueue(call)
	case "DeleteQueue":
		return s.deleteQueue(call)
	case "GetQueueUrl":
		return s.queueURL(call)
	case "ListQueues":
		return s.listQueues(call)
	case "GetQueueAttributes":
		return s.queueAttributes(call)
	case "SetQueueAttributes":
		return s.setQueueAttributes(call)
	case "PurgeQueue":
		return s.purgeQueue(call)
	case "SendMessage":
		return s.sendMessage(call)
	case "SendMessageBatch":
		return s.sendMessageBatch(call)
	case "ReceiveMessage":
		return s.receiveMessage(ctx, call)
	case "DeleteMessage":
		return s.deleteMessage(call)
	case "DeleteMessageBatch":
		return s.deleteMessageBatch(call)
	case "ChangeMessageVisibility":
		return s.changeMessageVisibility(call)
	case "ChangeMessageVisibilityBatch":
		return s.changeMessageVisibilityBatch(call)
	case "StartMessageMoveTask":
		return s.startMessageMoveTask(call)
	case "ListMessageMoveTasks":
		return s.listMessageMoveTasks(call)
	}
	return nil, wire.Errorf(http.StatusBadRequest, "UnknownOperationException", "SQS operation %q is not available on this machine", call.Operation)
}

// queue returns the queue called name, or QueueDoesNotExist.
func (s *Service) queue(name string) (*queue, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if q, ok := s.queues[name]; ok {
		return q, nil
	}
	return nil, errNoQueue()
}

// queueByARN returns the queue with an ARN, or QueueDoesNotExist.
func (s *Service) queueByARN(arn string) (*queue, error) {
	name := nameOf(arn)
	if s.ARN(name) != arn {
		return nil, errNoQueue()
	}
	return s.queue(name)
}

// open authorises action on the queue that a queue URL names and returns it.
func (s *Service) open(call *wire.Call, action, queueURL string) (*queue, error) {
	if queueURL == "" {
		return nil, errMissing("QueueUrl")
	}
	parts := strings.Split(strings.TrimSuffix(queueURL, "/"), "/")
	if len(parts) < 3 {
		return nil, fail(http.StatusNotFound, "InvalidAddress", "InvalidAddress", "The address %s is not valid for this endpoint.", queueURL)
	}
	account, name := parts[len(parts)-2], parts[len(parts)-1]
	if err := authorize(call, action, s.ARN(name)); err != nil {
		return nil, err
	}
	if account != s.opts.Account {
		return nil, errNoQueue()
	}
	return s.queue(name)
}

// bill counts one request with bytes of payload: SQS bills each started 64 KiB
// as a request.
func (s *Service) bill(bytes int) {
	s.opts.Meter.Add(meter.SQSRequests, float64(max(1, (bytes+65_535)/65_536)))
}

func (s *Service) names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.queues))
}

// nameOf returns the last segment of a queue's ARN.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// authorize is call.Authorize with the code and status that SQS answers with.
func authorize(call *wire.Call, action, arn string) error {
	err := call.Authorize(action, arn)
	if e, ok := errors.AsType[*wire.Error](err); ok {
		e.Status, e.QueryCode = http.StatusForbidden, "AccessDenied"
	}
	return err
}
