package dynamodb

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// capacity notes what calls consume: Developer Guide, "Capacity unit
// consumption".
func capacity() []parity.Case {
	const total, all = types.ReturnConsumedCapacityTotal, types.ReturnConsumedCapacityIndexes
	kb := func(n int) string { return strings.Repeat("x", n<<10) }
	a := item{"pk": "a"}
	uses := func(schema sdk.CreateTableInput, operation, name string, before []item, in any) parity.Case {
		return on(schema, operation, "capacity-"+name, func(b *bench) {
			b.put(before...)
			b.call(operation, in)
		})
	}
	nothing := []item{}
	small, three := []item{{"pk": "a", "v": 1}}, []item{{"pk": "a", "v": kb(3)}}
	set := func(v any, kind types.ReturnConsumedCapacity) *sdk.UpdateItemInput {
		return &sdk.UpdateItemInput{Key: av(a), UpdateExpression: s("SET v = :v"), ExpressionAttributeValues: av(item{":v": v}), ReturnConsumedCapacity: kind}
	}
	query := func(consistent bool, filter string) *sdk.QueryInput {
		in := partition()
		in.ReturnConsumedCapacity, in.ConsistentRead, in.Select, in.FilterExpression = total, &consistent, types.SelectCount, optional(filter)
		return in
	}
	pair := []item{{"pk": "a", "sk": "1", "g": "one", "n": 1, "x": "x"}}
	key := av(item{"pk": "a", "sk": "1"})
	change := func(expression string, values item) *sdk.UpdateItemInput {
		in := &sdk.UpdateItemInput{Key: key, UpdateExpression: s(expression), ReturnConsumedCapacity: all}
		if values != nil {
			in.ExpressionAttributeValues = av(values)
		}
		return in
	}
	six := []item{}
	for n := range 6 {
		six = append(six, item{"pk": "a", "sk": n, "v": kb(1)})
	}
	return []parity.Case{
		uses(simple(), "PutItem", "none", nothing, &sdk.PutItemInput{Item: av(a), ReturnConsumedCapacity: types.ReturnConsumedCapacityNone}),
		uses(simple(), "PutItem", "total", nothing, &sdk.PutItemInput{Item: av(a), ReturnConsumedCapacity: total}),
		uses(simple(), "PutItem", "by-table", nothing, &sdk.PutItemInput{Item: av(a), ReturnConsumedCapacity: all}),
		uses(simple(), "PutItem", "unknown", nothing, &sdk.PutItemInput{Item: av(a), ReturnConsumedCapacity: "SOME"}),
		uses(simple(), "PutItem", "over-1-KB", nothing, &sdk.PutItemInput{Item: av(item{"pk": "a", "v": kb(1)}), ReturnConsumedCapacity: total}),
		uses(simple(), "PutItem", "exactly-1-KB", nothing, &sdk.PutItemInput{Item: av(item{"pk": "a", "v": kb(1)[4:]}), ReturnConsumedCapacity: total}),
		uses(simple(), "PutItem", "over-a-larger-item", three, &sdk.PutItemInput{Item: av(a), ReturnConsumedCapacity: total}),
		uses(simple(), "UpdateItem", "shrinks", three, set(1, total)),
		uses(simple(), "UpdateItem", "grows", small, set(kb(3), total)),
		uses(simple(), "DeleteItem", "of-3-KB", three, &sdk.DeleteItemInput{Key: av(a), ReturnConsumedCapacity: total}),
		uses(simple(), "DeleteItem", "of-nothing", nothing, &sdk.DeleteItemInput{Key: av(a), ReturnConsumedCapacity: total}),
		uses(simple(), "GetItem", "eventual", three, &sdk.GetItemInput{Key: av(a), ProjectionExpression: s("pk"), ReturnConsumedCapacity: total}),
		uses(simple(), "GetItem", "consistent", three, &sdk.GetItemInput{Key: av(a), ProjectionExpression: s("pk"), ConsistentRead: yes(), ReturnConsumedCapacity: total}),
		uses(simple(), "GetItem", "of-9-KB", []item{{"pk": "a", "v": kb(9)}}, &sdk.GetItemInput{Key: av(a), ProjectionExpression: s("pk"), ReturnConsumedCapacity: all}),
		uses(simple(), "GetItem", "of-nothing", nothing, &sdk.GetItemInput{Key: av(a), ReturnConsumedCapacity: total}),
		uses(sorted("N"), "Query", "sums-before-rounding", six, query(true, "")),
		uses(sorted("N"), "Query", "eventual", six, query(false, "")),
		uses(sorted("N"), "Query", "counts-what-is-filtered-out", six, query(true, "attribute_not_exists(v)")),
		uses(sorted("N"), "Query", "of-nothing", nothing, query(true, "")),
		uses(sorted("N"), "Scan", "sums-before-rounding", six, &sdk.ScanInput{ReturnConsumedCapacity: total, Select: types.SelectCount}),
		uses(indexed(), "PutItem", "enters-indexes", nothing, &sdk.PutItemInput{Item: av(pair[0]), ReturnConsumedCapacity: all}),
		uses(indexed(), "PutItem", "enters-no-index", nothing, &sdk.PutItemInput{Item: av(item{"pk": "a", "sk": "1"}), ReturnConsumedCapacity: all}),
		uses(indexed(), "PutItem", "changes-nothing", pair, &sdk.PutItemInput{Item: av(pair[0]), ReturnConsumedCapacity: all}),
		uses(indexed(), "UpdateItem", "of-what-one-index-has", pair, change("SET y = :v", item{":v": 1})),
		uses(indexed(), "UpdateItem", "moves-in-indexes", pair, change("SET g = :v", item{":v": "two"})),
		uses(indexed(), "UpdateItem", "leaves-indexes", pair, change("REMOVE g", nil)),
		uses(indexed(), "DeleteItem", "leaves-indexes", pair, &sdk.DeleteItemInput{Key: key, ReturnConsumedCapacity: all}),
		uses(indexed(), "Query", "of-an-index", pair, &sdk.QueryInput{
			IndexName: s("keys"), KeyConditionExpression: s("g = :g"), ExpressionAttributeValues: av(item{":g": "one"}), ReturnConsumedCapacity: all, Limit: aws.Int32(5),
		}),
		on(simple(), "TransactWriteItems", "capacity-twice", func(b *bench) {
			in := b.transaction(txPut(item{"pk": "a", "v": kb(1)}, ""), txCheck(item{"pk": "b"}, "attribute_not_exists(pk)"))
			in.ReturnConsumedCapacity = total
			b.call("write", in)
		}),
		on(simple(), "TransactGetItems", "capacity-twice", func(b *bench) {
			b.put(small...)
			b.call("get", &sdk.TransactGetItemsInput{
				TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: b.table, Key: av(a)}}}, ReturnConsumedCapacity: total,
			})
		}),
		on(simple(), "TransactWriteItems", "capacity-by-table", func(b *bench) {
			in := b.transaction(txPut(a, ""))
			in.ReturnConsumedCapacity = all
			b.call("write", in)
		}),
		on(simple(), "BatchGetItem", "capacity-rounds-each-item", func(b *bench) {
			b.put(small...)
			b.call("get", &sdk.BatchGetItemInput{
				RequestItems:           map[string]types.KeysAndAttributes{*b.table: {Keys: []map[string]types.AttributeValue{av(a), av(item{"pk": "none"})}}},
				ReturnConsumedCapacity: all,
			})
		}),
	}
}
