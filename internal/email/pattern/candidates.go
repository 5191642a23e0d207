package pattern

import (
	"cmp"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/normalize"
)

// Candidate is an address that a person may have.
type Candidate struct {
	Email   string
	Pattern Pattern // the likeliest of those that give it
	Chance  float64 // 0..1, that it is the person's address, if the person has one at the domain
}

// Candidates returns the addresses that a person may have at the domain, the
// likeliest first, at most so many; zero: all. There are none without a name.
// An address that belongs to a function ("dev@") is left out: a verifier would
// find it, whoever reads it.
func (m Model) Candidates(first, last string, most int) []Candidate {
	f, l := names(first, last)
	long := m.long / (m.long + m.short)
	var out []guess
	at := map[string]int{} // in out, by local part
	var b []byte
	for _, s := range m.shares {
		for w := range ways(f, l) {
			if b = s.pattern.write(b[:0], &w.first.spelled, &w.last.spelled); len(b) == 0 {
				continue
			}
			chance := s.chance * f.chance(w.first, m.first) * l.chance(w.last, m.last)
			if f.umlauts || l.umlauts {
				if w.first.long || w.last.long {
					chance *= long
				} else {
					chance *= 1 - long
				}
			}
			i, ok := at[string(b)]
			if !ok {
				i = len(out)
				local := string(b)
				at[local] = i
				out = append(out, guess{local: local})
			}
			out[i].add(s.pattern, chance)
		}
	}
	return m.choose(out, most)
}

// guess is a local part that may be the person's, in all the ways to get there.
type guess struct {
	local        string
	pattern      Pattern
	chance, best float64 // of all ways together, of the likeliest
}

func (g *guess) add(p Pattern, chance float64) {
	if g.chance += chance; chance > g.best {
		g.best, g.pattern = chance, p
	}
}

// choose makes addresses of the likeliest guesses.
func (m Model) choose(all []guess, most int) (out []Candidate) {
	slices.SortFunc(all, func(a, b guess) int {
		return cmp.Or(cmp.Compare(b.chance, a.chance), strings.Compare(a.local, b.local))
	})
	for _, g := range all {
		if most > 0 && len(out) == most {
			break
		}
		address := g.local + "@" + m.domain
		if normalize.ValidEmail(address) && !normalize.RoleMailbox(address) {
			out = append(out, Candidate{Email: address, Pattern: g.pattern, Chance: g.chance})
		}
	}
	return out
}

// chance is how likely a name is joined in this way, after what was seen.
func (n name) chance(s *spelling, seen [joins]float64) float64 {
	if !n.compound {
		return 1
	}
	of := joinWeight
	for _, k := range seen {
		of += k
	}
	return (seen[s.join] + joinWeight*n.usual[s.join]) / of
}
