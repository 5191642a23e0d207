package sqs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func receiveCases() []parity.Case {
	return []parity.Case{
		on("ReceiveMessage", "empty", func(ctx context.Context, b bench) error {
			out, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: b.url})
			if err != nil {
				return err
			}
			b.Note("messages", out.Messages)
			return nil
		}),
		on("ReceiveMessage", "one-unless-asked-for-more", func(ctx context.Context, b bench) error {
			for range 3 {
				if _, err := b.send(ctx, "job"); err != nil {
					return err
				}
			}
			out, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: b.url})
			if err != nil {
				return err
			}
			b.Note("messages", len(out.Messages))
			b.Note("system attributes", out.Messages[0].Attributes)
			rest, err := b.receive(ctx, 30)
			b.Note("rest", len(rest))
			return err
		}),
		on("ReceiveMessage", "parameters-refused", func(ctx context.Context, b bench) error {
			for _, c := range []struct {
				what string
				in   sqs.ReceiveMessageInput
			}{
				{"eleven messages", sqs.ReceiveMessageInput{MaxNumberOfMessages: 11}},
				{"minus one message", sqs.ReceiveMessageInput{MaxNumberOfMessages: -1}},
				{"waiting above 20 s", sqs.ReceiveMessageInput{WaitTimeSeconds: 21}},
				{"visibility above twelve hours", sqs.ReceiveMessageInput{VisibilityTimeout: 43_201}},
			} {
				c.in.QueueUrl = b.url
				_, err := b.client.ReceiveMessage(ctx, &c.in)
				b.Failed(c.what, err)
			}
			return nil
		}),
		on("ReceiveMessage", "visibility-count-and-handles", func(ctx context.Context, b bench) error {
			id, err := b.send(ctx, "job")
			if err != nil {
				return err
			}
			first, err := b.receive(ctx, 1)
			if err != nil || len(first) != 1 {
				return lost(err, len(first))
			}
			b.known("first", first[0])
			hidden, err := b.receive(ctx, 1)
			if err != nil {
				return err
			}
			b.Note("while hidden", bodies(hidden))
			if err := pause(ctx, second+second/5); err != nil {
				return err
			}
			again, err := b.receive(ctx, 1)
			if err != nil || len(again) != 1 {
				return lost(err, len(again))
			}
			b.known("second", again[0])
			b.Note("same message", *again[0].MessageId == id)
			b.Note("same handle", *again[0].ReceiptHandle == *first[0].ReceiptHandle)
			b.Note("same sent time", again[0].Attributes["SentTimestamp"] == first[0].Attributes["SentTimestamp"])
			b.Note("same first receive", again[0].Attributes["ApproximateFirstReceiveTimestamp"] == first[0].Attributes["ApproximateFirstReceiveTimestamp"])
			return nil
		}),
		with("ReceiveMessage", "visibility-of-the-queue", map[string]string{"VisibilityTimeout": "1"}, func(ctx context.Context, b bench) error {
			if _, err := b.send(ctx, "job"); err != nil {
				return err
			}
			out, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: b.url})
			if err != nil {
				return err
			}
			b.Note("received", bodies(out.Messages))
			return b.soon(ctx)
		}),
		with("ReceiveMessage", "visibility-of-the-request-wins", map[string]string{"VisibilityTimeout": "600"}, func(ctx context.Context, b bench) error {
			if _, err := b.send(ctx, "job"); err != nil {
				return err
			}
			if _, err := b.receive(ctx, 1); err != nil {
				return err
			}
			return b.soon(ctx)
		}),
		on("ReceiveMessage", "attributes-by-name-and-prefix", func(ctx context.Context, b bench) error {
			_, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{
				QueueUrl: b.url, MessageBody: aws.String("job"),
				MessageAttributes: map[string]types.MessageAttributeValue{"run.id": text("1"), "run.team": text("2"), "other": text("3")},
			})
			if err != nil {
				return err
			}
			for _, names := range [][]string{nil, {"other"}, {"run.*"}, {"none"}, {"All"}} {
				out, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
					QueueUrl: b.url, MessageAttributeNames: names, VisibilityTimeout: 1,
					MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
				})
				if err != nil || len(out.Messages) != 1 {
					return lost(err, len(names))
				}
				b.Note("asked for", names)
				b.Note("got", out.Messages[0].MessageAttributes)
				b.Note("checksum", out.Messages[0].MD5OfMessageAttributes)
				b.Note("system", out.Messages[0].Attributes)
				if _, err := b.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: b.url, ReceiptHandle: out.Messages[0].ReceiptHandle}); err != nil {
					return err
				}
			}
			return nil
		}),
		on("ReceiveMessage", "long-poll", func(ctx context.Context, b bench) error {
			if _, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), DelaySeconds: 1}); err != nil {
				return err
			}
			began := time.Now()
			out, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: b.url, WaitTimeSeconds: 10})
			if err != nil {
				return err
			}
			b.Note("messages", bodies(out.Messages))
			b.Note("returns when there is one", time.Since(began) < 5*time.Second)
			began = time.Now()
			out, err = b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: b.url, WaitTimeSeconds: 1})
			if err != nil {
				return err
			}
			b.Note("then", bodies(out.Messages))
			b.Note("waits", time.Since(began) >= 900*time.Millisecond)
			return nil
		}),
		on("ReceiveMessage", "every-message-once", func(ctx context.Context, b bench) error {
			for _, body := range []string{"a", "b", "c", "d", "e"} {
				if _, err := b.send(ctx, body); err != nil {
					return err
				}
			}
			got, err := b.receive(ctx, 30)
			b.Note("messages", bodies(got))
			return err
		}),
	}
}
