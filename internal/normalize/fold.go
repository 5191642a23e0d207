package normalize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-unidecode"
	"golang.org/x/text/unicode/norm"
)

// Clean trims a cell, turns every run of white space into one blank, and drops
// characters that cannot be seen (zero-width, byte-order marks, controls).
func Clean(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			blank = true
			continue
		case unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || r == utf8.RuneError:
			continue
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(r)
	}
	// Most blank cells of an export are spelled out, and mean the same as nothing.
	switch out := b.String(); out {
	case "-", "--", "—", "n/a", "N/A", "#N/A", "null", "NULL", "None", "(none)", "NaN":
		return ""
	default:
		return out
	}
}

// isPlain reports whether Clean has nothing to do: printable ASCII, single
// inner blanks, and not one of the short words that mean "no value".
func isPlain(s string) bool {
	if len(s) <= 6 && s != "" {
		return false
	}
	previous := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 0x7f || (c == ' ' && previous == ' ') {
			return false
		}
		previous = c
	}
	return previous != ' ' || s == ""
}

// Fold gives the form in which texts are compared: transliterated to ASCII,
// lower case, letters and digits in words separated by single blanks. Single
// letters joined by periods become one word ("U.S.A." -> "usa").
func Fold(s string) string {
	if folded(s) {
		return s
	}
	if !isASCII(s) {
		s = unidecode.Unidecode(norm.NFKC.String(s))
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b = append(b, c)
		case c == '\'' || c == '`':
			// O'Neill and ONeill are one name.
		case c == '.' && dotted(s, i):
		default:
			if len(b) > 0 && b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
		}
	}
	return strings.TrimRight(string(b), " ")
}

// dotted reports whether the period at i stands between or after single
// letters, as in "U.S." or "V.P.".
func dotted(s string, i int) bool {
	letter := func(j int) bool {
		return j >= 0 && j < len(s) && (s[j]|0x20) >= 'a' && (s[j]|0x20) <= 'z'
	}
	return letter(i-1) && !letter(i-2) && letter(i+1) && (i+2 >= len(s) || !letter(i+2))
}

func folded(s string) bool {
	previous := byte(' ')
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != ' ' || previous == ' ') {
			return false
		}
		previous = c
	}
	return previous != ' ' || s == ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
