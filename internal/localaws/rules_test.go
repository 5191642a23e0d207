package localaws_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/lambda"
)

// woken is a machine that ends as its input says, a function that is told of
// ends that are no success, and a schedule that starts the machine.
const woken = `
Transform: AWS::Serverless-2016-10-31
Resources:
  Note:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/note
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Ended:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.states]
              detail-type: [Step Functions Execution Status Change]
              detail: {status: [FAILED, TIMED_OUT, ABORTED], stateMachineArn: [!Ref Flow]}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: flow.json
      Events:
        Hourly:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: cron(30 * * * ? *)
            Input: '{"do":"fail","at":"<aws.scheduler.scheduled-time>"}'
  Other:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: flow.json}
`

const flow = `{"QueryLanguage": "JSONata", "StartAt": "Choose", "TimeoutSeconds": 60, "States": {
	"Choose": {"Type": "Choice", "Default": "Wait", "Choices": [
		{"Condition": "{% $states.input.do = 'fail' %}", "Next": "Fail"},
		{"Condition": "{% $states.input.do = 'pass' %}", "Next": "Pass"}]},
	"Fail": {"Type": "Fail", "Error": "Broken", "Cause": "as told"},
	"Pass": {"Type": "Pass", "End": true},
	"Wait": {"Type": "Wait", "Seconds": 600, "End": true}}}`

// notes is what the function was told.
type notes struct {
	mu     sync.Mutex
	events []map[string]any
}

func (n *notes) take() []map[string]any {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.events
	n.events = nil
	return out
}

// statuses are name and status of the executions told about.
func (n *notes) statuses() []string {
	var out []string
	for _, e := range n.take() {
		d, _ := e["detail"].(map[string]any)
		out = append(out, d["name"].(string)+" "+d["status"].(string))
	}
	slices.Sort(out)
	return out
}

func openWoken(t *testing.T, opts localaws.Options) (*localaws.Stack, *notes) {
	t.Helper()
	n := &notes{}
	opts.Dir, opts.Template, opts.StackName = fstest.MapFS{"flow.json": {Data: []byte(flow)}}, []byte(woken), "app"
	opts.Functions = map[string]localaws.Factory{"note": func(context.Context, map[string]string, aws.Config) (lambda.Handler, error) {
		return awslambda.NewHandler(func(e map[string]any) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.events = append(n.events, e)
		}), nil
	}}
	s, err := localaws.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	return s, n
}

const flowARN = "arn:aws:states:us-east-1:123456789012:stateMachine:app-"

func startFlow(t *testing.T, client *sfn.Client, machine, name string) string {
	t.Helper()
	out, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(flowARN + machine), Name: &name, Input: aws.String(`{"do":"` + name + `"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.ExecutionArn
}

func TestRuleOnTheEndOfExecutions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := openWoken(t, localaws.Options{})
		defer closeStack(t, s)
		client := sfn.NewFromConfig(config(t, s, ""))
		abort := startFlow(t, client, "Flow", "abort")
		for _, name := range []string{"fail", "pass", "time-out"} {
			startFlow(t, client, "Flow", name)
		}
		startFlow(t, client, "Other", "fail")
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"fail FAILED"}, n.statuses()); diff != "" {
			t.Errorf("at once: %s", diff)
		}
		if _, err := client.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &abort, Error: aws.String("E"), Cause: aws.String("why")}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := n.take()
		if len(got) != 1 {
			t.Fatalf("got %d events about the abort, want 1", len(got))
		}
		if id, _ := got[0]["id"].(string); len(id) != 36 {
			t.Errorf("got id %q, want a UUID", id)
		}
		delete(got[0], "id")
		var want map[string]any
		if err := json.Unmarshal([]byte(`{"version": "0", "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
			"account": "123456789012", "time": "2000-01-01T00:00:01Z", "region": "us-east-1",
			"resources": ["arn:aws:states:us-east-1:123456789012:execution:app-Flow:abort"],
			"detail": {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:app-Flow:abort",
				"stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:app-Flow", "name": "abort", "status": "ABORTED",
				"startDate": 946684800000, "stopDate": 946684801000, "input": "{\"do\":\"abort\"}", "inputDetails": {"included": true},
				"output": null, "outputDetails": null, "error": "E", "cause": "why", "stateMachineVersionArn": null, "stateMachineAliasArn": null,
				"redriveCount": 0, "redriveDate": null, "redriveStatus": "REDRIVABLE", "redriveStatusReason": null}}`), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("event: %s", diff)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"time-out TIMED_OUT"}, n.statuses()); diff != "" {
			t.Errorf("after a minute: %s", diff)
		}
	})
}

func TestScheduleOfTheTemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := openWoken(t, localaws.Options{})
		defer closeStack(t, s)
		time.Sleep(100 * time.Minute)
		synctest.Wait()
		var inputs []string
		for _, e := range n.take() {
			d, _ := e["detail"].(map[string]any)
			inputs = append(inputs, d["input"].(string))
		}
		want := []string{`{"do":"fail","at":"2000-01-01T00:30:00Z"}`, `{"do":"fail","at":"2000-01-01T01:30:00Z"}`}
		if diff := cmp.Diff(want, inputs); diff != "" {
			t.Error(diff)
		}
	})
}

// An end is told at least once: twice if events come twice, and by the next
// process if this one died between the end and the event, but not for ever.
func TestEndsAreToldAtLeastOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		run := func(copies int, do func(*sfn.Client)) []string {
			s, n := openWoken(t, localaws.Options{StateDir: dir, EventCopies: func(string) int { return copies }})
			do(sfn.NewFromConfig(config(t, s, "")))
			time.Sleep(time.Second)
			synctest.Wait()
			closeStack(t, s)
			return n.statuses()
		}
		nothing := func(*sfn.Client) {}
		if diff := cmp.Diff([]string{"fail FAILED", "fail FAILED"}, run(2, func(c *sfn.Client) { startFlow(t, c, "Flow", "fail") })); diff != "" {
			t.Errorf("twice: %s", diff)
		}
		if got := run(1, nothing); got != nil {
			t.Errorf("told again although it was told: %q", got)
		}
		forget(t, filepath.Join(dir, "journal.jsonl"), `{"s":"events"`, `{"s":"lambda"`)
		if diff := cmp.Diff([]string{"fail FAILED"}, run(1, nothing)); diff != "" {
			t.Errorf("after a crash: %s", diff)
		}
	})
}

// forget removes a journal's lines that begin so, as if the process had died
// before it wrote them.
func forget(t *testing.T, path string, beginnings ...string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		if !slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(line, b) }) {
			kept.WriteString(line)
		}
	}
	if kept.Len() == len(data) {
		t.Fatal("there is nothing to forget")
	}
	if err := os.WriteFile(path, []byte(kept.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
