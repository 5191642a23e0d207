package dynamodb

import (
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// act is an action of a transaction on the case's table.
type act func(b *bench) types.TransactWriteItem

func txPut(it item, condition string) act {
	return func(b *bench) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: b.table, Item: av(it), ConditionExpression: optional(condition)}}
	}
}

func txDelete(key item, condition string) act {
	return func(b *bench) types.TransactWriteItem {
		return types.TransactWriteItem{Delete: &types.Delete{TableName: b.table, Key: av(key), ConditionExpression: optional(condition)}}
	}
}

func txCheck(key item, condition string) act {
	return func(b *bench) types.TransactWriteItem {
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: b.table, Key: av(key), ConditionExpression: &condition,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}}
	}
}

func txUpdate(key item, expression string, values item) act {
	return func(b *bench) types.TransactWriteItem {
		u := &types.Update{TableName: b.table, Key: av(key), UpdateExpression: &expression}
		if values != nil {
			u.ExpressionAttributeValues = av(values)
		}
		return types.TransactWriteItem{Update: u}
	}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (b *bench) transaction(acts ...act) *sdk.TransactWriteItemsInput {
	in := &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{}}
	for _, a := range acts {
		in.TransactItems = append(in.TransactItems, a(b))
	}
	return in
}

// transacting is a case that makes a transaction on a table with the items a
// (v 1) and b (v 2) and notes what there is afterwards.
func transacting(name string, acts ...act) parity.Case {
	return on(simple(), "TransactWriteItems", name, func(b *bench) {
		b.put(item{"pk": "a", "v": 1}, item{"pk": "b", "v": 2})
		b.call("write", b.transaction(acts...))
		b.call("afterwards", &sdk.ScanInput{ConsistentRead: yes()})
	})
}

func yes() *bool { v := true; return &v }

func transactions() []parity.Case {
	a, c := item{"pk": "a"}, item{"pk": "c"}
	return []parity.Case{
		transacting("all-kinds", txPut(item{"pk": "c", "v": 3}, ""), txUpdate(a, "SET v = v + :one", item{":one": 1}), txDelete(item{"pk": "b"}, ""), txCheck(item{"pk": "d"}, "attribute_not_exists(pk)")),
		transacting("one-condition-fails", txPut(c, ""), txCheck(a, "attribute_not_exists(pk)"), txDelete(item{"pk": "b"}, "")),
		transacting("two-conditions-fail", txPut(a, "attribute_not_exists(pk)"), txPut(c, ""), txDelete(item{"pk": "b"}, "attribute_not_exists(v)")),
		transacting("condition-on-nothing-fails", txCheck(c, "attribute_exists(pk)")),
		transacting("check-only", txCheck(a, "attribute_exists(pk)")),
		transacting("delete-of-nothing", txDelete(c, "")),
		transacting("update-makes-an-item", txUpdate(c, "SET v = :v", item{":v": 9})),
		on(simple(), "TransactWriteItems", "update-with-names-under-a-condition", func(b *bench) {
			b.put(item{"pk": "a", "room": 5, "month": "2026-11"})
			take := func(max int) act {
				return func(b *bench) types.TransactWriteItem {
					return types.TransactWriteItem{Update: &types.Update{
						TableName: b.table, Key: av(a), UpdateExpression: s("SET room = room - :max ADD #m :max"),
						ConditionExpression: s("room >= :max AND attribute_exists(#month)"), ExpressionAttributeNames: map[string]string{"#month": "month", "#m": "m_1"},
						ExpressionAttributeValues:           av(item{":max": max}),
						ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
					}}
				}
			}
			b.call("enough", b.transaction(take(3), txPut(c, "attribute_not_exists(pk)")))
			b.call("not enough", b.transaction(take(3), txPut(item{"pk": "d"}, "attribute_not_exists(pk)")))
			b.call("neither", b.transaction(take(3), txPut(c, "attribute_not_exists(pk)")))
			b.call("afterwards", &sdk.ScanInput{ConsistentRead: yes()})
		}),
		on(simple(), "TransactWriteItems", "two-tables", func(b *bench) {
			b.create("u", simple())
			in := b.transaction(txPut(a, ""), txPut(a, ""))
			in.TransactItems[1].Put.TableName = s(b.Name("u"))
			in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
			b.call("write", in)
		}),
		on(simple(), "TransactWriteItems", "100", func(b *bench) {
			b.call("write", b.transaction(numbered(100, func(key item) act { return txPut(key, "") })...))
			b.call("count", &sdk.ScanInput{Select: types.SelectCount})
		}),
		getting("items", func(b *bench) []types.TransactGetItem {
			return []types.TransactGetItem{
				{Get: &types.Get{TableName: b.table, Key: av(item{"pk": "b"})}},
				{Get: &types.Get{TableName: b.table, Key: av(item{"pk": "none"})}},
				{Get: &types.Get{TableName: b.table, Key: av(a), ProjectionExpression: s("v")}},
			}
		}),
		getting("one-key-twice", func(b *bench) []types.TransactGetItem {
			get := types.TransactGetItem{Get: &types.Get{TableName: b.table, Key: av(a)}}
			return []types.TransactGetItem{get, get}
		}),
		getting("bad-key", func(b *bench) []types.TransactGetItem {
			return []types.TransactGetItem{
				{Get: &types.Get{TableName: b.table, Key: av(a)}}, {Get: &types.Get{TableName: b.table, Key: av(item{"x": "b"})}},
			}
		}),
		getting("missing-table", func(b *bench) []types.TransactGetItem {
			return []types.TransactGetItem{{Get: &types.Get{TableName: s(b.Name("other")), Key: av(a)}}}
		}),
		getting("nothing", func(*bench) []types.TransactGetItem { return []types.TransactGetItem{} }),
		getting("101", func(b *bench) []types.TransactGetItem {
			return numbered(101, func(key item) types.TransactGetItem {
				return types.TransactGetItem{Get: &types.Get{TableName: b.table, Key: av(key)}}
			})
		}),
	}
}

func getting(name string, gets func(b *bench) []types.TransactGetItem) parity.Case {
	return on(simple(), "TransactGetItems", name, func(b *bench) {
		b.put(item{"pk": "a", "v": 1}, item{"pk": "b", "v": 2})
		b.call("get", &sdk.TransactGetItemsInput{TransactItems: gets(b)})
	})
}

func refusedTransactions() []parity.Case {
	a, c := item{"pk": "a"}, item{"pk": "c"}
	return []parity.Case{
		transacting("nothing"),
		transacting("101", numbered(101, func(key item) act { return txPut(key, "") })...),
		transacting("one-key-twice", txPut(c, ""), txCheck(c, "attribute_not_exists(pk)")),
		transacting("empty-action", func(*bench) types.TransactWriteItem { return types.TransactWriteItem{} }),
		transacting("two-actions-in-one", func(b *bench) types.TransactWriteItem {
			both := txPut(c, "")(b)
			both.Delete = txDelete(a, "")(b).Delete
			return both
		}),
		transacting("missing-table", txPut(c, ""), func(b *bench) types.TransactWriteItem {
			elsewhere := txPut(c, "")(b)
			elsewhere.Put.TableName = s(b.Name("other"))
			return elsewhere
		}),
		transacting("bad-expression", txPut(c, ""), txUpdate(a, "SET status = :v", item{":v": 1})),
		transacting("unused-value", txUpdate(a, "REMOVE v", item{":v": 1})),
		transacting("update-of-a-key", txPut(c, ""), txUpdate(a, "SET pk = :v", item{":v": "z"})),
		transacting("update-of-another-type", txPut(c, ""), txUpdate(a, "SET v = list_append(v, :l)", item{":l": list{1}})),
		transacting("key-missing", txPut(c, ""), txPut(item{"v": 1}, "")),
		transacting("key-with-more", txPut(c, ""), txDelete(item{"pk": "a", "v": 1}, "")),
		transacting("empty-set", txPut(item{"pk": "c", "v": ss{}}, "")),
		transacting("item-too-large", txPut(c, ""), txPut(item{"pk": "d", "v": strings.Repeat("x", 400<<10)}, "")),
		on(simple(), "TransactWriteItems", "more-than-4-MB", func(b *bench) {
			b.call("write", b.transaction(numbered(11, func(key item) act {
				return txPut(item{"pk": key["pk"], "v": strings.Repeat("x", 390<<10)}, "")
			})...))
			b.call("count", &sdk.ScanInput{Select: types.SelectCount})
		}),
	}
}

// tokens are transactions with a ClientRequestToken.
func tokens() []parity.Case {
	add := txUpdate(item{"pk": "a"}, "ADD v :one", item{":one": 1})
	twice := func(name string, first, second []act) parity.Case {
		return on(simple(), "TransactWriteItems", "token-"+name, func(b *bench) {
			for i, acts := range [][]act{first, second} {
				in := b.transaction(acts...)
				in.ClientRequestToken, in.ReturnConsumedCapacity = s(b.Name("token")), types.ReturnConsumedCapacityTotal
				b.call([]string{"first", "second"}[i], in)
			}
			b.stored(item{"pk": "a"})
		})
	}
	return []parity.Case{
		twice("repeated", []act{add}, []act{add}),
		twice("of-other-actions", []act{add}, []act{txUpdate(item{"pk": "a"}, "ADD v :one", item{":one": 2})}),
		twice("of-more-actions", []act{add}, []act{add, txPut(item{"pk": "b"}, "")}),
		twice("of-a-failed-transaction", []act{txCheck(item{"pk": "a"}, "attribute_exists(pk)")}, []act{add}),
		on(simple(), "TransactWriteItems", "token-of-37", func(b *bench) {
			in := b.transaction(add)
			in.ClientRequestToken = s(strings.Repeat("t", 37))
			b.call("write", in)
		}),
		on(simple(), "TransactWriteItems", "token-for-another-table", func(b *bench) {
			b.create("u", simple())
			in := b.transaction(add)
			in.ClientRequestToken = s(b.Name("token"))
			b.call("write", in)
			in.TransactItems[0].Update.TableName = s(b.Name("u"))
			b.call("again", in)
		}),
	}
}
