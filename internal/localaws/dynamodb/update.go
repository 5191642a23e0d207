package dynamodb

import (
	"cmp"
	"slices"
	"strings"
)

// updateExpression is a parsed update: the actions in the order in which they
// are applied, which is not the order in which they are written.
type updateExpression struct {
	actions []action
}

// action is one action of a clause. The value is nil for REMOVE.
type action struct {
	clause string // SET, REMOVE, ADD or DELETE
	path   path
	value  computed
}

// computed is the right side of a SET, or the operand of ADD and DELETE.
type computed interface {
	compute(it item) (value, error)
}

type (
	arithmetic struct {
		left, right computed
		subtract    bool
	}
	ifNotExists struct {
		path      path
		otherwise computed
	}
	listAppend struct{ left, right computed }
	stored     struct{ path path }
)

func (c constant) compute(item) (value, error) { return c.value, nil }

func (s stored) compute(it item) (value, error) {
	v, ok := s.path.resolve(it)
	if !ok {
		return value{}, invalid("The provided expression refers to an attribute that does not exist in the item")
	}
	return v, nil
}

func (c ifNotExists) compute(it item) (value, error) {
	if v, ok := c.path.resolve(it); ok {
		return v, nil
	}
	return c.otherwise.compute(it)
}

func (c listAppend) compute(it item) (value, error) {
	left, right, err := computePair(it, c.left, c.right, kindL)
	if err != nil {
		return value{}, err
	}
	return listValue(kindL, slices.Concat(left.list(), right.list())), nil
}

func (c arithmetic) compute(it item) (value, error) {
	left, right, err := computePair(it, c.left, c.right, kindN)
	if err != nil {
		return value{}, err
	}
	sum, err := addNumbers(left.str, right.str, c.subtract)
	return value{kind: kindN, str: sum}, err
}

func computePair(it item, left, right computed, want kind) (a, b value, err error) {
	if a, err = left.compute(it); err != nil {
		return a, b, err
	}
	if b, err = right.compute(it); err != nil {
		return a, b, err
	}
	if a.kind != want || b.kind != want {
		return a, b, invalid("An operand in the update expression has an incorrect data type")
	}
	return a, b, nil
}

// parseUpdate parses an update expression.
func parseUpdate(src string, s *scope) (*updateExpression, error) {
	g := newGrammar("UpdateExpression", src, s)
	u := &updateExpression{}
	seen := map[string]bool{}
	for g.peek().kind != tokenEnd {
		t := g.peek()
		clause := strings.ToUpper(t.text)
		if t.kind != tokenWord || !slices.Contains([]string{"SET", "REMOVE", "ADD", "DELETE"}, clause) {
			g.fail()
			break
		}
		g.advance()
		if seen[clause] {
			g.wrong("The \"%s\" section can only be used once in an update expression;", clause)
		}
		seen[clause] = true
		for g.syntax == nil {
			u.actions = append(u.actions, g.action(clause))
			if !g.symbol(",") {
				break
			}
		}
	}
	paths := make([]path, len(u.actions))
	for i, a := range u.actions {
		paths[i] = a.path
	}
	g.checkOverlap(paths)
	slices.SortStableFunc(u.actions, applyOrder)
	return u, g.finish()
}

// applyOrder puts SETs of list elements in ascending order, because elements
// set beyond a list's end are appended in the order of their indexes, and
// REMOVEs last and descending, so that none shifts what another refers to.
func applyOrder(a, b action) int {
	if order := cmp.Compare(clauseRank(a.clause), clauseRank(b.clause)); order != 0 {
		return order
	}
	order := slices.CompareFunc(a.path, b.path, func(s, t step) int {
		return cmp.Or(strings.Compare(s.name, t.name), cmp.Compare(s.index, t.index))
	})
	if a.clause == "REMOVE" {
		return -order
	}
	return order
}

func clauseRank(clause string) int {
	if clause == "REMOVE" {
		return 1
	}
	return 0
}

func (g *grammar) action(clause string) action {
	a := action{clause: clause, path: g.path()}
	switch clause {
	case "SET":
		g.expect("=")
		a.value = g.sum()
	case "ADD", "DELETE":
		if g.peek().kind != tokenValue {
			g.fail()
			return a
		}
		c := g.constant()
		allowed := []kind{kindSS, kindNS, kindBS}
		set := "ALLOWED_FOR_DELETE_OPERAND"
		if clause == "ADD" {
			allowed, set = append(allowed, kindN), "ALLOWED_FOR_ADD_OPERAND"
		}
		if c.value.kind != kindNone && !slices.Contains(allowed, c.value.kind) {
			g.wrong("Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: %s", clause, kindTitles[c.value.kind], set)
		}
		a.value = c
	}
	return a
}

// sum parses a SET's right side: an operand, or two with + or - between.
func (g *grammar) sum() computed {
	left := g.updateOperand()
	operator := g.peek().text
	if !g.symbol("+") && !g.symbol("-") {
		return left
	}
	right := g.updateOperand()
	g.wantComputed(operator, left, kindN)
	g.wantComputed(operator, right, kindN)
	return arithmetic{left, right, operator == "-"}
}

func (g *grammar) wantComputed(operator string, c computed, k kind) {
	if o, ok := c.(constant); ok {
		g.wantKind(operator, o, k)
	}
}

func (g *grammar) updateOperand() computed {
	t := g.peek()
	switch {
	case t.kind == tokenValue:
		return g.constant()
	case t.kind == tokenSymbol && t.text == "(":
		g.enter()
		g.advance()
		c := g.sum()
		g.leave()
		g.expect(")")
		return c
	case t.kind == tokenWord && g.tokens[g.i+1].text == "(":
		return g.updateFunction()
	default:
		return stored{g.path()}
	}
}

func (g *grammar) updateFunction() computed {
	name := g.advance().text
	g.enter()
	var args []computed
	g.expect("(")
	for g.syntax == nil {
		args = append(args, g.updateOperand())
		if g.symbol(")") {
			break
		}
		g.expect(",")
	}
	g.leave()
	if g.syntax != nil {
		return constant{}
	}
	if name != "if_not_exists" && name != "list_append" {
		g.wrong("Invalid function name; function: %s", name)
		return constant{}
	}
	if len(args) != 2 {
		g.wrong("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(args))
		return constant{}
	}
	if name == "list_append" {
		g.wantComputed(name, args[0], kindL)
		g.wantComputed(name, args[1], kindL)
		return listAppend{args[0], args[1]}
	}
	s, ok := args[0].(stored)
	if !ok {
		g.wrong("Operator or function requires a document path; operator or function: if_not_exists")
		return constant{}
	}
	return ifNotExists{s.path, args[1]}
}

// apply returns the item after the update. All values are computed from the
// item as it was.
func (u *updateExpression) apply(before item) (item, error) {
	after := before
	for _, a := range u.actions {
		var err error
		if after, err = a.apply(before, after); err != nil {
			return nil, err
		}
	}
	return after, nil
}

func (a action) apply(before, after item) (item, error) {
	if a.clause == "REMOVE" {
		if len(a.path) > 1 {
			if _, ok := a.path[:len(a.path)-1].resolve(before); !ok {
				return nil, badPath()
			}
		}
		if _, ok := a.path.resolve(before); !ok {
			return after, nil
		}
		return removeAt(after, a.path), nil
	}
	v, err := a.value.compute(before)
	if err != nil {
		return nil, err
	}
	old, exists := a.path.resolve(before)
	switch a.clause {
	case "ADD":
		v, err = added(old, exists, v)
	case "DELETE":
		if !exists {
			return after, nil
		}
		if v, err = reduced(old, v); err == nil && len(v.list()) == 0 {
			return removeAt(after, a.path), nil
		}
	}
	if err != nil {
		return nil, err
	}
	return storeAt(after, a.path, v)
}

// added is ADD: a sum, or a union of sets.
func added(old value, exists bool, v value) (value, error) {
	if !exists {
		return v, nil
	}
	if old.kind != v.kind {
		return value{}, invalid("An operand in the update expression has an incorrect data type")
	}
	if v.kind == kindN {
		sum, err := addNumbers(old.str, v.str, false)
		return value{kind: kindN, str: sum}, err
	}
	union := slices.Clone(old.list())
	for _, e := range v.list() {
		if !containsValue(old.list(), e) {
			union = append(union, e)
		}
	}
	return listValue(v.kind, union), nil
}

// reduced is DELETE: a difference of sets.
func reduced(old, v value) (value, error) {
	if old.kind != v.kind {
		return value{}, invalid("An operand in the update expression has an incorrect data type")
	}
	rest := []value{}
	for _, e := range old.list() {
		if !containsValue(v.list(), e) {
			rest = append(rest, e)
		}
	}
	return listValue(v.kind, rest), nil
}

func badPath() error {
	return invalid("The document path provided in the update expression is invalid for update")
}

// storeAt returns a copy of the item with v at the path, whose parent exists.
func storeAt(it item, p path, v value) (item, error) {
	if len(p) > 1 {
		parent, ok := it.lookup(p[0].name)
		if !ok {
			return nil, badPath()
		}
		var err error
		if v, err = storeIn(parent, p[1:], v); err != nil {
			return nil, err
		}
	}
	return it.with(p[0].name, v), nil
}

func storeIn(parent value, p path, v value) (value, error) {
	s := p[0]
	if s.name != "" {
		if parent.kind != kindM {
			return value{}, badPath()
		}
		attrs, err := storeAt(parent.attrs(), p, v)
		return mapValue(attrs), err
	}
	if parent.kind != kindL {
		return value{}, badPath()
	}
	list := slices.Clone(parent.list())
	if s.index >= len(list) {
		if len(p) > 1 {
			return value{}, badPath()
		}
		return listValue(kindL, append(list, v)), nil
	}
	if len(p) > 1 {
		var err error
		if v, err = storeIn(list[s.index], p[1:], v); err != nil {
			return value{}, err
		}
	}
	list[s.index] = v
	return listValue(kindL, list), nil
}

// removeAt returns a copy of the item without what is at the path, which
// exists.
func removeAt(it item, p path) item {
	if len(p) == 1 {
		return it.without(p[0].name)
	}
	parent, _ := it.lookup(p[0].name)
	return it.with(p[0].name, removeIn(parent, p[1:]))
}

func removeIn(parent value, p path) value {
	s := p[0]
	if parent.kind == kindM {
		return mapValue(removeAt(parent.attrs(), p))
	}
	list := slices.Clone(parent.list())
	if len(p) == 1 {
		return listValue(kindL, slices.Delete(list, s.index, s.index+1))
	}
	list[s.index] = removeIn(list[s.index], p[1:])
	return listValue(kindL, list)
}
