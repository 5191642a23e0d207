package statemachines_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
	"github.com/messageai/sluice/internal/pipeline/convert"
	"github.com/messageai/sluice/internal/pipeline/discover"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/pipeline/finalize"
	"github.com/messageai/sluice/internal/pipeline/plan"
	"github.com/messageai/sluice/internal/pipeline/push"
	"github.com/messageai/sluice/internal/pipeline/score"
	"github.com/messageai/sluice/internal/task"
)

// shard is the only line of the plan.
var shard = domain.DiscoverShard{ID: "s0000", Source: "apollo", Queue: "discover"}

// refusal is the answer of a function or worker that fails.
type refusal struct {
	kind  fault.Kind
	cause string
}

// workers stand for everything that the machine sends work to: each function, by
// the name that it has in the machine, and each queue, by its URL. They note what
// they were asked, as the types that the real ones decode it into.
type workers struct {
	answers map[string][]any // in order; the last one again and again

	t       *testing.T // of the bubble
	mu      sync.Mutex
	service *stepfunctions.Service
	asked   []any
}

// next returns the next answer of a function or queue.
func (w *workers) next(name string) any {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.answers[name]
	if len(all) == 0 {
		w.t.Errorf("nobody expected that %q is asked", name)
		return nil
	}
	if len(all) > 1 {
		w.answers[name] = all[1:]
	}
	return all[0]
}

func (w *workers) note(request any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, request)
}

// decoded decodes what a worker is sent and refuses fields that it does not read.
func decoded[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Errorf("%s: %v", raw, err)
	}
	return v
}

// InvokeLambda implements stepfunctions.Integrations.
func (w *workers) InvokeLambda(_ context.Context, _ *iam.Principal, function string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
	switch function {
	case "PlanFunction":
		w.note(decoded[plan.Input](w.t, payload))
	case "ScoreFunction":
		w.note(decoded[score.Input](w.t, payload))
	case "ConvertFunction":
		w.note(decoded[convert.Input](w.t, payload))
	default: // gets the whole state, of which it reads a part
		var in finalize.Input
		if err := json.Unmarshal(payload, &in); err != nil {
			return stepfunctions.LambdaResult{}, err
		}
		w.note(in)
	}
	answer := w.next(function)
	result := stepfunctions.LambdaResult{}
	if no, ok := answer.(refusal); ok {
		result.FunctionError = "Unhandled"
		answer = map[string]string{"errorType": string(no.kind), "errorMessage": no.cause}
	}
	var err error
	result.Payload, err = json.Marshal(answer)
	return result, err
}

// SendMessage implements stepfunctions.Integrations.
func (w *workers) SendMessage(_ context.Context, _ *iam.Principal, input json.RawMessage) (json.RawMessage, error) {
	in := decoded[struct{ QueueUrl, MessageBody string }](w.t, input) //nolint:revive // AWS's name
	m := decoded[task.Message](w.t, []byte(in.MessageBody))
	if m.Token == "" || m.Queue != in.QueueUrl {
		w.t.Errorf("to %q: %s", in.QueueUrl, in.MessageBody)
	}
	answer := map[string]any{"taskToken": m.Token}
	m.Token = ""
	if m.Shard != nil {
		if diff := cmp.Diff(shard, decoded[domain.DiscoverShard](w.t, m.Shard)); diff != "" {
			w.t.Errorf("shard (-want +got):\n%s", diff)
		}
		m.Shard = nil
	}
	w.note(m)
	operation := "SendTaskSuccess"
	switch v := w.next(in.QueueUrl).(type) {
	case refusal:
		operation, answer["error"], answer["cause"] = "SendTaskFailure", v.kind, v.cause
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		answer["output"] = string(text)
	}
	go w.call(operation, answer, nil)
	return json.RawMessage(`{"MessageId":"m","MD5OfMessageBody":"d"}`), nil
}

// GetObject implements stepfunctions.Objects: the plan.
func (w *workers) GetObject(context.Context, *iam.Principal, string, string) ([]byte, error) {
	return json.Marshal(shard)
}

// PutObject implements stepfunctions.Objects.
func (w *workers) PutObject(context.Context, *iam.Principal, string, string, []byte) error {
	return nil
}

// ListObjects implements stepfunctions.Objects: the only chunk.
func (w *workers) ListObjects(context.Context, *iam.Principal, string, string, string) ([]stepfunctions.Object, string, error) {
	return []stepfunctions.Object{{Key: "runs/r/s0000-0001"}}, "", nil
}

// call performs one call of Step Functions and decodes the answer into out.
func (w *workers) call(operation string, in map[string]any, out any) {
	body, err := json.Marshal(in)
	var answer any
	if err == nil {
		answer, err = w.service.Handle(w.t.Context(), &wire.Call{Service: "states", Operation: operation, Body: body})
	}
	if err == nil && out != nil {
		body, err = json.Marshal(answer)
		err = errors.Join(err, json.Unmarshal(body, out))
	}
	if err != nil {
		w.t.Errorf("%s: %v", operation, err)
	}
}

// occurrence is an event of a history, as far as the tests read it.
type occurrence struct {
	Type    string
	Entered struct{ Name string }  `json:"stateEnteredEventDetails"`
	Failed  struct{ Cause string } `json:"evaluationFailedEventDetails"`
}

// run runs the campaign's machine to its end and returns how that was, and the
// events of the execution and of all its children.
func (w *workers) run(t *testing.T, input string) (ended string, events []occurrence) {
	t.Helper()
	text, err := sluice.Deploy.ReadFile("statemachines/campaign.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	definition := regexp.MustCompile(`\$\{(\w+)\}`).ReplaceAllString(string(text), "$1")
	synctest.Test(t, func(t *testing.T) {
		s, err := stepfunctions.New(stepfunctions.Options{Region: "us-east-1", Account: "111111111111", Integrations: w, Objects: w})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		w.t, w.service = t, s
		var machine struct{ StateMachineArn string }
		w.call("CreateStateMachine", map[string]any{"name": "campaign", "definition": definition, "roleArn": "arn:aws:iam::111111111111:role/machine"}, &machine)
		var x struct{ ExecutionArn, Status, Error string }
		w.call("StartExecution", map[string]any{"stateMachineArn": machine.StateMachineArn, "input": input}, &x)
		for x.Status = "RUNNING"; x.Status == "RUNNING"; time.Sleep(time.Minute) {
			w.call("DescribeExecution", map[string]any{"executionArn": x.ExecutionArn}, &x)
		}
		ended = strings.TrimSpace(x.Status + " " + x.Error)
		arns := []string{x.ExecutionArn}
		var runs struct{ MapRuns []struct{ MapRunArn string } }
		w.call("ListMapRuns", map[string]any{"executionArn": x.ExecutionArn}, &runs)
		for _, r := range runs.MapRuns {
			var children struct {
				Executions []struct{ ExecutionArn string }
			}
			w.call("ListExecutions", map[string]any{"mapRunArn": r.MapRunArn}, &children)
			for _, c := range children.Executions {
				arns = append(arns, c.ExecutionArn)
			}
		}
		for _, arn := range arns {
			var h struct{ Events []occurrence }
			w.call("GetExecutionHistory", map[string]any{"executionArn": arn, "maxResults": 1000}, &h)
			events = append(events, h.Events...)
		}
	})
	return ended, events
}

// What workers leave out of their answers, or leave empty, no state misses; and
// what they are sent are fields that they read, each with its own value. The
// answers are the zero values of the types that the functions return, with no
// more than what the way to a state takes.
func TestFieldsThatWorkersLeaveOut(t *testing.T) {
	t.Parallel()
	const first, again = `{"team":"t","campaignId":"c","runId":"r"}`, `{"team":"t","campaignId":"c","runId":"r","attempt":2}`
	run := domain.Ref{Team: "t", Campaign: "c", Run: "r"}
	chunk := run
	chunk.Chunk = "s0000-0001"
	ofShard := run
	ofShard.Chunk = shard.ID
	const doc = "runs/r/s0000-0001"
	discovery := task.Message{Ref: ofShard, Provider: "apollo", Queue: "discover"}
	later := func(kind fault.Kind) refusal { return refusal{kind, "2000-01-01T05:00:00Z"} }
	toCRM, noTargets := []finalize.Target{{Name: "hub", Queue: "push"}}, []finalize.Target{}
	entered := map[string]bool{}
	for _, c := range []struct {
		name, input string
		answers     map[string][]any
		ended       string
		asked       []any
	}{
		{
			name: "nothing is found", input: first, ended: "SUCCEEDED",
			answers: map[string][]any{"PlanFunction": {plan.Output{}}, "discover": {discover.Output{}}, "FinalizeFunction": {finalize.Output{}}},
			asked:   []any{plan.Input{Ref: run}, task.Message{Ref: domain.Ref{Chunk: shard.ID}, Provider: "apollo", Queue: "discover"}, finalize.Input{}},
		},
		{
			name: "a chunk that nobody enriches", input: first, ended: "SUCCEEDED",
			answers: map[string][]any{
				"PlanFunction": {plan.Output{Ref: run}}, "discover": {discover.Output{Chunks: 1}},
				"ScoreFunction": {score.Output{}}, "ConvertFunction": {convert.Output{}}, "FinalizeFunction": {finalize.Output{}},
			},
			asked: []any{
				plan.Input{Ref: run},
				discovery,
				score.Input{Ref: chunk, Doc: doc, Phase: score.Prescore},
				score.Input{Ref: chunk, Phase: score.Score, Skipped: []task.Skip{}},
				convert.Input{Ref: chunk},
				finalize.Input{Ref: run},
			},
		},
		{
			name: "a chunk that goes all the way", input: first, ended: "SUCCEEDED",
			answers: map[string][]any{
				"PlanFunction": {plan.Output{Ref: run, Waterfall: []plan.Target{{Provider: "a", Queue: "enrich"}}, CRMs: []plan.Target{{Provider: "hub", Queue: "push"}}}},
				"discover":     {discover.Output{Chunks: 1}}, "ScoreFunction": {score.Output{Doc: "prescored", Next: "a"}, score.Output{Doc: "scored"}},
				"enrich": {enrich.Output{}}, "ConvertFunction": {convert.Output{Doc: "converted", Leads: 1}}, "push": {push.Output{}}, "FinalizeFunction": {finalize.Output{}},
			},
			asked: []any{
				plan.Input{Ref: run},
				discovery,
				score.Input{Ref: chunk, Doc: doc, Phase: score.Prescore},
				task.Message{Ref: chunk, Doc: "prescored", Provider: "a", Skipped: []task.Skip{}, Queue: "enrich"},
				score.Input{Ref: chunk, Phase: score.Score},
				convert.Input{Ref: chunk, Doc: "scored"},
				task.Message{Ref: chunk, Doc: "converted", Provider: "hub", Queue: "push"},
				finalize.Input{Ref: run, Waterfall: []finalize.Target{{Name: "a", Queue: "enrich"}}, CRMs: toCRM},
			},
		},
		{
			name: "a run that is tried again, and has nothing to do", input: again, ended: "SUCCEEDED",
			answers: map[string][]any{"FinalizeFunction": {finalize.Output{Reopened: &finalize.Reopened{}}, finalize.Output{}}},
			asked:   []any{finalize.Input{Ref: run, Attempt: 2, Reopen: true}, finalize.Input{}},
		},
		{
			name: "a run that is tried again", input: again, ended: "SUCCEEDED",
			answers: map[string][]any{
				"FinalizeFunction": {finalize.Output{Reopened: &finalize.Reopened{Ref: run, Attempt: 2, Chunks: 1, CRMs: toCRM}}, finalize.Output{}},
				"ScoreFunction":    {score.Output{}}, "ConvertFunction": {convert.Output{Leads: 1}}, "push": {push.Output{}},
			},
			asked: []any{
				finalize.Input{Ref: run, Attempt: 2, Reopen: true},
				score.Input{Ref: chunk, Doc: doc, Phase: score.Prescore},
				score.Input{Ref: chunk, Phase: score.Score, Skipped: []task.Skip{}},
				convert.Input{Ref: chunk},
				task.Message{Ref: chunk, Provider: "hub", Attempt: 2, Queue: "push"},
				finalize.Input{Ref: run, Attempt: 2, CRMs: toCRM},
			},
		},
		{
			name: "waits, and providers that are given up", input: first, ended: "SUCCEEDED",
			answers: map[string][]any{
				"PlanFunction": {plan.Output{Ref: run, Waterfall: []plan.Target{{Provider: "a", Queue: "enrich-a"}, {Provider: "b", Queue: "enrich-b"}}, CRMs: []plan.Target{{Provider: "hub", Queue: "push"}}}},
				"discover":     {later(fault.RateLimited), discover.Output{Chunks: 1}}, "ScoreFunction": {score.Output{Next: "a"}, score.Output{}},
				"enrich-a": {later(fault.CircuitOpen), refusal{kind: fault.NotFound}}, "enrich-b": {enrich.Output{}},
				"ConvertFunction": {convert.Output{Leads: 1}}, "push": {later(fault.QuotaExhausted), refusal{kind: fault.Forbidden}}, "FinalizeFunction": {finalize.Output{}},
			},
			asked: []any{
				plan.Input{Ref: run},
				discovery, discovery,
				score.Input{Ref: chunk, Doc: doc, Phase: score.Prescore},
				task.Message{Ref: chunk, Provider: "a", Skipped: []task.Skip{}, Queue: "enrich-a"},
				task.Message{Ref: chunk, Provider: "a", Skipped: []task.Skip{}, Queue: "enrich-a"},
				task.Message{Ref: chunk, Provider: "b", Turn: 1, Skipped: []task.Skip{{Provider: "a", Error: "NotFound"}}, Queue: "enrich-b"},
				score.Input{Ref: chunk, Phase: score.Score},
				convert.Input{Ref: chunk},
				task.Message{Ref: chunk, Provider: "hub", Queue: "push"},
				task.Message{Ref: chunk, Provider: "hub", Queue: "push"},
				finalize.Input{Ref: run, Waterfall: []finalize.Target{{Name: "a", Queue: "enrich-a"}, {Name: "b", Queue: "enrich-b"}}, CRMs: toCRM},
			},
		},
		{
			name: "a shard, a chunk and the run fail", input: first, ended: "FAILED Internal",
			answers: map[string][]any{
				"PlanFunction": {plan.Output{Ref: run}}, "discover": {refusal{kind: fault.NotFound}}, "ScoreFunction": {refusal{kind: fault.InvalidInput}},
				"FinalizeFunction": {finalize.Output{}, refusal{kind: fault.Internal}, finalize.Output{}},
			},
			asked: []any{
				plan.Input{Ref: run},
				discovery,
				score.Input{Ref: chunk, Doc: doc, Phase: score.Prescore},
				finalize.Input{Ref: chunk, Doc: doc, Waterfall: noTargets, CRMs: noTargets, Failure: &finalize.Failure{Error: "InvalidInput", Cause: `{"errorMessage":"","errorType":"InvalidInput"}`}},
				finalize.Input{Ref: run},
				finalize.Input{Ref: run, Failure: &finalize.Failure{Error: "Internal", Cause: `{"errorMessage":"","errorType":"Internal"}`}},
			},
		},
		{name: "no run is named", input: `{}`, ended: "FAILED InvalidInput"},
	} {
		w := &workers{answers: c.answers}
		ended, events := w.run(t, c.input)
		if ended != c.ended {
			t.Errorf("%s: ended as %s, want %s", c.name, ended, c.ended)
		}
		if diff := cmp.Diff(c.asked, w.asked); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", c.name, diff)
		}
		for _, e := range events {
			entered[e.Entered.Name] = true
			if e.Type == "EvaluationFailed" {
				t.Errorf("%s: %s", c.name, e.Failed.Cause)
			}
		}
	}
	_, all := machines(t)
	for _, d := range all {
		d.machine.each(func(path string, _ *state) {
			if name := path[strings.LastIndexByte(path, '/')+1:]; !entered[name] {
				t.Errorf("no case comes through %s", path)
			}
		})
	}
}

// A provider whose queue is not known is given up like one that fails; and its
// turn does not go to the queue of the one before.
func TestProviderWithoutAQueueIsSkipped(t *testing.T) {
	t.Parallel()
	run := domain.Ref{Team: "t", Campaign: "c", Run: "r"}
	again := finalize.Reopened{Ref: run, Attempt: 1, Chunks: 1, Waterfall: []finalize.Target{{Name: "a"}, {Name: "b", Queue: "enrich-b"}, {Name: "d"}}}
	chunk := run
	chunk.Chunk = "s0000-0001"
	skipped := []task.Skip{{Provider: "a", Error: "States.QueryEvaluationError"}, {Provider: "d", Error: "States.QueryEvaluationError"}}
	w := &workers{answers: map[string][]any{
		"FinalizeFunction": {finalize.Output{Reopened: &again}, finalize.Output{}},
		"ScoreFunction":    {score.Output{Next: "a"}, score.Output{}},
		"enrich-b":         {enrich.Output{Next: "d", Skipped: skipped[:1]}, enrich.Output{Skipped: skipped}},
		"ConvertFunction":  {convert.Output{}},
	}}
	ended, events := w.run(t, `{"team":"t","campaignId":"c","runId":"r","attempt":1}`)
	if ended != "SUCCEEDED" {
		t.Errorf("ended as %s", ended)
	}
	want := []any{
		finalize.Input{Ref: run, Attempt: 1, Reopen: true},
		score.Input{Ref: chunk, Doc: "runs/r/s0000-0001", Phase: score.Prescore},
		task.Message{Ref: chunk, Provider: "b", Turn: 1, Skipped: skipped[:1], Attempt: 1, Queue: "enrich-b"},
		task.Message{Ref: chunk, Provider: "b", Turn: 3, Skipped: skipped, Attempt: 1, Queue: "enrich-b"},
		score.Input{Ref: chunk, Phase: score.Score, Skipped: skipped},
		convert.Input{Ref: chunk},
		finalize.Input{Ref: run, Attempt: 1, Waterfall: again.Waterfall},
	}
	if diff := cmp.Diff(want, w.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	count := map[string]int{}
	for _, e := range events {
		count[e.Type+" "+e.Entered.Name]++
	}
	for name, n := range map[string]int{"PassStateEntered EnricherSkipped": 2, "TaskStateEntered Score": 1, "ExecutionSucceeded ": 2} {
		if count[name] != n {
			t.Errorf("%s: %d times, want %d: %v", name, count[name], n, count)
		}
	}
}
