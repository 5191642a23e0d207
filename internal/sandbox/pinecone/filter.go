package pinecone

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// predicate tells whether a record's metadata satisfies a filter.
type predicate func(metadata map[string]any) bool

func badFilter(format string, args ...any) error {
	return status.Error(codes.InvalidArgument, "invalid filter: "+fmt.Sprintf(format, args...))
}

// compileFilter understands a metadata filter; an empty one accepts everything.
func compileFilter(filter map[string]any) (predicate, error) {
	var all []predicate
	for _, key := range slices.Sorted(maps.Keys(filter)) {
		var p predicate
		var err error
		switch {
		case key == "$and" || key == "$or":
			p, err = compileList(key, filter[key])
		case key != "" && key[0] == '$':
			err = badFilter("unknown operator %s", key)
		default:
			p, err = compileField(key, filter[key])
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return every(all), nil
}

func every(all []predicate) predicate {
	return func(m map[string]any) bool {
		return !slices.ContainsFunc(all, func(p predicate) bool { return !p(m) })
	}
}

func compileList(op string, v any) (predicate, error) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, badFilter("%s takes a list of filters", op)
	}
	var parts []predicate
	for _, item := range list {
		sub, ok := item.(map[string]any)
		if !ok || len(sub) == 0 {
			return nil, badFilter("%s takes a list of filters", op)
		}
		p, err := compileFilter(sub)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if op == "$and" {
		return every(parts), nil
	}
	return func(m map[string]any) bool {
		return slices.ContainsFunc(parts, func(p predicate) bool { return p(m) })
	}, nil
}

// compileField understands {"field": value} and {"field": {"$op": value, ...}}.
func compileField(name string, v any) (predicate, error) {
	ops, ok := v.(map[string]any)
	if !ok {
		ops = map[string]any{"$eq": v}
	}
	if len(ops) == 0 {
		return nil, badFilter("no operator for %s", name)
	}
	var all []predicate
	for _, op := range slices.Sorted(maps.Keys(ops)) {
		p, err := compileOp(name, op, ops[op])
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return every(all), nil
}

func compileOp(name, op string, want any) (predicate, error) {
	switch op {
	case "$eq", "$ne":
		switch want.(type) {
		case string, float64, bool:
		default:
			return nil, badFilter("%s takes a string, number or boolean", op)
		}
		return func(m map[string]any) bool { return holds(m[name], want) == (op == "$eq") }, nil
	case "$in", "$nin":
		list, ok := want.([]any)
		if !ok {
			return nil, badFilter("%s takes a list", op)
		}
		for _, v := range list {
			switch v.(type) {
			case string, float64:
			default:
				return nil, badFilter("%s takes strings or numbers", op)
			}
		}
		return func(m map[string]any) bool {
			return slices.ContainsFunc(list, func(w any) bool { return holds(m[name], w) }) == (op == "$in")
		}, nil
	case "$gt", "$gte", "$lt", "$lte":
		limit, ok := want.(float64)
		if !ok {
			return nil, badFilter("%s takes a number", op)
		}
		return func(m map[string]any) bool {
			have, ok := m[name].(float64)
			if !ok {
				return false
			}
			c := cmp.Compare(have, limit)
			return op == "$gt" && c > 0 || op == "$gte" && c >= 0 || op == "$lt" && c < 0 || op == "$lte" && c <= 0
		}, nil
	case "$exists":
		yes, ok := want.(bool)
		if !ok {
			return nil, badFilter("$exists takes a boolean")
		}
		return func(m map[string]any) bool { _, have := m[name]; return have == yes }, nil
	}
	return nil, badFilter("unknown operator %s", op)
}

// holds compares one value; a list of strings holds each of its elements.
func holds(have, want any) bool {
	if list, ok := have.([]any); ok {
		return slices.Contains(list, want)
	}
	return have == want
}

// checkMetadata applies Pinecone's rules: strings, numbers, booleans and lists
// of strings; no nulls, no nesting; 40 KB.
func checkMetadata(m map[string]any) error {
	bytes := 2
	for _, k := range slices.Sorted(maps.Keys(m)) {
		bytes += len(k) + 4
		ok := true
		switch v := m[k].(type) {
		case string:
			bytes += len(v) + 2
		case float64:
			bytes += 8
		case bool:
			bytes += 5
		case []any:
			for _, item := range v {
				s, isText := item.(string)
				ok = ok && isText
				bytes += len(s) + 3
			}
		default:
			ok = false
		}
		if !ok {
			return status.Errorf(codes.InvalidArgument, "Metadata value must be a string, number, boolean or list of strings for field '%s'", k)
		}
		if k == "" || k[0] == '$' {
			return status.Error(codes.InvalidArgument, "Metadata field names must not be empty or start with $")
		}
	}
	if bytes > 40*1024 {
		return status.Errorf(codes.InvalidArgument, "Metadata size is %d bytes, which exceeds the limit of 40960 bytes per vector", bytes)
	}
	return nil
}
