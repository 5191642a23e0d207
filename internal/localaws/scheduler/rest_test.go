package scheduler_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/scheduler"
)

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, scheduler.Options{})
		defer closeService(t, s)
		root := connect(s, nil)
		own := "arn:aws:scheduler:us-east-1:123456789012:schedule/default/"
		caller := connect(s, &iam.Principal{ARN: "arn:aws:iam::123456789012:role/x", Statements: []iam.Statement{
			{Effect: "Allow", Actions: []string{"scheduler:*"}, Resources: []string{own + "mine*"}},
		}})
		first := input("taken", "rate(1 hour)")
		first.ClientToken = aws.String("token-1")
		create(t, root, first)
		create(t, root, first) // the same call again

		change := func(edit func(*api.CreateScheduleInput)) func() error {
			in := input("new", "rate(1 hour)")
			edit(in)
			return func() error { _, err := root.CreateSchedule(t.Context(), in); return err }
		}
		got := map[string]string{}
		for name, call := range map[string]func() error{
			"taken":      change(func(in *api.CreateScheduleInput) { in.Name = aws.String("taken") }),
			"name":       change(func(in *api.CreateScheduleInput) { in.Name = aws.String("a b") }),
			"group":      change(func(in *api.CreateScheduleInput) { in.GroupName = aws.String("g") }),
			"expression": change(func(in *api.CreateScheduleInput) { in.ScheduleExpression = aws.String("rate(10 seconds)") }),
			"zone":       change(func(in *api.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Local") }),
			"state":      change(func(in *api.CreateScheduleInput) { in.State = "ON" }),
			"start":      change(func(in *api.CreateScheduleInput) { in.StartDate = aws.Time(time.Now().Add(-time.Hour)) }),
			"end":        change(func(in *api.CreateScheduleInput) { in.EndDate = aws.Time(time.Now().Add(-time.Hour)) }),
			"window":     change(func(in *api.CreateScheduleInput) { in.FlexibleTimeWindow.MaximumWindowInMinutes = aws.Int32(5) }),
			"mode":       change(func(in *api.CreateScheduleInput) { in.FlexibleTimeWindow.Mode = "SOME" }),
			"target": change(func(in *api.CreateScheduleInput) {
				in.Target.Arn = aws.String("arn:aws:sns:us-east-1:123456789012:topic")
			}),
			"role":  change(func(in *api.CreateScheduleInput) { in.Target.RoleArn = aws.String("role") }),
			"input": change(func(in *api.CreateScheduleInput) { in.Target.Input = aws.String("{") }),
			"retries": change(func(in *api.CreateScheduleInput) {
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186)}
			}),
			"age": change(func(in *api.CreateScheduleInput) {
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(59)}
			}),
			"dead": change(func(in *api.CreateScheduleInput) {
				in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("x")}
			}),
			"get absent": func() error {
				_, err := root.GetSchedule(t.Context(), &api.GetScheduleInput{Name: aws.String("no")})
				return err
			},
			"delete absent": func() error {
				_, err := root.DeleteSchedule(t.Context(), &api.DeleteScheduleInput{Name: aws.String("no")})
				return err
			},
			"not allowed": func() error {
				_, err := caller.GetSchedule(t.Context(), &api.GetScheduleInput{Name: aws.String("taken")})
				return err
			},
			"pass role": func() error { _, err := caller.CreateSchedule(t.Context(), input("mine", "rate(1 hour)")); return err },
			"group list": func() error {
				_, err := root.ListScheduleGroups(t.Context(), &api.ListScheduleGroupsInput{})
				return err
			},
		} {
			e, ok := errors.AsType[smithy.APIError](call())
			if !ok {
				t.Errorf("%s: no API error", name)
				continue
			}
			got[name] = e.ErrorCode()
		}
		want := map[string]string{
			"taken": "ConflictException", "group": "ResourceNotFoundException", "get absent": "ResourceNotFoundException", "delete absent": "ResourceNotFoundException",
			"not allowed": "AccessDeniedException", "pass role": "AccessDeniedException", "group list": "UnknownOperationException",
		}
		for _, name := range []string{"name", "expression", "zone", "state", "start", "end", "window", "mode", "target", "role", "input", "retries", "age", "dead"} {
			want[name] = "ValidationException"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPagesOfSchedules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, scheduler.Options{})
		defer closeService(t, s)
		c := connect(s, nil)
		for _, name := range []string{"b-2", "a", "b-1", "b-3"} {
			create(t, c, input(name, "rate(1 hour)"))
		}
		var names []string
		pages := api.NewListSchedulesPaginator(c, &api.ListSchedulesInput{NamePrefix: aws.String("b-"), MaxResults: aws.Int32(2)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, fmt.Sprint(len(page.Schedules)))
			for _, one := range page.Schedules {
				names = append(names, *one.Name)
			}
		}
		if diff := cmp.Diff([]string{"2", "b-1", "b-2", "1", "b-3"}, names); diff != "" {
			t.Error(diff)
		}
	})
}
