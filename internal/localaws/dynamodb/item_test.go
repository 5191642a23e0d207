package dynamodb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/wire"
)

func diffAV(want, got any) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(
		types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{}, types.AttributeValueMemberBOOL{},
		types.AttributeValueMemberNULL{}, types.AttributeValueMemberSS{}, types.AttributeValueMemberL{}, types.AttributeValueMemberM{},
		types.AttributeValueMemberNS{}, types.AttributeValueMemberBS{},
	))
}

func TestItemsThroughTheSDK(t *testing.T) {
	t.Parallel()
	c := newClient(newTables(t, dynamodb.Options{}), nil)
	item := av{
		"pk": str("a\"\\\n\u2028\x01é😀"), "n": num("-1.5"), "b": &types.AttributeValueMemberB{Value: []byte{0, 255, 10}},
		"t": &types.AttributeValueMemberBOOL{Value: true}, "z": &types.AttributeValueMemberNULL{Value: true}, "e": str(""),
		"ss": &types.AttributeValueMemberSS{Value: []string{"x", "y"}}, "ns": &types.AttributeValueMemberNS{Value: []string{"1", "2"}},
		"bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
		"l":  &types.AttributeValueMemberL{Value: []types.AttributeValue{str("x"), &types.AttributeValueMemberL{Value: []types.AttributeValue{}}}},
		"m":  &types.AttributeValueMemberM{Value: av{"k": &types.AttributeValueMemberM{Value: av{}}}},
	}
	if _, err := c.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("hhh"), Item: item}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("hhh"), Key: av{"pk": item["pk"]}, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffAV(item, got.Item); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	_, err = c.PutItem(t.Context(), &sdk.PutItemInput{
		TableName: aws.String("hhh"), Item: av{"pk": item["pk"]}, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		t.Fatalf("put over an existing item: %v", err)
	}
	if diff := diffAV(item, failed.Item); diff != "" {
		t.Errorf("item in the exception (-want +got):\n%s", diff)
	}
	deleted, err := c.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("hhh"), Key: av{"pk": item["pk"]}, ReturnValues: types.ReturnValueAllOld})
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffAV(item, deleted.Attributes); diff != "" {
		t.Errorf("deleted attributes (-want +got):\n%s", diff)
	}
	if got, err = c.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("hhh"), Key: av{"pk": item["pk"]}}); err != nil || got.Item != nil {
		t.Errorf("after the deletion: %v, %v", got, err)
	}
}

func TestItemsRefused(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	big := strings.Repeat("x", 400<<10-len("pk")-len("a")-len("v"))
	putH(t, s, `{"pk":{"S":"a"},"v":{"S":"`+big+`"}}`) // exactly the limit
	nested := strings.Repeat(`{"L":[`, 33) + `{"S":"x"}` + strings.Repeat(`]}`, 33)
	for _, c := range []struct{ operation, body, code, message string }{
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"S":"` + big + `x"}}}`, "", "One or more parameter values were invalid: Item size has exceeded the maximum allowed size"},
		{"UpdateItem", `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET w = :w","ExpressionAttributeValues":{":w":{"S":"x"}}}`, "", "Item size to update has exceeded the maximum allowed size"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":""}}}`, "", "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"PutItem", `{"TableName":"hhh","Item":{"x":{"S":""}}}`, "", "One or more parameter values were invalid: Missing the key pk in the item"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"N":"1"}}}`, "", "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"` + strings.Repeat("k", 2049) + `"}}}`, "", "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of 2048 bytes"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":` + nested + `}}`, "", "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{}}}`, "", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"S":"x","N":"1"}}}`, "", "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"SS":[]}}}`, "", "One or more parameter values were invalid: An string set  may not be empty"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"SS":["x","y","x"]}}}`, "", "One or more parameter values were invalid: Input collection [x, y, x] contains duplicates."},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"NS":["1","1.0"]}}}`, "", "Input collection contains duplicates"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"},"v":{"NULL":false}}}`, "", "One or more parameter values were invalid: Null attribute value types must have the value of true"},
		{"PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"g":{"N":"1"}}}`, "", "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: byg"},
		{"PutItem", `{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"g":{"S":""}}}`, "", "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: byg, IndexKey: g"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"}},"ReturnValues":"ALL_NEW"}`, "", "ReturnValues can only be ALL_OLD or NONE"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"}},"Expected":{},"ConditionExpression":"attribute_exists(pk)"}`, "", "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"}},"ExpressionAttributeValues":{":v":{"S":"x"}}}`, "", "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"},
		{"PutItem", `{"TableName":"nowhere","Item":{"pk":{"S":"a"}}}`, "ResourceNotFoundException", "Requested resource not found"},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":"a"}`, "SerializationException", ""},
		{"PutItem", `{"TableName":"hhh","Item":{"pk":{"S":1}}}`, "SerializationException", ""},
		{"PutItem", "{\"TableName\":\"hhh\",\"Item\":{\"pk\":{\"S\":\"\xff\"}}}", "SerializationException", ""},
		{"GetItem", `{"TableName":"ccc","Key":{"pk":{"S":"a"}}}`, "", "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"ccc","Key":{"pk":{"S":"a"},"sk":{"S":"1"}}}`, "", "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ProjectionExpression":"a, a.b"}`, "", "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"},
		{"DescribeStream", `{}`, "UnknownOperationException", "the local DynamoDB has no operation DescribeStream"},
	} {
		out, err := send(t, s, c.operation, c.body)
		code := c.code
		if code == "" {
			code = "ValidationException"
		}
		if err == nil || err.Code != code || c.message != "" && err.Message != c.message {
			t.Errorf("%s %.120s: got %v, %v\nwant %s: %s", c.operation, c.body, out, err, code, c.message)
		}
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	want(t, "write", must(t, s, "BatchWriteItem", `{"RequestItems":{"hhh":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}},{"PutRequest":{"Item":{"pk":{"S":"b"},"v":{"N":"1"}}}},{"DeleteRequest":{"Key":{"pk":{"S":"c"}}}}],
		"ccc":[{"PutRequest":{"Item":{"pk":{"S":"a"},"sk":{"N":"1"}}}}]},"ReturnConsumedCapacity":"TOTAL"}`),
		`{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"ccc","CapacityUnits":1},{"TableName":"hhh","CapacityUnits":3}]}`)
	want(t, "get", must(t, s, "BatchGetItem", `{"RequestItems":{"hhh":{"Keys":[{"pk":{"S":"b"}},{"pk":{"S":"zz"}}],"ProjectionExpression":"#v","ExpressionAttributeNames":{"#v":"v"}},"ccc":{"Keys":[{"pk":{"S":"a"},"sk":{"N":"1.0"}}],"ConsistentRead":true}},"ReturnConsumedCapacity":"TOTAL"}`),
		`{"Responses":{"hhh":[{"v":{"N":"1"}}],"ccc":[{"pk":{"S":"a"},"sk":{"N":"1"}}]},"UnprocessedKeys":{},"ConsumedCapacity":[{"TableName":"ccc","CapacityUnits":1},{"TableName":"hhh","CapacityUnits":1}]}`)

	var puts, keys []string
	for i := range 101 {
		puts = append(puts, fmt.Sprintf(`{"PutRequest":{"Item":{"pk":{"S":"p%d"}}}}`, i))
		keys = append(keys, fmt.Sprintf(`{"pk":{"S":"p%d"}}`, i))
	}
	must(t, s, "BatchWriteItem", `{"RequestItems":{"hhh":[`+strings.Join(puts[:25], ",")+`]}}`)
	must(t, s, "BatchGetItem", `{"RequestItems":{"hhh":{"Keys":[`+strings.Join(keys[:100], ",")+`]}}}`)
	for _, c := range [][2]string{
		{"BatchWriteItem", `{"RequestItems":{}}`},
		{"BatchWriteItem", `{"RequestItems":{"hhh":[]}}`},
		{"BatchWriteItem", `{"RequestItems":{"hhh":[{}]}}`},
		{"BatchWriteItem", `{"RequestItems":{"hhh":[` + strings.Join(puts[:26], ",") + `]}}`},
		{"BatchWriteItem", `{"RequestItems":{"hhh":[` + strings.Join(puts[:25], ",") + `],"ccc":[{"DeleteRequest":{"Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}}]}}`},
		{"BatchWriteItem", `{"RequestItems":{"hhh":[{"PutRequest":{"Item":{"pk":{"S":"x"}}}},{"DeleteRequest":{"Key":{"pk":{"S":"x"}}}}]}}`},
		{"BatchGetItem", `{"RequestItems":{}}`},
		{"BatchGetItem", `{"RequestItems":{"hhh":{"Keys":[]}}}`},
		{"BatchGetItem", `{"RequestItems":{"hhh":{"Keys":[` + strings.Join(keys, ",") + `]}}}`},
		{"BatchGetItem", `{"RequestItems":{"ccc":{"Keys":[{"pk":{"S":"a"},"sk":{"N":"1"}},{"pk":{"S":"a"},"sk":{"N":"1.0"}}]}}}`},
	} {
		if _, err := send(t, s, c[0], c[1]); errorCode(err) != "ValidationException" {
			t.Errorf("%s %.100s: %v", c[0], c[1], err)
		}
	}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	s := newTables(t, dynamodb.Options{})
	arn := "arn:aws:dynamodb:eu-west-1:111122223333:table/"
	role := &iam.Principal{Name: "R", ARN: "arn:aws:iam::111122223333:role/R", Statements: []iam.Statement{
		{Effect: "Allow", Actions: []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchGetItem"}, Resources: []string{arn + "ccc"}},
		{Effect: "Allow", Actions: []string{"dynamodb:Query"}, Resources: []string{arn + "ccc/index/byg"}},
	}}
	for _, c := range []struct{ operation, body, code string }{
		{"GetItem", `{"TableName":"ccc","Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}`, ""},
		{"GetItem", `{"TableName":"` + arn + `ccc","Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}`, ""},
		{"GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"a"}}}`, "AccessDeniedException"},
		{"DeleteItem", `{"TableName":"ccc","Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}`, "AccessDeniedException"},
		{"Query", `{"TableName":"ccc","IndexName":"byg","KeyConditionExpression":"g = :g","ExpressionAttributeValues":{":g":{"S":"x"}}}`, ""},
		{"Query", `{"TableName":"ccc","IndexName":"bygn","KeyConditionExpression":"g = :g","ExpressionAttributeValues":{":g":{"S":"x"}}}`, "AccessDeniedException"},
		{"Scan", `{"TableName":"ccc"}`, "AccessDeniedException"},
		{"BatchGetItem", `{"RequestItems":{"ccc":{"Keys":[{"pk":{"S":"a"},"sk":{"N":"1"}}]},"hhh":{"Keys":[{"pk":{"S":"a"}}]}}}`, "AccessDeniedException"},
		{"BatchWriteItem", `{"RequestItems":{"ccc":[{"DeleteRequest":{"Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}}]}}`, "AccessDeniedException"},
		{"TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"ccc","Item":{"pk":{"S":"a"},"sk":{"N":"1"}}}}]}`, ""},
		{"TransactWriteItems", `{"TransactItems":[{"ConditionCheck":{"TableName":"ccc","Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"ConditionExpression":"attribute_exists(pk)"}}]}`, "AccessDeniedException"},
		{"TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"hhh","Key":{"pk":{"S":"a"}}}}]}`, "AccessDeniedException"},
		{"CreateTable", tableH, "AccessDeniedException"},
		{"DeleteTable", `{"TableName":"ccc"}`, "AccessDeniedException"},
		{"ListTables", `{}`, "AccessDeniedException"},
		{"DescribeTable", `{"TableName":"nowhere"}`, "AccessDeniedException"},
		{"DescribeTimeToLive", `{"TableName":"ccc"}`, "AccessDeniedException"},
	} {
		_, err := s.Handle(t.Context(), &wire.Call{Service: "dynamodb", Operation: c.operation, Principal: role, Body: []byte(c.body)})
		if got := errorCode(err); got != c.code {
			t.Errorf("%s %s: %q, want %q", c.operation, c.body, got, c.code)
		}
	}
	_, err := newClient(s, role).DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("hhh"), Key: av{"pk": str("a")}})
	if codeOf(err) != "AccessDeniedException" {
		t.Errorf("through the SDK: %v", err)
	}
}
