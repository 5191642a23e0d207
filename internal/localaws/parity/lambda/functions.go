package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Template has the functions that cases invoke: one code with different
// settings, and queues that feed some of them.
const Template = `
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: functions/subject, Timeout: 3, MemorySize: 128}
Resources:
  Plain: {Type: AWS::Serverless::Function}
  Other: {Type: AWS::Serverless::Function}
  One: {Type: AWS::Serverless::Function, Properties: {ReservedConcurrentExecutions: 1}}
  Off: {Type: AWS::Serverless::Function, Properties: {ReservedConcurrentExecutions: 0}}
  Dead: {Type: AWS::SQS::Queue}
  PartsQueue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}}
  Parts:
    Type: AWS::Serverless::Function
    Properties:
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt PartsQueue.Arn, BatchSize: 10, MaximumBatchingWindowInSeconds: 2, FunctionResponseTypes: [ReportBatchItemFailures]}}}
  WholeQueue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}}
  Whole:
    Type: AWS::Serverless::Function
    Properties:
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt WholeQueue.Arn, BatchSize: 10, MaximumBatchingWindowInSeconds: 2}}}
  FewQueue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 900}}
  Few:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 900
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt FewQueue.Arn, BatchSize: 1, ScalingConfig: {MaximumConcurrency: 2}}}}
  ManyQueue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 900}}
  Many:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 900
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt ManyQueue.Arn, BatchSize: 1}}}
  TightQueue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}}
  Tight:
    Type: AWS::Serverless::Function
    Properties:
      ReservedConcurrentExecutions: 1
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt TightQueue.Arn, BatchSize: 1}}}
  LoopQueue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}}
  Loop:
    Type: AWS::Serverless::Function
    Properties:
      Policies: [{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt LoopQueue.Arn}]}]
      Environment: {Variables: {QUEUE: !Ref LoopQueue}}
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt LoopQueue.Arn, BatchSize: 1}}}
`

// Subject is the code of all functions. What it saw is told by an invocation
// with {"do":"told"} of any of them; it is made for each stack anew.
type Subject struct {
	mu      sync.Mutex
	seen    []string
	inits   int
	running int
	most    int // that ran at once
}

// NewSubject returns code that has seen nothing.
func NewSubject() *Subject { return &Subject{} }

// event is what a function is invoked with: what to do, or messages.
type event struct {
	Do      string              `json:"do"`
	N       int                 `json:"n,omitempty"`
	Text    string              `json:"text,omitempty"`
	Records []events.SQSMessage `json:"Records,omitempty"`
}

// told is what all functions of a stack saw.
type told struct {
	Seen  []string `json:"seen"`
	Inits int      `json:"inits"` // sandboxes, the one that tells included
	Most  int      `json:"most"`  // handlers that ran at once
}

// refusal is an error with a type of its own.
type refusal struct{ error }

// New starts a sandbox.
func (s *Subject) New(_ context.Context, env map[string]string, cfg aws.Config) (awslambda.Handler, error) {
	s.mu.Lock()
	s.inits++
	sandbox := s.inits
	s.mu.Unlock()
	calls, memory := 0, ""
	return awslambda.NewHandler(func(ctx context.Context, e event) (any, error) {
		calls++
		s.enter()
		defer s.leave()
		if len(e.Records) > 0 {
			return s.batch(ctx, env, cfg, e.Records)
		}
		switch e.Do {
		case "sandbox":
			was := memory
			memory = e.Text
			return fmt.Sprintf("sandbox %d call %d remembers %q", sandbox, calls, was), nil
		case "background": // goes on after the answer, unless it is frozen
			go s.ticks(ctx, cfg)
			return "begun", nil
		}
		return s.do(ctx, e)
	}), nil
}

// ticks makes a call to AWS every second and notes when it got through.
func (s *Subject) ticks(ctx context.Context, cfg aws.Config) {
	began := time.Now()
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
	for range 2 {
		time.Sleep(time.Second)
		_, _ = client.GetQueueUrl(context.WithoutCancel(ctx), &sqs.GetQueueUrlInput{QueueName: aws.String("none")})
		s.note("a call that was due after a second came through after " + time.Since(began).String())
	}
}

func (s *Subject) do(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "told":
		s.mu.Lock()
		defer s.mu.Unlock()
		return told{Seen: append([]string{}, s.seen...), Inits: s.inits, Most: s.most}, nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{"arn": lc.InvokedFunctionArn, "id": lc.AwsRequestID != "", "left": time.Until(deadline).String()}, nil
	case "sleep":
		select {
		case <-time.After(time.Duration(e.N) * time.Millisecond):
			return "slept", nil
		case <-ctx.Done():
			s.note("cancelled")
			return nil, ctx.Err()
		}
	case "sleep and note":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
		s.note("done")
		return nil, nil
	case "answer":
		return strings.Repeat("x", e.N), nil
	case "fail":
		s.note("attempt")
		return nil, errors.New(e.Text)
	case "fail typed":
		return nil, refusal{errors.New(e.Text)}
	case "fail named":
		return nil, messages.InvokeResponse_Error{Type: "Retryable", Message: e.Text}
	case "fail wrapped":
		return nil, fmt.Errorf("step: %w", refusal{errors.New(e.Text)})
	case "panic":
		panic(e.Text)
	case "fail at first":
		s.mu.Lock()
		s.seen = append(s.seen, "attempt")
		n := len(s.seen)
		s.mu.Unlock()
		if n <= e.N {
			return nil, errors.New("not yet")
		}
		return "done", nil
	}
	return e, nil
}

// batch does with messages what their bodies say: "ok", "fail", "hold" (until
// the time-out), "loop" (send another), "report" (fail the message alone).
func (s *Subject) batch(ctx context.Context, env map[string]string, cfg aws.Config, records []events.SQSMessage) (any, error) {
	var bodies []string
	failed := []map[string]string{}
	for _, m := range records {
		bodies = append(bodies, m.Body)
	}
	s.note(strings.Join(bodies, ","))
	for _, m := range records {
		switch m.Body {
		case "fail":
			return nil, errors.New("no")
		case "report":
			failed = append(failed, map[string]string{"itemIdentifier": m.MessageId})
		case "stranger":
			failed = append(failed, map[string]string{"itemIdentifier": "of another batch"})
		case "hold":
			<-ctx.Done()
		case "a second":
			time.Sleep(time.Second)
		case "loop":
			if _, err := sqs.NewFromConfig(cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(env["QUEUE"]), MessageBody: &m.Body}); err != nil {
				return nil, err
			}
		}
	}
	return map[string]any{"batchItemFailures": failed}, nil
}

func (s *Subject) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, what)
}

func (s *Subject) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running++
	s.most = max(s.most, s.running)
}

func (s *Subject) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

// encode is an event as it is sent.
func encode(e event) []byte {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // texts and numbers only
	}
	return data
}
