package dynamodb

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// described notes what the product's template sets of a table.
func described(b *bench) {
	out, ok := b.do(&sdk.DescribeTableInput{}).(*sdk.DescribeTableOutput)
	if !ok || b.err != nil {
		return
	}
	t := out.Table
	noted := map[string]any{"name": t.TableName, "status": t.TableStatus, "keys": plain(t.KeySchema)}
	definitions, ok := plain(t.AttributeDefinitions).([]any)
	if ok {
		inOrder(definitions)
	}
	noted["attributes"] = definitions
	if t.BillingModeSummary != nil {
		noted["billing"] = t.BillingModeSummary.BillingMode
	}
	indexes := map[string]any{}
	for _, ix := range t.LocalSecondaryIndexes {
		indexes[*ix.IndexName] = []any{plain(ix.KeySchema), plain(ix.Projection)}
	}
	for _, ix := range t.GlobalSecondaryIndexes {
		indexes[*ix.IndexName] = []any{plain(ix.KeySchema), plain(ix.Projection), ix.IndexStatus}
	}
	noted["indexes"] = indexes
	b.Note("described", noted)
}

func tables() []parity.Case {
	return []parity.Case{
		on(simple(), "DescribeTable", "on-demand", described),
		on(indexed(), "DescribeTable", "indexes", described),
		on(simple(), "DescribeTable", "missing", func(b *bench) {
			b.call("describe", &sdk.DescribeTableInput{TableName: s(b.Name("other"))})
		}),
		on(simple(), "CreateTable", "twice", func(b *bench) {
			again := simple()
			again.TableName = b.table
			b.call("create", &again)
		}),
		on(simple(), "CreateTable", "provisioned", func(b *bench) {
			in := simple()
			in.TableName, in.BillingMode = s(b.Name("p")), types.BillingModeProvisioned
			in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(2)}
			if out, ok := b.do(&in).(*sdk.CreateTableOutput); ok {
				b.Note("throughput", []any{out.TableDescription.ProvisionedThroughput.ReadCapacityUnits, out.TableDescription.ProvisionedThroughput.WriteCapacityUnits})
			}
		}),
		on(simple(), "DeleteTable", "gone", func(b *bench) {
			b.put(item{"pk": "a"})
			b.do(&sdk.DeleteTableInput{})
			if b.err == nil {
				b.err = sdk.NewTableNotExistsWaiter(b.db, func(o *sdk.TableNotExistsWaiterOptions) {
					o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
				}).Wait(b.ctx, &sdk.DescribeTableInput{TableName: b.table}, 40*time.Second)
			}
			b.call("get", &sdk.GetItemInput{Key: av(item{"pk": "a"})})
			b.call("put", &sdk.PutItemInput{Item: av(item{"pk": "a"})})
			b.call("update", &sdk.UpdateItemInput{Key: av(item{"pk": "a"})})
			b.call("scan", &sdk.ScanInput{})
			b.call("delete", &sdk.DeleteTableInput{})
			b.create("t", simple())
			b.call("scan of a new table of the name", &sdk.ScanInput{})
		}),
		on(simple(), "DeleteTable", "protected", func(b *bench) {
			in := simple()
			in.DeletionProtectionEnabled = aws.Bool(true)
			b.create("p", in)
			b.call("delete", &sdk.DeleteTableInput{TableName: s(b.Name("p"))})
		}),
		on(simple(), "ListTables", "one-after-another", func(b *bench) {
			b.create("t1", simple())
			b.create("t2", simple())
			b.create("t3", simple())
			b.call("first", &sdk.ListTablesInput{Limit: aws.Int32(1), ExclusiveStartTableName: b.table})
			b.call("second", &sdk.ListTablesInput{Limit: aws.Int32(1), ExclusiveStartTableName: s(b.Name("t1"))})
		}),
		on(simple(), "ListTables", "limit-of-0", func(b *bench) { b.call("list", &sdk.ListTablesInput{Limit: aws.Int32(0)}) }),
		on(simple(), "ListTables", "limit-of-101", func(b *bench) { b.call("list", &sdk.ListTablesInput{Limit: aws.Int32(101)}) }),
	}
}

// refusedTables are definitions with one fault each.
func refusedTables() []parity.Case {
	faults := []struct {
		name  string
		spoil func(in *sdk.CreateTableInput)
	}{
		{"name-of-2", func(in *sdk.CreateTableInput) { in.TableName = s("ab") }},
		{"name-of-256", func(in *sdk.CreateTableInput) { in.TableName = s(strings.Repeat("t", 256)) }},
		{"name-with-a-blank", func(in *sdk.CreateTableInput) { in.TableName = s("a table") }},
		{"range-key-only", func(in *sdk.CreateTableInput) { in.KeySchema[0].KeyType = types.KeyTypeRange }},
		{"two-partition-keys", func(in *sdk.CreateTableInput) { in.KeySchema[1].KeyType = types.KeyTypeHash }},
		{"three-keys", func(in *sdk.CreateTableInput) { in.KeySchema = keySchema("pk", "sk", "g") }},
		{"one-attribute-for-both-keys", func(in *sdk.CreateTableInput) { in.KeySchema = keySchema("pk", "pk") }},
		{"key-without-definition", func(in *sdk.CreateTableInput) { in.KeySchema = keySchema("pk", "other") }},
		{"definition-without-key", func(in *sdk.CreateTableInput) {
			in.AttributeDefinitions = append(in.AttributeDefinitions, attributes("other:S")...)
		}},
		{"key-of-booleans", func(in *sdk.CreateTableInput) { in.AttributeDefinitions[1].AttributeType = "BOOL" }},
		{"throughput-on-demand", func(in *sdk.CreateTableInput) {
			in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
		}},
		{"provisioned-without-throughput", func(in *sdk.CreateTableInput) { in.BillingMode = types.BillingModeProvisioned }},
		{"local-index-without-range-key", func(in *sdk.CreateTableInput) { in.LocalSecondaryIndexes[0].KeySchema = keySchema("pk") }},
		{"local-index-of-another-partition-key", func(in *sdk.CreateTableInput) { in.LocalSecondaryIndexes[0].KeySchema = keySchema("g", "l") }},
		{"two-indexes-of-one-name", func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[1].IndexName = s("all") }},
		{"include-without-names", func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[1].Projection.NonKeyAttributes = nil }},
		{"keys-only-with-names", func(in *sdk.CreateTableInput) {
			in.GlobalSecondaryIndexes[2].Projection.NonKeyAttributes = []string{"x"}
		}},
		{"index-without-projection", func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[2].Projection = &types.Projection{} }},
		{"six-local-indexes", func(in *sdk.CreateTableInput) {
			for _, name := range []string{"l1x", "l2x", "l3x", "l4x", "l5x"} {
				ix := in.LocalSecondaryIndexes[0]
				ix.IndexName = s(name)
				in.LocalSecondaryIndexes = append(in.LocalSecondaryIndexes, ix)
			}
		}},
	}
	var cases []parity.Case
	for _, f := range faults {
		cases = append(cases, on(simple(), "CreateTable", f.name, func(b *bench) {
			in := indexed()
			in.TableName = s(b.Name("bad"))
			in.AttributeDefinitions, in.KeySchema = slices.Clone(in.AttributeDefinitions), slices.Clone(in.KeySchema)
			f.spoil(&in)
			b.call("create", &in)
		}))
	}
	return cases
}

func timeToLive() []parity.Case {
	enable := func(attribute string) *sdk.UpdateTimeToLiveInput {
		return &sdk.UpdateTimeToLiveInput{TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: s(attribute), Enabled: aws.Bool(true)}}
	}
	return []parity.Case{
		on(simple(), "DescribeTimeToLive", "never-enabled", func(b *bench) { b.call("describe", &sdk.DescribeTimeToLiveInput{}) }),
		on(simple(), "DescribeTimeToLive", "missing-table", func(b *bench) {
			b.call("describe", &sdk.DescribeTimeToLiveInput{TableName: s(b.Name("other"))})
		}),
		on(simple(), "DescribeTimeToLive", "enabled", func(b *bench) {
			b.do(enable("expires"))
			b.call("describe", &sdk.DescribeTimeToLiveInput{})
		}),
		on(simple(), "UpdateTimeToLive", "enable", func(b *bench) { b.call("enable", enable("expires")) }),
		on(simple(), "UpdateTimeToLive", "enable-twice", func(b *bench) {
			b.do(enable("expires"))
			b.call("again", enable("expires"))
		}),
		on(simple(), "UpdateTimeToLive", "another-attribute", func(b *bench) {
			b.do(enable("expires"))
			b.call("again", enable("other"))
		}),
		on(simple(), "UpdateTimeToLive", "missing-table", func(b *bench) {
			in := enable("expires")
			in.TableName = s(b.Name("other"))
			b.call("enable", in)
		}),
		on(simple(), "UpdateTimeToLive", "items-stay-readable", func(b *bench) {
			b.do(enable("expires"))
			b.put(item{"pk": "past", "expires": int(time.Now().Add(-time.Hour).Unix())})
			b.call("get", &sdk.GetItemInput{Key: av(item{"pk": "past"}), ProjectionExpression: s("pk")})
		}),
	}
}
