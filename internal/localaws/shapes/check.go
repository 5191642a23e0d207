package shapes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Answer is one HTTP answer to an operation.
type Answer struct {
	Service, Operation string // the SDK's service id, and the operation's name
	Status             int
	Header             http.Header
	Body               []byte
	Headless           bool // the answer to HEAD, which has no body
}

// Checker has the service models. It may be used by many goroutines.
type Checker struct{ models map[string]*model }

// NewChecker returns a checker with the models that are part of the package.
func NewChecker() (*Checker, error) {
	models, err := load()
	return &Checker{models: models}, err
}

// Check returns what is wrong with an answer, one line each; none is right.
func (c *Checker) Check(a Answer) []string {
	m, ok := c.models[a.Service]
	if !ok {
		return []string{fmt.Sprintf("no model of service %q: add it to models.py", a.Service)}
	}
	op, ok := m.Operations[a.Operation]
	if !ok {
		return []string{fmt.Sprintf("no model of %s %s: add it to models.py", a.Service, a.Operation)}
	}
	v := &visit{model: m, at: a.Operation}
	switch {
	case a.Status >= http.StatusMultipleChoices:
		v.refusal(a, op)
	case op.Output == "":
		if body := bytes.TrimSpace(a.Body); len(body) > 0 && !bytes.Equal(body, []byte("{}")) {
			v.wrong("answers a body, and there is none")
		}
	default:
		v.answer(a, m.Shapes[op.Output])
	}
	return v.complaints
}

// visit is the check of one answer; at is the path of the member under test.
type visit struct {
	model      *model
	at         string
	complaints []string
}

func (v *visit) wrong(format string, args ...any) {
	v.complaints = append(v.complaints, v.at+": "+fmt.Sprintf(format, args...))
}

// in runs a check of a part.
func (v *visit) in(part string, check func()) {
	outer := v.at
	v.at += part
	check()
	v.at = outer
}

// answer checks a successful answer: members in headers, and the body.
func (v *visit) answer(a Answer, s *shape) {
	body := map[string]member{}
	for name, m := range s.Members {
		switch m.Location {
		case "header":
			v.in("."+name, func() { v.header(a.Header.Get(m.LocationName), m, slices.Contains(s.Required, name)) })
		case "":
			body[name] = m
		}
	}
	payload, ok := s.Members[s.Payload]
	switch {
	case a.Headless:
	case ok && v.model.Shapes[payload.Shape].Type == "structure":
		v.document(a.Body, v.model.Shapes[payload.Shape])
	case ok: // bytes of the customer
	case len(body) == 0:
		if text := bytes.TrimSpace(a.Body); len(text) > 0 && !bytes.Equal(text, []byte("{}")) {
			v.wrong("answers a body, and there is none")
		}
	default:
		v.document(a.Body, &shape{Type: "structure", Members: body, Required: s.Required, Union: s.Union})
	}
}

// document checks a body that is a structure.
func (v *visit) document(body []byte, s *shape) {
	if v.model.Protocol == "rest-xml" {
		root, err := parseXML(body)
		if err != nil {
			v.wrong("is no XML: %v", err)
			return
		}
		v.element(root, s, false)
		return
	}
	value, err := decode(body)
	if err != nil {
		v.wrong("is no JSON: %v", err)
		return
	}
	v.value(value, s, "")
}

func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return value, nil
}

// refusal checks an error: its name, and its members if it is in the model.
func (v *visit) refusal(a Answer, op operation) {
	var code string
	var members map[string]any
	switch {
	case a.Headless || a.Status == http.StatusNotModified:
		if len(a.Body) > 0 {
			v.wrong("answers a body with status %d, and there is none", a.Status)
		}
		return
	case v.model.Protocol == "rest-xml":
		root, err := parseXML(a.Body)
		if err != nil || root.name != "Error" {
			v.wrong("status %d without an Error document", a.Status)
			return
		}
		code = root.text("Code")
	default:
		value, err := decode(a.Body)
		fields, ok := value.(map[string]any)
		if err != nil || !ok {
			v.wrong("status %d without a JSON object", a.Status)
			return
		}
		members = fields
		code, _ = fields["__type"].(string)
		if v.model.Protocol == "rest-json" {
			code = a.Header.Get("X-Amzn-Errortype")
		}
		code = code[strings.LastIndexByte(code, '#')+1:]
		if query, kind, ok := strings.Cut(a.Header.Get("X-Amzn-Query-Error"), ";"); v.model.Service == "SQS" && (!ok || query == "" || kind != "Sender") {
			v.wrong("error %s without the code of the query protocol", code)
		}
	}
	v.in(" fails with "+code, func() {
		name, ok := v.named(op.Errors, code)
		if !ok {
			if !slices.Contains(unmodelled(v.model.Service), code) {
				v.wrong("that is not an error of the operation")
			}
			return
		}
		maps.DeleteFunc(members, func(name string, _ any) bool { return name == "__type" || name == "message" || name == "Message" })
		if v.model.Protocol != "rest-xml" {
			s := *v.model.Shapes[name]
			s.Required = slices.DeleteFunc(slices.Clone(s.Required), func(name string) bool { return strings.EqualFold(name, "message") })
			v.value(members, &s, "")
		}
	})
}

// named finds an error shape by its code.
func (v *visit) named(names []string, code string) (string, bool) {
	i := slices.IndexFunc(names, func(name string) bool { return name == code || v.model.Shapes[name].Code == code })
	if i < 0 {
		return "", false
	}
	return names[i], true
}

// value checks a JSON value; format is the timestamp format of its member.
func (v *visit) value(value any, s *shape, format string) {
	switch s.Type {
	case "structure":
		fields, ok := value.(map[string]any)
		if !ok {
			v.wrong("is %T, not a structure", value)
			return
		}
		v.structure(slices.Collect(maps.Keys(fields)), s, func(name string, m member) {
			v.value(fields[name], v.model.Shapes[m.Shape], m.TimestampFormat)
		})
	case "list":
		items, ok := value.([]any)
		if !ok {
			v.wrong("is %T, not a list", value)
		}
		for i, item := range items {
			v.in(fmt.Sprintf("[%d]", i), func() { v.value(item, v.model.Shapes[s.Member.Shape], s.Member.TimestampFormat) })
		}
	case "map":
		entries, ok := value.(map[string]any)
		if !ok {
			v.wrong("is %T, not a map", value)
		}
		for key, entry := range entries {
			v.in("{"+key+"}", func() {
				v.text(key, v.model.Shapes[s.Key.Shape], "")
				v.value(entry, v.model.Shapes[s.Value.Shape], s.Value.TimestampFormat)
			})
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			v.wrong("is %T, not a boolean", value)
		}
	case "integer", "long", "float", "double":
		n, ok := value.(json.Number)
		if !ok {
			v.wrong("is %T, not a number", value)
			return
		}
		v.text(n.String(), s, "")
	case "timestamp":
		n, ok := value.(json.Number)
		if !ok || s.TimestampFormat != "" && s.TimestampFormat != "unixTimestamp" || format != "" && format != "unixTimestamp" {
			v.wrong("is %T, not a time in seconds", value)
			return
		}
		v.text(n.String(), &shape{Type: "double"}, "")
	default:
		text, ok := value.(string)
		if !ok {
			v.wrong("is %T, not a %s", value, s.Type)
			return
		}
		v.text(text, s, format)
	}
}

// structure checks which members are there and has each checked by its name on
// the wire.
func (v *visit) structure(present []string, s *shape, check func(name string, m member)) {
	slices.Sort(present)
	byName := map[string]member{}
	for name, m := range s.Members {
		wire := m.LocationName
		if wire == "" {
			wire = name
		}
		byName[wire] = m
		if slices.Contains(s.Required, name) && m.Location == "" && !slices.Contains(present, wire) && !v.leftOut(name) {
			v.wrong("lacks %s", wire)
		}
	}
	if s.Union && len(present) != 1 {
		v.wrong("has the members %v of a union", present)
	}
	for _, name := range present {
		m, ok := byName[name]
		if !ok {
			v.wrong("has %s, which is not described", name)
			continue
		}
		v.in("."+name, func() { check(name, m) })
	}
}

// leftOut says that AWS itself leaves a required member out: SQS answers no list
// of what failed when all of a batch succeeded, and the other way round (recorded
// in April 2024).
func (v *visit) leftOut(name string) bool {
	return v.model.Service == "SQS" && (name == "Failed" || name == "Successful")
}

// header checks a member that is a header.
func (v *visit) header(text string, m member, required bool) {
	if text == "" {
		if required {
			v.wrong("is missing")
		}
		return
	}
	format := m.TimestampFormat
	if format == "" {
		format = "rfc822"
	}
	v.text(text, v.model.Shapes[m.Shape], format)
}

// text checks a scalar as it is written; format is that of a timestamp.
func (v *visit) text(text string, s *shape, format string) {
	var err error
	switch s.Type {
	case "string":
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
			v.wrong("is %q, which is none of %v", text, s.Enum)
		}
	case "blob":
		if !isBase64(text) {
			v.wrong("is not base64")
		}
	case "boolean":
		_, err = strconv.ParseBool(text)
	case "integer":
		_, err = strconv.ParseInt(text, 10, 32)
	case "long":
		_, err = strconv.ParseInt(text, 10, 64)
	case "float", "double":
		_, err = strconv.ParseFloat(text, 64)
	case "timestamp":
		layout := time.RFC3339
		if format == "rfc822" {
			layout = http.TimeFormat
		}
		_, err = time.Parse(layout, text)
	default:
		v.wrong("is a scalar, not a %s", s.Type)
	}
	if err != nil {
		v.wrong("is not a %s", s.Type)
	}
}
