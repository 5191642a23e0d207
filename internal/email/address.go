package email

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/messageai/sluice/internal/normalize"
	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Form is the strangest thing about the way an address is written. The forms
// are ordered: each later one is further from what the mail of today takes.
type Form int

// The forms of addresses.
const (
	Plain         Form = iota // a dot-atom and a host name: what everybody takes
	International             // letters outside ASCII before the "@" (RFC 6531)
	Unqualified               // a host name of one label, or with a number as top-level domain
	Quoted                    // a quoted string before the "@"
	Literal                   // an IP address in brackets instead of a host name
	Commented                 // comments or blanks around an address (RFC 5322)
	Obsolete                  // only the obsolete grammar of RFC 5322 allows it
	Unmailable                // RFC 5322 allows it in a header; no mail server does (RFC 5321)
)

// The limits of RFC 5321 section 4.5.3.1, in octets. The whole address is
// limited by the path, which has two brackets more (erratum 1690 to RFC 3696).
const (
	mostLocal   = 64
	mostLabel   = 63
	mostDomain  = 253
	mostAddress = 254
)

// Address is an address in parts. The zero value is none.
type Address struct {
	Local  string // as the server reads it: without quotes and comments, in NFC; case is kept
	Domain string // in lower case and ASCII (IDNA), or an IP address in brackets
	Form   Form   // how it was written
}

// String writes the address in its shortest form, with quotes only where they
// are needed.
func (a Address) String() string {
	if isDotAtom(a.Local) {
		return a.Local + "@" + a.Domain
	}
	b := []byte{'"'}
	for i := range len(a.Local) {
		if strings.IndexByte("\"\\\x00\r\n", a.Local[i]) >= 0 {
			b = append(b, '\\')
		}
		b = append(b, a.Local[i])
	}
	return string(b) + `"@` + a.Domain
}

// Lead returns the address as leads have it (see [normalize.Email]), whatever
// its form was; false if it is one that a lead cannot have.
func (a Address) Lead() (string, bool) {
	s := strings.ToLower(a.String())
	return s, normalize.ValidEmail(s)
}

// SyntaxError says why a text is no address. It never holds the text.
type SyntaxError string

func (e SyntaxError) Error() string { return "not an e-mail address: " + string(e) }

// The errors of [Parse].
const (
	errNoAt         SyntaxError = `it has no "@"`
	errNoLocal      SyntaxError = `nothing stands before the "@"`
	errNoDomain     SyntaxError = `nothing stands after the "@"`
	errDots         SyntaxError = "a dot stands at an end, or beside another"
	errHyphen       SyntaxError = "a label of the domain begins or ends with a hyphen"
	errCharacter    SyntaxError = "a character stands where it is not allowed"
	errInvisible    SyntaxError = "it holds a character that cannot be seen or shown"
	errQuoteOpen    SyntaxError = "a quotation is not closed"
	errCommentOpen  SyntaxError = "a comment is not closed"
	errLiteralOpen  SyntaxError = "a bracket is not closed"
	errBackslash    SyntaxError = "it ends with a backslash"
	errLineBreak    SyntaxError = "a line break is not folded"
	errDomain       SyntaxError = "the domain is no international domain name"
	errNotUTF8      SyntaxError = "it is not UTF-8"
	maxCommentDepth             = 100
)

// Parse reads one address by the grammar of RFC 5322, obsolete forms included,
// with the limits of RFC 5321 and the letters of RFC 6531. It is strict about
// the ends: blanks there are part of the grammar, a line break is not. The
// error is a [SyntaxError].
func Parse(s string) (Address, error) {
	if at := strings.LastIndexByte(s, '@'); normalize.ValidEmail(s) && !hasEncoded(s[at+1:]) { // nearly all
		return Address{Local: s[:at], Domain: strings.ToLower(s[at+1:])}, nil
	}
	if !utf8.ValidString(s) {
		return Address{}, errNotUTF8
	}
	s = norm.NFC.String(s) // first, since it makes signs of some letters
	if strings.IndexByte(s, '@') < 0 {
		return Address{}, errNoAt
	}
	p := parser{s: s}
	local, err := p.local()
	if err != nil {
		return Address{}, err
	}
	domain, err := p.domain()
	if err != nil {
		return Address{}, err
	}
	if p.localSize > mostLocal || p.localSize+1+len(domain) > mostAddress {
		p.mark(Unmailable)
	}
	return Address{Local: local, Domain: domain, Form: p.form}, nil
}

// local reads up to the "@" and returns what the words before it mean.
func (p *parser) local() (string, error) {
	var out strings.Builder
	quoted := false
	for words := 0; ; words++ {
		folded, err := p.blanks()
		if err != nil {
			return "", err
		}
		p.markIf(folded, words, Commented)
		start := p.i
		if p.peek() == '"' {
			quoted = true
			err = p.quotedString(&out)
		} else {
			err = p.atom(&out, words)
		}
		if err != nil {
			return "", err
		}
		p.localSize += p.i - start
		if folded, err = p.blanks(); err != nil {
			return "", err
		}
		if folded {
			p.mark(Obsolete) // beside a dot or the "@"
		}
		switch p.peek() {
		case '.':
			p.i++
			p.localSize++
			out.WriteByte('.')
			continue
		case '@':
			p.i++
			if quoted {
				p.mark(Quoted)
				if words > 0 {
					p.mark(Obsolete)
				}
			}
			return p.readable(out.String())
		case end:
			return "", errNoAt
		}
		return "", errCharacter
	}
}

// readable refuses what a person could not see or type, though RFC 6531 allows
// it: such an address is a forgery or a scar.
func (p *parser) readable(local string) (string, error) {
	if !hasNonASCII(local) {
		return local, nil
	}
	for i, r := range local {
		switch {
		case r < utf8.RuneSelf:
		case !unicode.IsGraphic(r), unicode.Is(unicode.Z, r), i == 0 && unicode.Is(unicode.M, r):
			return "", errInvisible
		}
	}
	p.mark(International)
	return local, nil
}

// domain reads the rest.
func (p *parser) domain() (string, error) {
	folded, err := p.blanks()
	if err != nil {
		return "", err
	}
	if folded {
		p.mark(Obsolete)
	}
	if p.peek() == '[' {
		return p.literal()
	}
	var host strings.Builder
	for {
		start := p.i
		for p.i < len(p.s) && (isAtom(p.s[p.i]) || p.s[p.i] >= utf8.RuneSelf) {
			p.i++
		}
		if start == p.i && p.i < len(p.s) && p.s[p.i] != '.' {
			return "", errCharacter
		}
		host.WriteString(p.s[start:p.i])
		if folded, err = p.blanks(); err != nil {
			return "", err
		}
		switch p.peek() {
		case end:
			if folded {
				p.mark(Commented)
			}
			return p.host(host.String())
		case '.':
			p.i++
			host.WriteByte('.')
			again, err := p.blanks()
			if err != nil {
				return "", err
			}
			if folded || again {
				p.mark(Obsolete)
			}
			continue
		}
		return "", errCharacter
	}
}

// host turns the labels of a domain into their ASCII form and checks them.
func (p *parser) host(s string) (string, error) {
	if s == "" {
		return "", errNoDomain
	}
	if hasNonASCII(s) || hasEncoded(s) {
		ascii, err := idna.Lookup.ToASCII(s)
		if err == nil { // mapping letters can make a name that is none
			ascii, err = idna.Lookup.ToASCII(ascii)
		}
		if err != nil {
			return "", errDomain
		}
		s = ascii
	}
	s = strings.ToLower(s)
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		switch {
		case label == "":
			return "", errDots
		case label[0] == '-' || label[len(label)-1] == '-':
			return "", errHyphen
		case len(label) > mostLabel, !isHostLabel(label):
			p.mark(Unmailable)
		}
		last = label
	}
	if len(s) > mostDomain {
		p.mark(Unmailable)
	}
	if last == s || strings.Trim(last, "0123456789") == "" {
		p.mark(Unqualified)
	}
	return s, nil
}

// hasEncoded reports whether a label of a domain is encoded, or has the form
// that is reserved for encodings (RFC 5890 section 2.3.1).
func hasEncoded(domain string) bool {
	for i := 0; i+4 <= len(domain); i++ {
		if domain[i+2] == '-' && domain[i+3] == '-' && (i == 0 || domain[i-1] == '.') {
			return true
		}
	}
	return false
}

func hasNonASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

func isHostLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func isDotAtom(s string) bool {
	previous := byte('.')
	for i := range len(s) {
		c := s[i]
		if c != '.' && !isAtom(c) && c < utf8.RuneSelf || c == '.' && previous == '.' {
			return false
		}
		previous = c
	}
	return previous != '.'
}

// isAtom reports whether an ASCII character may stand in an atom.
func isAtom(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}
