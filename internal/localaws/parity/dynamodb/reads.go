package dynamodb

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// partition selects the items with pk "a".
func partition() *sdk.QueryInput {
	return &sdk.QueryInput{KeyConditionExpression: s("pk = :p"), ExpressionAttributeValues: av(item{":p": "a"})}
}

// order is a case that notes in which order a query returns sort keys.
func order(name, kind string, keys ...any) parity.Case {
	return on(sorted(kind), "Query", "order-of-"+name, func(b *bench) {
		for _, k := range keys {
			b.put(item{"pk": "a", "sk": k})
		}
		b.call("forward", partition())
		in := partition()
		in.ScanIndexForward = aws.Bool(false)
		b.call("backward", in)
	})
}

func queries() []parity.Case {
	return []parity.Case{
		order("strings", "S", "b", "a", "B", "aa", "é", "z", "\uffee", "😀", " ", "-"),
		order("numbers", "N", 10, 9, -1, 0, num("-10"), num("0.5"), num("1e20"), num("-1e20"), num("1e-20"), num("9.99"), num("100")),
		order("bytes", "B", []byte{255}, []byte{0}, []byte{127}, []byte{128}, []byte{0, 0}, []byte{127, 255}, []byte{1}),
		on(sorted("N"), "Query", "nothing", func(b *bench) { b.call("query", partition()) }),
		on(sorted("N"), "Query", "missing-table", func(b *bench) {
			in := partition()
			in.TableName = s(b.Name("other"))
			b.call("query", in)
		}),
		on(simple(), "Query", "without-sort-key", func(b *bench) {
			b.put(item{"pk": "a", "v": 1}, item{"pk": "b"})
			b.call("query", partition())
		}),
	}
}

// keyConditions on a partition with the sort keys a, ab, abc, b and c.
func keyConditions() []parity.Case {
	query := func(name, expression string, values item) parity.Case {
		return on(sorted("S"), "Query", "key-"+name, func(b *bench) {
			for _, sk := range []string{"a", "ab", "abc", "b", "c"} {
				b.put(item{"pk": "a", "sk": sk, "v": "x"})
			}
			b.put(item{"pk": "other", "sk": "a"})
			in := &sdk.QueryInput{KeyConditionExpression: s(expression), ExpressionAttributeValues: av(values)}
			b.call(expression, in)
		})
	}
	one, two := item{":p": "a", ":s": "ab"}, item{":p": "a", ":s": "ab", ":t": "b"}
	return []parity.Case{
		query("equal", "pk = :p AND sk = :s", one),
		query("less", "pk = :p AND sk < :s", one),
		query("less-or-equal", "pk = :p AND sk <= :s", one),
		query("greater", "pk = :p AND sk > :s", one),
		query("greater-or-equal", "pk = :p AND sk >= :s", one),
		query("between", "pk = :p AND sk BETWEEN :s AND :t", two),
		query("begins-with", "pk = :p AND begins_with(sk, :s)", one),
		query("sort-first", "sk = :s AND pk = :p", one),
		query("value-first", ":p = pk AND :s < sk", one),
		query("parentheses", "(pk = :p) AND (sk = :s)", one),
		query("lower-case-and", "pk = :p and sk between :s and :t", two),
		query("between-reversed", "pk = :p AND sk BETWEEN :t AND :s", two),
		query("sort-only", "sk = :s", item{":s": "a"}),
		query("partition-not-equal", "pk > :p", item{":p": "a"}),
		query("partition-begins-with", "begins_with(pk, :p)", item{":p": "a"}),
		query("or", "pk = :p OR sk = :s", one),
		query("not", "pk = :p AND NOT sk = :s", one),
		query("unequal", "pk = :p AND sk <> :s", one),
		query("in", "pk = :p AND sk IN (:s)", one),
		query("contains", "pk = :p AND contains(sk, :s)", one),
		query("exists", "pk = :p AND attribute_exists(sk)", item{":p": "a"}),
		query("size", "pk = :p AND size(sk) = :n", item{":p": "a", ":n": 1}),
		query("two-on-the-sort-key", "pk = :p AND sk > :s AND sk < :t", two),
		query("another-attribute", "pk = :p AND v = :s", one),
		query("three", "pk = :p AND sk = :s AND v = :t", two),
		query("nested-path", "pk = :p AND sk.x = :s", one),
		query("path-with-path", "pk = :p AND sk = v", item{":p": "a"}),
		query("number-for-a-string", "pk = :p AND sk = :s", item{":p": "a", ":s": 1}),
		query("partition-of-another-type", "pk = :p", item{":p": 1}),
		query("empty-value", "pk = :p", item{":p": ""}),
		query("empty-sort-value", "pk = :p AND sk = :s", item{":p": "a", ":s": ""}),
		query("begins-with-empty", "pk = :p AND begins_with(sk, :s)", item{":p": "a", ":s": ""}),
		query("empty-expression", "", item{":p": "a"}),
		query("reserved-word", "pk = :p AND name = :s", one),
		on(sorted("N"), "Query", "key-begins-with-number", func(b *bench) {
			b.call("query", &sdk.QueryInput{KeyConditionExpression: s("pk = :p AND begins_with(sk, :s)"), ExpressionAttributeValues: av(item{":p": "a", ":s": 1})})
		}),
		on(sorted("N"), "Query", "key-missing", func(b *bench) { b.call("query", &sdk.QueryInput{}) }),
		on(sorted("N"), "Query", "key-legacy-and-expression", func(b *bench) {
			in := partition()
			in.KeyConditions = map[string]types.Condition{"pk": {ComparisonOperator: "EQ", AttributeValueList: []types.AttributeValue{value("a")}}}
			b.call("query", in)
		}),
	}
}

// pages are queries that do not return all at once, of five items unless more
// are said.
func pages() []parity.Case {
	query := func(name string, change func(in *sdk.QueryInput)) parity.Case {
		return on(sorted("N"), "Query", "page-"+name, func(b *bench) {
			for n := range 5 {
				b.put(item{"pk": "a", "sk": n, "even": n%2 == 0})
			}
			in := partition()
			change(in)
			b.call("query", in)
		})
	}
	after := func(key item) func(in *sdk.QueryInput) {
		return func(in *sdk.QueryInput) { in.ExclusiveStartKey = av(key) }
	}
	limit := func(n int32) func(in *sdk.QueryInput) { return func(in *sdk.QueryInput) { in.Limit = aws.Int32(n) } }
	filter := func(in *sdk.QueryInput, expression string) {
		in.FilterExpression = s(expression)
		in.ExpressionAttributeValues[":f"] = value(true)
	}
	return []parity.Case{
		query("limit", limit(2)),
		query("limit-of-all", limit(5)),
		query("limit-of-more", limit(6)),
		query("limit-of-0", limit(0)),
		query("start", after(item{"pk": "a", "sk": 2})),
		query("start-at-what-is-not-there", after(item{"pk": "a", "sk": num("2.5")})),
		query("start-at-the-last", after(item{"pk": "a", "sk": 4})),
		query("start-backward", func(in *sdk.QueryInput) {
			in.ExclusiveStartKey, in.ScanIndexForward, in.Limit = av(item{"pk": "a", "sk": 2}), aws.Bool(false), aws.Int32(1)
		}),
		query("start-of-another-partition", after(item{"pk": "b", "sk": 2})),
		query("start-without-sort-key", after(item{"pk": "a"})),
		query("start-with-more", after(item{"pk": "a", "sk": 1, "x": 1})),
		query("start-of-another-type", after(item{"pk": "a", "sk": "1"})),
		query("start-outside-the-condition", func(in *sdk.QueryInput) {
			in.KeyConditionExpression = s("pk = :p AND sk > :s")
			in.ExpressionAttributeValues[":s"] = value(3)
			in.ExclusiveStartKey = av(item{"pk": "a", "sk": 1})
		}),
		query("filter", func(in *sdk.QueryInput) { filter(in, "even = :f") }),
		query("filter-with-names", func(in *sdk.QueryInput) {
			in.KeyConditionExpression, in.FilterExpression = s("pk = :p AND sk BETWEEN :low AND :high"), s("#even = :f AND attribute_exists(#even)")
			in.ExpressionAttributeNames = map[string]string{"#even": "even"}
			in.ExpressionAttributeValues = av(item{":p": "a", ":low": 1, ":high": 4, ":f": true})
			in.ScanIndexForward, in.Limit = aws.Bool(false), aws.Int32(3)
		}),
		query("filter-after-limit", func(in *sdk.QueryInput) { filter(in, "even <> :f"); in.Limit = aws.Int32(1) }),
		query("filter-on-a-key", func(in *sdk.QueryInput) { filter(in, "sk = :f") }),
		query("filter-on-the-partition-key", func(in *sdk.QueryInput) { filter(in, "attribute_exists(pk) OR even = :f") }),
		on(sorted("N"), "Query", "page-of-1-MB", func(b *bench) {
			kilobytes(b, 4, 300)
			in := partition()
			in.ProjectionExpression = s("sk")
			b.call("first", in)
			in.ExclusiveStartKey = av(item{"pk": "a", "sk": 2})
			b.call("rest", in)
		}),
		on(sorted("N"), "Query", "page-of-1-MB-before-the-filter", func(b *bench) {
			kilobytes(b, 4, 300)
			in := partition()
			in.FilterExpression = s("attribute_not_exists(v)")
			b.call("query", in)
		}),
		on(sorted("N"), "Scan", "page-of-1-MB", func(b *bench) {
			kilobytes(b, 4, 300)
			b.call("scan", &sdk.ScanInput{ProjectionExpression: s("sk")})
		}),
	}
}

// kilobytes stores items of so many KiB in the partition "a".
func kilobytes(b *bench, items, size int) {
	for n := range items {
		b.put(item{"pk": "a", "sk": n, "v": strings.Repeat("x", size<<10)})
	}
}

// indexes are reads of an indexed table's indexes.
func indexes() []parity.Case {
	seen := func(name string, ask any) parity.Case {
		operation := "Query"
		if _, ok := ask.(*sdk.ScanInput); ok {
			operation = "Scan"
		}
		return on(indexed(), operation, "index-"+name, func(b *bench) {
			b.put(
				item{"pk": "a", "sk": "1", "g": "one", "n": 2, "l": "z", "x": "x1", "y": "y1"},
				item{"pk": "a", "sk": "2", "g": "one", "n": 1, "l": "y", "x": "x2", "y": "y2"},
				item{"pk": "b", "sk": "3", "g": "one", "n": 3, "y": "y3"},
				item{"pk": "b", "sk": "4", "g": "two", "x": "x4"},
				item{"pk": "c", "sk": "5", "n": 9},
			)
			b.call("read", ask)
		})
	}
	byG := func(index string, change func(in *sdk.QueryInput)) *sdk.QueryInput {
		in := &sdk.QueryInput{IndexName: s(index), KeyConditionExpression: s("g = :g"), ExpressionAttributeValues: av(item{":g": "one"})}
		if change != nil {
			change(in)
		}
		return in
	}
	byL := func(change func(in *sdk.QueryInput)) *sdk.QueryInput {
		in := partition()
		in.IndexName = s("local")
		if change != nil {
			change(in)
		}
		return in
	}
	return []parity.Case{
		seen("all-in-order", byG("all", nil)),
		seen("all-backward", byG("all", func(in *sdk.QueryInput) { in.ScanIndexForward = aws.Bool(false) })),
		seen("all-range", byG("all", func(in *sdk.QueryInput) {
			in.KeyConditionExpression = s("g = :g AND n > :n")
			in.ExpressionAttributeValues[":n"] = value(1)
		})),
		seen("all-is-sparse", &sdk.ScanInput{IndexName: s("all"), ProjectionExpression: s("sk")}),
		seen("few-projects", &sdk.ScanInput{IndexName: s("few")}),
		seen("keys-projects", &sdk.ScanInput{IndexName: s("keys")}),
		seen("last-key", byG("all", func(in *sdk.QueryInput) { in.Limit = aws.Int32(1) })),
		seen("start-key", byG("all", func(in *sdk.QueryInput) { in.ExclusiveStartKey = av(item{"g": "one", "n": 1, "pk": "a", "sk": "2"}) })),
		seen("start-key-of-the-table", byG("all", func(in *sdk.QueryInput) { in.ExclusiveStartKey = av(item{"pk": "a", "sk": "2"}) })),
		seen("consistent", byG("all", func(in *sdk.QueryInput) { in.ConsistentRead = aws.Bool(true) })),
		seen("missing", byG("nowhere", nil)),
		seen("missing-for-a-scan", &sdk.ScanInput{IndexName: s("nowhere")}),
		seen("filter-on-the-tables-key", byG("all", func(in *sdk.QueryInput) {
			in.FilterExpression = s("pk = :p")
			in.ExpressionAttributeValues[":p"] = value("a")
		})),
		seen("filter-on-what-is-not-projected", byG("keys", func(in *sdk.QueryInput) { in.FilterExpression = s("attribute_exists(y)") })),
		seen("projection-of-what-is-not-projected", byG("keys", func(in *sdk.QueryInput) { in.ProjectionExpression = s("pk, y") })),
		seen("all-attributes-of-keys", byG("keys", func(in *sdk.QueryInput) { in.Select = types.SelectAllAttributes })),
		seen("all-attributes-of-all", byG("all", func(in *sdk.QueryInput) { in.Select = types.SelectAllAttributes; in.Limit = aws.Int32(1) })),
		seen("count", byG("keys", func(in *sdk.QueryInput) { in.Select = types.SelectCount })),
		seen("local-in-order", byL(nil)),
		seen("local-consistent", byL(func(in *sdk.QueryInput) { in.ConsistentRead = aws.Bool(true) })),
		seen("local-all-attributes", byL(func(in *sdk.QueryInput) { in.Select = types.SelectAllAttributes })),
		seen("local-fetches", byL(func(in *sdk.QueryInput) { in.ProjectionExpression = s("sk, y") })),
		seen("local-last-key", byL(func(in *sdk.QueryInput) { in.Limit = aws.Int32(1) })),
	}
}

func selections() []parity.Case {
	query := func(name string, selects types.Select, projection string) parity.Case {
		return on(sorted("N"), "Query", "select-"+name, func(b *bench) {
			b.put(item{"pk": "a", "sk": 1, "v": "x"}, item{"pk": "a", "sk": 2, "v": "y"})
			in := partition()
			in.Select = selects
			if projection != "" {
				in.ProjectionExpression = s(projection)
			}
			b.call("query", in)
		})
	}
	return []parity.Case{
		query("count", types.SelectCount, ""),
		query("all", types.SelectAllAttributes, ""),
		query("specific", types.SelectSpecificAttributes, "v"),
		query("specific-without-projection", types.SelectSpecificAttributes, ""),
		query("projection-alone", "", "v"),
		query("count-with-projection", types.SelectCount, "v"),
		query("all-with-projection", types.SelectAllAttributes, "v"),
		query("all-projected-of-a-table", types.SelectAllProjectedAttributes, ""),
		query("unknown", "SOME", ""),
	}
}

func scans() []parity.Case {
	scan := func(name string, in sdk.ScanInput) parity.Case {
		return on(simple(), "Scan", name, func(b *bench) {
			b.put(item{"pk": "a", "v": 1}, item{"pk": "b", "v": 2}, item{"pk": "c"})
			b.call("scan", &in)
		})
	}
	return []parity.Case{
		on(simple(), "Scan", "empty-table", func(b *bench) { b.call("scan", &sdk.ScanInput{}) }),
		scan("all", sdk.ScanInput{}),
		scan("consistent", sdk.ScanInput{ConsistentRead: aws.Bool(true)}),
		scan("count", sdk.ScanInput{Select: types.SelectCount}),
		scan("filter", sdk.ScanInput{FilterExpression: s("v > :v"), ExpressionAttributeValues: av(item{":v": 1})}),
		scan("filter-on-the-key", sdk.ScanInput{FilterExpression: s("pk = :v"), ExpressionAttributeValues: av(item{":v": "b"})}),
		on(simple(), "Scan", "filter-on-the-key-and-a-set", func(b *bench) {
			b.put(item{"pk": "a1", "of": bs{{1, 2}, {3}}}, item{"pk": "a2", "of": bs{{1}, {2}}}, item{"pk": "a3", "of": []byte{1, 2}}, item{"pk": "a4"}, item{"pk": "b", "of": bs{{1, 2}}})
			b.call("scan", &sdk.ScanInput{
				FilterExpression: s("begins_with(pk, :p) AND contains(#of, :s)"), ProjectionExpression: s("pk"), ExpressionAttributeNames: map[string]string{"#of": "of"},
				ExpressionAttributeValues: av(item{":p": "a", ":s": []byte{1, 2}}),
			})
		}),
		scan("filter-and-count", sdk.ScanInput{FilterExpression: s("attribute_exists(v)"), Select: types.SelectCount}),
		scan("filter-empty", sdk.ScanInput{FilterExpression: s("")}),
		scan("projection", sdk.ScanInput{ProjectionExpression: s("v")}),
		scan("specific-without-projection", sdk.ScanInput{Select: types.SelectSpecificAttributes}),
		scan("limit-of-0", sdk.ScanInput{Limit: aws.Int32(0)}),
		scan("start-of-another-name", sdk.ScanInput{ExclusiveStartKey: av(item{"x": "a"})}),
		scan("segment-without-total", sdk.ScanInput{Segment: aws.Int32(0)}),
		scan("total-without-segment", sdk.ScanInput{TotalSegments: aws.Int32(2)}),
		scan("segment-beyond-total", sdk.ScanInput{Segment: aws.Int32(2), TotalSegments: aws.Int32(2)}),
		scan("segment-negative", sdk.ScanInput{Segment: aws.Int32(-1), TotalSegments: aws.Int32(2)}),
		scan("total-of-0", sdk.ScanInput{Segment: aws.Int32(0), TotalSegments: aws.Int32(0)}),
		scan("legacy-and-expression", sdk.ScanInput{FilterExpression: s("attribute_exists(v)"), AttributesToGet: []string{"v"}}),
		on(sorted("N"), "Scan", "limit", func(b *bench) {
			kilobytes(b, 3, 1)
			b.call("first", &sdk.ScanInput{Limit: aws.Int32(2), ProjectionExpression: s("sk")})
			b.call("rest", &sdk.ScanInput{ExclusiveStartKey: av(item{"pk": "a", "sk": 1}), ProjectionExpression: s("sk")})
		}),
		on(simple(), "Scan", "segments-cover-all", func(b *bench) {
			for _, pk := range strings.Split("abcdefghijklmnopqrst", "") {
				b.put(item{"pk": pk})
			}
			times := map[string]int{}
			for n := range int32(3) {
				if out, ok := b.do(&sdk.ScanInput{Segment: aws.Int32(n), TotalSegments: aws.Int32(3)}).(*sdk.ScanOutput); ok && b.err == nil {
					for _, it := range out.Items {
						times[plain(it["pk"]).(string)]++
					}
				}
			}
			b.Note("times", times)
		}),
	}
}
