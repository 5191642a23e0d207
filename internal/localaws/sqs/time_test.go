package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/sqs"
)

func TestVisibilityTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, nil)
		s.send("x")
		first := s.receive()
		wantBodies(t, first, "x")
		time.Sleep(30*time.Second - 1)
		wantBodies(t, s.receive())
		if got := s.counts(s.url); got != "0 1 0" {
			t.Errorf("counts %q in flight", got)
		}
		time.Sleep(1)
		second := s.receive()
		wantBodies(t, second, "x")
		if *first[0].ReceiptHandle == *second[0].ReceiptHandle {
			t.Error("the second receive has the first one's handle")
		}
		if got := second[0].Attributes["ApproximateReceiveCount"]; got != "2" {
			t.Errorf("receive count %s, want 2", got)
		}
		if got, want := second[0].Attributes["ApproximateFirstReceiveTimestamp"], first[0].Attributes["ApproximateFirstReceiveTimestamp"]; got != want {
			t.Errorf("first receive at %s, want %s", got, want)
		}
		if err := s.hide(*second[0].ReceiptHandle, 0); err != nil {
			t.Fatal(err)
		}
		wantBodies(t, s.receive(), "x")
		if err := s.hide(*second[0].ReceiptHandle, 100); err != nil {
			t.Fatal(err)
		}
		time.Sleep(99 * time.Second)
		wantBodies(t, s.receive())
		wantCode(t, s.hide(*second[0].ReceiptHandle, 43_200), "InvalidParameterValue")
		time.Sleep(time.Second)
		wantCode(t, s.hide(*second[0].ReceiptHandle, 5), "") // it is visible and stays so
		s.delete(*first[0].ReceiptHandle)                    // an old handle still deletes
		wantBodies(t, s.receive())
		wantCode(t, s.hide(*second[0].ReceiptHandle, 5), "InvalidParameterValue")
		s.delete(*first[0].ReceiptHandle) // deleting twice is no error
	})
}

func TestDelaysAndRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, map[string]string{"DelaySeconds": "10", "MessageRetentionPeriod": "60"})
		s.send("queue's delay")
		if _, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("own delay"), DelaySeconds: 5}); err != nil {
			t.Fatal(err)
		}
		if got := s.counts(s.url); got != "0 0 2" {
			t.Errorf("counts %q", got)
		}
		time.Sleep(5 * time.Second)
		wantBodies(t, s.receive(), "own delay")
		time.Sleep(5 * time.Second)
		wantBodies(t, s.receive(), "queue's delay")
		time.Sleep(50*time.Second - 1)
		if got := s.counts(s.url); got != "2 0 0" {
			t.Errorf("counts %q before the retention period ends", got)
		}
		time.Sleep(1)
		if got := s.counts(s.url); got != "0 0 0" {
			t.Errorf("counts %q after it", got)
		}
		wantBodies(t, s.receive())
	})
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, map[string]string{"VisibilityTimeout": "5"})
		begun := time.Now()
		at := func() time.Duration { return time.Since(begun) }
		wantBodies(t, s.receiveFrom(s.url, 20))
		if at() != 20*time.Second {
			t.Errorf("an empty long poll took %s", at())
		}

		// A send ends it at once; a message's time-out ends it at that moment,
		// also for a waiter that set its timer before.
		type arrival struct {
			At   time.Duration
			Body string
		}
		var mu sync.Mutex
		var got []arrival
		var pollers sync.WaitGroup
		begun = time.Now()
		for range 2 {
			pollers.Go(func() {
				for _, m := range s.receiveFrom(s.url, 20) {
					mu.Lock()
					got = append(got, arrival{at(), *m.Body})
					mu.Unlock()
				}
			})
		}
		time.Sleep(3 * time.Second)
		s.send("a")
		pollers.Wait()
		want := []arrival{{3 * time.Second, "a"}, {8 * time.Second, "a"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("arrivals (-want +got):\n%s", diff)
		}

		// Cancelling ends it, and takes nothing with it.
		time.Sleep(4 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if m, err := s.svc.Receive(ctx, s.svc.ARN("jobs"), 10, 20*time.Second); !errors.Is(err, context.DeadlineExceeded) || len(m) != 0 {
			t.Errorf("a cancelled receive brought %d messages and error %v", len(m), err)
		}
		time.Sleep(time.Second)
		wantBodies(t, s.receive(), "a")
	})
}

// TestWaiterLearnsOfEarlierTime: a waiter whose timer is too late must be told,
// also when the one that was told has left.
func TestWaiterLearnsOfEarlierTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, nil)
		s.send("x")
		handle := *s.receive()[0].ReceiptHandle
		begun := time.Now()
		var ended [2]time.Duration
		var got [2]int
		var pollers sync.WaitGroup
		for i, wait := range []int32{3, 20} {
			pollers.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // the short one is first in line
				got[i] = len(s.receiveFrom(s.url, wait))
				ended[i] = time.Since(begun)
			})
		}
		time.Sleep(time.Second)
		if err := s.hide(handle, 5); err != nil {
			t.Fatal(err)
		}
		pollers.Wait()
		if got != [2]int{0, 1} || ended != [2]time.Duration{3 * time.Second, 6 * time.Second} {
			t.Errorf("pollers got %v messages at %v, want none at 3s and one at 6s", got, ended)
		}
	})
}

func TestDeletedQueueEndsLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, nil)
		var err error
		var poller sync.WaitGroup
		begun := time.Now()
		poller.Go(func() {
			_, err = s.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &s.url, WaitTimeSeconds: 20})
		})
		time.Sleep(time.Second)
		if _, derr := s.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &s.url}); derr != nil {
			t.Fatal(derr)
		}
		poller.Wait()
		wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
		if time.Since(begun) != time.Second {
			t.Errorf("the long poll ended after %s", time.Since(begun))
		}
	})
}

// TestWaiterLearnsOfShorterTimeOut: a lone waiter is told, too.
func TestWaiterLearnsOfShorterTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, nil)
		s.send("x")
		handle := *s.receive()[0].ReceiptHandle
		begun := time.Now()
		var got []types.Message
		var poller sync.WaitGroup
		poller.Go(func() { got = s.receiveFrom(s.url, 20) })
		time.Sleep(time.Second)
		if err := s.hide(handle, 5); err != nil {
			t.Fatal(err)
		}
		poller.Wait()
		wantBodies(t, got, "x")
		if d := time.Since(begun); d != 6*time.Second {
			t.Errorf("the message came after %s, want 6s", d)
		}
	})
}

// TestDeadLetterOutlivesSource: a dead letter has nothing to do any more with
// the queue it came from.
func TestDeadLetterOutlivesSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, sqs.Options{})
		dead := s.create("dead", nil)
		s.create("jobs", map[string]string{"VisibilityTimeout": "1", "MessageRetentionPeriod": "60", "RedrivePolicy": redrive(s, 1)})
		s.send("x")
		handle := *s.receive()[0].ReceiptHandle
		time.Sleep(time.Second)
		wantBodies(t, s.receive())
		s.delete(handle)
		time.Sleep(time.Minute)
		if got := s.counts(s.url) + ", " + s.counts(dead); got != "0 0 0, 1 0 0" {
			t.Errorf("counts %q after the source's retention period", got)
		}
		time.Sleep(4*24*time.Hour - 61*time.Second)
		if got := s.counts(dead); got != "0 0 0" { // counted from when it was first sent
			t.Errorf("counts %q after the dead-letter queue's", got)
		}
	})
}

func redrive(s *stand, maxReceives int) string {
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"%d"}`, s.svc.ARN("dead"), maxReceives)
}

func TestDeadLetterQueueAndMoveTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		s := open(t, sqs.Options{Journal: openJournal(t, path)})
		dead := s.create("dead", nil)
		s.create("jobs", map[string]string{"VisibilityTimeout": "1", "RedrivePolicy": redrive(s, 2)})
		id := s.send("poison")
		var sentAt string
		for range 2 {
			m := s.receive()
			wantBodies(t, m, "poison")
			sentAt = m[0].Attributes["SentTimestamp"]
			time.Sleep(time.Second)
		}
		if got := s.counts(s.url) + ", " + s.counts(dead); got != "1 0 0, 0 0 0" {
			t.Errorf("counts %q before the receive that moves it", got)
		}
		wantBodies(t, s.receive())
		s = open(t, sqs.Options{Journal: openJournal(t, path)})
		if got := s.counts(s.url) + ", " + s.counts(dead); got != "0 0 0, 1 0 0" {
			t.Errorf("counts %q after it, and a restart", got)
		}
		m := s.receiveFrom(dead, 0)
		wantBodies(t, m, "poison")
		got := []string{*m[0].MessageId, m[0].Attributes["SentTimestamp"], m[0].Attributes["DeadLetterQueueSourceArn"]}
		if diff := cmp.Diff([]string{id, sentAt, s.svc.ARN("jobs")}, got); diff != "" {
			t.Errorf("dead letter (-want +got):\n%s", diff)
		}
		time.Sleep(30 * time.Second)
		if _, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(s.svc.ARN("dead"))}); err != nil {
			t.Fatal(err)
		}
		m = s.receive()
		wantBodies(t, m, "poison")
		if m[0].Attributes["ApproximateReceiveCount"] != "1" || m[0].Attributes["DeadLetterQueueSourceArn"] != "" || *m[0].MessageId == id {
			t.Errorf("a redriven message is not a new one: %v", m[0].Attributes)
		}
		_, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(s.svc.ARN("jobs"))})
		wantCode(t, err, "InvalidParameterValue")
	})
}

func TestMoveTaskKeepsItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, sqs.Options{})
		dead := s.create("dead", nil)
		s.create("jobs", map[string]string{"RedrivePolicy": redrive(s, 1)})
		jobs := s.url
		s.url = dead
		for range 5 {
			s.send("x")
		}
		arn := aws.String(s.svc.ARN("dead"))
		list := func() string {
			out, err := s.ListMessageMoveTasks(t.Context(), &awssqs.ListMessageMoveTasksInput{SourceArn: arn})
			if err != nil || len(out.Results) != 1 {
				t.Fatalf("tasks %+v, %v", out, err)
			}
			r := out.Results[0]
			return fmt.Sprint(*r.Status, " ", r.ApproximateNumberOfMessagesMoved, " of ", *r.ApproximateNumberOfMessagesToMove, " ", aws.ToString(r.FailureReason))
		}
		if _, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: arn}); err != nil {
			t.Fatal(err)
		}
		if got := list(); got[:13] != "FAILED 0 of 5" { // sent here, not dead-lettered: no way back
			t.Errorf("task without destination: %s", got)
		}
		if got := s.counts(dead); got != "5 0 0" {
			t.Errorf("counts %q after the failed task", got)
		}
		_, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: arn, DestinationArn: aws.String(s.svc.ARN("jobs")), MaxNumberOfMessagesPerSecond: aws.Int32(2)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range 3 {
			synctest.Wait()
			got = append(got, list()+s.counts(jobs))
			time.Sleep(time.Second)
		}
		want := []string{"RUNNING 2 of 5 2 0 0", "RUNNING 4 of 5 4 0 0", "COMPLETED 5 of 5 5 0 0"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
	})
}

func TestRestartKeepsEveryMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		s := start(t, sqs.Options{Journal: openJournal(t, path)}, nil)
		for _, body := range []string{"deleted", "in flight", "changed"} {
			s.send(body)
		}
		taken := s.receive()
		s.delete(*taken[0].ReceiptHandle)
		if err := s.hide(*taken[2].ReceiptHandle, 60); err != nil {
			t.Fatal(err)
		}
		s.send("ready")
		if _, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("delayed"), DelaySeconds: 100}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s = open(t, sqs.Options{Journal: openJournal(t, path)})
		if got := s.counts(s.url); got != "1 2 1" {
			t.Errorf("counts %q after the restart", got)
		}
		wantBodies(t, s.receive(), "ready")
		time.Sleep(29 * time.Second)
		m := s.receive()
		wantBodies(t, m, "in flight")
		if m[0].Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("receive count %s, want 2", m[0].Attributes["ApproximateReceiveCount"])
		}
		s.delete(*taken[1].ReceiptHandle) // a handle from before the restart
		time.Sleep(30 * time.Second)
		wantBodies(t, s.receive(), "ready", "changed")
		time.Sleep(40 * time.Second)
		wantBodies(t, s.receive(), "changed", "ready", "delayed")
	})
}

func TestDisturbedDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{Disturb: func(queue string) sqs.Disturbance {
			if queue != "jobs" {
				return sqs.Disturbance{}
			}
			return sqs.Disturbance{Duplicates: 1, Delay: 3 * time.Second}
		}}, nil)
		id := s.send("x")
		wantBodies(t, s.receive())
		time.Sleep(3 * time.Second)
		first, err := s.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &s.url})
		if err != nil {
			t.Fatal(err)
		}
		wantBodies(t, first.Messages, "x")
		s.delete(*first.Messages[0].ReceiptHandle)
		second := s.receive()
		wantBodies(t, second, "x")
		if *first.Messages[0].MessageId != id || *second[0].MessageId != id {
			t.Error("the duplicate has another message id")
		}
		s.delete(*second[0].ReceiptHandle)
		if got := s.counts(s.url); got != "0 0 0" {
			t.Errorf("counts %q", got)
		}
	})
}

func TestQuietGroupsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, nil)
		send := func(group string, n int) {
			for range n {
				if _, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: &group, MessageGroupId: &group}); err != nil {
					t.Fatal(err)
				}
			}
		}
		send("noisy", 45)
		send("quiet", 3)
		var got []string
		for range 5 {
			got = append(got, bodies(s.receive())...)
		}
		if len(got) != 48 {
			t.Fatalf("received %d messages, want 48", len(got))
		}
		// 30 in flight make a group noisy; what it holds comes last, but comes.
		if want := []string{"noisy", "quiet", "quiet", "quiet", "noisy"}; !slices.Equal(got[29:34], want) {
			t.Errorf("order around the 30th receive: %v, want %v", got[29:34], want)
		}
		time.Sleep(30 * time.Second)
		if got := len(s.receive()); got != 10 {
			t.Errorf("%d messages after the time-out, want 10", got)
		}
	})
}

func TestPollerIsMeteredLikeRequests(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	s := start(t, sqs.Options{Meter: &m}, nil)
	before := m.Read()
	count := func() float64 {
		n := m.Read().Sub(before).Count(meter.SQSRequests)
		before = m.Read()
		return n
	}
	var got []float64
	s.send(string(make([]byte, 0)) + "x")
	got = append(got, count())
	big := make([]byte, 65_537)
	for i := range big {
		big[i] = 'x'
	}
	s.send(string(big))
	got = append(got, count())
	arn := s.svc.ARN("jobs")
	messages, err := s.svc.Receive(t.Context(), arn, 10, 0)
	if err != nil || len(messages) != 2 {
		t.Fatalf("received %d, %v", len(messages), err)
	}
	got = append(got, count())
	for i := range 19 {
		s.send(strconv.Itoa(i))
	}
	count()
	more, err := s.svc.Receive(t.Context(), arn, 100, 0)
	if err != nil || len(more) != 19 {
		t.Fatalf("received %d, %v", len(more), err)
	}
	got = append(got, count())
	handles := []string{}
	for _, m := range more {
		handles = append(handles, m.ReceiptHandle)
	}
	if err := s.svc.ChangeVisibility(t.Context(), arn, handles[:5], 0); err != nil {
		t.Fatal(err)
	}
	if err := s.svc.Delete(t.Context(), arn, handles[5:]); err != nil {
		t.Fatal(err)
	}
	got = append(got, count())
	if diff := cmp.Diff([]float64{1, 2, 2, 2, 3}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got := s.counts(s.url); got != "5 2 0" {
		t.Errorf("counts %q", got)
	}
	want := sqs.Message{Body: "x", MD5OfBody: "9dd4e461268c8034f5c8564e155c67a6", MessageID: messages[0].MessageID, ReceiptHandle: messages[0].ReceiptHandle, Attributes: messages[0].Attributes}
	if diff := cmp.Diff(want, messages[0]); diff != "" || len(messages[0].Attributes) != 4 {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

// TestNothingIsLostUnderLoad: many senders and receivers, every message is
// received and deleted, in the end and after a restart the queue is empty.
func TestNothingIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	s := start(t, sqs.Options{Journal: openJournal(t, path)}, nil)
	const senders, each = 8, 200
	arn := s.svc.ARN("jobs")
	var mu sync.Mutex
	seen := map[string]int{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var work, receivers sync.WaitGroup
	for i := range senders {
		work.Go(func() {
			for j := range each {
				body := fmt.Sprint(i, " ", j)
				if _, err := s.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: &body}); err != nil {
					t.Error(err)
				}
			}
		})
		receivers.Go(func() {
			for {
				got, err := s.svc.Receive(ctx, arn, 10, 20*time.Second)
				if err != nil {
					return
				}
				handles := []string{}
				mu.Lock()
				for _, m := range got {
					seen[m.Body]++
					handles = append(handles, m.ReceiptHandle)
				}
				done := len(seen) == senders*each
				mu.Unlock()
				if err := s.svc.Delete(ctx, arn, handles); err != nil {
					t.Error(err)
				}
				if done {
					cancel()
				}
			}
		})
	}
	work.Wait()
	receivers.Wait()
	for body, n := range seen {
		if n != 1 {
			t.Errorf("message %q was received %d times", body, n)
		}
	}
	if len(seen) != senders*each {
		t.Errorf("%d messages received, want %d", len(seen), senders*each)
	}
	again := open(t, sqs.Options{Journal: openJournal(t, path)})
	if got := s.counts(s.url) + ", " + again.counts(s.url); got != "0 0 0, 0 0 0" {
		t.Errorf("counts %q", got)
	}
}

func BenchmarkSendReceiveDelete(b *testing.B) {
	svc, err := sqs.New(sqs.Options{Region: region, Account: account})
	if err != nil {
		b.Fatal(err)
	}
	c := client(svc, nil)
	ctx := b.Context()
	out, err := c.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("jobs")})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: out.QueueUrl, MessageBody: aws.String("a job of a usual size")}); err != nil {
			b.Fatal(err)
		}
		got, err := c.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: out.QueueUrl})
		if err != nil || len(got.Messages) != 1 {
			b.Fatal(len(got.Messages), err)
		}
		if _, err := c.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: out.QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDrain100k receives and deletes from a queue of 100,000 messages.
func BenchmarkDrain100k(b *testing.B) {
	svc, err := sqs.New(sqs.Options{Region: region, Account: account})
	if err != nil {
		b.Fatal(err)
	}
	c := client(svc, nil)
	ctx := b.Context()
	out, err := c.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("jobs")})
	if err != nil {
		b.Fatal(err)
	}
	fill := func() {
		entries := make([]types.SendMessageBatchRequestEntry, 10)
		for i := range entries {
			entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String("x")}
		}
		for range 10_000 {
			if _, err := c.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: out.QueueUrl, Entries: entries}); err != nil {
				b.Fatal(err)
			}
		}
	}
	arn := svc.ARN("jobs")
	left := 0
	for b.Loop() {
		if left == 0 {
			b.StopTimer()
			fill()
			left = 100_000
			b.StartTimer()
		}
		got, err := svc.Receive(ctx, arn, 10, 0)
		if err != nil || len(got) != 10 {
			b.Fatal(len(got), err)
		}
		handles := make([]string, len(got))
		for i, m := range got {
			handles[i] = m.ReceiptHandle
		}
		if err := svc.Delete(ctx, arn, handles); err != nil {
			b.Fatal(err)
		}
		left -= 10
	}
}
