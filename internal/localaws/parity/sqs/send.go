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

const limit = 1_048_576 // bytes of a message, and of a batch

func text(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
}

func sendCases() []parity.Case {
	return []parity.Case{
		on("SendMessage", "checksums", func(ctx context.Context, b bench) error {
			out, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{
				QueueUrl: b.url, MessageBody: aws.String("größer\n<&>\U0001F600"),
				MessageAttributes: map[string]types.MessageAttributeValue{
					"text":   text("a"),
					"number": {DataType: aws.String("Number.int"), StringValue: aws.String("7")},
					"bytes":  {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}},
				},
				MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
					"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")},
				},
			})
			if err != nil {
				return err
			}
			b.Note("body", out.MD5OfMessageBody)
			b.Note("attributes", out.MD5OfMessageAttributes)
			b.Note("system attributes", out.MD5OfMessageSystemAttributes)
			b.Note("sequence number", out.SequenceNumber)
			got, err := b.receive(ctx, 30)
			if err != nil || len(got) != 1 {
				return lost(err, len(got))
			}
			b.Note("received", got[0].Body)
			b.Note("with", got[0].MessageAttributes)
			b.Note("its checksum", got[0].MD5OfMessageAttributes)
			b.Note("trace", got[0].Attributes["AWSTraceHeader"])
			b.known("message", got[0])
			return nil
		}),
		on("SendMessage", "body-refused", func(ctx context.Context, b bench) error {
			for _, c := range []struct{ what, body string }{
				{"empty", ""},
				{"control character", "a\x01"},
				{"not a character", "a\uffff"},
				{"tab and newline", "a\t\r\n"},
				{"too long", strings.Repeat("x", limit+1)},
				{"as long as can be", strings.Repeat("x", limit)},
			} {
				_, err := b.send(ctx, c.body)
				b.Failed(c.what, err)
			}
			return nil
		}),
		with("SendMessage", "the-queue-limits-the-size", map[string]string{"MaximumMessageSize": "1024"}, func(ctx context.Context, b bench) error {
			_, err := b.send(ctx, strings.Repeat("x", 1024))
			b.Failed("at the limit", err)
			_, err = b.send(ctx, strings.Repeat("x", 1025))
			b.Failed("above it", err)
			_, err = b.client.SendMessage(ctx, &sqs.SendMessageInput{
				QueueUrl: b.url, MessageBody: aws.String(strings.Repeat("x", 1020)), MessageAttributes: map[string]types.MessageAttributeValue{"a": text("b")},
			})
			b.Failed("attributes count", err)
			return nil
		}),
		on("SendMessage", "attributes-refused", func(ctx context.Context, b bench) error {
			eleven := map[string]types.MessageAttributeValue{}
			for i := range 11 {
				eleven[fmt.Sprintf("a%d", i)] = text("x")
			}
			for _, c := range []struct {
				what       string
				attributes map[string]types.MessageAttributeValue
			}{
				{"eleven", eleven},
				{"unknown type", map[string]types.MessageAttributeValue{"a": {DataType: aws.String("Text"), StringValue: aws.String("x")}}},
				{"empty value", map[string]types.MessageAttributeValue{"a": text("")}},
				{"no number", map[string]types.MessageAttributeValue{"a": {DataType: aws.String("Number"), StringValue: aws.String("many")}}},
				{"name", map[string]types.MessageAttributeValue{"a b": text("x")}},
			} {
				_, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), MessageAttributes: c.attributes})
				b.Failed(c.what, err)
			}
			return nil
		}),
		on("SendMessage", "parameters-refused", func(ctx context.Context, b bench) error {
			_, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), DelaySeconds: 901})
			b.Failed("delay above fifteen minutes", err)
			_, err = b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), DelaySeconds: -1})
			b.Failed("negative delay", err)
			_, err = b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), MessageDeduplicationId: aws.String("1")})
			b.Failed("deduplication on a standard queue", err)
			_, err = b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(*b.url + "x"), MessageBody: aws.String("job")})
			b.Failed("no such queue", err)
			return nil
		}),
		on("SendMessage", "group-on-a-standard-queue", func(ctx context.Context, b bench) error {
			_, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), MessageGroupId: aws.String("team")})
			b.Failed("send", err)
			got, err := b.receive(ctx, 30)
			if err != nil || len(got) != 1 {
				return lost(err, len(got))
			}
			b.Note("group", got[0].Attributes["MessageGroupId"])
			return nil
		}),
		on("SendMessage", "delay", func(ctx context.Context, b bench) error {
			if _, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), DelaySeconds: 1}); err != nil {
				return err
			}
			return b.soon(ctx)
		}),
		with("SendMessage", "delay-of-the-queue", map[string]string{"DelaySeconds": "1"}, func(ctx context.Context, b bench) error {
			if _, err := b.send(ctx, "job"); err != nil {
				return err
			}
			return b.soon(ctx)
		}),
		with("SendMessage", "delay-of-the-message-wins", map[string]string{"DelaySeconds": "600"}, func(ctx context.Context, b bench) error {
			if _, err := b.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: b.url, MessageBody: aws.String("job"), DelaySeconds: 1}); err != nil {
				return err
			}
			return b.soon(ctx)
		}),
	}
}

// soon notes what is in the queue now and after a second.
func (b bench) soon(ctx context.Context) error {
	now, err := b.receive(ctx, 30)
	if err != nil {
		return err
	}
	b.Note("at once", bodies(now))
	if err := pause(ctx, second+second/5); err != nil {
		return err
	}
	later, err := b.receive(ctx, 30)
	b.Note("after a second", bodies(later))
	return err
}
