package shapes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/build"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/lambda"
)

// triggered is a function behind a queue and an HTTP API.
const triggered = `
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/echo
      Runtime: provided.al2023
      Handler: bootstrap
      Timeout: 10
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 1}}
        Api: {Type: HttpApi, Properties: {Method: ANY, Path: "/items/{id}"}}
Outputs:
  QueueUrl: {Value: !Ref Queue}
`

// catcher is a function that gives on what it is invoked with.
type catcher chan []byte

// Invoke implements lambda.Handler.
func (c catcher) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	c <- payload
	return []byte(`{"statusCode":204}`), nil
}

// sample reads an event that AWS sent, from the runtime's module.
func sample(t *testing.T, name string) any {
	t.Helper()
	pkg, err := build.Import("github.com/aws/aws-lambda-go/events", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(pkg.Dir, "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, data)
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// fields lists the paths of an event with the kind of each value. What keys are
// data (headers, message attributes, parameters) is *, and lists stand for their
// items.
func fields(event any) []string {
	out := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if slices.ContainsFunc([]string{"headers", "messageAttributes", "pathParameters", "queryStringParameters"}, func(of string) bool { return strings.HasSuffix(path, "."+of) }) {
					key = "*"
				}
				walk(path+"."+key, inner)
			}
		case []any:
			out[path+"[]"] = true
			for _, item := range v {
				walk(path+"[]", item)
			}
		default:
			out[fmt.Sprintf("%s %T", path, v)] = true
		}
	}
	walk("", event)
	return slices.Sorted(maps.Keys(out))
}

// Events have the fields of those that AWS sent to the authors of the runtime's
// module.
func TestEventsHaveTheFieldsOfSamples(t *testing.T) {
	t.Parallel()
	var message, request []byte
	synctest.Test(t, func(t *testing.T) {
		caught := make(catcher, 1)
		stack, err := localaws.New(t.Context(), localaws.Options{
			Dir: fstest.MapFS{}, Template: []byte(triggered),
			Functions: map[string]localaws.Factory{"echo": func(context.Context, map[string]string, aws.Config) (lambda.Handler, error) { return caught, nil }},
		})
		if err != nil {
			t.Fatal(err)
		}
		stack.Start()
		defer func() {
			if err := stack.Close(); err != nil {
				t.Error(err)
			}
		}()
		cfg, err := stack.Config("")
		if err != nil {
			t.Fatal(err)
		}
		_, err = sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: aws.String(stack.Output("QueueUrl")), MessageBody: aws.String("job"),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"text":  {DataType: aws.String("String"), StringValue: aws.String("a")},
				"bytes": {DataType: aws.String("Binary"), BinaryValue: []byte{1}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		message = <-caught
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/items/1?a=b", nil)
		r.Header.Set("User-Agent", "test")
		stack.HTTPAPI().ServeHTTP(httptest.NewRecorder(), r)
		request = <-caught
	})
	t.Run("SQS", func(t *testing.T) {
		t.Parallel()
		want := fields(sample(t, "sqs-event.json"))
		// The lists of attributes are not filled by AWS, only reserved.
		want = slices.DeleteFunc(want, func(f string) bool { return strings.Contains(f, "ListValues[] ") })
		if diff := cmp.Diff(want, fields(decoded(t, message))); diff != "" {
			t.Errorf("fields (-sample +ours):\n%s", diff)
		}
	})
	t.Run("HTTP API", func(t *testing.T) {
		t.Parallel()
		want := fields(sample(t, "apigw-v2-request-no-authorizer.json"))
		// The sample comes from a domain with mutual TLS, whose certificate the
		// runtime's type always writes, and has no parameters.
		want = append(want, ".pathParameters.* string", ".queryStringParameters.* string")
		slices.Sort(want)
		if diff := cmp.Diff(want, fields(decoded(t, request))); diff != "" {
			t.Errorf("fields (-sample +ours):\n%s", diff)
		}
	})
}
