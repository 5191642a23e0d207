package template_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/template"
)

// scheduled has every way to be woken by time or by the end of an execution.
const scheduled = head + `
Resources:
  Q: {Type: AWS::SQS::Queue}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/f
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Nightly:
          Type: ScheduleV2
          Properties: {ScheduleExpression: "cron(0 3 * * ? *)", ScheduleExpressionTimezone: Europe/Berlin}
        Aborted:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.states]
              detail-type: [Step Functions Execution Status Change]
              detail: {status: [ABORTED], stateMachineArn: [!Ref M]}
  M:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: m.json
      Events:
        Weekly:
          Type: ScheduleV2
          Properties:
            Name: weekly
            ScheduleExpression: rate(7 days)
            State: DISABLED
            Input: '{"a":1}'
            FlexibleTimeWindow: {Mode: FLEXIBLE, MaximumWindowInMinutes: 15}
            RetryPolicy: {MaximumRetryAttempts: 3}
  R:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: 'sts:AssumeRole'}]}
  S:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: at(2027-01-01T00:00:00)
      StartDate: "2026-12-01T00:00:00Z"
      ActionAfterCompletion: DELETE
      FlexibleTimeWindow: {Mode: "OFF"}
      Target:
        Arn: !GetAtt F.Arn
        RoleArn: !GetAtt R.Arn
        DeadLetterConfig: {Arn: !GetAtt Q.Arn}
        RetryPolicy: {MaximumEventAgeInSeconds: 600}
  Ended:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.states]
        detail-type: [Step Functions Execution Status Change]
        detail: {status: [FAILED, TIMED_OUT]}
      Targets: [{Id: f, Arn: !GetAtt F.Arn, RetryPolicy: {MaximumRetryAttempts: 2}}]
  MayInvoke:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref F, Action: 'lambda:InvokeFunction', Principal: events.amazonaws.com, SourceArn: !GetAtt Ended.Arn}
`

func TestSchedulesAndRules(t *testing.T) {
	t.Parallel()
	got, err := template.Load([]byte(scheduled), template.Options{StackName: "app"})
	if err != nil {
		t.Fatal(err)
	}
	const function, machine = "arn:aws:lambda:us-east-1:123456789012:function:app-F", "arn:aws:states:us-east-1:123456789012:stateMachine:app-M"
	const role = "arn:aws:iam::123456789012:role/app-"
	three, tenMinutes, start := 3, 600, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	want := []template.Schedule{
		{
			LogicalID: "FNightly", Name: "FNightly", Expression: "cron(0 3 * * ? *)", TimeZone: "Europe/Berlin", State: "ENABLED", ActionAfterCompletion: "NONE",
			TargetARN: function, RoleARN: role + "FNightlyRole",
		},
		{
			LogicalID: "MWeekly", Name: "weekly", Expression: "rate(7 days)", State: "DISABLED", ActionAfterCompletion: "NONE", Window: 15,
			TargetARN: machine, RoleARN: role + "MWeeklyRole", Input: `{"a":1}`, MaxRetries: &three,
		},
		{
			LogicalID: "S", Name: "app-S", Expression: "at(2027-01-01T00:00:00)", Start: &start, State: "ENABLED", ActionAfterCompletion: "DELETE",
			TargetARN: function, RoleARN: role + "R", DeadLetterARN: "arn:aws:sqs:us-east-1:123456789012:app-Q", MaxAge: &tenMinutes,
		},
	}
	if diff := cmp.Diff(want, got.Schedules); diff != "" {
		t.Error(diff)
	}
	end := map[string][]string{"source": {"aws.states"}, "detail-type": {"Step Functions Execution Status Change"}, "detail.status": {"FAILED", "TIMED_OUT"}}
	aborted := map[string][]string{"source": end["source"], "detail-type": end["detail-type"], "detail.status": {"ABORTED"}, "detail.stateMachineArn": {machine}}
	if diff := cmp.Diff([]template.Rule{
		{LogicalID: "Ended", Name: "app-Ended", Pattern: end, Functions: []string{"app-F"}},
		{LogicalID: "FAborted", Name: "app-FAborted", Pattern: aborted, Functions: []string{"app-F"}},
	}, got.Rules); diff != "" {
		t.Error(diff)
	}
	may := map[string][]iam.Statement{}
	for _, r := range got.Roles {
		may[r.Name] = r.Statements
	}
	only := func(action, resource string) []iam.Statement {
		return []iam.Statement{{Effect: "Allow", Actions: []string{action}, Resources: []string{resource}}}
	}
	if diff := cmp.Diff([][]iam.Statement{only("lambda:InvokeFunction", function), only("states:StartExecution", machine)}, [][]iam.Statement{may["FNightlyRole"], may["MWeeklyRole"]}); diff != "" {
		t.Errorf("roles that SAM makes: %s", diff)
	}
}

// Each change makes of the template above one that AWS, or this machine, would
// not run as it stands.
func TestMistakesInSchedulesAndRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, changed, want string }{
		"permission":      {"Principal: events.amazonaws.com", "Principal: s3.amazonaws.com", "no AWS::Lambda::Permission lets events.amazonaws.com invoke app-F"},
		"other rule":      {"SourceArn: !GetAtt Ended.Arn", "SourceArn: arn:aws:events:us-east-1:123456789012:rule/x", "no AWS::Lambda::Permission lets"},
		"permitted":       {"FunctionName: !Ref F", "FunctionName: g", `MayInvoke.FunctionName: "g" is not a function`},
		"source":          {"source: [aws.states]\n        detail-type", "source: [aws.s3]\n        detail-type", `nothing on this machine emits an event with "aws.s3"`},
		"status":          {"status: [FAILED, TIMED_OUT]", "status: [RUNNING]", `nothing on this machine emits an event with "RUNNING"`},
		"filter":          {"status: [FAILED, TIMED_OUT]", "status: [{prefix: F}]", "only texts are matched here"},
		"no list":         {"status: [FAILED, TIMED_OUT]", "status: FAILED", "a pattern needs a list"},
		"detail":          {"status: [FAILED, TIMED_OUT]", "state: [FAILED]", `unknown property "state"`},
		"machine":         {"stateMachineArn: [!Ref M]", "stateMachineArn: [x]", `"x" is not a state machine`},
		"rule target":     {"Arn: !GetAtt F.Arn, RetryPolicy", "Arn: x, RetryPolicy", `"x" is not a function`},
		"transformer":     {"Targets: [{Id: f,", "Targets: [{Id: f, InputPath: $.detail,", `unknown property "InputPath"`},
		"schedule target": {"Arn: !GetAtt F.Arn\n        RoleArn", "Arn: x\n        RoleArn", `S.Target.Arn: "x" is neither`},
		"schedule role":   {"RoleArn: !GetAtt R.Arn", "RoleArn: x", `S.Target.RoleArn: "x" is not a role`},
		"window":          {`FlexibleTimeWindow: {Mode: "OFF"}`, "Description: x", `FlexibleTimeWindow.Mode: "" is neither`},
		"window minutes":  {"MaximumWindowInMinutes: 15", "MaximumWindowInMinutes: 1441", "not a whole number within 1 and 1440"},
		"dead letters":    {"DeadLetterConfig: {Arn: !GetAtt Q.Arn}", "DeadLetterConfig: {Arn: x}", `"x" is not the ARN of a queue`},
		"retries":         {"MaximumRetryAttempts: 3", "MaximumRetryAttempts: 186", "not a whole number within 0 and 185"},
		"start":           {`"2026-12-01T00:00:00Z"`, "tomorrow", `"tomorrow" is not a time`},
		"group":           {"ActionAfterCompletion: DELETE", "GroupName: g", `"g" is not supported`},
		"machine event":   {"Weekly:\n          Type: ScheduleV2", "Weekly:\n          Type: Api", `event type "Api" is not supported`},
	} {
		if strings.Count(scheduled, c.old) != 1 {
			t.Fatalf("%s: %q is not there once", name, c.old)
		}
		got, err := template.Load([]byte(strings.Replace(scheduled, c.old, c.changed, 1)), template.Options{StackName: "app"})
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}
