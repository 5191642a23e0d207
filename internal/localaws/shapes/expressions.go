package shapes

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// hole stands in an expression for text that is not known, such as a variable of
// the program that builds it.
const hole = "?"

// keywords are the words of expressions that are neither names nor functions.
var keywords = []string{"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE"}

var operators = []string{"=", "<>", "<", "<=", ">", ">=", "+", "-"}

// lexemes are a name with its path, a function with its parenthesis, an
// operator, anything else.
var lexemes = regexp.MustCompile(`[A-Za-z_]\w*\s*\(|[#:]?[\w?]+(?:\.#?[\w?]+|\[[\d?]+\])*|<>|<=|>=|[^\s\w]`)

// Parts are the functions, operators and clauses of an expression, each with
// what it works on: "contains(n, :v)", "n <= :v", "n BETWEEN :v", "n + :v", "OR",
// "REMOVE". A name that stands alone, as in a projection, is a part too. A name is
// n (with a path n.n or n[0]), a value :v, what a function returns size(). The text
// may be a piece of an expression, and have "?" where the program puts something
// in.
func Parts(expression string) []string {
	p := &pieces{words: lexemes.FindAllString(expression, -1), left: hole}
	for p.at < len(p.words) {
		p.next()
	}
	return p.found
}

// pieces takes an expression apart.
type pieces struct {
	words []string
	at    int
	left  string // the operand before the present word
	found []string
}

func (p *pieces) next() {
	word := p.words[p.at]
	upper := strings.ToUpper(strings.TrimRight(word, "( \t\r\n"))
	if !slices.Contains(keywords, upper) {
		p.sign(word)
		return
	}
	if upper == "BETWEEN" {
		left := p.left
		p.at++
		p.found = append(p.found, left+" BETWEEN "+p.operand())
		if p.at < len(p.words) && strings.EqualFold(p.words[p.at], "AND") { // which joins no conditions
			p.at++
		}
		return
	}
	if upper == "IN" {
		upper = p.left + " IN"
		if p.at+1 < len(p.words) && p.words[p.at+1] == "(" {
			p.at++
		}
	} else if strings.HasSuffix(word, "(") {
		p.found = append(p.found, "(")
	}
	p.found, p.left = append(p.found, upper), hole
	p.at++
}

// sign takes what is no keyword.
func (p *pieces) sign(word string) {
	switch {
	case slices.Contains(operators, word):
		left := p.left
		p.at++
		p.found = append(p.found, left+" "+word+" "+p.operand())
	case word == "(":
		p.found, p.left = append(p.found, word), hole
		p.at++
	case word == ",", word == ")":
		p.left = hole
		p.at++
	default:
		if name := p.operand(); strings.HasPrefix(name, "n") && !p.works() {
			p.found = append(p.found, name)
		}
	}
}

// works reports whether the next word works on the operand before it.
func (p *pieces) works() bool {
	if p.at == len(p.words) {
		return false
	}
	word := strings.ToUpper(strings.TrimRight(p.words[p.at], "( \t\r\n"))
	return slices.Contains(operators, word) || word == "BETWEEN" || word == "IN"
}

// operand takes a name, a value or a function with its operands, and returns
// which it is.
func (p *pieces) operand() string {
	p.left = hole
	if p.at == len(p.words) {
		return p.left
	}
	word := p.words[p.at]
	p.at++
	name, call := strings.CutSuffix(word, "(")
	switch {
	case call && name != "":
		name = strings.TrimSpace(name)
		var of []string
		for p.at < len(p.words) && p.words[p.at] != ")" {
			if p.words[p.at] == "," {
				p.at++
				continue
			}
			of = append(of, p.operand())
		}
		p.at++
		p.found = append(p.found, name+"("+strings.Join(of, ", ")+")")
		p.left = name + "()"
	case word == "(": // of a value
		p.left = "()"
	case strings.Contains(word, hole):
	case strings.HasPrefix(word, ":"):
		p.left = ":v"
	default:
		p.left = regexp.MustCompile(`#?\w+`).ReplaceAllString(regexp.MustCompile(`\[\d+\]`).ReplaceAllString(word, "[]"), "n")
		p.left = strings.ReplaceAll(p.left, "[]", "[0]")
	}
	return p.left
}

// expressions are the expressions in a request to DynamoDB, by the member's
// name.
func expressions(body []byte) map[string][]string {
	found := map[string][]string{}
	var in any
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				if text, ok := member.(string); ok && strings.HasSuffix(name, "Expression") {
					found[name] = append(found[name], text)
				}
				visit(member)
			}
		case []any:
			for _, member := range v {
				visit(member)
			}
		}
	}
	visit(in)
	return found
}

// refused reports whether an answer of DynamoDB says that the request is wrong.
func refused(status int, body []byte) bool {
	return status >= 400 && bytes.Contains(body, []byte("ValidationException"))
}
