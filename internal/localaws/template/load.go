package template

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const transform = "AWS::Serverless-2016-10-31"

// Load resolves a template. Its error joins everything that is wrong with it,
// one line each.
func Load(data []byte, opts Options) (*Template, error) {
	root, err := parse(data)
	if err != nil {
		return nil, err
	}
	opts = opts.WithDefaults()
	r := &resolver{
		opts: opts, parameters: map[string]any{}, resources: map[string]*resource{},
		absent: map[string]bool{}, naming: map[string]bool{}, needs: map[string]map[string]bool{},
	}
	t := &Template{Region: opts.Region, Account: opts.Account, StackName: opts.StackName, Outputs: map[string]string{}}
	sections := r.read("template", root)
	sections.ignore("AWSTemplateFormatVersion", "Description", "Metadata")
	if got := sections.text("Transform", ""); got != transform {
		sections.fail("Transform", "%q is not supported, only %s", got, transform)
	}
	r.readParameters(sections.object("Parameters"))
	r.mappings = sections.object("Mappings").values
	r.conditions = sections.object("Conditions").values
	for _, name := range slices.Sorted(maps.Keys(r.conditions)) {
		r.condition("Conditions", name, nil)
	}
	r.register(sections.object("Resources"), sections.object("Globals"))
	outputs := sections.object("Outputs")
	sections.done()
	if len(r.errs) > 0 { // nothing resolves without its names
		return nil, r.err()
	}
	t.read(r)
	r.checkCircles()
	for _, name := range slices.Sorted(maps.Keys(outputs.values)) {
		out := outputs.object(name)
		out.ignore("Description", "Export", "Condition", "Value")
		if out.has("Condition") && !r.condition(out.path, out.text("Condition", ""), nil) {
			continue
		}
		t.Outputs[name] = r.text(out.path, r.value(out.path, out.values["Value"]))
		out.done()
	}
	if len(r.errs) > 0 {
		return nil, r.err()
	}
	return t, nil
}

func (r *resolver) err() error {
	seen := map[string]bool{}
	distinct := slices.DeleteFunc(slices.Clone(r.errs), func(err error) bool {
		again := seen[err.Error()] // a name is resolved wherever it is referred to
		seen[err.Error()] = true
		return again
	})
	return fmt.Errorf("resolve template: %w", errors.Join(distinct...))
}

func (r *resolver) readParameters(all *properties) {
	for name := range r.opts.Parameters {
		if !all.has(name) {
			all.fail("", "the template has no parameter %q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all.values)) {
		p := all.object(name)
		kind := p.oneOf("Type", "String", "Number", "CommaDelimitedList")
		v, ok := r.opts.Parameters[name]
		if !ok {
			if !p.has("Default") {
				p.fail("", "it has no default and no value was given")
			}
			v = p.text("Default", "")
		}
		p.ignore("Default", "Description", "NoEcho", "ConstraintDescription", "MinLength", "MaxLength", "MinValue", "MaxValue")
		if allowed := p.texts("AllowedValues"); allowed != nil && !slices.Contains(allowed, v) {
			p.fail("", "%q is not one of %q", v, allowed)
		}
		if pattern := p.text("AllowedPattern", ""); pattern != "" {
			re, err := regexp.Compile("^(?:" + pattern + ")$")
			if err != nil || !re.MatchString(v) {
				p.fail("", "%q does not match %s", v, pattern)
			}
		}
		if _, err := strconv.ParseFloat(v, 64); kind == "Number" && err != nil {
			p.fail("", "%q is not a number", v)
		}
		p.done()
		r.parameters[name] = v
		if kind == "CommaDelimitedList" {
			var list []any
			for e := range strings.SplitSeq(v, ",") {
				list = append(list, strings.TrimSpace(e))
			}
			r.parameters[name] = list
		}
	}
}

// globals are the sections of Globals and the types they apply to.
var globals = map[string]string{
	"AWS::Serverless::Function": "Function", "AWS::Serverless::HttpApi": "HttpApi", "AWS::Serverless::StateMachine": "StateMachine",
}

// register notes every resource under its id, with globals merged in and SAM's
// implicit resources added, so that references can be resolved.
func (r *resolver) register(all, global *properties) {
	merge := map[string]map[string]any{}
	for kind, section := range globals {
		merge[kind] = global.object(section).values
	}
	global.done()
	for _, id := range slices.Sorted(maps.Keys(all.values)) {
		p := all.object(id)
		p.path = id
		kindName := p.required("Type")
		p.ignore("DeletionPolicy", "UpdateReplacePolicy")
		if _, ok := kinds[kindName]; !ok {
			p.fail("Type", "resource type %q is not supported on this machine", kindName)
			continue
		}
		res := &resource{
			id: id, kind: kindName, dependsOn: p.texts("DependsOn"), metadata: p.object("Metadata").values,
			properties: mergeGlobals(merge[kindName], p.object("Properties").values),
		}
		condition := p.text("Condition", "")
		p.done()
		if condition != "" && !r.condition(id, condition, nil) {
			r.absent[id] = true
			continue
		}
		r.resources[id] = res
		_, hasRole := res.properties["Role"]
		if kindName == "AWS::Serverless::Function" || kindName == "AWS::Serverless::StateMachine" {
			if !hasRole {
				r.resources[id+"Role"] = &resource{id: id + "Role", kind: "AWS::IAM::Role", implicit: true}
			}
		}
		if usesImplicitAPI(res) && r.resources[implicitAPI] == nil {
			r.resources[implicitAPI] = &resource{id: implicitAPI, kind: "AWS::Serverless::HttpApi", implicit: true, properties: merge["AWS::Serverless::HttpApi"]}
		}
	}
}

func usesImplicitAPI(res *resource) bool {
	events, _ := res.properties["Events"].(map[string]any)
	for _, e := range events {
		event, _ := e.(map[string]any)
		detail, _ := event["Properties"].(map[string]any)
		if _, named := detail["ApiId"]; event["Type"] == "HttpApi" && !named {
			return res.kind == "AWS::Serverless::Function"
		}
	}
	return false
}

// mergeGlobals merges as SAM does: objects by key, lists one after the other,
// anything else is overridden.
func mergeGlobals(global, own map[string]any) map[string]any {
	out := maps.Clone(global)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range own {
		switch g := out[k].(type) {
		case map[string]any:
			if m, ok := v.(map[string]any); ok && !isIntrinsic(g) && !isIntrinsic(m) {
				out[k] = mergeGlobals(g, m)
				continue
			}
		case []any:
			if list, ok := v.([]any); ok {
				out[k] = slices.Concat(g, list)
				continue
			}
		}
		out[k] = v
	}
	return out
}

func isIntrinsic(m map[string]any) bool {
	for k := range m {
		return len(m) == 1 && (k == "Ref" || strings.HasPrefix(k, "Fn::"))
	}
	return false
}

// read reads the resources, those first that others are checked against.
func (t *Template) read(r *resolver) {
	readers := []struct {
		kind string
		read func(r *resolver, res *resource, p *properties)
	}{
		{"AWS::IAM::Role", func(r *resolver, res *resource, p *properties) {
			t.Roles = append(t.Roles, r.role(p, r.name(res.id, res)))
		}},
		{"AWS::SQS::Queue", t.queue},
		{"AWS::Serverless::HttpApi", t.httpAPI},
		{"AWS::Serverless::Function", t.function},
		{"AWS::Serverless::StateMachine", t.stateMachine},
		{"AWS::DynamoDB::Table", t.table},
		{"AWS::S3::Bucket", t.bucket},
		{"AWS::SecretsManager::Secret", t.secret},
		{"AWS::KMS::Key", t.key},
		{"AWS::KMS::Alias", t.alias},
		{"AWS::Scheduler::Schedule", t.schedule},
		{"AWS::Events::Rule", t.rule},
	}
	ids := slices.Sorted(maps.Keys(r.resources))
	for _, reader := range readers {
		for _, id := range ids {
			if res := r.resources[id]; res.kind == reader.kind && !(res.implicit && res.kind == "AWS::IAM::Role") {
				p := r.properties(res)
				reader.read(r, res, p)
				p.done()
			}
		}
		if reader.kind == "AWS::SQS::Queue" {
			t.orderQueues(r)
		}
	}
	for _, id := range ids {
		if res := r.resources[id]; kinds[res.kind].inert {
			p := r.properties(res)
			r.later = append(r.later, t.inert(r, res, p))
			p.done()
		}
	}
	for _, check := range r.later {
		check()
	}
	t.checkNames(r)
}

// properties resolves a resource's properties and notes what each part of it
// needs. SAM makes a role of the policies and separate resources of the events,
// so those do not make the function itself wait; but an HTTP API contains the
// ARNs of the functions behind it.
func (r *resolver) properties(res *resource) *properties {
	for _, id := range res.dependsOn {
		r.from = res.id
		r.lookup(res.id+".DependsOn", "DependsOn", id)
	}
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(res.properties)) {
		r.from = res.id
		switch name {
		case "Policies":
			if r.resources[res.id+"Role"] != nil {
				r.from = res.id + "Role"
			}
		case "Events":
			r.from = ""
		}
		if v := r.value(res.id+"."+name, res.properties[name]); !isNoValue(v) {
			values[name] = v
		}
	}
	r.from = ""
	if role := r.resources[res.id+"Role"]; role != nil && role.implicit {
		r.from = res.id
		r.need(role.id)
	}
	r.from = ""
	if events, ok := res.properties["Events"].(map[string]any); ok {
		r.noteAPIs(res.id, events)
	}
	return r.read(res.id, values)
}

// noteAPIs notes that the APIs of a function's HttpApi events need the function.
func (r *resolver) noteAPIs(function string, events map[string]any) {
	for _, e := range events {
		event, _ := e.(map[string]any)
		if event["Type"] != "HttpApi" {
			continue
		}
		detail, _ := event["Properties"].(map[string]any)
		api := implicitAPI
		if ref, ok := detail["ApiId"].(map[string]any); ok {
			api, _ = ref["Ref"].(string)
		}
		r.from = api
		r.need(function)
		r.from = ""
	}
}

// checkCircles fails if resources need one another in a circle, which
// CloudFormation refuses to create.
func (r *resolver) checkCircles() {
	const open, closed = 1, 2
	state := map[string]int{}
	var walk func(id string, way []string)
	walk = func(id string, way []string) {
		way = append(way, id)
		switch state[id] {
		case closed:
			return
		case open:
			way = way[slices.Index(way, id):]
			r.fail("Resources", "circular dependency: %s", strings.Join(way, " needs "))
			return
		}
		state[id] = open
		for _, next := range slices.Sorted(maps.Keys(r.needs[id])) {
			walk(next, way)
		}
		state[id] = closed
	}
	for _, id := range slices.Sorted(maps.Keys(r.needs)) {
		walk(id, nil)
	}
}

// checkNames fails if two resources of a type have one physical name.
func (t *Template) checkNames(r *resolver) {
	seen := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(r.resources)) {
		res := r.resources[id]
		key := res.kind + " " + r.name(id, res)
		if other, ok := seen[key]; ok {
			r.fail(id, "it has the same name as %s", other)
		}
		seen[key] = id
	}
}
