package dynamodb

import (
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func puts() []parity.Case {
	return []parity.Case{
		on(simple(), "PutItem", "new", func(b *bench) {
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a", "v": 1}), ReturnValues: types.ReturnValueAllOld})
			b.stored(item{"pk": "a"})
		}),
		on(simple(), "PutItem", "replaces-the-whole-item", func(b *bench) {
			b.put(item{"pk": "a", "v": 1, "w": 2})
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a", "v": 3}), ReturnValues: types.ReturnValueAllOld})
			b.stored(item{"pk": "a"})
		}),
		on(simple(), "PutItem", "all-new-is-refused", func(b *bench) {
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a"}), ReturnValues: types.ReturnValueAllNew})
		}),
		on(simple(), "PutItem", "unknown-return-values", func(b *bench) {
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a"}), ReturnValues: "SOME"})
		}),
		on(simple(), "PutItem", "missing-table", func(b *bench) {
			b.call("put", &sdk.PutItemInput{TableName: s(b.Name("other")), Item: av(item{"pk": "a"})})
		}),
		on(simple(), "PutItem", "condition-fails", func(b *bench) {
			b.put(item{"pk": "a", "v": 1})
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a", "v": 2}), ConditionExpression: s("attribute_not_exists(pk)")})
			b.stored(item{"pk": "a"})
		}),
		on(simple(), "PutItem", "condition-fails-all-old", func(b *bench) {
			b.put(item{"pk": "a", "v": 1})
			b.call("put", &sdk.PutItemInput{
				Item: av(item{"pk": "a", "v": 2}), ConditionExpression: s("attribute_not_exists(pk)"),
				ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			})
		}),
		on(simple(), "PutItem", "condition-fails-on-nothing-all-old", func(b *bench) {
			b.call("put", &sdk.PutItemInput{
				Item: av(item{"pk": "a"}), ConditionExpression: s("attribute_exists(pk)"),
				ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			})
			b.stored(item{"pk": "a"})
		}),
		on(simple(), "PutItem", "legacy-and-expression", func(b *bench) {
			b.call("put", &sdk.PutItemInput{
				Item: av(item{"pk": "a"}), ConditionExpression: s("attribute_not_exists(pk)"),
				Expected: map[string]types.ExpectedAttributeValue{"pk": {Value: value("a")}},
			})
		}),
		on(indexed(), "PutItem", "collection-metrics", func(b *bench) {
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a", "sk": "1"}), ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize})
		}),
		on(simple(), "PutItem", "collection-metrics-without-local-index", func(b *bench) {
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a"}), ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize})
		}),
	}
}

func gets() []parity.Case {
	get := func(name string, in sdk.GetItemInput) parity.Case {
		return on(simple(), "GetItem", name, func(b *bench) {
			b.put(item{"pk": "a", "v": 1, "l": list{"x", "y", list{"z"}}, "m": item{"k": item{"d": true}, "other": 2}, "a-b": "dash"})
			in := in
			if in.Key == nil {
				in.Key = av(item{"pk": "a"})
			}
			b.call("get", &in)
		})
	}
	return []parity.Case{
		get("all", sdk.GetItemInput{}),
		get("nothing", sdk.GetItemInput{Key: av(item{"pk": "b"})}),
		get("projection", sdk.GetItemInput{ProjectionExpression: s("pk, m.k.d, absent")}),
		get("projection-of-nothing-present", sdk.GetItemInput{ProjectionExpression: s("absent")}),
		get("projection-of-list-elements", sdk.GetItemInput{ProjectionExpression: s("l[2][0], l[0]")}),
		get("projection-beyond-a-list", sdk.GetItemInput{ProjectionExpression: s("l[9], m.k")}),
		get("projection-by-name", sdk.GetItemInput{ProjectionExpression: s("#d"), ExpressionAttributeNames: map[string]string{"#d": "a-b"}}),
		get("projection-with-a-dash", sdk.GetItemInput{ProjectionExpression: s("a-b")}),
		get("projection-reserved-word", sdk.GetItemInput{ProjectionExpression: s("pk, status")}),
		get("projection-overlap", sdk.GetItemInput{ProjectionExpression: s("m, m.k")}),
		get("projection-conflict", sdk.GetItemInput{ProjectionExpression: s("m.k, m[0]")}),
		get("projection-empty", sdk.GetItemInput{ProjectionExpression: s("")}),
		get("projection-trailing-comma", sdk.GetItemInput{ProjectionExpression: s("pk,")}),
		get("names-without-expression", sdk.GetItemInput{ExpressionAttributeNames: map[string]string{"#d": "a-b"}}),
		get("legacy-and-expression", sdk.GetItemInput{ProjectionExpression: s("pk"), AttributesToGet: []string{"v"}}),
		get("key-with-more", sdk.GetItemInput{Key: av(item{"pk": "a", "v": 1})}),
		get("key-of-another-name", sdk.GetItemInput{Key: av(item{"v": "a"})}),
		get("key-of-another-type", sdk.GetItemInput{Key: av(item{"pk": 1})}),
		get("key-empty", sdk.GetItemInput{Key: av(item{"pk": ""})}),
	}
}

func deletes() []parity.Case {
	remove := func(name string, in sdk.DeleteItemInput) parity.Case {
		return on(simple(), "DeleteItem", name, func(b *bench) {
			b.put(item{"pk": "a", "v": 1})
			in := in
			if in.Key == nil {
				in.Key = av(item{"pk": "a"})
			}
			b.call("delete", &in)
			b.stored(item{"pk": "a"})
		})
	}
	one := av(item{":v": 1})
	two := av(item{":v": 2})
	return []parity.Case{
		on(simple(), "DeleteItem", "names-under-a-condition", func(b *bench) {
			b.put(item{"pk": "a", "run": "r1", "chunk": "c1"})
			in := &sdk.DeleteItemInput{
				Key: av(item{"pk": "a"}), ConditionExpression: s("#run = :run AND #chunk = :chunk"), ExpressionAttributeNames: map[string]string{"#run": "run", "#chunk": "chunk"},
				ExpressionAttributeValues: av(item{":run": "r2", ":chunk": "c1"}),
			}
			b.call("of another run", in)
			in.ExpressionAttributeValues = av(item{":run": "r1", ":chunk": "c1"})
			b.call("of this run", in)
			b.call("again", in)
			b.stored(item{"pk": "a"})
		}),
		remove("all-old", sdk.DeleteItemInput{ReturnValues: types.ReturnValueAllOld}),
		remove("nothing-there", sdk.DeleteItemInput{Key: av(item{"pk": "b"}), ReturnValues: types.ReturnValueAllOld}),
		remove("condition-holds", sdk.DeleteItemInput{ConditionExpression: s("v = :v"), ExpressionAttributeValues: one}),
		remove("condition-fails", sdk.DeleteItemInput{ConditionExpression: s("v = :v"), ExpressionAttributeValues: two}),
		remove("condition-fails-all-old", sdk.DeleteItemInput{
			ConditionExpression: s("v = :v"), ExpressionAttributeValues: two,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}),
		remove("condition-on-nothing", sdk.DeleteItemInput{Key: av(item{"pk": "b"}), ConditionExpression: s("attribute_exists(pk)")}),
		remove("updated-new-is-refused", sdk.DeleteItemInput{ReturnValues: types.ReturnValueUpdatedNew}),
		remove("key-with-more", sdk.DeleteItemInput{Key: av(item{"pk": "a", "v": 1})}),
	}
}

// values are attribute values that an item may or may not hold.
func values() []parity.Case {
	holds := func(name string, v any) parity.Case {
		return putting(simple(), name, item{"pk": "a", "v": v}, item{"pk": "a"})
	}
	nested := func(levels int) any {
		var v any = "x"
		for range levels {
			v = item{"n": v}
		}
		return v
	}
	return []parity.Case{
		holds("string-empty", ""),
		holds("string-of-unicode", "\"\\\n\u2028\x01é😀"),
		holds("binary", []byte{0, 255, 10}),
		holds("binary-empty", []byte{}),
		holds("boolean-false", false),
		holds("null", null(true)),
		holds("null-false", null(false)),
		holds("list-empty", list{}),
		holds("list-mixed", list{"a", 1, null(true), list{}, item{"b": false}}),
		holds("map-empty", item{}),
		holds("map-with-an-empty-name", item{"": 1}),
		holds("string-set", ss{"b", "a"}),
		holds("string-set-empty", ss{}),
		holds("string-set-with-duplicates", ss{"a", "b", "a"}),
		holds("string-set-with-an-empty-string", ss{"", "a"}),
		holds("number-set", ns{"2", "1.0"}),
		holds("number-set-empty", ns{}),
		holds("number-set-with-equal-numbers", ns{"1", "1.0"}),
		holds("binary-set", bs{{2}, {1}}),
		holds("binary-set-empty", bs{}),
		holds("binary-set-with-duplicates", bs{{1}, {1}}),
		holds("nested-32", nested(32)),
		holds("nested-33", nested(33)),
		putting(simple(), "attribute-name-empty", item{"pk": "a", "": 1}, item{"pk": "a"}),
	}
}

// keys are key values that an item may or may not have.
func keys() []parity.Case {
	long := func(n int) string { return strings.Repeat("k", n) }
	put := func(schema sdk.CreateTableInput, name string, it item) parity.Case {
		return on(schema, "PutItem", name, func(b *bench) { b.call("put", &sdk.PutItemInput{Item: av(it)}) })
	}
	return []parity.Case{
		put(simple(), "key-missing", item{"v": 1}),
		put(simple(), "key-of-another-type", item{"pk": 1}),
		put(simple(), "key-null", item{"pk": null(true)}),
		put(simple(), "key-empty", item{"pk": ""}),
		put(sorted("S"), "sort-key-missing", item{"pk": "a"}),
		put(sorted("S"), "sort-key-empty", item{"pk": "a", "sk": ""}),
		put(sorted("B"), "sort-key-empty-binary", item{"pk": "a", "sk": []byte{}}),
		putting(sorted("B"), "sort-key-of-zero-bytes", item{"pk": "a", "sk": []byte{0, 0}}, item{"pk": "a", "sk": []byte{0, 0}}),
		put(simple(), "key-of-2048-bytes", item{"pk": long(2048)}),
		put(simple(), "key-of-2049-bytes", item{"pk": long(2049)}),
		put(sorted("S"), "sort-key-of-1024-bytes", item{"pk": "a", "sk": long(1024)}),
		put(sorted("S"), "sort-key-of-1025-bytes", item{"pk": "a", "sk": long(1025)}),
		put(indexed(), "index-key-of-another-type", item{"pk": "a", "sk": "1", "g": 1}),
		put(indexed(), "index-key-empty", item{"pk": "a", "sk": "1", "g": ""}),
		put(indexed(), "index-key-null", item{"pk": "a", "sk": "1", "g": null(true)}),
		put(indexed(), "index-key-of-2049-bytes", item{"pk": "a", "sk": "1", "g": long(2049)}),
		put(indexed(), "local-index-key-empty", item{"pk": "a", "sk": "1", "l": ""}),
	}
}

// sizes are items around the limit of 400 KiB, counted with names.
func sizes() []parity.Case {
	const fits = 400<<10 - len("pk") - len("a") - len("v")
	text := func(n int) string { return strings.Repeat("x", n) }
	put := func(name string, v any) parity.Case {
		return on(simple(), "PutItem", name, func(b *bench) {
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a", "v": v})})
		})
	}
	return []parity.Case{
		put("400-KiB", text(fits)),
		put("400-KiB-and-a-byte", text(fits+1)),
		put("400-KiB-of-binary", []byte(text(fits))),
		put("400-KiB-in-a-list", list{text(fits - 3 - 1)}), // 3 for the list, 1 for its element
		put("400-KiB-and-a-byte-in-a-list", list{text(fits - 3)}),
		on(simple(), "UpdateItem", "grows-beyond-400-KiB", func(b *bench) {
			b.put(item{"pk": "a", "v": text(fits)})
			b.call("update", &sdk.UpdateItemInput{Key: av(item{"pk": "a"}), UpdateExpression: s("SET w = :w"), ExpressionAttributeValues: av(item{":w": 1})})
		}),
	}
}

// numbers are numbers as clients write them.
func numbers() []parity.Case {
	var cases []parity.Case
	for _, c := range []struct{ name, text string }{
		{"integer", "42"},
		{"negative", "-1.5"},
		{"trailing-zeros", "1.500"},
		{"leading-zeros", "007"},
		{"minus-zero", "-0"},
		{"no-whole-part", ".5"},
		{"no-fraction", "5."},
		{"exponent", "1.5e3"},
		{"exponent-with-plus", "1E+2"},
		{"negative-exponent", "25e-3"},
		{"38-digits", "12345678901234567890123456789012345678"},
		{"39-digits", "123456789012345678901234567890123456789"},
		{"38-digits-of-a-fraction", "0.12345678901234567890123456789012345678"},
		{"38-digits-and-zeros", "12345678901234567890123456789012345678000"},
		{"39-digits-of-a-fraction", "1.12345678901234567890123456789012345678"},
		{"largest", "9.9999999999999999999999999999999999999E+125"},
		{"too-large", "1e126"},
		{"smallest", "1E-130"},
		{"too-small", "1e-131"},
		{"least", "-9.9999999999999999999999999999999999999E+125"},
		{"less-than-least", "-1e126"},
		{"letters", "abc"},
		{"empty", ""},
		{"blank", " 1"},
		{"hexadecimal", "0x10"},
		{"underscore", "1_000"},
		{"not-a-number", "NaN"},
		{"infinity", "Infinity"},
		{"two-points", "1.2.3"},
		{"bare-sign", "-"},
		{"bare-exponent", "1e"},
	} {
		cases = append(cases, putting(simple(), "number-"+c.name, item{"pk": "a", "n": num(c.text)}, item{"pk": "a"}))
	}
	return append(cases, putting(sorted("N"), "number-key-in-another-form", item{"pk": "a", "sk": num("1.50")}, item{"pk": "a", "sk": num("15e-1")}))
}
