package stepfunctions_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// callback is a state that waits for a token.
const callback = `"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Arguments":{"QueueUrl":"q","MessageBody":{"token":"{% $states.context.Task.Token %}"}},`

func TestCallback(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more   string
		worker func(t *testing.T, s *stepfunctions.Service, token string)
		want   description
		took   time.Duration
	}{
		"success": {
			worker: func(t *testing.T, s *stepfunctions.Service, token string) {
				time.Sleep(time.Minute)
				succeed(t, s, token, `{"n":1}`)
				for _, operation := range []string{"SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"} {
					if err := do(t, s, operation, map[string]any{"taskToken": token, "output": "1"}, nil); wire.CodeOf(err) != "TaskTimedOut" {
						t.Errorf("%s with a used token: %v", operation, err)
					}
				}
			},
			want: description{Status: "SUCCEEDED", Output: `{"n":1}`}, took: time.Minute,
		},
		"failure": {
			worker: func(t *testing.T, s *stepfunctions.Service, token string) {
				if err := do(t, s, "SendTaskFailure", map[string]any{"taskToken": token, "error": "Fatal", "cause": "c"}, nil); err != nil {
					t.Error(err)
				}
			},
			want: description{Status: "FAILED", Error: "Fatal", Cause: "c"},
		},
		"time-out stands against heartbeats": {
			more: `"TimeoutSeconds":100,"HeartbeatSeconds":30,`,
			worker: func(t *testing.T, s *stepfunctions.Service, token string) {
				for range 5 {
					time.Sleep(20 * time.Second)
					err := do(t, s, "SendTaskHeartbeat", map[string]any{"taskToken": token}, nil)
					if err != nil && wire.CodeOf(err) != "TaskTimedOut" {
						t.Error(err)
					}
				}
			},
			want: description{Status: "FAILED", Error: "States.Timeout"}, took: 100 * time.Second,
		},
		"no heartbeat, caught as a time-out": {
			more: `"TimeoutSeconds":100,"HeartbeatSeconds":30,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"B"}],`,
			worker: func(t *testing.T, s *stepfunctions.Service, token string) {
				time.Sleep(20 * time.Second)
				if err := do(t, s, "SendTaskHeartbeat", map[string]any{"taskToken": token}, nil); err != nil {
					t.Error(err)
				}
			},
			want: description{Status: "SUCCEEDED", Output: `{"Error":"States.Timeout","Cause":""}`}, took: 50 * time.Second,
		},
		"no heartbeat, caught by its own name": {
			more:   `"TimeoutSeconds":100,"HeartbeatSeconds":30,"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"B"}],`,
			worker: func(*testing.T, *stepfunctions.Service, string) {},
			want:   description{Status: "SUCCEEDED", Output: `{"Error":"States.Timeout","Cause":""}`}, took: 30 * time.Second,
		},
		"the name of a missing heartbeat is not every time-out's": {
			more:   `"TimeoutSeconds":100,"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"B"}],`,
			worker: func(*testing.T, *stepfunctions.Service, string) {},
			want:   description{Status: "FAILED", Error: "States.Timeout"}, took: 100 * time.Second,
		},
		"bad output and tokens": {
			more: `"TimeoutSeconds":1,`,
			worker: func(t *testing.T, s *stepfunctions.Service, token string) {
				for in, code := range map[[2]string]string{
					{token, "{"}:                  "InvalidOutput",
					{"x", "1"}:                    "InvalidToken",
					{token[:len(token)-8], "1"}:   "InvalidToken",
					{"A" + token[1:], "1"}:        "InvalidToken",
					{strings.ToLower(token), "1"}: "InvalidToken",
					{"eC45OTkuMC54", "1"}:         "TaskDoesNotExist", // well-formed, of execution 999
					{"eC54LjAueA==", "1"}:         "InvalidToken",
				} {
					if err := do(t, s, "SendTaskSuccess", map[string]any{"taskToken": in[0], "output": in[1]}, nil); wire.CodeOf(err) != code {
						t.Errorf("%v: got %v, want %s", in, err, code)
					}
				}
			},
			want: description{Status: "FAILED", Error: "States.Timeout"}, took: time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.answer = func(s *stepfunctions.Service, _, body string) { c.worker(t, s, tokenOf(body)) }
			definition := machineOf(callback + c.more + `"End":true}`)
			if strings.Contains(c.more, `"Next":"B"`) {
				definition = machineOf(callback + c.more + `"End":true},"B":{"Type":"Pass","End":true}`)
			}
			var took time.Duration
			var got description
			synctest.Test(t, func(t *testing.T) {
				s := w.start(t, stepfunctions.Options{})
				defer closeService(t, s)
				arn, err := createMachine(t, s, "machine", definition)
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				got = waitEnded(t, s, start(t, s, arn, "one", `{}`))
				took = time.Since(begun).Round(time.Second)
				w.consumer.Wait()
			})
			got.Input, got.RedriveStatus = "", ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if took != c.took {
				t.Errorf("took %s, want %s", took, c.took)
			}
		})
	}
}

// A callback of an execution that was stopped comes too late.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var token string
		w.answer = func(_ *stepfunctions.Service, _, body string) { token = tokenOf(body) }
		s := w.start(t, stepfunctions.Options{})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", machineOf(callback+`"End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		x := start(t, s, arn, "one", `{}`)
		synctest.Wait()
		if err := do(t, s, "StopExecution", map[string]any{"executionArn": x, "error": "E", "cause": "C"}, nil); err != nil {
			t.Fatal(err)
		}
		got := describe(t, s, x)
		want := description{Status: "ABORTED", Input: `{}`, Error: "E", Cause: "C", RedriveStatus: "REDRIVABLE"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := do(t, s, "SendTaskSuccess", map[string]any{"taskToken": token, "output": "1"}, nil); wire.CodeOf(err) != "TaskTimedOut" {
			t.Errorf("late callback: %v", err)
		}
		last := history(t, s, x)[5:] // no event tells that the state was left
		delete(last[0], "timestamp")
		if diff := cmp.Diff([]recordedEvent{{
			"type": "ExecutionAborted", "id": 6.0, "previousEventId": 0.0, "executionAbortedEventDetails": map[string]any{"error": "E", "cause": "C"},
		}}, last); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A redrive goes on from the state that failed: what succeeded before, in
// branches and children too, is not done again, and old tokens are dead.
func TestRedrive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		broken := true
		var tokens []string
		w.functions = func(name string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
			if broken && string(payload) == "2" {
				return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Broken"}`)}, nil
			}
			return stepfunctions.LambdaResult{Payload: payload}, nil
		}
		w.answer = func(_ *stepfunctions.Service, _, body string) { tokens = append(tokens, tokenOf(body)) }
		path := filepath.Join(t.TempDir(), "journal")
		j := openJournal(t, path)
		s := w.start(t, stepfunctions.Options{Journal: j})
		call := `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":"{% $states.input %}"},"Output":"{% $states.result.Payload %}",`
		arn, err := createMachine(t, s, "machine", machineOf(`"A":`+call+`"Next":"M"},
			"M":{"Type":"Map","Label":"kid","Items":[1,2,3],"MaxConcurrency":1,"ToleratedFailurePercentage":0,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"X","States":{"X":`+call+`"End":true}}},"Next":"T"},
			"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Arguments":{"QueueUrl":"q","MessageBody":{"token":"{% $states.context.Task.Token %}"}},"Output":"{% $states.input %}","End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		x := start(t, s, arn, "one", `"go"`)
		if d := waitEnded(t, s, x); d.Error != "States.ExceedToleratedFailureThreshold" || d.RedriveStatus != "REDRIVABLE" {
			t.Fatalf("%+v", d)
		}
		redrive := func() {
			if err := do(t, s, "RedriveExecution", map[string]any{"executionArn": x}, nil); err != nil {
				t.Fatal(err)
			}
		}
		redrive()
		if d := waitEnded(t, s, x); d.Error != "States.ExceedToleratedFailureThreshold" || d.RedriveCount != 1 {
			t.Fatalf("%+v", d)
		}
		broken = false
		redrive()
		synctest.Wait()
		if err := do(t, s, "StopExecution", map[string]any{"executionArn": x}, nil); err != nil {
			t.Fatal(err)
		}
		redrive()
		synctest.Wait()
		if len(tokens) != 2 || tokens[0] == tokens[1] {
			t.Fatalf("tokens %q", tokens)
		}
		if err := do(t, s, "SendTaskSuccess", map[string]any{"taskToken": tokens[0], "output": "1"}, nil); wire.CodeOf(err) != "TaskTimedOut" {
			t.Errorf("token of before the redrive: %v", err)
		}
		succeed(t, s, tokens[1], "1")
		d := waitEnded(t, s, x)
		want := description{Status: "SUCCEEDED", Input: `"go"`, Output: `[1,2,3]`, RedriveCount: 3, RedriveStatus: "NOT_REDRIVABLE"}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{`f "go"`: 1, `f 1`: 1, `f 2`: 3, `f 3`: 1}, w.invoked); diff != "" {
			t.Errorf("invocations (-want +got):\n%s", diff)
		}
		redriven := 0
		for i, e := range history(t, s, x) {
			if id, _ := e["id"].(float64); int(id) != i+1 {
				t.Fatalf("event %d has id %v", i+1, id)
			}
			if e["type"] == "ExecutionRedriven" {
				redriven++
			}
		}
		if redriven != 3 {
			t.Errorf("%d redrives in the history", redriven)
		}
		if err := do(t, s, "RedriveExecution", map[string]any{"executionArn": x}, nil); wire.CodeOf(err) != "ExecutionNotRedrivable" {
			t.Errorf("redrive of a success: %v", err)
		}
		closeService(t, s)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = openJournal(t, path)
		s = w.start(t, stepfunctions.Options{Journal: j})
		s.Resume()
		if diff := cmp.Diff(want, describe(t, s, x)); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
		if events := history(t, s, x); events[len(events)-1]["type"] != "ExecutionSucceeded" {
			t.Errorf("after a restart the history ends with %v", events[len(events)-1])
		}
		closeService(t, s)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// The history of a finished execution is made again after a restart, even one
// that was cut off for its length.
func TestHistoryAfterRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		j := openJournal(t, path)
		w := newWorld()
		s := w.start(t, stepfunctions.Options{Journal: j})
		arn, err := createMachine(t, s, "machine", machineOf(endless))
		if err != nil {
			t.Fatal(err)
		}
		input := ` {"a<b" : 1.0}`
		x := start(t, s, arn, "one", input)
		want, wantEvents := waitEnded(t, s, x), kinds(history(t, s, x))
		closeService(t, s)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = openJournal(t, path)
		s = w.start(t, stepfunctions.Options{Journal: j})
		defer closeService(t, s)
		s.Resume()
		got := describe(t, s, x)
		if diff := cmp.Diff(want, got); diff != "" || got.Input != input {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantEvents, kinds(history(t, s, x))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A redriven Parallel or Map state runs only the branch that failed and those
// that it stopped.
func TestRedriveOfBranches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		broken := true
		w.functions = func(name string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
			if name == "bad" {
				time.Sleep(time.Second)
				if broken {
					return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Broken"}`)}, nil
				}
			}
			return stepfunctions.LambdaResult{Payload: json.RawMessage(`"` + name + `"`)}, nil
		}
		s := w.start(t, stepfunctions.Options{})
		defer closeService(t, s)
		call := func(name, function string) string {
			return `{"StartAt":"` + name + `","States":{"` + name + `":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":` + function + `},"Output":"{% $states.result.Payload %}","End":true}}}`
		}
		arn, err := createMachine(t, s, "machine", machineOf(`"A":{"Type":"Parallel","Branches":[`+call("X", `"good"`)+`,
			{"StartAt":"M","States":{"M":{"Type":"Map","Items":["fine","bad"],"ItemProcessor":`+call("Y", `"{% $states.input %}"`)+`,"End":true}}},
			{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Output":"waited","End":true}}}],"End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		x := start(t, s, arn, "one", `{}`)
		if d := waitEnded(t, s, x); d.Error != "Broken" {
			t.Fatalf("%+v", d)
		}
		broken = false
		if err := do(t, s, "RedriveExecution", map[string]any{"executionArn": x}, nil); err != nil {
			t.Fatal(err)
		}
		if d := waitEnded(t, s, x); d.Output != `["good",["fine","bad"],"waited"]` {
			t.Errorf("%+v", d)
		}
		if diff := cmp.Diff(map[string]int{"good {}": 1, "fine {}": 1, "bad {}": 2}, w.invoked); diff != "" {
			t.Errorf("invocations (-want +got):\n%s", diff)
		}
	})
}

// The caller's role decides, and a machine calls with its own.
func TestRoles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.answer = func(*stepfunctions.Service, string, string) {}
		var resolved []string
		s := w.start(t, stepfunctions.Options{Role: func(arn string) *iam.Principal {
			resolved = append(resolved, arn)
			return &iam.Principal{Name: "machine"}
		}})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", machineOf(`"A":{"Type":"Map","Label":"kid","Items":[1],"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"X","States":{"X":{"Type":"Succeed"}}},"End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		caller := &iam.Principal{ARN: "arn:aws:iam::1:role/f", Statements: []iam.Statement{{Effect: "Allow", Actions: []string{"states:StartExecution"}, Resources: []string{arn}}}}
		as := func(operation string, in map[string]any) error {
			_, err := s.Handle(t.Context(), &wire.Call{Operation: operation, Principal: caller, Body: mustJSON(t, in)})
			return err
		}
		if err := as("StartExecution", map[string]any{"stateMachineArn": arn, "name": "one"}); err != nil {
			t.Error(err)
		}
		if err := as("StartExecution", map[string]any{"stateMachineArn": arn + "2"}); wire.CodeOf(err) != "AccessDeniedException" {
			t.Errorf("another machine: %v", err)
		}
		x := strings.Replace(arn, "stateMachine", "execution", 1) + ":one"
		if err := as("DescribeExecution", map[string]any{"executionArn": x}); wire.CodeOf(err) != "AccessDeniedException" {
			t.Errorf("describe: %v", err)
		}
		if d := waitEnded(t, s, x); d.Error != "States.Permissions" {
			t.Errorf("a map run without states:StartExecution: %+v", d)
		}
		for _, r := range resolved {
			if r != roleArn {
				t.Errorf("resolved %s", r)
			}
		}
		if err := as("Dance", nil); wire.CodeOf(err) != "UnknownOperationException" {
			t.Errorf("unknown operation: %v", err)
		}
	})
}
