package httpapi

import (
	"errors"
	"net/url"
	"strings"
)

// pattern is a compiled route.
type pattern struct {
	key      string // "GET /a/{id}" or "$default"
	method   string // "" for $default
	segments []string
	greedy   string // name of a last {rest+} segment
	function string
}

func compile(r Route) (pattern, error) {
	if r.Method == "" && r.Path == "" {
		return pattern{key: "$default", function: r.Function}, nil
	}
	if !strings.HasPrefix(r.Path, "/") {
		return pattern{}, errors.New("the path does not begin with a slash")
	}
	p := pattern{key: r.Method + " " + r.Path, method: r.Method, function: r.Function, segments: strings.Split(r.Path[1:], "/")}
	for i, s := range p.segments {
		if !strings.HasSuffix(s, "+}") {
			continue
		}
		if i != len(p.segments)-1 {
			return pattern{}, errors.New("a greedy parameter must be the last segment")
		}
		p.greedy, p.segments = strings.Trim(s, "{+}"), p.segments[:i]
	}
	return p, nil
}

// match returns the most specific route: literal segments before parameters
// before a greedy one, a method before ANY, $default last.
func (a *API) match(method, path string) (*pattern, map[string]string) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var best *pattern
	for i := range a.routes {
		p := &a.routes[i]
		if p.fits(method, segments) && (best == nil || p.beats(best)) {
			best = p
		}
	}
	if best == nil {
		return nil, nil
	}
	return best, best.parameters(segments)
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

func (p *pattern) fits(method string, segments []string) bool {
	if p.method == "" {
		return true
	}
	if p.method != "ANY" && p.method != method {
		return false
	}
	if len(segments) < len(p.segments) || (len(segments) > len(p.segments)) != (p.greedy != "") {
		return false
	}
	for i, s := range p.segments {
		if !isParameter(s) && s != segments[i] || segments[i] == "" && isParameter(s) {
			return false
		}
	}
	return p.greedy == "" || segments[len(p.segments)] != ""
}

func (p *pattern) beats(o *pattern) bool {
	if (p.method == "") != (o.method == "") {
		return o.method == ""
	}
	for i := range min(len(p.segments), len(o.segments)) {
		if a, b := isParameter(p.segments[i]), isParameter(o.segments[i]); a != b {
			return b
		}
	}
	if len(p.segments) != len(o.segments) {
		return len(p.segments) > len(o.segments)
	}
	return p.method != "ANY" && o.method == "ANY"
}

// parameters returns the values of the path's parameters, unescaped; nil if
// there are none.
func (p *pattern) parameters(segments []string) map[string]string {
	var out map[string]string
	set := func(name, value string) {
		if out == nil {
			out = map[string]string{}
		}
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		out[name] = value
	}
	for i, s := range p.segments {
		if isParameter(s) {
			set(strings.Trim(s, "{}"), segments[i])
		}
	}
	if p.greedy != "" {
		set(p.greedy, strings.Join(segments[len(p.segments):], "/"))
	}
	return out
}
