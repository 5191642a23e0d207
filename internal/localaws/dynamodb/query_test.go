package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
)

// sortKeys returns the sk of a response's items, joined.
func sortKeys(t *testing.T, out map[string]any) string {
	t.Helper()
	var keys []string
	items, _ := out["Items"].([]any)
	for _, it := range items {
		keys = append(keys, it.(map[string]any)["sk"].(map[string]any)["N"].(string))
	}
	return strings.Join(keys, " ")
}

func TestQueryRanges(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	for _, n := range []string{"10", "9", "-1", "100", "-20", "0", "0.5", "1E+30"} {
		putC(t, s, `{"pk":{"S":"p"},"sk":{"N":"`+n+`"},"l":{"S":"l`+n+`"},"g":{"S":"gg"},"n":{"N":"`+n+`"}}`)
	}
	putC(t, s, `{"pk":{"S":"q"},"sk":{"N":"5"}}`)
	const big = "1000000000000000000000000000000"
	for _, c := range []struct{ condition, extra, want string }{
		{"pk = :p", "", "-20 -1 0 0.5 9 10 100 " + big},
		{"pk = :p", `"ScanIndexForward":false,`, big + " 100 10 9 0.5 0 -1 -20"},
		{"pk = :p AND sk > :a", "", "0.5 9 10 100 " + big},
		{"sk >= :a AND pk = :p", "", "0 0.5 9 10 100 " + big},
		{"pk = :p AND sk < :a", "", "-20 -1"},
		{"pk = :p AND sk <= :a", "", "-20 -1 0"},
		{"pk = :p AND sk = :a", "", "0"},
		{"pk = :p AND sk BETWEEN :a AND :b", "", "0 0.5 9 10"},
		{"pk = :p AND (sk BETWEEN :a AND :b)", `"ScanIndexForward":false,"Limit":2,`, "10 9"},
		{"pk = :p AND begins_with(l, :l)", `"IndexName":"byl",`, "-1 -20"},
		{"g = :g AND n > :b", `"IndexName":"bygn",`, "100 " + big},
		{"g = :g", `"IndexName":"bygn","ScanIndexForward":false,"Limit":3,`, big + " 100 10"},
	} {
		values := usedOnly(t, `{":p":{"S":"p"},":a":{"N":"0"},":b":{"N":"10.0"},":l":{"S":"l-"},":g":{"S":"gg"}}`, c.condition)
		got := must(t, s, "Query", `{"TableName":"ccc",`+c.extra+`"KeyConditionExpression":"`+c.condition+`","ExpressionAttributeValues":`+values+`}`)
		if keys := sortKeys(t, got); keys != c.want {
			t.Errorf("%s %s: got %s, want %s", c.condition, c.extra, keys, c.want)
		}
	}
	for condition, message := range map[string]string{
		"sk = :a":                          "Query condition missed key schema element: pk",
		"pk > :p":                          "Query key condition not supported",
		"pk = :p AND x = :a":               "Query condition missed key schema element: sk",
		"pk = :p OR sk = :a":               "Invalid operator used in KeyConditionExpression: OR",
		"pk = :p AND sk <> :a":             "Invalid operator used in KeyConditionExpression: <>",
		"pk = :p AND NOT sk = :a":          "Invalid operator used in KeyConditionExpression: NOT",
		"pk = :p AND contains(sk, :a)":     "Invalid operator used in KeyConditionExpression: contains",
		"pk = :p AND sk > :a AND sk < :a":  "KeyConditionExpressions must only contain one condition per key",
		"pk = :a":                          "One or more parameter values were invalid: Condition parameter type does not match schema type",
		"pk = :p AND sk = :p":              "One or more parameter values were invalid: Condition parameter type does not match schema type",
		"pk = :p AND sk BETWEEN :a AND :n": "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:0}, upper bound operand: AttributeValue: {N:-1}",
	} {
		values := usedOnly(t, `{":p":{"S":"p"},":a":{"N":"0"},":n":{"N":"-1"}}`, condition)
		_, err := send(t, s, "Query", `{"TableName":"ccc","KeyConditionExpression":"`+condition+`","ExpressionAttributeValues":`+values+`}`)
		if err == nil || err.Code != "ValidationException" || err.Message != message {
			t.Errorf("%s: got %v, want %s", condition, err, message)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	putC(t, s, `{"pk":{"S":"p"},"sk":{"N":"1"},"l":{"S":"a"},"g":{"S":"gg"},"x":{"S":"x"},"y":{"S":"y"}}`)
	putC(t, s, `{"pk":{"S":"p"},"sk":{"N":"2"},"x":{"S":"x"}}`) // in no index
	whole := `{"pk":{"S":"p"},"sk":{"N":"1"},"l":{"S":"a"},"g":{"S":"gg"},"x":{"S":"x"},"y":{"S":"y"}}`
	for _, c := range []struct{ body, want string }{
		{`"IndexName":"byl","KeyConditionExpression":"pk = :p"`, `{"Count":1,"ScannedCount":1,"Items":[{"pk":{"S":"p"},"sk":{"N":"1"},"l":{"S":"a"},"x":{"S":"x"}}]}`},
		{`"IndexName":"byl","Select":"ALL_ATTRIBUTES","ReturnConsumedCapacity":"INDEXES","KeyConditionExpression":"pk = :p"`, `{"Count":1,"ScannedCount":1,"Items":[` + whole + `],
			"ConsumedCapacity":{"TableName":"ccc","CapacityUnits":1,"Table":{"CapacityUnits":0.5},"LocalSecondaryIndexes":{"byl":{"CapacityUnits":0.5}}}}`},
		{`"IndexName":"byl","ProjectionExpression":"y","KeyConditionExpression":"pk = :p"`, `{"Count":1,"ScannedCount":1,"Items":[{"y":{"S":"y"}}]}`},
		{`"Select":"COUNT","KeyConditionExpression":"pk = :p","FilterExpression":"attribute_exists(y)"`, `{"Count":1,"ScannedCount":2}`},
		{`"Limit":1,"KeyConditionExpression":"pk = :p","FilterExpression":"attribute_not_exists(y)"`, `{"Count":0,"ScannedCount":1,"Items":[],"LastEvaluatedKey":{"pk":{"S":"p"},"sk":{"N":"1"}}}`},
		{`"IndexName":"byl","Limit":1,"Select":"COUNT","KeyConditionExpression":"pk = :p"`, `{"Count":1,"ScannedCount":1,"LastEvaluatedKey":{"pk":{"S":"p"},"sk":{"N":"1"},"l":{"S":"a"}}}`},
		{`"Select":"SPECIFIC_ATTRIBUTES","KeyConditionExpression":"pk = :p"`, "error: One or more parameter values were invalid: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		{`"Select":"COUNT","ProjectionExpression":"x","KeyConditionExpression":"pk = :p"`, "error: Cannot specify the ProjectionExpression when choosing to get COUNT"},
		{`"Select":"ALL_PROJECTED_ATTRIBUTES","KeyConditionExpression":"pk = :p"`, "error: One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		{`"IndexName":"byg","Select":"ALL_ATTRIBUTES","KeyConditionExpression":"g = :p"`, "error: One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index byg because its projection type is not ALL"},
		{`"IndexName":"byg","ProjectionExpression":"y","KeyConditionExpression":"g = :p"`, "error: One or more parameter values were invalid: Global secondary index byg does not project [y]"},
		{`"IndexName":"byg","ConsistentRead":true,"KeyConditionExpression":"g = :p"`, "error: Consistent reads are not supported on global secondary indexes"},
		{`"IndexName":"none","KeyConditionExpression":"g = :p"`, "error: The table does not have the specified index: none"},
		{`"KeyConditionExpression":"pk = :p","FilterExpression":"sk <> :p"`, "error: Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"},
		{`"KeyConditionExpression":"pk = :p","ExclusiveStartKey":{"pk":{"S":"other"},"sk":{"N":"1"}}`, "error: The provided starting key is outside query boundaries based on provided conditions"},
		{`"KeyConditionExpression":"pk = :p","ExclusiveStartKey":{"pk":{"S":"p"}}`, "error: The provided starting key is invalid"},
	} {
		got, err := send(t, s, "Query", `{"TableName":"ccc","ExpressionAttributeValues":{":p":{"S":"p"}},`+c.body+`}`)
		if message, ok := strings.CutPrefix(c.want, "error: "); ok {
			if err == nil || err.Code != "ValidationException" || err.Message != message {
				t.Errorf("%s: got %v, want %s", c.body, err, message)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		want(t, c.body, got, c.want)
	}
}

func TestPagesOfOneMegabyte(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	for i := range 30 {
		putC(t, s, fmt.Sprintf(`{"pk":{"S":"p"},"sk":{"N":"%d"},"g":{"S":"g"},"n":{"N":"1"},"text":{"S":"%s"}}`, i, strings.Repeat("x", 100_000)))
	}
	c := newClient(s, nil)
	for name, in := range map[string]*sdk.QueryInput{
		"table":      {KeyConditionExpression: aws.String("pk = :v"), ExpressionAttributeValues: av{":v": str("p")}},
		"descending": {KeyConditionExpression: aws.String("pk = :v"), ExpressionAttributeValues: av{":v": str("p")}, ScanIndexForward: aws.Bool(false)},
		"index":      {IndexName: aws.String("bygn"), KeyConditionExpression: aws.String("g = :v"), ExpressionAttributeValues: av{":v": str("g")}},
	} {
		in.TableName = aws.String("ccc")
		var pages []int32
		seen := map[string]bool{}
		for p := sdk.NewQueryPaginator(c, in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, out.Count)
			for _, it := range out.Items {
				seen[it["sk"].(*types.AttributeValueMemberN).Value] = true
			}
		}
		if !slices.Equal(pages, []int32{11, 11, 8}) || len(seen) != 30 {
			t.Errorf("%s: pages of %v items, %d different", name, pages, len(seen))
		}
	}
}

func TestScanSegments(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	const items = 500
	for i := range items {
		putH(t, s, fmt.Sprintf(`{"pk":{"S":"key-%d"}}`, i))
	}
	seen := map[string]int{}
	const segments = 7
	for segment := range segments {
		start, count := "null", 0
		for start != "" {
			out := must(t, s, "Scan", fmt.Sprintf(`{"TableName":"hhh","Limit":9,"Segment":%d,"TotalSegments":%d,"ExclusiveStartKey":%s}`, segment, segments, start))
			for _, it := range out["Items"].([]any) {
				seen[it.(map[string]any)["pk"].(map[string]any)["S"].(string)]++
				count++
			}
			start = ""
			if last, ok := out["LastEvaluatedKey"]; ok {
				raw, err := json.Marshal(last)
				if err != nil {
					t.Fatal(err)
				}
				start = string(raw)
			}
		}
		if count < items/segments/2 || count > items/segments*2 {
			t.Errorf("segment %d has %d of %d items", segment, count, items)
		}
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", key, n)
		}
	}
	if len(seen) != items {
		t.Errorf("%d items were seen, want %d", len(seen), items)
	}
	for _, body := range []string{`{"TableName":"hhh","Segment":0}`, `{"TableName":"hhh","TotalSegments":2}`, `{"TableName":"hhh","Segment":2,"TotalSegments":2}`, `{"TableName":"hhh","Limit":0}`} {
		if _, err := send(t, s, "Scan", body); errorCode(err) != "ValidationException" {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestIndexDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{IndexDelay: time.Second}})
		count := func(index, key, value string) float64 {
			return must(t, s, "Query", `{"TableName":"ccc","IndexName":"`+index+`","KeyConditionExpression":"`+key+` = :v","ExpressionAttributeValues":{":v":{"S":"`+value+`"}}}`)["Count"].(float64)
		}
		putC(t, s, `{"pk":{"S":"p"},"sk":{"N":"1"},"g":{"S":"one"},"l":{"S":"l"}}`)
		if got := []float64{count("byg", "g", "one"), count("byl", "pk", "p")}; !slices.Equal(got, []float64{0, 1}) {
			t.Errorf("at once the global and the local index show %v", got)
		}
		time.Sleep(500 * time.Millisecond)
		putC(t, s, `{"pk":{"S":"p"},"sk":{"N":"1"},"g":{"S":"two"}}`)
		time.Sleep(500 * time.Millisecond)
		if got := []float64{count("byg", "g", "one"), count("byg", "g", "two")}; !slices.Equal(got, []float64{1, 0}) {
			t.Errorf("after a second the index shows %v", got)
		}
		time.Sleep(500 * time.Millisecond)
		if got := []float64{count("byg", "g", "one"), count("byg", "g", "two")}; !slices.Equal(got, []float64{0, 1}) {
			t.Errorf("in the end the index shows %v", got)
		}
	})
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{TTLLag: time.Hour}})
		put := func(pk string, in time.Duration) {
			putH(t, s, fmt.Sprintf(`{"pk":{"S":"%s"},"ttl":{"N":"%d"}}`, pk, time.Now().Add(in).Unix()))
		}
		put("before", time.Minute) // TTL is not enabled yet
		must(t, s, "UpdateTimeToLive", `{"TableName":"hhh","TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true}}`)
		put("soon", time.Minute)
		put("renewed", time.Minute)
		put("renewed", 10*time.Hour)
		put("old", -6*365*24*time.Hour)
		putH(t, s, `{"pk":{"S":"text"},"ttl":{"S":"1"}}`)
		count := func() float64 { return must(t, s, "Scan", `{"TableName":"hhh"}`)["Count"].(float64) }
		time.Sleep(time.Hour)
		if got := count(); got != 5 {
			t.Errorf("past the expiry but within the lag: %v items, want 5", got)
		}
		time.Sleep(time.Minute)
		if got := count(); got != 3 {
			t.Errorf("past the lag: %v items, want renewed, old, text", got)
		}
		time.Sleep(10 * time.Hour)
		if got := must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"renewed"}}}`); len(got) != 0 {
			t.Errorf("the renewed item is still there: %v", got)
		}
		want(t, "describe", must(t, s, "DescribeTimeToLive", `{"TableName":"hhh"}`), `{"TimeToLiveDescription":{"AttributeName":"ttl","TimeToLiveStatus":"ENABLED"}}`)
		if _, err := send(t, s, "UpdateTimeToLive", `{"TableName":"hhh","TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true}}`); errorCode(err) != "ValidationException" {
			t.Errorf("enabled twice: %v", err)
		}
	})
}
