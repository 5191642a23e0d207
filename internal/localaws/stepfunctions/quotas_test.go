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

// An inline map runs 40 iterations at once at most, whatever it asks for
// (developer guide, "Using Map state in Inline mode").
func TestInlineMapsRunFortyAtOnce(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]int{``: 40, `"MaxConcurrency":0,`: 40, `"MaxConcurrency":100,`: 40, `"MaxConcurrency":3,`: 3} {
		w := newWorld()
		running, most := 0, 0
		w.functions = func(string, json.RawMessage) (stepfunctions.LambdaResult, error) {
			w.mu.Lock()
			running++
			most = max(most, running)
			w.mu.Unlock()
			time.Sleep(time.Second)
			w.mu.Lock()
			running--
			w.mu.Unlock()
			return stepfunctions.LambdaResult{Payload: json.RawMessage(`1`)}, nil
		}
		d, _ := run(t, w, machineOf(`"A":{"Type":"Map","Items":"{% [1..100] %}",`+asked+`"ItemProcessor":{"StartAt":"X","States":{
			"X":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"Output":1,"End":true}}},"Output":1,"End":true}`), `{}`)
		if d.Status != "SUCCEEDED" || most != want {
			t.Errorf("%s: %d at once, want %d; %+v", asked, most, want, d)
		}
	}
}

// A map run has 10,000 children at once at most (service quotas).
func TestMapRunsHaveTenThousandChildrenAtOnce(t *testing.T) {
	t.Parallel()
	const items = 10_050
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.start(t, stepfunctions.Options{KeepHistories: 1})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", spread(fmt.Sprintf(`"Items":"{%% [1..%d] %%}",`, items)+`"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"b","Prefix":"p"},"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSON"}},`, `{"Type":"Wait","Seconds":60,"End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		x := start(t, s, arn, "one", `{}`)
		time.Sleep(30 * time.Second)
		var runs struct{ MapRuns []struct{ MapRunArn string } }
		if err := do(t, s, "ListMapRuns", map[string]any{"executionArn": x}, &runs); err != nil || len(runs.MapRuns) != 1 {
			t.Fatalf("%v %v", runs, err)
		}
		var c struct{ ExecutionCounts map[string]int }
		if err := do(t, s, "DescribeMapRun", map[string]any{"mapRunArn": runs.MapRuns[0].MapRunArn}, &c); err != nil {
			t.Fatal(err)
		}
		if got := []int{c.ExecutionCounts["running"], c.ExecutionCounts["pending"], c.ExecutionCounts["succeeded"]}; !cmp.Equal(got, []int{10_000, items - 10_000, 0}) {
			t.Errorf("running, pending and succeeded are %v", got)
		}
		if d := waitEnded(t, s, x); d.Status != "SUCCEEDED" {
			t.Errorf("%+v", d)
		}
	})
}

// An execution can be redriven for 14 days, and 1,000 times (developer guide,
// "Restarting state machine executions with redrive").
func TestRedriveEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		s := newService(t, stepfunctions.Options{})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", machineOf(`"A":{"Type":"Fail","Error":"E"}`))
		if err != nil {
			t.Fatal(err)
		}
		redrive := func(x string) error {
			return do(t, s, "RedriveExecution", map[string]any{"executionArn": x}, nil)
		}
		young, old, often := start(t, s, arn, "young", `{}`), start(t, s, arn, "old", `{}`), start(t, s, arn, "often", `{}`)
		for n := range 1001 {
			waitEnded(t, s, often)
			if err := redrive(often); (wire.CodeOf(err) == "ExecutionNotRedrivable") != (n == 1000) {
				t.Fatalf("redrive %d: %v", n+1, err)
			}
		}
		if d := describe(t, s, often); d.RedriveCount != 1000 || d.RedriveStatus != "NOT_REDRIVABLE" {
			t.Errorf("after 1,000 redrives: %+v", d)
		}
		time.Sleep(14*day - time.Hour)
		if err := redrive(young); err != nil {
			t.Errorf("within 14 days: %v", err)
		}
		time.Sleep(2 * time.Hour)
		if err := redrive(old); wire.CodeOf(err) != "ExecutionNotRedrivable" {
			t.Errorf("after 14 days: %v", err)
		}
		if err := redrive(young); err != nil { // the 14 days count from its last end
			t.Errorf("redriven two hours ago: %v", err)
		}
	})
}

// The variables of an execution have 10 MiB together (developer guide, "Passing
// data between states with variables").
func TestVariablesHaveTenMegabytes(t *testing.T) {
	t.Parallel()
	input := `"` + strings.Repeat("x", 262_140) + `"` // just below 256 KiB
	var states []string
	for i := range 45 {
		states = append(states, fmt.Sprintf(`"S%d":{"Type":"Pass","Assign":{"v%d":"{%% $states.input %%}"},"Next":"S%d"}`, i, i, i+1))
	}
	d, _ := run(t, newWorld(), `{"QueryLanguage":"JSONata","StartAt":"S0","States":{`+strings.Join(states, ",")+`,"S45":{"Type":"Succeed"}}}`, input)
	if d.Error != "States.DataLimitExceeded" || !strings.Contains(d.Cause, "the state 'S40'") { // the 41st
		t.Errorf("%s: %.200s", d.Error, d.Cause)
	}
}

// Without fields a retrier waits 1, 2 and 4 seconds (developer guide, "Handling
// errors in Step Functions workflows"); which errors its names cover.
func TestRetriersByDefault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		errors, fails string
		want          int // attempts
	}{
		"a name":                              {`"E"`, "E", 4},
		"another name":                        {`"F"`, "E", 1},
		"all":                                 {`"States.ALL"`, "E", 4},
		"a failed task":                       {`"States.TaskFailed"`, "E", 4},
		"a failed task does not mean timeout": {`"States.TaskFailed"`, "States.Timeout", 1},
		"all means timeout":                   {`"States.ALL"`, "States.Timeout", 4},
		"never more data than there may be":   {`"States.ALL"`, "States.DataLimitExceeded", 1},
		"never a fault of the machine":        {`"States.ALL"`, "States.Runtime", 1},
	} {
		var at []time.Duration
		var began time.Time
		w := newWorld()
		w.functions = func(string, json.RawMessage) (stepfunctions.LambdaResult, error) {
			if len(at) == 0 {
				began = time.Now()
			}
			at = append(at, time.Since(began))
			return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"` + c.fails + `"}`)}, nil
		}
		d, _ := run(t, w, machineOf(`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"Retry":[{"ErrorEquals":[`+c.errors+`]}],"End":true}`), `{}`)
		if diff := cmp.Diff([]time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}[:c.want], at); diff != "" || d.Error != c.fails {
			t.Errorf("%s: %+v, attempts at %s", name, d, diff)
		}
	}
}

// After its time-out a token is dead, while the one of the next attempt works.
func TestLateTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var tokens []string
		w.answer = func(_ *stepfunctions.Service, _, body string) { tokens = append(tokens, tokenOf(body)) }
		s := w.start(t, stepfunctions.Options{})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", machineOf(callback+`"TimeoutSeconds":100,"Retry":[{"ErrorEquals":["States.Timeout"],"IntervalSeconds":5,"MaxAttempts":1}],"End":true}`))
		if err != nil {
			t.Fatal(err)
		}
		x := start(t, s, arn, "one", `{}`)
		time.Sleep(101 * time.Second)
		synctest.Wait()
		late := func(when string) {
			t.Helper()
			for _, operation := range []string{"SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"} {
				if err := do(t, s, operation, map[string]any{"taskToken": tokens[0], "output": `"late"`}, nil); wire.CodeOf(err) != "TaskTimedOut" {
					t.Errorf("%s: %s: %v", when, operation, err)
				}
			}
		}
		late("before the next attempt")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(tokens) != 2 || tokens[0] == tokens[1] {
			t.Fatalf("tokens %q", tokens)
		}
		late("during the next attempt")
		succeed(t, s, tokens[1], `"in time"`)
		if d := waitEnded(t, s, x); d.Output != `"in time"` {
			t.Errorf("%+v", d)
		}
		late("after the end")
	})
}
