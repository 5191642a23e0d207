package jsonata

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Most expressions of a state machine only pick a value: $states.input.a.b or
// $name. Where the library would return a part of the scope unchanged, that
// part is cut out of the JSON text without it, about a hundred times faster.
// That is so if every step but the last finds an object, and the text found is
// what encoding the parsed value would give. Everything else, also a missing
// field, is left to the library.

var plainPath = regexp.MustCompile(`^\$([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)$`)

// steps returns the names of a plain path, or nil if source is not one.
func steps(source string) []string {
	m := plainPath.FindStringSubmatch(source)
	if m == nil {
		return nil
	}
	names := append([]string{m[1]}, strings.Split(m[2], ".")[1:]...)
	for _, name := range names[1:] {
		switch name {
		case "and", "or", "in", "true", "false", "null", "function", "__proto__":
			return nil // operators, literals, and JavaScript's own
		}
	}
	return names
}

// pick returns the value that a plain path finds, if the library would
// certainly return the same.
func (s Scope) pick(names []string) (json.RawMessage, bool) {
	raw, ok := s.Variables[names[0]]
	rest := names[1:]
	if names[0] == "states" && s.States != nil {
		if len(rest) == 0 || !slices.Contains(stateSections, rest[0]) {
			return nil, false
		}
		raw, ok = s.States[rest[0]]
		rest = rest[1:]
	}
	for _, name := range rest {
		if !ok {
			return nil, false
		}
		raw, ok = member(raw, name)
	}
	if !ok || len(raw) == 0 || !utf8.Valid(raw) {
		return nil, false
	}
	end, same := canonical(raw, 0)
	return raw, same && end == len(raw)
}

// member returns the value of a name in the text of an object; not if the
// name might be there twice or the text is not plain.
func member(raw []byte, name string) (value json.RawMessage, ok bool) {
	if len(raw) < 2 || raw[0] != '{' {
		return nil, false
	}
	for i := 1; i < len(raw); i++ {
		keyEnd, plain := canonicalString(raw, i)
		if !plain || keyEnd >= len(raw) || raw[keyEnd] != ':' {
			return nil, false
		}
		end := skip(raw, keyEnd+1)
		if end >= len(raw) || raw[end] != ',' && raw[end] != '}' {
			return nil, false
		}
		if string(raw[i+1:keyEnd-1]) == name {
			if ok {
				return nil, false
			}
			value, ok = raw[keyEnd+1:end], true
		}
		if raw[end] == '}' {
			return value, ok && end == len(raw)-1
		}
		i = end
	}
	return nil, false
}

// skip returns the end of the value at i, which need not be canonical.
func skip(raw []byte, i int) int {
	depth := 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// canonical reports whether the value at i is written as encode writes it, and
// where it ends. It may say no to a value that is.
func canonical(raw []byte, i int) (end int, same bool) {
	if i >= len(raw) {
		return i, false
	}
	switch c := raw[i]; {
	case c == '"':
		return canonicalString(raw, i)
	case c == '{':
		return canonicalObject(raw, i)
	case c == '[':
		for i++; i < len(raw); i++ {
			if raw[i] == ']' {
				return i + 1, raw[i-1] == '['
			}
			if i, same = canonical(raw, i); !same || i >= len(raw) {
				return i, false
			}
			if raw[i] == ']' {
				return i + 1, true
			}
			if raw[i] != ',' || i+1 < len(raw) && raw[i+1] == ']' {
				return i, false
			}
		}
		return i, false
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(raw[i:], []byte(word)) {
			return i + len(word), true
		}
	}
	start := i
	if raw[i] == '-' {
		i++
	}
	first := i
	for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
		i++
	}
	// Fifteen digits are exact; 0 may lead only alone, and -0 is written 0.
	digits := i - first
	if digits == 0 || digits > 15 || raw[first] == '0' && (digits > 1 || first > start) {
		return i, false
	}
	return i, i >= len(raw) || raw[i] == ',' || raw[i] == ']' || raw[i] == '}'
}

func canonicalString(raw []byte, i int) (end int, same bool) {
	if i >= len(raw) || raw[i] != '"' {
		return i, false
	}
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' || raw[i] < ' ' {
			return i, false // an escape might be written otherwise
		}
	}
	return i + 1, i < len(raw)
}

// canonicalObject also refuses names that JavaScript would sort to the front
// or treat as its own, and names that might appear twice.
func canonicalObject(raw []byte, i int) (end int, same bool) {
	var few [8]string
	names := few[:0]
	for i++; i < len(raw); i++ {
		if raw[i] == '}' {
			return i + 1, raw[i-1] == '{'
		}
		start := i
		if i, same = canonicalString(raw, i); !same || i >= len(raw) || raw[i] != ':' {
			return i, false
		}
		name := string(raw[start+1 : i-1])
		if name == "" || name[0] >= '0' && name[0] <= '9' || strings.HasPrefix(name, "_") || len(names) > 64 || slices.Contains(names, name) {
			return i, false
		}
		names = append(names, name)
		if i, same = canonical(raw, i+1); !same || i >= len(raw) {
			return i, false
		}
		if raw[i] == '}' {
			return i + 1, true
		}
		if raw[i] != ',' || i+1 < len(raw) && raw[i+1] == '}' {
			return i, false
		}
	}
	return i, false
}
