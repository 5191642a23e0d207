package dynamodb

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// updating is a case that updates an item and returns all of it.
func updating(name, expression string, values item) parity.Case {
	return on(simple(), "UpdateItem", name, func(b *bench) {
		b.put(item{
			"pk": "a", "n": 5, "t": "text", "ss": ss{"x", "y"}, "ns": ns{"1", "2"}, "l": list{"zero", 1, item{"k": "two"}}, "m": item{"k": "v", "d": item{"e": 7}},
		})
		in := &sdk.UpdateItemInput{Key: av(item{"pk": "a"}), UpdateExpression: s(expression), ReturnValues: types.ReturnValueAllNew}
		if values != nil {
			in.ExpressionAttributeValues = av(values)
		}
		b.call("update", in)
	})
}

func updates() []parity.Case {
	return []parity.Case{
		updating("set", "SET v = :v, n = :n", item{":v": "new", ":n": 6}),
		updating("set-and-remove", "SET v = :v REMOVE t, absent", item{":v": 1}),
		updating("lower-case-clauses", "set v = :v remove t", item{":v": 1}),
		updating("swap", "SET n = t, t = n", nil),
		updating("increment", "SET n = n + :one", item{":one": 1}),
		updating("decrement", "SET n = n - :six", item{":six": 6}),
		updating("decrement-of-nothing", "SET absent = absent - :one", item{":one": 1}),
		updating("two-sums-and-an-addition", "SET n = n + :back, c = n + :more ADD d :more", item{":back": 3, ":more": 2}),
		updating("attribute-from-one-that-goes", "SET c = t REMOVE t, absent", nil),
		updating("add-to-two-numbers-and-set", "SET t = :t ADD n :v, c :v, ss :s", item{":t": "new", ":v": 2, ":s": ss{"y", "z"}}),
		updating("decrement-a-constant", "SET n = :ten - n", item{":ten": 10}),
		updating("sum-in-parentheses", "SET n = (n + :one)", item{":one": 1}),
		updating("three-summands", "SET n = n + :one + :one", item{":one": 1}),
		updating("increment-exactly", "SET n = :a + :b", item{":a": num("0.1"), ":b": num("0.2")}),
		updating("increment-of-nothing", "SET absent = absent + :one", item{":one": 1}),
		updating("increment-of-text", "SET t = t + :one", item{":one": 1}),
		updating("if-not-exists-there", "SET n = if_not_exists(n, :zero) + :one", item{":zero": 0, ":one": 1}),
		updating("if-not-exists-missing", "SET c = if_not_exists(c, :zero) + :one", item{":zero": 0, ":one": 1}),
		updating("if-not-exists-of-another-path", "SET c = if_not_exists(m.k, :zero)", item{":zero": 0}),
		updating("if-not-exists-nested", "SET c = if_not_exists(c, if_not_exists(d, :zero))", item{":zero": 0}),
		updating("list-append", "SET l = list_append(l, :l)", item{":l": list{"last"}}),
		updating("list-append-in-front", "SET l = list_append(:l, l)", item{":l": list{"first"}}),
		updating("list-append-to-nothing", "SET c = list_append(if_not_exists(c, :none), :l)", item{":none": list{}, ":l": list{1}}),
		updating("list-append-to-text", "SET t = list_append(t, :l)", item{":l": list{1}}),
		updating("list-element", "SET l[1] = :v", item{":v": "one"}),
		updating("list-elements-beyond-the-end", "SET l[9] = :nine, l[7] = :seven", item{":nine": 9, ":seven": 7}),
		updating("list-remove-several", "REMOVE l[0], l[2]", nil),
		updating("list-set-and-remove", "SET l[0] = :v REMOVE l[1]", item{":v": "new"}),
		updating("map-member", "SET m.d.f = :v, m.k = :v REMOVE m.d.e", item{":v": 8}),
		updating("map-member-of-nothing", "SET c.d = :v", item{":v": 8}),
		updating("map-member-of-text", "SET t.d = :v", item{":v": 8}),
		updating("list-element-of-map", "SET m[0] = :v", item{":v": 8}),
		updating("remove-below-nothing", "REMOVE c.d", nil),
		updating("remove-beyond-a-list", "REMOVE l[9]", nil),
		updating("add-to-number", "ADD n :v", item{":v": num("-7.5")}),
		updating("add-to-nothing", "ADD c :v, cs :s", item{":v": 3, ":s": ss{"x"}}),
		updating("add-to-set", "ADD ss :s", item{":s": ss{"y", "z"}}),
		updating("add-to-number-set", "ADD ns :s", item{":s": ns{"2.0", "3"}}),
		updating("add-set-to-number", "ADD n :s", item{":s": ss{"y"}}),
		updating("add-number-to-text", "ADD t :v", item{":v": 1}),
		updating("add-below-a-path", "ADD m.d.e :v", item{":v": 1}),
		updating("add-beyond-38-digits", "ADD n :v", item{":v": num("1e40")}),
		updating("delete-from-set", "DELETE ss :s", item{":s": ss{"y", "z"}}),
		updating("delete-all-of-a-set", "DELETE ss :s", item{":s": ss{"x", "y"}}),
		updating("delete-from-nothing", "DELETE c :s", item{":s": ss{"x"}}),
		updating("delete-of-another-type", "DELETE ss :s", item{":s": ns{"1"}}),
		updating("all-clauses", "SET v = :v REMOVE t ADD n :v DELETE ss :s", item{":v": 1, ":s": ss{"x"}}),
		on(simple(), "UpdateItem", "makes-an-item", func(b *bench) {
			b.call("update", &sdk.UpdateItemInput{
				Key: av(item{"pk": "new"}), UpdateExpression: s("SET v = :v"), ExpressionAttributeValues: av(item{":v": 1}), ReturnValues: types.ReturnValueAllOld,
			})
			b.stored(item{"pk": "new"})
		}),
		on(simple(), "UpdateItem", "without-expression", func(b *bench) {
			b.call("update", &sdk.UpdateItemInput{Key: av(item{"pk": "new"}), ReturnValues: types.ReturnValueAllNew})
			b.stored(item{"pk": "new"})
		}),
		on(simple(), "UpdateItem", "condition-keeps-it-from-making-one", func(b *bench) {
			b.call("update", &sdk.UpdateItemInput{
				Key: av(item{"pk": "new"}), UpdateExpression: s("SET v = :v"), ExpressionAttributeValues: av(item{":v": 1}),
				ConditionExpression: s("attribute_exists(pk)"), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			})
			b.stored(item{"pk": "new"})
		}),
		on(simple(), "UpdateItem", "condition-fails-all-old", func(b *bench) {
			b.put(item{"pk": "a", "n": 5})
			b.call("update", &sdk.UpdateItemInput{
				Key: av(item{"pk": "a"}), UpdateExpression: s("ADD n :one"), ExpressionAttributeValues: av(item{":one": 1, ":max": 5}),
				ConditionExpression: s("n < :max"), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			})
		}),
		// As leases, states and counters are changed: with names, under a condition
		// on what they name.
		on(simple(), "UpdateItem", "names-under-a-condition", func(b *bench) {
			b.put(item{"pk": "a", "status": "open", "p_hunter": 1})
			in := &sdk.UpdateItemInput{
				Key: av(item{"pk": "a"}), UpdateExpression: s("SET #status = :to, #out = #status REMOVE #gone ADD #p :one"),
				ConditionExpression:                 s("#status IN (:open, :held) AND attribute_not_exists(#gone)"),
				ExpressionAttributeNames:            map[string]string{"#status": "status", "#out": "out_1", "#gone": "lease", "#p": "p_hunter"},
				ExpressionAttributeValues:           av(item{":to": "closed", ":open": "open", ":held": "held", ":one": 1}),
				ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			}
			b.call("first", in)
			b.call("again", in)
			b.stored(item{"pk": "a"})
			in.ExpressionAttributeNames = map[string]string{"#status": "status", "#out": "out_1", "#gone": "lease", "#p": "p_hunter", "#unused": "x"}
			b.call("a name too many", in)
		}),
		on(indexed(), "UpdateItem", "leaves-and-enters-indexes", func(b *bench) {
			b.put(item{"pk": "a", "sk": "1", "g": "one", "n": 1})
			key := av(item{"pk": "a", "sk": "1"})
			b.do(&sdk.UpdateItemInput{Key: key, UpdateExpression: s("SET g = :g REMOVE n"), ExpressionAttributeValues: av(item{":g": "two"})})
			for _, index := range []string{"all", "keys"} {
				b.call(index, &sdk.ScanInput{IndexName: s(index)})
			}
		}),
	}
}

func returnValues() []parity.Case {
	var cases []parity.Case
	for _, kind := range []types.ReturnValue{"NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"} {
		update := func(name, key string) parity.Case {
			return on(simple(), "UpdateItem", name+"-"+string(kind), func(b *bench) {
				b.put(item{"pk": "a", "v": 1, "m": item{"k": 1, "other": 2}, "l": list{"x", "y"}, "gone": 1})
				b.call("update", &sdk.UpdateItemInput{
					Key: av(item{"pk": key}), UpdateExpression: s("SET v = :v, fresh = :v REMOVE gone"), ExpressionAttributeValues: av(item{":v": 9}), ReturnValues: kind,
				})
			})
		}
		cases = append(cases, update("returns", "a"), update("of-nothing-returns", "b"))
	}
	nested := func(kind types.ReturnValue) parity.Case {
		return on(simple(), "UpdateItem", "nested-returns-"+string(kind), func(b *bench) {
			b.put(item{"pk": "a", "m": item{"k": 1, "other": 2}, "l": list{"x", "y"}})
			b.call("update", &sdk.UpdateItemInput{
				Key: av(item{"pk": "a"}), UpdateExpression: s("SET m.k = :v, l[1] = :v"), ExpressionAttributeValues: av(item{":v": 9}), ReturnValues: kind,
			})
		})
	}
	return append(cases, nested(types.ReturnValueUpdatedOld), nested(types.ReturnValueUpdatedNew))
}

func refusedUpdates() []parity.Case {
	v := item{":v": 1}
	return []parity.Case{
		updating("refuses-a-key", "SET pk = :v", item{":v": "b"}),
		updating("refuses-to-remove-a-key", "REMOVE pk", nil),
		updating("refuses-overlap", "SET m.k = :v, m = :v", v),
		updating("refuses-one-path-twice", "SET n = :v REMOVE n", v),
		updating("refuses-a-clause-twice", "SET n = :v SET v = :v", v),
		updating("refuses-an-empty-expression", "", nil),
		updating("refuses-an-unknown-clause", "PUT n = :v", v),
		updating("refuses-a-reserved-word", "SET name = :v", v),
		updating("refuses-an-unknown-function", "SET n = plus(n, :v)", v),
		updating("refuses-a-function-of-conditions", "SET n = size(t)", nil),
		updating("refuses-one-operand-of-two", "SET n = if_not_exists(n)", nil),
		updating("refuses-if-not-exists-of-a-value", "SET n = if_not_exists(:v, :v)", v),
		updating("refuses-a-product", "SET n = n * :v", v),
		updating("refuses-add-of-text", "ADD n :v", item{":v": "x"}),
		updating("refuses-add-of-a-path", "ADD n n", nil),
		updating("refuses-add-of-a-list", "ADD l :v", item{":v": list{1}}),
		updating("refuses-delete-of-a-number", "DELETE ns :v", v),
		updating("refuses-sum-with-text", "SET n = n + :v", item{":v": "x"}),
		updating("refuses-list-append-of-text", "SET l = list_append(l, :v)", item{":v": "x"}),
		updating("refuses-a-trailing-comma", "SET n = :v,", v),
		updating("refuses-an-empty-set", "SET v = :v", item{":v": ss{}}),
		updating("refuses-a-negative-index", "REMOVE l[-1]", nil),
		on(simple(), "UpdateItem", "refuses-legacy-and-expression", func(b *bench) {
			b.call("update", &sdk.UpdateItemInput{
				Key: av(item{"pk": "a"}), UpdateExpression: s("SET v = :v"), ExpressionAttributeValues: av(v),
				AttributeUpdates: map[string]types.AttributeValueUpdate{"w": {Value: value(1)}},
			})
		}),
		on(indexed(), "UpdateItem", "refuses-index-key-of-another-type", func(b *bench) {
			b.call("update", &sdk.UpdateItemInput{Key: av(item{"pk": "a", "sk": "1"}), UpdateExpression: s("SET g = :v"), ExpressionAttributeValues: av(v)})
		}),
		on(indexed(), "UpdateItem", "refuses-an-empty-index-key", func(b *bench) {
			b.call("update", &sdk.UpdateItemInput{Key: av(item{"pk": "a", "sk": "1"}), UpdateExpression: s("SET g = :v"), ExpressionAttributeValues: av(item{":v": ""})})
		}),
	}
}
