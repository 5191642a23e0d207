package dynamodb

// keyRange is what a key condition selects: the records between two positions.
type keyRange struct {
	start, end position
}

// includes reports whether a record lies in the range.
func (k *keyRange) includes(r *record) bool {
	e := entry{r.hash, r}
	return !k.start.before(e) && k.end.before(e)
}

// keyTest is one condition of a key condition expression: on one attribute,
// by constants.
type keyTest struct {
	name      string
	op        string // a comparison operator, BETWEEN or begins_with
	low, high value
}

// keyTests takes a key condition apart. AWS allows tests joined by AND only.
func keyTests(c condition) ([]keyTest, error) {
	switch c := c.(type) {
	case conjunction:
		left, err := keyTests(c.left)
		if err != nil {
			return nil, err
		}
		right, err := keyTests(c.right)
		return append(left, right...), err
	case comparison:
		if c.op == "<>" {
			return nil, badKeyOperator("<>")
		}
		if p, ok := c.left.(path); ok {
			return keyTestOf(p, c.op, c.right)
		}
		if p, ok := c.right.(path); ok { // :v = name, written the other way round
			return keyTestOf(p, map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}[c.op], c.left)
		}
		return nil, badKeyOperator("size")
	case between:
		p, ok := c.x.(path)
		if !ok {
			return nil, badKeyOperator("BETWEEN")
		}
		return keyTestOf(p, "BETWEEN", c.low, c.high)
	case function:
		p, ok := c.args[0].(path)
		if c.name != "begins_with" || !ok {
			return nil, badKeyOperator(c.name)
		}
		return keyTestOf(p, c.name, c.args[1])
	case disjunction:
		return nil, badKeyOperator("OR")
	case negation:
		return nil, badKeyOperator("NOT")
	default:
		return nil, badKeyOperator("IN")
	}
}

func badKeyOperator(op string) error {
	return invalid("Invalid operator used in KeyConditionExpression: %s", op)
}

func keyTestOf(p path, op string, operands ...operand) ([]keyTest, error) {
	if len(p) > 1 {
		return nil, invalid("Invalid KeyConditionExpression: KeyConditionExpressions cannot contain nested operations")
	}
	test := keyTest{name: p[0].name, op: op}
	for i, o := range operands {
		c, ok := o.(constant)
		if !ok {
			return nil, invalid("Invalid KeyConditionExpression: a key can only be compared with a value; key: %s", test.name)
		}
		if i == 0 {
			test.low = c.value
		} else {
			test.high = c.value
		}
	}
	return []keyTest{test}, nil
}

// newKeyRange checks a key condition against a key schema.
func newKeyRange(c condition, keys keySchema) (*keyRange, error) {
	tests, err := keyTests(c)
	if err != nil {
		return nil, err
	}
	var onPart, onSort *keyTest
	for i := range tests {
		test := &tests[i]
		slot := &onSort
		if test.name == keys.part {
			slot = &onPart
		}
		if *slot != nil {
			if (*slot).name == test.name {
				return nil, invalid("KeyConditionExpressions must only contain one condition per key")
			}
			return nil, missedKey(keys, onPart)
		}
		*slot = test
	}
	switch {
	case onPart == nil || onSort != nil && (keys.sort == "" || onSort.name != keys.sort):
		return nil, missedKey(keys, onPart)
	case onPart.op != "=":
		return nil, invalid("Query key condition not supported")
	}
	if err := onPart.checkKind(keys.partKind); err != nil {
		return nil, err
	}
	k := &keyRange{}
	part := onPart.low.sortable()
	k.start = position{hash: hashOf(part), part: part, depth: 2}
	k.end = k.start
	k.end.after = true
	if onSort == nil {
		return k, nil
	}
	if err := onSort.checkKind(keys.sortKind); err != nil {
		return nil, err
	}
	k.narrow(onSort)
	return k, nil
}

func missedKey(keys keySchema, onPart *keyTest) error {
	name := keys.part
	if onPart != nil && keys.sort != "" {
		name = keys.sort
	}
	if onPart != nil && keys.sort == "" {
		return invalid("Query key condition not supported")
	}
	return invalid("Query condition missed key schema element: %s", name)
}

func (test *keyTest) checkKind(want kind) error {
	for _, v := range []value{test.low, test.high} {
		if v.kind == kindNone {
			continue
		}
		if v.kind != want || test.op == "begins_with" && want == kindN {
			return badParameter("Condition parameter type does not match schema type")
		}
		if v.kind != kindN && v.str == "" && test.op != "begins_with" {
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", test.name)
		}
	}
	return nil
}

// narrow applies a condition on the sort key.
func (k *keyRange) narrow(test *keyTest) {
	at := func(v value, after bool) position {
		q := k.start
		q.depth, q.after, q.sort = 3, after, v.sortable()
		return q
	}
	start, end := k.start, k.end
	switch test.op {
	case "=":
		start, end = at(test.low, false), at(test.low, true)
	case "<":
		end = at(test.low, false)
	case "<=":
		end = at(test.low, true)
	case ">":
		start = at(test.low, true)
	case ">=":
		start = at(test.low, false)
	case "BETWEEN":
		start, end = at(test.low, false), at(test.high, true)
	default: // begins_with
		start = at(test.low, false)
		if next := afterPrefix(test.low.str); next != "" {
			end = at(value{kind: kindB, str: next}, false)
		}
	}
	k.start, k.end = start, end
}

// afterPrefix returns the least string greater than all that begin with
// prefix, empty if there is none.
func afterPrefix(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xFF {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// mentioned calls yield with the first element of each path in a condition.
func mentioned(c condition, yield func(name string)) {
	var inOperand func(o operand)
	inOperand = func(o operand) {
		switch o := o.(type) {
		case path:
			yield(o[0].name)
		case sizeOf:
			inOperand(o.of)
		case callOperand:
			if s, ok := o.judged.(sizeOf); ok {
				inOperand(s)
			}
		}
	}
	switch c := c.(type) {
	case conjunction:
		mentioned(c.left, yield)
		mentioned(c.right, yield)
	case disjunction:
		mentioned(c.left, yield)
		mentioned(c.right, yield)
	case negation:
		mentioned(c.x, yield)
	case comparison:
		inOperand(c.left)
		inOperand(c.right)
	case between:
		inOperand(c.x)
		inOperand(c.low)
		inOperand(c.high)
	case in:
		inOperand(c.x)
		for _, o := range c.list {
			inOperand(o)
		}
	case function:
		for _, o := range c.args {
			inOperand(o)
		}
	}
}
