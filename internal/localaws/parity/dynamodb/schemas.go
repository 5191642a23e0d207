package dynamodb

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// simple is a table with the partition key pk, a string.
func simple() sdk.CreateTableInput {
	return sdk.CreateTableInput{
		BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: attributes("pk:S"), KeySchema: keySchema("pk"),
	}
}

// sorted is a table with the partition key pk, a string, and the sort key sk of
// a kind.
func sorted(kind string) sdk.CreateTableInput {
	t := simple()
	t.AttributeDefinitions, t.KeySchema = attributes("pk:S", "sk:"+kind), keySchema("pk", "sk")
	return t
}

// indexed is a table with the strings pk and sk as its key and the indexes
//   - local: pk, l; keys only
//   - all: g, n (a number); everything
//   - few: g; the keys and x
//   - keys: g; keys only
func indexed() sdk.CreateTableInput {
	t := sorted("S")
	t.AttributeDefinitions = attributes("pk:S", "sk:S", "l:S", "g:S", "n:N")
	t.LocalSecondaryIndexes = []types.LocalSecondaryIndex{{
		IndexName: s("local"), KeySchema: keySchema("pk", "l"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
	}}
	t.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{
		global("all", types.ProjectionTypeAll, nil, "g", "n"),
		global("few", types.ProjectionTypeInclude, []string{"x"}, "g"),
		global("keys", types.ProjectionTypeKeysOnly, nil, "g"),
	}
	return t
}

func global(name string, projection types.ProjectionType, names []string, keys ...string) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{
		IndexName: s(name), KeySchema: keySchema(keys...), Projection: &types.Projection{ProjectionType: projection, NonKeyAttributes: names},
	}
}

// attributes are definitions written name:type.
func attributes(definitions ...string) []types.AttributeDefinition {
	var out []types.AttributeDefinition
	for _, d := range definitions {
		colon := len(d) - 1
		for d[colon] != ':' {
			colon--
		}
		out = append(out, types.AttributeDefinition{AttributeName: s(d[:colon]), AttributeType: types.ScalarAttributeType(d[colon+1:])})
	}
	return out
}

// keySchema has the partition key first.
func keySchema(names ...string) []types.KeySchemaElement {
	var out []types.KeySchemaElement
	for i, name := range names {
		e := types.KeySchemaElement{AttributeName: s(name), KeyType: types.KeyTypeHash}
		if i > 0 {
			e.KeyType = types.KeyTypeRange
		}
		out = append(out, e)
	}
	return out
}

func s(text string) *string { return aws.String(text) }

// putting is a case that stores one item and reads it.
func putting(schema sdk.CreateTableInput, name string, it, key item) parity.Case {
	return on(schema, "PutItem", name, func(b *bench) {
		b.call("put", &sdk.PutItemInput{Item: av(it)})
		b.stored(key)
	})
}
