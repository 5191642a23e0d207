package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/meter"
)

// A write that its condition refuses is billed by the larger of the item that
// is there and what it would have become.
func TestRefusedWritesAreBilledByTheLargerItem(t *testing.T) {
	t.Parallel()
	three := strings.Repeat("x", 3<<10) // 4 units with its key
	for _, c := range []struct {
		name, before, operation, body string
		units                         float64
	}{
		{"an update that would have grown the item", `{"pk":{"S":"a"}}`, "UpdateItem", `"UpdateExpression":"SET v = :v","ConditionExpression":"attribute_not_exists(pk)","ExpressionAttributeValues":{":v":{"S":"` + three + `"}}`, 4},
		{"one that would have shrunk it", `{"pk":{"S":"a"},"v":{"S":"` + three + `"}}`, "UpdateItem", `"UpdateExpression":"REMOVE v","ConditionExpression":"attribute_not_exists(pk)"`, 4},
		{"one that would have made it", `{"pk":{"S":"b"}}`, "UpdateItem", `"UpdateExpression":"SET v = :v","ConditionExpression":"attribute_exists(pk)","ExpressionAttributeValues":{":v":{"S":"` + three + `"}}`, 4},
		{"one that could not have been made", `{"pk":{"S":"a"}}`, "UpdateItem", `"UpdateExpression":"SET v = v + :v","ConditionExpression":"attribute_not_exists(pk)","ExpressionAttributeValues":{":v":{"N":"1"}}`, 1},
		{"a deletion", `{"pk":{"S":"a"},"v":{"S":"` + three + `"}}`, "DeleteItem", `"ConditionExpression":"attribute_not_exists(pk)"`, 4},
	} {
		var m meter.Meter
		s := newTables(t, dynamodb.Options{Meter: &m})
		putH(t, s, c.before)
		was := m.Read().Count(meter.WriteUnits)
		if _, err := send(t, s, c.operation, `{"TableName":"hhh","Key":{"pk":{"S":"a"}},`+c.body+`}`); errorCode(err) != "ConditionalCheckFailedException" {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := m.Read().Count(meter.WriteUnits) - was; got != c.units {
			t.Errorf("%s: %v units, want %v", c.name, got, c.units)
		}
		action := `{"TransactItems":[{"` + strings.TrimSuffix(c.operation, "Item") + `":{"TableName":"hhh","Key":{"pk":{"S":"a"}},` + c.body + `}}]}`
		was = m.Read().Count(meter.WriteUnits)
		if _, err := send(t, s, "TransactWriteItems", action); errorCode(err) != "TransactionCanceledException" {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := m.Read().Count(meter.WriteUnits) - was; got != 2*c.units {
			t.Errorf("%s: %v units in a transaction, want %v", c.name, got, 2*c.units)
		}
	}
}

// The 4 MB of a transaction are those of its items, however little of them is sent.
func TestItemsOfATransactionHaveFourMegabytes(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	large := strings.Repeat("x", 390_000)
	for i := range 11 {
		putH(t, s, fmt.Sprintf(`{"pk":{"S":"k%d"},"n":{"N":"1"},"v":{"S":"%s"}}`, i, large))
	}
	actions := func(n int, action string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(action, i)
		}
		return `{"TransactItems":[` + strings.Join(list, ",") + `]}`
	}
	for _, action := range []string{
		`{"ConditionCheck":{"TableName":"hhh","Key":{"pk":{"S":"k%d"}},"ConditionExpression":"attribute_exists(pk)"}}`,
		`{"Update":{"TableName":"hhh","Key":{"pk":{"S":"k%d"}},"UpdateExpression":"REMOVE v, n"}}`,
		`{"Put":{"TableName":"hhh","Item":{"pk":{"S":"k%d"}}}}`,
		`{"Delete":{"TableName":"hhh","Key":{"pk":{"S":"k%d"}}}}`,
	} {
		if _, err := send(t, s, "TransactWriteItems", actions(11, action)); errorCode(err) != "ValidationException" || !strings.Contains(err.Message, "4 MB") {
			t.Errorf("%s: %v, want one that says 4 MB", action, err)
		}
	}
	if _, err := send(t, s, "TransactWriteItems", actions(11, `{"Delete":{"TableName":"hhh","Key":{"pk":{"S":"k%d"}},"ConditionExpression":"attribute_exists(w)"}}`)); errorCode(err) != "TransactionCanceledException" {
		t.Errorf("conditions that fail: %v", err)
	}
	want(t, "what is there", must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"k10"}},"ProjectionExpression":"n","ConsistentRead":true}`), `{"Item":{"n":{"N":"1"}}}`)
	must(t, s, "TransactWriteItems", actions(10, `{"Delete":{"TableName":"hhh","Key":{"pk":{"S":"k%d"}}}}`))
}
