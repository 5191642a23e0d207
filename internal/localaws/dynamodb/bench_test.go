package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const benchItem = `{"pk":{"S":"team#1#campaign#7"},"sk":{"N":"%d"},"g":{"S":"qualified#%d"},"n":{"N":"0.8125"},"l":{"S":"2026-11-22T10:00:00Z"},
	"name":{"S":"Ada Example"},"title":{"S":"VP Engineering"},"company":{"M":{"name":{"S":"Example GmbH"},"size":{"N":"250"}}},"tags":{"SS":["saas","enterprise"]},"text":{"S":"%s"}}`

func benchBodies(n int, operation string) [][]byte {
	bodies := make([][]byte, n)
	for i := range bodies {
		item := fmt.Sprintf(benchItem, i, i%16, strings.Repeat("x", 400))
		switch operation {
		case "PutItem":
			bodies[i] = []byte(`{"TableName":"bbb","Item":` + item + `}`)
		case "GetItem":
			bodies[i] = []byte(fmt.Sprintf(`{"TableName":"bbb","Key":{"pk":{"S":"team#1#campaign#7"},"sk":{"N":"%d"}}}`, i))
		case "UpdateItem":
			bodies[i] = []byte(fmt.Sprintf(`{"TableName":"bbb","Key":{"pk":{"S":"team#1#campaign#7"},"sk":{"N":"%d"}},"UpdateExpression":"SET #s = :s, hits = if_not_exists(hits, :z) + :one","ConditionExpression":"attribute_exists(pk)","ExpressionAttributeNames":{"#s":"status"},"ExpressionAttributeValues":{":s":{"S":"done"},":z":{"N":"0"},":one":{"N":"1"}}}`, i))
		}
	}
	return bodies
}

const benchTable = `{"TableName":"bbb","BillingMode":"PAY_PER_REQUEST",
	"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"g","AttributeType":"S"},{"AttributeName":"n","AttributeType":"N"}],
	"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
	"GlobalSecondaryIndexes":[{"IndexName":"byg","KeySchema":[{"AttributeName":"g","KeyType":"HASH"},{"AttributeName":"n","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]}`

const benchItems = 200_000

func benchService(b *testing.B, fill bool) *dynamodb.Service {
	b.Helper()
	s := newService(b, dynamodb.Options{})
	must(b, s, "CreateTable", benchTable)
	if fill {
		for _, body := range benchBodies(benchItems, "PutItem") {
			benchCall(b, s, "PutItem", body)
		}
	}
	return s
}

func benchCall(b *testing.B, s *dynamodb.Service, operation string, body []byte) {
	out, err := s.Handle(b.Context(), &wire.Call{Service: "dynamodb", Operation: operation, Body: body})
	if err != nil || out == nil {
		b.Fatalf("%s: %v", operation, err)
	}
}

func benchOperation(b *testing.B, operation, bodies string, fill bool) {
	s := benchService(b, fill)
	calls := benchBodies(benchItems, bodies)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		benchCall(b, s, operation, calls[(i*7919)%benchItems])
	}
}

func BenchmarkPutItem(b *testing.B)    { benchOperation(b, "PutItem", "PutItem", false) }
func BenchmarkGetItem(b *testing.B)    { benchOperation(b, "GetItem", "GetItem", true) }
func BenchmarkUpdateItem(b *testing.B) { benchOperation(b, "UpdateItem", "UpdateItem", true) }

func BenchmarkQuery50(b *testing.B) {
	s := benchService(b, true)
	body := []byte(`{"TableName":"bbb","KeyConditionExpression":"pk = :p AND sk > :n","Limit":50,"ExpressionAttributeValues":{":p":{"S":"team#1#campaign#7"},":n":{"N":"1000"}}}`)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		benchCall(b, s, "Query", body)
	}
}
