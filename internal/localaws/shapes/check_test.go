package shapes_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/shapes"
)

// The checker finds what is wrong, and only that.
func TestCheck(t *testing.T) {
	t.Parallel()
	checker, err := shapes.NewChecker()
	if err != nil {
		t.Fatal(err)
	}
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for _, c := range []struct {
		name   string
		answer shapes.Answer
		want   []string
	}{
		{
			"right", shapes.Answer{Service: "SFN", Operation: "StartExecution", Status: 200, Body: []byte(`{"executionArn":"a","startDate":1.5}`)}, nil,
		},
		{
			"required, unknown and wrong type",
			shapes.Answer{Service: "SFN", Operation: "StartExecution", Status: 200, Body: []byte(`{"startDate":"now","colour":1}`)},
			[]string{"StartExecution: lacks executionArn", "StartExecution: has colour, which is not described", "StartExecution.startDate: is string, not a time in seconds"},
		},
		{
			"enumeration and list",
			shapes.Answer{Service: "SFN", Operation: "ListExecutions", Status: 200, Body: []byte(`{"executions":[{"executionArn":"a","stateMachineArn":"m","name":"n","status":"DONE","startDate":1}]}`)},
			[]string{`ListExecutions.executions[0].status: is "DONE", which is none of [RUNNING SUCCEEDED FAILED TIMED_OUT ABORTED PENDING_REDRIVE]`},
		},
		{
			"map with closed keys",
			shapes.Answer{Service: "SQS", Operation: "GetQueueAttributes", Status: 200, Body: []byte(`{"Attributes":{"DelaySeconds":0}}`)},
			[]string{"GetQueueAttributes.Attributes{DelaySeconds}: is json.Number, not a string"},
		},
		{
			"whole number and boolean",
			shapes.Answer{Service: "DynamoDB", Operation: "Scan", Status: 200, Body: []byte(`{"Count":1.5,"Items":[{"a":{"BOOL":"true"}}]}`)},
			[]string{"Scan.Count: is not a integer", "Scan.Items[0]{a}.BOOL: is string, not a boolean"},
		},
		{
			"no JSON",
			shapes.Answer{Service: "DynamoDB", Operation: "Scan", Status: 200, Body: []byte("<")},
			[]string{"Scan: is no JSON: invalid character '<' looking for beginning of value"},
		},
		{
			"body where there is none",
			shapes.Answer{Service: "KMS", Operation: "CreateAlias", Status: 200, Body: []byte(`{"AliasName":"a"}`)},
			[]string{"CreateAlias: answers a body, and there is none"},
		},
		{
			"error of the operation",
			shapes.Answer{
				Service: "DynamoDB", Operation: "TransactWriteItems", Status: 400,
				Body: []byte(`{"__type":"x#TransactionCanceledException","Message":"m","CancellationReasons":[{"Code":7}]}`),
			},
			[]string{"TransactWriteItems fails with TransactionCanceledException.CancellationReasons[0].Code: is json.Number, not a string"},
		},
		{
			"error of another operation",
			shapes.Answer{Service: "DynamoDB", Operation: "GetItem", Status: 400, Body: []byte(`{"__type":"x#ConditionalCheckFailedException"}`)},
			[]string{"GetItem fails with ConditionalCheckFailedException: that is not an error of the operation"},
		},
		{
			"error without the old code",
			shapes.Answer{Service: "SQS", Operation: "PurgeQueue", Status: 403, Body: []byte(`{"__type":"x#PurgeQueueInProgress"}`)},
			[]string{"PurgeQueue: error PurgeQueueInProgress without the code of the query protocol"},
		},
		{
			"XML",
			shapes.Answer{
				Service: "S3", Operation: "ListObjectsV2", Status: 200,
				Body: []byte(`<ListBucketResult><KeyCount>one</KeyCount><Contents><Key>a</Key><Color>b</Color></Contents><Contents><LastModified>now</LastModified></Contents></ListBucketResult>`),
			},
			[]string{"ListObjectsV2.Contents: has Color, which is not described", "ListObjectsV2.Contents.LastModified: is not a timestamp", "ListObjectsV2.KeyCount: is not a integer"},
		},
		{
			"header",
			shapes.Answer{Service: "S3", Operation: "HeadObject", Status: 200, Headless: true, Header: header("Content-Length", "many", "Last-Modified", "now")},
			[]string{"HeadObject.ContentLength: is not a long", "HeadObject.LastModified: is not a timestamp"},
		},
		{
			"XML error",
			shapes.Answer{Service: "S3", Operation: "GetObject", Status: 404, Body: []byte(`<Error><Code>Lost</Code></Error>`)},
			[]string{"GetObject fails with Lost: that is not an error of the operation"},
		},
		{
			"REST error", shapes.Answer{Service: "Lambda", Operation: "Invoke", Status: 404, Header: header("X-Amzn-Errortype", "ResourceNotFoundException"), Body: []byte(`{"Type":"User","Message":"m"}`)}, nil,
		},
		{
			"operation that is not in the model",
			shapes.Answer{Service: "SQS", Operation: "AddPermission", Status: 200},
			[]string{"no model of SQS AddPermission: add it to models.py"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := checker.Check(c.answer)
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
		})
	}
}
