package localaws_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/lambda"
)

// looping is a function that may send to the queue it works on.
const looping = `
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}
  Dead: {Type: AWS::SQS::Queue}
  Loop:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/loop
      Handler: bootstrap
      Runtime: provided.al2023
      Policies: [{SQSSendMessagePolicy: {QueueName: !GetAtt Work.QueueName}}]
      Events: {Work: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn, BatchSize: 1}}}
`

const queueURL = "https://sqs.us-east-1.amazonaws.com/123456789012/app-"

func openLooping(t *testing.T, start localaws.Factory) *localaws.Stack {
	t.Helper()
	s, err := localaws.New(t.Context(), localaws.Options{
		Dir: fstest.MapFS{}, Template: []byte(looping), StackName: "app", Functions: map[string]localaws.Factory{"loop": start},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	return s
}

func sendWork(ctx context.Context, client *sqs.Client, body string) error {
	_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(queueURL + "Work"), MessageBody: &body})
	return err
}

// A worker that sends its message again is stopped after 16 turns, single
// message or batch: the last one becomes a dead letter.
func TestAWorkerThatLoopsIsStopped(t *testing.T) {
	for _, batch := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var runs atomic.Int32
			s := openLooping(t, func(_ context.Context, _ map[string]string, cfg aws.Config) (lambda.Handler, error) {
				client := sqs.NewFromConfig(cfg)
				return awslambda.NewHandler(func(ctx context.Context, e events.SQSEvent) error {
					runs.Add(1)
					if !batch {
						return sendWork(ctx, client, e.Records[0].Body)
					}
					_, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(queueURL + "Work"), Entries: []types.SendMessageBatchRequestEntry{
						{Id: aws.String("a"), MessageBody: &e.Records[0].Body},
					}})
					return err
				}), nil
			})
			defer closeStack(t, s)
			client := sqs.NewFromConfig(config(t, s, ""))
			if err := sendWork(t.Context(), client, "round and round"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			dead, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL + "Dead")})
			if err != nil {
				t.Fatal(err)
			}
			if runs.Load() != 16 || len(dead.Messages) != 1 || *dead.Messages[0].Body != "round and round" {
				t.Errorf("batch %t: got %d runs and %d dead letters, want 16 and 1", batch, runs.Load(), len(dead.Messages))
			}
		})
	}
}

// What a handler leaves behind reaches AWS and providers neither between
// invocations nor after its time-out, also with a context of its own.
func TestAHandlerIsFrozenAndKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var got []string
		provider := localaws.Transport(answerer(func(*http.Request) (*http.Response, error) {
			got = append(got, time.Since(began).String()+" provider")
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		}), nil)
		var client *http.Client
		s := openLooping(t, func(ctx context.Context, _ map[string]string, cfg aws.Config) (lambda.Handler, error) {
			queues := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
			client = &http.Client{Transport: localaws.SandboxTransport(ctx, provider, nil)}
			call := func(after time.Duration) {
				time.Sleep(after)
				_, err := queues.GetQueueUrl(context.Background(), &sqs.GetQueueUrlInput{QueueName: aws.String("app-Work")})
				if err == nil || !errors.Is(err, lambda.ErrDead) {
					got = append(got, time.Since(began).String()+" AWS")
				}
				request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://provider.example/", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if response, err := client.Do(request); err == nil {
					_ = response.Body.Close()
				}
			}
			return awslambda.NewHandler(func(in string) error {
				switch in {
				case "leave":
					go call(time.Second)
				case "deaf":
					call(10 * time.Second)
				}
				return nil
			}), nil
		})
		defer closeStack(t, s)
		invoke := func(in string) string {
			r, err := s.Functions().Invoke(t.Context(), "app-Loop", []byte(`"`+in+`"`))
			if err != nil {
				t.Fatal(err)
			}
			return r.FunctionError
		}
		invoke("leave")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got != nil {
			t.Errorf("between invocations: %q", got)
		}
		if invoke("deaf") != "Unhandled" { // it thaws what was left and then times out
			t.Error("the deaf handler has an answer")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"1m0s AWS", "1m0s provider"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A dead worker's calls end at once, also those that it makes with a context of
// its own to tidy up: the SDK does not repeat them for half a minute.
func TestADeadWorkerDoesNotTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := time.Duration(-1)
		s := openLooping(t, func(_ context.Context, _ map[string]string, cfg aws.Config) (lambda.Handler, error) {
			client := sqs.NewFromConfig(cfg)
			return awslambda.NewHandler(func(ctx context.Context) error {
				lambda.InvocationFrom(ctx).Kill()
				began := time.Now()
				err := sendWork(context.WithoutCancel(ctx), client, "late")
				took = time.Since(began)
				return err
			}), nil
		})
		defer closeStack(t, s)
		if r, err := s.Functions().Invoke(t.Context(), "app-Loop", []byte(`{}`)); err != nil || r.FunctionError == "" {
			t.Errorf("%+v, %v", r, err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if took != 0 {
			t.Errorf("the call ended after %s", took)
		}
	})
}

type answerer func(*http.Request) (*http.Response, error)

func (f answerer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
