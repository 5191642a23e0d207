package dynamodb_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// transport answers the SDK in process.
type transport struct {
	service *dynamodb.Service
	role    *iam.Principal
}

func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	rec := httptest.NewRecorder()
	wire.ServeJSON(rec, r, tr.service, &wire.Call{Service: "dynamodb", Operation: operation, RequestID: "r-1", Principal: tr.role})
	return rec.Result(), nil
}

func newService(t testing.TB, opts dynamodb.Options) *dynamodb.Service {
	t.Helper()
	opts.Region, opts.Account = "eu-west-1", "111122223333"
	s, err := dynamodb.New(opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

func newClient(s *dynamodb.Service, role *iam.Principal) *sdk.Client {
	return sdk.New(sdk.Options{
		Region:           "eu-west-1",
		Credentials:      credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient:       &http.Client{Transport: transport{s, role}},
		RetryMaxAttempts: 1,
	})
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

type av = map[string]types.AttributeValue

// codeOf returns the code of an API error, "" for nil.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return "not an API error: " + err.Error()
}

// send runs one operation given as JSON and returns the response decoded, or
// the error.
func send(t testing.TB, s *dynamodb.Service, operation, body string) (map[string]any, *wire.Error) {
	t.Helper()
	out, err := s.Handle(t.Context(), &wire.Call{Service: "dynamodb", Operation: operation, Body: []byte(body)})
	if err != nil {
		e, ok := errors.AsType[*wire.Error](err)
		if !ok {
			t.Fatalf("%s: %v", operation, err)
		}
		return nil, e
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatalf("%s: encode: %v", operation, err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%s: the response is not JSON: %v", operation, err)
	}
	return m, nil
}

// must is send for operations that have to succeed.
func must(t testing.TB, s *dynamodb.Service, operation, body string) map[string]any {
	t.Helper()
	out, err := send(t, s, operation, body)
	if err != nil {
		t.Fatalf("%s %s: %v", operation, body, err)
	}
	return out
}

// parseJSON decodes an expected response.
func parseJSON(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("bad expectation %s: %v", text, err)
	}
	return m
}

// want compares a response with JSON.
func want(t testing.TB, what string, got map[string]any, text string) {
	t.Helper()
	if diff := cmp.Diff(parseJSON(t, text), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Two tables for most tests: h has a partition key only; c has a sort key, a
// local index by l (INCLUDE x) and global ones by g (KEYS_ONLY), g+n (ALL).
const (
	tableH = `{"TableName":"hhh","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`
	tableC = `{"TableName":"ccc","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},
			{"AttributeName":"l","AttributeType":"S"},{"AttributeName":"g","AttributeType":"S"},{"AttributeName":"n","AttributeType":"N"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
		"LocalSecondaryIndexes":[{"IndexName":"byl","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"l","KeyType":"RANGE"}],
			"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["x"]}}],
		"GlobalSecondaryIndexes":[
			{"IndexName":"byg","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"KEYS_ONLY"}},
			{"IndexName":"bygn","KeySchema":[{"AttributeName":"g","KeyType":"HASH"},{"AttributeName":"n","KeyType":"RANGE"}],"Projection":{"ProjectionType":"ALL"}}]}`
)

func newTables(t testing.TB, opts dynamodb.Options) *dynamodb.Service {
	t.Helper()
	s := newService(t, opts)
	must(t, s, "CreateTable", tableH)
	must(t, s, "CreateTable", tableC)
	return s
}

func putH(t testing.TB, s *dynamodb.Service, item string) {
	t.Helper()
	must(t, s, "PutItem", `{"TableName":"hhh","Item":`+item+`}`)
}

func putC(t testing.TB, s *dynamodb.Service, item string) {
	t.Helper()
	must(t, s, "PutItem", `{"TableName":"ccc","Item":`+item+`}`)
}

// errorCode is the code of what [send] or Handle returned, "" for no error.
func errorCode(err error) string {
	if e, ok := errors.AsType[*wire.Error](err); ok && e != nil {
		return e.Code
	}
	return ""
}

// reasonCodes are the codes of the reasons why a transaction was cancelled.
func reasonCodes(t testing.TB, err *wire.Error) []string {
	t.Helper()
	if err == nil || err.Code != "TransactionCanceledException" {
		return nil
	}
	raw, e := json.Marshal(err.Members["CancellationReasons"])
	var reasons []struct{ Code string }
	if e == nil {
		e = json.Unmarshal(raw, &reasons)
	}
	if e != nil {
		t.Fatal(e)
	}
	var codes []string
	for _, r := range reasons {
		codes = append(codes, r.Code)
	}
	return codes
}
