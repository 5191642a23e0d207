package sqs_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/sqs"
)

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
