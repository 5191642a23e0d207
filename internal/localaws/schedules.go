package localaws

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/scheduler"
	"github.com/messageai/sluice/internal/localaws/template"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// eventID is a UUID in form, made of what the event is about.
func eventID(key string) string {
	h := fmt.Sprintf("%x", sha256.Sum256([]byte(key)))
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// scheduled is the template's schedule in the scheduler's own form.
func scheduled(t template.Schedule) scheduler.Schedule {
	s := scheduler.Schedule{
		Name: t.Name, Description: t.Description, ScheduleExpression: t.Expression, ScheduleExpressionTimezone: t.TimeZone,
		StartDate: seconds(t.Start), EndDate: seconds(t.End), State: t.State, ActionAfterCompletion: t.ActionAfterCompletion,
		FlexibleTimeWindow: scheduler.Window{Mode: "OFF"},
		Target: scheduler.Target{
			Arn: t.TargetARN, RoleArn: t.RoleARN, Input: t.Input,
			RetryPolicy: &scheduler.RetryPolicy{MaximumEventAgeInSeconds: t.MaxAge, MaximumRetryAttempts: t.MaxRetries},
		},
	}
	if t.Window > 0 {
		s.FlexibleTimeWindow = scheduler.Window{Mode: "FLEXIBLE", MaximumWindowInMinutes: t.Window}
	}
	if t.DeadLetterARN != "" {
		s.Target.DeadLetterConfig = &scheduler.DeadLetterConfig{Arn: t.DeadLetterARN}
	}
	return s
}

func seconds(t *time.Time) *float64 {
	if t == nil {
		return nil
	}
	s := float64(t.UnixMilli()) / 1000
	return &s
}

// scheduleTargets is what schedules invoke.
type scheduleTargets struct{ stack *Stack }

// InvokeFunction implements scheduler.Targets.
func (t scheduleTargets) InvokeFunction(_ context.Context, role *iam.Principal, functionARN string, payload []byte) error {
	call := wire.Call{Service: "lambda", Operation: "Invoke", Principal: role}
	if err := call.Authorize("lambda:InvokeFunction", functionARN); err != nil {
		return err
	}
	_, err := t.stack.lambda.InvokeAsync(functionARN[strings.LastIndexByte(functionARN, ':')+1:], payload)
	return err
}

// StartExecution implements scheduler.Targets.
func (t scheduleTargets) StartExecution(ctx context.Context, role *iam.Principal, machineARN, input string) error {
	body, err := json.Marshal(map[string]string{"stateMachineArn": machineARN, "input": input})
	if err != nil {
		return err
	}
	_, err = t.stack.states.Handle(ctx, &wire.Call{Service: "states", Operation: "StartExecution", Principal: role, Body: body})
	return err
}

// SendMessage implements scheduler.Targets.
func (t scheduleTargets) SendMessage(ctx context.Context, role *iam.Principal, queueARN, text string, attributes map[string]string) error {
	type value struct{ DataType, StringValue string }
	values := make(map[string]value, len(attributes))
	for name, v := range attributes {
		values[name] = value{"String", v}
	}
	url := t.stack.queues.URL(queueARN[strings.LastIndexByte(queueARN, ':')+1:])
	body, err := json.Marshal(map[string]any{"QueueUrl": url, "MessageBody": text, "MessageAttributes": values})
	if err != nil {
		return err
	}
	_, err = t.stack.queues.Handle(ctx, &wire.Call{Service: "sqs", Operation: "SendMessage", Principal: role, Body: body})
	return err
}
