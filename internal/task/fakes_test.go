package task_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/task"
)

// sent is a message that was put into a queue.
type sent struct {
	Queue string
	Body  task.Message
	Delay time.Duration
}

// answer is what a task token was answered with.
type answer struct {
	Token  string
	Output string
	Kind   fault.Kind
	Cause  string // of a failure whose cause is the time to ask again
}

// world is the run's ledger, the parking place and the answers, in memory.
type world struct {
	status   domain.RunStatus
	attempt  int // at the run
	reason   string
	done     map[string]json.RawMessage
	lease    map[string]string // owner by step
	parked   map[string][]byte
	sent     []sent
	answers  []answer
	worked   []task.Job
	onParked func()
	broken   map[string]error // by name of the call
}

func newWorld() *world {
	return &world{
		status: domain.RunRunning, done: map[string]json.RawMessage{}, lease: map[string]string{}, parked: map[string][]byte{}, broken: map[string]error{},
	}
}

func (w *world) Run(context.Context, domain.Ref) (domain.Run, error) {
	return domain.Run{Status: w.status, Reason: w.reason, Attempt: w.attempt}, w.broken["Run"]
}

func (w *world) SetRunStatus(_ context.Context, _ domain.Ref, to domain.RunStatus, reason string, from ...domain.RunStatus) error {
	for _, f := range from {
		if f == w.status {
			w.status, w.reason = to, reason
			return w.broken["SetRunStatus"]
		}
	}
	return fault.New(fault.Conflict, "test.status", "the run is in another state")
}

func (w *world) Begin(_ context.Context, _ domain.Ref, step, owner string, until time.Time) (map[string]json.RawMessage, error) {
	if _, ok := w.done[step]; ok {
		return w.done, nil
	}
	if holder := w.lease[step]; holder != "" && holder != owner {
		return nil, &fault.Error{Kind: fault.Conflict, Op: "test.begin", RetryAfter: 40 * time.Second}
	}
	w.lease[step] = owner
	if !until.After(time.Now()) {
		return nil, errors.New("a lease that is over when it begins")
	}
	return maps.Clone(w.done), w.broken["Begin"]
}

func (w *world) Finish(_ context.Context, _ domain.Ref, step, owner string, output any) error {
	if w.lease[step] != owner {
		return fault.New(fault.Conflict, "test.finish", "another worker has taken over")
	}
	if err := w.broken["Finish"]; err != nil {
		return err
	}
	data, err := json.Marshal(output)
	w.done[step] = data
	delete(w.lease, step)
	return err
}

func (w *world) Release(_ context.Context, _ domain.Ref, step, owner string) error {
	if w.lease[step] == owner {
		delete(w.lease, step)
	}
	return w.broken["Release"]
}

func (w *world) Park(_ context.Context, _ domain.Ref, id, _ string, body []byte) error {
	if err := w.broken["Park"]; err != nil {
		return err
	}
	w.parked[id] = body
	if w.onParked != nil {
		w.onParked()
	}
	return nil
}

func (w *world) Unpark(_ context.Context, _ domain.Ref, id string) (bool, error) {
	_, there := w.parked[id]
	delete(w.parked, id)
	return there, w.broken["Unpark"]
}

// resume is what the API does when a person resumes the run.
func (w *world) resume() {
	w.status = domain.RunRunning
	for id, body := range w.parked {
		var m task.Message
		if err := json.Unmarshal(body, &m); err != nil {
			panic(err)
		}
		w.sent = append(w.sent, sent{Queue: m.Queue, Body: m})
		delete(w.parked, id)
	}
}

func (w *world) Succeed(_ context.Context, token string, output any) error {
	data, err := json.Marshal(output)
	w.answers = append(w.answers, answer{Token: token, Output: string(data)})
	return errors.Join(err, w.broken["Succeed"])
}

func (w *world) Fail(_ context.Context, token string, kind fault.Kind, cause string) error {
	a := answer{Token: token, Kind: kind}
	if _, err := time.Parse(time.RFC3339, cause); err == nil {
		a.Cause = cause
	}
	w.answers = append(w.answers, a)
	return w.broken["Fail"]
}

func (w *world) Send(_ context.Context, queue string, body []byte, delay time.Duration) error {
	var m task.Message
	if err := json.Unmarshal(body, &m); err != nil {
		return err
	}
	w.sent = append(w.sent, sent{Queue: queue, Body: m, Delay: delay})
	return w.broken["Send"]
}

// message is what the state machine sends.
func message() task.Message {
	return task.Message{
		Token: "token-1", Ref: domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: "s0001-00002"},
		Doc: "runs/r1/chunks/s0001-00002", Provider: "hunter", Queue: "https://sqs.test/enrich-hunter",
	}
}

func record(t *testing.T, m task.Message) events.SQSMessage {
	t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return events.SQSMessage{MessageId: "m-1", ReceiptHandle: "h-1", Body: string(body)}
}

// handle lets a worker whose step is do handle one message. It reports whether
// the message comes again.
func (w *world) handle(t *testing.T, r events.SQSMessage, do func(context.Context) (any, error)) (again bool) {
	t.Helper()
	worker := &task.Worker{
		Step: func(m task.Message) string { return "enriched-" + m.Provider },
		Do: func(ctx context.Context, job task.Job) (any, error) {
			w.worked = append(w.worked, job)
			return do(ctx)
		},
		Ledger: w, Parking: w, Answers: w, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	out, err := worker.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{r}})
	if err != nil {
		t.Fatalf("the batch failed as a whole: %v", err)
	}
	return len(out.BatchItemFailures) > 0
}

func works(context.Context) (any, error) { return map[string]string{"doc": "out"}, nil }

func fails(err error) func(context.Context) (any, error) {
	return func(context.Context) (any, error) { return nil, err }
}

// inBubble runs a test whose clock stands still unless it sleeps.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld()) })
}
