package dynamodb_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
)

const sampleItem = `{"pk":{"S":"a"},"s":{"S":"hello"},"n":{"N":"10"},"b":{"B":"AQID"},"t":{"BOOL":true},"z":{"NULL":true},
	"ss":{"SS":["x","y"]},"ns":{"NS":["1","2.5"]},"l":{"L":[{"N":"1"},{"S":"two"},{"M":{"k":{"S":"v"}}}]},"m":{"M":{"in":{"M":{"deep":{"N":"7"}}},"a.b":{"S":"dot"}}}}`

const sampleValues = `{":s":{"S":"hello"},":he":{"S":"he"},":n":{"N":"10"},":n9":{"N":"9"},":n11":{"N":"11"},":b":{"B":"AQID"},":b1":{"B":"AQ=="},
	":t":{"BOOL":true},":x":{"S":"x"},":two":{"S":"two"},":SS":{"S":"SS"},":25":{"N":"2.50"},":yx":{"SS":["y","x"]},":1":{"N":"1"},":2":{"N":"2"},":3":{"N":"3"},":7":{"N":"7"},":5":{"N":"5"}}`

// usedOnly keeps the substitutes that an expression refers to, because all
// others are refused.
func usedOnly(t testing.TB, all, expression string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(all), &m); err != nil {
		t.Fatal(err)
	}
	words := strings.FieldsFunc(expression, func(r rune) bool { return strings.ContainsRune(" (),=<>+-[].", r) })
	used := map[string]json.RawMessage{}
	for _, w := range words {
		if v, ok := m[w]; ok {
			used[w] = v
		}
	}
	if len(used) == 0 {
		return "null"
	}
	raw, err := json.Marshal(used)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func quote(t testing.TB, s string) string {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestConditions(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	putH(t, s, sampleItem)
	for expression, holds := range map[string]bool{
		"s = :s": true, "s <> :s": false, "n = :n": true, "n > :n9": true, "n < :n9": false, "n >= :n": true, "n <= :n9": false,
		"absent = :s": false, "absent <> :s": true, "NOT absent = :s": true, "n = :s": false, "n <> :s": true, "s > :n": false,
		"n BETWEEN :n9 AND :n11": true, "n between :n11 and :n11": false, "s IN (:he, :s)": true, "s IN (:he)": false,
		"attribute_exists(m.#in.deep)": true, "attribute_exists(m.deep)": false, "attribute_not_exists(l[3])": true, "attribute_not_exists(l[2].k)": false,
		"attribute_exists(m.#dot)": true, "attribute_type(ss, :SS)": true, "attribute_type(s, :SS)": false,
		"begins_with(s, :he)": true, "begins_with(b, :b1)": true, "begins_with(n, :he)": false, "contains(s, :he)": true, "contains(ss, :x)": true,
		"contains(ns, :25)": true, "contains(l, :two)": true, "contains(l, :x)": false, "contains(n, :1)": false,
		"size(s) = :5": true, "size(b) = :3": true, "size(ss) = :2": true, "size(l) = :3": true, "size(m) = :2": true, "size(n) = :2": false,
		"ss = :yx": true, "m.#in.deep = :7": true, "b = :b": true, "t = :t": true,
		"s = :he OR n = :n AND t = :t": true, "(s = :he OR n = :n) AND t <> :t": false, "NOT (s = :he) AND NOT n = :n9": true,
		"NOT s = :he AND n = :n9": false, ":n9 < n": true, "n = n2 OR s = :s": true, "(s) = :s": true,
	} {
		body := `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET touched = :touched","ConditionExpression":` + quote(t, expression) + `,
			"ExpressionAttributeNames":` + usedOnly(t, `{"#in":"in","#dot":"a.b"}`, expression) + `,
			"ExpressionAttributeValues":` + usedOnly(t, sampleValues[:len(sampleValues)-1]+`,":touched":{"BOOL":true}}`, expression+" :touched") + `}`
		_, err := send(t, s, "UpdateItem", body)
		switch {
		case err != nil && err.Code != "ConditionalCheckFailedException":
			t.Errorf("%s: %v", expression, err)
		case (err == nil) != holds:
			t.Errorf("%s held: %t, want %t", expression, err == nil, holds)
		}
	}
}

func TestExpressionsRefused(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	putH(t, s, sampleItem)
	for _, c := range []struct{ expression, names, values, message string }{
		{"", "", "", "Invalid ConditionExpression: The expression can not be empty;"},
		{"a = ", "", "", `Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "= "`},
		{"a = :v b", "", `{":v":{"S":"1"}}`, `Invalid ConditionExpression: Syntax error; token: "b", near: ":v b"`},
		{"a ! :v", "", `{":v":{"S":"1"}}`, `Invalid ConditionExpression: Syntax error; token: "!", near: "a ! :v"`},
		{"attribute_exists(status)", "", "", "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: status"},
		{"attribute_exists(#a)", "", "", "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #a"},
		{"a = :v", "", "", "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :v"},
		{"attribute_exists(a)", `{"#x":"x"}`, "", "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}"},
		{"attribute_exists(a)", "", `{":x":{"S":"x"}}`, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"},
		{"attribute_exists(a)", "{}", "", "ExpressionAttributeNames must not be empty"},
		{"attribute_exists(a)", `{"x":"x"}`, "", `ExpressionAttributeNames contains invalid key: Syntax error; key: "x"`},
		{"exists(a)", "", "", "Invalid ConditionExpression: Invalid function name; function: exists"},
		{"begins_with(a)", "", "", "Invalid ConditionExpression: Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1"},
		{"begins_with(a, :v)", "", `{":v":{"N":"1"}}`, "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"attribute_type(a, :v)", "", `{":v":{"S":"X"}}`, "Invalid ConditionExpression: Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
		{"size(a)", "", "", "Invalid ConditionExpression: The function is not allowed to be used this way in an expression; function: size"},
		{"attribute_exists(a) = :v", "", `{":v":{"S":"1"}}`, "Invalid ConditionExpression: The function is not allowed to be used this way in an expression; function: attribute_exists"},
		{"a < :v", "", `{":v":{"BOOL":true}}`, "Invalid ConditionExpression: Incorrect operand type for operator or function; operator: <, operand type: BOOL"},
		{"a = a", "", "", "Invalid ConditionExpression: The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]"},
		{"a BETWEEN :w AND :v", "", `{":v":{"N":"1"},":w":{"N":"2"}}`, "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}"},
		{"((a = :v))", "", `{":v":{"S":"1"}}`, "Invalid ConditionExpression: The expression has redundant parentheses;"},
		{"a", "", "", `Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "a"`},
		{"a = :v AND b", "", `{":v":{"S":"1"}}`, `Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "b"`},
	} {
		body := `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ConditionExpression":` + quote(t, c.expression)
		if c.names != "" {
			body += `,"ExpressionAttributeNames":` + c.names
		}
		if c.values != "" {
			body += `,"ExpressionAttributeValues":` + c.values
		}
		_, err := send(t, s, "DeleteItem", body+"}")
		if err == nil || err.Code != "ValidationException" || err.Message != c.message {
			t.Errorf("%q: got %v\nwant %s", c.expression, err, c.message)
		}
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ update, values, want string }{
		{"SET a = :v", `{":v":{"S":"1"}}`, `{"a":{"S":"1"}}`},
		{"SET n = n + :v, k = n", `{":v":{"N":"0.5"}}`, `{"n":{"N":"10.5"},"k":{"N":"10"}}`},
		{"SET n = :v - n", `{":v":{"N":"1"}}`, `{"n":{"N":"-9"}}`},
		{"SET n = if_not_exists(n, :v), q = if_not_exists(q, :v)", `{":v":{"N":"1"}}`, `{"n":{"N":"10"},"q":{"N":"1"}}`},
		{"SET q = if_not_exists(q, :v) + :v", `{":v":{"N":"1"}}`, `{"q":{"N":"2"}}`},
		{"SET li = list_append(li, :v)", `{":v":{"L":[{"N":"9"}]}}`, `{"li":{"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"N":"9"}]}}`},
		{"SET li[9] = :v, li[1] = :w, li[5] = :w", `{":v":{"S":"v"},":w":{"S":"w"}}`, `{"li":{"L":[{"N":"0"},{"S":"w"},{"N":"2"},{"S":"w"},{"S":"v"}]}}`},
		{"REMOVE li[0], li[2]", ``, `{"li":{"L":[{"N":"1"}]}}`},
		{"REMOVE li[0] SET li[1] = :v", `{":v":{"S":"v"}}`, `{"li":{"L":[{"S":"v"},{"N":"2"}]}}`},
		{"REMOVE li[3] SET li[7] = :v", `{":v":{"S":"v"}}`, `{"li":{"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"S":"v"}]}}`},
		{"SET m.x.y = :v REMOVE m.z", `{":v":{"S":"v"}}`, `{"m":{"M":{"x":{"M":{"y":{"S":"v"}}}}}}`},
		{"ADD n :v, nn :v, se :s, nse :s", `{":v":{"N":"2"},":s":{"SS":["b","c"]}}`, `{"n":{"N":"12"},"nn":{"N":"2"},"se":{"SS":["a","b","c"]},"nse":{"SS":["b","c"]}}`},
		{"DELETE se :s", `{":s":{"SS":["b","z"]}}`, `{"se":{"SS":["a"]}}`},
		{"DELETE se :s", `{":s":{"SS":["b","a"]}}`, `{}`},
		{"ADD n :v", `{":v":{"N":"0.0000000000000000000000000000000000001"}}`, "error: Attempting to store more than 38 significant digits in a Number"},
		{"SET a = b", ``, "error: The provided expression refers to an attribute that does not exist in the item"},
		{"SET a = n + s", ``, "error: An operand in the update expression has an incorrect data type"},
		{"SET q.r = :v", `{":v":{"S":"v"}}`, "error: The document path provided in the update expression is invalid for update"},
		{"SET s.r = :v", `{":v":{"S":"v"}}`, "error: The document path provided in the update expression is invalid for update"},
		{"REMOVE q.r", ``, "error: The document path provided in the update expression is invalid for update"},
		{"SET m.x = :v, m = :v", `{":v":{"S":"v"}}`, "error: Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m]"},
		{"SET m.x = :v, m[0] = :v", `{":v":{"S":"v"}}`, "error: Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m, [0]]"},
		{"SET a = :v SET b = :v", `{":v":{"S":"v"}}`, `error: Invalid UpdateExpression: The "SET" section can only be used once in an update expression;`},
		{"ADD a :v", `{":v":{"S":"v"}}`, "error: Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"},
		{"SET pk = :v", `{":v":{"S":"v"}}`, "error: One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"},
	} {
		s := newTables(t, dynamodb.Options{})
		putH(t, s, `{"pk":{"S":"a"},"s":{"S":"s"},"n":{"N":"10"},"li":{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]},"se":{"SS":["a","b"]},"m":{"M":{"x":{"M":{"y":{"N":"1"}}},"z":{"N":"3"}}}}`)
		body := `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ReturnValues":"ALL_NEW","UpdateExpression":` + quote(t, c.update)
		if c.values != "" {
			body += `,"ExpressionAttributeValues":` + c.values
		}
		out, err := send(t, s, "UpdateItem", body+"}")
		if message, ok := strings.CutPrefix(c.want, "error: "); ok {
			if err == nil || err.Code != "ValidationException" || err.Message != message {
				t.Errorf("%s: got %v, %v\nwant %s", c.update, out, err, message)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.update, err)
			continue
		}
		got := out["Attributes"].(map[string]any)
		expected := parseJSON(t, c.want)
		for name, v := range map[string]string{
			"pk": `{"S":"a"}`, "s": `{"S":"s"}`, "n": `{"N":"10"}`, "li": `{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]}`,
			"se": `{"SS":["a","b"]}`, "m": `{"M":{"x":{"M":{"y":{"N":"1"}}},"z":{"N":"3"}}}`,
		} {
			if _, changed := expected[name]; !changed && (name != "se" || c.want != "{}") {
				expected[name] = parseJSON(t, v)
			}
		}
		raw, _ := json.Marshal(expected)
		want(t, c.update, got, string(raw))
	}
}

func TestUpdateReturnValues(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	for _, c := range []struct{ values, want string }{
		{"NONE", `{}`},
		{"ALL_OLD", `{"Attributes":{"pk":{"S":"a"},"m":{"M":{"x":{"N":"1"},"y":{"N":"2"}}}}}`},
		{"UPDATED_OLD", `{"Attributes":{"m":{"M":{"x":{"N":"1"}}}}}`},
		{"UPDATED_NEW", `{"Attributes":{"m":{"M":{"x":{"N":"5"}}},"k":{"N":"5"}}}`},
		{"ALL_NEW", `{"Attributes":{"pk":{"S":"a"},"m":{"M":{"x":{"N":"5"},"y":{"N":"2"}}},"k":{"N":"5"}}}`},
	} {
		putH(t, s, `{"pk":{"S":"a"},"m":{"M":{"x":{"N":"1"},"y":{"N":"2"}}}}`)
		got := must(t, s, "UpdateItem", `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET m.x = :v, k = :v","ExpressionAttributeValues":{":v":{"N":"5.0"}},"ReturnValues":"`+c.values+`"}`)
		want(t, c.values, got, c.want)
	}
}

func TestProjection(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	putH(t, s, sampleItem)
	got := must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ProjectionExpression":"l[2].k, l[0], m.#i, nothing, n","ExpressionAttributeNames":{"#i":"in"}}`)
	want(t, "projection", got, `{"Item":{"l":{"L":[{"N":"1"},{"M":{"k":{"S":"v"}}}]},"m":{"M":{"in":{"M":{"deep":{"N":"7"}}}}},"n":{"N":"10"}}}`)
}

func FuzzExpressions(f *testing.F) {
	for _, seed := range []string{
		"a = :v", "SET a = :v + b REMOVE c[0] ADD d :v DELETE e :v", "attribute_exists(a.b[1]) AND NOT (size(#n) > :v OR contains(a, :v))",
		"a BETWEEN :v AND :v", "a IN (:v, b)", "((((", "NOT NOT NOT", "SET a = list_append(if_not_exists(a, :v), :v)", "a.b[0].c, #n", "[", "a[99999999999999999999]", "\xff\x80",
		"begins_with(size(a), :v)", "SET a = ((:v))", ":v = :v", "size(a) AND", "attribute_exists()",
	} {
		f.Add(seed)
	}
	s := newTables(f, dynamodb.Options{})
	putH(f, s, sampleItem)
	f.Fuzz(func(t *testing.T, src string) {
		text := quote(t, src)
		rest := `"ExpressionAttributeNames":{"#n":"n"},"ExpressionAttributeValues":{":v":{"N":"1"}}}`
		for operation, body := range map[string]string{
			"UpdateItem": `{"TableName":"hhh","Key":{"pk":{"S":"fuzz"}},"UpdateExpression":` + text + `,` + rest,
			"DeleteItem": `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ConditionExpression":` + text + `,` + rest,
			"GetItem":    `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ProjectionExpression":` + text + `,"ExpressionAttributeNames":{"#n":"n"}}`,
			"Query":      `{"TableName":"ccc","KeyConditionExpression":` + text + `,` + rest,
			"Scan":       `{"TableName":"hhh","FilterExpression":` + text + `,` + rest,
		} {
			_, err := send(t, s, operation, body)
			if err != nil && err.Code != "ValidationException" && err.Code != "ConditionalCheckFailedException" {
				t.Errorf("%s %q: %v", operation, src, err)
			}
		}
		putH(t, s, sampleItem)
	})
}
