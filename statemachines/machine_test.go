// Package statemachines_test checks the state machines together with the
// template that deploys them: graph, retries, expressions, names; and what is
// handed over from one worker to the next. With the workers themselves
// internal/localaws runs them.
package statemachines_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/localaws/template"
)

// machine is a state machine or the processor of a Map state.
type machine struct {
	QueryLanguage  string
	StartAt        string
	TimeoutSeconds int
	States         map[string]*state
}

// state has the fields that the checks read. Unknown fields are
// internal/localaws/stepfunctions' to refuse.
type state struct {
	Type           string
	Resource       string
	Next           string
	Default        string
	End            bool
	Choices        []struct{ Condition, Next string }
	Retry          []retrier
	Catch          []catcher
	TimeoutSeconds any
	Arguments      map[string]any
	ItemProcessor  *machine
	Error          string
}

type retrier struct {
	ErrorEquals                                   []string
	IntervalSeconds, MaxAttempts, MaxDelaySeconds int
	BackoffRate                                   float64
	JitterStrategy                                string
}

type catcher struct {
	ErrorEquals []string
	Next        string
}

// targets are the states that a state may hand over to.
func (s *state) targets() []string {
	var out []string
	for _, c := range s.Choices {
		out = append(out, c.Next)
	}
	for _, c := range s.Catch {
		out = append(out, c.Next)
	}
	for _, next := range []string{s.Next, s.Default} {
		if next != "" {
			out = append(out, next)
		}
	}
	return out
}

// each calls fn for every state, by path: "ProcessChunks/Enrich".
func (m *machine) each(fn func(path string, s *state)) { m.walk("", fn) }

func (m *machine) walk(prefix string, fn func(string, *state)) {
	for _, name := range slices.Sorted(maps.Keys(m.States)) {
		s := m.States[name]
		fn(prefix+name, s)
		if s.ItemProcessor != nil {
			s.ItemProcessor.walk(prefix+name+"/", fn)
		}
	}
}

// deployed is a state machine of the template with its definition.
type deployed struct {
	template.StateMachine
	text    string // as the file has it
	machine machine
}

// machines returns every state machine of the template.
func machines(t *testing.T) (*template.Template, []deployed) {
	t.Helper()
	stack := load(t)
	var all []deployed
	for _, m := range stack.StateMachines {
		text, err := sluice.Deploy.ReadFile(m.DefinitionURI)
		if err != nil {
			t.Fatalf("%s: %v", m.LogicalID, err)
		}
		d := deployed{StateMachine: m, text: string(text)}
		if err := json.Unmarshal(text, &d.machine); err != nil {
			t.Fatalf("%s: %v", m.DefinitionURI, err)
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		t.Fatal("the template has no state machine")
	}
	return stack, all
}

func load(t *testing.T) *template.Template {
	t.Helper()
	text, err := sluice.Deploy.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Load(text, template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// expressions returns every JSONata expression of a definition, by the path of
// the string that it is.
func expressions(t *testing.T, definition string) map[string]string {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(definition), &doc); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"/"+k, e)
			}
		case []any:
			for i, e := range v {
				walk(fmt.Sprintf("%s/%d", path, i), e)
			}
		case string:
			if body, ok := strings.CutPrefix(v, "{%"); ok {
				body, closed := strings.CutSuffix(body, "%}")
				if !closed {
					t.Errorf("%s: %q begins with {%% and does not end with %%}, so it is a plain text", path, v)
				}
				found[path] = body
			} else if strings.Contains(v, "{%") {
				t.Errorf("%s: %q has {%% inside; an expression is the whole string", path, v)
			}
		}
	}
	walk("", doc)
	return found
}
