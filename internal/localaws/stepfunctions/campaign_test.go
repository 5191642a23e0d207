package stepfunctions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// campaign is the shape of the product's machine: callbacks over SQS, a
// deferral, Lambda tasks, an inline map and a distributed one over S3.
const campaign = `{
  "QueryLanguage": "JSONata", "StartAt": "Plan", "States": {
    "Plan": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
      "Arguments": {"FunctionName": "plan", "Payload": "{% $states.input %}"}, "Output": "{% $states.result.Payload %}",
      "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 2, "MaxAttempts": 6, "JitterStrategy": "FULL"}],
      "Next": "Chunks"},
    "Chunks": {"Type": "Map", "Label": "chunk", "MaxConcurrency": "{% $states.input.concurrency %}", "ToleratedFailurePercentage": 10,
      "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {"Bucket": "b", "Prefix": "{% 'runs/' & $states.input.runId & '/' %}"}},
      "ItemSelector": {"runId": "{% $states.input.runId %}", "crms": "{% $states.input.crms %}", "chunkKey": "{% $states.context.Map.Item.Value.Key %}"},
      "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Enrich", "States": {
        "Enrich": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Arguments": {"QueueUrl": "enrich", "MessageBody": "{% $string({'token': $states.context.Task.Token, 'runId': $states.input.runId, 'chunkKey': $states.input.chunkKey}) %}", "MessageGroupId": "{% $states.input.runId %}"},
          "TimeoutSeconds": 21600, "Assign": {"deferUntil": "{% $exists($states.result.deferUntil) ? $states.result.deferUntil : '' %}"}, "Output": "{% $states.input %}",
          "Retry": [{"ErrorEquals": ["States.Timeout", "Retryable"], "IntervalSeconds": 30, "MaxAttempts": 3, "MaxDelaySeconds": 900, "JitterStrategy": "FULL"}],
          "Next": "EnrichDeferred"},
        "EnrichDeferred": {"Type": "Choice", "Choices": [{"Condition": "{% $deferUntil != '' %}", "Next": "WaitForQuota"}], "Default": "Score"},
        "WaitForQuota": {"Type": "Wait", "Timestamp": "{% $deferUntil %}", "Next": "Enrich"},
        "Score": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "score", "Payload": "{% $states.input %}"}, "Output": "{% $states.input %}", "Next": "Convert"},
        "Convert": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "convert", "Payload": "{% $states.input %}"}, "Output": "{% $states.input %}", "Next": "PushAll"},
        "PushAll": {"Type": "Map", "Items": "{% $states.input.crms %}", "MaxConcurrency": 5,
          "ItemSelector": {"runId": "{% $states.input.runId %}", "chunkKey": "{% $states.input.chunkKey %}", "crm": "{% $states.context.Map.Item.Value %}"},
          "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Push", "States": {
            "Push": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
              "Arguments": {"QueueUrl": "{% $states.input.crm.queueUrl %}", "MessageBody": "{% $string({'token': $states.context.Task.Token, 'chunkKey': $states.input.chunkKey, 'crm': $states.input.crm.name}) %}"},
              "TimeoutSeconds": 21600,
              "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% {'crm': $states.input.crm.name, 'status': 'FAILED', 'error': $states.errorOutput.Error} %}", "Next": "PushRecorded"}],
              "Next": "PushRecorded"},
            "PushRecorded": {"Type": "Pass", "End": true}}},
          "End": true}}},
      "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"}, "Arguments": {"Bucket": "b", "Prefix": "{% 'runs/' & $states.input.runId & '/results' %}"}},
      "Output": "{% $states.input %}",
      "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $merge([$states.input, {'failure': $states.errorOutput}]) %}", "Next": "FinalizeFailed"}],
      "Next": "Finalize"},
    "Finalize": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "finalize", "Payload": "{% $states.input %}"}, "Output": "{% $states.result.Payload %}", "End": true},
    "FinalizeFailed": {"Type": "Pass", "Next": "Failed"},
    "Failed": {"Type": "Fail", "Error": "CampaignFailed"}
  }}`

// world is everything outside of the service under test: functions, queues
// and objects. It survives a restart of the service.
type world struct {
	functions func(name string, payload json.RawMessage) (stepfunctions.LambdaResult, error)
	answer    func(s *stepfunctions.Service, queue, body string) // called for each message in a goroutine; nil: it lies in sent

	mu       sync.Mutex
	service  *stepfunctions.Service
	invoked  map[string]int // by function and payload
	sent     map[string]int // by queue and body
	objects  map[string][]byte
	consumer sync.WaitGroup
}

func newWorld() *world {
	return &world{invoked: map[string]int{}, sent: map[string]int{}, objects: map[string][]byte{}}
}

func (w *world) InvokeLambda(_ context.Context, _ *iam.Principal, function string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
	w.mu.Lock()
	w.invoked[function+" "+string(payload)]++
	w.mu.Unlock()
	return w.functions(function, payload)
}

func (w *world) SendMessage(_ context.Context, _ *iam.Principal, input json.RawMessage) (json.RawMessage, error) {
	var in struct{ QueueUrl, MessageBody string } //nolint:revive // AWS's name
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[in.QueueUrl+" "+in.MessageBody]++
	if w.answer != nil {
		s := w.service
		w.consumer.Go(func() { w.answer(s, in.QueueUrl, in.MessageBody) })
	}
	return json.Marshal(map[string]string{"MessageId": "m", "Sent": in.QueueUrl + " " + in.MessageBody})
}

func (w *world) GetObject(_ context.Context, _ *iam.Principal, bucket, key string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	body, ok := w.objects[bucket+"/"+key]
	if !ok {
		return nil, wire.Errorf(404, "NoSuchKey", "The specified key does not exist.")
	}
	return body, nil
}

func (w *world) PutObject(_ context.Context, _ *iam.Principal, bucket, key string, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects[bucket+"/"+key] = slices.Clone(body)
	return nil
}

func (w *world) ListObjects(_ context.Context, _ *iam.Principal, bucket, prefix, token string) (page []stepfunctions.Object, next string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(w.objects)) {
		key, mine := strings.CutPrefix(name, bucket+"/")
		if !mine || !strings.HasPrefix(key, prefix) || key <= token {
			continue
		}
		if len(page) == 1000 {
			return page, page[999].Key, nil
		}
		page = append(page, stepfunctions.Object{Key: key, Etag: `"e"`, Size: int64(len(w.objects[name])), StorageClass: "STANDARD"})
	}
	return page, "", nil
}

// tokenOf returns the token in a message body.
func tokenOf(body string) string {
	var m struct{ Token string }
	_ = json.Unmarshal([]byte(body), &m) // a message of another shape has no token
	return m.Token
}

// succeed answers a token; an answer that comes too late is no error for a worker.
func succeed(t testing.TB, s *stepfunctions.Service, token, output string) {
	t.Helper()
	err := do(t, s, "SendTaskSuccess", map[string]any{"taskToken": token, "output": output}, nil)
	if err != nil && wire.CodeOf(err) != "TaskTimedOut" {
		t.Error(err)
	}
}

// newCampaign returns a world with n chunks whose workers answer at once, and
// the input of the campaign.
func newCampaign(t testing.TB, n, concurrency int) (*world, string) {
	w := newWorld()
	for i := range n {
		w.objects[fmt.Sprintf("b/runs/r1/%05d.jsonl", i)] = []byte("x")
	}
	input := fmt.Sprintf(`{"runId":"r1","concurrency":%d,"crms":[{"name":"hub","queueUrl":"push-hub"}]}`, concurrency)
	w.functions = func(name string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
		if name == "plan" {
			return stepfunctions.LambdaResult{Payload: payload}, nil
		}
		return stepfunctions.LambdaResult{Payload: json.RawMessage(`{"done":true}`)}, nil
	}
	w.answer = func(s *stepfunctions.Service, _, body string) { succeed(t, s, tokenOf(body), `{"ok":1}`) }
	return w, input
}

func (w *world) start(t testing.TB, opts stepfunctions.Options) *stepfunctions.Service {
	t.Helper()
	opts.Integrations, opts.Objects = w, w
	s := newService(t, opts)
	w.mu.Lock()
	w.service = s
	w.mu.Unlock()
	return s
}

func BenchmarkCampaign(b *testing.B) {
	for _, chunks := range []int{400, 4000} {
		b.Run(fmt.Sprintf("%d-chunks", chunks), func(b *testing.B) {
			for b.Loop() {
				w, input := newCampaign(b, chunks, 0)
				s := w.start(b, stepfunctions.Options{})
				arn, err := createMachine(b, s, "campaign", campaign)
				if err != nil {
					b.Fatal(err)
				}
				x := start(b, s, arn, "r1", input)
				for describe(b, s, x).Status == "RUNNING" {
					time.Sleep(20 * time.Millisecond)
				}
				if d := describe(b, s, x); d.Status != "SUCCEEDED" {
					b.Fatal(errors.New(d.Cause))
				}
				w.consumer.Wait()
				closeService(b, s)
			}
		})
	}
}
