package normalize

import (
	"slices"
	"strings"
	"unicode"
)

// Name is a person's name in parts. First and Last are what lists, CRMs and
// match keys use; the rest is kept apart so that it does not spoil them.
type Name struct {
	Prefix, First, Middle, Last, Suffix string
}

// String joins the parts in writing order.
func (n Name) String() string {
	return strings.Join(nonEmpty(n.Prefix, n.First, n.Middle, n.Last, n.Suffix), " ")
}

func nonEmpty(parts ...string) []string {
	out := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// FullName splits a whole name: titles ("Dr."), degrees and generations ("PhD",
// "Jr."), "Last, First", particles ("van der"), nicknames in quotes or
// brackets, and spelling in capitals only.
func FullName(s string) Name {
	n := splitName(stripNickname(Clean(s)))
	if Clean(n.String()) == "" { // what is left of ",-" or ",n/a" is no name
		return Name{}
	}
	return n
}

func splitName(s string) Name {
	words, last := splitLastFirst(s)
	var n Name
	words, n.Prefix = takePrefixes(words)
	words, n.Suffix = takeSuffixes(words)
	fix := properCase(words)
	if last != nil {
		last, n.Prefix = joinPrefix(last, n.Prefix)
		n.Last = strings.Join(properCase(last), " ")
		n.First, n.Middle = firstAndMiddle(fix)
		return n
	}
	switch len(fix) {
	case 0:
		return n
	case 1:
		n.First = fix[0]
		return n
	}
	at := len(fix) - 1
	for at > 1 && isParticle(fix[at-1]) {
		at--
	}
	// "Ludwig van Beethoven": everything from the first particle on is the last name.
	for i := 1; i < at; i++ {
		if isParticle(fix[i]) {
			at = i
			break
		}
	}
	n.Last = strings.Join(fix[at:], " ")
	n.First, n.Middle = firstAndMiddle(fix[:at])
	return n
}

// FirstLast cleans a name that comes in two columns.
func FirstLast(first, last string) (string, string) {
	first, last = stripNickname(Clean(first)), stripNickname(Clean(last))
	if first == "" || last == "" {
		n := FullName(first + last)
		if first == "" && n.Last == "" {
			return "", n.First
		}
		return strings.Join(nonEmpty(n.First, n.Middle), " "), n.Last
	}
	firsts, _ := takePrefixes(strings.Fields(first))
	lasts, _ := takeSuffixes(strings.Fields(strings.ReplaceAll(last, ",", " ")))
	return strings.Join(properCase(firsts), " "), strings.Join(properCase(lasts), " ")
}

// NameKey returns the form under which two names are the same: folded, without
// middle initials. "" if one of the names is missing or first is an initial
// only, which would make one person of many.
func NameKey(first, last string) string {
	f, l := strings.Fields(Fold(first)), Fold(last)
	for len(f) > 1 && len(f[len(f)-1]) == 1 {
		f = f[:len(f)-1]
	}
	if l == "" || len(f) == 0 || (len(f) == 1 && len(f[0]) == 1) {
		return ""
	}
	return strings.Join(f, " ") + "|" + l
}

// GermanNameKey is [NameKey] with umlauts spelled out ("Müller" -> "mueller"),
// the other way in which such a name is written in ASCII; "" if it is the same.
func GermanNameKey(first, last string) string {
	if isASCII(first) && isASCII(last) {
		return ""
	}
	key := NameKey(umlauts.Replace(first), umlauts.Replace(last))
	if key == NameKey(first, last) {
		return ""
	}
	return key
}

// umlauts spells out what German and Nordic writers do where the letters are missing.
var umlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ø", "oe", "Ø", "Oe", "å", "aa", "Å", "Aa")

// FoldGerman is [Fold] with umlauts spelled out.
func FoldGerman(s string) string {
	if isASCII(s) {
		return Fold(s)
	}
	return Fold(umlauts.Replace(s))
}

func splitLastFirst(s string) (rest, last []string) {
	before, after, found := strings.Cut(s, ",")
	if !found {
		return strings.Fields(s), nil
	}
	afterWords, suffix := takeSuffixes(strings.Fields(strings.ReplaceAll(after, ",", " ")))
	if len(afterWords) == 0 { // "Ada Lovelace, PhD"
		return append(strings.Fields(before), strings.Fields(suffix)...), nil
	}
	lastWords := strings.Fields(before)
	if len(lastWords) == 0 {
		return afterWords, nil
	}
	if suffix != "" {
		afterWords = append(afterWords, strings.Fields(suffix)...)
	}
	return afterWords, lastWords
}

func joinPrefix(last []string, prefix string) ([]string, string) {
	last, more := takePrefixes(last)
	return last, strings.Join(nonEmpty(more, prefix), " ")
}

func takePrefixes(words []string) ([]string, string) {
	n := 0
	for n < len(words)-1 && inSet(namePrefixes, words[n]) {
		n++
	}
	return words[n:], strings.Join(words[:n], " ")
}

func takeSuffixes(words []string) ([]string, string) {
	n := len(words)
	for n > 0 && (n > 1 || len(words) > 1 || inSet(strongSuffixes, words[0])) && inSet(nameSuffixes, words[n-1]) {
		n--
	}
	if n == 0 && len(words) > 0 && !allSuffixes(words) {
		n = 1
	}
	return words[:n], strings.Join(words[n:], " ")
}

func allSuffixes(words []string) bool {
	for _, w := range words {
		if !inSet(nameSuffixes, w) {
			return false
		}
	}
	return true
}

func inSet(m map[string]struct{}, word string) bool {
	_, ok := m[strings.ReplaceAll(Fold(word), " ", "")]
	return ok
}

// stripNickname drops what stands in brackets or quotation marks, and pronouns
// after a bar or in brackets, as profiles have them.
func stripNickname(s string) string {
	if !strings.ContainsAny(s, "()[]{}\"“”„|") {
		return s
	}
	var b strings.Builder
	depth, quoted := 0, false
	for _, r := range s {
		switch r {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(0, depth-1)
		case '"', '“', '”', '„':
			quoted = !quoted
		case '|':
			if strings.TrimSpace(b.String()) != "" {
				return Clean(b.String())
			}
		default:
			if depth == 0 && !quoted {
				b.WriteRune(r)
			}
		}
	}
	return Clean(b.String())
}

func firstAndMiddle(words []string) (first, middle string) {
	if len(words) == 0 {
		return "", ""
	}
	return words[0], strings.Join(words[1:], " ")
}

func isParticle(w string) bool {
	_, ok := particles[strings.ToLower(w)]
	return ok && (len(w) > 1 || w == strings.ToLower(w)) // "E" is an initial, "e" is "and"
}

// properCase respells words that are all capitals or all small; a mixed
// spelling is the person's own and stays.
func properCase(words []string) []string {
	joined := strings.Join(words, "")
	upper, lower := strings.ToUpper(joined), strings.ToLower(joined)
	if upper == lower || shortCapitals(words) || strings.ContainsFunc(joined, notInName) {
		return words
	}
	if joined != upper && joined != lower { // "Ada LOVELACE", as French lists have it
		out := slices.Clone(words)
		for i, w := range words {
			if len(w) > 3 && w == strings.ToUpper(w) && w != strings.ToLower(w) {
				out[i] = properWord(w)
			}
		}
		return out
	}
	out := make([]string, len(words))
	for i, w := range words {
		if i > 0 && isParticle(w) {
			out[i] = strings.ToLower(w)
			continue
		}
		out[i] = properWord(w)
	}
	return out
}

func notInName(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("-'’.", r) }

// shortCapitals keeps "JP" and "A. J." as they are.
func shortCapitals(words []string) bool {
	for _, w := range words {
		if w != strings.ToUpper(w) || len(strings.Trim(w, ".")) > 2 {
			return false
		}
	}
	return true
}

func properWord(w string) string {
	out := []rune(strings.ToLower(w))
	start := true
	for i, r := range out {
		if start {
			out[i] = unicode.ToUpper(r)
		}
		start = r == '-' || r == '.' || ((r == '\'' || r == '’') && i == 1)
	}
	if len(out) > 4 && out[0] == 'M' && out[1] == 'c' {
		out[2] = unicode.ToUpper(out[2])
	}
	return string(out)
}

var (
	namePrefixes = set(`mr mrs ms miss mx dr drs prof professor sir dame lord lady rev fr hon herr frau hr fru
		m mme mlle monsieur madame sr sra srta senor senora don dona ing dipling mag dott dottssa avv rag
		capt cpt col gen lt maj sgt pd privdoz med rernat`)
	nameSuffixes = set(`jr sr ii iii iv phd md mba msc bsc ma ba bs ms mph jd dds dvm esq cpa cfa cma cfp pmp
		pe rn llm llb dba edd psyd cissp cism cisa csm cspo acca aca fca itil pmiacp shrmcp shrmscp sphr phr gphr mbe obe cbe
		dphil drphil mphil meng beng mfa bcom mcom ret`)
	strongSuffixes = set(`phd mba cpa cfa pmp cissp esq jr`)
	particles      = set(`van von der den de del della di da do dos das du la le los las el al bin ibn bint ter
		ten te zu zum zur af av och y e`)
)
