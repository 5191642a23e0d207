package stepfunctions_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// task is a Task state A that calls function f and ends the machine.
func task(more string) string {
	states := `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"Output":"{% $states.result.Payload %}",` + more + `"End":true}`
	if strings.Contains(more, `"Next":"B"`) {
		states += `,"B":{"Type":"Pass","End":true}`
	}
	return machineOf(states)
}

// endless are states that go round.
const endless = `"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Condition":true,"Next":"A"}],"Default":"C"},"C":{"Type":"Succeed"}`

// caught adds a catcher that leads to B.
const caught = `"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],`

func TestStatesAndErrors(t *testing.T) {
	t.Parallel()
	big := `"` + strings.Repeat("x", 140_000) + `"`
	for name, c := range map[string]struct {
		definition, input string
		function          func(call int) (stepfunctions.LambdaResult, error)
		want              string // the output, or the error's name, ": " and a part of the cause
		took              time.Duration
	}{
		"assign is seen by the next state only": {
			definition: machineOf(`"A":{"Type":"Pass","Assign":{"v":1},"Output":"{% $exists($v) %}","Next":"B"},"B":{"Type":"Pass","Output":["{% $states.input %}","{% $v %}"],"End":true}`),
			want:       `[false,1]`,
		},
		"branches see outer variables and keep their own": {
			definition: machineOf(`"A":{"Type":"Pass","Assign":{"v":1},"Next":"P"},
				"P":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass","Assign":{"w":"{% $v + 1 %}"},"Next":"Y"},"Y":{"Type":"Pass","Output":"{% $w %}","End":true}}}],"Output":"{% [$states.result, $v, $exists($w)] %}","End":true}`),
			want: `[2,1,false]`,
		},
		"a distributed map does not see outer variables": {
			definition: machineOf(`"A":{"Type":"Pass","Assign":{"v":1},"Next":"M"},
				"M":{"Type":"Map","Items":[7],"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"X","States":{"X":{"Type":"Pass","Output":"{% $exists($v) %}","End":true}}},"End":true}`),
			want: `[false]`,
		},
		"context of a map's item": {
			definition: machineOf(`"A":{"Type":"Map","Items":["a","b"],"ItemSelector":{"i":"{% $states.context.Map.Item.Index %}","v":"{% $states.context.Map.Item.Value %}","in":"{% $states.input.k %}"},
				"ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Pass","Output":["{% $states.input %}","{% $states.context.Map.Item.Value %}","{% $states.context.State.Name %}"],"End":true}}},"End":true}`),
			input: `{"k":5}`,
			want:  `[[{"i":0,"v":"a","in":5},"a","X"],[{"i":1,"v":"b","in":5},"b","X"]]`,
		},
		"wait seconds": {
			definition: machineOf(`"A":{"Type":"Wait","Seconds":"{% $states.input.s %}","Next":"B"},"B":{"Type":"Pass","Output":"{% $toMillis($now()) - $toMillis($states.context.Execution.StartTime) %}","End":true}`),
			input:      `{"s":90}`, want: `90000`, took: 90 * time.Second,
		},
		"no choice matches": {
			definition: machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.a = 1 %}","Next":"B"}]},"B":{"Type":"Succeed"}`),
			want:       "States.NoChoiceMatched: An error occurred while executing the state 'A' (entered at the event id #2).",
		},
		"a condition must be a boolean": {
			definition: machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":"{% 1 %}","Next":"B"}],"Default":"B"},"B":{"Type":"Succeed"}`),
			want:       "States.QueryEvaluationError: An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '1' specified for the field 'Choices[0]/Condition' returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1",
		},
		"an expression that throws": {
			definition: machineOf(`"A":{"Type":"Pass","Output":"{% $states.input.a() %}","End":true}`),
			want:       "States.QueryEvaluationError: An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.a()' specified for the field 'Output' threw an error during evaluation. T1006: Attempted to invoke a non-function",
		},
		"fail with expressions": {
			definition: machineOf(`"A":{"Type":"Fail","Error":"{% 'E' & $states.input.n %}","Cause":"why"}`), input: `{"n":1}`,
			want: "E1: why",
		},
		"function error": {
			definition: task(""),
			function: func(int) (stepfunctions.LambdaResult, error) {
				return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Fatal","errorMessage":"m"}`)}, nil
			},
			want: `Fatal: {"errorType":"Fatal","errorMessage":"m"}`,
		},
		"caught by name, cause is text": {
			definition: task(`"Catch":[{"ErrorEquals":["Other"],"Next":"B"},{"ErrorEquals":["Fatal"],"Output":{"in":"{% $states.input %}","e":"{% $states.errorOutput %}"},"Next":"B"}],`), input: `1`,
			function: func(int) (stepfunctions.LambdaResult, error) {
				return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Fatal"}`)}, nil
			},
			want: `{"in":1,"e":{"Error":"Fatal","Cause":"{\"errorType\":\"Fatal\"}"}}`,
		},
		"service errors have Lambda's names and are retried with back-off": {
			definition: task(`"Retry":[{"ErrorEquals":["Lambda.TooManyRequestsException"],"IntervalSeconds":2,"BackoffRate":3,"MaxDelaySeconds":10,"MaxAttempts":3}],`),
			function: func(call int) (stepfunctions.LambdaResult, error) {
				if call < 4 {
					return stepfunctions.LambdaResult{}, wire.Errorf(429, "TooManyRequestsException", "Rate Exceeded.")
				}
				return stepfunctions.LambdaResult{Payload: json.RawMessage(`"ok"`)}, nil
			},
			want: `"ok"`, took: (2 + 6 + 10) * time.Second,
		},
		"retries end": {
			definition: task(`"Retry":[{"ErrorEquals":["States.TaskFailed"],"MaxAttempts":2}],`),
			function: func(int) (stepfunctions.LambdaResult, error) {
				return stepfunctions.LambdaResult{}, wire.Errorf(429, "TooManyRequestsException", "Rate Exceeded.")
			},
			want: "Lambda.TooManyRequestsException: Rate Exceeded. (Service: Lambda, Status Code: 429)", took: 3 * time.Second,
		},
		"access denied": {
			definition: task(""),
			function: func(int) (stepfunctions.LambdaResult, error) {
				return stepfunctions.LambdaResult{}, wire.Errorf(403, "AccessDeniedException", "not authorized")
			},
			want: "Lambda.AWSLambdaException: not authorized",
		},
		"a result of more than 256 KiB is not caught by States.ALL": {
			definition: task(caught),
			function: func(int) (stepfunctions.LambdaResult, error) {
				return stepfunctions.LambdaResult{Payload: json.RawMessage("[" + big + "," + big + "]")}, nil
			},
			want: "States.DataLimitExceeded: The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.",
		},
		"an output of more than 256 KiB": {
			definition: machineOf(`"A":{"Type":"Pass","Output":"{% [$states.input, $states.input] %}","End":true}`), input: big,
			want: "States.DataLimitExceeded: The state/task 'A' returned",
		},
		"a history of 25,000 events ends the execution": {
			definition: machineOf(endless),
			want:       "States.Runtime: The execution reached the maximum number of history events (25000).",
		},
		"machine time-out": {
			definition: `{"QueryLanguage":"JSONata","TimeoutSeconds":10,"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":60,"End":true}}}`,
			want:       ": ", took: 10 * time.Second,
		},
		"catch of a failed evaluation after the task": {
			definition: task(`"Assign":{"x":"{% $nope %}"},` + `"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Output":"{% $states.errorOutput.Error %}","Next":"B"}],`),
			want:       `"States.QueryEvaluationError"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			calls := 0
			w.functions = func(string, json.RawMessage) (stepfunctions.LambdaResult, error) {
				calls++
				if c.function == nil {
					return stepfunctions.LambdaResult{Payload: json.RawMessage(`1`)}, nil
				}
				return c.function(calls)
			}
			if c.input == "" {
				c.input = `{}`
			}
			d, events := run(t, w, c.definition, c.input)
			got := d.Output
			if d.Status != "SUCCEEDED" {
				got = d.Error + ": " + d.Cause
			}
			if got != c.want && (d.Status == "SUCCEEDED" || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %.500s\nwant %s", got, c.want)
			}
			first, last := events[0], events[len(events)-1]
			a, _ := first["timestamp"].(float64)
			b, _ := last["timestamp"].(float64)
			if took := time.Duration((b - a) * float64(time.Second)).Round(time.Second); took != c.took {
				t.Errorf("took %s, want %s", took, c.took)
			}
			if id, _ := last["id"].(float64); int(id) != len(events) || len(events) > 25_000 {
				t.Errorf("%d events, the last has id %v", len(events), id)
			}
		})
	}
}

func TestMapAndParallelFailures(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.functions = func(name string, _ json.RawMessage) (stepfunctions.LambdaResult, error) {
		if name == "bad" {
			time.Sleep(time.Second)
			return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Bad"}`)}, nil
		}
		return stepfunctions.LambdaResult{Payload: json.RawMessage(`1`)}, nil
	}
	d, events := run(t, w, machineOf(`"A":{"Type":"Map","Items":["good","bad","wait"],"ItemProcessor":{"StartAt":"C","States":{
		"C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input = 'wait' %}","Next":"W"}],"Default":"T"},
		"W":{"Type":"Wait","Seconds":100,"End":true},
		"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"{% $states.input %}"},"Output":1,"End":true}}},
		"Catch":[{"ErrorEquals":["Bad"],"Next":"B"}],"End":true},"B":{"Type":"Pass","End":true}`), `{}`)
	if d.Output != `{"Error":"Bad","Cause":"{\"errorType\":\"Bad\"}"}` {
		t.Errorf("output %s", d.Output)
	}
	var tail []string
	for _, e := range events[len(events)-8:] {
		tail = append(tail, fmt.Sprint(e["type"]))
	}
	want := []string{"MapIterationFailed", "WaitStateAborted", "MapIterationAborted", "MapStateFailed", "MapStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"}
	if diff := cmp.Diff(want, tail); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRefusedDefinitions(t *testing.T) {
	t.Parallel()
	s := newService(t, stepfunctions.Options{})
	pass := `"B":{"Type":"Pass","End":true}`
	for name, c := range map[string]struct{ definition, want string }{
		"not JSON":             {`{`, "INVALID_JSON_DESCRIPTION"},
		"JSONPath":             {`{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}`, "only JSONata runs here"},
		"JSONPath field":       {machineOf(`"A":{"Type":"Pass","InputPath":"$.a","End":true}`), "The field 'InputPath' belongs to JSONPath"},
		"JSONPath state":       {machineOf(`"A":{"Type":"Pass","QueryLanguage":"JSONPath","End":true}`), "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/A"},
		"dangling Next":        {machineOf(`"A":{"Type":"Pass","Next":"Nowhere"}`), "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /States/A/Next"},
		"dangling Default":     {machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":true,"Next":"B"}],"Default":"Nowhere"},` + pass), "Missing 'Default' target: Nowhere"},
		"dangling Catch":       {machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Succeed"}}}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Nowhere"}],"End":true}`), "at /States/A/Catch[0]/Next"},
		"next out of a branch": {machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass","Next":"B"}}}],"Next":"B"},` + pass), "Missing 'Next' target: B at /States/A/Branches[0]/States/X/Next"},
		"StartAt":              {`{"QueryLanguage":"JSONata","StartAt":"Z","States":{` + pass + `}}`, "Missing 'StartAt' target: Z"},
		"unreachable":          {machineOf(`"A":{"Type":"Succeed"},` + pass), `State "B" is not reachable. at /States/B`},
		"no End":               {machineOf(`"A":{"Type":"Pass"}`), "either 'Next' or 'End'"},
		"unknown field":        {machineOf(`"A":{"Type":"Pass","Ende":true,"End":true}`), "Field 'Ende' is not supported at /States/A"},
		"unknown type":         {machineOf(`"A":{"Type":"Passe","End":true}`), "is not a type of state"},
		"syntax error":         {machineOf(`"A":{"Type":"Pass","Output":{"x":["{% 1 + %}"]},"End":true}`), "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/A/Output/x[0]"},
		"newer operator":       {machineOf(`"A":{"Type":"Pass","Output":"{% $states.input.a ?? 1 %}","End":true}`), "INVALID_JSONATA_EXPRESSION"},
		"root reference":       {machineOf(`"A":{"Type":"Pass","Output":"{% name %}","End":true}`), "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'name' at the top level is not supported. at /States/A/Output"},
		"variable name":        {machineOf(`"A":{"Type":"Pass","Assign":{"states":1},"End":true}`), "The name of a variable"},
		"States.ALL not last":  {task(`"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["X"]}],` + caught), "'States.ALL' must be alone"},
		"unknown resource":     {machineOf(`"A":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","End":true}`), "is not one of lambda:invoke"},
		"express children":     {machineOf(`"A":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"X","States":{"X":{"Type":"Succeed"}}},"End":true}`), "Only STANDARD children"},
		"reader without mode":  {machineOf(`"A":{"Type":"Map","ItemReader":{},"ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Succeed"}}},"End":true}`), "needs an ItemProcessor with mode DISTRIBUTED"},
		"same name twice":      {machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],"End":true}`), "Duplicate state name: A"},
		"heartbeat":            {task(`"TimeoutSeconds":5,"HeartbeatSeconds":5,` + caught), "must be smaller than"},
		"two wait fields":      {machineOf(`"A":{"Type":"Wait","Seconds":1,"Timestamp":"2020-01-01T00:00:00Z","End":true}`), "exactly one of"},
	} {
		_, err := createMachine(t, s, "m", c.definition)
		if wire.CodeOf(err) != "InvalidDefinition" || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	closeService(t, s)
}
