package dynamodb

import "strings"

// tokenKind is the lexical class of a token.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a bare name, keyword or function
	tokenName             // #name
	tokenValue            // :value
	tokenNumber           // an index
	tokenSymbol           // anything else
)

// token is a piece of an expression, with its place in the source.
type token struct {
	kind       tokenKind
	text       string
	start, end int
}

// tokenize splits an expression. Characters that no token starts with become
// symbols, which no rule of the grammar accepts.
func tokenize(src string) []token {
	tokens := make([]token, 0, len(src)/4+2)
	for i := 0; i < len(src); {
		c := src[i]
		start := i
		kind := tokenSymbol
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isLetter(c):
			kind = tokenWord
			i = wordEnd(src, i)
		case isDigit(c):
			kind = tokenNumber
			for i < len(src) && isDigit(src[i]) {
				i++
			}
		case c == '#' && wordEnd(src, i+1) > i+1:
			kind = tokenName
			i = wordEnd(src, i+1)
		case c == ':' && wordEnd(src, i+1) > i+1:
			kind = tokenValue
			i = wordEnd(src, i+1)
		case strings.HasPrefix(src[i:], "<>") || strings.HasPrefix(src[i:], "<=") || strings.HasPrefix(src[i:], ">="):
			i += 2
		default:
			i++
			for i < len(src) && src[i] >= 0x80 && src[i] < 0xC0 {
				i++ // the rest of a UTF-8 sequence
			}
		}
		tokens = append(tokens, token{kind, src[start:i], start, i})
	}
	return append(tokens, token{tokenEnd, "<EOF>", len(src), len(src)})
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func wordEnd(src string, i int) int {
	for i < len(src) && (isLetter(src[i]) || isDigit(src[i])) {
		i++
	}
	return i
}
