package localaws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/s3"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// integrations are what state machines call, each as the machine's role.
type integrations struct {
	functionARN func(name string) string
	functions   func() *lambda.Service // made after the state machines
	queues      *sqs.Service
	faults      Faults // nil: nothing goes wrong
}

// afflict lets a call of a state machine go wrong. lost is the error of an answer
// that does not come although the call has its effect.
func (i *integrations) afflict(ctx context.Context, service, operation string, role *iam.Principal) (lost, refused error) {
	if i.faults == nil {
		return nil, nil
	}
	caller := ""
	if role != nil {
		caller = role.Name
	}
	f := i.faults.BeforeCall(ctx, service, operation, caller)
	if err := wait(ctx, f.Delay); err != nil {
		return nil, err
	}
	switch f.Mishap {
	case Throttle, ServerError:
		return nil, refusal(service, f.Mishap)
	case LoseAnswer:
		return errors.New("the connection was reset"), nil
	case NoMishap, KillBefore, KillAfter:
	}
	return nil, nil
}

// InvokeLambda implements stepfunctions.Integrations.
func (i *integrations) InvokeLambda(ctx context.Context, role *iam.Principal, function string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
	name := function
	if at := strings.LastIndex(function, "function:"); at >= 0 {
		name = function[at+len("function:"):]
	}
	name = strings.TrimSuffix(name, ":$LATEST")
	call := wire.Call{Service: "lambda", Operation: "Invoke", Principal: role}
	if err := call.Authorize("lambda:InvokeFunction", i.functionARN(name)); err != nil {
		return stepfunctions.LambdaResult{}, err
	}
	lost, err := i.afflict(ctx, "lambda", "Invoke", role)
	if err != nil {
		return stepfunctions.LambdaResult{}, err
	}
	result, err := i.functions().Invoke(ctx, name, payload)
	if err == nil {
		err = lost
	}
	if err != nil {
		return stepfunctions.LambdaResult{}, err
	}
	return stepfunctions.LambdaResult{StatusCode: http.StatusOK, Payload: result.Payload, FunctionError: result.FunctionError}, nil
}

// SendMessage implements stepfunctions.Integrations.
func (i *integrations) SendMessage(ctx context.Context, role *iam.Principal, input json.RawMessage) (json.RawMessage, error) {
	lost, err := i.afflict(ctx, "sqs", "SendMessage", role)
	if err != nil {
		return nil, err
	}
	out, err := i.queues.Handle(ctx, &wire.Call{Service: "sqs", Operation: "SendMessage", Principal: role, Body: input})
	if err == nil {
		err = lost
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// objects is the bucket side of distributed maps.
type objects struct{ store *s3.Service }

// GetObject implements stepfunctions.Objects.
func (o objects) GetObject(ctx context.Context, role *iam.Principal, bucket, key string) ([]byte, error) {
	return o.store.Get(ctx, role, bucket, key)
}

// PutObject implements stepfunctions.Objects.
func (o objects) PutObject(ctx context.Context, role *iam.Principal, bucket, key string, body []byte) error {
	return o.store.Put(ctx, role, bucket, key, body)
}

// ListObjects implements stepfunctions.Objects.
func (o objects) ListObjects(ctx context.Context, role *iam.Principal, bucket, prefix, token string) ([]stepfunctions.Object, string, error) {
	list, next, err := o.store.List(ctx, role, bucket, prefix, token)
	page := make([]stepfunctions.Object, len(list))
	for n, info := range list {
		page[n] = stepfunctions.Object{
			Etag: info.ETag, Key: info.Key, LastModified: info.Modified.Unix(), Size: info.Size, StorageClass: "STANDARD",
		}
	}
	return page, next, err
}

// pollers is what event source mappings read from.
type pollers struct {
	queues *sqs.Service
	region string
}

// Receive implements lambda.Queues.
func (p pollers) Receive(ctx context.Context, queueARN string, limit int, wait time.Duration) ([]events.SQSMessage, error) {
	messages, err := p.queues.Receive(ctx, queueARN, limit, wait)
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", queueARN, err)
	}
	out := make([]events.SQSMessage, len(messages))
	for i, m := range messages {
		out[i] = events.SQSMessage{
			MessageId: m.MessageID, ReceiptHandle: m.ReceiptHandle, Body: m.Body, Md5OfBody: m.MD5OfBody,
			Md5OfMessageAttributes: m.MD5OfMessageAttributes, Attributes: m.Attributes,
			MessageAttributes: make(map[string]events.SQSMessageAttribute, len(m.MessageAttributes)),
			EventSourceARN:    queueARN, EventSource: "aws:sqs", AWSRegion: p.region,
		}
		for name, a := range m.MessageAttributes {
			attribute := events.SQSMessageAttribute{DataType: a.DataType, StringListValues: []string{}, BinaryListValues: [][]byte{}}
			if strings.HasPrefix(a.DataType, "Binary") {
				attribute.BinaryValue = a.BinaryValue
			} else {
				attribute.StringValue = &a.StringValue
			}
			out[i].MessageAttributes[name] = attribute
		}
	}
	return out, nil
}

// Delete implements lambda.Queues.
func (p pollers) Delete(ctx context.Context, queueARN string, receipts []string) error {
	return p.queues.Delete(ctx, queueARN, receipts)
}

// traced is SQS for callers that say which chain of requests they belong to:
// the queue keeps the trace header of a request with its messages.
type traced struct{ *sqs.Service }

// Handle implements wire.Service.
func (t traced) Handle(ctx context.Context, call *wire.Call) (any, error) {
	trace := lambda.TraceFrom(ctx)
	if trace != "" && (call.Operation == "SendMessage" || call.Operation == "SendMessageBatch") {
		var in map[string]any
		if err := call.Decode(&in); err != nil {
			return nil, err
		}
		mark(in, trace)
		if entries, ok := in["Entries"].([]any); ok {
			delete(in, "MessageSystemAttributes")
			for _, e := range entries {
				if entry, ok := e.(map[string]any); ok {
					mark(entry, trace)
				}
			}
		}
		body, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("mark messages: %w", err)
		}
		call.Body = body
	}
	return t.Service.Handle(ctx, call)
}

// mark puts a trace into a message, unless the sender put one there.
func mark(message map[string]any, trace string) {
	if _, ok := message["MessageSystemAttributes"]; !ok {
		message["MessageSystemAttributes"] = map[string]any{lambda.TraceAttribute: map[string]string{"DataType": "String", "StringValue": trace}}
	}
}
