// Package lambda has the behaviour cases of its service; see package parity. No
// other implementation runs functions of ours, so AWS's documents decide alone:
// docs/localaws.md names the page for each case. Functions are one piece of code
// ([Subject]) in a template of its own ([Template]); cases take hours, so they
// are for simulated time only. Besides the SDK it imports aws-lambda-go.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return slices.Concat(invokeCases(), failureCases(), sandboxCases(), limitCases(), asyncCases(), mappingCases())
}

// bench is what a case works with: clients of a stack of its own.
type bench struct {
	*parity.Probe
	functions *lambda.Client
	queues    *sqs.Client
	began     time.Time
}

func on(name string, run func(ctx context.Context, b *bench) error) parity.Case {
	return parity.Case{Service: "lambda", Operation: "Invoke", Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		return run(ctx, &bench{Probe: p, functions: lambda.NewFromConfig(p.Config), queues: sqs.NewFromConfig(p.Config), began: time.Now()})
	}}
}

// invoke makes a synchronous call and notes what comes back: the payload, or
// how the function failed, or the call.
func (b *bench) invoke(ctx context.Context, what, function string, e event) {
	b.raw(ctx, what, &lambda.InvokeInput{FunctionName: aws.String("sluice-" + function), Payload: encode(e)})
}

func (b *bench) raw(ctx context.Context, what string, in *lambda.InvokeInput) {
	out, err := b.functions.Invoke(ctx, in)
	b.Note(what, result(b, out, err))
}

// result is what is noted of an invocation.
func result(b *bench, out *lambda.InvokeOutput, err error) any {
	if err != nil {
		return b.failure(err)
	}
	if out.FunctionError != nil {
		var e messages.InvokeResponse_Error
		if json.Unmarshal(out.Payload, &e) != nil {
			return "an error that cannot be read"
		}
		_, message, isReport := strings.Cut(e.Message, " Error: ") // after "RequestId: ..."
		if !isReport {
			message = e.Message
		}
		return map[string]any{"FunctionError": out.FunctionError, "errorType": e.Type, "errorMessage": message, "status": out.StatusCode}
	}
	if len(out.Payload) > 1000 {
		return fmt.Sprintf("%d bytes", len(out.Payload))
	}
	return map[string]any{"payload": string(out.Payload), "status": out.StatusCode, "version": out.ExecutedVersion}
}

// failure is a call's error, with the reason that a throttle has.
func (b *bench) failure(err error) string {
	text := b.Failure(err)
	if e, ok := errors.AsType[*types.TooManyRequestsException](err); ok {
		text += " " + string(e.Reason)
	}
	return text
}

// event invokes asynchronously.
func (b *bench) event(ctx context.Context, what, function string, payload []byte) {
	out, err := b.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("sluice-" + function), InvocationType: types.InvocationTypeEvent, Payload: payload})
	if err != nil {
		b.Note(what, b.failure(err))
		return
	}
	b.Note(what, map[string]any{"status": out.StatusCode, "payload": string(out.Payload)})
}

// told notes what the functions of the stack have seen.
func (b *bench) told(ctx context.Context, what string) error {
	seen, err := b.report(ctx)
	if err != nil {
		return err
	}
	if len(seen.Seen) > 20 {
		counts := map[string]int{}
		for _, v := range seen.Seen {
			counts[v]++
		}
		b.Note(what, map[string]any{"seen": counts, "inits": seen.Inits, "most": seen.Most})
		return nil
	}
	b.Note(what, seen)
	return nil
}

func (b *bench) report(ctx context.Context) (seen told, err error) {
	out, err := b.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("sluice-Other"), Payload: encode(event{Do: "told"})})
	if err != nil {
		return seen, err
	}
	return seen, json.Unmarshal(out.Payload, &seen)
}

// at notes what is seen after each of some times since the case began.
func (b *bench) at(ctx context.Context, times ...time.Duration) error {
	for _, d := range times {
		time.Sleep(time.Until(b.began.Add(d)))
		if err := b.told(ctx, "after "+d.String()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) url(ctx context.Context, queue string) (*string, error) {
	out, err := b.queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("sluice-" + queue)})
	if err != nil {
		return nil, err
	}
	return out.QueueUrl, nil
}

// send puts messages into a queue, ten at most.
func (b *bench) send(ctx context.Context, queue string, bodies ...string) error {
	url, err := b.url(ctx, queue)
	if err != nil {
		return err
	}
	in := &sqs.SendMessageBatchInput{QueueUrl: url}
	for i, body := range bodies {
		in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body})
	}
	_, err = b.queues.SendMessageBatch(ctx, in)
	return err
}

// left notes the bodies in a queue.
func (b *bench) left(ctx context.Context, queue string) error {
	bodies, err := b.bodies(ctx, queue)
	b.Note("in "+queue, bodies)
	return err
}

// bodies receives all messages of a queue and returns their bodies, sorted.
func (b *bench) bodies(ctx context.Context, queue string) ([]string, error) {
	url, err := b.url(ctx, queue)
	if err != nil {
		return nil, err
	}
	found := []string{}
	for {
		out, err := b.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
		if err != nil {
			return nil, err
		}
		if len(out.Messages) == 0 {
			slices.Sort(found)
			return found, nil
		}
		for _, m := range out.Messages {
			found = append(found, aws.ToString(m.Body))
		}
	}
}

// together makes calls at the same moment and counts their results.
func (b *bench) together(ctx context.Context, what, function string, n int, e event) {
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			out, err := b.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("sluice-" + function), Payload: encode(e)})
			got := "answered"
			if err != nil {
				got = b.failure(err)
			} else if out.FunctionError != nil {
				got = "failed"
			}
			mu.Lock()
			counts[got]++
			mu.Unlock()
		})
	}
	all.Wait()
	b.Note(what, counts)
}
