package stepfunctions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
)

// durable has everything that must survive a kill: waits, retries of Lambda
// and callbacks, time-outs, parallel and inline branches, a caught failure
// that stops its siblings, children, and values that are random.
const durable = `{
  "QueryLanguage": "JSONata", "StartAt": "Rest", "TimeoutSeconds": 86400, "States": {
    "Rest": {"Type": "Wait", "Seconds": 5, "Assign": {"id": "{% $uuid() %}", "dice": "{% $random() %}"}, "Next": "Both"},
    "Both": {"Type": "Parallel", "Next": "Race", "Assign": {"both": "{% $states.result %}"}, "Branches": [
      {"StartAt": "Flaky", "States": {"Flaky": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "flaky", "Payload": {"try": "{% $states.context.State.RetryCount %}", "id": "{% $id %}"}}, "Output": "{% $states.result.Payload %}",
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 3, "JitterStrategy": "FULL"}], "End": true}}},
      {"StartAt": "Each", "States": {"Each": {"Type": "Map", "Items": ["x", "y", "z"], "MaxConcurrency": 2, "ItemProcessor": {"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Arguments": {"QueueUrl": "ask", "MessageBody": {"token": "{% $states.context.Task.Token %}", "item": "{% $states.input %}", "try": "{% $states.context.State.RetryCount %}"}},
          "TimeoutSeconds": 60, "Retry": [{"ErrorEquals": ["States.Timeout", "Retryable"], "IntervalSeconds": 2, "MaxAttempts": 2}], "Next": "Pause"},
        "Pause": {"Type": "Wait", "Seconds": 1, "End": true}}}, "End": true}}}]},
    "Race": {"Type": "Parallel", "Branches": [
      {"StartAt": "Slow", "States": {"Slow": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": "never", "MessageBody": {"token": "{% $states.context.Task.Token %}"}}, "End": true}}},
      {"StartAt": "Bad", "States": {"Bad": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "bad", "Payload": {"x": 1}}, "End": true}}},
      {"StartAt": "Doze", "States": {"Doze": {"Type": "Wait", "Seconds": 1000, "End": true}}}],
      "Catch": [{"ErrorEquals": ["Broken"], "Assign": {"race": "{% $states.errorOutput.Error %}"}, "Next": "Children"}], "Next": "Children"},
    "Children": {"Type": "Map", "Label": "kid", "MaxConcurrency": 2, "ToleratedFailureCount": 1, "Items": "{% [1..4] %}",
      "ItemSelector": {"n": "{% $states.context.Map.Item.Value %}", "id": "{% $id %}"},
      "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Work", "States": {
        "Work": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Arguments": {"QueueUrl": "work", "MessageBody": {"token": "{% $states.context.Task.Token %}", "n": "{% $states.input.n %}"}}, "HeartbeatSeconds": 50, "Assign": {"got": "{% $states.result %}"}, "Next": "Nap"},
        "Nap": {"Type": "Wait", "Seconds": 7, "Next": "Judge"},
        "Judge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "judge", "Payload": {"n": "{% $states.input.n %}"}},
          "Output": {"n": "{% $got.n %}", "key": "{% $uuid() %}", "verdict": "{% $states.result.Payload %}"}, "End": true}}},
      "ResultWriter": {"WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"}}, "Next": "Tell"},
    "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Arguments": {"QueueUrl": "tell", "MessageBody": {"id": "{% $id %}"}},
      "Output": {"id": "{% $id %}", "dice": "{% $dice %}", "both": "{% $both %}", "race": "{% $race %}", "kids": "{% $states.input %}"}, "End": true}
  }}`

// newDurableWorld answers by what is asked only, so that any process may ask.
// What it returns names what was asked, so that the journal tells what is done.
func newDurableWorld(t *testing.T) *world {
	w := newWorld()
	w.functions = func(name string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
		time.Sleep(200 * time.Millisecond)
		done := fmt.Sprintf(`"done %s %s"`, name, strings.ReplaceAll(string(payload), `"`, `'`))
		fail := func(kind string) (stepfunctions.LambdaResult, error) {
			return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"` + kind + `","errorMessage":` + done + `}`)}, nil
		}
		var in struct{ Try, N int }
		if err := json.Unmarshal(payload, &in); err != nil {
			t.Error(err)
		}
		switch {
		case name == "flaky" && in.Try < 2:
			return fail("Busy")
		case name == "bad":
			return fail("Broken")
		case name == "judge" && in.N == 3:
			return fail("Unfit")
		}
		return stepfunctions.LambdaResult{Payload: json.RawMessage(done)}, nil
	}
	w.answer = func(s *stepfunctions.Service, queue, body string) {
		time.Sleep(time.Second)
		var m struct {
			Token, Item string
			Try, N      int
		}
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Error(err)
		}
		switch {
		case queue == "ask" && m.Item == "y" && m.Try == 0:
			_ = do(t, s, "SendTaskFailure", map[string]any{"taskToken": m.Token, "error": "Retryable", "cause": "later"}, nil) // may be over
		case queue == "ask" && m.Item == "z" && m.Try == 0, queue == "never", queue == "tell": // no answer: z times out
		case queue == "work" && m.N == 2:
			_ = do(t, s, "SendTaskHeartbeat", map[string]any{"taskToken": m.Token}, nil) // may be over
			time.Sleep(40 * time.Second)
			_ = do(t, s, "SendTaskHeartbeat", map[string]any{"taskToken": m.Token}, nil) // may be over
			time.Sleep(40 * time.Second)
			succeed(t, s, m.Token, fmt.Sprintf(`{"n":%d}`, m.N))
		default:
			succeed(t, s, m.Token, fmt.Sprintf(`{"n":%d,"item":%q}`, m.N, m.Item))
		}
	}
	return w
}

func openJournal(t testing.TB, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

var (
	journalTime = regexp.MustCompile(`"t":(\d+)`)
	lambdaDone  = regexp.MustCompile(`done (\w+) (\{[^}]*\})`)
)

// TestKillAtEveryRecord runs a machine to its end, then cuts the journal after
// every record, as a kill would, and lets a new process go on from there.
func TestKillAtEveryRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	full := filepath.Join(dir, "full")
	var arn, output string
	var sequence []string
	synctest.Test(t, func(t *testing.T) {
		w := newDurableWorld(t)
		j := openJournal(t, full)
		s := w.start(t, stepfunctions.Options{Journal: j})
		machine, err := createMachine(t, s, "durable", durable)
		if err != nil {
			t.Fatal(err)
		}
		arn = start(t, s, machine, "one", `{}`)
		d := waitEnded(t, s, arn)
		if d.Status != "SUCCEEDED" {
			t.Fatalf("%+v", d)
		}
		output = d.Output
		sequence = kinds(history(t, s, arn))
		w.consumer.Wait()
		closeService(t, s)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
	data, err := os.ReadFile(full)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines = lines[:len(lines)-1]
	t.Logf("%d records; output %s", len(lines), output)
	if len(lines) < 40 {
		t.Errorf("only %d records: the machine does not do what the test needs", len(lines))
	}
	for cut := 2; cut <= len(lines); cut++ {
		t.Run(fmt.Sprintf("after record %d", cut), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, fmt.Sprintf("cut%d", cut))
			if err := os.WriteFile(path, bytes.Join(lines[:cut], nil), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { resume(t, path, lines[:cut], arn, output, sequence) })
		})
	}
}

func kinds(events []recordedEvent) []string {
	count := map[string]int{}
	for _, e := range events {
		count[fmt.Sprint(e["type"])]++
	}
	var all []string
	for kind, n := range count {
		all = append(all, fmt.Sprintf("%s %d", kind, n))
	}
	return sorted(all)
}

func resume(t *testing.T, path string, past [][]byte, arn, output string, sequence []string) {
	sent, invoked := map[string]bool{}, map[string]bool{}
	killed := time.Time{}
	for _, line := range past {
		for _, m := range journalTime.FindAllSubmatch(line, -1) {
			var nano int64
			if err := json.Unmarshal(m[1], &nano); err != nil {
				t.Fatal(err)
			}
			if at := time.Unix(0, nano); at.After(killed) {
				killed = at
			}
		}
		for _, m := range lambdaDone.FindAllSubmatch(line, -1) {
			if bytes.Contains(line, []byte(`"y":"record"`)) {
				invoked[string(m[1])+" "+strings.ReplaceAll(string(m[2]), `'`, `"`)] = true
			}
		}
		var e struct {
			R struct {
				R struct{ O string }
			}
		}
		var answer struct{ Sent string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal([]byte(e.R.R.O), &answer) == nil && answer.Sent != "" { // the output of a submitted task
			sent[answer.Sent] = true
		}
	}
	time.Sleep(time.Until(killed))
	w := newDurableWorld(t)
	j := openJournal(t, path)
	s := w.start(t, stepfunctions.Options{Journal: j})
	defer func() {
		closeService(t, s)
		w.consumer.Wait()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	if len(past) > 30 && (len(sent) < 5 || len(invoked) < 3) {
		t.Errorf("the journal tells of %d messages and %d calls only: the test cannot read it", len(sent), len(invoked))
	}
	for message := range sent { // the queue still holds them, or delivers again
		queue, body, _ := strings.Cut(message, " ")
		w.consumer.Go(func() { w.answer(s, queue, body) })
	}
	s.Resume()
	d := waitEnded(t, s, arn)
	if d.Status != "SUCCEEDED" {
		t.Fatalf("%+v", d)
	}
	if diff := cmp.Diff(output, d.Output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(sequence, kinds(history(t, s, arn))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for message, n := range w.sent {
		if sent[message] || n > 1 {
			t.Errorf("sent again: %s", message)
		}
	}
	for call, n := range w.invoked {
		if invoked[call] || n > 1 {
			t.Errorf("invoked again: %s", call)
		}
	}
	var runs struct{ MapRuns []struct{ MapRunArn string } }
	if err := do(t, s, "ListMapRuns", map[string]any{"executionArn": arn}, &runs); err != nil || len(runs.MapRuns) != 1 {
		t.Fatalf("map runs %v, %v", runs, err)
	}
	var run struct {
		Status     string
		ItemCounts map[string]int
	}
	if err := do(t, s, "DescribeMapRun", map[string]any{"mapRunArn": runs.MapRuns[0].MapRunArn}, &run); err != nil {
		t.Fatal(err)
	}
	if run.Status != "SUCCEEDED" || run.ItemCounts["succeeded"] != 3 || run.ItemCounts["failed"] != 1 || run.ItemCounts["total"] != 4 {
		t.Errorf("map run %+v", run)
	}
}
