package dynamodb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

func TestTransactionIsAtomic(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	putH(t, s, `{"pk":{"S":"old"},"n":{"N":"1"}}`)
	putH(t, s, `{"pk":{"S":"gone"}}`)
	body := `{"TransactItems":[
		{"Put":{"TableName":"hhh","Item":{"pk":{"S":"new"}},"ConditionExpression":"attribute_not_exists(pk)"}},
		{"Update":{"TableName":"hhh","Key":{"pk":{"S":"old"}},"UpdateExpression":"ADD n :one","ConditionExpression":"n = :have","ExpressionAttributeValues":{":one":{"N":"1"},":have":{"N":"%s"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}},
		{"Delete":{"TableName":"hhh","Key":{"pk":{"S":"gone"}}}},
		{"ConditionCheck":{"TableName":"ccc","Key":{"pk":{"S":"x"},"sk":{"N":"1"}},"ConditionExpression":"attribute_not_exists(pk)"}}],"ReturnConsumedCapacity":"TOTAL"}`
	_, err := send(t, s, "TransactWriteItems", fmt.Sprintf(body, "7"))
	if errorCode(err) != "TransactionCanceledException" || err.Message != "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, None, None]" {
		t.Fatalf("failing condition: %v", err)
	}
	raw, merr := json.Marshal(err.Members)
	if merr != nil {
		t.Fatal(merr)
	}
	want(t, "reasons", parseJSON(t, string(raw)), `{"CancellationReasons":[{"Code":"None"},
		{"Code":"ConditionalCheckFailed","Message":"The conditional request failed","Item":{"pk":{"S":"old"},"n":{"N":"1"}}},{"Code":"None"},{"Code":"None"}]}`)
	read := `{"TransactItems":[{"Get":{"TableName":"hhh","Key":{"pk":{"S":"new"}}}},{"Get":{"TableName":"hhh","Key":{"pk":{"S":"old"}},"ProjectionExpression":"n"}},{"Get":{"TableName":"hhh","Key":{"pk":{"S":"gone"}}}}],"ReturnConsumedCapacity":"TOTAL"}`
	want(t, "after the failure", must(t, s, "TransactGetItems", read),
		`{"Responses":[{},{"Item":{"n":{"N":"1"}}},{"Item":{"pk":{"S":"gone"}}}],"ConsumedCapacity":[{"TableName":"hhh","CapacityUnits":6,"ReadCapacityUnits":6}]}`)
	want(t, "success", must(t, s, "TransactWriteItems", fmt.Sprintf(body, "1")),
		`{"ConsumedCapacity":[{"TableName":"ccc","CapacityUnits":2,"WriteCapacityUnits":2},{"TableName":"hhh","CapacityUnits":6,"WriteCapacityUnits":6}]}`)
	want(t, "after the success", must(t, s, "TransactGetItems", read),
		`{"Responses":[{"Item":{"pk":{"S":"new"}}},{"Item":{"n":{"N":"2"}}},{}],"ConsumedCapacity":[{"TableName":"hhh","CapacityUnits":6,"ReadCapacityUnits":6}]}`)

	_, sdkErr := newClient(s, nil).TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: aws.String("hhh"), Item: av{"pk": str("old")}, ConditionExpression: aws.String("attribute_not_exists(pk)")}},
	}})
	if e, ok := errors.AsType[*types.TransactionCanceledException](sdkErr); !ok || len(e.CancellationReasons) != 1 || aws.ToString(e.CancellationReasons[0].Code) != "ConditionalCheckFailed" {
		t.Errorf("through the SDK: %v", sdkErr)
	}
}

func TestTransactionsRefused(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	put := func(i int) string {
		return fmt.Sprintf(`{"Put":{"TableName":"hhh","Item":{"pk":{"S":"k%d"}}}}`, i)
	}
	var puts, big []string
	for i := range 101 {
		puts = append(puts, put(i))
	}
	for i := range 11 {
		big = append(big, fmt.Sprintf(`{"Put":{"TableName":"hhh","Item":{"pk":{"S":"k%d"},"v":{"S":"%s"}}}}`, i, strings.Repeat("x", 390_000)))
	}
	must(t, s, "TransactWriteItems", `{"TransactItems":[`+strings.Join(puts[:100], ",")+`]}`)
	for _, c := range []struct{ operation, items, code string }{
		{"TransactWriteItems", "", "ValidationException"},
		{"TransactWriteItems", strings.Join(puts, ","), "ValidationException"},
		{"TransactWriteItems", strings.Join(big, ","), "ValidationException"},
		{"TransactWriteItems", put(1) + "," + put(1), "ValidationException"},
		{"TransactWriteItems", "{}", "ValidationException"},
		{"TransactWriteItems", `{"Put":{"TableName":"hhh","Item":{"pk":{"S":"k"}}},"Delete":{"TableName":"hhh","Key":{"pk":{"S":"j"}}}}`, "ValidationException"},
		{"TransactWriteItems", `{"Put":{"TableName":"nowhere","Item":{"pk":{"S":"k"}}}}`, "ResourceNotFoundException"},
		{"TransactWriteItems", `{"Put":{"TableName":"hhh","Item":{"x":{"S":"k"}}}}`, "TransactionCanceledException"},
		{"TransactWriteItems", `{"Update":{"TableName":"hhh","Key":{"pk":{"S":"k"}},"UpdateExpression":"SET a = b"}}`, "TransactionCanceledException"},
		{"TransactWriteItems", `{"Update":{"TableName":"hhh","Key":{"pk":{"S":"k"}},"UpdateExpression":"SET a = "}}`, "ValidationException"},
		{"TransactGetItems", `{"Get":{"TableName":"hhh","Key":{}}}`, "TransactionCanceledException"},
		{"TransactGetItems", `{"Get":{"TableName":"hhh","Key":{"pk":{"S":"k"}}}},{"Get":{"TableName":"hhh","Key":{"pk":{"S":"k"}}}}`, "ValidationException"},
	} {
		if _, err := send(t, s, c.operation, `{"TransactItems":[`+c.items+`]}`); errorCode(err) != c.code {
			t.Errorf("%s %.100s: %v, want %s", c.operation, c.items, err, c.code)
		}
	}
}

func TestClientRequestToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{})
		add := func(token, one string) error {
			_, err := send(t, s, "TransactWriteItems", `{"ClientRequestToken":"`+token+`","TransactItems":[{"Update":{"TableName":"hhh","Key":{"pk":{"S":"a"}},"UpdateExpression":"ADD n :v, m :v","ExpressionAttributeValues":{":v":{"N":"`+one+`"}}}}]}`)
			if err != nil {
				return err
			}
			return nil
		}
		for range 3 {
			if err := add("t1", "1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Minute)
		}
		if err := add("t1", "2"); errorCode(err) != "IdempotentParameterMismatchException" {
			t.Errorf("another request with the token: %v", err)
		}
		want(t, "within ten minutes", must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ProjectionExpression":"n"}`), `{"Item":{"n":{"N":"1"}}}`)
		time.Sleep(90 * time.Second)
		if err := add("t1", "2"); err != nil {
			t.Fatal(err)
		}
		want(t, "after ten minutes", must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ProjectionExpression":"n"}`), `{"Item":{"n":{"N":"3"}}}`)
	})
}

// TestConcurrentTransfers moves amounts between items by transactions from
// many goroutines; the sum stays, and readers never see it differ.
func TestConcurrentTransfers(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	for i := range 4 {
		putH(t, s, fmt.Sprintf(`{"pk":{"S":"acc%d"},"n":{"N":"100"}}`, i))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				from, to := (g+i)%4, (g+i*3+1)%4
				if from != to {
					_, err := s.Handle(t.Context(), &wire.Call{Operation: "TransactWriteItems", Body: fmt.Appendf(nil, `{"TransactItems":[
						{"Update":{"TableName":"hhh","Key":{"pk":{"S":"acc%d"}},"UpdateExpression":"SET n = n - :v","ConditionExpression":"n >= :v","ExpressionAttributeValues":{":v":{"N":"7"}}}},
						{"Update":{"TableName":"hhh","Key":{"pk":{"S":"acc%d"}},"UpdateExpression":"SET n = n + :v","ExpressionAttributeValues":{":v":{"N":"7"}}}}]}`, from, to)})
					if code := errorCode(err); code != "" && code != "TransactionCanceledException" {
						t.Error(err)
					}
				}
				sum := 0.0
				out := must(t, s, "Scan", `{"TableName":"hhh","ProjectionExpression":"n"}`)
				for _, it := range out["Items"].([]any) {
					var n float64
					if _, err := fmt.Sscan(it.(map[string]any)["n"].(map[string]any)["N"].(string), &n); err != nil {
						t.Error(err)
					}
					sum += n
				}
				if sum != 400 {
					t.Errorf("the sum is %v", sum)
				}
			}
		})
	}
	wg.Wait()
}

func TestJournalRestoresEverything(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	open := func() (*dynamodb.Service, *journal.Journal) {
		j, err := journal.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		return newService(t, dynamodb.Options{Journal: j}), j
	}
	s, j := open()
	must(t, s, "CreateTable", tableH)
	must(t, s, "CreateTable", tableC)
	must(t, s, "CreateTable", strings.Replace(tableH, "hhh", "dropped", 1))
	must(t, s, "UpdateTimeToLive", `{"TableName":"hhh","TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true}}`)
	putH(t, s, sampleItem)
	putH(t, s, `{"pk":{"S":"deleted"}}`)
	must(t, s, "DeleteItem", `{"TableName":"hhh","Key":{"pk":{"S":"deleted"}}}`)
	must(t, s, "UpdateItem", `{"TableName":"hhh","Key":{"pk":{"S":"counter"}},"UpdateExpression":"ADD n :v","ExpressionAttributeValues":{":v":{"N":"5"}}}`)
	for i := range 10 {
		putC(t, s, fmt.Sprintf(`{"pk":{"S":"p"},"sk":{"N":"%d"},"g":{"S":"g%d"},"n":{"N":"%d"}}`, i, i%2, 10-i))
	}
	putC(t, s, `{"pk":{"S":"p"},"sk":{"N":"4"},"x":{"S":"left the index"}}`)
	must(t, s, "BatchWriteItem", `{"RequestItems":{"ccc":[{"DeleteRequest":{"Key":{"pk":{"S":"p"},"sk":{"N":"5"}}}},{"PutRequest":{"Item":{"pk":{"S":"q"},"sk":{"N":"1"}}}}]}}`)
	transaction := `{"ClientRequestToken":"once","TransactItems":[{"Update":{"TableName":"hhh","Key":{"pk":{"S":"counter"}},"UpdateExpression":"ADD n :v","ExpressionAttributeValues":{":v":{"N":"1"}}}},{"Put":{"TableName":"ccc","Item":{"pk":{"S":"t"},"sk":{"N":"1"}}}}]}`
	must(t, s, "TransactWriteItems", transaction)
	must(t, s, "DeleteTable", `{"TableName":"dropped"}`)
	snapshot := func(s *dynamodb.Service) map[string]any {
		all := map[string]any{}
		for name, call := range map[string][2]string{
			"tables": {"ListTables", `{}`}, "hhh": {"Scan", `{"TableName":"hhh"}`}, "ccc": {"Scan", `{"TableName":"ccc"}`},
			"byg": {"Scan", `{"TableName":"ccc","IndexName":"byg"}`}, "bygn": {"Scan", `{"TableName":"ccc","IndexName":"bygn"}`},
			"describe": {"DescribeTable", `{"TableName":"ccc"}`}, "ttl": {"DescribeTimeToLive", `{"TableName":"hhh"}`},
		} {
			all[name] = must(t, s, call[0], call[1])
		}
		return all
	}
	before := snapshot(s)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s, j = open()
	if diff := cmp.Diff(before, snapshot(s)); diff != "" {
		t.Errorf("after reopening (-before +after):\n%s", diff)
	}
	must(t, s, "TransactWriteItems", transaction) // a retry across the restart
	want(t, "counter", must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"counter"}}}`), `{"Item":{"pk":{"S":"counter"},"n":{"N":"6"}}}`)
	putH(t, s, `{"pk":{"S":"second life"}}`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s, j = open()
	want(t, "third process", must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"second life"}}}`), `{"Item":{"pk":{"S":"second life"}}}`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestUnitsAreBilledAsOnAWS runs one call after another and compares the
// meter, and the capacity that calls report.
func TestUnitsAreBilledAsOnAWS(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	s := newTables(t, dynamodb.Options{Meter: &m})
	kb := func(n int) string { return strings.Repeat("x", n<<10) }
	key := `"Key":{"pk":{"S":"a"}}`
	for _, c := range []struct {
		what, operation, body string
		write, read           float64
	}{
		{"put of a small item", "PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"}}}`, 1, 0},
		{"put of 1 KiB and a little", "PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"S":"` + kb(1) + `"}}}`, 2, 0},
		{"a smaller one over it", "PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"}}}`, 2, 0},
		{"update to 3 KiB and a little", "UpdateItem", `{"TableName":"hhh",` + key + `,"UpdateExpression":"SET v = :v","ExpressionAttributeValues":{":v":{"S":"` + kb(3) + `"}}}`, 4, 0},
		{"update that makes it smaller", "UpdateItem", `{"TableName":"hhh",` + key + `,"UpdateExpression":"SET v = :v","ExpressionAttributeValues":{":v":{"S":"x"}}}`, 4, 0},
		{"delete of nothing", "DeleteItem", `{"TableName":"hhh","Key":{"pk":{"S":"none"}}}`, 1, 0},
		{"put of 9 KiB", "PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"S":"` + kb(9) + `"}}}`, 10, 0},
		{"refused update", "UpdateItem", `{"TableName":"hhh",` + key + `,"UpdateExpression":"SET w = :w","ConditionExpression":"attribute_exists(w)","ExpressionAttributeValues":{":w":{"S":"x"}}}`, 10, 0},
		{"refused put of something larger", "PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"S":"` + kb(11) + `"}},"ConditionExpression":"attribute_not_exists(pk)"}`, 12, 0},
		{"eventual get of 9 KiB", "GetItem", `{"TableName":"hhh",` + key + `}`, 0, 1.5},
		{"consistent get of 9 KiB", "GetItem", `{"TableName":"hhh",` + key + `,"ConsistentRead":true,"ProjectionExpression":"pk"}`, 0, 3},
		{"get of nothing", "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"none"}}}`, 0, 0.5},
		{"transactional get of 9 KiB", "TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"hhh",` + key + `}}]}`, 0, 6},
		{"transactional put of 2 KiB", "TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"hhh","Item":{"pk":{"S":"t"},"v":{"S":"` + kb(2) + `"}}}}]}`, 6, 0},
		{"cancelled transaction", "TransactWriteItems", `{"TransactItems":[{"Delete":{"TableName":"hhh","Key":{"pk":{"S":"t"}},"ConditionExpression":"attribute_not_exists(pk)"}}]}`, 6, 0},
		{"scan of 9 + 2 KiB", "Scan", `{"TableName":"hhh","FilterExpression":"attribute_not_exists(pk)"}`, 0, 1.5},

		{"put outside all indexes", "PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"}}}`, 1, 0},
		{"put that enters one index", "PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"g":{"S":"x"}}}`, 2, 0},
		{"put that enters another", "PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"g":{"S":"x"},"n":{"N":"1"}}}`, 2, 0},
		{"change seen by the ALL index only", "PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"g":{"S":"x"},"n":{"N":"1"},"y":{"S":"y"}}}`, 2, 0},
		{"no change", "PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"g":{"S":"x"},"n":{"N":"1"},"y":{"S":"y"}}}`, 1, 0},
		{"sort key of one index changes", "UpdateItem", `{"TableName":"ccc","Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"UpdateExpression":"SET n = :v","ExpressionAttributeValues":{":v":{"N":"2"}}}`, 3, 0},
		{"delete from table and both indexes", "DeleteItem", `{"TableName":"ccc","Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}`, 3, 0},
		{"query of nothing", "Query", `{"TableName":"ccc","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"a"}}}`, 0, 0.5},
	} {
		before := m.Read()
		_, err := send(t, s, c.operation, c.body)
		if code := errorCode(err); code != "" && code != "ConditionalCheckFailedException" && code != "TransactionCanceledException" {
			t.Fatalf("%s: %v", c.what, err)
		}
		used := m.Read().Sub(before)
		if w, r := used.Count(meter.WriteUnits), used.Count(meter.ReadUnits); w != c.write || r != c.read {
			t.Errorf("%s: %v write and %v read units, want %v and %v", c.what, w, r, c.write, c.read)
		}
	}
	for i := range 20 {
		putC(t, s, fmt.Sprintf(`{"pk":{"S":"sum"},"sk":{"N":"%d"},"v":{"S":"%s"}}`, i, kb(1)))
	}
	before := m.Read()
	must(t, s, "Query", `{"TableName":"ccc","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"sum"}}}`)
	if got := m.Read().Sub(before).Count(meter.ReadUnits); got != 3 { // a little over 20 KiB in all, rounded once
		t.Errorf("query of 20 items of 1 KiB: %v read units, want 3", got)
	}
}

func TestCapacityOfIndexes(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	want(t, "put", must(t, s, "PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"l":{"S":"l"},"g":{"S":"x"},"n":{"N":"1"}},"ReturnConsumedCapacity":"INDEXES","ReturnItemCollectionMetrics":"SIZE"}`),
		`{"ConsumedCapacity":{"TableName":"ccc","CapacityUnits":4,"Table":{"CapacityUnits":1},"LocalSecondaryIndexes":{"byl":{"CapacityUnits":1}},
			"GlobalSecondaryIndexes":{"byg":{"CapacityUnits":1},"bygn":{"CapacityUnits":1}}},"ItemCollectionMetrics":{"ItemCollectionKey":{"pk":{"S":"a"}},"SizeEstimateRangeGB":[0,1]}}`)
	want(t, "no metrics without local indexes", must(t, s, "PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"}},"ReturnItemCollectionMetrics":"SIZE"}`), `{}`)
}

func TestTables(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	c := newClient(s, nil)
	putC(t, s, `{"pk":{"S":"a"},"sk":{"N":"1"},"g":{"S":"x"}}`)
	got, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: aws.String("ccc")})
	if err != nil {
		t.Fatal(err)
	}
	d := got.Table
	if d.TableStatus != types.TableStatusActive || aws.ToString(d.TableArn) != "arn:aws:dynamodb:eu-west-1:111122223333:table/ccc" ||
		aws.ToInt64(d.ItemCount) != 1 || aws.ToInt64(d.TableSizeBytes) != 9 || len(d.GlobalSecondaryIndexes) != 2 || len(d.LocalSecondaryIndexes) != 1 ||
		aws.ToInt64(d.GlobalSecondaryIndexes[0].ItemCount) != 1 || aws.ToInt64(d.GlobalSecondaryIndexes[1].ItemCount) != 0 {
		t.Errorf("description: %+v", d)
	}
	if _, err := c.CreateTable(t.Context(), &sdk.CreateTableInput{
		TableName: aws.String("hhh"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	}); codeOf(err) != "ResourceInUseException" {
		t.Errorf("created twice: %v", err)
	}
	want(t, "list", must(t, s, "ListTables", `{"Limit":1}`), `{"TableNames":["ccc"],"LastEvaluatedTableName":"ccc"}`)
	want(t, "rest of the list", must(t, s, "ListTables", `{"Limit":1,"ExclusiveStartTableName":"ccc"}`), `{"TableNames":["hhh"]}`)
	must(t, s, "DeleteTable", `{"TableName":"ccc"}`)
	if _, err := send(t, s, "DescribeTable", `{"TableName":"ccc"}`); errorCode(err) != "ResourceNotFoundException" {
		t.Errorf("after the deletion: %v", err)
	}
	for _, change := range [][2]string{
		{`"TableName":"hhh"`, `"TableName":"x!x"`},
		{`"KeyType":"HASH"`, `"KeyType":"RANGE"`},
		{`"AttributeName":"pk","KeyType"`, `"AttributeName":"other","KeyType"`},
		{`"AttributeType":"S"}]`, `"AttributeType":"S"},{"AttributeName":"unused","AttributeType":"S"}]`},
		{`"AttributeType":"S"`, `"AttributeType":"BOOL"`},
		{`"BillingMode":"PAY_PER_REQUEST",`, ``},
		{`"BillingMode"`, `"StreamSpecification":{"StreamEnabled":true},"BillingMode"`},
		{`"BillingMode"`, `"LocalSecondaryIndexes":[{"IndexName":"idx","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}],"BillingMode"`},
		{`"BillingMode"`, `"GlobalSecondaryIndexes":[{"IndexName":"idx","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"Projection":{"ProjectionType":"INCLUDE"}}],"BillingMode"`},
	} {
		body := strings.Replace(strings.Replace(tableH, `"hhh"`, `"bad"`, 1), strings.Replace(change[0], "hhh", "bad", 1), change[1], 1)
		if _, err := send(t, s, "CreateTable", body); errorCode(err) != "ValidationException" {
			t.Errorf("%s: %v", change[1], err)
		}
	}
}
