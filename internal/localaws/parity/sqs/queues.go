package sqs

import (
	"context"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// queueCases are about queues themselves.
func queueCases() []parity.Case {
	return []parity.Case{
		on("CreateQueue", "defaults", func(ctx context.Context, b bench) error {
			all, err := b.attributes(ctx, b.url, types.QueueAttributeNameAll)
			maps.DeleteFunc(all, func(name, _ string) bool { return name == "CreatedTimestamp" || name == "LastModifiedTimestamp" })
			b.Note("attributes", all)
			return err
		}),
		with("CreateQueue", "again", map[string]string{"VisibilityTimeout": "7"}, func(ctx context.Context, b bench) error {
			same, err := b.create(ctx, "queue", map[string]string{"VisibilityTimeout": "7"})
			b.Failed("with the same attributes", err)
			b.Note("url", last(same))
			_, err = b.create(ctx, "queue", nil)
			b.Failed("without attributes", err)
			_, err = b.create(ctx, "queue", map[string]string{"VisibilityTimeout": "8"})
			b.Failed("with another value", err)
			return nil
		}),
		on("CreateQueue", "refused", func(ctx context.Context, b bench) error {
			_, err := b.create(ctx, "not allowed!", nil)
			b.Failed("name", err)
			_, err = b.create(ctx, "a", map[string]string{"VisibilityTimeout": "43201"})
			b.Failed("visibility above twelve hours", err)
			_, err = b.create(ctx, "b", map[string]string{"DelaySeconds": "901"})
			b.Failed("delay above fifteen minutes", err)
			_, err = b.create(ctx, "c", map[string]string{"Colour": "red"})
			b.Failed("unknown attribute", err)
			return nil
		}),
		on("CreateQueue", "redrive-refused", func(ctx context.Context, b bench) error {
			arn, err := b.arn(ctx, b.url)
			if err != nil {
				return err
			}
			for _, c := range []struct{ what, policy string }{
				{"queue that is not there", `{"deadLetterTargetArn":"` + arn + `x","maxReceiveCount":2}`},
				{"zero receives", `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":0}`},
				{"no count", `{"deadLetterTargetArn":"` + arn + `"}`},
				{"no queue", `{"maxReceiveCount":2}`},
				{"no JSON", `{`},
			} {
				_, err := b.create(ctx, "other", map[string]string{"RedrivePolicy": c.policy})
				b.Failed(c.what, err)
			}
			return nil
		}),
		on("GetQueueUrl", "found-and-not", func(ctx context.Context, b bench) error {
			out, err := b.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(b.Name("queue"))})
			if err != nil {
				return err
			}
			b.Note("url", last(out.QueueUrl))
			_, err = b.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(b.Name("none"))})
			b.Failed("no such queue", err)
			return nil
		}),
		on("ListQueues", "prefix-and-pages", listQueues),
		on("DeleteQueue", "then-use", func(ctx context.Context, b bench) error {
			_, err := b.client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: b.url})
			b.Failed("delete", err)
			_, err = b.send(ctx, "job")
			b.Failed("send", err)
			_, err = b.receive(ctx, 30)
			b.Failed("receive", err)
			_, err = b.attributes(ctx, b.url, types.QueueAttributeNameAll)
			b.Failed("attributes", err)
			return nil
		}),
		on("GetQueueAttributes", "counts", func(ctx context.Context, b bench) error {
			for range 3 {
				if _, err := b.send(ctx, "job"); err != nil {
					return err
				}
			}
			if _, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("later"), DelaySeconds: 60}); err != nil {
				return err
			}
			if _, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: b.url}); err != nil {
				return err
			}
			counts, err := b.attributes(ctx, b.url, "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
			b.Note("counts", counts)
			return err
		}),
		on("GetQueueAttributes", "names", func(ctx context.Context, b bench) error {
			none, err := b.attributes(ctx, b.url)
			b.Failed("none asked", err)
			b.Note("none asked", none)
			unset, err := b.attributes(ctx, b.url, types.QueueAttributeNameRedrivePolicy)
			b.Failed("not set", err)
			b.Note("not set", unset)
			_, err = b.attributes(ctx, b.url, "Colour")
			b.Failed("unknown", err)
			return nil
		}),
		on("SetQueueAttributes", "changes", func(ctx context.Context, b bench) error {
			set := func(attributes map[string]string) error {
				_, err := b.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: b.url, Attributes: attributes})
				return err
			}
			b.Failed("set", set(map[string]string{"VisibilityTimeout": "11", "MaximumMessageSize": "2048"}))
			b.Failed("out of range", set(map[string]string{"VisibilityTimeout": "-1"}))
			b.Failed("unknown", set(map[string]string{"Colour": "red"}))
			b.Failed("read only", set(map[string]string{"ApproximateNumberOfMessages": "1"}))
			got, err := b.attributes(ctx, b.url, "VisibilityTimeout", "MaximumMessageSize", "MessageRetentionPeriod")
			b.Note("now", got)
			return err
		}),
		on("PurgeQueue", "twice", func(ctx context.Context, b bench) error {
			if _, err := b.send(ctx, "job"); err != nil {
				return err
			}
			purge := func() error {
				_, err := b.client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: b.url})
				return err
			}
			b.Failed("first", purge())
			got, err := b.receive(ctx, 30)
			if err != nil {
				return err
			}
			b.Note("left", bodies(got))
			b.Failed("again within a minute", purge())
			return nil
		}),
	}
}

func listQueues(ctx context.Context, b bench) error {
	for _, name := range []string{"a", "b", "c"} {
		if _, err := b.create(ctx, "list-"+name, nil); err != nil {
			return err
		}
	}
	list := func(what string, in *sqs.ListQueuesInput) (*string, error) {
		out, err := b.client.ListQueues(ctx, in)
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, url := range out.QueueUrls {
			names = append(names, last(&url))
		}
		b.Note(what, names)
		return out.NextToken, nil
	}
	if _, err := list("all", &sqs.ListQueuesInput{QueueNamePrefix: aws.String(b.Name("list-"))}); err != nil {
		return err
	}
	if _, err := list("none", &sqs.ListQueuesInput{QueueNamePrefix: aws.String(b.Name("other-"))}); err != nil {
		return err
	}
	token, err := list("first two", &sqs.ListQueuesInput{QueueNamePrefix: aws.String(b.Name("list-")), MaxResults: aws.Int32(2)})
	if err != nil {
		return err
	}
	b.Note("more", token != nil)
	if token == nil {
		return nil
	}
	token, err = list("rest", &sqs.ListQueuesInput{QueueNamePrefix: aws.String(b.Name("list-")), MaxResults: aws.Int32(2), NextToken: token})
	b.Note("still more", token != nil)
	return err
}

// second is the shortest time that SQS measures.
const second = time.Second
