package stepfunctions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/jsonata"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const maxDefinition = 1 << 20 // bytes

// parser builds graphs from a definition and collects everything wrong with it.
type parser struct {
	engine   *jsonata.Engine
	language string          // of the machine
	names    map[string]bool // of states so far: unique in a machine
	labels   map[string]bool
	jsonata  bool // some state is in JSONata
	problems []problem
}

// problem is one thing wrong with a definition.
type problem struct{ code, message, path string }

// parseDefinition compiles a definition or answers InvalidDefinition with every
// problem it has.
func parseDefinition(engine *jsonata.Engine, definition string) (*graph, error) {
	g, problems := examine(engine, definition)
	if len(problems) == 0 {
		return g, nil
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = fmt.Sprintf("%s: %s at %s", p.code, p.message, p.path)
	}
	return nil, wire.Errorf(http.StatusBadRequest, "InvalidDefinition", "Invalid State Machine Definition: '%s'", strings.Join(texts, ", "))
}

// examine compiles a definition and returns what is wrong with it.
func examine(engine *jsonata.Engine, definition string) (*graph, []problem) {
	p := &parser{engine: engine, names: map[string]bool{}, labels: map[string]bool{}}
	var g *graph
	if len(definition) > maxDefinition {
		p.report("", "The definition is longer than 1 MB")
	} else if !json.Valid([]byte(definition)) {
		p.problem("INVALID_JSON_DESCRIPTION", "/", "The definition is not valid JSON")
	} else {
		g = p.machine(json.RawMessage(definition))
	}
	return g, p.problems
}

func (p *parser) report(path, format string, args ...any) {
	p.problem("SCHEMA_VALIDATION_FAILED", path, format, args...)
}

func (p *parser) problem(code, path, format string, args ...any) {
	p.problems = append(p.problems, problem{code, fmt.Sprintf(format, args...), path})
}

// object decodes raw and reports fields that are not in allowed.
func (p *parser) object(raw json.RawMessage, path string, allowed ...string) map[string]json.RawMessage {
	list, err := orderedObject(raw)
	if err != nil {
		p.report(path, "%v", err)
	}
	fields := make(map[string]json.RawMessage, len(list))
	for _, f := range list {
		fields[f.name] = f.value
		switch {
		case slices.Contains(allowed, f.name):
		case slices.Contains(jsonPathFields, f.name) || strings.HasSuffix(f.name, ".$"):
			p.report(path, "The field '%s' belongs to JSONPath and is not supported when 'QueryLanguage' is 'JSONata'", f.name)
		default:
			p.report(path, "Field '%s' is not supported", f.name)
		}
	}
	return fields
}

// scalar decodes an optional constant field into out.
func (p *parser) scalar(fields map[string]json.RawMessage, name, path string, out any) {
	if raw, ok := fields[name]; ok {
		if err := json.Unmarshal(raw, out); err != nil {
			p.report(path+"/"+name, "The field has the wrong type")
		}
	}
}

// template compiles an optional field; a missing one is nil. Its expressions may
// name the given sections of $states besides input and context.
func (p *parser) template(fields map[string]json.RawMessage, name, path string, sections ...string) *template {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	return p.value(raw, path+"/"+name, sections)
}

func (p *parser) machine(raw json.RawMessage) *graph {
	fields := p.object(raw, "/", "Comment", "StartAt", "States", "QueryLanguage", "TimeoutSeconds", "Version")
	p.language = "JSONPath"
	p.scalar(fields, "QueryLanguage", "", &p.language)
	if p.language != "JSONPath" && p.language != "JSONata" {
		p.report("/QueryLanguage", "The value must be JSONata")
	}
	var seconds float64
	if t := p.amount(fields, "TimeoutSeconds", ""); t != nil && (t.expr != nil || json.Unmarshal(t.literal, &seconds) != nil) {
		p.report("/TimeoutSeconds", "The value must be a number")
	}
	g := p.graph(fields, "")
	g.timeout = time.Duration(seconds * float64(time.Second))
	p.shadowing(g, nil, "")
	if p.language != "JSONata" && !p.jsonata {
		p.problems = nil // whatever else it says is about the wrong language
		p.report("/QueryLanguage", "This machine is written in JSONPath; only JSONata runs here: set 'QueryLanguage' to 'JSONata'")
	}
	return g
}

// graph parses StartAt and States and checks that all states can be reached
// and lead somewhere.
func (p *parser) graph(fields map[string]json.RawMessage, path string) *graph {
	g := &graph{states: map[string]*state{}}
	p.scalar(fields, "StartAt", path, &g.startAt)
	states, err := orderedObject(fields["States"])
	if err != nil || len(states) == 0 {
		p.report(path+"/States", "The field must be an object with at least one state")
		return g
	}
	for _, f := range states {
		at := path + "/States/" + f.name
		if n := len([]rune(f.name)); n == 0 || n > 80 {
			p.report(at, "The name of a state must have 1 to 80 characters")
		}
		if p.names[f.name] {
			p.problem("DUPLICATE_STATE_NAME", at, "Duplicate state name: %s", f.name)
		}
		p.names[f.name] = true
		g.states[f.name] = p.state(f.name, f.value, at)
	}
	if g.states[g.startAt] == nil {
		p.problem("MISSING_TRANSITION_TARGET", path+"/StartAt", "Missing 'StartAt' target: %s", g.startAt)
		return g
	}
	p.reachable(g, states, path)
	if !slices.ContainsFunc(states, func(f field) bool { return g.states[f.name].terminal() }) {
		p.problem("MISSING_END_STATE", cmp.Or(path, "null"), "Workflow has no terminal state")
	}
	return g
}

func (st *state) terminal() bool { return st.end || st.kind == "Succeed" || st.kind == "Fail" }

func (p *parser) reachable(g *graph, order []field, path string) {
	reached := map[string]bool{}
	pending := []string{g.startAt}
	for len(pending) > 0 {
		name := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if reached[name] {
			continue
		}
		reached[name] = true
		for where, target := range g.states[name].targets() {
			if g.states[target] == nil {
				p.problem("MISSING_TRANSITION_TARGET", path+"/States/"+name+where, "Missing '%s' target: %s", where[strings.LastIndexByte(where, '/')+1:], target)
			} else {
				pending = append(pending, target)
			}
		}
	}
	for _, f := range order {
		if !reached[f.name] {
			p.problem("MISSING_TRANSITION_TARGET", path+"/States/"+f.name, "State \"%s\" is not reachable.", f.name)
		}
	}
}

// targets returns the states that st names, by the place of the name.
func (st *state) targets() map[string]string {
	targets := map[string]string{}
	if st.next != "" {
		targets["/Next"] = st.next
	}
	if st.fallback != "" {
		targets["/Default"] = st.fallback
	}
	for i, c := range st.choices {
		targets[fmt.Sprintf("/Choices[%d]/Next", i)] = c.next
	}
	for i, c := range st.catch {
		targets[fmt.Sprintf("/Catch[%d]/Next", i)] = c.next
	}
	return targets
}

func (p *parser) state(name string, raw json.RawMessage, path string) *state {
	st := &state{name: name}
	var head struct{ Type, QueryLanguage string }
	head.QueryLanguage = p.language
	if err := json.Unmarshal(raw, &head); err != nil {
		p.report(path, "The state is not an object with a 'Type'")
		return st
	}
	allowed, ok := stateFields[head.Type]
	if !ok {
		p.report(path+"/Type", "The value '%s' is not a type of state", head.Type)
		return st
	}
	st.kind = head.Type
	switch {
	case head.QueryLanguage == "JSONata":
		p.jsonata = true
	case p.language == "JSONata":
		p.report(path, "'QueryLanguage' can not be '%s' if set to 'JSONata' for whole state machine", head.QueryLanguage)
	case head.Type == "Pass" || head.Type == "Succeed" || head.Type == "Fail":
		// Without query fields these are the same in both languages.
		allowed = []string{"Next", "End", "Error", "Cause"}
	default:
		p.report(path, "The state is written in JSONPath; only JSONata runs here: set 'QueryLanguage' to 'JSONata'")
		return st
	}
	fields := p.object(raw, path, append([]string{"Type", "Comment", "QueryLanguage"}, allowed...)...)
	p.scalar(fields, "Next", path, &st.next)
	p.scalar(fields, "End", path, &st.end)
	if slices.Contains(allowed, "Next") && (st.next != "") == st.end && head.Type != "Fail" && head.Type != "Succeed" {
		p.report(path, "The state needs either 'Next' or 'End': true")
	}
	st.arguments = p.template(fields, "Arguments", path)
	var sections []string
	if st.kind == "Task" || st.kind == "Parallel" || st.kind == "Map" {
		sections = []string{"result"}
	}
	st.output = p.template(fields, "Output", path, sections...)
	st.assign = p.assign(fields, path, sections...)
	st.retry = p.retriers(fields, path)
	st.catch = p.catchers(fields, path)
	switch st.kind {
	case "Task":
		p.task(st, fields, path)
	case "Choice":
		p.choice(st, fields, path)
	case "Wait":
		st.seconds, st.timestamp = p.amount(fields, "Seconds", path), p.template(fields, "Timestamp", path)
		if (st.seconds == nil) == (st.timestamp == nil) {
			p.report(path, "The state needs exactly one of 'Seconds' and 'Timestamp'")
		}
		if st.timestamp != nil && st.timestamp.expr == nil {
			var stamp string
			if json.Unmarshal(fields["Timestamp"], &stamp) != nil || !validStamp(stamp) {
				p.report(path+"/Timestamp", "The value must be an ISO-8601 date and time with an offset, or a JSONata expression")
			}
		}
	case "Fail":
		st.errorName, st.cause = p.template(fields, "Error", path), p.template(fields, "Cause", path)
	case "Parallel":
		var branches []json.RawMessage
		p.scalar(fields, "Branches", path, &branches)
		if len(branches) == 0 {
			p.report(path+"/Branches", "The state needs at least one branch")
		}
		for i, b := range branches {
			at := fmt.Sprintf("%s/Branches[%d]", path, i)
			st.branches = append(st.branches, p.graph(p.object(b, at, "Comment", "StartAt", "States"), at))
		}
	case "Map":
		st.each = p.mapping(name, fields, path)
	}
	return st
}
