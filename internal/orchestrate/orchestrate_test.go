package orchestrate_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/orchestrate"
)

// A queue, and a machine that puts its task's token into it and waits.
const stack = `
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::SQS::Queue
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: machine
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {Queue: !Ref Work}
      Policies:
        - Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Work.Arn}
Outputs:
  Queue: {Value: !Ref Work}
  Machine: {Value: !Ref Machine}
`

const machine = `{"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": {
	"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
	"Arguments": {"QueueUrl": "${Queue}", "MessageBody": "{% $states.context.Task.Token %}"}
}}}`

// faults makes every call from the test fail while broken.
type faults struct{ broken bool }

func (f *faults) BeforeCall(context.Context, string, string, string) localaws.Fault {
	if f.broken {
		return localaws.Fault{Mishap: localaws.ServerError}
	}
	return localaws.Fault{}
}

type world struct {
	*orchestrate.Client
	faults         *faults
	sfn            *sfn.Client
	sqs            *sqs.Client
	queue, machine string
}

func inBubble(t *testing.T, test func(t *testing.T, w world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &faults{}
		s, err := localaws.New(t.Context(), localaws.Options{
			Dir: fstest.MapFS{"machine.asl.json": {Data: []byte(machine)}}, Template: []byte(stack), Faults: f,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		s.Start()
		cfg, err := s.Config("")
		if err != nil {
			t.Fatal(err)
		}
		test(t, world{
			Client: orchestrate.New(cfg), faults: f, sfn: sfn.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
			queue: s.Output("Queue"), machine: s.Output("Machine"),
		})
	})
}

// receive takes a message from the queue; "" if there is none yet.
func (w world) receive(t *testing.T) string {
	t.Helper()
	out, err := w.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &w.queue})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) == 0 {
		return ""
	}
	return aws.ToString(out.Messages[0].Body)
}

// start starts an execution and returns its task's token.
func (w world) start(t *testing.T, name string) string {
	t.Helper()
	if err := w.Start(t.Context(), w.machine, name, map[string]string{"runId": "r1"}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return w.receive(t)
}

func (w world) execution(t *testing.T, name string) *sfn.DescribeExecutionOutput {
	t.Helper()
	list, err := w.sfn.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &w.machine})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list.Executions {
		if aws.ToString(e.Name) == name {
			out, err := w.sfn.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: e.ExecutionArn})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	t.Fatalf("there is no execution %s", name)
	return nil
}

func TestARunStartsOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w world) {
		token := w.start(t, "r1")
		if token == "" {
			t.Fatal("the execution did not ask anybody")
		}
		if again := w.start(t, "r1"); again != "" {
			t.Error("starting a run a second time ran it again")
		}
		if err := w.Succeed(t.Context(), token, map[string]int{"rows": 3}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var out map[string]int
		done := w.execution(t, "r1")
		if err := json.Unmarshal([]byte(aws.ToString(done.Output)), &out); err != nil || done.Status != "SUCCEEDED" || out["rows"] != 3 {
			t.Errorf("execution = %s with %v, %v", done.Status, out, err)
		}
		if err := w.Start(t.Context(), w.machine, "r1", map[string]string{"runId": "r1"}); err != nil {
			t.Errorf("starting a run that has ended = %v, want nothing", err)
		}
	})
}

func TestAFailureKeepsItsKind(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w world) {
		if err := w.Fail(t.Context(), w.start(t, "r1"), fault.QuotaExhausted, "no credits"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e := w.execution(t, "r1"); e.Status != "FAILED" || aws.ToString(e.Error) != "QuotaExhausted" || aws.ToString(e.Cause) != "no credits" {
			t.Errorf("execution = %s %s %s", e.Status, aws.ToString(e.Error), aws.ToString(e.Cause))
		}
	})
}

// Messages come twice: whoever answers second finds the token used up.
func TestAnsweringTwiceIsNoError(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w world) {
		token := w.start(t, "r1")
		for range 2 {
			if err := w.Succeed(t.Context(), token, 1); err != nil {
				t.Errorf("Succeed = %v", err)
			}
			synctest.Wait()
		}
		for _, late := range []string{token, "no token of anybody"} {
			if err := w.Fail(t.Context(), late, fault.Internal, "too late"); err != nil {
				t.Errorf("Fail with a token that is used up or unknown = %v", err)
			}
			if err := w.Succeed(t.Context(), late, 1); err != nil {
				t.Errorf("Succeed with a token that is used up or unknown = %v", err)
			}
		}
		if e := w.execution(t, "r1"); e.Status != "SUCCEEDED" {
			t.Errorf("the second answer changed the execution to %s", e.Status)
		}
	})
}

func TestMessagesComeAfterTheirDelay(t *testing.T) {
	t.Parallel()
	for delay, seconds := range map[time.Duration]time.Duration{
		0: 0, time.Second: time.Second, 1500 * time.Millisecond: 2 * time.Second, time.Hour: orchestrate.MaxDelay,
	} {
		inBubble(t, func(t *testing.T, w world) {
			if err := w.Send(t.Context(), w.queue, []byte("hello"), delay); err != nil {
				t.Fatal(err)
			}
			if seconds > 0 {
				time.Sleep(seconds - time.Millisecond)
				if got := w.receive(t); got != "" {
					t.Errorf("delayed by %s, the message is there too early", delay)
				}
				time.Sleep(time.Millisecond)
			}
			if got := w.receive(t); got != "hello" {
				t.Errorf("delayed by %s, the message after %s is %q", delay, seconds, got)
			}
		})
	}
}

func TestAnOutageOfAWSIsUnavailable(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w world) {
		token := w.start(t, "r1")
		w.faults.broken = true
		for name, err := range map[string]error{
			"Start":   w.Start(t.Context(), w.machine, "r2", 1),
			"Succeed": w.Succeed(t.Context(), token, 1),
			"Fail":    w.Fail(t.Context(), token, fault.Internal, "x"),
			"Send":    w.Send(t.Context(), w.queue, []byte("x"), 0),
		} {
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s = %v, want Unavailable", name, err)
			}
		}
		if err := w.Succeed(t.Context(), token, func() {}); err == nil {
			t.Error("an answer that is no JSON was given")
		}
	})
}
