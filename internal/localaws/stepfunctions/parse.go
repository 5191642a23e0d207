package stepfunctions

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
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
	problems []string
}

// parseDefinition compiles a definition or answers InvalidDefinition with every
// problem it has.
func parseDefinition(engine *jsonata.Engine, definition string) (*graph, error) {
	p := &parser{engine: engine, names: map[string]bool{}, labels: map[string]bool{}}
	var g *graph
	if len(definition) > maxDefinition {
		p.report("", "The definition is longer than 1 MB")
	} else if !json.Valid([]byte(definition)) {
		p.problems = append(p.problems, "INVALID_JSON_DESCRIPTION: The definition is not valid JSON")
	} else {
		g = p.machine(json.RawMessage(definition))
	}
	if len(p.problems) > 0 {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidDefinition", "Invalid State Machine Definition: '%s'", strings.Join(p.problems, ", "))
	}
	return g, nil
}

func (p *parser) report(path, format string, args ...any) {
	p.problem("SCHEMA_VALIDATION_FAILED", path, format, args...)
}

func (p *parser) problem(code, path, format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf("%s: %s at %s", code, fmt.Sprintf(format, args...), path))
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

// template compiles an optional field; a missing one is nil.
func (p *parser) template(fields map[string]json.RawMessage, name, path string) *template {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	return parseTemplate(p.engine, raw, path+"/"+name, p.report)
}

// amount compiles an optional number, constant or expression.
func (p *parser) amount(fields map[string]json.RawMessage, name, path string) *template {
	t := p.template(fields, name, path)
	if t != nil && t.expr == nil {
		var n float64
		if t.literal == nil || json.Unmarshal(t.literal, &n) != nil || n < 0 {
			p.report(path+"/"+name, "The field must be a number of at least 0 or a JSONata expression")
		}
	}
	return t
}

func (p *parser) machine(raw json.RawMessage) *graph {
	fields := p.object(raw, "/", "Comment", "StartAt", "States", "QueryLanguage", "TimeoutSeconds", "Version")
	p.language = "JSONPath"
	p.scalar(fields, "QueryLanguage", "", &p.language)
	if p.language != "JSONPath" && p.language != "JSONata" {
		p.report("/QueryLanguage", "The value must be JSONata")
	}
	var seconds float64
	p.scalar(fields, "TimeoutSeconds", "", &seconds)
	if seconds < 0 || seconds > 99999999 {
		p.report("/TimeoutSeconds", "The value must be between 1 and 99999999")
	}
	g := p.graph(fields, "")
	g.timeout = time.Duration(seconds * float64(time.Second))
	if p.language != "JSONata" && !p.jsonata {
		p.problems = []string{"SCHEMA_VALIDATION_FAILED: This machine is written in JSONPath; only JSONata runs here: set 'QueryLanguage' to 'JSONata' at /QueryLanguage"}
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
	return g
}

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
	st.output = p.template(fields, "Output", path)
	st.assign = p.assign(fields, path)
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

var variableName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]{0,79}$`)

func (p *parser) assign(fields map[string]json.RawMessage, path string) *template {
	t := p.template(fields, "Assign", path)
	if t == nil {
		return nil
	}
	names, err := orderedObject(fields["Assign"])
	if err != nil {
		p.report(path+"/Assign", "The field must be an object")
		return nil
	}
	for _, f := range names {
		if !variableName.MatchString(f.name) || f.name == "states" {
			p.report(path+"/Assign/"+f.name, "The name of a variable must begin with a letter, have at most 80 characters and not be 'states'")
		}
	}
	if t.literal != nil { // its members are needed one by one
		t = &template{keys: []string{}}
		for _, f := range names {
			t.keys = append(t.keys, f.name)
			t.items = append(t.items, parseTemplate(p.engine, f.value, path+"/Assign/"+f.name, p.report))
		}
	}
	return t
}

func (p *parser) task(st *state, fields map[string]json.RawMessage, path string) {
	p.scalar(fields, "Resource", path, &st.resource)
	st.timeout, st.heartbeat = p.amount(fields, "TimeoutSeconds", path), p.amount(fields, "HeartbeatSeconds", path)
	st.credentials = p.template(fields, "Credentials", path)
	base := strings.TrimSuffix(st.resource, waitForToken)
	if base != resourceLambda && base != resourceSQS && !strings.HasPrefix(st.resource, "arn:aws:lambda:") {
		p.report(path+"/Resource", "The resource '%s' is not one of lambda:invoke, sqs:sendMessage and a Lambda function", st.resource)
	}
	var timeout, heartbeat float64
	if st.timeout != nil && st.heartbeat != nil && json.Unmarshal(st.timeout.literal, &timeout) == nil &&
		json.Unmarshal(st.heartbeat.literal, &heartbeat) == nil && heartbeat >= timeout {
		p.report(path, "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'")
	}
}

func (p *parser) choice(st *state, fields map[string]json.RawMessage, path string) {
	p.scalar(fields, "Default", path, &st.fallback)
	var rules []json.RawMessage
	p.scalar(fields, "Choices", path, &rules)
	if len(rules) == 0 {
		p.report(path+"/Choices", "The state needs at least one choice")
	}
	for i, raw := range rules {
		at := fmt.Sprintf("%s/Choices[%d]", path, i)
		rule := p.object(raw, at, "Condition", "Next", "Output", "Assign", "Comment")
		c := choice{condition: p.template(rule, "Condition", at), output: p.template(rule, "Output", at), assign: p.assign(rule, at)}
		p.scalar(rule, "Next", at, &c.next)
		if c.condition == nil || c.condition.expr == nil && string(c.condition.literal) != "true" && string(c.condition.literal) != "false" {
			p.report(at+"/Condition", "The field must be a JSONata expression or a boolean")
		}
		st.choices = append(st.choices, c)
	}
}

// errorNames parses ErrorEquals of rule i of n and checks that States.ALL is last and alone.
func (p *parser) errorNames(fields map[string]json.RawMessage, path string, last bool) []string {
	var names []string
	p.scalar(fields, "ErrorEquals", path, &names)
	if len(names) == 0 {
		p.report(path+"/ErrorEquals", "The field must name at least one error")
	}
	if slices.Contains(names, "States.ALL") && (len(names) > 1 || !last) {
		p.report(path+"/ErrorEquals", "'States.ALL' must be alone and in the last rule")
	}
	return names
}

func (p *parser) retriers(fields map[string]json.RawMessage, path string) []retrier {
	var rules []json.RawMessage
	p.scalar(fields, "Retry", path, &rules)
	var all []retrier
	for i, raw := range rules {
		at := fmt.Sprintf("%s/Retry[%d]", path, i)
		rule := p.object(raw, at, "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
		r := retrier{interval: 1, maxAttempts: 3, backoff: 2, errors: p.errorNames(rule, at, i == len(rules)-1)}
		jitter := "NONE"
		p.scalar(rule, "IntervalSeconds", at, &r.interval)
		p.scalar(rule, "MaxAttempts", at, &r.maxAttempts)
		p.scalar(rule, "BackoffRate", at, &r.backoff)
		p.scalar(rule, "MaxDelaySeconds", at, &r.maxDelay)
		p.scalar(rule, "JitterStrategy", at, &jitter)
		r.jitter = jitter == "FULL"
		if r.interval < 1 || r.maxAttempts < 0 || r.backoff < 1 || r.maxDelay < 0 || jitter != "FULL" && jitter != "NONE" {
			p.report(at, "'IntervalSeconds' and 'BackoffRate' must be at least 1, 'MaxAttempts' at least 0, 'JitterStrategy' FULL or NONE")
		}
		all = append(all, r)
	}
	return all
}

func (p *parser) catchers(fields map[string]json.RawMessage, path string) []catcher {
	var rules []json.RawMessage
	p.scalar(fields, "Catch", path, &rules)
	var all []catcher
	for i, raw := range rules {
		at := fmt.Sprintf("%s/Catch[%d]", path, i)
		rule := p.object(raw, at, "ErrorEquals", "Next", "Output", "Assign", "Comment")
		c := catcher{errors: p.errorNames(rule, at, i == len(rules)-1), output: p.template(rule, "Output", at), assign: p.assign(rule, at)}
		p.scalar(rule, "Next", at, &c.next)
		all = append(all, c)
	}
	return all
}
