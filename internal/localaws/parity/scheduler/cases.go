// Package scheduler has the behaviour cases of its service; see package parity.
package scheduler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

const (
	functionARN = "arn:aws:lambda:us-east-1:123456789012:function:plan"
	roleARN     = "arn:aws:iam::123456789012:role/scheduler"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return slices.Concat(creating(), expressions(), reading(), changing())
}

func one(operation, name string, run func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error) parity.Case {
	return parity.Case{Service: "scheduler", Operation: operation, Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		return run(ctx, p, scheduler.NewFromConfig(p.Config))
	}}
}

// plain is a schedule that never fires during a case.
func plain(p *parity.Probe) *scheduler.CreateScheduleInput {
	return &scheduler.CreateScheduleInput{
		Name: aws.String(p.Name("a")), ScheduleExpression: aws.String("cron(0 3 1 1 ? 2199)"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target:             &types.Target{Arn: aws.String(functionARN), RoleArn: aws.String(roleARN)},
	}
}

// creation notes how CreateSchedule answers to a changed schedule.
func creation(name string, change func(in *scheduler.CreateScheduleInput)) parity.Case {
	return one("CreateSchedule", name, func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
		in := plain(p)
		change(in)
		_, err := c.CreateSchedule(ctx, in)
		p.Failed("create", err)
		return nil
	})
}

func creating() []parity.Case {
	return []parity.Case{
		one("CreateSchedule", "arn", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			out, err := c.CreateSchedule(ctx, plain(p))
			if err != nil {
				return err
			}
			p.Note("arn", *out.ScheduleArn)
			return nil
		}),
		one("CreateSchedule", "name-taken", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			if _, err := c.CreateSchedule(ctx, plain(p)); err != nil {
				return err
			}
			_, err := c.CreateSchedule(ctx, plain(p))
			p.Failed("again", err)
			return nil
		}),
		one("CreateSchedule", "same-client-token", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			in := plain(p)
			in.ClientToken = aws.String(p.Name("token"))
			if _, err := c.CreateSchedule(ctx, in); err != nil {
				return err
			}
			_, err := c.CreateSchedule(ctx, in)
			p.Failed("again", err)
			return nil
		}),
		creation("no-such-group", func(in *scheduler.CreateScheduleInput) { in.GroupName = aws.String("no-such-group") }),
		creation("start-long-ago", func(in *scheduler.CreateScheduleInput) {
			in.ScheduleExpression, in.StartDate = aws.String("cron(0 3 * * ? *)"), aws.Time(time.Now().Add(-time.Hour))
		}),
		creation("start-just-now", func(in *scheduler.CreateScheduleInput) {
			in.ScheduleExpression, in.StartDate = aws.String("cron(0 3 * * ? *)"), aws.Time(time.Now().Add(-time.Minute))
		}),
		refused("values", map[string]func(in *scheduler.CreateScheduleInput){
			"name with space":   func(in *scheduler.CreateScheduleInput) { in.Name = aws.String("a b") },
			"unknown time zone": func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Europe/Atlantis") },
			"window without minutes": func(in *scheduler.CreateScheduleInput) {
				in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible
			},
			"minutes without window": func(in *scheduler.CreateScheduleInput) { in.FlexibleTimeWindow.MaximumWindowInMinutes = aws.Int32(5) },
			"unknown state":          func(in *scheduler.CreateScheduleInput) { in.State = "ON" },
			"input is not JSON":      func(in *scheduler.CreateScheduleInput) { in.Target.Input = aws.String("{") },
			"too many retries": func(in *scheduler.CreateScheduleInput) {
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186)}
			},
			"end before start": func(in *scheduler.CreateScheduleInput) {
				in.StartDate, in.EndDate = aws.Time(time.Now().Add(2*time.Hour)), aws.Time(time.Now().Add(time.Hour))
			},
		}),
	}
}

// refused notes how CreateSchedule answers to each of several changed schedules.
func refused(name string, changes map[string]func(in *scheduler.CreateScheduleInput)) parity.Case {
	return one("CreateSchedule", name, func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
		for n, what := range slices.Sorted(maps.Keys(changes)) {
			in := plain(p)
			in.Name = aws.String(p.Name(fmt.Sprint("a", n)))
			changes[what](in)
			_, err := c.CreateSchedule(ctx, in)
			p.Failed(what, err)
		}
		return nil
	})
}

// expressions are those that AWS refused when they were recorded, and some that
// its user guide shows (November 2026).
func expressions() []parity.Case {
	with := func(texts ...string) map[string]func(in *scheduler.CreateScheduleInput) {
		changes := map[string]func(in *scheduler.CreateScheduleInput){}
		for _, text := range texts {
			changes[text] = func(in *scheduler.CreateScheduleInput) {
				in.ScheduleExpression, in.State = &text, types.ScheduleStateDisabled
			}
		}
		return changes
	}
	return []parity.Case{
		refused("invalid-expressions", with(
			"cron(0 1 * * * *)", "cron(7 20 * * NOT *)", "cron(INVALID)", "cron(0 dummy ? * MON-FRI *)", "cron(71 8 1 * ? *)", "cron()",
			"rate(10 seconds)", "rate(10 years)", "rate()", "rate(10)", "rate(10 minutess)", "rate(foo minutes)", "rate(-10 minutes)",
			"rate( 10 minutes )", " rate(10 minutes)", "at(2021-12-31T23:59:59Z)", "at(2021-12-31)",
		)),
		refused("valid-expressions", with(
			"cron(0/15 8-17 ? * MON-FRI 2199)", "cron(15 10 ? * 6L 2199)", "cron(0 10 ? * TUE#2 2199)", "cron(0 10 15W * ? 2199)", "cron(0 10 L * ? 2199)",
			"rate(5 minutes)", "rate(2 minute)", "at(2199-12-31T23:59:59)",
		)),
	}
}

// view is what GetSchedule tells, without its times.
func view(out *scheduler.GetScheduleOutput) map[string]any {
	v := map[string]any{
		"name": out.Name, "arn": out.Arn, "group": out.GroupName, "description": out.Description, "expression": out.ScheduleExpression,
		"timezone": out.ScheduleExpressionTimezone, "state": out.State, "after": out.ActionAfterCompletion,
		"created": out.CreationDate != nil, "modified": out.LastModificationDate != nil, "start": out.StartDate != nil, "end": out.EndDate,
	}
	if w := out.FlexibleTimeWindow; w != nil {
		v["mode"], v["window"] = w.Mode, w.MaximumWindowInMinutes
	}
	if t := out.Target; t != nil {
		v["target"], v["role"], v["input"], v["retries"], v["dead"] = t.Arn, t.RoleArn, t.Input, t.RetryPolicy, t.DeadLetterConfig
	}
	return v
}

func reading() []parity.Case {
	return []parity.Case{
		one("GetSchedule", "defaults", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			in := plain(p)
			if _, err := c.CreateSchedule(ctx, in); err != nil {
				return err
			}
			out, err := c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name})
			if err != nil {
				return err
			}
			p.Note("schedule", view(out))
			return nil
		}),
		one("GetSchedule", "everything-set", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			in := plain(p)
			in.Description, in.ScheduleExpressionTimezone, in.State = aws.String("nightly"), aws.String("Europe/Berlin"), types.ScheduleStateDisabled
			in.ActionAfterCompletion, in.EndDate = types.ActionAfterCompletionDelete, aws.Time(time.Date(2198, 1, 1, 0, 0, 0, 0, time.UTC))
			in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(15)}
			in.Target.Input = aws.String(`{"a":1}`)
			in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(3), MaximumEventAgeInSeconds: aws.Int32(600)}
			in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:dead")}
			if _, err := c.CreateSchedule(ctx, in); err != nil {
				return err
			}
			out, err := c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: aws.String("default")})
			if err != nil {
				return err
			}
			p.Note("schedule", view(out))
			return nil
		}),
		one("GetSchedule", "absent", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			_, err := c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String(p.Name("absent"))})
			p.Failed("get", err)
			return nil
		}),
		one("GetSchedule", "no-such-group", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			_, err := c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String(p.Name("absent")), GroupName: aws.String("no-such-group")})
			p.Failed("get", err)
			return nil
		}),
		one("ListSchedules", "prefix-and-state", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			for _, name := range []string{"b-1", "a-1", "a-2", "a-3"} {
				in := plain(p)
				in.Name = aws.String(p.Name(name))
				if name == "a-2" {
					in.State = types.ScheduleStateDisabled
				}
				if _, err := c.CreateSchedule(ctx, in); err != nil {
					return err
				}
			}
			for _, in := range []*scheduler.ListSchedulesInput{
				{NamePrefix: aws.String(p.Name("a-"))},
				{NamePrefix: aws.String(p.Name("a-")), State: types.ScheduleStateEnabled},
				{NamePrefix: aws.String(p.Name("c-"))},
			} {
				out, err := c.ListSchedules(ctx, in)
				if err != nil {
					return err
				}
				p.Note("list "+string(in.State), listed(out.Schedules))
			}
			return nil
		}),
		one("ListSchedules", "pages", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			for _, name := range []string{"a-1", "a-2", "a-3"} {
				in := plain(p)
				in.Name = aws.String(p.Name(name))
				if _, err := c.CreateSchedule(ctx, in); err != nil {
					return err
				}
			}
			var all []types.ScheduleSummary
			pages := scheduler.NewListSchedulesPaginator(c, &scheduler.ListSchedulesInput{NamePrefix: aws.String(p.Name("a-")), MaxResults: aws.Int32(2)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return err
				}
				p.Note("length", len(page.Schedules))
				all = append(all, page.Schedules...)
			}
			p.Note("all", listed(all))
			return nil
		}),
	}
}

// listed are the summaries by name; AWS documents no order.
func listed(all []types.ScheduleSummary) []map[string]any {
	out := []map[string]any{}
	slices.SortFunc(all, func(a, b types.ScheduleSummary) int {
		if *a.Name < *b.Name {
			return -1
		}
		return 1
	})
	for _, s := range all {
		out = append(out, map[string]any{"name": s.Name, "arn": s.Arn, "group": s.GroupName, "state": s.State, "target": s.Target.Arn, "created": s.CreationDate != nil})
	}
	return out
}

func changing() []parity.Case {
	return []parity.Case{
		one("UpdateSchedule", "replaces-all", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			in := plain(p)
			in.Description, in.State, in.ScheduleExpressionTimezone = aws.String("first"), types.ScheduleStateDisabled, aws.String("Asia/Tokyo")
			in.ActionAfterCompletion = types.ActionAfterCompletionDelete
			if _, err := c.CreateSchedule(ctx, in); err != nil {
				return err
			}
			out, err := c.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
				Name: in.Name, ScheduleExpression: aws.String("at(2199-01-01T00:00:00)"), FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
			})
			if err != nil {
				return err
			}
			p.Note("arn", out.ScheduleArn)
			now, err := c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name})
			if err != nil {
				return err
			}
			p.Note("schedule", view(now))
			return nil
		}),
		one("UpdateSchedule", "absent", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			in := plain(p)
			_, err := c.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
				Name: in.Name, ScheduleExpression: in.ScheduleExpression, FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
			})
			p.Failed("update", err)
			return nil
		}),
		one("UpdateSchedule", "invalid-expression", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			in := plain(p)
			if _, err := c.CreateSchedule(ctx, in); err != nil {
				return err
			}
			_, err := c.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
				Name: in.Name, ScheduleExpression: aws.String("rate(10 seconds)"), FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
			})
			p.Failed("update", err)
			return nil
		}),
		one("DeleteSchedule", "then-get", func(ctx context.Context, p *parity.Probe, c *scheduler.Client) error {
			in := plain(p)
			if _, err := c.CreateSchedule(ctx, in); err != nil {
				return err
			}
			if _, err := c.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: in.Name}); err != nil {
				return err
			}
			_, err := c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name})
			p.Failed("get", err)
			_, err = c.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: in.Name})
			p.Failed("delete again", err)
			return nil
		}),
	}
}
