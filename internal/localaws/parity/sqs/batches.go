package sqs

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// refusals is what of a batch's failures is the same everywhere.
func refusals(failed []types.BatchResultErrorEntry) []string {
	out := []string{}
	for _, f := range failed {
		out = append(out, fmt.Sprintf("%s: %s, sender's fault: %t", *f.Id, *f.Code, f.SenderFault))
	}
	return out
}

func (b bench) sendBatch(ctx context.Context, bodies ...string) (*sqs.SendMessageBatchOutput, error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: b.url, Entries: []types.SendMessageBatchRequestEntry{}}
	for i, body := range bodies {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprintf("e%d", i)), MessageBody: &body})
	}
	return b.client.SendMessageBatch(ctx, in)
}

func (b bench) sendIDs(ctx context.Context, ids ...string) error {
	in := &sqs.SendMessageBatchInput{QueueUrl: b.url}
	for _, id := range ids {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String("job")})
	}
	_, err := b.client.SendMessageBatch(ctx, in)
	return err
}

func batchCases() []parity.Case {
	return []parity.Case{
		on("SendMessageBatch", "sent", func(ctx context.Context, b bench) error {
			out, err := b.sendBatch(ctx, "a", "b", "c")
			if err != nil {
				return err
			}
			for _, s := range out.Successful {
				b.Note(*s.Id, s.MD5OfMessageBody)
			}
			b.Note("failed", refusals(out.Failed))
			got, err := b.receive(ctx, 30)
			b.Note("received", bodies(got))
			return err
		}),
		on("SendMessageBatch", "one-entry-fails", func(ctx context.Context, b bench) error {
			out, err := b.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: b.url, Entries: []types.SendMessageBatchRequestEntry{
				{Id: aws.String("good"), MessageBody: aws.String("a")},
				{Id: aws.String("late"), MessageBody: aws.String("b"), DelaySeconds: 901},
				{Id: aws.String("control"), MessageBody: aws.String("c\x01")},
				{Id: aws.String("attribute"), MessageBody: aws.String("d"), MessageAttributes: map[string]types.MessageAttributeValue{"a": text("")}},
			}})
			if err != nil {
				b.Failed("whole batch", err)
				return nil
			}
			b.Note("failed", refusals(out.Failed))
			b.Note("successful", len(out.Successful))
			got, err := b.receive(ctx, 30)
			b.Note("received", bodies(got))
			return err
		}),
		on("SendMessageBatch", "refused", func(ctx context.Context, b bench) error {
			_, err := b.sendBatch(ctx)
			b.Failed("empty", err)
			_, err = b.sendBatch(ctx, strings.Split("abcdefghijk", "")...)
			b.Failed("eleven entries", err)
			b.Failed("ids repeated", b.sendIDs(ctx, "a", "a"))
			b.Failed("id with a blank", b.sendIDs(ctx, "a b"))
			b.Failed("id of 81 letters", b.sendIDs(ctx, strings.Repeat("a", 81)))
			_, err = b.sendBatch(ctx, strings.Repeat("x", limit/2), strings.Repeat("x", limit/2+1))
			b.Failed("too long in total", err)
			_, err = b.sendBatch(ctx, strings.Repeat("x", limit/2), strings.Repeat("x", limit/2))
			b.Failed("as long as can be", err)
			return nil
		}),
		on("DeleteMessageBatch", "one-entry-fails", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			out, err := b.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: b.url, Entries: []types.DeleteMessageBatchRequestEntry{
				{Id: aws.String("good"), ReceiptHandle: m.ReceiptHandle}, {Id: aws.String("bad"), ReceiptHandle: aws.String("nothing")},
			}})
			if err != nil {
				return err
			}
			b.Note("failed", refusals(out.Failed))
			b.Note("successful", out.Successful)
			return nil
		}),
		on("DeleteMessageBatch", "refused", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			remove := func(ids ...string) error {
				in := &sqs.DeleteMessageBatchInput{QueueUrl: b.url, Entries: []types.DeleteMessageBatchRequestEntry{}}
				for _, id := range ids {
					in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: &id, ReceiptHandle: m.ReceiptHandle})
				}
				_, err := b.client.DeleteMessageBatch(ctx, in)
				return err
			}
			b.Failed("empty", remove())
			b.Failed("ids repeated", remove("a", "a"))
			b.Failed("eleven entries", remove(strings.Split("abcdefghijk", "")...))
			return nil
		}),
		on("ChangeMessageVisibilityBatch", "one-entry-fails", func(ctx context.Context, b bench) error {
			m, err := b.one(ctx)
			if err != nil {
				return err
			}
			out, err := b.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: b.url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
				{Id: aws.String("good"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0},
				{Id: aws.String("bad"), ReceiptHandle: aws.String("nothing"), VisibilityTimeout: 1},
				{Id: aws.String("long"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 43_201},
			}})
			if err != nil {
				return err
			}
			b.Note("failed", refusals(out.Failed))
			b.Note("successful", out.Successful)
			got, err := b.receive(ctx, 30)
			b.Note("visible again", bodies(got))
			return err
		}),
	}
}
