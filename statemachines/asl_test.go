package statemachines_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws/jsonata"
	"github.com/messageai/sluice/internal/task"
)

// lastResorts are the Task states after which there is nothing left to try:
// their failure must end the execution, so they have Retry and no Catch.
var lastResorts = []string{"FinalizeFailed", "ProcessChunks/ChunkFailed"}

func TestEveryFileIsDeployed(t *testing.T) {
	t.Parallel()
	_, all := machines(t)
	files, err := filepath.Glob("*.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if !slices.ContainsFunc(all, func(d deployed) bool { return d.DefinitionURI == "statemachines/"+name }) {
			t.Errorf("statemachines/%s belongs to no state machine of template.yaml", name)
		}
	}
}

func TestSubstitutionsAreGivenAndUsed(t *testing.T) {
	t.Parallel()
	placeholder := regexp.MustCompile(`\$\{([A-Za-z0-9_]+)\}`)
	_, all := machines(t)
	for _, d := range all {
		used := map[string]bool{}
		for _, match := range placeholder.FindAllStringSubmatch(d.text, -1) {
			used[match[1]] = true
			if _, given := d.Substitutions[match[1]]; !given {
				t.Errorf("%s uses ${%s}, which the template does not give", d.DefinitionURI, match[1])
			}
		}
		for name := range d.Substitutions {
			if !used[name] {
				t.Errorf("%s: the template gives %s, which nothing uses", d.DefinitionURI, name)
			}
		}
	}
}

func TestEveryTargetExistsAndEveryStateIsReachable(t *testing.T) {
	t.Parallel()
	_, all := machines(t)
	for _, d := range all {
		checkGraph(t, d.DefinitionURI, &d.machine)
		d.machine.each(func(path string, s *state) {
			if s.ItemProcessor != nil {
				checkGraph(t, path, s.ItemProcessor)
			}
		})
	}
}

func checkGraph(t *testing.T, where string, m *machine) {
	t.Helper()
	reached := map[string]bool{}
	for queue := []string{m.StartAt}; len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		if reached[name] {
			continue
		}
		s, ok := m.States[name]
		if !ok {
			t.Errorf("%s: there is no state %q", where, name)
			continue
		}
		reached[name] = true
		queue = append(queue, s.targets()...)
	}
	ends := false
	for name, s := range m.States {
		if !reached[name] {
			t.Errorf("%s: no way leads to %s", where, name)
		}
		last := s.End || s.Type == "Succeed" || s.Type == "Fail"
		ends = ends || last
		if s.Type != "Choice" && last == (s.Next != "") {
			t.Errorf("%s: %s needs either Next or an end", where, name)
		}
		if s.Type == "Choice" && s.Default == "" {
			t.Errorf("%s: %s has no Default, so that an unforeseen value ends the execution", where, name)
		}
	}
	if !ends {
		t.Errorf("%s: no state ends it", where)
	}
}

func TestTasksAreBoundedAndGuarded(t *testing.T) {
	t.Parallel()
	_, all := machines(t)
	for _, d := range all {
		if d.machine.TimeoutSeconds == 0 {
			t.Errorf("%s has no TimeoutSeconds: an execution could run for a year", d.DefinitionURI)
		}
		d.machine.each(func(path string, s *state) {
			if s.Type != "Task" && s.Type != "Map" {
				return
			}
			last := slices.Contains(lastResorts, path)
			if last == (len(s.Catch) > 0) {
				t.Errorf("%s: a %s has a Catch unless it is the last resort", path, s.Type)
			}
			for i, c := range s.Catch {
				if slices.Contains(c.ErrorEquals, "States.ALL") && (i < len(s.Catch)-1 || len(c.ErrorEquals) > 1) {
					t.Errorf("%s: States.ALL stands alone and last", path)
				}
			}
			if s.Type == "Map" {
				return
			}
			if s.TimeoutSeconds == nil {
				t.Errorf("%s has no TimeoutSeconds: a lost answer would be waited for until the execution ends", path)
			}
			if len(s.Retry) == 0 {
				t.Errorf("%s has no Retry", path)
			}
			for i, r := range s.Retry {
				if r.MaxAttempts == 0 && i < len(s.Retry)-1 {
					continue // what the wildcard after it does not mean
				}
				if r.JitterStrategy != "FULL" || r.MaxDelaySeconds == 0 || r.BackoffRate < 1.5 || r.MaxAttempts == 0 {
					t.Errorf("%s: a retrier needs BackoffRate, MaxDelaySeconds, MaxAttempts and full jitter, or chunks that failed together come back together", path)
				}
			}
		})
	}
}

// A worker that knows its last attempt counts on the number of them.
func TestEnrichIsRetriedAsOftenAsWorkersThink(t *testing.T) {
	t.Parallel()
	_, all := machines(t)
	found := false
	for _, d := range all {
		d.machine.each(func(path string, s *state) {
			if !strings.HasSuffix(path, "/Enrich") {
				return
			}
			found = true
			for _, kind := range []fault.Kind{fault.Unavailable, fault.Unclear, fault.BadResponse, fault.Internal} {
				if i := slices.IndexFunc(s.Retry, func(r retrier) bool { return slices.Contains(r.ErrorEquals, string(kind)) }); i < 0 || s.Retry[i].MaxAttempts != task.Retries {
					t.Errorf("%s: %+v, want %s retried %d times", path, s.Retry, kind, task.Retries)
				}
			}
		})
	}
	if !found {
		t.Error("there is no state Enrich")
	}
}

// SQS refuses a message now and then, under names that AWS does not list: any error
// is tried again that is not a worker's word.
func TestAMessageThatIsNotTakenIsSentAgain(t *testing.T) {
	t.Parallel()
	_, all := machines(t)
	for _, d := range all {
		d.machine.each(func(path string, s *state) {
			if !strings.Contains(s.Resource, ":sqs:") {
				return
			}
			said := map[string]bool{}
			for i, r := range s.Retry {
				for _, name := range r.ErrorEquals {
					if said[name] = true; name == "States.TaskFailed" && (i < len(s.Retry)-1 || r.MaxAttempts < 3) {
						t.Errorf("%s: States.TaskFailed must come last, and be tried again", path)
					}
				}
			}
			for _, kind := range append(fault.Kinds(), "States.TaskFailed") {
				if !said[string(kind)] {
					t.Errorf("%s: nothing is said of %s", path, kind)
				}
			}
		})
	}
}

// Errors that pass are retried wherever they can come from.
func TestPassingErrorsAreRetried(t *testing.T) {
	t.Parallel()
	service := []string{
		"Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
		"Sandbox.Timedout",
	}
	direct := []string{string(fault.RateLimited), string(fault.Unavailable), string(fault.CircuitOpen), string(fault.Conflict)}
	// A queue worker waits by itself when it is throttled (package task).
	queued := []string{"States.Timeout", string(fault.Unavailable), string(fault.Internal)}
	_, all := machines(t)
	for _, d := range all {
		d.machine.each(func(path string, s *state) {
			var want []string
			switch {
			case s.Resource == "arn:aws:states:::lambda:invoke":
				want = slices.Concat(service, direct)
			case strings.HasPrefix(s.Resource, "arn:aws:states:::sqs:sendMessage"):
				want = queued
			case s.Type == "Task":
				t.Errorf("%s: the checks do not know the resource %s; say here what passes by itself", path, s.Resource)
			}
			var retried []string
			for _, r := range s.Retry {
				retried = append(retried, r.ErrorEquals...)
			}
			for _, name := range want {
				if !slices.Contains(retried, name) {
					t.Errorf("%s does not retry %s", path, name)
				}
			}
		})
	}
}

func TestErrorNames(t *testing.T) {
	t.Parallel()
	// Reserved names (Amazon States Language, November 2026) that can occur.
	reserved := []string{
		"States.ALL", "States.Timeout", "States.TaskFailed", "States.Permissions", "States.HeartbeatTimeout",
		"States.ItemReaderFailed", "States.ResultWriterFailed", "States.ExceedToleratedFailureThreshold", "States.QueryEvaluationError",
	}
	known := func(name string) bool {
		return slices.Contains(reserved, name) || slices.Contains(fault.Kinds(), fault.Kind(name)) ||
			strings.HasPrefix(name, "Lambda.") || strings.HasPrefix(name, "Sandbox.") || strings.HasPrefix(name, "Runtime.")
	}
	_, all := machines(t)
	for _, d := range all {
		d.machine.each(func(path string, s *state) {
			var names []string
			for _, r := range s.Retry {
				names = append(names, r.ErrorEquals...)
			}
			for _, c := range s.Catch {
				names = append(names, c.ErrorEquals...)
			}
			if s.Type == "Fail" {
				names = append(names, s.Error)
			}
			for _, name := range names {
				if !known(name) {
					t.Errorf("%s names the error %q, which is neither a fault.Kind nor one of AWS", path, name)
				}
			}
		})
	}
}

func TestExpressionsCompile(t *testing.T) {
	t.Parallel()
	engine, err := jsonata.New()
	if err != nil {
		t.Fatal(err)
	}
	_, all := machines(t)
	for _, d := range all {
		found := expressions(t, d.text)
		if len(found) == 0 {
			t.Errorf("%s has no expression", d.DefinitionURI)
		}
		for path, source := range found {
			expr, err := engine.Compile(source)
			if err != nil {
				t.Errorf("%s%s: %v", d.DefinitionURI, path, err)
				continue
			}
			if err := expr.Rootless(); err != nil {
				t.Errorf("%s%s: %v", d.DefinitionURI, path, err)
			}
			// What a state can read depends on where the expression stands.
			if expr.Reads("errorOutput") && !strings.Contains(path, "/Catch/") {
				t.Errorf("%s%s reads $states.errorOutput outside a Catch", d.DefinitionURI, path)
			}
			if expr.Reads("result") && !strings.HasSuffix(path, "/Output") && !strings.Contains(path, "/Assign/") && !strings.Contains(path, "/Output/") {
				t.Errorf("%s%s reads $states.result before there is one", d.DefinitionURI, path)
			}
			if strings.Contains(path, "/Catch/") && expr.Reads("result") {
				t.Errorf("%s%s reads $states.result in a Catch", d.DefinitionURI, path)
			}
		}
	}
}

// The state names are the words that people see in the console and in alarms:
// each is explained.
func TestStatesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/state-machine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, all := machines(t)
	for _, d := range all {
		d.machine.each(func(path string, _ *state) {
			name := path[strings.LastIndexByte(path, '/')+1:]
			if !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("docs/state-machine.md does not explain %s", path)
			}
		})
	}
}
