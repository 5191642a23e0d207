// Package orchestrate is every Step Functions and SQS call of the product:
// start a run, answer a task token, send a message. It imports the AWS SDK and
// fault.
package orchestrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/messageai/sluice/internal/fault"
)

// MaxDelay is the longest that SQS can delay a message.
const MaxDelay = 15 * time.Minute

// Client makes the calls. Safe for concurrent use.
type Client struct {
	sfn *sfn.Client
	sqs *sqs.Client
}

// New makes a client on cfg. It does no I/O.
func New(cfg aws.Config) *Client {
	return &Client{sfn: sfn.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg)}
}

// Start starts the machine under a name. Starting the same name and input
// again changes nothing.
func (c *Client) Start(ctx context.Context, machine, name string, input any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("start run: %w", err)
	}
	_, err = c.sfn.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: aws.String(string(body))})
	if _, ok := errors.AsType[*sfntypes.ExecutionAlreadyExists](err); ok {
		return nil
	}
	return unavailable("orchestrate.start", err)
}

// Succeed answers a task token. A token that is used up, late or unknown is no
// error: somebody answered already, or nobody waits any more.
func (c *Client) Succeed(ctx context.Context, token string, output any) error {
	body, err := json.Marshal(output)
	if err != nil {
		return fmt.Errorf("answer task: %w", err)
	}
	_, err = c.sfn.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(body))})
	return unavailable("orchestrate.succeed", ignoreClosed(err))
}

// Fail answers a task token with an error: a fault kind and a safe cause.
func (c *Client) Fail(ctx context.Context, token string, kind fault.Kind, cause string) error {
	_, err := c.sfn.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &token, Error: aws.String(string(kind)), Cause: &cause})
	return unavailable("orchestrate.fail", ignoreClosed(err))
}

func ignoreClosed(err error) error {
	if _, ok := errors.AsType[*sfntypes.TaskTimedOut](err); ok {
		return nil
	}
	if _, ok := errors.AsType[*sfntypes.TaskDoesNotExist](err); ok {
		return nil
	}
	if _, ok := errors.AsType[*sfntypes.InvalidToken](err); ok {
		return nil
	}
	return err
}

// Send puts a message into a queue, to be seen after delay (at most [MaxDelay]).
func (c *Client) Send(ctx context.Context, queueURL string, body []byte, delay time.Duration) error {
	seconds := int32(min(delay+time.Second-1, MaxDelay) / time.Second)
	_, err := c.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queueURL, MessageBody: aws.String(string(body)), DelaySeconds: seconds})
	return unavailable("orchestrate.send", err)
}

func unavailable(op string, err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.Unavailable, op, err)
}
