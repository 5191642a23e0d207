package sqs

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// rejecting is a case whose queue sends messages to a dead-letter queue after a
// number of receives.
func rejecting(operation, name string, receives int, run func(ctx context.Context, b bench, dead *string) error) parity.Case {
	return on(operation, name, func(ctx context.Context, b bench) error {
		dead, err := b.create(ctx, "dead", nil)
		if err != nil {
			return err
		}
		arn, err := b.arn(ctx, dead)
		if err != nil {
			return err
		}
		_, err = b.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: b.url, Attributes: map[string]string{
			"RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":` + strconv.Itoa(receives) + `}`,
		}})
		if err != nil {
			return err
		}
		return run(ctx, b, dead)
	})
}

// reject receives the one message and makes it visible at once.
func (b bench) reject(ctx context.Context) (types.Message, error) {
	got, err := b.receive(ctx, 30)
	if err != nil || len(got) != 1 {
		return types.Message{}, lost(err, len(got))
	}
	return got[0], b.change(ctx, got[0].ReceiptHandle, 0)
}

// bury sends messages that go to the dead-letter queue, whose limit is one receive.
func (b bench) bury(ctx context.Context, names ...string) error {
	for _, body := range names {
		if _, err := b.send(ctx, body); err != nil {
			return err
		}
	}
	got, err := b.receive(ctx, 30)
	if err != nil {
		return err
	}
	for _, m := range got {
		if err := b.change(ctx, m.ReceiptHandle, 0); err != nil {
			return err
		}
	}
	_, err = b.receive(ctx, 30)
	return err
}

func redriveCases() []parity.Case {
	return []parity.Case{
		rejecting("ReceiveMessage", "to-the-dead-letter-queue", 2, deadLetter),
		with("SetQueueAttributes", "redrive-policy", nil, func(ctx context.Context, b bench) error {
			arn, err := b.arn(ctx, b.url)
			if err != nil {
				return err
			}
			set := func(url *string, policy string) error {
				_, err := b.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"RedrivePolicy": policy}})
				return err
			}
			source, err := b.create(ctx, "source", nil)
			if err != nil {
				return err
			}
			b.Failed("count as a string", set(source, `{"deadLetterTargetArn":"`+arn+`","maxReceiveCount":"3"}`))
			got, err := b.attributes(ctx, source, types.QueueAttributeNameRedrivePolicy)
			if err != nil {
				return err
			}
			b.Note("kept", len(got["RedrivePolicy"]) > 0)
			b.Failed("to a queue that is not there", set(source, `{"deadLetterTargetArn":"`+arn+`x","maxReceiveCount":3}`))
			b.Failed("removed", set(source, ""))
			got, err = b.attributes(ctx, source, types.QueueAttributeNameRedrivePolicy)
			b.Note("then", got)
			return err
		}),
		rejecting("StartMessageMoveTask", "back-to-the-source", 1, func(ctx context.Context, b bench, dead *string) error {
			if err := b.bury(ctx, "a", "b"); err != nil {
				return err
			}
			return b.move(ctx, dead, nil, b.url)
		}),
		rejecting("StartMessageMoveTask", "to-another-queue", 1, func(ctx context.Context, b bench, dead *string) error {
			if err := b.bury(ctx, "a", "b"); err != nil {
				return err
			}
			other, err := b.create(ctx, "other", nil)
			if err != nil {
				return err
			}
			arn, err := b.arn(ctx, other)
			if err != nil {
				return err
			}
			return b.move(ctx, dead, &arn, other)
		}),
		rejecting("StartMessageMoveTask", "refused", 1, func(ctx context.Context, b bench, dead *string) error {
			source, err := b.arn(ctx, b.url)
			if err != nil {
				return err
			}
			from, err := b.arn(ctx, dead)
			if err != nil {
				return err
			}
			_, err = b.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &source})
			b.Failed("not a dead-letter queue", err)
			_, err = b.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(source + "x")})
			b.Failed("no such queue", err)
			_, err = b.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &from, DestinationArn: aws.String(source + "x")})
			b.Failed("no such destination", err)
			_, err = b.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &from, MaxNumberOfMessagesPerSecond: aws.Int32(501)})
			b.Failed("too fast", err)
			_, err = b.client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(source + "x")})
			b.Failed("list of no queue", err)
			return nil
		}),
		rejecting("StartMessageMoveTask", "one-at-a-time", 1, func(ctx context.Context, b bench, dead *string) error {
			if err := b.bury(ctx, "a", "b", "c"); err != nil {
				return err
			}
			from, err := b.arn(ctx, dead)
			if err != nil {
				return err
			}
			slow := &sqs.StartMessageMoveTaskInput{SourceArn: &from, MaxNumberOfMessagesPerSecond: aws.Int32(1)}
			_, err = b.client.StartMessageMoveTask(ctx, slow)
			b.Failed("first", err)
			_, err = b.client.StartMessageMoveTask(ctx, slow)
			b.Failed("second", err)
			out, err := b.client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &from})
			if err != nil || len(out.Results) != 1 {
				return lost(err, 0)
			}
			b.Note("status", out.Results[0].Status)
			b.Note("has a handle", out.Results[0].TaskHandle != nil)
			b.Note("per second", out.Results[0].MaxNumberOfMessagesPerSecond)
			return nil
		}),
	}
}

func deadLetter(ctx context.Context, b bench, dead *string) error {
	id, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: b.url, MessageBody: aws.String("job"), MessageAttributes: map[string]types.MessageAttributeValue{"run": text("1")},
	})
	if err != nil {
		return err
	}
	var sent string
	for range 2 {
		m, err := b.reject(ctx)
		if err != nil {
			return err
		}
		sent = m.Attributes["SentTimestamp"]
	}
	counts, err := b.attributes(ctx, dead, types.QueueAttributeNameApproximateNumberOfMessages)
	if err != nil {
		return err
	}
	b.Note("in the dead-letter queue after the last failure", counts)
	more, err := b.receive(ctx, 30)
	if err != nil {
		return err
	}
	b.Note("received once more", bodies(more))
	got, err := b.from(ctx, dead, 1)
	if err != nil || len(got) != 1 {
		return lost(err, len(got))
	}
	b.Note("then in the dead-letter queue", bodies(got))
	b.Note("same message", *got[0].MessageId == *id.MessageId)
	b.Note("same sent time", got[0].Attributes["SentTimestamp"] == sent)
	b.Note("attributes", got[0].MessageAttributes)
	b.Note("source", got[0].Attributes["DeadLetterQueueSourceArn"])
	b.known("message", got[0])
	return nil
}

// move empties the dead-letter queue by a task and notes what came of it.
func (b bench) move(ctx context.Context, dead, destination, to *string) error {
	from, err := b.arn(ctx, dead)
	if err != nil {
		return err
	}
	before, err := b.attributes(ctx, dead, types.QueueAttributeNameApproximateNumberOfMessages)
	if err != nil {
		return err
	}
	b.Note("before", before)
	if _, err := b.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &from, DestinationArn: destination}); err != nil {
		return err
	}
	var task types.ListMessageMoveTasksResultEntry
	for range 50 {
		out, err := b.client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &from})
		if err != nil || len(out.Results) != 1 {
			return lost(err, 0)
		}
		if task = out.Results[0]; aws.ToString(task.Status) != "RUNNING" {
			break
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	b.Note("status", task.Status)
	b.Note("moved", task.ApproximateNumberOfMessagesMoved)
	b.Note("to move", task.ApproximateNumberOfMessagesToMove)
	b.Note("destination", task.DestinationArn)
	b.Note("handle", task.TaskHandle)
	got, err := b.from(ctx, to, 30)
	if err != nil {
		return err
	}
	b.Note("received", bodies(got))
	for _, m := range got {
		b.known("message", m)
	}
	return nil
}
