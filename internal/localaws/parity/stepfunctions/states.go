package stepfunctions

import "github.com/messageai/sluice/internal/localaws/parity"

// states are the types of state and where variables are seen.
func states() []parity.Case {
	return []parity.Case{
		flow("pass", machineOf(`"A":{"Type":"Pass","Assign":{"x":1,"y":"{% $states.input.a %}"},"Output":{"seen":"{% $exists($x) %}"},"Next":"B"},"B":{"Type":"Pass","Output":["{% $x %}","{% $y %}","{% $states.input %}"],"End":true}`), `{"a":"b"}`),
		flow("succeed", machineOf(`"A":{"Type":"Succeed","Output":"{% $states.input.a %}"}`), `{"a":null}`),
		flow("fail", machineOf(`"A":{"Type":"Fail","Error":"{% 'E' & $states.input.n %}","Cause":"why"}`), `{"n":1}`),
		flow("fail-without-fields", machineOf(`"A":{"Type":"Fail"}`), `{}`),
		flow("wait", machineOf(`"A":{"Type":"Wait","Seconds":"{% $states.input.s %}","Assign":{"w":true},"Output":"waited","End":true}`), `{"s":1}`),
		flow("wait-until-a-time-that-is-past", machineOf(`"A":{"Type":"Wait","Timestamp":"{% $states.input %}","End":true}`), `"1999-12-31T23:59:59+01:00"`),
		flow("choice", machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n > 2 %}","Next":"B"},{"Condition":"{% $states.input.n > 1 %}","Assign":{"c":"rule"},"Output":"second","Next":"B"}],"Assign":{"c":"default"},"Default":"B"},"B":{"Type":"Pass","Output":["{% $states.input %}","{% $c %}"],"End":true}`), `{"n":2}`),
		flow("choice-default", machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":false,"Next":"B"}],"Assign":{"c":"default"},"Output":"none","Default":"B"},"B":{"Type":"Pass","Output":["{% $states.input %}","{% $c %}"],"End":true}`), `{}`),
		flow("parallel", machineOf(`"A":{"Type":"Parallel","Arguments":{"n":7},"Assign":{"all":"{% $states.result %}"},"Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass","Assign":{"v":"{% $states.input.n %}"},"End":true}}}],"Next":"B"},"B":{"Type":"Pass","Output":["{% $all %}","{% $exists($v) %}"],"End":true}`), `{}`),
		flow("inline-map", machineOf(`"A":{"Type":"Map","Items":"{% $states.input.list %}","MaxConcurrency":1,"ItemSelector":{"i":"{% $states.context.Map.Item.Index %}","v":"{% $states.context.Map.Item.Value %}"},"ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Pass","Output":"{% $states.input.v * 2 + $states.input.i %}","End":true}}},"End":true}`), `{"list":[5,6]}`),
		flow("inline-map-of-nothing", machineOf(`"A":{"Type":"Map","Items":[],"ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}},"End":true}`), `{}`),
		flow("context", machineOf(`"A":{"Type":"Pass","Output":{"input":"{% $states.context.Execution.Input %}","name":"{% $states.context.Execution.Name %}","redrives":"{% $states.context.Execution.RedriveCount %}","state":"{% $states.context.State.Name %}","sections":"{% $keys($states) %}","task":"{% $exists($states.context.Task) %}"},"End":true}`), `[1]`),
		flow("functions-of-step-functions", machineOf(`"A":{"Type":"Pass","Output":["{% $partition([1..5], 2) %}","{% $range(0, 10, 5) %}","{% $hash('a', 'SHA-256') %}","{% $parse('{\"a\":[1]}') %}","{% $length($uuid()) %}","{% $random(7) = $random(7) %}","{% $random() < 1 %}"],"End":true}`), `{}`),
	}
}

// failures are how states fail and how failures are caught.
func failures() []parity.Case {
	output := func(name, expression string) parity.Case {
		return flow(name, machineOf(`"A":{"Type":"Pass","Output":{"o":"{% `+expression+` %}"},"End":true}`), `{"a":1}`)
	}
	// caught fails in a branch, and its Catch shows what it is given.
	caught := func(name, branch, errors string) parity.Case {
		return flow(name, machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":`+branch+`}}],"Catch":[{"ErrorEquals":["`+errors+`"],"Assign":{"e":"{% $states.errorOutput.Error %}"},"Output":{"in":"{% $states.input %}","fields":"{% $keys($states.errorOutput) %}"},"Next":"B"}],"Next":"C"},
			"B":{"Type":"Pass","Output":["{% $states.input %}","{% $e %}"],"End":true},"C":{"Type":"Succeed"}`), `"in"`)
	}
	fail := `{"Type":"Fail","Error":"Mine","Cause":"c"}`
	undefined := `{"Type":"Pass","Output":"{% $nothing %}","End":true}`
	return []parity.Case{
		output("undefined", `$states.input.b`),
		output("no-function", `$states.input.a()`),
		output("no-eval", `$eval('1')`),
		output("division-by-zero", `1/0`),
		output("a-function-as-result", `$sum`),
		output("parse-of-no-json", `$parse('{')`),
		output("partition-by-zero", `$partition([1], 0)`),
		output("endless-recursion", `($f := function($n){1 + $f($n)}; $f(1))`),
		flow("undefined-in-assign", machineOf(`"A":{"Type":"Pass","Assign":{"a":1,"b":"{% $nothing %}"},"End":true}`), `{}`),
		flow("a-condition-that-is-no-boolean", machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":"{% 1 %}","Next":"B"}],"Default":"B"},"B":{"Type":"Succeed"}`), `{}`),
		flow("no-choice", machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Next":"B"}]},"B":{"Type":"Succeed"}`), `{}`),
		flow("items-that-are-no-array", machineOf(`"A":{"Type":"Map","Items":"{% $states.input %}","ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}},"End":true}`), `{"a":1}`),
		flow("seconds-that-are-no-number", machineOf(`"A":{"Type":"Wait","Seconds":"{% $states.input %}","End":true}`), `"1"`),
		flow("a-timestamp-without-offset", machineOf(`"A":{"Type":"Wait","Timestamp":"{% $states.input %}","End":true}`), `"2030-01-01T00:00:00"`),
		flow("an-error-that-is-no-text", machineOf(`"A":{"Type":"Fail","Error":"{% 1 %}"}`), `{}`),
		flow("a-time-out-of-the-machine", `{"QueryLanguage":"JSONata","TimeoutSeconds":1,"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":5,"End":true}}}`, `{}`),
		caught("caught-by-name", fail, "Mine"),
		caught("caught-by-states-all", fail, "States.ALL"),
		caught("caught-by-states-taskfailed", fail, "States.TaskFailed"),
		caught("not-caught", fail, "Other"),
		caught("caught-evaluation", undefined, "States.QueryEvaluationError"),
		caught("caught-evaluation-by-states-all", undefined, "States.ALL"),
		flow("a-failed-iteration", machineOf(`"A":{"Type":"Map","Items":[1,2],"MaxConcurrency":1,"ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Fail","Error":"Mine"}}},"Catch":[{"ErrorEquals":["Mine"],"Next":"B"}],"End":true},"B":{"Type":"Pass","Output":1,"End":true}`), `{}`),
		flow("retried", machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Fail","Error":"Mine"}}}],"Retry":[{"ErrorEquals":["Other"]},{"ErrorEquals":["Mine"],"IntervalSeconds":1,"MaxAttempts":1}],"End":true}`), `{}`),
		flow("an-output-above-the-limit", machineOf(`"A":{"Type":"Pass","Output":"{% $pad('x', 262143) %}","End":true}`), `{}`),
		flow("a-variable-above-the-limit", machineOf(`"A":{"Type":"Pass","Assign":{"v":"{% $pad('x', 262143) %}"},"Output":1,"End":true}`), `{}`),
	}
}
