package sqs_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/localaws/sqs"
)

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
