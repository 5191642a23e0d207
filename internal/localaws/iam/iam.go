// Package iam evaluates identity policies: does a role's list of statements
// allow an action on a resource. Only what the template uses: Effect, Action,
// Resource with * and ?; an explicit Deny wins; conditions are refused when a
// policy is loaded, so that none is silently ignored.
package iam

import "strings"

// Statement is one statement of an identity policy, placeholders resolved.
type Statement struct {
	Effect    string // Allow or Deny
	Actions   []string
	Resources []string
}

// Principal is a role that calls AWS: a function's or a state machine's.
// The nil principal is the account's root and may do everything.
type Principal struct {
	Name       string // logical name, for example "EnrichFunctionRole"
	ARN        string
	Statements []Statement
}

// Allows reports whether the principal may perform action on resource.
func (p *Principal) Allows(action, resource string) bool {
	if p == nil {
		return true
	}
	allowed := false
	for _, s := range p.Statements {
		if !matchAny(s.Actions, action, true) || !matchAny(s.Resources, resource, false) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func matchAny(patterns []string, s string, fold bool) bool {
	for _, p := range patterns {
		if fold {
			if Match(strings.ToLower(p), strings.ToLower(s)) {
				return true
			}
		} else if Match(p, s) {
			return true
		}
	}
	return false
}

// Match reports whether s matches pattern, in which * stands for any run of
// characters and ? for one.
func Match(pattern, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[j]) && pattern[i] != '*':
			i++
			j++
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}
