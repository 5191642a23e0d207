package dynamodb

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// parser reads a request body straight into the package's own types. The first
// syntax error sticks in err and ends all loops; the first attribute value
// that JSON allows and DynamoDB does not is kept in refused, because AWS
// reports it later than faults of the request's other members.
type parser struct {
	s       string
	i       int
	depth   int
	err     error
	refused error
}

func newParser(body []byte) *parser { return &parser{s: string(body)} }

func (p *parser) fail() {
	if p.err == nil {
		p.err = wire.Errorf(http.StatusBadRequest, "SerializationException", "the request body is not valid for this operation (byte %d)", p.i)
	}
	p.i = len(p.s)
}

func (p *parser) refuse(err error) {
	if p.refused == nil {
		p.refused = err
	}
}

// next skips white space and returns the next byte, 0 at the end.
func (p *parser) next() byte {
	for p.i < len(p.s) {
		switch c := p.s[p.i]; c {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return c
		}
	}
	return 0
}

// accept consumes c if it is next.
func (p *parser) accept(c byte) bool {
	if p.next() != c {
		return false
	}
	p.i++
	return true
}

func (p *parser) expect(c byte) {
	if !p.accept(c) {
		p.fail()
	}
}

// null consumes a null, which AWS treats as an absent member.
func (p *parser) null() bool {
	if p.next() == 'n' && strings.HasPrefix(p.s[p.i:], "null") {
		p.i += len("null")
		return true
	}
	return false
}

// object calls member for each member, which must consume the value.
func (p *parser) object(member func(name string)) {
	if p.null() {
		return
	}
	p.expect('{')
	if p.accept('}') {
		return
	}
	for p.err == nil {
		name := p.text()
		p.expect(':')
		if p.err != nil {
			return
		}
		member(name)
		if p.accept('}') {
			return
		}
		p.expect(',')
	}
}

// array calls element before each element, which it must consume.
func (p *parser) array(element func()) {
	if p.null() {
		return
	}
	p.expect('[')
	if p.accept(']') {
		return
	}
	for p.err == nil {
		element()
		if p.accept(']') {
			return
		}
		p.expect(',')
	}
}

// text reads a string. A null is the empty string.
func (p *parser) text() string {
	if p.null() {
		return ""
	}
	p.expect('"')
	if p.err != nil {
		return ""
	}
	start, plain := p.i, true
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			raw := p.s[start:p.i]
			p.i++
			if plain {
				return raw
			}
			return p.unescape(p.s[start-1 : p.i])
		case c == '\\':
			plain = false
			p.i += 2
		case c < 0x20:
			p.fail()
			return ""
		case c >= utf8.RuneSelf:
			r, width := utf8.DecodeRuneInString(p.s[p.i:])
			if r == utf8.RuneError && width == 1 {
				p.fail()
				return ""
			}
			p.i += width
		default:
			p.i++
		}
	}
	p.fail()
	return ""
}

func (p *parser) unescape(quoted string) string {
	var s string
	if err := json.Unmarshal([]byte(quoted), &s); err != nil {
		p.fail()
	}
	return s
}

func (p *parser) boolean() bool {
	p.next()
	switch rest := p.s[p.i:]; {
	case strings.HasPrefix(rest, "true"):
		p.i += len("true")
		return true
	case strings.HasPrefix(rest, "false"):
		p.i += len("false")
	default:
		p.fail()
	}
	return false
}

// integer reads a whole number.
func (p *parser) integer() int {
	p.next()
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("+-0123456789.eE", p.s[p.i]) >= 0 {
		p.i++
	}
	n, err := strconv.Atoi(p.s[start:p.i])
	if err != nil {
		p.fail()
	}
	return n
}

// skip consumes any value.
func (p *parser) skip() {
	if p.depth++; p.depth > 1000 {
		p.fail()
	}
	defer func() { p.depth-- }()
	switch c := p.next(); {
	case c == '{':
		p.object(func(string) { p.skip() })
	case c == '[':
		p.array(p.skip)
	case c == '"':
		p.text()
	case c == 't' || c == 'f':
		p.boolean()
	case c == 'n':
		if !p.null() {
			p.fail()
		}
	default:
		start := p.i
		for p.i < len(p.s) && strings.IndexByte("+-0123456789.eE", p.s[p.i]) >= 0 {
			p.i++
		}
		if p.i == start {
			p.fail()
		}
	}
}

// attributes reads an object of attribute values. The result is nil only for
// null.
func (p *parser) attributes() item {
	if p.null() {
		return nil
	}
	it := make(item, 0, 8)
	sorted := true
	p.object(func(name string) {
		if n := len(it); n > 0 && it[n-1].name >= name {
			sorted = false
		}
		if name == "" {
			p.refuse(invalid("One or more parameter values are not valid. An attribute name cannot be empty"))
		}
		it = append(it, attr{name, p.value()})
	})
	if sorted {
		return it
	}
	slices.SortStableFunc(it, func(a, b attr) int { return strings.Compare(a.name, b.name) })
	out := it[:0]
	for i, a := range it {
		if i+1 < len(it) && it[i+1].name == a.name {
			continue // of two members with one name the last counts
		}
		out = append(out, a)
	}
	return out
}

// value reads one attribute value.
func (p *parser) value() value {
	var v value
	members := 0
	if p.depth++; p.depth > maxNesting+1 {
		p.refuse(invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"))
		p.skip()
		p.depth--
		return v
	}
	p.object(func(name string) {
		if p.null() {
			return
		}
		k := kindNamed(name)
		if k == kindNone {
			p.skip()
			return
		}
		members++
		v = p.payload(k)
	})
	p.depth--
	switch {
	case members == 0:
		p.refuse(invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"))
	case members > 1:
		p.refuse(invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"))
	}
	return v
}

func (p *parser) payload(k kind) value {
	switch k {
	case kindS, kindN, kindB:
		return p.scalar(k)
	case kindBOOL:
		return value{kind: k, flag: p.boolean()}
	case kindNULL:
		if !p.boolean() {
			p.refuse(badParameter("Null attribute value types must have the value of true"))
		}
		return value{kind: k}
	case kindM:
		return mapValue(p.attributes())
	case kindL:
		list := []value{}
		p.array(func() { list = append(list, p.value()) })
		return listValue(k, list)
	default:
		list := []value{}
		p.array(func() { list = append(list, p.scalar(k.element())) })
		p.checkSet(k, list)
		return listValue(k, list)
	}
}

func (p *parser) scalar(k kind) value {
	text := p.text()
	switch k {
	case kindN:
		canonical, err := canonicalNumber(text)
		if err != nil {
			p.refuse(err)
		}
		return value{kind: k, str: canonical}
	case kindB:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			p.fail()
		}
		return value{kind: k, str: string(raw)}
	default:
		return value{kind: k, str: text}
	}
}

// checkSet refuses empty sets and duplicates. AWS's texts have two blanks in
// "set  may" (observed 2026).
func (p *parser) checkSet(k kind, list []value) {
	if len(list) == 0 {
		p.refuse(badParameter("%s", map[kind]string{
			kindSS: "An string set  may not be empty", kindNS: "An number set  may not be empty", kindBS: "Binary sets should not be empty",
		}[k]))
		return
	}
	if distinctTexts(list) {
		return
	}
	if k == kindNS {
		p.refuse(invalid("Input collection contains duplicates"))
		return
	}
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = e.str
		if k == kindBS {
			texts[i] = base64.StdEncoding.EncodeToString([]byte(e.str))
		}
	}
	p.refuse(badParameter("Input collection [%s] contains duplicates.", strings.Join(texts, ", ")))
}

func distinctTexts(list []value) bool {
	if len(list) <= 8 { // most sets; not worth a map
		for i, e := range list {
			if slices.ContainsFunc(list[:i], func(f value) bool { return f.str == e.str }) {
				return false
			}
		}
		return true
	}
	seen := make(map[string]struct{}, len(list))
	for _, e := range list {
		seen[e.str] = struct{}{}
	}
	return len(seen) == len(list)
}

// textMap reads an object of strings.
func (p *parser) textMap() map[string]string {
	if p.null() {
		return nil
	}
	m := map[string]string{}
	p.object(func(name string) { m[name] = p.text() })
	return m
}

// end reports the syntax error, if any, and text after the end.
func (p *parser) end() error {
	if p.err == nil && p.next() != 0 {
		p.fail()
	}
	return p.err
}
