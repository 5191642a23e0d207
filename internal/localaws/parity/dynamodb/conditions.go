package dynamodb

import (
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// account is what conditions are about.
func account() item {
	return item{
		"pk": "a", "n": 5, "t": "text", "u": "é😀", "w": "abÿ", "b": []byte{1, 2, 3}, "yes": true, "nil": null(true), "ss": ss{"x", "y"}, "ns": ns{"1", "2"},
		"bs": bs{{1}, {2}}, "l": list{"zero", 1, item{"k": "two"}}, "m": item{"k": "v", "d": item{"e": 7}}, "a-b": "dash", "name": "reserved",
	}
}

// deciding is a case that puts an account under a condition on the stored one.
func deciding(name, expression string, values item) parity.Case {
	return on(simple(), "PutItem", "condition-"+name, func(b *bench) {
		b.put(account())
		in := &sdk.PutItemInput{Item: av(account()), ConditionExpression: s(expression)}
		if values != nil {
			in.ExpressionAttributeValues = av(values)
		}
		b.call(expression, in)
	})
}

// conditions hold, except those whose name begins with "not".
func conditions() []parity.Case {
	return []parity.Case{
		deciding("equal", "n = :v", item{":v": num("5.0")}),
		deciding("not-equal-type", "n = :v", item{":v": "5"}),
		deciding("unequal", "n <> :v", item{":v": 6}),
		deciding("unequal-of-another-type", "n <> :v", item{":v": "5"}),
		deciding("unequal-of-a-missing-attribute", "absent <> :v", item{":v": 1}),
		deciding("not-equal-of-a-missing-attribute", "absent = :v", item{":v": 1}),
		deciding("not-less-of-a-missing-attribute", "absent < :v", item{":v": 1}),
		deciding("not-less-of-another-type", "t < :v", item{":v": 1}),
		deciding("less", "n < :v", item{":v": 6}),
		deciding("less-or-equal", "n <= :v", item{":v": 5}),
		deciding("value-first", ":v > n", item{":v": 6}),
		deciding("two-paths", "n < m.d.e", nil),
		deciding("numbers-as-numbers", "n < :v", item{":v": 10}),
		deciding("strings-by-bytes", "t > :v", item{":v": "TEXT"}),
		deciding("strings-beyond-the-basic-plane", "u > :v", item{":v": "é\uffff"}),
		deciding("binary-by-bytes", "b < :v", item{":v": []byte{1, 2, 255}}),
		deciding("between", "n BETWEEN :low AND :high", item{":low": 5, ":high": 5}),
		deciding("between-and-and", "n BETWEEN :low AND :high AND t = :t", item{":low": 1, ":high": 9, ":t": "text"}),
		deciding("in", "n IN (:a, :b)", item{":a": 4, ":b": 5}),
		deciding("not-in-other-types", "n IN (:a)", item{":a": "5"}),
		deciding("exists", "attribute_exists(m.d.e) AND attribute_exists(l[2].k)", nil),
		deciding("exists-null", "attribute_exists(nil)", nil),
		deciding("not-exists", "attribute_not_exists(m.x) AND attribute_not_exists(l[3]) AND attribute_not_exists(t.x)", nil),
		deciding("type", "attribute_type(m, :m) AND attribute_type(ss, :ss) AND attribute_type(nil, :null)", item{":m": "M", ":ss": "SS", ":null": "NULL"}),
		deciding("not-type", "attribute_type(n, :s)", item{":s": "S"}),
		deciding("begins-with", "begins_with(t, :p)", item{":p": "te"}),
		deciding("begins-with-empty", "begins_with(t, :p)", item{":p": ""}),
		deciding("begins-with-binary", "begins_with(b, :p)", item{":p": []byte{1}}),
		deciding("not-begins-with-number-attribute", "begins_with(n, :p)", item{":p": "5"}),
		deciding("contains-text", "contains(t, :p)", item{":p": "ex"}),
		deciding("contains-binary", "contains(b, :p)", item{":p": []byte{2, 3}}),
		deciding("contains-set-element", "contains(ss, :p) AND contains(ns, :n) AND contains(bs, :b)", item{":p": "x", ":n": num("2.0"), ":b": []byte{1}}),
		deciding("contains-list-element", "contains(l, :p) AND contains(l, :m)", item{":p": "zero", ":m": item{"k": "two"}}),
		deciding("not-contains-in-a-number", "contains(n, :p)", item{":p": 5}),
		deciding("not-contains-part-of-a-list", "contains(l, :p)", item{":p": "ze"}),
		deciding("size-of-text-in-characters", "size(t) = :four AND size(w) = :three", item{":four": 4, ":three": 3}),
		deciding("size-of-binary", "size(b) = :three", item{":three": 3}),
		deciding("size-of-collections", "size(l) = :three AND size(m) = :two AND size(ss) = :two", item{":three": 3, ":two": 2}),
		deciding("not-size-of-number", "size(n) >= :zero", item{":zero": 0}),
		deciding("not-size-of-a-missing-attribute", "size(absent) >= :zero", item{":zero": 0}),
		deciding("size-compared-with-size", "size(l) > size(m)", nil),
		deciding("sets-without-order", "ss = :s", item{":s": ss{"y", "x"}}),
		deciding("not-lists-in-another-order", "l = :l", item{":l": list{1, "zero", item{"k": "two"}}}),
		deciding("maps-by-content", "m = :m", item{":m": item{"d": item{"e": num("7.0")}, "k": "v"}}),
		deciding("booleans", "yes = :v", item{":v": true}),
		deciding("precedence-of-and-over-or", "n = :five OR n = :six AND n = :six", item{":five": 5, ":six": 6}),
		deciding("precedence-of-not", "NOT n = :six AND n = :five", item{":five": 5, ":six": 6}),
		deciding("parentheses", "NOT (n = :six OR n = :seven)", item{":six": 6, ":seven": 7}),
		deciding("lower-case-keywords", "not n = :six and (n between :five and :six or n in (:six))", item{":five": 5, ":six": 6}),
		deciding("of-values-only", ":was = :none AND :more >= :none", item{":was": 0, ":none": 0, ":more": 7}),
		deciding("not-of-values-only", ":was = :none OR :none >= :more", item{":was": 1, ":none": 0, ":more": 7}),
		deciding("missing-or-begins-otherwise", "attribute_not_exists(absent) OR NOT begins_with(absent, :p)", item{":p": "te"}),
		deciding("not-there-and-begins-so", "attribute_not_exists(t) OR NOT begins_with(t, :p)", item{":p": "te"}),
		deciding("missing-or-the-version", "attribute_not_exists(pk) AND :was = :none OR n = :was", item{":was": 5, ":none": 0}),
		deciding("free-or-mine", "attribute_not_exists(absent) AND (attribute_not_exists(n) OR n < :now OR t = :me)", item{":now": 4, ":me": "text"}),
		deciding("not-free-nor-mine", "attribute_not_exists(absent) AND (attribute_not_exists(n) OR n < :now OR t = :me)", item{":now": 4, ":me": "you"}),
		deciding("white-space", "\n( n=:v )\tAND\r\nt<>:v", item{":v": 5}),
	}
}

func refusedConditions() []parity.Case {
	v := item{":v": 1}
	return []parity.Case{
		deciding("refused-empty", "", nil),
		deciding("refused-blank", "  ", nil),
		deciding("refused-operand-only", "n", nil),
		deciding("refused-value-only", ":v", v),
		deciding("refused-missing-operand", "n =", nil),
		deciding("refused-unbalanced", "(n = :v", v),
		deciding("refused-redundant-parentheses", "((n = :v))", v),
		deciding("refused-double-equals", "n == :v", v),
		deciding("refused-not-equal-sign", "n != :v", v),
		deciding("refused-chain", "n = :v = :v", v),
		deciding("refused-literal", "n = 1", nil),
		deciding("refused-quoted-literal", "t = 'text'", nil),
		deciding("refused-dash", "a-b = :v", v),
		deciding("refused-reserved-word", "name = :v", v),
		deciding("refused-reserved-word-in-capitals", "STATUS = :v", v),
		deciding("refused-reserved-word-in-a-path", "m.name = :v", v),
		deciding("refused-function-in-capitals", "ATTRIBUTE_EXISTS(n)", nil),
		deciding("refused-unknown-function", "starts_with(t, :v)", v),
		deciding("refused-size-as-condition", "size(t)", nil),
		deciding("refused-function-as-operand", "attribute_exists(n) = :v", v),
		deciding("refused-exists-of-a-value", "attribute_exists(:v)", v),
		deciding("refused-exists-of-two", "attribute_exists(n, t)", nil),
		deciding("refused-begins-with-of-a-number", "begins_with(t, :v)", v),
		deciding("refused-begins-with-of-one", "begins_with(t)", nil),
		deciding("refused-unknown-type", "attribute_type(n, :v)", item{":v": "X"}),
		deciding("refused-type-of-a-number", "attribute_type(n, :v)", v),
		deciding("refused-less-than-a-boolean", "n < :v", item{":v": true}),
		deciding("refused-less-than-a-list", "n < :v", item{":v": list{1}}),
		deciding("refused-between-reversed", "n BETWEEN :high AND :low", item{":low": 1, ":high": 9}),
		deciding("refused-between-two-types", "n BETWEEN :low AND :high", item{":low": 1, ":high": "9"}),
		deciding("refused-between-null", "n BETWEEN :low AND :high", item{":low": null(true), ":high": null(true)}),
		deciding("refused-path-with-itself", "n = n", nil),
		deciding("refused-in-without-list", "n IN ()", nil),
		deciding("refused-update-function", "if_not_exists(n, :v) = :v", v),
		deciding("refused-index-by-value", "l[:v] = :v", v),
		deciding("refused-two-conditions", "n = :v t = :v", v),
		manyOperators("300-operators", 300),
		manyOperators("refused-301-operators", 301),
		inList("in-100", 100),
		inList("refused-in-101", 101),
		quiet("4096-bytes", padded(4096), item{":v": 5}),
		quiet("refused-4097-bytes", padded(4097), item{":v": 5}),
	}
}

// padded is a condition of so many bytes.
func padded(n int) string {
	const condition = "n = :v"
	return condition + strings.Repeat(" ", n-len(condition))
}

// manyOperators counts as DynamoDB does: each = and each OR is one.
func manyOperators(name string, n int) parity.Case {
	parts := make([]string, (n+1)/2)
	for i := range parts {
		parts[i] = "n=:v"
	}
	expression := strings.Join(parts, " OR ")
	if n%2 == 0 {
		expression = "NOT " + expression
	}
	return quiet(name, expression, item{":v": 5})
}

func inList(name string, n int) parity.Case {
	values, names := item{}, make([]string, n)
	for i := range names {
		names[i] = ":v" + strings.Repeat("x", i)[:i%10] + string(rune('a'+i/10))
		values[names[i]] = i
	}
	return quiet(name, "n IN ("+strings.Join(names, ",")+")", values)
}

// quiet is deciding for expressions that are too long to be noted.
func quiet(name, expression string, values item) parity.Case {
	return on(simple(), "PutItem", "condition-"+name, func(b *bench) {
		b.put(account())
		b.call("put", &sdk.PutItemInput{Item: av(account()), ConditionExpression: s(expression), ExpressionAttributeValues: av(values)})
	})
}

// substitutes are names and values that stand for others in expressions.
func substitutes() []parity.Case {
	put := func(name, expression string, names map[string]string, values item) parity.Case {
		return on(simple(), "PutItem", "substitutes-"+name, func(b *bench) {
			b.put(account())
			in := &sdk.PutItemInput{Item: av(account()), ExpressionAttributeNames: names}
			if expression != "" {
				in.ConditionExpression = s(expression)
			}
			if values != nil {
				in.ExpressionAttributeValues = av(values)
			}
			b.call("put", in)
		})
	}
	v := item{":v": 5}
	return []parity.Case{
		put("for-names", "#name = :v AND #d = :d", map[string]string{"#name": "name", "#d": "a-b"}, item{":v": "reserved", ":d": "dash"}),
		put("for-a-name-with-a-point", "attribute_not_exists(#p)", map[string]string{"#p": "m.k"}, nil),
		put("for-a-part-of-a-path", "m.#d.e = :v", map[string]string{"#d": "d"}, item{":v": 7}),
		put("with-digits", "#1 = :2", map[string]string{"#1": "n"}, item{":2": 5}),
		put("name-undefined", "#x = :v", nil, v),
		put("name-unused", "n = :v", map[string]string{"#x": "n"}, v),
		put("value-undefined", "n = :x", nil, v),
		put("value-unused", "n = :v", nil, item{":v": 5, ":x": 1}),
		put("names-empty", "n = :v", map[string]string{}, v),
		put("values-empty", "attribute_exists(n)", nil, item{}),
		put("name-without-mark", "n = :v", map[string]string{"x": "n"}, v),
		put("name-with-a-dash", "#a-b = :v", map[string]string{"#a-b": "n"}, v),
		put("name-for-nothing", "#x = :v", map[string]string{"#x": ""}, v),
		put("value-without-mark", "n = :v", nil, item{"v": 5}),
		put("without-expression", "", nil, v),
		put("bare-mark", "# = :v", map[string]string{"#": "n"}, v),
	}
}
