package stepfunctions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// refusedCases are the recorded machines that are refused on purpose, with the
// reason. They do not count.
var refusedCases = map[string]string{
	"test_base_cases[BASE_EXPR]":                                                                "a state in JSONPath",
	"test_base_cases[BASE_LAMBDA_EXPRESSION]":                                                   "a state in JSONPath",
	"test_base_lambda[BASE_LAMBDA]":                                                             "a state in JSONPath",
	"test_output_to_state[JSONPATH_OUTPUT_TO_JSONATA]":                                          "a state in JSONPath",
	"test_task_dataflow_to_state":                                                               "a state in JSONPath",
	"test_variable_sampling[JSONATA_ASSIGN_JSONPATH_REF]":                                       "a machine in JSONPath",
	"test_lambda_task_resource_data_flow[TASK_LAMBDA_LEGACY_RESOURCE_JSONPATH_TO_JSONATA]":      "a state in JSONPath",
	"test_cross_account_states_start_sync_execution[SFN_START_EXECUTION_SYNC_ROLE_ARN_JSONATA]": "states:startExecution.sync",
	"test_s3_no_such_key":                                                                       "aws-sdk:s3:getObject",
}

// knownMisses are the recorded executions that come out otherwise here, by what
// differs, with the reason: none.
var knownMisses = map[string]string{}

// recordedCase is one entry of the fixture.
type recordedCase struct {
	ID       string                     `json:"id"`
	Calls    [][]*string                `json:"calls"`
	Expected map[string]json.RawMessage `json:"expected"`
}

type recordedEvent map[string]any

func (e recordedEvent) details() map[string]any {
	for k, v := range e {
		if strings.HasSuffix(k, "EventDetails") {
			m, _ := v.(map[string]any)
			return m
		}
	}
	return nil
}

// recordedTasks answers with the outcomes of a recorded history, in order.
type recordedTasks struct {
	mu       sync.Mutex
	outcomes []stepfunctions.LambdaResult
}

func (r *recordedTasks) InvokeLambda(context.Context, *iam.Principal, string, json.RawMessage) (stepfunctions.LambdaResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.outcomes) == 0 {
		return stepfunctions.LambdaResult{}, wire.Errorf(500, "ServiceException", "nothing more was recorded")
	}
	o := r.outcomes[0]
	r.outcomes = r.outcomes[1:]
	return o, nil
}

func (r *recordedTasks) SendMessage(context.Context, *iam.Principal, json.RawMessage) (json.RawMessage, error) {
	return json.RawMessage(`{}`), nil
}

func outcomesOf(t *testing.T, events []recordedEvent) *recordedTasks {
	t.Helper()
	r := &recordedTasks{}
	for _, e := range events {
		d := e.details()
		switch e["type"] {
		case "TaskSucceeded":
			out, _ := d["output"].(map[string]any)
			r.outcomes = append(r.outcomes, stepfunctions.LambdaResult{Payload: mustJSON(t, out["Payload"])})
		case "LambdaFunctionSucceeded":
			r.outcomes = append(r.outcomes, stepfunctions.LambdaResult{Payload: rawText(t, d["output"])})
		case "TaskFailed", "LambdaFunctionFailed":
			r.outcomes = append(r.outcomes, stepfunctions.LambdaResult{Payload: rawText(t, d["cause"]), FunctionError: "Unhandled"})
		}
	}
	return r
}

func mustJSON(t testing.TB, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// rawText undoes the recorder's habit to parse JSON texts that are objects.
func rawText(t testing.TB, v any) json.RawMessage {
	if s, ok := v.(string); ok {
		return json.RawMessage(s)
	}
	return mustJSON(t, v)
}

// recordedFile serves as every object: the items of the recorded output, and
// one more that MaxItems must cut off.
type recordedFile struct{ body []byte }

func (f recordedFile) GetObject(context.Context, *iam.Principal, string, string) ([]byte, error) {
	return f.body, nil
}

func (f recordedFile) PutObject(context.Context, *iam.Principal, string, string, []byte) error {
	return nil
}

func (f recordedFile) ListObjects(context.Context, *iam.Principal, string, string, string) ([]stepfunctions.Object, string, error) {
	return nil, "", nil
}

func fileOf(t *testing.T, events []recordedEvent) recordedFile {
	t.Helper()
	text, _ := events[len(events)-1].details()["output"].(string)
	var items []any
	if json.Unmarshal([]byte(text), &items) != nil || len(items) == 0 {
		return recordedFile{}
	}
	if batch, ok := items[0].(map[string]any); ok && batch["Items"] != nil {
		items, _ = batch["Items"].([]any)
	}
	return recordedFile{mustJSON(t, append(items, "one too many"))}
}

// TestRecordedOnAWS replays what AWS was recorded to do with machines in
// JSONata: the fixture's SOURCE.md says how.
func TestRecordedOnAWS(t *testing.T) {
	t.Parallel()
	var cases []recordedCase
	if err := json.Unmarshal(shared(t, "fixtures", "stepfunctions", "recorded-jsonata.json"), &cases); err != nil {
		t.Fatal(err)
	}
	refused := 0
	total, results, sequences, variables, causes := 0, 0, 0, 0, 0
	for _, c := range cases {
		for i, call := range c.Calls {
			expected := c.Expected["get_execution_history"]
			if raw, ok := c.Expected[fmt.Sprintf("exec_hist_resp_%d", i)]; ok {
				expected = raw
			}
			var want struct{ Events []recordedEvent }
			if expected == nil || json.Unmarshal(expected, &want) != nil || len(want.Events) == 0 {
				continue // another operation, or a state tested alone
			}
			name := c.ID[strings.LastIndex(c.ID, "::")+2:]
			if len(c.Calls) > 1 {
				name = fmt.Sprintf("%s/%d", name, i)
			}
			got, err := replay(t, *call[1], *call[2], want.Events)
			if err != nil {
				refused++
				if refusedCases[name] == "" {
					t.Errorf("refused: %s: %v", name, err)
				}
				continue
			}
			total++
			count := func(n *int, what, problem string) {
				if problem == "" {
					*n++
				}
				if _, known := knownMisses[name+": "+what]; known != (problem != "") {
					t.Errorf("%s: %s: known miss %t, but: %q", name, what, known, problem)
				}
			}
			count(&results, "result", compareResult(want.Events, got))
			count(&sequences, "events", compareSequence(want.Events, got))
			count(&variables, "variables", compareVariables(want.Events, got))
			count(&causes, "details", compareDetails(want.Events, got))
		}
	}
	if refused != len(refusedCases) {
		t.Errorf("%d machines were refused, want %d: shorten the table", refused, len(refusedCases))
	}
	t.Logf("of %d executions: result %d, events %d, variables %d, details %d; %d more are refused", total, results, sequences, variables, causes, refused)
	if results*100 < total*95 || sequences*100 < total*90 || variables*100 < total*95 {
		t.Error("below the bar: result 95 %, events 90 %, variables 95 %")
	}
}

// TestValidationRecordedOnAWS compares the answers of ValidateStateMachineDefinition.
func TestValidationRecordedOnAWS(t *testing.T) {
	t.Parallel()
	var cases []recordedCase
	if err := json.Unmarshal(shared(t, "fixtures", "stepfunctions", "recorded-jsonata.json"), &cases); err != nil {
		t.Fatal(err)
	}
	s := newService(t, stepfunctions.Options{})
	compared := 0
	for _, c := range cases {
		recorded, ok := c.Expected["validation_response"]
		if !ok {
			continue
		}
		var want, got map[string]any
		if err := json.Unmarshal(recorded, &want); err != nil {
			t.Fatal(err)
		}
		delete(want, "ResponseMetadata")
		if err := do(t, s, "ValidateStateMachineDefinition", map[string]any{"definition": *c.Calls[0][1]}, &got); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.ID, diff)
		}
		compared++
	}
	if compared == 0 {
		t.Error("the fixture has no validations")
	}
}

func replay(t *testing.T, definition, input string, want []recordedEvent) (events []recordedEvent, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		// A bubble begins in 2000; the dates in the machines were past when recorded.
		time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
		s := newService(t, stepfunctions.Options{Integrations: outcomesOf(t, want), Objects: fileOf(t, want)})
		defer closeService(t, s)
		var arn string
		if arn, err = createMachine(t, s, "machine", definition); err != nil {
			return
		}
		x := start(t, s, arn, "one", input)
		waitEnded(t, s, x)
		events = history(t, s, x)
	})
	return events, err
}

// like reports whether a recorded value, with its placeholders, fits a value.
func like(want, got any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if text, isText := got.(string); isText {
			ok = json.Unmarshal([]byte(text), &g) == nil
		}
		if !ok || len(w) != len(g) {
			return false
		}
		for k := range w {
			// The metadata of the HTTP answer depends on how the function spaced its JSON.
			if _, ok := g[k]; !ok || k != "SdkHttpMetadata" && !like(w[k], g[k]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for i := range w {
			if !like(w[i], g[i]) {
				return false
			}
		}
		return true
	case string:
		g, ok := got.(string)
		if !ok {
			return placeholder(w)
		}
		if placeholder(w) || w == g {
			return true
		}
		var x, y any
		if json.Unmarshal([]byte(w), &x) == nil && json.Unmarshal([]byte(g), &y) == nil && reflect.TypeOf(x) != reflect.TypeOf("") && reflect.TypeOf(x) == reflect.TypeOf(y) {
			return like(x, y)
		}
		pattern := regexp.MustCompile(`<[a-zA-Z_0-9:\-]+>`).ReplaceAllString(regexp.QuoteMeta(w), ".*")
		return pattern != regexp.QuoteMeta(w) && regexp.MustCompile("^(?s:"+pattern+")$").MatchString(g)
	}
	return reflect.DeepEqual(want, got)
}

func placeholder(w string) bool {
	return slices.Contains([]string{"date", "timestamp", "X-Amzn-Trace-Id", "x-amzn-RequestId", "RequestId", "snf_role_arn", "bucket-name", "lambda_function_name", "arn:<partition>:lambda:<region>:111111111111:function:lambda_function_name", "string"}, w)
}

func compareResult(want, got []recordedEvent) string {
	w, g := want[len(want)-1], got[len(got)-1]
	if w["type"] != g["type"] {
		return fmt.Sprintf("ended with %v, want %v", g["type"], w["type"])
	}
	for _, k := range []string{"error", "output"} {
		if !like(w.details()[k], g.details()[k]) {
			return fmt.Sprintf("%s: got %v, want %v", k, g.details()[k], w.details()[k])
		}
	}
	return ""
}

func signature(e recordedEvent, withPrevious bool) string {
	name, _ := e.details()["name"].(string)
	if withPrevious {
		return fmt.Sprintf("%v %v %s<%v", e["id"], e["type"], name, e["previousEventId"])
	}
	return fmt.Sprintf("%v %s", e["type"], name)
}

// compareSequence compares ids, types, names and previous ids; events that
// were recorded without order (their id is a list) as a multiset. The recorder
// lost the ParallelStateFailed after such a group.
func compareSequence(want, got []recordedEvent) string {
	var loose []string
	var strict []string
	last := 0.0
	for _, e := range want {
		if id, ok := e["id"].(float64); ok {
			strict = append(strict, signature(e, true))
			last = max(last, id)
		} else {
			loose = append(loose, signature(e, false))
		}
	}
	var gotLoose, gotStrict []string
	known := map[float64]bool{}
	for _, e := range want {
		if id, ok := e["id"].(float64); ok {
			known[id] = true
		}
	}
	for _, e := range got {
		if id, _ := e["id"].(float64); known[id] || id > last {
			gotStrict = append(gotStrict, signature(e, true))
		} else if e["type"] != "ParallelStateFailed" {
			gotLoose = append(gotLoose, signature(e, false))
		}
	}
	sort.Strings(loose)
	sort.Strings(gotLoose)
	if !slices.Equal(strict, gotStrict) || !slices.Equal(loose, gotLoose) {
		return fmt.Sprintf("got %q %q, want %q %q", gotStrict, gotLoose, strict, loose)
	}
	return ""
}

func compareVariables(want, got []recordedEvent) string {
	collect := func(events []recordedEvent) []any {
		var all []any
		for _, e := range events {
			if v := e.details()["assignedVariables"]; v != nil {
				all = append(all, v)
			}
		}
		return all
	}
	if w, g := collect(want), collect(got); !like(w, g) && (len(w) > 0 || len(g) > 0) {
		return fmt.Sprintf("got %v, want %v", g, w)
	}
	return ""
}

// compareDetails compares everything else: causes, parameters, inputs.
func compareDetails(want, got []recordedEvent) string {
	for i := range min(len(want), len(got)) {
		if want[i]["type"] != got[i]["type"] {
			return "" // compareSequence says so
		}
		if w, g := want[i].details(), got[i].details(); !like(w, g) && (len(w) > 0 || len(g) > 0) {
			return fmt.Sprintf("%v: got %s, want %s", want[i]["type"], mustJSONText(g), mustJSONText(w))
		}
	}
	return ""
}

func mustJSONText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
