package shapes_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/lambda"
)

// socket is the HTTP client of a program that talks to the front door over a
// socket, as the aws command does, without one.
type socket struct {
	door     http.Handler
	request  *http.Request
	sent     []byte // the request's body
	response *http.Response
	body     []byte
}

func (s *socket) Do(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	var err error
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if s.sent, err = io.ReadAll(in.Body); err != nil {
		return nil, err
	}
	in.Body = io.NopCloser(bytes.NewReader(s.sent))
	w := httptest.NewRecorder()
	s.door.ServeHTTP(w, in)
	s.request, s.response = r, w.Result()
	if s.body, err = io.ReadAll(s.response.Body); err != nil {
		return nil, err
	}
	if err := s.response.Body.Close(); err != nil {
		return nil, err
	}
	s.response.Body = io.NopCloser(bytes.NewReader(s.body))
	return s.response, nil
}

// echo answers what it is invoked with.
type echo struct{}

// Invoke implements lambda.Handler.
func (echo) Invoke(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }

// What clients send arrives, and they get the headers that they look at.
func TestWire(t *testing.T) {
	t.Parallel()
	const json0, json1 = "application/x-amz-json-1.0", "application/x-amz-json-1.1"
	for _, c := range []struct {
		name string
		call func(ctx context.Context, cfg aws.Config) error
		// request line and headers that the client must have sent, and the
		// answer's status and headers
		request, answer map[string]string
		sent            string // what the request's body must have
		fails           bool
	}{
		{
			name: "DynamoDB",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{})
				return err
			},
			request: map[string]string{"": "POST /", "X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": json0},
			answer:  map[string]string{"": "200", "Content-Type": json0, "X-Amz-Crc32": "computed"},
		},
		{
			name: "DynamoDB error",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := dynamodb.NewFromConfig(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("none")})
				return err
			},
			request: map[string]string{"": "POST /", "X-Amz-Target": "DynamoDB_20120810.DescribeTable"},
			answer:  map[string]string{"": "400", "Content-Type": json0, "X-Amz-Crc32": "computed"},
			fails:   true,
		},
		{
			name: "SQS",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
				return err
			},
			request: map[string]string{"": "POST /", "X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": json0, "X-Amzn-Query-Mode": "true"},
			answer:  map[string]string{"": "200", "Content-Type": json0},
		},
		{
			name: "SQS error",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := sqs.NewFromConfig(cfg).PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: aws.String("https://sqs.us-east-1.amazonaws.com/123456789012/none")})
				return err
			},
			request: map[string]string{"": "POST /", "X-Amz-Target": "AmazonSQS.PurgeQueue"},
			sent:    `"QueueUrl":"https://sqs.us-east-1.amazonaws.com/123456789012/none"`,
			answer:  map[string]string{"": "400", "X-Amzn-Query-Error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
			fails:   true,
		},
		{
			name: "Secrets Manager",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := secretsmanager.NewFromConfig(cfg).ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
				return err
			},
			request: map[string]string{"": "POST /", "X-Amz-Target": "secretsmanager.ListSecrets", "Content-Type": json1},
			answer:  map[string]string{"": "200", "Content-Type": json1},
		},
		{
			name: "KMS",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := kms.NewFromConfig(cfg).CreateKey(ctx, &kms.CreateKeyInput{})
				return err
			},
			request: map[string]string{"": "POST /", "X-Amz-Target": "TrentService.CreateKey", "Content-Type": json1},
			answer:  map[string]string{"": "200", "Content-Type": json1},
		},
		{
			name: "Step Functions",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := sfn.NewFromConfig(cfg).ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
				return err
			},
			request: map[string]string{"": "POST /", "X-Amz-Target": "AWSStepFunctions.ListStateMachines", "Content-Type": json0},
			answer:  map[string]string{"": "200", "Content-Type": json0},
		},
		{
			name: "Scheduler",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := scheduler.NewFromConfig(cfg).CreateSchedule(ctx, &scheduler.CreateScheduleInput{
					Name: aws.String("nightly"), ClientToken: aws.String("token-1"), ScheduleExpression: aws.String("cron(0 3 1 1 ? 2199)"),
					FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
					Target: &schedulertypes.Target{
						Arn: aws.String("arn:aws:lambda:us-east-1:123456789012:function:sluice-Function"), RoleArn: aws.String("arn:aws:iam::123456789012:role/scheduler"),
					},
				})
				return err
			},
			request: map[string]string{"": "POST /schedules/nightly", "Content-Type": "application/json"},
			sent:    `"ClientToken":"token-1"`,
			answer:  map[string]string{"": "200", "Content-Type": "application/json"},
		},
		{
			name: "S3 put",
			call: func(ctx context.Context, cfg aws.Config) error {
				client := s3.NewFromConfig(cfg)
				if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("bucket")}); err != nil {
					return err
				}
				_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a/b"), Body: strings.NewReader("0123456789")})
				return err
			},
			request: map[string]string{"": "PUT /bucket/a/b?x-id=PutObject", "X-Amz-Checksum-Crc32": "poTHxg=="},
			answer:  map[string]string{"": "200", "X-Amz-Checksum-Crc32": "poTHxg==", "X-Amz-Checksum-Type": "FULL_OBJECT", "Etag": `"781e5e245d69b566979b86e28d23f2c7"`},
		},
		{
			name: "S3 get",
			call: func(ctx context.Context, cfg aws.Config) error {
				client := s3.NewFromConfig(cfg)
				if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("bucket")}); err != nil {
					return err
				}
				if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a"), Body: strings.NewReader("0123456789")}); err != nil {
					return err
				}
				out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a"), ChecksumMode: types.ChecksumModeEnabled})
				if err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, out.Body) // the client compares checksums at the end
				return err
			},
			request: map[string]string{"": "GET /bucket/a?x-id=GetObject", "X-Amz-Checksum-Mode": "ENABLED"},
			answer:  map[string]string{"": "200", "X-Amz-Checksum-Crc32": "poTHxg==", "Content-Length": "10"},
		},
		{
			name: "Lambda",
			call: func(ctx context.Context, cfg aws.Config) error {
				_, err := awslambda.NewFromConfig(cfg).Invoke(ctx, &awslambda.InvokeInput{FunctionName: aws.String("sluice-Function"), Payload: []byte(`{}`)})
				return err
			},
			request: map[string]string{"": "POST /2015-03-31/functions/sluice-Function/invocations"},
			answer:  map[string]string{"": "200", "X-Amz-Executed-Version": "$LATEST"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				stack, err := localaws.New(t.Context(), localaws.Options{
					Dir: fstest.MapFS{}, Template: []byte(triggered),
					Functions: map[string]localaws.Factory{"echo": func(context.Context, map[string]string, aws.Config) (lambda.Handler, error) { return echo{}, nil }},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := stack.Close(); err != nil {
						t.Error(err)
					}
				}()
				s := &socket{door: stack.Handler()}
				err = c.call(t.Context(), aws.Config{
					Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:8787"), HTTPClient: s, RetryMaxAttempts: 1,
					Credentials:                credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
					RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
				})
				if (err != nil) != c.fails {
					t.Fatalf("fails: %t, error: %v", c.fails, err)
				}
				got := map[string]string{"": s.request.Method + " " + s.request.URL.RequestURI()}
				if diff := cmp.Diff(c.request, picked(got, s.request.Header, c.request)); diff != "" {
					t.Errorf("request (-want +got):\n%s", diff)
				}
				if !strings.Contains(string(s.sent), c.sent) {
					t.Errorf("the request's body is %s, want %s in it", s.sent, c.sent)
				}
				got = map[string]string{"": strconv.Itoa(s.response.StatusCode)}
				picked(got, s.response.Header, c.answer)
				if _, ok := c.answer["X-Amz-Crc32"]; ok && got["X-Amz-Crc32"] == fmt.Sprint(crc32.ChecksumIEEE(s.body)) {
					got["X-Amz-Crc32"] = "computed"
				}
				if diff := cmp.Diff(c.answer, got); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// picked adds to got the headers that want names.
func picked(got map[string]string, h http.Header, want map[string]string) map[string]string {
	for name := range want {
		if name != "" {
			got[name] = h.Get(name)
		}
	}
	return got
}
