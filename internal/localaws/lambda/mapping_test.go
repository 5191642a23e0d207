package lambda_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/lambda"
)

const queueARN = "arn:aws:sqs:us-east-1:123456789012:work"

// queue hands every message out once, in order, and notes deletions.
type queue struct {
	mu      sync.Mutex
	waiting []events.SQSMessage
	arrived chan struct{}
	deleted []string
	largest int // of the deletions' batches
}

func newQueue(bodies ...string) *queue {
	q := &queue{arrived: make(chan struct{}, 1)}
	q.send(bodies...)
	return q
}

func (q *queue) send(bodies ...string) {
	q.mu.Lock()
	for _, b := range bodies {
		id := "m" + strconv.Itoa(len(q.waiting))
		q.waiting = append(q.waiting, events.SQSMessage{MessageId: id, ReceiptHandle: id, Body: b})
	}
	q.mu.Unlock()
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

func (q *queue) Receive(ctx context.Context, _ string, n int, wait time.Duration) ([]events.SQSMessage, error) {
	if n < 1 || n > 10 || wait > 20*time.Second {
		return nil, errors.New("SQS would refuse this")
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		q.mu.Lock()
		got := slices.Clone(q.waiting[:min(n, len(q.waiting))])
		q.waiting = q.waiting[len(got):]
		q.mu.Unlock()
		if len(got) > 0 {
			return got, nil
		}
		select {
		case <-q.arrived:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) Delete(_ context.Context, _ string, receipts []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deleted = append(q.deleted, receipts...)
	q.largest = max(q.largest, len(receipts))
	return nil
}

func (q *queue) gone() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	slices.Sort(q.deleted)
	return strings.Join(q.deleted, " ")
}

func TestBatchResults(t *testing.T) {
	t.Parallel()
	const all = "m0 m1 m2"
	for response, want := range map[string]string{
		``:                           all,
		`null`:                       all,
		`{}`:                         all,
		`{"batchItemFailures":null}`: all,
		`{"batchItemFailures":[]}`:   all,
		`{"batchItemFailures":[{"itemIdentifier":"m1"}]}`:                         "m0 m2",
		`{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m1"}]}`: "m0 m2",
		`{"batchItemFailures":[{"itemIdentifier":"m9"}]}`:                         "",
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:                           "",
		`{"batchItemFailures":[{"itemIdentifier":null}]}`:                         "",
		`{"batchItemFailures":[{"id":"m1"}]}`:                                     "",
		`{"batchItemFailures":[{"ItemIdentifier":"m1"}]}`:                         "",
		`{"batchItemFailures":[{"itemIdentifier":1}]}`:                            "",
		`{"batchItemFailures":[null]}`:                                            "",
		`{"BatchItemFailures":[{"ItemIdentifier":"m1"}]}`:                         all,
		`{"BatchItemFailures":[{"itemIdentifier":"m1"}]}`:                         all,
		`{"batchItemFailures":"m1"}`:                                              "",
		`[]`:                                                                      "",
		`"ok"`:                                                                    "",
		`error`:                                                                   "",
	} {
		for _, report := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue("a", "b", "c")
				f := function("f", nil)
				f.New = func(context.Context, map[string]string) (lambda.Handler, error) { return answer(response), nil }
				s := open(t, lambda.Options{Functions: []lambda.Function{f}, Queues: q, Mappings: []lambda.Mapping{
					{Function: "f", QueueARN: queueARN, ReportBatchItemFailures: report},
				}})
				s.Start()
				synctest.Wait()
				want := want
				if !report && response != "error" {
					want = all
				}
				if got := q.gone(); got != want {
					t.Errorf("response %s, reported %t: deleted %q, want %q", response, report, got, want)
				}
			})
		}
	}
}

// answer is a handler that returns raw bytes, or an error for "error".
type answer string

func (a answer) Invoke(context.Context, []byte) ([]byte, error) {
	if a == "error" {
		return nil, errors.New("no")
	}
	return []byte(a), nil
}

func TestEventHasTheDocumentedFields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := "v"
		q := newQueue("a")
		q.waiting[0].MessageAttributes = map[string]events.SQSMessageAttribute{
			"k": {DataType: "String", StringValue: &text, StringListValues: []string{}, BinaryListValues: [][]byte{}},
		}
		q.waiting[0].Attributes = map[string]string{"ApproximateReceiveCount": "1"}
		var got events.SQSEvent
		s := open(t, lambda.Options{
			Functions: []lambda.Function{function("f", func(e events.SQSEvent) { got = e })},
			Queues:    q, Mappings: []lambda.Mapping{{Function: "f", QueueARN: queueARN}},
		})
		want := events.SQSEvent{Records: slices.Clone(q.waiting)}
		s.Start()
		synctest.Wait()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBatchingWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		var at []time.Duration
		began := time.Now()
		q := newQueue()
		s := open(t, lambda.Options{
			Functions: []lambda.Function{function("f", func(e events.SQSEvent) {
				sizes, at = append(sizes, len(e.Records)), append(at, time.Since(began))
			})},
			Queues:   q,
			Mappings: []lambda.Mapping{{Function: "f", QueueARN: queueARN, BatchSize: 25, Window: 30 * time.Second, MaximumConcurrency: 2}},
		})
		s.Start()
		time.Sleep(5 * time.Second)
		q.send("1")
		time.Sleep(10 * time.Second)
		q.send("2", "3")
		time.Sleep(time.Minute)
		q.send(slices.Repeat([]string{"x"}, 30)...)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]int{3, 25, 5}, sizes); diff != "" {
			t.Errorf("batch sizes: %s", diff)
		}
		// The window opens with the first message; a full batch does not wait.
		if diff := cmp.Diff([]time.Duration{35 * time.Second, 75 * time.Second, 105 * time.Second}, at); diff != "" {
			t.Errorf("invoked at: %s", diff)
		}
		if q.largest != 10 || len(q.deleted) != 33 {
			t.Errorf("deleted %d messages, at most %d at once; want 33 and 10", len(q.deleted), q.largest)
		}
	})
}

func TestConcurrencyOfAMapping(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ maximum, first, later int }{{2, 2, 2}, {0, 5, 305}} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			running := 0
			q := newQueue(slices.Repeat([]string{"x"}, 2000)...)
			f := function("f", func(ctx context.Context) {
				mu.Lock()
				running++
				mu.Unlock()
				select {
				case <-time.After(70 * time.Second):
				case <-ctx.Done():
				}
				mu.Lock()
				running--
				mu.Unlock()
			})
			f.Timeout = 5 * time.Minute
			s := open(t, lambda.Options{Functions: []lambda.Function{f}, Queues: q, Mappings: []lambda.Mapping{
				{Function: "f", QueueARN: queueARN, BatchSize: 1, MaximumConcurrency: c.maximum},
			}})
			s.Start()
			synctest.Wait()
			mu.Lock()
			first := running
			mu.Unlock()
			time.Sleep(61 * time.Second)
			mu.Lock()
			later := running
			mu.Unlock()
			if first != c.first || later != c.later {
				t.Errorf("maximum %d: %d at first and %d after a minute, want %d and %d", c.maximum, first, later, c.first, c.later)
			}
		})
	}
}

func TestBatchOverSixMegabytesIsSplit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		q := newQueue(slices.Repeat([]string{strings.Repeat("x", 1<<20)}, 8)...)
		s := open(t, lambda.Options{
			Functions: []lambda.Function{function("f", func(e events.SQSEvent) { sizes = append(sizes, len(e.Records)) })},
			Queues:    q, Mappings: []lambda.Mapping{{Function: "f", QueueARN: queueARN}},
		})
		s.Start()
		synctest.Wait()
		if diff := cmp.Diff([]int{5, 3}, sizes); diff != "" {
			t.Error(diff)
		}
		if got := q.gone(); got != "m0 m1 m2 m3 m4 m5 m6 m7" {
			t.Errorf("deleted %q, want all", got)
		}
	})
}

func TestMappingsThatAWSRefuses(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]lambda.Mapping{
		"function":    {Function: "absent"},
		"batch":       {Function: "f", BatchSize: 10001, Window: time.Second},
		"no window":   {Function: "f", BatchSize: 11},
		"long window": {Function: "f", Window: 301 * time.Second},
		"one at once": {Function: "f", MaximumConcurrency: 1},
	} {
		_, err := lambda.New(lambda.Options{Functions: []lambda.Function{function("f", func() {})}, Queues: newQueue(), Mappings: []lambda.Mapping{m}})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
