package stepfunctions_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
)

// A redrive is a transition, and so is each state that it runs again, and the
// start of each child (AWS's price list). What had succeeded is not paid again.
func TestRedriveIsBilled(t *testing.T) {
	t.Parallel()
	const call = `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":"{% $states.input %}"},"Output":"{% $states.result.Payload %}",`
	for name, c := range map[string]struct {
		states         string
		stop           bool // the execution does not fail by itself
		first, redrive float64
	}{
		"a task":                      {`"A":{"Type":"Pass","Next":"B"},"B":` + call + `"Next":"C"},"C":{"Type":"Pass","End":true}`, false, 2, 1 + 1 + 1},
		"a task that is tried again":  {`"A":` + call + `"Retry":[{"ErrorEquals":["Broken"],"MaxAttempts":2}],"End":true}`, false, 3, 1 + 1},
		"a task after its last retry": {`"A":` + call + `"Retry":[{"ErrorEquals":["Broken"],"IntervalSeconds":7200}],"End":true}`, true, 1, 1 + 1},
		"a state that learns nothing": {`"A":{"Type":"Pass","Output":"{% $states.input.x %}","End":true}`, false, 1, 1 + 1},
		"a wait":                      {`"A":{"Type":"Wait","Seconds":7200,"Next":"B"},"B":{"Type":"Pass","End":true}`, true, 1, 1 + 1 + 1},
		"a branch, and the state around it": {`"A":{"Type":"Parallel","End":true,"Branches":[
			{"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}},
			{"StartAt":"Y","States":{"Y":{"Type":"Wait","Seconds":1,"Next":"Z"},"Z":` + call + `"End":true}}}]}`, false, 4, 1 + 2},
		"a map run, the child that failed and the one that had not begun": {`"A":{"Type":"Map","Items":[1,2,3],"MaxConcurrency":1,"End":true,
			"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"X","States":{"X":` + call + `"End":true}}}}`, false, 1 + 4, 2 + 2 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var m meter.Meter
				billed := func(since meter.Reading) float64 { return m.Read().Sub(since).Count(meter.StateTransitions) }
				w := newWorld()
				var mended atomic.Bool
				w.functions = func(_ string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
					if !mended.Load() && !strings.HasPrefix(string(payload), "1") {
						return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Broken"}`)}, nil
					}
					return stepfunctions.LambdaResult{Payload: json.RawMessage(`"done"`)}, nil
				}
				path := filepath.Join(t.TempDir(), "journal")
				j := openJournal(t, path)
				s := w.start(t, stepfunctions.Options{Journal: j, Meter: &m})
				arn, err := createMachine(t, s, "machine", machineOf(c.states))
				if err != nil {
					t.Fatal(err)
				}
				x := start(t, s, arn, "one", `{}`)
				time.Sleep(time.Hour)
				if c.stop {
					if err := do(t, s, "StopExecution", map[string]any{"executionArn": x}, nil); err != nil {
						t.Fatal(err)
					}
				}
				if got := billed(meter.Reading{}); got != c.first {
					t.Errorf("at first: %v transitions, want %v", got, c.first)
				}
				mended.Store(true)
				before := m.Read()
				if err := do(t, s, "RedriveExecution", map[string]any{"executionArn": x}, nil); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // and a new process goes on
				closeService(t, s)
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				j = openJournal(t, path)
				s = w.start(t, stepfunctions.Options{Journal: j, Meter: &m})
				s.Resume()
				waitEnded(t, s, x)
				if got := billed(before); got != c.redrive {
					t.Errorf("redriven: %v transitions, want %v", got, c.redrive)
				}
				closeService(t, s)
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// "The retry attempt count for these states is reset to 0" by a redrive
// (developer guide, "Restarting state machine executions with redrive"): also if
// the execution was stopped during a later attempt, or while it waited for one,
// and also for a process that comes after.
func TestRedriveCountsRetriesAnew(t *testing.T) {
	t.Parallel()
	const retry = `"Retry":[{"ErrorEquals":["Retryable"],"IntervalSeconds":600,"BackoffRate":1,"MaxAttempts":2}],"End":true}`
	const ask = `"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Arguments":{"QueueUrl":"q","MessageBody":{"token":"{% $states.context.Task.Token %}","retry":"{% $states.context.State.RetryCount %}"}},`
	for name, c := range map[string]struct {
		states string
		stop   time.Duration
		want   []int // retries that the messages tell of
	}{
		"in the third attempt":             {`"A":{` + ask + retry, 25 * time.Minute, []int{0, 1, 2, 0, 1, 2}},
		"before the third attempt":         {`"A":{` + ask + retry, 15 * time.Minute, []int{0, 1, 0, 1, 2}},
		"in the third attempt around it":   {`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{` + ask + `"End":true}}}],` + retry, 25 * time.Minute, []int{0, 0, 0, 0, 0, 0}},
		"before the third attempt around":  {`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{` + ask + `"End":true}}}],` + retry, 15 * time.Minute, []int{0, 0, 0, 0, 0}},
		"in the third map run of children": {`"A":{"Type":"Map","Items":[1],"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"B","States":{"B":{` + ask + `"End":true}}},"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":600,"BackoffRate":1,"MaxAttempts":2}],"End":true}`, 25 * time.Minute, []int{0, 0, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				var mu sync.Mutex
				var told []int
				w.answer = func(s *stepfunctions.Service, _, body string) {
					var m struct {
						Token string
						Retry int
					}
					if err := json.Unmarshal([]byte(body), &m); err != nil {
						t.Error(err)
					}
					mu.Lock()
					told = append(told, m.Retry)
					so := slices.Clone(told)
					mu.Unlock()
					switch n := len(so); {
					case n == len(c.want):
						succeed(t, s, m.Token, `"done"`)
					case n == 3 && slices.Equal(so, c.want[:3]) && c.stop > 20*time.Minute: // it is stopped meanwhile
					default:
						if err := do(t, s, "SendTaskFailure", map[string]any{"taskToken": m.Token, "error": "Retryable"}, nil); err != nil {
							t.Error(err)
						}
					}
				}
				path := filepath.Join(t.TempDir(), "journal")
				j := openJournal(t, path)
				s := w.start(t, stepfunctions.Options{Journal: j})
				again := func() { // in a new process
					closeService(t, s)
					if err := j.Close(); err != nil {
						t.Fatal(err)
					}
					j = openJournal(t, path)
					s = w.start(t, stepfunctions.Options{Journal: j})
					s.Resume()
				}
				arn, err := createMachine(t, s, "machine", machineOf(c.states))
				if err != nil {
					t.Fatal(err)
				}
				x := start(t, s, arn, "one", `{}`)
				time.Sleep(c.stop)
				if err := do(t, s, "StopExecution", map[string]any{"executionArn": x}, nil); err != nil {
					t.Fatal(err)
				}
				again()
				time.Sleep(time.Hour)
				if err := do(t, s, "RedriveExecution", map[string]any{"executionArn": x}, nil); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					time.Sleep(5 * time.Minute)
					again()
					time.Sleep(5 * time.Minute)
				}
				if d := waitEnded(t, s, x); d.Status != "SUCCEEDED" {
					t.Errorf("%+v", d)
				}
				mu.Lock()
				defer mu.Unlock()
				if diff := cmp.Diff(c.want, told); diff != "" {
					t.Errorf("retries (-want +got):\n%s", diff)
				}
				closeService(t, s)
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
