package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/scheduler"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const (
	functionARN = "arn:aws:lambda:us-east-1:123456789012:function:plan"
	machineARN  = "arn:aws:states:us-east-1:123456789012:stateMachine:campaign"
	queueARN    = "arn:aws:sqs:us-east-1:123456789012:dead"
	roleARN     = "arn:aws:iam::123456789012:role/scheduler"
)

// targets notes what is invoked, after failing as often as told.
type targets struct {
	began time.Time
	mu    sync.Mutex
	calls []string
	dead  []map[string]string // attributes of dead letters
	fail  []error
}

func (f *targets) call(role *iam.Principal, action, arn, what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !role.Allows(action, arn) {
		return wire.Errorf(403, "AccessDeniedException", "not allowed")
	}
	f.calls = append(f.calls, fmt.Sprintf("%s %s", time.Since(f.began), what))
	if len(f.fail) > 0 {
		err := f.fail[0]
		f.fail = f.fail[1:]
		return err
	}
	return nil
}

func (f *targets) InvokeFunction(_ context.Context, role *iam.Principal, arn string, payload []byte) error {
	return f.call(role, "lambda:InvokeFunction", arn, "invoke "+string(payload))
}

func (f *targets) StartExecution(_ context.Context, role *iam.Principal, arn, input string) error {
	return f.call(role, "states:StartExecution", arn, "start "+input)
}

func (f *targets) SendMessage(_ context.Context, role *iam.Principal, arn, body string, attributes map[string]string) error {
	f.dead = append(f.dead, attributes)
	return f.call(role, "sqs:SendMessage", arn, "dead "+body)
}

func (f *targets) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.calls
	f.calls = nil
	return out
}

// client calls a service in process, as the role caller.
type client struct {
	to     http.Handler
	caller *iam.Principal
}

func (c client) Do(r *http.Request) (*http.Response, error) {
	in := r.WithContext(wire.WithCall(r.Context(), &wire.Call{Service: "scheduler", RequestID: "1", Principal: c.caller}))
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	c.to.ServeHTTP(w, in)
	return w.Result(), nil
}

func connect(s *scheduler.Service, caller *iam.Principal) *api.Client {
	return api.NewFromConfig(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
		HTTPClient: client{to: s, caller: caller}, RetryMaxAttempts: 1,
	})
}

func open(t *testing.T, opts scheduler.Options) (*scheduler.Service, *targets) {
	t.Helper()
	to := &targets{began: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)} // when a bubble begins
	opts.Region, opts.Account, opts.Targets = "us-east-1", "123456789012", to
	s, err := scheduler.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	return s, to
}

func input(name, expression string) *api.CreateScheduleInput {
	return &api.CreateScheduleInput{
		Name: &name, ScheduleExpression: &expression, FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: aws.String(functionARN), RoleArn: aws.String(roleARN), Input: aws.String(`"` + name + `"`)},
	}
}

func create(t *testing.T, c *api.Client, in *api.CreateScheduleInput) {
	t.Helper()
	if _, err := c.CreateSchedule(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func closeService(t *testing.T, s *scheduler.Service) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble begins at midnight UTC, 2000-01-01
		s, to := open(t, scheduler.Options{})
		defer closeService(t, s)
		c := connect(s, nil)

		every := input("every", "rate(20 minutes)")
		every.EndDate = aws.Time(time.Now().Add(41 * time.Minute))
		every.Target.Input = aws.String(`{"at":"<aws.scheduler.scheduled-time>","n":"<aws.scheduler.attempt-number>"}`)
		create(t, c, every)
		once := input("once", "at(2000-01-01T01:30:00)")
		once.ScheduleExpressionTimezone = aws.String("Europe/Berlin")
		once.ActionAfterCompletion = types.ActionAfterCompletionDelete
		once.Target.Arn = aws.String(machineARN)
		create(t, c, once)
		asleep := input("asleep", "rate(1 minute)")
		asleep.State = types.ScheduleStateDisabled
		create(t, c, asleep)
		create(t, c, input("gone", "cron(50 0 * * ? *)"))
		late := input("late", "cron(0 0 * * ? *)")
		late.StartDate = aws.Time(time.Now().Add(time.Hour))
		create(t, c, late)

		time.Sleep(45 * time.Minute)
		if _, err := c.DeleteSchedule(t.Context(), &api.DeleteScheduleInput{Name: aws.String("gone")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		want := []string{
			`0s invoke {"at":"2000-01-01T00:00:00Z","n":"1"}`, `20m0s invoke {"at":"2000-01-01T00:20:00Z","n":"1"}`,
			`30m0s start "once"`, `40m0s invoke {"at":"2000-01-01T00:40:00Z","n":"1"}`,
		}
		if diff := cmp.Diff(want, to.seen()); diff != "" {
			t.Error(diff)
		}
		list, err := c.ListSchedules(t.Context(), &api.ListSchedulesInput{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, one := range list.Schedules {
			names = append(names, *one.Name)
		}
		if diff := cmp.Diff([]string{"asleep", "every", "late"}, names); diff != "" {
			t.Errorf("schedules left: %s", diff)
		}
	})
}

// A schedule without input sends the event that AWS sends.
func TestScheduledEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := open(t, scheduler.Options{})
		defer closeService(t, s)
		in := input("plain", "at(2000-01-01T00:01:00)")
		in.Target.Input = nil
		create(t, connect(s, nil), in)
		time.Sleep(time.Hour)
		seen := to.seen()
		if len(seen) != 1 {
			t.Fatalf("got %q, want one call", seen)
		}
		var event map[string]any
		_, payload, _ := strings.Cut(seen[0], "invoke ")
		if err := json.Unmarshal([]byte(payload), &event); err != nil {
			t.Fatal(err)
		}
		if id, _ := event["id"].(string); len(id) != 36 {
			t.Errorf("got id %q, want a UUID", id)
		}
		delete(event, "id")
		want := map[string]any{
			"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "123456789012", "time": "2000-01-01T00:01:00Z",
			"region": "us-east-1", "resources": []any{"arn:aws:scheduler:us-east-1:123456789012:schedule/default/plain"}, "detail": "{}",
		}
		if diff := cmp.Diff(want, event); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpdateReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := open(t, scheduler.Options{})
		defer closeService(t, s)
		c := connect(s, nil)
		in := input("a", "cron(0 3 * * ? *)")
		in.Description, in.ScheduleExpressionTimezone = aws.String("first"), aws.String("Asia/Tokyo")
		create(t, c, in)
		time.Sleep(time.Minute)
		if _, err := c.UpdateSchedule(t.Context(), &api.UpdateScheduleInput{
			Name: in.Name, ScheduleExpression: aws.String("cron(0 4 * * ? *)"), FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
		}); err != nil {
			t.Fatal(err)
		}
		got, err := c.GetSchedule(t.Context(), &api.GetScheduleInput{Name: in.Name})
		if err != nil {
			t.Fatal(err)
		}
		made := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		want := &api.GetScheduleOutput{
			Name: in.Name, Arn: aws.String("arn:aws:scheduler:us-east-1:123456789012:schedule/default/a"), GroupName: aws.String("default"),
			ScheduleExpression: aws.String("cron(0 4 * * ? *)"), ScheduleExpressionTimezone: aws.String("UTC"), State: types.ScheduleStateEnabled,
			ActionAfterCompletion: types.ActionAfterCompletionNone, FlexibleTimeWindow: in.FlexibleTimeWindow,
			CreationDate: &made, LastModificationDate: aws.Time(made.Add(time.Minute)),
			Target: &types.Target{
				Arn: in.Target.Arn, RoleArn: in.Target.RoleArn, Input: in.Target.Input,
				RetryPolicy: &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(86400), MaximumRetryAttempts: aws.Int32(185)},
			},
		}
		got.ResultMetadata = want.ResultMetadata
		if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool {
			return strings.Contains(p.String(), "noSmithy") || strings.Contains(p.String(), "ResultMetadata")
		}, cmp.Ignore())); diff != "" {
			t.Error(diff)
		}
		time.Sleep(24 * time.Hour)
		if diff := cmp.Diff([]string{`4h0m0s invoke "a"`}, to.seen()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRetriesAndDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := open(t, scheduler.Options{})
		defer closeService(t, s)
		c := connect(s, nil)
		broken := wire.Errorf(503, "ServiceException", "down")
		for _, one := range []struct {
			name string
			fail []error
			want []string
			dead map[string]string
		}{
			{"recovers", []error{broken, wire.Errorf(429, "TooManyRequestsException", "busy")}, []string{"0s invoke", "1s invoke", "3s invoke"}, nil},
			{
				"exhausted",
				[]error{broken, broken, broken, broken},
				[]string{"0s invoke", "1s invoke", "3s invoke", "3s dead"},
				map[string]string{"ERROR_CODE": "ServiceException", "ERROR_MESSAGE": "down", "RETRY_ATTEMPTS": "2", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts"},
			},
			{
				"absent",
				[]error{wire.Errorf(404, "ResourceNotFoundException", "no")},
				[]string{"0s invoke", "0s dead"},
				map[string]string{"ERROR_CODE": "ResourceNotFoundException", "ERROR_MESSAGE": "no", "RETRY_ATTEMPTS": "0"},
			},
		} {
			at := time.Now().Add(time.Hour).Truncate(time.Second)
			to.began, to.fail, to.dead = at, one.fail, nil
			in := input(one.name, "at("+at.UTC().Format("2006-01-02T15:04:05")+")")
			in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(2)}
			in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(queueARN)}
			create(t, c, in)
			time.Sleep(2 * time.Hour)
			var want []string
			for _, w := range one.want {
				want = append(want, w+` "`+one.name+`"`)
			}
			if diff := cmp.Diff(want, to.seen()); diff != "" {
				t.Errorf("%s: %s", one.name, diff)
			}
			if one.dead != nil {
				maps.Copy(one.dead, map[string]string{
					"IS_PAYLOAD_TRUNCATED": "false", "SCHEDULED_TIME": at.UTC().Format(time.RFC3339), "TARGET_ARN": functionARN,
					"SCHEDULE_ARN": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/" + one.name, "EXECUTION_ID": to.dead[0]["EXECUTION_ID"],
				})
				if diff := cmp.Diff(one.dead, to.dead[0]); diff != "" {
					t.Errorf("%s: attributes: %s", one.name, diff)
				}
			}
			to.fail = nil
		}
	})
}

// A role may do what its policies say, no more; without permission the target
// is not invoked, and it is not tried again.
func TestTargetsRunAsTheirRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		roles := map[string]*iam.Principal{roleARN: {ARN: roleARN, Statements: []iam.Statement{{Effect: "Allow", Actions: []string{"lambda:InvokeFunction"}, Resources: []string{functionARN}}}}}
		s, to := open(t, scheduler.Options{Role: func(arn string) *iam.Principal {
			if r, ok := roles[arn]; ok {
				return r
			}
			return &iam.Principal{ARN: arn}
		}})
		defer closeService(t, s)
		c := connect(s, nil)
		create(t, c, input("allowed", "at(2000-01-01T00:10:00)"))
		machine := input("other-target", "at(2000-01-01T00:10:00)")
		machine.Target.Arn = aws.String(machineARN)
		create(t, c, machine)
		stranger := input("other-role", "at(2000-01-01T00:10:00)")
		stranger.Target.RoleArn = aws.String(roleARN + "-2")
		create(t, c, stranger)
		time.Sleep(time.Hour)
		if diff := cmp.Diff([]string{`10m0s invoke "allowed"`}, to.seen()); diff != "" {
			t.Error(diff)
		}
	})
}

// A new process goes on with the schedules of the last one: what was missed
// fires once, a schedule that left the template is gone.
func TestSchedulesSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	synctest.Test(t, func(t *testing.T) {
		var got []string
		run := func(fixed []scheduler.Schedule, do func(*scheduler.Service)) {
			j, err := journal.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			s, to := open(t, scheduler.Options{Journal: j, Schedules: fixed})
			do(s)
			synctest.Wait()
			if err := errors.Join(s.Close(), j.Close()); err != nil {
				t.Fatal(err)
			}
			seen := to.seen()
			slices.Sort(seen)
			got = append(got, append(seen, "--")...)
		}
		own := func(name string) scheduler.Schedule {
			return scheduler.Schedule{
				Name: name, ScheduleExpression: "rate(1 day)", FlexibleTimeWindow: scheduler.Window{Mode: "OFF"},
				Target: scheduler.Target{Arn: functionARN, RoleArn: roleARN, Input: `"` + name + `"`},
			}
		}
		run([]scheduler.Schedule{own("kept"), own("dropped")}, func(s *scheduler.Service) {
			c := connect(s, nil)
			create(t, c, input("rate", "rate(10 minutes)"))
			create(t, c, input("once", "at(2000-01-01T01:00:00)"))
			create(t, c, input("deleted", "at(2000-01-01T01:00:00)"))
			if _, err := c.DeleteSchedule(t.Context(), &api.DeleteScheduleInput{Name: aws.String("deleted")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Minute)
		})
		time.Sleep(2 * time.Hour)
		run([]scheduler.Schedule{own("kept")}, func(*scheduler.Service) { time.Sleep(6 * time.Minute) })
		want := []string{
			`0s invoke "dropped"`, `0s invoke "kept"`, `0s invoke "rate"`, `10m0s invoke "rate"`, "--",
			`2h15m0s invoke "once"`, `2h15m0s invoke "rate"`, `2h20m0s invoke "rate"`, "--",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
