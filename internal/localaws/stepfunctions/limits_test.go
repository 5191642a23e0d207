package stepfunctions_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// sequence returns the types of events, in order.
func sequence(events []recordedEvent) string {
	var all []string
	for _, e := range events {
		all = append(all, fmt.Sprint(e["type"]))
	}
	return strings.Join(all, " ")
}

// A name is free again, and what ran under it forgotten, 90 days after the end.
func TestNamesAreRememberedForNinetyDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		s := newService(t, stepfunctions.Options{})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", machineOf(`"A":{"Type":"Wait","Seconds":86400,"End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		again := func() error {
			return do(t, s, "StartExecution", map[string]any{"stateMachineArn": arn, "name": "one", "input": `{"try":2}`}, nil)
		}
		x := start(t, s, arn, "one", `{}`)
		time.Sleep(91*day - time.Second) // it ran for a day
		if err := again(); wire.CodeOf(err) != "ExecutionAlreadyExists" {
			t.Errorf("within 90 days of the end: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := do(t, s, "DescribeExecution", map[string]any{"executionArn": x}, nil); wire.CodeOf(err) != "ExecutionDoesNotExist" {
			t.Errorf("description after 90 days: %v", err)
		}
		if err := again(); err != nil {
			t.Errorf("after 90 days: %v", err)
		}
		if d := describe(t, s, x); d.Input != `{"try":2}` {
			t.Errorf("the new execution: %+v", d)
		}
		var list struct{ Executions []any }
		if err := do(t, s, "ListExecutions", map[string]any{"stateMachineArn": arn}, &list); err != nil || len(list.Executions) != 1 {
			t.Errorf("executions %v, %v", list, err)
		}
	})
}

// An execution that its machine's time-out or a stop ends leaves no events of
// its states, in branches and iterations neither.
func TestEndsFromOutside(t *testing.T) {
	t.Parallel()
	definition := `{"QueryLanguage":"JSONata","TimeoutSeconds":10,"StartAt":"A","States":{"A":{"Type":"Parallel","End":true,"Branches":[
		{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}},
		{"StartAt":"M","States":{"M":{"Type":"Map","Items":[1],"ItemProcessor":{"StartAt":"V","States":{"V":{"Type":"Wait","Seconds":60,"End":true}}},"End":true}}}]}}}`
	for name, c := range map[string]struct {
		after time.Duration
		want  recordedEvent
	}{
		"time-out": {time.Minute, recordedEvent{"type": "ExecutionTimedOut", "previousEventId": 0.0, "executionTimedOutEventDetails": map[string]any{"error": "States.Timeout"}}},
		"stop":     {time.Second, recordedEvent{"type": "ExecutionAborted", "previousEventId": 0.0, "executionAbortedEventDetails": map[string]any{}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newService(t, stepfunctions.Options{})
			defer closeService(t, s)
			arn, err := createMachine(t, s, "machine", definition)
			if err != nil {
				t.Fatal(err)
			}
			x := start(t, s, arn, "one", `{}`)
			time.Sleep(c.after)
			if err := do(t, s, "StopExecution", map[string]any{"executionArn": x}, nil); err != nil {
				t.Fatal(err)
			}
			events := history(t, s, x)
			last := events[len(events)-1]
			delete(last, "timestamp")
			delete(last, "id")
			if diff := cmp.Diff(c.want, last); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if strings.Contains(sequence(events), "StateAborted") || strings.Contains(sequence(events), "IterationAborted") {
				t.Errorf("%s: %s", name, sequence(events))
			}
			if d := describe(t, s, x); d.Error != "" || d.Cause != "" {
				t.Errorf("%s: %+v", name, d)
			}
		})
	}
}

// A redriven map run tells so, and the parent's history goes on to its end.
func TestRedriveOfAMapRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		broken := true
		w.functions = func(string, json.RawMessage) (stepfunctions.LambdaResult, error) {
			if broken {
				return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Broken"}`)}, nil
			}
			return stepfunctions.LambdaResult{Payload: json.RawMessage(`1`)}, nil
		}
		s := w.start(t, stepfunctions.Options{})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", spread(`"Items":[1],`, `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"Output":1,"End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		x := start(t, s, arn, "one", `{}`)
		waitEnded(t, s, x)
		var runs struct{ MapRuns []struct{ MapRunArn string } }
		if err := do(t, s, "ListMapRuns", map[string]any{"executionArn": x}, &runs); err != nil || len(runs.MapRuns) != 1 {
			t.Fatalf("%v %v", runs, err)
		}
		var children struct {
			Executions []struct{ ExecutionArn string }
		}
		if err := do(t, s, "ListExecutions", map[string]any{"mapRunArn": runs.MapRuns[0].MapRunArn}, &children); err != nil || len(children.Executions) != 1 {
			t.Fatalf("%v %v", children, err)
		}
		child := children.Executions[0].ExecutionArn
		if d := describe(t, s, child); d.RedriveStatus != "REDRIVABLE_BY_MAP_RUN" {
			t.Errorf("child %+v", d)
		}
		if err := do(t, s, "RedriveExecution", map[string]any{"executionArn": child}, nil); wire.CodeOf(err) != "ExecutionNotRedrivable" {
			t.Errorf("redrive of a child: %v", err)
		}
		broken = false
		if err := do(t, s, "RedriveExecution", map[string]any{"executionArn": x}, nil); err != nil {
			t.Fatal(err)
		}
		waitEnded(t, s, x)
		want := "ExecutionStarted MapStateEntered MapStateStarted MapRunStarted MapRunFailed MapStateFailed ExecutionFailed " +
			"ExecutionRedriven MapRunRedriven MapRunSucceeded MapStateSucceeded MapStateExited ExecutionSucceeded"
		events := history(t, s, x)
		if diff := cmp.Diff(want, sequence(events)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]any{"mapRunArn": runs.MapRuns[0].MapRunArn, "redriveCount": 1.0}, events[8].details()); diff != "" {
			t.Errorf("MapRunRedriven (-want +got):\n%s", diff)
		}
	})
}

// Numbers that expressions give are held to the bounds of constants.
func TestEvaluatedNumbers(t *testing.T) {
	t.Parallel()
	task := func(fields string) string {
		return machineOf(`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},` + fields + `"End":true}`)
	}
	for definition, wrong := range map[string][]string{
		machineOf(`"A":{"Type":"Wait","Seconds":"{% $states.input %}","End":true}`):                               {"-1", "1.5", "100000000", `"1"`, "null"},
		task(`"TimeoutSeconds":"{% $states.input %}",`):                                                           {"0", "0.5", "100000000"},
		task(`"HeartbeatSeconds":"{% $states.input %}",`):                                                         {"0", "0.5"},
		spread(`"Items":[],"MaxConcurrency":"{% $states.input %}",`, `{"Type":"Succeed"}`):                        {"-1", "1.5"},
		spread(`"Items":[],"ToleratedFailurePercentage":"{% $states.input %}",`, `{"Type":"Succeed"}`):            {"-1", "100.1"},
		spread(`"Items":[],"ItemBatcher":{"MaxItemsPerBatch":"{% $states.input %}"},`, `{"Type":"Succeed"}`):      {"0", "2.5"},
		spread(`"Items":[],"ItemBatcher":{"MaxInputBytesPerBatch":"{% $states.input %}"},`, `{"Type":"Succeed"}`): {"0", "262145"},
	} {
		for _, input := range wrong {
			if d, events := run(t, newWorld(), definition, input); d.Error != "States.QueryEvaluationError" || !strings.Contains(sequence(events), "EvaluationFailed") {
				t.Errorf("%s with %s: %+v", definition, input, d)
			}
		}
	}
}

// No execution gets more than 256 KiB, a child of a map neither.
func TestChildInputLimit(t *testing.T) {
	t.Parallel()
	half := `"` + strings.Repeat("x", 140_000) + `"`
	for more, want := range map[string]string{
		`"Items":[` + half + `],"ItemSelector":["{% $states.context.Map.Item.Value %}"],`:                                        "",
		`"Items":[` + half + `],"ItemSelector":["{% $states.context.Map.Item.Value %}","{% $states.context.Map.Item.Value %}"],`: "States.DataLimitExceeded",
		`"Items":[` + half + `],"ItemBatcher":{"MaxItemsPerBatch":1,"BatchInput":` + half + `},`:                                 "States.DataLimitExceeded",
		`"Items":["x"],"ItemSelector":"{% $pad('', 262142, 'x') %}",`:                                                            "",
		`"Items":["x"],"ItemSelector":"{% $pad('', 262143, 'x') %}",`:                                                            "States.DataLimitExceeded",
	} {
		d, _ := run(t, newWorld(), spread(more+`"ResultWriter":{"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSON"}},`, `{"Type":"Pass","Output":1,"End":true}`), `{}`)
		if d.Error != want {
			t.Errorf("%.80s: got %s, want %s", more, d.Error, want)
		}
	}
}

// A retrier counts its own retries, waits never longer than MaxDelaySeconds,
// and with full jitter at most that; a retry of the state starts the counts anew.
func TestRetriers(t *testing.T) {
	t.Parallel()
	var at []time.Time
	w := newWorld()
	errors := []string{"Red", "Blue", "Red", "Red", "Blue", "Red"}
	w.functions = func(string, json.RawMessage) (stepfunctions.LambdaResult, error) {
		kind := errors[len(at)]
		at = append(at, time.Now())
		return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"` + kind + `"}`)}, nil
	}
	d, _ := run(t, w, machineOf(`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"Retry":[
		{"ErrorEquals":["Red"],"IntervalSeconds":10,"BackoffRate":3,"MaxDelaySeconds":40,"MaxAttempts":3},
		{"ErrorEquals":["States.ALL"],"IntervalSeconds":100,"MaxAttempts":2,"JitterStrategy":"FULL"}],"End":true}`), `{}`)
	if d.Error != "Red" || len(at) != 6 {
		t.Fatalf("%+v after %d attempts", d, len(at))
	}
	var waits []time.Duration
	for i := range at[1:] {
		waits = append(waits, at[i+1].Sub(at[i]))
	}
	if waits[1] >= 100*time.Second || waits[4] >= 200*time.Second || waits[1] == 0 || waits[1] == waits[4] {
		t.Errorf("with jitter: %v", waits)
	}
	if diff := cmp.Diff([]time.Duration{10 * time.Second, 30 * time.Second, 40 * time.Second}, []time.Duration{waits[0], waits[2], waits[3]}); diff != "" {
		t.Errorf("without jitter (-want +got):\n%s", diff)
	}
}
