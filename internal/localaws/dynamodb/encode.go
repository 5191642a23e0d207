package dynamodb

import (
	"encoding/base64"
	"fmt"
	"slices"
	"unicode/utf8"
)

// appendText appends s as a JSON string. s is valid UTF-8: the parser refuses
// anything else.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			continue
		}
		if c >= utf8.RuneSelf {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = fmt.Appendf(b, "\\u%04x", c)
		}
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendValue appends v in the wire form, {"S":"..."}.
func appendValue(b []byte, v value) []byte {
	b = append(b, '{', '"')
	b = append(b, v.kind.String()...)
	b = append(b, '"', ':')
	switch v.kind {
	case kindS, kindN, kindB:
		b = appendScalar(b, v)
	case kindBOOL:
		if v.flag {
			b = append(b, "true"...)
		} else {
			b = append(b, "false"...)
		}
	case kindNULL:
		b = append(b, "true"...)
	case kindM:
		b = appendItem(b, v.attrs())
	default:
		b = append(b, '[')
		for i, e := range v.list() {
			if i > 0 {
				b = append(b, ',')
			}
			if v.kind == kindL {
				b = appendValue(b, e)
			} else {
				b = appendScalar(b, e)
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendScalar(b []byte, v value) []byte {
	if v.kind != kindB {
		return appendText(b, v.str)
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, []byte(v.str))
	return append(b, '"')
}

// appendItem appends the attributes as one JSON object.
func appendItem(b []byte, it item) []byte {
	b = append(b, '{')
	for i, a := range it {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, a.name)
		b = append(b, ':')
		b = appendValue(b, a.value)
	}
	return append(b, '}')
}

// answer builds a response object member by member.
type answer struct{ b []byte }

// member starts a member; the caller appends its value to a.b.
func (a *answer) member(name string) {
	if len(a.b) == 0 {
		a.b = append(a.b, '{')
	} else {
		a.b = append(a.b, ',')
	}
	a.b = appendText(a.b, name)
	a.b = append(a.b, ':')
}

// grow makes room for items of so many bytes, as DynamoDB counts them.
func (a *answer) grow(size int) { a.b = slices.Grow(a.b, size+size/2+256) }

// item adds an item as a member.
func (a *answer) item(name string, it item) {
	a.member(name)
	a.b = appendItem(a.b, it)
}

// elements appends a list; one appends an element.
func (a *answer) elements(n int, one func(i int)) {
	a.b = append(a.b, '[')
	for i := range n {
		if i > 0 {
			a.b = append(a.b, ',')
		}
		one(i)
	}
	a.b = append(a.b, ']')
}

// items appends a list of items.
func (a *answer) items(list []item) {
	a.elements(len(list), func(i int) { a.b = appendItem(a.b, list[i]) })
}

// bytes ends the object.
func (a *answer) bytes() []byte {
	if len(a.b) == 0 {
		return []byte("{}")
	}
	return append(a.b, '}')
}
