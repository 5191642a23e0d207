package stepfunctions

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// maxPayload is the limit of an input or output.
const maxPayload = 256 << 10

func executions() []parity.Case {
	return []parity.Case{
		on("StartExecution", "of-one-name", func(ctx context.Context, b bench) error {
			machine, first, err := b.began(ctx, pause, `{"a":1}`)
			if err != nil {
				return err
			}
			again, err := b.start(ctx, machine, "one", `{"a":1}`)
			b.Failed("the same while it runs", err)
			b.Note("is the same execution", again != nil && *again == *first)
			for _, input := range []string{`{"a":2}`, `{"a": 1}`, `{}`} {
				_, err = b.start(ctx, machine, "one", input)
				b.Failed("with the input "+input, err)
			}
			if err := b.stop(ctx, first); err != nil {
				return err
			}
			_, err = b.start(ctx, machine, "one", `{"a":1}`)
			b.Failed("the same after it ended", err)
			second, err := b.start(ctx, machine, "", `{"a":1}`)
			b.Failed("without a name", err)
			b.Note("is another execution", second != nil && *second != *first)
			return nil
		}),
		on("StartExecution", "inputs", func(ctx context.Context, b bench) error {
			machine, err := b.create(ctx, "m", echo)
			if err != nil {
				return err
			}
			none, err := b.client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine})
			if err != nil {
				return err
			}
			out, err := b.ended(ctx, none.ExecutionArn)
			if err != nil {
				return err
			}
			b.Note("none", []string{*out.Input, *out.Output})
			largest := `"` + strings.Repeat("x", maxPayload-2) + `"`
			_, err = b.start(ctx, machine, "", largest)
			b.Failed("the largest", err)
			_, err = b.start(ctx, machine, "", largest+" ")
			b.Failed("one character more", err)
			_, err = b.start(ctx, machine, "", `{"a":`)
			b.Failed("not JSON", err)
			_, err = b.start(ctx, machine, "", `1`)
			b.Failed("a number", err)
			return nil
		}),
		on("StartExecution", "refused", func(ctx context.Context, b bench) error {
			machine, err := b.create(ctx, "m", echo)
			if err != nil {
				return err
			}
			_, err = b.start(ctx, machine, "a b", `{}`)
			b.Failed("a name with a space", err)
			_, err = b.start(ctx, machine, strings.Repeat("n", 81), `{}`)
			b.Failed("a long name", err)
			_, err = b.start(ctx, aws.String(*machine+"x"), "", `{}`)
			b.Failed("an unknown machine", err)
			_, err = b.start(ctx, aws.String("machine"), "", `{}`)
			b.Failed("no ARN", err)
			return nil
		}),
		on("StopExecution", "twice", func(ctx context.Context, b bench) error {
			_, x, err := b.began(ctx, pause, `{}`)
			if err != nil {
				return err
			}
			if err := rest(ctx); err != nil { // it enters its state
				return err
			}
			b.Failed("once", b.stop(ctx, x))
			out, err := b.ended(ctx, x)
			if err != nil {
				return err
			}
			b.noteEnd(out)
			if err := b.noteEvents(ctx, x); err != nil {
				return err
			}
			again, err := b.client.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: x, Error: aws.String("Other")})
			b.Failed("again", err)
			b.Note("at the same time", again != nil && again.StopDate.Equal(*out.StopDate))
			if out, err = b.describe(ctx, x); err != nil {
				return err
			}
			b.noteEnd(out)
			return nil
		}),
		on("StopExecution", "refused", func(ctx context.Context, b bench) error {
			_, x, err := b.began(ctx, pause, `{}`)
			if err != nil {
				return err
			}
			stop := func(what string, in sfn.StopExecutionInput) {
				_, err := b.client.StopExecution(ctx, &in)
				b.Failed(what, err)
			}
			stop("a long error", sfn.StopExecutionInput{ExecutionArn: x, Error: aws.String(strings.Repeat("e", 257))})
			stop("a long cause", sfn.StopExecutionInput{ExecutionArn: x, Cause: aws.String(strings.Repeat("c", 32769))})
			stop("an unknown execution", sfn.StopExecutionInput{ExecutionArn: aws.String(*x + "x")})
			stop("no ARN", sfn.StopExecutionInput{ExecutionArn: aws.String("x")})
			stop("without error and cause", sfn.StopExecutionInput{ExecutionArn: x})
			out, err := b.ended(ctx, x)
			if err != nil {
				return err
			}
			b.noteEnd(out)
			return nil
		}),
		on("RedriveExecution", "of-a-failed-one", func(ctx context.Context, b bench) error {
			_, x, err := b.began(ctx, machineOf(`"A":{"Type":"Pass","Assign":{"v":1},"Next":"B"},"B":{"Type":"Fail","Error":"{% 'E' & $v %}"}`), `{}`)
			if err != nil {
				return err
			}
			if _, err := b.ended(ctx, x); err != nil {
				return err
			}
			for _, token := range []string{"one", "one", "two"} {
				_, err := b.client.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: x, ClientToken: &token})
				b.Failed("with the token "+token, err)
				out, err := b.ended(ctx, x)
				if err != nil {
					return err
				}
				b.noteEnd(out)
			}
			return b.noteEvents(ctx, x)
		}),
		on("RedriveExecution", "refused", func(ctx context.Context, b bench) error {
			machine, x, err := b.began(ctx, pause, `{}`)
			if err != nil {
				return err
			}
			redrive := func(what string, x *string) {
				_, err := b.client.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: x})
				b.Failed(what, err)
			}
			redrive("one that runs", x)
			redrive("an unknown one", aws.String(*x+"x"))
			redrive("no ARN", aws.String("x"))
			if _, err := b.client.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: machine, Definition: aws.String(echo)}); err != nil {
				return err
			}
			done, err := b.start(ctx, machine, "two", `{}`)
			if err != nil {
				return err
			}
			if _, err := b.ended(ctx, done); err != nil {
				return err
			}
			redrive("one that succeeded", done)
			return nil
		}),
	}
}

func readings() []parity.Case {
	return []parity.Case{
		on("DescribeExecution", "of-all-kinds", func(ctx context.Context, b bench) error {
			_, x, err := b.began(ctx, pause, `{"a":1}`)
			if err != nil {
				return err
			}
			out, err := b.describe(ctx, x)
			if err != nil {
				return err
			}
			b.Note("input", []any{*out.Name, *out.Input, out.InputDetails != nil && out.InputDetails.Included, out.Output == nil})
			b.noteEnd(out)
			for _, arn := range []string{*x + "x", "x", strings.Replace(*x, ":execution:", ":stateMachine:", 1)} {
				_, err := b.describe(ctx, &arn)
				b.Failed("of "+arn[strings.LastIndexByte(arn, '-')+1:], err)
			}
			return nil
		}),
		on("ListExecutions", "by-status", func(ctx context.Context, b bench) error {
			machine, x, err := b.began(ctx, machineOf(`"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input = 'fail' %}","Next":"F"},{"Condition":"{% $states.input = 'wait' %}","Next":"W"}],"Default":"S"},
				"F":{"Type":"Fail"},"W":{"Type":"Wait","Seconds":60,"End":true},"S":{"Type":"Succeed"}`), `"wait"`)
			if err != nil {
				return err
			}
			if err := b.stop(ctx, x); err != nil {
				return err
			}
			for _, input := range []string{"ok", "fail", "wait"} {
				x, err := b.start(ctx, machine, input, `"`+input+`"`)
				if err != nil {
					return err
				}
				if input == "wait" {
					continue
				}
				if _, err := b.ended(ctx, x); err != nil {
					return err
				}
			}
			for _, status := range append(types.ExecutionStatus("").Values(), "") {
				names := []string{}
				pages := sfn.NewListExecutionsPaginator(b.client, &sfn.ListExecutionsInput{StateMachineArn: machine, StatusFilter: status, MaxResults: 1})
				for pages.HasMorePages() {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return err
					}
					for _, e := range page.Executions {
						names = append(names, *e.Name)
					}
				}
				b.Note("status "+string(status), names)
			}
			list := func(what string, in sfn.ListExecutionsInput) {
				_, err := b.client.ListExecutions(ctx, &in)
				b.Failed(what, err)
			}
			list("an unknown status", sfn.ListExecutionsInput{StateMachineArn: machine, StatusFilter: "DONE"})
			list("an unknown machine", sfn.ListExecutionsInput{StateMachineArn: aws.String(*machine + "x")})
			list("of nothing", sfn.ListExecutionsInput{})
			list("1001 at once", sfn.ListExecutionsInput{StateMachineArn: machine, MaxResults: 1001})
			return nil
		}),
		on("GetExecutionHistory", "pages", func(ctx context.Context, b bench) error {
			_, x, err := b.began(ctx, echo, `{"a":1}`)
			if err != nil {
				return err
			}
			if _, err := b.ended(ctx, x); err != nil {
				return err
			}
			for _, reverse := range []bool{false, true} {
				var sizes []int
				var ids []int64
				pages := sfn.NewGetExecutionHistoryPaginator(b.client, &sfn.GetExecutionHistoryInput{ExecutionArn: x, MaxResults: 3, ReverseOrder: reverse})
				for pages.HasMorePages() {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return err
					}
					sizes = append(sizes, len(page.Events))
					for _, e := range page.Events {
						ids = append(ids, e.Id)
					}
				}
				b.Note("pages", sizes)
				b.Note("ids", ids)
			}
			out, err := b.client.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: x, IncludeExecutionData: aws.Bool(false)})
			if err != nil {
				return err
			}
			b.Note("without data", []any{len(out.Events), out.Events[0].ExecutionStartedEventDetails.Input, out.Events[1].StateEnteredEventDetails.Input, out.Events[2].StateExitedEventDetails.Output, *out.Events[2].StateExitedEventDetails.Name})
			_, err = b.client.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: aws.String(*x + "x")})
			b.Failed("an unknown execution", err)
			_, err = b.client.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: x, NextToken: aws.String("nothing")})
			b.Failed("a made-up token", err)
			return nil
		}),
		on("ListMapRuns", "of-none", func(ctx context.Context, b bench) error {
			_, x, err := b.began(ctx, pause, `{}`)
			if err != nil {
				return err
			}
			out, err := b.client.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: x})
			if err != nil {
				return err
			}
			b.Note("runs", len(out.MapRuns))
			_, err = b.client.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: aws.String(*x + "x")})
			b.Failed("an unknown execution", err)
			return nil
		}),
		on("DescribeMapRun", "refused", func(ctx context.Context, b bench) error {
			machine, err := b.create(ctx, "m", echo)
			if err != nil {
				return err
			}
			run := strings.Replace(*machine, ":stateMachine:", ":mapRun:", 1) + "/label:00000000-0000-0000-0000-000000000000"
			_, err = b.client.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: &run})
			b.Failed("an unknown run", err)
			_, err = b.client.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: aws.String("run")})
			b.Failed("no ARN", err)
			return nil
		}),
	}
}

// tokens has what is known without a task that waits.
func tokens() []parity.Case {
	return []parity.Case{
		on("SendTaskSuccess", "refused", func(ctx context.Context, b bench) error {
			send := func(what, token, output string) {
				_, err := b.client.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: &output})
				b.Failed(what, err)
			}
			send("a made-up token", "nothing", `{}`)
			send("an empty token", "", `{}`)
			send("a long token", strings.Repeat("t", 2049), `{}`)
			send("a long output", "nothing", `"`+strings.Repeat("x", maxPayload)+`"`)
			return nil
		}),
		on("SendTaskFailure", "refused", func(ctx context.Context, b bench) error {
			send := func(what string, in sfn.SendTaskFailureInput) {
				_, err := b.client.SendTaskFailure(ctx, &in)
				b.Failed(what, err)
			}
			send("a made-up token", sfn.SendTaskFailureInput{TaskToken: aws.String("nothing")})
			send("a long error", sfn.SendTaskFailureInput{TaskToken: aws.String("nothing"), Error: aws.String(strings.Repeat("e", 257))})
			send("a long cause", sfn.SendTaskFailureInput{TaskToken: aws.String("nothing"), Cause: aws.String(strings.Repeat("c", 32769))})
			return nil
		}),
		on("SendTaskHeartbeat", "refused", func(ctx context.Context, b bench) error {
			_, err := b.client.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: aws.String("nothing")})
			b.Failed("a made-up token", err)
			return nil
		}),
	}
}
