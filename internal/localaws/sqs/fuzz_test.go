package sqs_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// FuzzReceiptHandle: no handle but the one given out deletes the message.
func FuzzReceiptHandle(f *testing.F) {
	s, err := sqs.New(sqs.Options{Region: region, Account: account})
	if err != nil {
		f.Fatal(err)
	}
	c := client(s, nil)
	url := s.URL("jobs")
	if _, err := c.CreateQueue(f.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("jobs")}); err != nil {
		f.Fatal(err)
	}
	if _, err := c.SendMessage(f.Context(), &awssqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")}); err != nil {
		f.Fatal(err)
	}
	got, err := s.Receive(f.Context(), s.ARN("jobs"), 1, 0)
	if err != nil || len(got) != 1 {
		f.Fatal(len(got), err)
	}
	handle := got[0].ReceiptHandle
	raw, err := base64.StdEncoding.DecodeString(handle)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("")
	f.Add(" ")
	f.Add(handle[:len(handle)-4])
	f.Add(base64.StdEncoding.EncodeToString(append(raw, 's')))
	f.Add("\n" + handle)
	f.Add(base64.StdEncoding.EncodeToString(bytes.Replace(raw, []byte(" 1 jobs"), []byte(" 2 jobs"), 1)))
	f.Add(base64.StdEncoding.EncodeToString(bytes.Replace(raw, []byte(" 1 jobs"), []byte(" 01 jobs"), 1)))
	f.Add(base64.StdEncoding.EncodeToString([]byte("id 1 1 jobs")))
	f.Add(base64.StdEncoding.EncodeToString([]byte("id -1 99999999999999999999 jobs")))
	f.Fuzz(func(t *testing.T, other string) {
		if other == handle {
			return
		}
		_ = s.Delete(t.Context(), s.ARN("jobs"), []string{other}) // refused or without effect
		if err := s.ChangeVisibility(t.Context(), s.ARN("jobs"), []string{handle}, 3600e9); err != nil {
			t.Fatal(err)
		}
		_, err := s.Handle(t.Context(), &wire.Call{Operation: "ChangeMessageVisibility", Body: []byte(`{"QueueUrl":"` + url + `","ReceiptHandle":"` + handle + `","VisibilityTimeout":3600}`)})
		if err != nil {
			t.Fatalf("handle %q touched the message: %v", other, err)
		}
	})
}

// FuzzHandle: whatever the body, an operation answers or refuses with an AWS error.
func FuzzHandle(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"}`, `{"QueueUrl":"/","Entries":[{}]}`,
		`{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs","MessageBody":"x","DelaySeconds":-1,"MessageAttributes":{"a":{"DataType":"Number","StringValue":"1e999"}}}`,
		`{"QueueName":"jobs","Attributes":{"RedrivePolicy":"{\"maxReceiveCount\":null}","DelaySeconds":"x"}}`, `{"QueueUrl":1}`,
		`{"QueueName":"b","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:123456789012:jobs\",\"maxReceiveCount\":1}"}}`,
	} {
		for operation := range uint8(15) {
			f.Add(operation, body)
		}
	}
	operations := []string{ // all but ReceiveMessage, which may wait 20 s
		"CreateQueue", "DeleteQueue", "GetQueueUrl", "ListQueues", "GetQueueAttributes", "SetQueueAttributes", "PurgeQueue", "SendMessage",
		"SendMessageBatch", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
		"StartMessageMoveTask", "ListMessageMoveTasks",
	}
	f.Fuzz(func(t *testing.T, operation uint8, body string) {
		s, err := sqs.New(sqs.Options{Region: region, Account: account})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Handle(t.Context(), &wire.Call{Operation: "CreateQueue", Body: []byte(`{"QueueName":"jobs"}`)}); err != nil {
			t.Fatal(err)
		}
		name := operations[int(operation)%len(operations)]
		ctx := t.Context()
		if _, err := s.Handle(ctx, &wire.Call{Operation: name, Body: []byte(body)}); err != nil && wire.CodeOf(err) == "" {
			t.Fatalf("%s: %v", name, err)
		}
		nobody := &iam.Principal{ARN: "arn:aws:iam::1:role/Nobody"}
		if out, err := s.Handle(ctx, &wire.Call{Operation: name, Body: []byte(body), Principal: nobody}); err == nil {
			t.Fatalf("%s answered %v to a role without statements", name, out)
		}
	})
}
