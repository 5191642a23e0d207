// Package sqs has the behaviour cases of its service; see package parity.
package sqs

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return slices.Concat(queueCases(), sendCases(), receiveCases(), settleCases(), batchCases(), redriveCases())
}

// bench is what a case works on: a client and a queue of the case's own.
type bench struct {
	*parity.Probe
	client *sqs.Client
	url    *string
}

// on is a case that begins with a queue.
func on(operation, name string, run func(ctx context.Context, b bench) error) parity.Case {
	return with(operation, name, nil, run)
}

// with is a case that begins with a queue that has attributes.
func with(operation, name string, attributes map[string]string, run func(ctx context.Context, b bench) error) parity.Case {
	return parity.Case{Service: "sqs", Operation: operation, Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		b := bench{Probe: p, client: sqs.NewFromConfig(p.Config)}
		url, err := b.create(ctx, "queue", attributes)
		if err != nil {
			return err
		}
		b.url = url
		return run(ctx, b)
	}}
}

func (b bench) create(ctx context.Context, name string, attributes map[string]string) (*string, error) {
	out, err := b.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(b.Name(name)), Attributes: attributes})
	if err != nil {
		return nil, err
	}
	return out.QueueUrl, nil
}

func (b bench) send(ctx context.Context, body string) (id string, err error) {
	out, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: &body})
	if err != nil {
		return "", err
	}
	return *out.MessageId, nil
}

// receive takes up to ten messages from the case's queue with all attributes.
func (b bench) receive(ctx context.Context, visibility int32) ([]types.Message, error) {
	return b.from(ctx, b.url, visibility)
}

func (b bench) from(ctx context.Context, url *string, visibility int32) ([]types.Message, error) {
	out, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: visibility,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// one sends a message and receives it for half a minute.
func (b bench) one(ctx context.Context) (types.Message, error) {
	if _, err := b.send(ctx, "job"); err != nil {
		return types.Message{}, err
	}
	got, err := b.receive(ctx, 30)
	if err != nil || len(got) != 1 {
		return types.Message{}, lost(err, len(got))
	}
	return got[0], nil
}

func (b bench) attributes(ctx context.Context, url *string, names ...types.QueueAttributeName) (map[string]string, error) {
	out, err := b.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// arn returns a queue's ARN.
func (b bench) arn(ctx context.Context, url *string) (string, error) {
	all, err := b.attributes(ctx, url, types.QueueAttributeNameQueueArn)
	return all["QueueArn"], err
}

// bodies returns what messages say, in an order of their own: a standard queue
// keeps none.
func bodies(messages []types.Message) []string {
	out := []string{}
	for _, m := range messages {
		out = append(out, *m.Body)
	}
	slices.Sort(out)
	return out
}

// known notes which system attributes a message has and those that are the same
// everywhere.
func (b bench) known(what string, m types.Message) {
	names := []string{}
	for name := range m.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	b.Note(what+" has", names)
	b.Note(what+" was received times", m.Attributes["ApproximateReceiveCount"])
}

func last(url *string) string {
	text := aws.ToString(url)
	return text[strings.LastIndexByte(text, '/')+1:]
}

type miscount struct{ got int }

func (m miscount) Error() string { return "the queue does not give the one message that is in it" }

func lost(err error, got int) error {
	if err != nil {
		return err
	}
	return miscount{got}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
