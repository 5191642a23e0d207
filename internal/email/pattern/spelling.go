package pattern

import (
	"strings"
	"unicode"

	"github.com/messageai/sluice/internal/normalize"
	"golang.org/x/text/unicode/norm"
)

// join is what an address makes of a name of several words.
type join int

// The ways to join words. A name of one word is joined.
const (
	joined    join = iota // jeanluc, vandenberg
	firstWord             // jean, garcia
	lastWord              // luc, berg
	hyphened              // jean-luc
	lettered              // jeanluc, but with both initials: jl
	joins                 // how many there are
)

// spelling is one way to write a name in an address.
type spelling struct {
	spelled
	join join
	long bool // umlauts are spelled out: mueller
}

// name is a person's first or last name, in all its spellings. Those that look
// alike appear once, under the likeliest way.
type name struct {
	spellings []spelling
	compound  bool           // of several words
	umlauts   bool           // its spellings differ by umlauts
	usual     [joins]float64 // how names of this kind are usually joined
}

// How names of several words are usually joined: by a hyphen in the name itself
// ("Jean-Luc"), a particle ("van den Berg"), or nothing but a blank ("García
// Márquez", "Mary Anne"). Our own estimate; what a domain does outweighs it.
func withHyphen() [joins]float64   { return [joins]float64{0.50, 0.13, 0.05, 0.30, 0.02} }
func withParticle() [joins]float64 { return [joins]float64{0.77, 0.01, 0.18, 0.03, 0.01} }
func withBlank() [joins]float64    { return [joins]float64{0.45, 0.33, 0.10, 0.10, 0.02} }

// read spells a name. first tells whether it is a first name, of which middle
// initials are no part.
func read(text string, first bool) name {
	text = norm.NFC.String(text) // an umlaut is one letter
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Hyphen, r) || r == '_' || r == '/' })
	short, long := fold(words, normalize.Fold), fold(words, normalize.FoldGerman)
	for first && len(short) > 1 && len(short[len(short)-1]) == 1 {
		short, long = short[:len(short)-1], long[:len(long)-1]
	}
	if len(short) == 0 {
		return name{}
	}
	n := name{compound: len(short) > 1, usual: withBlank()}
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hyphen, r) }):
		n.usual = withHyphen()
	case !first && isParticle(short[0]):
		n.usual = withParticle()
	}
	for _, spell := range []struct {
		words []string
		long  bool
	}{{short, false}, {long, true}} {
		for j := range joins {
			if j > joined && !n.compound {
				break
			}
			n.add(spelling{compose(spell.words, j), j, spell.long})
		}
	}
	return n
}

// add keeps a spelling that looks different from all before it.
func (n *name) add(s spelling) {
	for _, have := range n.spellings {
		if have.spelled == s.spelled {
			return
		}
	}
	n.umlauts = n.umlauts || s.long
	n.spellings = append(n.spellings, s)
}

// fold gives every word in the letters of an address; words without any are
// left out.
func fold(words []string, by func(string) string) (out []string) {
	for _, w := range words {
		if w = strings.ReplaceAll(by(w), " ", ""); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func compose(words []string, j join) spelled {
	switch j {
	case firstWord:
		words = words[:1]
	case lastWord:
		words = words[len(words)-1:]
	case hyphened:
		return spelled{strings.Join(words, "-"), words[0][:1]}
	case lettered:
		initials := ""
		for _, w := range words {
			initials += w[:1]
		}
		return spelled{strings.Join(words, ""), initials}
	default:
	}
	return spelled{strings.Join(words, ""), words[0][:1]}
}

// isParticle reports whether a last name of several words begins with one that
// belongs to it.
func isParticle(word string) bool {
	switch word {
	case "van", "von", "de", "da", "di", "do", "du", "del", "della", "der", "den", "des", "dos", "das", "la", "le", "lo", "los", "las",
		"el", "al", "bin", "ibn", "bint", "ben", "abu", "ter", "ten", "te", "zu", "zum", "zur", "af", "av", "mac", "mc", "o", "san", "st", "saint":
		return true
	}
	return false
}
