package sqs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func (b bench) remove(ctx context.Context, handle *string) error {
	_, err := b.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: b.url, ReceiptHandle: handle})
	return err
}

func (b bench) change(ctx context.Context, handle *string, seconds int32) error {
	_, err := b.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: b.url, ReceiptHandle: handle, VisibilityTimeout: seconds})
	return err
}

func settleCases() []parity.Case {
	return []parity.Case{
		on("DeleteMessage", "twice", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			b.Failed("once", b.remove(ctx, m.ReceiptHandle))
			b.Failed("again", b.remove(ctx, m.ReceiptHandle))
			counts, err := b.attributes(ctx, b.url, "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
			b.Note("left", counts)
			return err
		}),
		on("DeleteMessage", "with-the-handle-of-an-earlier-receive", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			if err := b.change(ctx, m.ReceiptHandle, 0); err != nil {
				return err
			}
			if got, err := b.receive(ctx, 1); err != nil || len(got) != 1 {
				return lost(err, len(got))
			}
			b.Failed("delete", b.remove(ctx, m.ReceiptHandle))
			if err := pause(ctx, second+second/5); err != nil {
				return err
			}
			got, err := b.receive(ctx, 1)
			b.Note("left", bodies(got))
			return err
		}),
		on("DeleteMessage", "that-is-visible-again", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			if err := b.change(ctx, m.ReceiptHandle, 0); err != nil {
				return err
			}
			b.Failed("delete", b.remove(ctx, m.ReceiptHandle))
			got, err := b.receive(ctx, 1)
			b.Note("left", bodies(got))
			return err
		}),
		on("DeleteMessage", "refused", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			b.Failed("no handle at all", b.remove(ctx, aws.String("nothing")))
			b.Failed("empty", b.remove(ctx, aws.String("")))
			other, err := b.create(ctx, "other", nil)
			if err != nil {
				return err
			}
			_, err = b.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: other, ReceiptHandle: m.ReceiptHandle})
			b.Failed("of another queue", err)
			return nil
		}),
		on("ChangeMessageVisibility", "ends-and-extends", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			b.Failed("to zero", b.change(ctx, m.ReceiptHandle, 0))
			got, err := b.receive(ctx, 1)
			if err != nil || len(got) != 1 {
				return lost(err, len(got))
			}
			b.known("message", got[0])
			b.Failed("to a minute", b.change(ctx, got[0].ReceiptHandle, 60))
			if err := pause(ctx, second+second/5); err != nil {
				return err
			}
			hidden, err := b.receive(ctx, 1)
			b.Note("after its first second", bodies(hidden))
			return err
		}),
		on("ChangeMessageVisibility", "refused", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			b.Failed("no handle at all", b.change(ctx, aws.String("nothing"), 1))
			b.Failed("above twelve hours", b.change(ctx, m.ReceiptHandle, 43_201))
			b.Failed("negative", b.change(ctx, m.ReceiptHandle, -1))
			b.Failed("to zero", b.change(ctx, m.ReceiptHandle, 0))
			b.Failed("when it is not in flight", b.change(ctx, m.ReceiptHandle, 1))
			if err := b.remove(ctx, m.ReceiptHandle); err != nil {
				return err
			}
			b.Failed("when it is gone", b.change(ctx, m.ReceiptHandle, 1))
			return nil
		}),
		on("ChangeMessageVisibility", "at-most-twelve-hours-since-the-receive", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			if err := pause(ctx, second+second/5); err != nil {
				return err
			}
			b.Failed("to the limit", b.change(ctx, m.ReceiptHandle, 43_199))
			return nil
		}),
	}
}
