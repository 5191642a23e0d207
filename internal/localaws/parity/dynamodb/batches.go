package dynamodb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func putRequest(it item) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: av(it)}}
}

func deleteRequest(key item) types.WriteRequest {
	return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: av(key)}}
}

// numbered makes n of something.
func numbered[E any](n int, one func(key item) E) []E {
	out := make([]E, n)
	for i := range out {
		out[i] = one(item{"pk": fmt.Sprintf("k%03d", i)})
	}
	return out
}

func batchWrites() []parity.Case {
	write := func(name string, requests []types.WriteRequest) parity.Case {
		return on(simple(), "BatchWriteItem", name, func(b *bench) {
			b.put(item{"pk": "old", "v": 1})
			b.call("write", &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*b.table: requests}})
			b.call("count", &sdk.ScanInput{Select: types.SelectCount})
		})
	}
	a := item{"pk": "a"}
	return []parity.Case{
		write("put-and-delete", []types.WriteRequest{putRequest(item{"pk": "a", "v": 1}), putRequest(item{"pk": "b"}), deleteRequest(item{"pk": "old"}), deleteRequest(item{"pk": "none"})}),
		write("25", numbered(25, putRequest)),
		write("26", numbered(26, putRequest)),
		write("no-requests-for-a-table", []types.WriteRequest{}),
		write("one-key-twice", []types.WriteRequest{putRequest(item{"pk": "a", "v": 1}), putRequest(item{"pk": "a", "v": 2})}),
		write("put-and-delete-of-one-key", []types.WriteRequest{putRequest(a), deleteRequest(a)}),
		write("put-and-delete-in-one-request", []types.WriteRequest{{PutRequest: &types.PutRequest{Item: av(a)}, DeleteRequest: &types.DeleteRequest{Key: av(a)}}}),
		write("empty-request", []types.WriteRequest{{}}),
		write("bad-key-among-good", []types.WriteRequest{putRequest(a), putRequest(item{"pk": 1})}),
		write("bad-value-among-good", []types.WriteRequest{putRequest(a), putRequest(item{"pk": "b", "v": ss{}})}),
		write("item-too-large-among-good", []types.WriteRequest{putRequest(a), putRequest(item{"pk": "b", "v": strings.Repeat("x", 400<<10)})}),
		on(simple(), "BatchWriteItem", "no-tables", func(b *bench) {
			b.call("write", &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{}})
		}),
		on(simple(), "BatchWriteItem", "missing-table", func(b *bench) {
			b.call("write", &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*b.table: {putRequest(a)}, b.Name("other"): {putRequest(a)}}})
			b.stored(a)
		}),
		on(simple(), "BatchWriteItem", "two-tables", func(b *bench) {
			b.create("u", simple())
			b.call("write", &sdk.BatchWriteItemInput{
				RequestItems:           map[string][]types.WriteRequest{*b.table: {putRequest(a)}, b.Name("u"): {putRequest(a), putRequest(item{"pk": "b"})}},
				ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			})
		}),
		on(simple(), "BatchWriteItem", "26-over-two-tables", func(b *bench) {
			b.create("u", simple())
			b.call("write", &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*b.table: numbered(13, putRequest), b.Name("u"): numbered(13, putRequest)}})
		}),
		on(indexed(), "BatchWriteItem", "collection-metrics", func(b *bench) {
			b.call("write", &sdk.BatchWriteItemInput{
				RequestItems:                map[string][]types.WriteRequest{*b.table: {putRequest(item{"pk": "a", "sk": "1"})}},
				ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize,
			})
		}),
	}
}

func batchGets() []parity.Case {
	get := func(name string, ask types.KeysAndAttributes) parity.Case {
		return on(simple(), "BatchGetItem", name, func(b *bench) {
			b.put(item{"pk": "a", "v": 1, "name": "A"}, item{"pk": "b", "v": 2})
			b.call("get", &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*b.table: ask}})
		})
	}
	keys := func(pks ...string) []map[string]types.AttributeValue {
		var out []map[string]types.AttributeValue
		for _, pk := range pks {
			out = append(out, av(item{"pk": pk}))
		}
		return out
	}
	return []parity.Case{
		get("some-missing", types.KeysAndAttributes{Keys: keys("a", "b", "none")}),
		get("all-missing", types.KeysAndAttributes{Keys: keys("none")}),
		get("consistent", types.KeysAndAttributes{Keys: keys("a"), ConsistentRead: aws.Bool(true)}),
		get("projection", types.KeysAndAttributes{Keys: keys("a", "b"), ProjectionExpression: s("#n, v"), ExpressionAttributeNames: map[string]string{"#n": "name"}}),
		get("reserved-word", types.KeysAndAttributes{Keys: keys("a"), ProjectionExpression: s("name")}),
		get("unused-name", types.KeysAndAttributes{Keys: keys("a"), ProjectionExpression: s("v"), ExpressionAttributeNames: map[string]string{"#n": "name"}}),
		get("legacy-and-expression", types.KeysAndAttributes{Keys: keys("a"), ProjectionExpression: s("v"), AttributesToGet: []string{"v"}}),
		get("one-key-twice", types.KeysAndAttributes{Keys: keys("a", "a")}),
		get("no-keys", types.KeysAndAttributes{Keys: []map[string]types.AttributeValue{}}),
		get("bad-key", types.KeysAndAttributes{Keys: []map[string]types.AttributeValue{av(item{"pk": 1})}}),
		get("100", types.KeysAndAttributes{Keys: numbered(100, av)}),
		get("101", types.KeysAndAttributes{Keys: numbered(101, av)}),
		on(simple(), "BatchGetItem", "no-tables", func(b *bench) {
			b.call("get", &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{}})
		}),
		on(simple(), "BatchGetItem", "missing-table", func(b *bench) {
			b.call("get", &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*b.table: {Keys: keys("a")}, b.Name("other"): {Keys: keys("a")}}})
		}),
		on(simple(), "BatchGetItem", "two-tables", func(b *bench) {
			b.create("u", simple())
			b.put(item{"pk": "a"})
			b.call("get", &sdk.BatchGetItemInput{
				RequestItems:           map[string]types.KeysAndAttributes{*b.table: {Keys: keys("a", "b"), ConsistentRead: aws.Bool(true)}, b.Name("u"): {Keys: keys("a")}},
				ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			})
		}),
		on(simple(), "BatchGetItem", "more-than-16-MB", func(b *bench) {
			wanted := numbered(60, func(key item) item { return key })
			for _, it := range wanted {
				b.put(item{"pk": it["pk"], "v": strings.Repeat("x", 300<<10-len("pkvk000"))})
			}
			out, ok := b.do(&sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				*b.table: {Keys: numbered(60, av), ProjectionExpression: s("pk")},
			}}).(*sdk.BatchGetItemOutput)
			if !ok || b.err != nil {
				return
			}
			rest := out.UnprocessedKeys[*b.table]
			b.Note("read and left", []int{len(out.Responses[*b.table]), len(rest.Keys)})
			b.Note("what is left is a request", []any{rest.ProjectionExpression, rest.ConsistentRead})
			var seen []string
			for _, it := range slices.Concat(out.Responses[*b.table], rest.Keys) {
				seen = append(seen, plain(it["pk"]).(string))
			}
			slices.Sort(seen)
			b.Note("distinct", len(slices.Compact(seen)))
		}),
	}
}
