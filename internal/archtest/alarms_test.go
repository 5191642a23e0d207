package archtest_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/localaws/template"
)

func TestQueues(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	timeouts := map[string]time.Duration{}
	for _, f := range s.Functions {
		timeouts[f.Name] = f.Timeout
	}
	targets := map[string]string{}
	for _, q := range s.Queues {
		if q.DeadLetterARN == "" {
			continue
		}
		if other := targets[q.DeadLetterARN]; other != "" {
			t.Errorf("%s and %s share a dead-letter queue; an alarm could not say whose letters those are", q.LogicalID, other)
		}
		targets[q.DeadLetterARN] = q.LogicalID
		if q.MaxReceiveCount < 3 {
			t.Errorf("%s gives a message up after %d receipts; two killed workers are no reason to", q.LogicalID, q.MaxReceiveCount)
		}
	}
	for _, q := range s.Queues {
		if q.DeadLetterARN == "" && targets[q.ARN] == "" {
			t.Errorf("%s has no dead-letter queue", q.LogicalID)
		}
		if q.Attributes["SqsManagedSseEnabled"] != "true" {
			t.Errorf("%s is not encrypted", q.LogicalID)
		}
		days := 14 * 24 * time.Hour
		if seconds, err := strconv.Atoi(q.Attributes["MessageRetentionPeriod"]); err != nil || time.Duration(seconds)*time.Second != days {
			t.Errorf("%s keeps messages for %q seconds, want fourteen days: a paused run may be resumed late", q.LogicalID, q.Attributes["MessageRetentionPeriod"])
		}
		polled := false
		for _, m := range s.Mappings {
			if m.QueueARN != q.ARN {
				continue
			}
			polled = true
			if least := 6 * timeouts[m.Function]; q.Visibility < least {
				t.Errorf("%s shows a message again after %s; %s may run for %s, and AWS advises six times that", q.LogicalID, q.Visibility, m.Function, timeouts[m.Function])
			}
			if !m.ReportBatchItemFailures {
				t.Errorf("%s of %s repeats the whole batch if one message fails", m.Function, q.LogicalID)
			}
			if m.MaximumConcurrency == 0 {
				t.Errorf("%s of %s has no MaximumConcurrency; a throttled provider would take the account's", m.Function, q.LogicalID)
			}
		}
		if !polled {
			t.Errorf("nobody reads %s", q.LogicalID)
		}
	}
}

// alarm is what the checks read of an AWS::CloudWatch::Alarm.
type alarm struct {
	id, metric, on, runbook string // on: logical id of the resource that the first dimension names
}

var runbook = regexp.MustCompile(`Runbook ([a-z-]+)\.$`)

func alarms(t *testing.T, s stack) []alarm {
	t.Helper()
	var all []alarm
	for _, id := range s.ofType("AWS::CloudWatch::Alarm") {
		p := s.resources[id].Properties
		a := alarm{id: id}
		a.metric, _ = p["MetricName"].(string)
		description, _ := p["AlarmDescription"].(string)
		if m := runbook.FindStringSubmatch(description); m != nil {
			a.runbook = m[1]
		} else {
			t.Errorf("%s: the description %q does not end with \"Runbook <name>.\"", id, description)
		}
		dimensions, _ := p["Dimensions"].([]any)
		if len(dimensions) > 0 {
			first, _ := dimensions[0].(map[string]any)
			a.on = resourceOf(first["Value"])
		}
		actions, _ := p["AlarmActions"].([]any)
		if len(actions) == 0 || s.resources[resourceOf(actions[0])].Type != "AWS::SNS::Topic" {
			t.Errorf("%s tells nobody", id)
		}
		all = append(all, a)
	}
	return all
}

// resourceOf returns the logical id of a Ref or GetAtt.
func resourceOf(v any) string {
	m, _ := v.(map[string]any)
	if id, ok := m["Ref"].(string); ok {
		return id
	}
	text, _ := m["Fn::GetAtt"].(string)
	id, _, _ := strings.Cut(text, ".")
	return id
}

func TestEveryQueueHasItsAlarms(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	all := alarms(t, s)
	for _, q := range s.Queues {
		if q.DeadLetterARN == "" {
			continue
		}
		dead := s.Queues[slices.IndexFunc(s.Queues, func(d template.Queue) bool { return d.ARN == q.DeadLetterARN })]
		want := []alarm{
			{metric: "ApproximateNumberOfMessagesVisible", on: dead.LogicalID, runbook: "dead-letters"},
			{metric: "ApproximateAgeOfOldestMessage", on: q.LogicalID, runbook: "queue-age"},
		}
		for _, w := range want {
			if !slices.ContainsFunc(all, func(a alarm) bool { return a.metric == w.metric && a.on == w.on && a.runbook == w.runbook }) {
				t.Errorf("no alarm watches %s of %s with the runbook %s", w.metric, w.on, w.runbook)
			}
		}
	}
	for _, id := range s.ofType("AWS::Serverless::StateMachine") {
		for _, metric := range []string{"ExecutionsFailed", "ExecutionsTimedOut"} {
			if !slices.ContainsFunc(all, func(a alarm) bool { return a.metric == metric && a.on == id && a.runbook == "executions-failed" }) {
				t.Errorf("no alarm watches %s of %s", metric, id)
			}
		}
	}
}

// An event that a function was sent and failed on three times is gone, and only a
// metric tells of it.
func TestALostEventIsNoticed(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	all := alarms(t, s)
	watched := 0
	for _, id := range s.ofType("AWS::Serverless::Function") {
		events, _ := s.resources[id].Properties["Events"].(map[string]any)
		for _, e := range events {
			event, _ := e.(map[string]any)
			if kind := event["Type"]; kind != "EventBridgeRule" && kind != "Schedule" && kind != "ScheduleV2" {
				continue // somebody waits for the answer
			}
			watched++
			if !slices.ContainsFunc(all, func(a alarm) bool {
				return a.metric == "AsyncEventsDropped" && a.on == id && a.runbook == "executions-failed"
			}) {
				t.Errorf("no alarm watches AsyncEventsDropped of %s with the runbook executions-failed", id)
			}
		}
	}
	if watched == 0 {
		t.Error("no function is sent events")
	}
}

// Whoever is woken finds a page that says what to do, and no page is left over.
func TestEveryAlarmHasARunbook(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	unused := map[string]bool{}
	for _, p := range pages {
		unused[strings.TrimSuffix(filepath.Base(p), ".md")] = true
	}
	for _, a := range alarms(t, deployment(t)) {
		if _, err := os.Stat(filepath.Join(root, "docs", "runbooks", a.runbook+".md")); err != nil {
			t.Errorf("%s names the runbook %q, which is not in docs/runbooks", a.id, a.runbook)
		}
		delete(unused, a.runbook)
	}
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		t.Errorf("no alarm names docs/runbooks/%s.md", name)
	}
}
