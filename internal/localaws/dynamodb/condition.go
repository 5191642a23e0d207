package dynamodb

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// operand is something with a value: a path, a constant, or size(path).
type operand interface {
	resolve(it item) (value, bool)
}

// condition is a node of a parsed condition.
type condition interface {
	holds(it item) bool
}

type (
	comparison struct {
		op          string
		left, right operand
	}
	between struct{ x, low, high operand }
	in      struct {
		x    operand
		list []operand
	}
	conjunction struct{ left, right condition }
	disjunction struct{ left, right condition }
	negation    struct{ x condition }
	function    struct {
		name string
		args []operand
	}
	sizeOf struct{ of operand }
)

func (c comparison) holds(it item) bool {
	left, okLeft := c.left.resolve(it)
	right, okRight := c.right.resolve(it)
	switch c.op {
	case "=":
		return okLeft && okRight && left.equal(right)
	case "<>":
		return !(okLeft && okRight && left.equal(right))
	}
	if !okLeft || !okRight {
		return false
	}
	order, ok := left.compare(right)
	return ok && compares(c.op, order)
}

// compares reports whether a pair in this order satisfies an order operator.
func compares(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default: // >=
		return order >= 0
	}
}

func (c between) holds(it item) bool {
	return comparison{">=", c.x, c.low}.holds(it) && comparison{"<=", c.x, c.high}.holds(it)
}

func (c in) holds(it item) bool {
	for _, o := range c.list {
		if (comparison{"=", c.x, o}).holds(it) {
			return true
		}
	}
	return false
}

func (c conjunction) holds(it item) bool { return c.left.holds(it) && c.right.holds(it) }
func (c disjunction) holds(it item) bool { return c.left.holds(it) || c.right.holds(it) }
func (c negation) holds(it item) bool    { return !c.x.holds(it) }

func (c function) holds(it item) bool {
	v, ok := c.args[0].resolve(it)
	switch c.name {
	case "attribute_exists":
		return ok
	case "attribute_not_exists":
		return !ok
	}
	arg, okArg := c.args[1].resolve(it)
	if !ok || !okArg {
		return false
	}
	switch c.name {
	case "attribute_type":
		return v.kind.String() == arg.str
	case "begins_with":
		return v.kind == arg.kind && (v.kind == kindS || v.kind == kindB) && strings.HasPrefix(v.str, arg.str)
	default: // contains
		switch v.kind {
		case kindS, kindB:
			return v.kind == arg.kind && strings.Contains(v.str, arg.str)
		default:
			return containsValue(v.list(), arg)
		}
	}
}

// resolve gives the size of what has one: DynamoDB Developer Guide, "size
// (path)", read November 2026.
func (s sizeOf) resolve(it item) (value, bool) {
	v, ok := s.of.resolve(it)
	if !ok {
		return value{}, false
	}
	var n int
	switch v.kind {
	case kindS:
		n = utf8.RuneCountInString(v.str)
	case kindB:
		n = len(v.str)
	case kindM:
		n = len(v.attrs())
	case kindSS, kindNS, kindBS, kindL:
		n = len(v.list())
	default:
		return value{}, false
	}
	return value{kind: kindN, str: fmt.Sprint(n)}, true
}

// term is what a parenthesis may hold: a condition or a bare operand.
type term struct {
	cond   condition
	bare   operand
	parens bool
}

// conditions parses conditions, counting operators.
type conditions struct {
	*grammar
	operators int
}

// parseCondition parses a condition, filter or key condition expression; what
// is the request's member.
func parseCondition(what, src string, s *scope) (condition, error) {
	g := &conditions{grammar: newGrammar(what, src, s)}
	t := g.either()
	if t.cond == nil {
		g.fail()
	}
	if g.operators > maxOperators {
		g.wrong("The expression contains too many operators; operator count: %d", g.operators)
	}
	return t.cond, g.finish()
}

func (g *conditions) either() term {
	t := g.both()
	for g.isKeyword("OR") && g.isCondition(t) {
		g.advance()
		g.operators++
		right := g.both()
		g.isCondition(right)
		t = term{cond: disjunction{t.cond, right.cond}}
	}
	return t
}

func (g *conditions) both() term {
	t := g.unary()
	for g.isKeyword("AND") && g.isCondition(t) {
		g.advance()
		g.operators++
		right := g.unary()
		g.isCondition(right)
		t = term{cond: conjunction{t.cond, right.cond}}
	}
	return t
}

// isCondition fails at the current token if t is a bare operand.
func (g *conditions) isCondition(t term) bool {
	if t.cond == nil {
		g.fail()
	}
	return t.cond != nil
}

func (g *conditions) unary() term {
	if !g.keyword("NOT") {
		return g.primary()
	}
	g.operators++
	g.enter()
	t := g.unary()
	g.leave()
	g.isCondition(t)
	return term{cond: negation{t.cond}}
}

func (g *conditions) primary() term {
	if !g.symbol("(") {
		return g.relation(g.operand())
	}
	g.enter()
	t := g.either()
	g.leave()
	g.expect(")")
	if t.parens {
		g.wrong("The expression has redundant parentheses;")
	}
	if t.bare != nil {
		t = g.relation(t.bare)
		t.parens = t.bare != nil
		return t
	}
	return term{cond: t.cond, parens: true}
}

// operandInside parses an operand that may stand in parentheses.
func (g *conditions) operandInside() operand {
	if !g.symbol("(") {
		return g.operand()
	}
	g.enter()
	o := g.operandInside()
	g.leave()
	g.expect(")")
	return o
}

// operand parses a path, a constant or a call.
func (g *conditions) operand() operand {
	t := g.peek()
	if t.kind == tokenValue {
		return g.constant()
	}
	if t.kind == tokenWord && g.tokens[g.i+1].text == "(" {
		g.advance()
		return callOperand{g.judge(call{t.text, g.arguments(g.operandInside)})}
	}
	return g.path()
}

// callOperand is a call where an operand may stand: size(path) has a value,
// the other functions are conditions.
type callOperand struct{ judged any }

func (c callOperand) resolve(it item) (value, bool) {
	if s, ok := c.judged.(sizeOf); ok {
		return s.resolve(it)
	}
	return value{}, false
}

// judge turns a call into a sizeOf or a function.
func (g *conditions) judge(c call) any {
	g.operators++
	for _, arg := range c.args {
		if inner, ok := arg.(callOperand); ok {
			if _, isSize := inner.judged.(sizeOf); !isSize || c.name != "contains" && c.name != "begins_with" {
				g.wrong("The function is not allowed to be used this way in an expression; function: %s", innerName(inner))
			}
		}
	}
	switch c.name {
	case "size", "attribute_exists", "attribute_not_exists":
		if g.wantArgs(c, 1) {
			g.wantPath(c)
			if c.name == "size" {
				return sizeOf{c.args[0]}
			}
		}
	case "attribute_type", "begins_with", "contains":
		if g.wantArgs(c, 2) {
			g.judgeSecond(c)
		}
	default:
		g.wrong("Invalid function name; function: %s", c.name)
	}
	return function(c)
}

func innerName(c callOperand) string {
	if f, ok := c.judged.(function); ok {
		return f.name
	}
	return "size"
}

func (g *conditions) wantPath(c call) {
	if _, ok := c.args[0].(path); !ok {
		g.wrong("Operator or function requires a document path; operator or function: %s", c.name)
	}
}

func (g *conditions) judgeSecond(c call) {
	switch c.name {
	case "attribute_type":
		g.wantPath(c)
		kindName, ok := c.args[1].(constant)
		if !ok {
			g.wrong("Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {PATH}")
			return
		}
		g.wantKind(c.name, kindName, kindS)
		if kindName.value.kind == kindS && kindNamed(kindName.value.str) == kindNone {
			g.wrong("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", kindName.value.str)
		}
	case "begins_with":
		g.wantKind(c.name, c.args[0], kindS, kindB)
		g.wantKind(c.name, c.args[1], kindS, kindB)
	}
	g.distinct(c.name, c.args[0], c.args[1])
}

// distinct refuses a comparison of a path with itself.
func (g *conditions) distinct(operator string, first operand, rest ...operand) {
	p, ok := first.(path)
	if !ok {
		return
	}
	for _, o := range rest {
		if q, ok := o.(path); ok && p.String() == q.String() {
			g.wrong("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", operator, p)
		}
	}
}

// value checks that an operand of a comparison has a value.
func (g *conditions) value(o operand) operand {
	if c, ok := o.(callOperand); ok {
		if f, ok := c.judged.(function); ok {
			g.wrong("The function is not allowed to be used this way in an expression; function: %s", f.name)
		}
	}
	return o
}

// relation parses what may follow an operand: a comparison, BETWEEN, IN, or,
// after a function, nothing.
func (g *conditions) relation(x operand) term {
	switch t := g.peek(); {
	case t.kind == tokenSymbol && strings.Contains(" = <> < <= > >= ", " "+t.text+" "):
		g.advance()
		g.operators++
		right := g.value(g.operandInside())
		g.value(x)
		g.distinct(t.text, x, right)
		if t.text != "=" && t.text != "<>" {
			g.wantOrdered(t.text, x, right)
		}
		return term{cond: comparison{t.text, x, right}}
	case g.keyword("BETWEEN"):
		g.operators++
		low := g.value(g.operandInside())
		if !g.keyword("AND") {
			g.fail()
		}
		high := g.value(g.operandInside())
		g.value(x)
		g.distinct("BETWEEN", x, low, high)
		g.wantOrdered("BETWEEN", x, low, high)
		g.checkBounds(low, high)
		return term{cond: between{x, low, high}}
	case g.keyword("IN"):
		g.operators++
		list := g.arguments(func() operand { return g.value(g.operandInside()) })
		g.value(x)
		g.distinct("IN", x, list...)
		if len(list) > maxInOperands {
			g.wrong("Invalid number of operands for IN; number of operands: %d", len(list))
		}
		return term{cond: in{x, list}}
	}
	if c, ok := x.(callOperand); ok {
		if f, ok := c.judged.(function); ok {
			return term{cond: f}
		}
		if g.peek().text != ")" {
			g.wrong("The function is not allowed to be used this way in an expression; function: size")
			return term{cond: function{name: "size"}}
		}
	}
	return term{bare: x}
}

// wantOrdered refuses constants of kinds that have no order.
func (g *conditions) wantOrdered(operator string, operands ...operand) {
	for _, o := range operands {
		if c, ok := o.(constant); ok && c.value.kind > kindB {
			g.wrong("Incorrect operand type for operator or function; operator: %s, operand type: %s", operator, c.value.kind)
		}
	}
}

func (g *conditions) checkBounds(low, high operand) {
	a, okLow := low.(constant)
	b, okHigh := high.(constant)
	if !okLow || !okHigh || a.value.kind == kindNone || b.value.kind == kindNone {
		return
	}
	order, ok := a.value.compare(b.value)
	switch {
	case a.value.kind != b.value.kind:
		g.wrong("The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s", shown(a.value), shown(b.value))
	case ok && order > 0:
		g.wrong("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s", shown(a.value), shown(b.value))
	}
}

// shown writes a value as AWS's messages do: {N:5}.
func shown(v value) string { return fmt.Sprintf("{%s:%s}", v.kind, v.str) }
