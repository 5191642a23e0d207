package stepfunctions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/localaws/jsonata"
)

// template is a JSON value in which strings of the form {% ... %} are
// expressions: Arguments, Output, Assign, ItemSelector and the like.
type template struct {
	literal json.RawMessage // the value, if it has no expression inside
	expr    *jsonata.Expr   // the value is the result of one expression
	keys    []string        // the value is an object: its keys, in order,
	items   []*template     // and their values; or an array, if keys is nil
}

// expression returns the source between {% and %}, and whether text is one.
func expression(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, "{%")
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, "%}")
	return strings.TrimSpace(rest), ok
}

// value compiles raw. Its expressions may name the given sections of $states
// besides input and context.
func (p *parser) value(raw json.RawMessage, path string, sections []string) *template {
	raw = bytes.TrimSpace(raw)
	if !bytes.Contains(raw, []byte("{%")) && !bytes.Contains(raw, []byte("%}")) {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			p.report(path, "The value is not valid JSON")
		}
		return &template{literal: compact.Bytes()}
	}
	switch raw[0] {
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			p.report(path, "The value is not valid JSON")
			return &template{literal: raw}
		}
		source, ok := expression(text)
		if !ok {
			if strings.HasPrefix(text, "{%") != strings.HasSuffix(text, "%}") {
				p.report(path, "A JSONata expression must begin with '{%%' and end with '%%}'")
			}
			return &template{literal: raw}
		}
		return p.expression(source, path, sections)
	case '{':
		t := &template{keys: []string{}}
		fields, err := orderedObject(raw)
		if err != nil {
			p.report(path, "%v", err)
		}
		for _, f := range fields {
			t.keys = append(t.keys, f.name)
			t.items = append(t.items, p.value(f.value, path+"/"+f.name, sections))
		}
		return t
	default:
		t := &template{}
		var values []json.RawMessage
		if err := json.Unmarshal(raw, &values); err != nil {
			p.report(path, "The value is not valid JSON")
		}
		for i, v := range values {
			t.items = append(t.items, p.value(v, fmt.Sprintf("%s[%d]", path, i), sections))
		}
		return t
	}
}

func (p *parser) expression(source, path string, sections []string) *template {
	x, err := p.engine.Compile(source)
	if err != nil {
		message := err.Error()
		if e, ok := errors.AsType[*jsonata.Error](err); ok {
			message = e.Message
		}
		p.problem("INVALID_JSONATA_EXPRESSION", path, "%s", message)
		return &template{literal: quoted(source)}
	}
	err = x.Rootless()
	for _, section := range []string{"result", "errorOutput"} {
		if x.Names(section) && !slices.Contains(sections, section) {
			err = jsonata.Unsupported("$states." + section)
		}
	}
	if err != nil {
		p.problem("UNSUPPORTED_JSONATA_EXPRESSION", path, "%v", err)
	}
	return &template{expr: x}
}

// field is one member of a JSON object.
type field struct {
	name  string
	value json.RawMessage
}

// orderedObject returns the members of a JSON object in order.
func orderedObject(raw json.RawMessage) ([]field, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("the value is not a JSON object")
	}
	var fields []field
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("the value is not valid JSON: %w", err)
		}
		f := field{name: name.(string)} //nolint:forcetypeassert // an object's key is a string
		if err := dec.Decode(&f.value); err != nil {
			return nil, fmt.Errorf("the value is not valid JSON: %w", err)
		}
		if seen[f.name] {
			return nil, fmt.Errorf("the field '%s' appears twice", f.name)
		}
		seen[f.name] = true
		fields = append(fields, f)
	}
	return fields, nil
}

// evaluation evaluates the fields of one state at one moment. Its interpreter
// is taken at the first expression and given back by close.
type evaluation struct {
	frame   *frame
	states  map[string]json.RawMessage
	token   string // Task.Token in the context, if any
	item    json.RawMessage
	session *jsonata.Session
}

// evaluation starts one with the given sections of $states besides context.
func (f *frame) evaluation(states map[string]json.RawMessage) *evaluation {
	return &evaluation{frame: f, states: states, item: f.item}
}

func (ev *evaluation) close() {
	if ev.session != nil {
		ev.session.Close()
		ev.session = nil
	}
}

// setItem changes what the context says of the current item of a Map state.
func (ev *evaluation) setItem(item json.RawMessage) {
	ev.item = item
	delete(ev.states, "context")
}

// value evaluates a template. The error is a *failure or a cancelled context.
func (ev *evaluation) value(t *template, location string) (json.RawMessage, error) {
	if t.literal != nil {
		return t.literal, nil
	}
	if t.expr != nil {
		return ev.result(t.expr, location)
	}
	return ev.appendTo(nil, t, location)
}

func (ev *evaluation) appendTo(out []byte, t *template, location string) ([]byte, error) {
	switch {
	case t.literal != nil:
		return append(out, t.literal...), nil
	case t.expr != nil:
		value, err := ev.result(t.expr, location)
		return append(out, value...), err
	}
	start, end := byte('['), byte(']')
	if t.keys != nil {
		start, end = '{', '}'
	}
	out = append(out, start)
	for i, item := range t.items {
		if i > 0 {
			out = append(out, ',')
		}
		at := fmt.Sprintf("%s[%d]", location, i)
		if t.keys != nil {
			out = append(jsonata.AppendString(out, t.keys[i]), ':')
			at = location + "/" + t.keys[i]
		}
		var err error
		if out, err = ev.appendTo(out, item, at); err != nil {
			return nil, err
		}
	}
	return append(out, end), nil
}

// result evaluates one expression.
func (ev *evaluation) result(x *jsonata.Expr, location string) (json.RawMessage, error) {
	f := ev.frame
	if x.Reads("context") && ev.states["context"] == nil {
		if ev.session != nil {
			ev.session.SetSection("context", f.contextObject(ev.token, ev.item))
		} else {
			ev.states["context"] = f.contextObject(ev.token, ev.item)
		}
	}
	if ev.session == nil {
		random := f.random(location)
		ev.session = f.x.service.engine.Session(f.x.service.ctx, jsonata.Scope{
			States: ev.states, Variables: f.vars, Now: f.now, Random: random.Float64,
		})
	}
	value, defined, err := ev.session.Evaluate(x)
	prefix := fmt.Sprintf("The JSONata expression '%s' specified for the field '%s'", x.Source(), location)
	switch {
	case f.stopped():
		return nil, errStopped
	case err == jsonata.ErrUnsupportedResult: //nolint:errorlint // returned as it is
		return nil, f.evaluationFailed(location, prefix+" returned an unsupported result type.")
	case err != nil:
		separator := ". "
		if e, ok := errors.AsType[*jsonata.Error](err); ok && e.Code == "U1001" { // AWS gives its own limits no code
			separator, err = ": ", errors.New(e.Message)
		}
		return nil, f.evaluationFailed(location, prefix+" threw an error during evaluation"+separator+err.Error())
	case !defined:
		return nil, f.evaluationFailed(location, prefix+" returned nothing (undefined).")
	}
	return value, nil
}

// typed evaluates a template whose result must be of a JSON type ("array",
// "string", "boolean", "number") and decodes it into out.
func (ev *evaluation) typed(t *template, location, want string, out any) error {
	value, err := ev.value(t, location)
	if err != nil {
		return err
	}
	if got := typeOf(value); got != want {
		if t.expr == nil {
			return ev.frame.evaluationFailed(location, fmt.Sprintf("The value of the field '%s' has an unexpected type. Expected '%s', but was '%s' for value: %s", location, want, got, value))
		}
		return ev.frame.evaluationFailed(location, fmt.Sprintf(
			"The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected '%s', but was '%s' for value: %s",
			t.expr.Source(), location, want, got, value))
	}
	if err := json.Unmarshal(value, out); err != nil {
		return ev.frame.evaluationFailed(location, fmt.Sprintf("The value of the field '%s' cannot be used: %s", location, value))
	}
	return nil
}

// count evaluates an optional field that must be a number within the bounds of
// its name; a nil template gives fallback.
func (ev *evaluation) count(t *template, location string, fallback float64) (float64, error) {
	if t == nil {
		return fallback, nil
	}
	var n float64
	if err := ev.typed(t, location, "number", &n); err != nil {
		return 0, err
	}
	if b := numbers[path.Base(location)]; !b.allow(n) {
		return 0, ev.frame.evaluationFailed(location, fmt.Sprintf("The value of the field '%s' must be a number from %v to %v, but was %v", location, b.least, b.most, n))
	}
	return n, nil
}

// typeOf names the JSON type of a value.
func typeOf(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// quoted returns text as a JSON string.
func quoted(text string) json.RawMessage { return jsonata.AppendString(nil, text) }
