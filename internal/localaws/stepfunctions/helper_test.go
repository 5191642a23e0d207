package stepfunctions_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/localaws/jsonata"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const roleArn = "arn:aws:iam::111111111111:role/machine"

func shared(t *testing.T, elem ...string) []byte {
	t.Helper()
	path := filepath.Join(append([]string{"..", "..", "..", "..", "shared"}, elem...)...)
	data, err := os.ReadFile(path)
	if err != nil {
		if os.Getenv("SLUICE_REQUIRE_SHARED") == "1" {
			t.Fatalf("read shared fixture: %v", err)
		}
		t.Skipf("shared fixture is absent: %v", err)
	}
	return data
}

// interpreters are shared by all services: starting them takes longer than most
// executions.
var interpreters *jsonata.Interpreters

func TestMain(m *testing.M) {
	var err error
	if interpreters, err = jsonata.NewInterpreters(); err != nil { // outside any bubble
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func newService(t testing.TB, opts stepfunctions.Options) *stepfunctions.Service {
	t.Helper()
	opts.Interpreters = interpreters
	opts.Region, opts.Account = "us-east-1", "111111111111"
	s, err := stepfunctions.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeService(t testing.TB, s *stepfunctions.Service) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// do performs one call as the account's root and decodes the answer into out.
func do(t testing.TB, s *stepfunctions.Service, operation string, in map[string]any, out any) error {
	t.Helper()
	result, err := s.Handle(t.Context(), &wire.Call{Service: "states", Operation: operation, Body: mustJSON(t, in)})
	if err != nil {
		return err
	}
	if out != nil {
		if err := json.Unmarshal(mustJSON(t, result), out); err != nil {
			t.Fatal(err)
		}
	}
	return nil
}

func createMachine(t testing.TB, s *stepfunctions.Service, name, definition string) (string, error) {
	t.Helper()
	var out struct{ StateMachineArn string }
	err := do(t, s, "CreateStateMachine", map[string]any{"name": name, "definition": definition, "roleArn": roleArn}, &out)
	return out.StateMachineArn, err
}

func start(t testing.TB, s *stepfunctions.Service, machine, name, input string) string {
	t.Helper()
	var out struct{ ExecutionArn string }
	if err := do(t, s, "StartExecution", map[string]any{"stateMachineArn": machine, "name": name, "input": input}, &out); err != nil {
		t.Fatal(err)
	}
	return out.ExecutionArn
}

type description struct {
	Status, Input, Output, Error, Cause, MapRunArn, RedriveStatus string
	RedriveCount                                                  int
}

func describe(t testing.TB, s *stepfunctions.Service, execution string) description {
	t.Helper()
	var out description
	if err := do(t, s, "DescribeExecution", map[string]any{"executionArn": execution}, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// waitEnded polls, which costs nothing in a synctest bubble.
func waitEnded(t testing.TB, s *stepfunctions.Service, execution string) description {
	t.Helper()
	for range 1_000_000 {
		if d := describe(t, s, execution); d.Status != "RUNNING" {
			synctest.Wait() // its last event is written
			return d
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the execution does not end")
	return description{}
}

func history(t testing.TB, s *stepfunctions.Service, execution string) []recordedEvent {
	t.Helper()
	var all []recordedEvent
	for token := ""; ; {
		var out struct {
			Events    []recordedEvent
			NextToken string
		}
		in := map[string]any{"executionArn": execution, "maxResults": 7}
		if token != "" {
			in["nextToken"] = token
		}
		if err := do(t, s, "GetExecutionHistory", in, &out); err != nil {
			t.Fatal(err)
		}
		all = append(all, out.Events...)
		if token = out.NextToken; token == "" {
			return all
		}
	}
}

// run runs a machine in a bubble and returns how it ended and its history.
func run(t *testing.T, w *world, definition, input string) (d description, events []recordedEvent) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := w.start(t, stepfunctions.Options{})
		defer closeService(t, s)
		arn, err := createMachine(t, s, "machine", definition)
		if err != nil {
			t.Fatal(err)
		}
		x := start(t, s, arn, "one", input)
		d = waitEnded(t, s, x)
		events = history(t, s, x)
	})
	return d, events
}

// machineOf wraps the states of a machine that starts at A.
func machineOf(states string) string {
	return `{"QueryLanguage":"JSONata","StartAt":"A","States":{` + states + `}}`
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}
