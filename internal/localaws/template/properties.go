package template

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// properties reads resolved properties and notices which were not read.
type properties struct {
	r      *resolver
	path   string
	values map[string]any
	read   map[string]bool
}

func (r *resolver) read(path string, values map[string]any) *properties {
	return &properties{r: r, path: path, values: values, read: map[string]bool{}}
}

func (p *properties) fail(name, format string, args ...any) {
	path := p.path
	if name != "" {
		path += "." + name
	}
	p.r.fail(path, format, args...)
}

// done reports the properties that nothing read.
func (p *properties) done() {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.read[name] {
			p.fail("", "unknown property %q", name)
		}
	}
}

// ignore names properties that are valid and make no difference here.
func (p *properties) ignore(names ...string) {
	for _, name := range names {
		p.read[name] = true
	}
}

func (p *properties) any(name string) (any, bool) {
	p.read[name] = true
	v, ok := p.values[name]
	return v, ok && v != nil
}

func (p *properties) text(name, preset string) string {
	v, ok := p.any(name)
	if !ok {
		return preset
	}
	return p.r.text(p.path+"."+name, v)
}

func (p *properties) required(name string) string {
	if _, ok := p.any(name); !ok {
		p.fail("", "property %s is required", name)
		return ""
	}
	return p.text(name, "")
}

// oneOf is text that must be one of choices, the first of which is the preset.
func (p *properties) oneOf(name string, choices ...string) string {
	v := p.text(name, choices[0])
	if !slices.Contains(choices, v) {
		p.fail(name, "%q is not supported, only %q", v, choices)
	}
	return v
}

func (p *properties) number(name string, preset, low, high int) int {
	v, ok := p.any(name)
	if !ok {
		return preset
	}
	n, err := strconv.Atoi(p.r.text(p.path+"."+name, v))
	if err != nil || n < low || n > high {
		p.fail(name, "%v is not a whole number within %d and %d", v, low, high)
		return preset
	}
	return n
}

func (p *properties) seconds(name string, preset, low, high int) time.Duration {
	return time.Duration(p.number(name, preset, low, high)) * time.Second
}

func (p *properties) flag(name string, preset bool) bool {
	v, ok := p.any(name)
	if !ok {
		return preset
	}
	b, err := strconv.ParseBool(p.r.text(p.path+"."+name, v))
	if err != nil {
		p.fail(name, "%v is neither true nor false", v)
	}
	return b
}

// object returns a nested object, an empty one if there is none.
func (p *properties) object(name string) *properties {
	v, ok := p.any(name)
	m, isMap := v.(map[string]any)
	if ok && !isMap {
		p.fail(name, "an object is needed, not %s", describe(v))
	}
	return p.r.read(p.path+"."+name, m)
}

func (p *properties) has(name string) bool {
	_, ok := p.values[name]
	return ok
}

// list returns a list; a single value is a list of one, as CloudFormation
// takes it.
func (p *properties) list(name string) []any {
	v, ok := p.any(name)
	if !ok {
		return nil
	}
	if list, isList := v.([]any); isList {
		return list
	}
	return []any{v}
}

// objects returns a list of objects.
func (p *properties) objects(name string) []*properties {
	var out []*properties
	for i, v := range p.list(name) {
		path := p.path + "." + name + "[" + strconv.Itoa(i) + "]"
		m, ok := v.(map[string]any)
		if !ok {
			p.r.fail(path, "an object is needed, not %s", describe(v))
			continue
		}
		out = append(out, p.r.read(path, m))
	}
	return out
}

func (p *properties) texts(name string) []string {
	list := p.list(name)
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = p.r.text(p.path+"."+name, v)
	}
	return out
}

// textMap reads an object whose values are all strings, numbers or flags.
func (p *properties) textMap(name string) map[string]string {
	object := p.object(name)
	out := make(map[string]string, len(object.values))
	for _, k := range slices.Sorted(maps.Keys(object.values)) {
		out[k] = object.r.text(object.path+"."+k, object.values[k])
	}
	return out
}
