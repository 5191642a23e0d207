// Package iam evaluates identity policies: does a role's list of statements
// allow an action on a resource. Only what the template uses: Effect, Action,
// Resource with * and ?; an explicit Deny wins; conditions are refused when a
// policy is loaded, so that none is silently ignored.
package iam

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
		if match(p, s, fold) {
			return true
		}
	}
	return false
}

// Match reports whether s matches pattern, in which * stands for any run of
// characters and ? for one.
func Match(pattern, s string) bool { return match(pattern, s, false) }

// match can also ignore the case of ASCII letters, as actions have them.
func match(pattern, s string, fold bool) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] != '*' && (pattern[i] == '?' || pattern[i] == s[j] || fold && lower(pattern[i]) == lower(s[j])):
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

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
