package stepfunctions

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// bounds are what a number in a definition may be. Except shares in percent
// all are whole.
type bounds struct {
	least, most float64
	fraction    bool
}

func (b bounds) allow(n float64) bool {
	return n >= b.least && n <= b.most && (b.fraction || n == math.Trunc(n))
}

const maxSeconds = 99999999

// Bounds of the numbers of a definition, constant or evaluated, by field
// (developer guide, 2026).
var numbers = map[string]bounds{
	"Seconds":                    {least: 0, most: maxSeconds},
	"TimeoutSeconds":             {least: 1, most: maxSeconds},
	"HeartbeatSeconds":           {least: 1, most: maxSeconds},
	"MaxConcurrency":             {least: 0, most: math.MaxInt32},
	"ToleratedFailureCount":      {least: 0, most: 100_000_000},
	"ToleratedFailurePercentage": {least: 0, most: 100, fraction: true},
	"MaxItems":                   {least: 1, most: 100_000_000},
	"MaxItemsPerBatch":           {least: 1, most: 100_000_000},
	"MaxInputBytesPerBatch":      {least: 1, most: maxPayload},
}

// amount compiles an optional number, constant or expression.
func (p *parser) amount(fields map[string]json.RawMessage, name, path string) *template {
	t := p.template(fields, name, path)
	if t != nil && t.expr == nil {
		var n float64
		if t.literal == nil || json.Unmarshal(t.literal, &n) != nil || !numbers[name].allow(n) {
			p.report(path+"/"+name, "The field must be a number from %v to %v or a JSONata expression", numbers[name].least, numbers[name].most)
		}
	}
	return t
}

// validStamp reports whether a Wait state can wait until the time.
func validStamp(stamp string) bool {
	_, err := time.Parse(time.RFC3339Nano, stamp)
	return err == nil
}

var variableName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]{0,79}$`)

func (p *parser) assign(fields map[string]json.RawMessage, path string, sections ...string) *template {
	t := p.template(fields, "Assign", path, sections...)
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
			t.items = append(t.items, p.value(f.value, path+"/Assign/"+f.name, sections))
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
	switch base {
	case resourceLambda:
		p.arguments(st.arguments, path, []string{"FunctionName"}, "Payload")
	case resourceSQS:
		p.arguments(st.arguments, path, []string{"QueueUrl", "MessageBody"}, "DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId")
	}
	var timeout, heartbeat float64
	if st.timeout != nil && st.heartbeat != nil && json.Unmarshal(st.timeout.literal, &timeout) == nil &&
		json.Unmarshal(st.heartbeat.literal, &heartbeat) == nil && heartbeat >= timeout {
		p.report(path, "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'")
	}
}

// arguments checks the members of Arguments that are known before they are
// evaluated.
func (p *parser) arguments(t *template, path string, required []string, optional ...string) {
	path += "/Arguments"
	if t == nil || t.expr != nil {
		if t == nil {
			p.report(path, "The field '%s' is required but was missing", required[0])
		}
		return
	}
	names := t.keys
	if t.literal != nil {
		fields, err := orderedObject(t.literal)
		if err != nil {
			p.report(path, "%v", err)
		}
		for _, f := range fields {
			names = append(names, f.name)
		}
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			p.report(path, "The field '%s' is required but was missing", name)
		}
	}
	for _, name := range names {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			p.report(path, "The field '%s' is not supported here", name)
		}
	}
}

// shadowing reports variables that a Map or Parallel state assigns inside though
// a state around it assigns them, too. A Catch around it may, recorded on AWS.
// A distributed map sees no outer variables.
func (p *parser) shadowing(g *graph, outer []string, path string) {
	names := outer[:len(outer):len(outer)]
	inOrder := slices.Sorted(maps.Keys(g.states))
	for _, name := range inOrder {
		for _, assign := range g.states[name].assigns() {
			for _, v := range assign.keys {
				if slices.Contains(outer, v) {
					p.report(path+"/States/"+name, "The variable '%s' is assigned in an outer scope, too", v)
				}
				names = append(names, v)
			}
		}
	}
	for _, name := range inOrder {
		st, at := g.states[name], path+"/States/"+name
		for i, b := range st.branches {
			p.shadowing(b, names, fmt.Sprintf("%s/Branches[%d]", at, i))
		}
		switch m := st.each; {
		case m != nil && m.distributed:
			p.shadowing(m.processor, nil, at+"/ItemProcessor")
		case m != nil:
			p.shadowing(m.processor, names, at+"/ItemProcessor")
		}
	}
}

// assigns returns what the state assigns unless an error is caught.
func (st *state) assigns() []*template {
	var all []*template
	if st.assign != nil {
		all = append(all, st.assign)
	}
	for _, c := range st.choices {
		if c.assign != nil {
			all = append(all, c.assign)
		}
	}
	return all
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
		r := retrier{interval: 1, maxAttempts: 3, backoff: 2, maxDelay: 31622400, errors: p.errorNames(rule, at, i == len(rules)-1)}
		jitter := "NONE"
		p.scalar(rule, "IntervalSeconds", at, &r.interval)
		p.scalar(rule, "MaxAttempts", at, &r.maxAttempts)
		p.scalar(rule, "BackoffRate", at, &r.backoff)
		p.scalar(rule, "MaxDelaySeconds", at, &r.maxDelay)
		p.scalar(rule, "JitterStrategy", at, &jitter)
		r.jitter = jitter == "FULL"
		if r.interval < 1 || r.interval > 99999999 || r.maxAttempts < 0 || r.maxAttempts > 99999999 || r.backoff < 1 {
			p.report(at, "'IntervalSeconds' must be from 1 to 99999999, 'MaxAttempts' from 0 to 99999999 and 'BackoffRate' at least 1")
		}
		if r.maxDelay < 1 || r.maxDelay > 31622400 || jitter != "FULL" && jitter != "NONE" {
			p.report(at, "'MaxDelaySeconds' must be from 1 to 31622400 and 'JitterStrategy' FULL or NONE")
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
		c := catcher{errors: p.errorNames(rule, at, i == len(rules)-1), output: p.template(rule, "Output", at, "errorOutput"), assign: p.assign(rule, at, "errorOutput")}
		p.scalar(rule, "Next", at, &c.next)
		all = append(all, c)
	}
	return all
}
