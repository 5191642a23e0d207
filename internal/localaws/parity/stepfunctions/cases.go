// Package stepfunctions has the behaviour cases of its service; see package
// parity. They use no other service: what needs functions, queues or objects is
// tested beside the service itself. A case works with a [bench].
package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return slices.Concat(machines(), refusedDefinitions(), executions(), readings(), tokens(), states(), failures())
}

// bench is a case's client and what it does often.
type bench struct {
	*parity.Probe
	client *sfn.Client
}

func on(operation, name string, run func(ctx context.Context, b bench) error) parity.Case {
	return parity.Case{Service: "states", Operation: operation, Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		return run(ctx, bench{Probe: p, client: sfn.NewFromConfig(p.Config)})
	}}
}

// machineOf is a machine in JSONata that starts at A.
func machineOf(states string) string { return head + states + `}}` }

// Machines that cases need often.
const (
	head  = `{"QueryLanguage":"JSONata","StartAt":"A","States":{`
	echo  = head + `"A":{"Type":"Pass","End":true}}}`
	pause = head + `"A":{"Type":"Wait","Seconds":60,"End":true}}}`
)

const role = "arn:aws:iam::000000000000:role/parity"

func (b bench) create(ctx context.Context, what, definition string) (*string, error) {
	out, err := b.client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String(b.Name(what)), Definition: &definition, RoleArn: aws.String(role)})
	if err != nil {
		return nil, err
	}
	return out.StateMachineArn, nil
}

func (b bench) start(ctx context.Context, machine *string, name, input string) (*string, error) {
	in := &sfn.StartExecutionInput{StateMachineArn: machine, Input: &input}
	if name != "" {
		in.Name = &name
	}
	out, err := b.client.StartExecution(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.ExecutionArn, nil
}

// began makes a machine and starts it once.
func (b bench) began(ctx context.Context, definition, input string) (machine, execution *string, err error) {
	if machine, err = b.create(ctx, "machine", definition); err != nil {
		return nil, nil, err
	}
	execution, err = b.start(ctx, machine, "one", input)
	return machine, execution, err
}

func (b bench) stop(ctx context.Context, execution *string) error {
	_, err := b.client.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: execution, Error: aws.String("Stopped"), Cause: aws.String("on purpose")})
	return err
}

func (b bench) describe(ctx context.Context, execution *string) (*sfn.DescribeExecutionOutput, error) {
	return b.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: execution})
}

// ended waits until the execution has ended.
func (b bench) ended(ctx context.Context, execution *string) (*sfn.DescribeExecutionOutput, error) {
	for range 300 {
		out, err := b.describe(ctx, execution)
		if err != nil || out.Status != types.ExecutionStatusRunning {
			return out, err
		}
		if err := rest(ctx); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the execution does not end")
}

// rest lets an execution go on for a moment.
func rest(ctx context.Context) error {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noteEnd notes how the execution ended.
func (b bench) noteEnd(out *sfn.DescribeExecutionOutput) {
	end := map[string]any{"status": out.Status, "redriveStatus": out.RedriveStatus, "redriveCount": out.RedriveCount}
	for name, text := range map[string]*string{"output": out.Output, "error": out.Error} {
		if text != nil {
			end[name] = *text
		}
	}
	end["cause"], end["stopped"] = out.Cause != nil, out.StopDate != nil
	b.Note("end", end)
}

// noteEvents notes the execution's history: id, type, name of the state, and
// the previous id.
func (b bench) noteEvents(ctx context.Context, execution *string) error {
	var all []string
	pages := sfn.NewGetExecutionHistoryPaginator(b.client, &sfn.GetExecutionHistoryInput{ExecutionArn: execution})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			name := ""
			if d := e.StateEnteredEventDetails; d != nil {
				name = " " + aws.ToString(d.Name)
			} else if d := e.StateExitedEventDetails; d != nil {
				name = fmt.Sprintf(" %s %s", aws.ToString(d.Name), aws.ToString(d.Output))
				for _, v := range slices.Sorted(maps.Keys(d.AssignedVariables)) {
					name += fmt.Sprintf(" $%s=%s", v, d.AssignedVariables[v])
				}
			}
			all = append(all, fmt.Sprintf("%d after %d %s%s", e.Id, e.PreviousEventId, e.Type, name))
		}
	}
	b.Note("events", all)
	return nil
}

// flow is a case that runs a machine and notes its end and history.
func flow(name, definition, input string) parity.Case {
	return on("GetExecutionHistory", name, func(ctx context.Context, b bench) error {
		_, x, err := b.began(ctx, definition, input)
		if err != nil {
			return err
		}
		out, err := b.ended(ctx, x)
		if err != nil {
			return err
		}
		b.noteEnd(out)
		return b.noteEvents(ctx, x)
	})
}
