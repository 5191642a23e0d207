// Package task is the protocol of a worker behind a queue: a Step Functions
// task sends a message with a token and a reference, the worker does one step
// for one chunk and answers the token. Messages may come twice, late or out of
// order, workers may die at any line; a step's effects happen once all the same,
// because the run's ledger, not the message, says what is done.
//
// A step that cannot go on now waits without cost: for seconds to minutes in
// the queue, for longer in the state machine, and while its run is paused as a
// parked message in the ledger.
//
// It imports domain, fault and aws-lambda-go's event types; what it needs of
// the store and of Step Functions it declares itself.
package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Message is the body of a queue message.
type Message struct {
	Token string `json:"token,omitempty"` // empty: nobody waits for an answer
	domain.Ref
	Doc      string          `json:"doc,omitempty"`      // key of the rows to work on
	Provider string          `json:"provider,omitempty"` // source, enricher or CRM
	Shard    json.RawMessage `json:"shard,omitempty"`    // what to discover
	Leads    []string        `json:"leads,omitempty"`    // a manual push: lead ids
	Turn     int             `json:"turn,omitempty"`     // of the waterfall, from 0
	Skipped  []Skip          `json:"skipped,omitempty"`  // providers that are of no use to the chunk any more
	Hops     int             `json:"hops,omitempty"`     // times it was sent again to wait
	Failures int             `json:"failures,omitempty"` // passing failures so far
	Shut     int             `json:"shut,omitempty"`     // times that the provider's circuit was found open
	Retry    int             `json:"retry,omitempty"`    // times that the state machine asked before
	Attempt  int             `json:"attempt,omitempty"`  // at the run that the message is of
	Queue    string          `json:"queue"`              // URL of the queue it came from, for sending it again
}

// Skip is an enricher that was given up for a chunk.
type Skip struct {
	Provider string `json:"provider"`
	Error    string `json:"error"` // kind of the fault
}

// Job is a message whose step this worker may do now: it holds the lease.
type Job struct {
	Message
	Owner string // lease holder, for the store's conditional writes
	Step  string
	Done  map[string]json.RawMessage // what the chunk's finished steps answered, by step
	// Last says that the step fails for good if it cannot be finished now for a
	// reason that passes by itself.
	Last bool
}

// Ledger is what a worker needs of the store.
type Ledger interface {
	Run(ctx context.Context, ref domain.Ref) (domain.Run, error)
	SetRunStatus(ctx context.Context, ref domain.Ref, to domain.RunStatus, reason string, from ...domain.RunStatus) error
	Begin(ctx context.Context, ref domain.Ref, step, owner string, until time.Time) (done map[string]json.RawMessage, err error)
	Finish(ctx context.Context, ref domain.Ref, step, owner string, output any) error
	Release(ctx context.Context, ref domain.Ref, step, owner string) error
}

// Parking is where messages of a paused run wait.
type Parking interface {
	Park(ctx context.Context, ref domain.Ref, id, queue string, body []byte) error
	Unpark(ctx context.Context, ref domain.Ref, id string) (bool, error)
}

// Answers is what a worker needs of Step Functions and SQS.
type Answers interface {
	Succeed(ctx context.Context, token string, output any) error
	Fail(ctx context.Context, token string, kind fault.Kind, cause string) error
	Send(ctx context.Context, queueURL string, body []byte, delay time.Duration) error
}

// Limits of waiting.
const (
	maxHops     = 500 // a message that was sent again this often is stuck
	maxFailures = 6   // passing failures before the state machine hears of it, and asks again
	queueWait   = 15 * time.Minute
	reserve     = 10 * time.Second // kept of the deadline, to save and answer
)

// Retries is how often the state machine asks again after a passing failure:
// MaxAttempts of the Enrich state.
const Retries = 3

// Worker runs a step for messages.
type Worker struct {
	Step    func(Message) string // name of the step in the ledger
	Do      func(ctx context.Context, job Job) (output any, err error)
	Ledger  Ledger
	Parking Parking
	Answers Answers
	Log     *slog.Logger
	Now     func() time.Time
}

// Handle is the Lambda handler: it takes a batch from the queue and reports
// the messages that must come again.
func (w *Worker) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var out events.SQSEventResponse
	for _, record := range batch.Records {
		if err := w.one(ctx, record); err != nil {
			w.Log.WarnContext(ctx, "message comes again", "kind", fault.KindOf(err), "error", err)
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
		}
	}
	return out, nil
}

// one handles one message. A nil error deletes it.
func (w *Worker) one(ctx context.Context, record events.SQSMessage) error {
	var m Message
	if err := json.Unmarshal([]byte(record.Body), &m); err != nil || m.Run == "" {
		return fault.New(fault.InvalidInput, "task.decode", "the message is not a task of this system; it will go to the dead-letter queue")
	}
	ctx = m.Within(ctx)
	if paused, err := w.parkIfPaused(ctx, m, record.MessageId); err != nil || paused {
		return err
	}
	job := Job{Message: m, Step: w.Step(m), Owner: owner(ctx, record)}
	until := w.Now().Add(time.Minute)
	if deadline, ok := ctx.Deadline(); ok {
		until = deadline
	}
	done, err := w.Ledger.Begin(ctx, m.Ref, job.Step, job.Owner, until)
	if fault.Is(err, fault.Conflict) {
		// Whoever holds the lease will finish, or die and lose it: look again then.
		return w.again(ctx, m, fault.RetryAfter(err)+time.Second)
	}
	if err != nil {
		return err
	}
	if output, finished := done[job.Step]; finished {
		return w.succeed(ctx, m, output)
	}
	job.Done, job.Last = done, m.Failures+1 >= maxFailures && m.Retry >= Retries
	result, err := w.do(ctx, job)
	if err == nil {
		if err := w.Ledger.Finish(ctx, m.Ref, job.Step, job.Owner, result); err != nil {
			return err
		}
		return w.succeed(ctx, m, result)
	}
	if fault.Is(err, fault.Conflict) { // another worker took over; it will answer
		return err
	}
	if rerr := w.Ledger.Release(ctx, m.Ref, job.Step, job.Owner); rerr != nil {
		return errors.Join(err, rerr)
	}
	return w.handleFailure(ctx, m, record.MessageId, err)
}

// owner names this delivery to this worker. The message's id alone would not
// do: a queue may deliver one message to two workers at once, with the same
// receive count.
func owner(ctx context.Context, record events.SQSMessage) string {
	invocation := record.ReceiptHandle
	if lc, ok := lambdacontext.FromContext(ctx); ok && lc.AwsRequestID != "" {
		invocation = lc.AwsRequestID
	}
	return record.MessageId + "/" + invocation
}

func (w *Worker) do(ctx context.Context, job Job) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.ErrorContext(ctx, "panic", "step", job.Step, "stack", string(debug.Stack()))
			err = fault.Wrap(fault.Internal, "task.do", errors.New("a worker panicked"))
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-min(reserve, deadline.Sub(w.Now())/4)))
		defer cancel()
	}
	return w.Do(ctx, job)
}

func (w *Worker) succeed(ctx context.Context, m Message, output any) error {
	if m.Token == "" {
		return nil
	}
	return w.Answers.Succeed(ctx, m.Token, output)
}

// handleFailure decides where a step that could not finish waits.
func (w *Worker) handleFailure(ctx context.Context, m Message, id string, err error) error {
	kind, wait := fault.KindOf(err), fault.RetryAfter(err)
	w.Log.WarnContext(ctx, "step did not finish", "run", m.Run, "chunk", m.Chunk, "provider", m.Provider, "kind", kind, "error", err)
	switch kind {
	case fault.CapReached:
		serr := w.Ledger.SetRunStatus(ctx, m.Ref, domain.RunPaused, fault.Message(err), domain.RunRunning)
		if serr != nil && !fault.Is(serr, fault.Conflict) {
			return serr
		}
		m.Hops++ // resumed, it is not the first attempt
		if paused, perr := w.parkIfPaused(ctx, m, id); perr != nil || paused {
			return perr
		}
		return w.again(ctx, m, time.Second)
	case fault.RateLimited, fault.CircuitOpen:
		if kind == fault.CircuitOpen {
			m.Shut++
		}
		return w.wait(ctx, m, kind, max(wait, time.Second))
	case fault.QuotaExhausted:
		return w.wait(ctx, m, kind, max(wait, time.Hour))
	case fault.Unavailable, fault.Unclear, fault.BadResponse: // a cut-off answer passes, too
		m.Failures++
		if m.Failures < maxFailures {
			return w.again(ctx, m, max(wait, time.Second<<m.Failures))
		}
	default: // waiting would not help
	}
	if m.Token == "" {
		return err
	}
	return w.Answers.Fail(ctx, m.Token, kind, fault.Message(err))
}

// wait postpones a message: in the queue if that is short enough, else by
// letting the state machine wait. It is told so by a failure of a kind that
// workers report for nothing else, whose cause is the time (RFC 3339) to ask
// again: the way to Wait is a Catch, which costs no transition where nobody
// waits.
func (w *Worker) wait(ctx context.Context, m Message, kind fault.Kind, d time.Duration) error {
	if d <= queueWait || m.Token == "" {
		return w.again(ctx, m, min(d, queueWait))
	}
	return w.Answers.Fail(ctx, m.Token, kind, w.Now().Add(d).UTC().Format(time.RFC3339))
}

func (w *Worker) again(ctx context.Context, m Message, d time.Duration) error {
	m.Hops++
	if m.Hops > maxHops {
		stuck := fault.New(fault.Unavailable, "task.again", "the step waited too often without getting anywhere")
		if m.Token == "" {
			return stuck // comes again as it is, until it is a dead letter
		}
		return w.Answers.Fail(ctx, m.Token, fault.Unavailable, stuck.Message)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("send again: %w", err)
	}
	return w.Answers.Send(ctx, m.Queue, body, d)
}

// parkIfPaused keeps the message in the ledger while its run is paused. The
// run is read again after parking: if it was resumed in between, whoever
// removes the parked message first sends it.
func (w *Worker) parkIfPaused(ctx context.Context, m Message, id string) (bool, error) {
	run, err := w.Ledger.Run(ctx, m.Ref)
	if err != nil {
		return false, err
	}
	if m.Token != "" && (run.Status.Ended() || run.Attempt != m.Attempt) {
		return true, w.Answers.Fail(ctx, m.Token, fault.Conflict, "the run has ended")
	}
	if run.Status != domain.RunPaused || m.Token == "" { // a person asked for a push: it is not the run's
		return false, nil
	}
	body, err := json.Marshal(m)
	if err != nil {
		return false, fmt.Errorf("park: %w", err)
	}
	if err := w.Parking.Park(ctx, m.Ref, id, m.Queue, body); err != nil {
		return false, err
	}
	if run, err = w.Ledger.Run(ctx, m.Ref); err != nil {
		return false, err
	}
	if run.Status == domain.RunPaused {
		return true, nil
	}
	mine, err := w.Parking.Unpark(ctx, m.Ref, id)
	return !mine, err // not mine: the resumer has sent it
}
