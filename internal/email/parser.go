package email

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// parser is a place in an address, and the strangest form seen so far.
type parser struct {
	s         string
	i         int
	form      Form
	localSize int // octets before the "@", as written, without blanks and comments
}

// end is what [parser.peek] returns behind the last character: no octet of
// UTF-8.
const end = 0xff

func (p *parser) peek() byte {
	if p.i >= len(p.s) {
		return end
	}
	return p.s[p.i]
}

func (p *parser) mark(f Form) { p.form = max(p.form, f) }

// markIf marks blanks before a word: before the first they are a comment like
// any other, after a dot they are obsolete.
func (p *parser) markIf(folded bool, words int, first Form) {
	switch {
	case folded && words == 0:
		p.mark(first)
	case folded:
		p.mark(Obsolete)
	}
}

// atom reads letters, digits and signs up to something else.
func (p *parser) atom(out *strings.Builder, words int) error {
	start := p.i
	for p.i < len(p.s) && (isAtom(p.s[p.i]) || p.s[p.i] >= utf8.RuneSelf) {
		p.i++
	}
	if p.i > start {
		out.WriteString(p.s[start:p.i])
		return nil
	}
	switch c := p.peek(); {
	case c == '@' && words == 0:
		return errNoLocal
	case c == '.', c == '@':
		return errDots
	case c == end:
		return errNoAt
	}
	return errCharacter
}

// quotedString reads a quotation and appends what it means.
func (p *parser) quotedString(out *strings.Builder) error {
	p.i++
	for {
		switch c := p.peek(); {
		case c == end:
			return errQuoteOpen
		case c == '"':
			p.i++
			return nil
		case c == '\\':
			escaped, err := p.escaped()
			if err != nil {
				return err
			}
			out.WriteByte(escaped)
		case c == '\r':
			if err := p.fold(); err != nil {
				return err
			}
		case c == 0, c == '\n':
			return errCharacter
		default:
			if c < ' ' && c != '\t' || c == 0x7f {
				p.mark(Obsolete)
			}
			out.WriteByte(c)
			p.i++
		}
	}
}

// escaped reads a backslash and the ASCII character behind it.
func (p *parser) escaped() (byte, error) {
	p.i++
	c := p.peek()
	switch {
	case c == end:
		return 0, errBackslash
	case c >= utf8.RuneSelf: // RFC 6531 extends what is quoted, not what is escaped
		return 0, errCharacter
	case c < ' ' && c != '\t', c == 0x7f:
		p.mark(Obsolete)
	}
	p.i++
	return c, nil
}

// blanks skips blanks, folded line breaks and comments, and tells whether there
// were any.
func (p *parser) blanks() (bool, error) {
	start, folds := p.i, 0
	for {
		switch p.peek() {
		case ' ', '\t':
			p.i++
		case '\r':
			if err := p.fold(); err != nil {
				return false, err
			}
			if folds++; folds > 1 {
				p.mark(Obsolete)
			}
		case '(':
			folds = 0
			if err := p.comment(); err != nil {
				return false, err
			}
		default:
			return p.i > start, nil
		}
	}
}

// fold skips a line break, which a blank has to follow.
func (p *parser) fold() error {
	rest := p.s[p.i:]
	if len(rest) < 3 || rest[1] != '\n' || rest[2] != ' ' && rest[2] != '\t' {
		return errLineBreak
	}
	p.i += 3
	return nil
}

func (p *parser) comment() error {
	depth := 0
	for {
		switch c := p.peek(); {
		case c == end:
			return errCommentOpen
		case c == '(':
			if depth++; depth > maxCommentDepth {
				return errCharacter
			}
			p.i++
		case c == ')':
			p.i++
			if depth--; depth == 0 {
				return nil
			}
		case c == '\\':
			if _, err := p.escaped(); err != nil {
				return err
			}
		case c == '\r':
			if err := p.fold(); err != nil {
				return err
			}
		case c == 0, c == '\n':
			return errCharacter
		default:
			if c < ' ' && c != '\t' || c == 0x7f {
				p.mark(Obsolete)
			}
			p.i++
		}
	}
}

// literal reads "[...]" to the end of the address.
func (p *parser) literal() (string, error) {
	p.i++
	var text strings.Builder
	for done := false; !done; {
		switch c := p.peek(); {
		case c == end:
			return "", errLiteralOpen
		case c == ']':
			p.i++
			done = true
		case c == '\\':
			p.mark(Unmailable)
			escaped, err := p.escaped()
			if err != nil {
				return "", err
			}
			text.WriteByte(escaped)
		case c == '\r':
			if err := p.fold(); err != nil {
				return "", err
			}
		case c == '[', c == 0, c == '\n', c >= utf8.RuneSelf:
			return "", errCharacter
		default:
			if c < ' ' && c != '\t' || c == 0x7f {
				p.mark(Unmailable)
			}
			text.WriteByte(c)
			p.i++
		}
	}
	folded, err := p.blanks()
	switch {
	case err != nil:
		return "", err
	case p.i < len(p.s):
		return "", errCharacter
	case folded:
		p.mark(Commented)
	}
	return p.ip(text.String()), nil
}

// ip checks an address literal and writes it in its shortest form.
func (p *parser) ip(text string) string {
	if v4, err := netip.ParseAddr(text); err == nil && v4.Is4() {
		p.mark(Literal)
		return "[" + v4.String() + "]"
	}
	const tag = "IPv6:"
	if len(text) > len(tag) && strings.EqualFold(text[:len(tag)], tag) {
		if v6, err := netip.ParseAddr(text[len(tag):]); err == nil && v6.Is6() && v6.Zone() == "" {
			p.mark(Literal)
			if groups(text[len(tag):]) == 7 && strings.Contains(text, "::") {
				p.mark(Obsolete) // "::" for one group, which RFC 5321 took back
			}
			return "[" + tag + v6.String() + "]"
		}
	}
	p.mark(Unmailable)
	return "[" + text + "]"
}

// groups is how many 16-bit groups of an IPv6 address are written out.
func groups(s string) int {
	n := 0
	for g := range strings.SplitSeq(s, ":") {
		switch {
		case strings.Contains(g, "."):
			n += 2
		case g != "":
			n++
		}
	}
	return n
}
