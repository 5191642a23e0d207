package dynamodb

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// scope is what the expressions of one request may refer to: substitutes for
// names and values, all of which must be used.
type scope struct {
	reserved   []string
	names      map[string]string
	values     item
	usedNames  []string
	usedValues []string
}

// checkUsed refuses substitutes that no expression of the request refers to.
func (s *scope) checkUsed() error {
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		if !slices.Contains(s.usedNames, name) {
			return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", name)
		}
	}
	for _, v := range s.values {
		if !slices.Contains(s.usedValues, v.name) {
			return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", v.name)
		}
	}
	return nil
}

// step is one element of a document path: an attribute's name or, if name is
// empty, a list index.
type step struct {
	name  string
	index int
}

// path is a document path, such as a.b[3].
type path []step

// resolve returns the value at the path, false if the item has none.
func (p path) resolve(it item) (value, bool) {
	v, ok := it.lookup(p[0].name)
	for _, s := range p[1:] {
		if !ok {
			return value{}, false
		}
		v, ok = v.at(s)
	}
	return v, ok
}

// at returns the child of a map or list.
func (v value) at(s step) (value, bool) {
	switch {
	case s.name != "" && v.kind == kindM:
		return v.attrs().lookup(s.name)
	case s.name == "" && v.kind == kindL && s.index < len(v.list()):
		return v.list()[s.index], true
	default:
		return value{}, false
	}
}

// String writes the path as AWS's messages do: [a, b, [3]].
func (p path) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range p {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.name != "" {
			b.WriteString(s.name)
		} else {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	b.WriteByte(']')
	return b.String()
}

// grammar parses one expression. The first syntax error ends parsing; the
// first error of meaning is kept and reported only if the syntax is right.
type grammar struct {
	what    string // the request's member, for messages
	src     string
	tokens  []token
	i       int
	depth   int
	scope   *scope
	syntax  error
	meaning error
}

// Limits: DynamoDB Developer Guide, "Quotas", read November 2026.
const (
	maxExpressionBytes = 4096
	maxOperators       = 300
	maxInOperands      = 100
)

func newGrammar(what, src string, s *scope) *grammar {
	g := &grammar{what: what, src: src, scope: s}
	switch {
	case strings.TrimSpace(src) == "":
		g.syntax = invalid("Invalid %s: The expression can not be empty;", what)
	case len(src) > maxExpressionBytes:
		g.syntax = invalid("Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %d", what, len(src))
	default:
		g.tokens = tokenize(src)
		return g
	}
	g.tokens = []token{{kind: tokenEnd}}
	return g
}

// finish checks that everything was read and returns the error, if any.
func (g *grammar) finish() error {
	if g.peek().kind != tokenEnd {
		g.fail()
	}
	if g.syntax != nil {
		return g.syntax
	}
	return g.meaning
}

func (g *grammar) peek() token { return g.tokens[g.i] }

func (g *grammar) advance() token {
	t := g.tokens[g.i]
	if t.kind != tokenEnd {
		g.i++
	}
	return t
}

// fail reports the current token as a syntax error and skips to the end.
func (g *grammar) fail() {
	if g.syntax == nil {
		t := g.peek()
		from, to := g.tokens[max(g.i-1, 0)].start, g.tokens[min(g.i+1, len(g.tokens)-1)].end
		g.syntax = invalid("Invalid %s: Syntax error; token: \"%s\", near: \"%s\"", g.what, t.text, g.src[from:to])
	}
	g.i = len(g.tokens) - 1
}

// wrong records an error of meaning.
func (g *grammar) wrong(format string, args ...any) {
	if g.meaning == nil {
		g.meaning = invalid("Invalid "+g.what+": "+format, args...)
	}
}

// enter counts a level of nesting, which ends with leave.
func (g *grammar) enter() {
	if g.depth++; g.depth > maxOperators {
		g.fail()
	}
}

func (g *grammar) leave() { g.depth-- }

// symbol consumes the symbol text if it is next.
func (g *grammar) symbol(text string) bool {
	if t := g.peek(); t.kind != tokenSymbol || t.text != text {
		return false
	}
	g.i++
	return true
}

func (g *grammar) expect(text string) {
	if !g.symbol(text) {
		g.fail()
	}
}

// keyword consumes a keyword, whatever its case, if it is next.
func (g *grammar) keyword(word string) bool {
	if !g.isKeyword(word) {
		return false
	}
	g.i++
	return true
}

func (g *grammar) isKeyword(word string) bool {
	t := g.peek()
	return t.kind == tokenWord && strings.EqualFold(t.text, word)
}

// path parses a document path.
func (g *grammar) path() path {
	p := path{g.pathName()}
	for g.syntax == nil {
		switch {
		case g.symbol("."):
			p = append(p, g.pathName())
		case g.symbol("["):
			t := g.advance()
			n, err := strconv.Atoi(t.text)
			if t.kind != tokenNumber || err != nil {
				g.i--
				g.fail()
			}
			p = append(p, step{index: n})
			g.expect("]")
		default:
			if len(p) > maxNesting {
				g.wrong("The document path has too many nesting elements; nesting levels: %d", len(p))
			}
			return p
		}
	}
	return p
}

func (g *grammar) pathName() step {
	t := g.peek()
	switch t.kind {
	case tokenWord:
		if isReserved(g.scope.reserved, t.text) {
			g.wrong("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
		g.advance()
		return step{name: t.text}
	case tokenName:
		g.advance()
		name, ok := g.scope.names[t.text]
		if !ok {
			g.wrong("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
			name = t.text
		}
		g.scope.usedNames = append(g.scope.usedNames, t.text)
		return step{name: name}
	default:
		g.fail()
		return step{name: "?"}
	}
}

// constant is a :value with what it stands for.
type constant struct {
	name  string
	value value
}

func (c constant) resolve(item) (value, bool) { return c.value, true }

func (g *grammar) constant() constant {
	t := g.advance()
	v, ok := g.scope.values.lookup(t.text)
	if !ok {
		g.wrong("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	g.scope.usedValues = append(g.scope.usedValues, t.text)
	return constant{t.text, v}
}

// call is a function call that has been read but not yet judged.
type call struct {
	name string
	args []operand
}

// arguments parses what follows a function's name.
func (g *grammar) arguments(argument func() operand) []operand {
	g.expect("(")
	args := []operand{}
	for g.syntax == nil {
		args = append(args, argument())
		if g.symbol(")") {
			break
		}
		g.expect(",")
	}
	return args
}

// wantArgs checks a call's number of arguments.
func (g *grammar) wantArgs(c call, n int) bool {
	if g.syntax != nil {
		return false
	}
	if len(c.args) != n {
		g.wrong("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", c.name, len(c.args))
		return false
	}
	return true
}

// wantKind refuses constants of other kinds than those given.
func (g *grammar) wantKind(operator string, o operand, kinds ...kind) {
	if c, ok := o.(constant); ok && c.value.kind != kindNone && !slices.Contains(kinds, c.value.kind) {
		g.wrong("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, c.value.kind)
	}
}

// parseProjection parses a list of paths, none of which may lie within another.
func parseProjection(src string, s *scope) ([]path, error) {
	g := newGrammar("ProjectionExpression", src, s)
	paths := []path{g.path()}
	for g.symbol(",") {
		paths = append(paths, g.path())
	}
	g.checkOverlap(paths)
	return paths, g.finish()
}

// checkOverlap refuses paths of which one is, or lies within, another, and
// paths that take the same place for a map and for a list.
func (g *grammar) checkOverlap(paths []path) {
	for i, p := range paths {
		for _, q := range paths[:i] {
			n := 0
			for n < len(p) && n < len(q) && p[n] == q[n] {
				n++
			}
			switch {
			case n == len(p) || n == len(q):
				g.wrong("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", q, p)
			case n > 0 && (p[n].name == "") != (q[n].name == ""):
				g.wrong("Two document paths conflict with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", q, p)
			}
		}
	}
}

// project returns the parts of an item that lie on the paths. Elements taken
// from a list keep their order and close up.
func project(it item, paths []path) item {
	if allTopLevel(paths) {
		out := make(item, 0, len(paths))
		for _, a := range it {
			if slices.ContainsFunc(paths, func(p path) bool { return p[0].name == a.name }) {
				out = append(out, a)
			}
		}
		return out
	}
	out := item{}
	for _, a := range it {
		var below []path
		for _, p := range paths {
			if p[0].name == a.name {
				below = append(below, p[1:])
			}
		}
		if v, ok := projectValue(a.value, below); ok {
			out = append(out, attr{a.name, v})
		}
	}
	return out
}

func allTopLevel(paths []path) bool {
	return !slices.ContainsFunc(paths, func(p path) bool { return len(p) > 1 })
}

// projectValue reduces v to what lies on paths, which start below v.
func projectValue(v value, paths []path) (value, bool) {
	if slices.ContainsFunc(paths, func(p path) bool { return len(p) == 0 }) {
		return v, true
	}
	switch v.kind {
	case kindM:
		out := item{}
		for _, a := range v.attrs() {
			if child, ok := projectValue(a.value, below(paths, step{name: a.name})); ok {
				out = append(out, attr{a.name, child})
			}
		}
		return mapValue(out), len(out) > 0
	case kindL:
		out := []value{}
		for i, e := range v.list() {
			if child, ok := projectValue(e, below(paths, step{index: i})); ok {
				out = append(out, child)
			}
		}
		return listValue(kindL, out), len(out) > 0
	default:
		return value{}, false
	}
}

// below returns what remains of the paths that begin with s.
func below(paths []path, s step) []path {
	var out []path
	for _, p := range paths {
		if p[0] == s {
			out = append(out, p[1:])
		}
	}
	return out
}
