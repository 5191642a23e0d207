package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// noValue is what AWS::NoValue resolves to: the key or element is left out.
type noValue struct{}

// resource is a resource of the template before it is read.
type resource struct {
	id, kind   string
	properties map[string]any
	metadata   map[string]any
	dependsOn  []string
	implicit   bool // added by the SAM transform
}

// resolver evaluates intrinsic functions. It collects errors, so that one run
// over a template finds all of them.
type resolver struct {
	opts       Options
	parameters map[string]any
	mappings   map[string]any
	conditions map[string]any
	resources  map[string]*resource
	absent     map[string]bool // resources whose condition is false
	naming     map[string]bool // names being resolved, to notice that one needs itself

	// needs has, per resource, the resources that CloudFormation must create
	// before it; from is whose properties are being resolved, "" for nobody's.
	needs map[string]map[string]bool
	from  string
	errs  []error

	permissions []permission // to invoke functions
	later       []func()     // checks that need all resources
}

func (r *resolver) fail(path, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// value resolves every intrinsic function in v. path is for error messages.
func (r *resolver) value(path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for name, arg := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return r.call(path, name, arg)
				}
			}
		}
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if e := r.value(path+"."+k, v[k]); !isNoValue(e) {
				out[k] = e
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for i, e := range v {
			if e := r.value(path+"["+strconv.Itoa(i)+"]", e); !isNoValue(e) {
				out = append(out, e)
			}
		}
		return out
	}
	return v
}

func isNoValue(v any) bool {
	_, ok := v.(noValue)
	return ok
}

func (r *resolver) call(path, name string, arg any) any {
	switch name {
	case "Ref":
		id, _ := arg.(string)
		return r.ref(path, id)
	case "Fn::GetAtt":
		return r.getAtt(path, arg)
	case "Fn::Sub":
		return r.sub(path, arg)
	case "Fn::Join":
		list := r.list(path, name, arg, 2)
		if list == nil {
			return ""
		}
		parts, ok := list[1].([]any)
		if !ok {
			r.fail(path, "Fn::Join needs a separator and a list")
			return ""
		}
		texts := make([]string, len(parts))
		for i, p := range parts {
			texts[i] = r.text(path, p)
		}
		return strings.Join(texts, r.text(path, list[0]))
	case "Fn::Select":
		list := r.list(path, name, arg, 2)
		if list == nil {
			return ""
		}
		choices, _ := list[1].([]any)
		i, err := strconv.Atoi(fmt.Sprint(list[0]))
		if err != nil || i < 0 || i >= len(choices) {
			r.fail(path, "Fn::Select: %v is not an index of a list of %d", list[0], len(choices))
			return ""
		}
		return choices[i]
	case "Fn::If":
		raw, _ := arg.([]any)
		condition, ok := "", len(raw) == 3
		if ok {
			condition, ok = raw[0].(string)
		}
		if !ok {
			r.fail(path, "Fn::If needs a condition's name and two values")
			return ""
		}
		if r.condition(path, condition, nil) {
			return r.value(path, raw[1])
		}
		return r.value(path, raw[2])
	case "Fn::FindInMap":
		return r.findInMap(path, r.list(path, name, arg, 3))
	}
	r.fail(path, "intrinsic function %s is not supported here", name)
	return ""
}

// list resolves the arguments of a function that takes n of them; nil after
// an error.
func (r *resolver) list(path, name string, arg any, n int) []any {
	list, _ := r.value(path, arg).([]any)
	if len(list) != n {
		r.fail(path, "%s needs a list of %d", name, n)
		return nil
	}
	return list
}

func (r *resolver) text(path string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v)
	}
	r.fail(path, "a string is needed, not %s", describe(v))
	return ""
}

func describe(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	}
	return fmt.Sprintf("%v", v)
}

func (r *resolver) findInMap(path string, keys []any) any {
	if keys == nil {
		return ""
	}
	var at any = r.mappings
	for _, k := range keys {
		m, _ := at.(map[string]any)
		next, ok := m[r.text(path, k)]
		if !ok {
			r.fail(path, "Fn::FindInMap: there is no %q in the mapping", fmt.Sprint(k))
			return ""
		}
		at = next
	}
	return at
}

func (r *resolver) ref(path, id string) any {
	switch id {
	case "AWS::Region":
		return r.opts.Region
	case "AWS::AccountId":
		return r.opts.Account
	case "AWS::StackName":
		return r.opts.StackName
	case "AWS::StackId":
		return arn("cloudformation", "stack/%s/0")(r.opts, r.opts.StackName)
	case "AWS::Partition":
		return "aws"
	case "AWS::URLSuffix":
		return "amazonaws.com"
	case "AWS::NoValue":
		return noValue{}
	}
	if v, ok := r.parameters[id]; ok {
		return v
	}
	res := r.lookup(path, "Ref", id)
	if res == nil {
		return ""
	}
	name := r.name(path, res)
	if ref := kinds[res.kind].ref; ref != nil {
		return ref(r.opts, name)
	}
	return name
}

// lookup finds a resource and notes that the one being resolved needs it.
func (r *resolver) lookup(path, what, id string) *resource {
	res, ok := r.resources[id]
	if !ok {
		if r.absent[id] {
			r.fail(path, "%s to %s, which does not exist because its condition is false", what, id)
		} else {
			r.fail(path, "%s to %q, which is neither a resource nor a parameter", what, id)
		}
		return nil
	}
	r.need(id)
	return res
}

func (r *resolver) need(id string) {
	if r.from == "" {
		return
	}
	if r.needs[r.from] == nil {
		r.needs[r.from] = map[string]bool{}
	}
	r.needs[r.from][id] = true
}

func (r *resolver) getAtt(path string, arg any) any {
	var id, attribute string
	switch arg := arg.(type) {
	case string:
		id, attribute, _ = strings.Cut(arg, ".")
	case []any:
		if len(arg) == 2 {
			id, _ = arg[0].(string)
			attribute, _ = r.value(path, arg[1]).(string)
		}
	}
	if id == "" || attribute == "" {
		r.fail(path, "Fn::GetAtt needs a resource and an attribute")
		return ""
	}
	res := r.lookup(path, "GetAtt", id)
	if res == nil {
		return ""
	}
	get, ok := kinds[res.kind].attributes[attribute]
	if !ok {
		r.fail(path, "%s has no attribute %q here (%s)", res.kind, attribute, id)
		return ""
	}
	return get(r.opts, r.name(path, res))
}

var placeholder = regexp.MustCompile(`\$\{([^{}]*)\}`)

func (r *resolver) sub(path string, arg any) any {
	text, ok := arg.(string)
	local := map[string]any{}
	if list, isList := arg.([]any); isList && len(list) == 2 {
		text, ok = list[0].(string)
		raw, isMap := list[1].(map[string]any)
		ok = ok && isMap
		for k, v := range raw {
			local[k] = r.value(path, v)
		}
	}
	if !ok {
		r.fail(path, "Fn::Sub needs a string, or a list of a string and a mapping")
		return ""
	}
	return placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name := strings.TrimSpace(match[2 : len(match)-1])
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		if v, ok := local[name]; ok {
			return r.text(path, v)
		}
		if strings.Contains(name, ".") {
			return r.text(path, r.getAtt(path, name))
		}
		return r.text(path, r.ref(path, name))
	})
}

// name returns the physical name of a resource.
func (r *resolver) name(path string, res *resource) string {
	k := kinds[res.kind]
	raw, ok := res.properties[k.nameProperty]
	if !ok || k.nameProperty == "" {
		if k.generated == nil {
			r.fail(res.id, "property %s is required", k.nameProperty)
			return ""
		}
		return k.generated(r.opts, res.id)
	}
	if r.naming[res.id] {
		r.fail(path, "the name of %s depends on itself", res.id)
		return ""
	}
	r.naming[res.id] = true
	from := r.from
	r.from = "" // what the name needs is noted when the resource itself is read
	v := r.value(res.id+"."+k.nameProperty, raw)
	r.from = from
	delete(r.naming, res.id)
	if isNoValue(v) {
		return k.generated(r.opts, res.id)
	}
	return r.text(path, v)
}

// condition evaluates a condition by name; open has those being evaluated.
func (r *resolver) condition(path, name string, open []string) bool {
	raw, ok := r.conditions[name]
	if !ok {
		r.fail(path, "there is no condition %q", name)
		return false
	}
	if slices.Contains(open, name) {
		r.fail("Conditions."+name, "it depends on itself")
		return false
	}
	return r.test("Conditions."+name, raw, append(open, name))
}

func (r *resolver) test(path string, v any, open []string) bool {
	m, _ := v.(map[string]any)
	if len(m) == 1 {
		for name, arg := range m {
			if name == "Condition" {
				other, _ := arg.(string)
				return r.condition(path, other, open)
			}
			args, ok := arg.([]any)
			if !ok {
				break
			}
			switch {
			case name == "Fn::Equals" && len(args) == 2:
				return r.text(path, r.value(path, args[0])) == r.text(path, r.value(path, args[1]))
			case name == "Fn::Not" && len(args) == 1:
				return !r.test(path, args[0], open)
			case name == "Fn::And" && len(args) >= 2:
				return !slices.ContainsFunc(args, func(a any) bool { return !r.test(path, a, open) })
			case name == "Fn::Or" && len(args) >= 2:
				return slices.ContainsFunc(args, func(a any) bool { return r.test(path, a, open) })
			}
		}
	}
	r.fail(path, "a condition is Fn::Equals, Fn::Not, Fn::And, Fn::Or or Condition with its arguments")
	return false
}
