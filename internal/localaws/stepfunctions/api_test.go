package stepfunctions_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// sdk is the AWS SDK's client, answered in process.
func sdk(s *stepfunctions.Service) *sfn.Client {
	return sfn.New(sfn.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
			w := httptest.NewRecorder()
			_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			wire.ServeJSON(w, r, s, &wire.Call{Service: "states", Operation: operation, RequestID: "r"})
			return w.Result()
		})},
	})
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestThroughSDK goes once through the API with the client that the product uses.
func TestThroughSDK(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newWorld().start(t, stepfunctions.Options{})
		defer closeService(t, s)
		client, ctx := sdk(s), t.Context()
		definition := aws.String(machineOf(`"A":{"Type":"Wait","Seconds":"{% $states.input.s %}","End":true}`))
		create := &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: definition, RoleArn: aws.String(roleArn)}
		machine, err := client.CreateStateMachine(ctx, create)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := client.CreateStateMachine(ctx, create); err != nil || *again.StateMachineArn != *machine.StateMachineArn {
			t.Errorf("creating the same again: %v", err)
		}
		create.RoleArn, create.Definition = aws.String(roleArn+"2"), aws.String(machineOf(`"A":{"Type":"Succeed"}`))
		if _, err := client.CreateStateMachine(ctx, create); !is[*types.StateMachineAlreadyExists](err) {
			t.Errorf("creating another of the name: %v", err)
		}
		begin := &sfn.StartExecutionInput{StateMachineArn: machine.StateMachineArn, Name: aws.String("x"), Input: aws.String(`{"s":10}`)}
		first, err := client.StartExecution(ctx, begin)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := client.StartExecution(ctx, begin); err != nil || *again.ExecutionArn != *first.ExecutionArn || !again.StartDate.Equal(*first.StartDate) {
			t.Errorf("starting the same while it runs: %v", err)
		}
		begin.Input = aws.String(`{"s":11}`)
		if _, err := client.StartExecution(ctx, begin); !is[*types.ExecutionAlreadyExists](err) {
			t.Errorf("starting with another input: %v", err)
		}
		if _, err := client.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
			StateMachineArn: machine.StateMachineArn, Definition: aws.String(machineOf(`"A":{"Type":"Pass","Output":2,"End":true}`)),
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		d, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: first.ExecutionArn})
		if err != nil || d.Status != types.ExecutionStatusSucceeded || *d.Output != `{"s":10}` || d.StopDate.Sub(*d.StartDate).Round(time.Second) != 10*time.Second {
			t.Errorf("the old definition runs on: %+v, %v", d, err)
		}
		begin.Input = aws.String(`{"s":10}`)
		if _, err := client.StartExecution(ctx, begin); !is[*types.ExecutionAlreadyExists](err) {
			t.Errorf("starting the same after it ended: %v", err)
		}
		second, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine.StateMachineArn})
		if err != nil {
			t.Fatal(err)
		}
		if d := waitEnded(t, s, *second.ExecutionArn); d.Output != "2" {
			t.Errorf("the new definition: %+v", d)
		}
		pages := sfn.NewGetExecutionHistoryPaginator(client, &sfn.GetExecutionHistoryInput{ExecutionArn: first.ExecutionArn, ReverseOrder: true, MaxResults: 3})
		var ids []int64
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				ids = append(ids, e.Id)
				if e.Type == types.HistoryEventTypeWaitStateExited && (*e.StateExitedEventDetails.Name != "A" || *e.StateExitedEventDetails.Output != `{"s":10}`) {
					t.Errorf("event %+v", e.StateExitedEventDetails)
				}
			}
		}
		if len(ids) != 4 || ids[0] != 4 || ids[3] != 1 {
			t.Errorf("event ids %v", ids)
		}
		list, err := client.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: machine.StateMachineArn, StatusFilter: types.ExecutionStatusSucceeded})
		if err != nil || len(list.Executions) != 2 || *list.Executions[0].ExecutionArn != *second.ExecutionArn {
			t.Errorf("executions %+v, %v", list, err)
		}
		machines, err := client.ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
		if err != nil || len(machines.StateMachines) != 1 || *machines.StateMachines[0].Name != "m" {
			t.Errorf("machines %+v, %v", machines, err)
		}
		if _, err := client.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: machine.StateMachineArn}); err != nil {
			t.Error(err)
		}
		if _, err := client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine.StateMachineArn}); !is[*types.StateMachineDoesNotExist](err) {
			t.Errorf("describing a deleted machine: %v", err)
		}
		if _, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: aws.String(*first.ExecutionArn + "y")}); !is[*types.ExecutionDoesNotExist](err) {
			t.Errorf("an unknown execution: %v", err)
		}
		if _, err := client.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: aws.String("t"), Output: aws.String("1")}); !is[*types.InvalidToken](err) {
			t.Errorf("a made-up token: %v", err)
		}
	})
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
