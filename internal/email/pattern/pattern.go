// Package pattern guesses the addresses of people whose address nobody has
// said: it infers from known addresses of a domain how that domain makes them,
// and lists candidates for a person, most likely first.
//
// A candidate is a guess and never a contact: it is only ever handed to a
// verifier, with its chance as [email.Facts].Chance. Everything is pure. It
// imports normalize. It knows nothing of nicknames, which no rule derives.
package pattern

import "strings"

// Pattern is how the part before the "@" is made, in Hunter's notation (Hunter
// API v2 documentation, domain search, 2026-11): {first} and {last} are the
// names, {f} and {l} their first letters, anything else stands for itself.
type Pattern string

// prior is a pattern and the share of domains that use it.
type prior struct {
	pattern Pattern
	share   float64
}

// priors are all patterns that are inferred and tried, the most frequent first.
// The shares are weak knowledge, rounded from what vendors publish (mailsfinder
// 2026: 60 % {first}.{last}, 25 % {first}, {f}{last} and {first}.{l} together)
// and a small count that found {f}{last} first, in 27 of 59 domains. A few known
// addresses outweigh them.
func priors() []prior {
	return []prior{
		{"{first}.{last}", 0.45},
		{"{f}{last}", 0.22},
		{"{first}", 0.10},
		{"{f}.{last}", 0.06},
		{"{first}{last}", 0.05},
		{"{first}_{last}", 0.025},
		{"{first}.{l}", 0.02},
		{"{first}{l}", 0.02},
		{"{last}", 0.012},
		{"{last}.{first}", 0.010},
		{"{first}-{last}", 0.008},
		{"{last}{f}", 0.007},
		{"{last}{first}", 0.005},
		{"{last}.{f}", 0.004},
		{"{f}_{last}", 0.003},
		{"{f}{l}", 0.002},
		{"{last}_{first}", 0.001},
		{"{l}{first}", 0.001},
		{"{f}-{last}", 0.001},
		{"{last}-{first}", 0.001},
	}
}

// All are the patterns that are inferred and tried, the most frequent first.
func All() (out []Pattern) {
	for _, p := range priors() {
		out = append(out, p.pattern)
	}
	return out
}

// Local writes names, already spelled in letters and digits, by the pattern; ""
// if a name that it needs is missing, or a part in braces is not known.
func (p Pattern) Local(first, last string) string {
	f, l := "", ""
	if first != "" {
		f = first[:1]
	}
	if last != "" {
		l = last[:1]
	}
	return string(p.write(nil, &spelled{first, f}, &spelled{last, l}))
}

// spelled is a name as it stands in an address: whole, and as initials.
type spelled struct{ name, initials string }

// write appends the local part to b; nil if it cannot be made.
func (p Pattern) write(b []byte, first, last *spelled) []byte {
	for rest := string(p); rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			return append(b, rest...)
		}
		b = append(b, rest[:open]...)
		size := strings.IndexByte(rest[open:], '}')
		if size < 0 {
			return nil
		}
		part := ""
		switch rest[open : open+size+1] {
		case "{first}":
			part = first.name
		case "{last}":
			part = last.name
		case "{f}":
			part = first.initials
		case "{l}":
			part = last.initials
		}
		if part == "" {
			return nil
		}
		b = append(b, part...)
		rest = rest[open+size+1:]
	}
	return b
}
