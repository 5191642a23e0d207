package pattern

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/normalize"
)

// Known is a person of whom the address is known, best from a verifier.
type Known struct{ First, Last, Email string }

// Evidence is what is known about the addresses of a domain.
type Evidence struct {
	Domain  string // in lower case and ASCII
	Country string // of the company, English name or ISO code; it tells how umlauts are spelled. "" for unknown
	// Known people. Addresses at other domains and function mailboxes are left
	// out, an address that comes twice counts once.
	Known []Known
	// Stated is the pattern that a source says most addresses there have; one
	// that is not among [All] is left out. "" for none.
	Stated Pattern
}

// Model is what is believed about the addresses of a domain. It is read-only
// and safe for concurrent use. The zero value has no candidates.
type Model struct {
	domain      string
	of          int            // addresses that were used
	shares      []share        // by chance, the best first
	first, last [joins]float64 // seen joins of names of several words
	long, short float64        // seen spellings of umlauts, with the prior
}

type share struct {
	pattern Pattern
	seen    int
	chance  float64
}

// Guess is the pattern that a domain most likely uses.
type Guess struct {
	Pattern Pattern
	Chance  float64 // that the next person's address is made by it, patterns alone, not spelling
	// Confidence is the lower bound of the 95 % interval (Wilson) of the share of
	// addresses that follow the pattern; 0 if none is known.
	Confidence float64
	Seen, Of   int // known addresses that follow it, of all
}

// What is believed about a domain before anything is seen: most people follow
// its pattern, some do not, and few of those follow none at all.
const (
	offMean, offWeight = 0.12, 10.0
	offNone, offSpread = 0.2, 3.0

	longGerman, longElsewhere, longWeight = 0.7, 0.2, 2.0

	joinWeight = 2.0
)

// Infer weighs the evidence: for every pattern, how likely it is the domain's
// own, given that people depart from it at a rate that is learned, too.
func Infer(e Evidence) Model {
	m := Model{domain: e.Domain}
	p := longElsewhere
	switch code, _ := normalize.Country(e.Country); code {
	case "DE", "AT", "CH", "LI":
		p = longGerman
	}
	m.long, m.short = p*longWeight, (1-p)*longWeight

	all := priors()
	readings := observe(e, all)
	m.of = len(readings)
	readings = append(readings, stated(e.Stated, all)...)
	chances := predict(all, readings)
	for k, prior := range all {
		s := share{pattern: prior.pattern, chance: chances[k]}
		for _, r := range readings[:m.of] {
			if r.by[k] != nil {
				s.seen++
			}
		}
		m.shares = append(m.shares, s)
	}
	for _, r := range readings[:m.of] {
		m.learn(r, chances)
	}
	slices.SortStableFunc(m.shares, func(a, b share) int { return cmp.Compare(b.chance, a.chance) })
	return m
}

// Best returns the likeliest pattern.
func (m Model) Best() Guess {
	if len(m.shares) == 0 {
		return Guess{}
	}
	s := m.shares[0]
	return Guess{Pattern: s.pattern, Chance: s.chance, Confidence: wilson(s.seen, m.of), Seen: s.seen, Of: m.of}
}

// wilson is the lower bound of the 95 % interval of a share.
func wilson(k, n int) float64 {
	if n == 0 {
		return 0
	}
	const z = 1.959964
	size := float64(n)
	p := float64(k) / size
	return max(0, (p+z*z/(2*size)-z*math.Sqrt((p*(1-p)+z*z/(4*size))/size))/(1+z*z/size))
}

// reading is how patterns explain one known address: by pattern, the ways to
// spell the names that give it.
type reading struct {
	first, last name
	by          [][]way
}

// way is one spelling of both names.
type way struct{ first, last *spelling }

// observe reads the addresses that tell something.
func observe(e Evidence, all []prior) (out []reading) {
	seen := map[string]bool{}
	for _, k := range e.Known {
		key := normalize.EmailKey(k.Email)
		local, domain, _ := strings.Cut(key, "@")
		if key == "" || domain != e.Domain || seen[key] || normalize.RoleMailbox(key) {
			continue
		}
		seen[key] = true
		first, last := names(k.First, k.Last)
		r := reading{first: first, last: last}
		if r.by = explain(local, first, last, all); r.by == nil {
			// Of two people with one name the second often has a number.
			if r.by = explain(strings.TrimRight(local, "0123456789"), first, last, all); r.by == nil {
				r.by = make([][]way, len(all))
			}
		}
		out = append(out, r)
	}
	return out
}

// statedWeight is how many known addresses a source's word for a pattern is
// worth: it has seen some, does not say how many, and may be out of date.
const statedWeight = 3

// stated are readings that follow a pattern and say nothing about spelling.
func stated(p Pattern, all []prior) (out []reading) {
	k := slices.IndexFunc(all, func(x prior) bool { return x.pattern == p })
	if k < 0 {
		return nil
	}
	by := make([][]way, len(all))
	by[k] = []way{{}}
	return slices.Repeat([]reading{{by: by}}, statedWeight)
}

// names reads a person's names from columns as people fill them.
func names(first, last string) (name, name) {
	first, last = normalize.FirstLast(first, last)
	return read(first, true), read(last, false)
}

// explain returns by pattern the ways that give a local part; nil if there is
// none.
func explain(local string, first, last name, all []prior) (by [][]way) {
	var b []byte
	for k, p := range all {
		for w := range ways(first, last) {
			b = p.pattern.write(b[:0], &w.first.spelled, &w.last.spelled)
			if len(b) == 0 || string(b) != local {
				continue
			}
			if by == nil {
				by = make([][]way, len(all))
			}
			by[k] = append(by[k], w)
		}
	}
	return by
}

// ways yields the spellings of two names that go together: umlauts are treated
// alike in both. A missing name has one spelling, which is empty.
func ways(first, last name) func(yield func(way) bool) {
	return func(yield func(way) bool) {
		firsts, lasts := orEmpty(first.spellings), orEmpty(last.spellings)
		for i := range firsts {
			for k := range lasts {
				f, l := &firsts[i], &lasts[k]
				if first.umlauts && last.umlauts && f.long != l.long {
					continue
				}
				if !yield(way{f, l}) {
					return
				}
			}
		}
	}
}

func orEmpty(s []spelling) []spelling {
	if len(s) == 0 {
		return []spelling{{}}
	}
	return s
}

// predict returns the chance of each pattern for the next person. Every pattern
// in turn is supposed to be the domain's: then others are departures from it,
// at a rate with a Beta prior, to patterns with a Dirichlet prior.
func predict(all []prior, readings []reading) []float64 {
	total := 0.0
	for _, p := range all {
		total += p.share
	}
	weights, posteriors := make([]float64, len(all)), make([][]float64, len(all))
	for m, own := range all {
		follow, depart := 0, make([]int, len(all))
		for _, r := range readings {
			if r.by[m] != nil {
				follow++
				continue
			}
			// priors are sorted: the first that explains it is the likeliest
			if k := slices.IndexFunc(r.by, func(w []way) bool { return w != nil }); k >= 0 {
				depart[k]++
			}
		}
		off := len(readings) - follow
		base := func(k int) float64 { return (1 - offNone) * all[k].share / (total - own.share) }
		weight := math.Log(own.share) + logBeta(offMean*offWeight+float64(off), (1-offMean)*offWeight+float64(follow))
		weight -= rising(offSpread, off)
		explained := 0
		for k, n := range depart {
			if n > 0 {
				weight += rising(offSpread*base(k), n)
				explained += n
			}
		}
		weights[m] = weight + rising(offSpread*offNone, off-explained)
		stays := ((1-offMean)*offWeight + float64(follow)) / (offWeight + float64(len(readings)))
		next := make([]float64, len(all))
		for k := range all {
			if k != m {
				next[k] = (1 - stays) * (float64(depart[k]) + offSpread*base(k)) / (float64(off) + offSpread)
			}
		}
		next[m] = stays
		posteriors[m] = next
	}
	best := slices.Max(weights)
	sum := 0.0
	for m := range weights {
		weights[m] = math.Exp(weights[m] - best)
		sum += weights[m]
	}
	out := make([]float64, len(all))
	for m, next := range posteriors {
		for k, chance := range next {
			out[k] += weights[m] / sum * chance
		}
	}
	return out
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// rising is the logarithm of a(a+1)...(a+n-1).
func rising(a float64, n int) (sum float64) {
	for i := range n {
		sum += math.Log(a + float64(i))
	}
	return sum
}

// learn counts how the likeliest pattern of a known address spells names, as
// far as the address leaves no choice.
func (m *Model) learn(r reading, chances []float64) {
	best := -1
	for k, ways := range r.by {
		if ways != nil && (best < 0 || chances[k] > chances[best]) {
			best = k
		}
	}
	if best < 0 {
		return
	}
	ways := r.by[best]
	if j, one := same(ways, func(w way) join { return w.first.join }); one && r.first.compound {
		m.first[j]++
	}
	if j, one := same(ways, func(w way) join { return w.last.join }); one && r.last.compound {
		m.last[j]++
	}
	if long, one := same(ways, func(w way) bool { return w.first.long || w.last.long }); one && (r.first.umlauts || r.last.umlauts) {
		if long {
			m.long++
		} else {
			m.short++
		}
	}
}

// same returns what all ways have in common.
func same[T comparable](ways []way, of func(way) T) (T, bool) {
	value := of(ways[0])
	return value, !slices.ContainsFunc(ways, func(w way) bool { return of(w) != value })
}
