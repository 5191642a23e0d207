package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const (
	region  = "eu-west-1"
	account = "123456789012"
)

// httpFunc is an aws.HTTPClient that answers in process.
type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// client returns the real SDK client, as called by principal.
func client(s *sqs.Service, principal *iam.Principal) *awssqs.Client {
	return awssqs.New(awssqs.Options{
		Region: region, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
		HTTPClient: httpFunc(func(r *http.Request) (*http.Response, error) {
			_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			w := httptest.NewRecorder()
			wire.ServeJSON(w, r, s, &wire.Call{Service: "sqs", Operation: operation, RequestID: "r1", Principal: principal})
			return w.Result(), nil
		}),
	})
}

// stand is a service with its client and a queue called "jobs".
type stand struct {
	t   *testing.T
	svc *sqs.Service
	*awssqs.Client
	url string
}

func open(t *testing.T, opts sqs.Options) *stand {
	t.Helper()
	opts.Region, opts.Account = region, account
	svc, err := sqs.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Close() })
	return &stand{t: t, svc: svc, Client: client(svc, nil), url: svc.URL("jobs")}
}

func start(t *testing.T, opts sqs.Options, attributes map[string]string) *stand {
	t.Helper()
	s := open(t, opts)
	s.create("jobs", attributes)
	return s
}

func (s *stand) create(name string, attributes map[string]string) string {
	s.t.Helper()
	out, err := s.CreateQueue(s.t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.QueueUrl
}

func (s *stand) send(body string) string {
	s.t.Helper()
	out, err := s.SendMessage(s.t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: &body})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.MessageId
}

// receiveFrom takes up to ten messages with all attributes, waiting up to wait seconds.
func (s *stand) receiveFrom(url string, wait int32) []types.Message {
	s.t.Helper()
	out, err := s.ReceiveMessage(s.t.Context(), &awssqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: wait,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Messages
}

func (s *stand) receive() []types.Message { s.t.Helper(); return s.receiveFrom(s.url, 0) }

func (s *stand) delete(handle string) {
	s.t.Helper()
	if _, err := s.DeleteMessage(s.t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: &handle}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) hide(handle string, seconds int32) error {
	_, err := s.ChangeMessageVisibility(s.t.Context(), &awssqs.ChangeMessageVisibilityInput{QueueUrl: &s.url, ReceiptHandle: &handle, VisibilityTimeout: seconds})
	return err
}

// counts returns the numbers of messages visible, in flight and delayed.
func (s *stand) counts(url string) string {
	s.t.Helper()
	out, err := s.GetQueueAttributes(s.t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		s.t.Fatal(err)
	}
	a := out.Attributes
	return a["ApproximateNumberOfMessages"] + " " + a["ApproximateNumberOfMessagesNotVisible"] + " " + a["ApproximateNumberOfMessagesDelayed"]
}

func bodies(messages []types.Message) []string {
	out := make([]string, len(messages))
	for i, m := range messages {
		out[i] = *m.Body
	}
	return out
}

func wantBodies(t *testing.T, got []types.Message, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), bodies(got)); diff != "" {
		t.Fatalf("received bodies (-want +got):\n%s", diff)
	}
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := codeOf(err); got != want {
		t.Fatalf("error code %q, want %q (error: %v)", got, want, err)
	}
}

// codeOf is the code of SQS's error, "" for nil.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func openJournal(t *testing.T, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestMessageComesAsSent(t *testing.T) {
	t.Parallel()
	s := start(t, sqs.Options{}, nil)
	out, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{
		QueueUrl: &s.url, MessageBody: aws.String("hello"), MessageGroupId: aws.String("team-1"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"trace.id": {DataType: aws.String("String"), StringValue: aws.String("t1")},
			"weight":   {DataType: aws.String("Number.int"), StringValue: aws.String("7")},
			"raw":      {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
		},
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Digests computed independently from the developer guide's description.
	const bodyMD5, attributesMD5 = "5d41402abc4b2a76b9719d911017c592", "25a25f2c53bfeb229aadc069407a9dc4"
	if got := *out.MD5OfMessageBody + " " + *out.MD5OfMessageAttributes; got != bodyMD5+" "+attributesMD5 {
		t.Errorf("digests of the answer %s, want %s %s", got, bodyMD5, attributesMD5)
	}
	got := s.receive()
	if len(got) != 1 {
		t.Fatalf("received %d messages, want 1", len(got))
	}
	for _, name := range []string{"SentTimestamp", "ApproximateFirstReceiveTimestamp"} {
		if len(got[0].Attributes[name]) != 13 {
			t.Errorf("%s is %q, want milliseconds", name, got[0].Attributes[name])
		}
		delete(got[0].Attributes, name)
	}
	if *got[0].ReceiptHandle == "" {
		t.Error("no receipt handle")
	}
	got[0].ReceiptHandle = nil
	want := types.Message{
		MessageId: out.MessageId, Body: aws.String("hello"), MD5OfBody: aws.String(bodyMD5), MD5OfMessageAttributes: aws.String(attributesMD5),
		Attributes: map[string]string{
			"SenderId": account, "ApproximateReceiveCount": "1", "MessageGroupId": "team-1", "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
		},
		MessageAttributes: map[string]types.MessageAttributeValue{
			"trace.id": {DataType: aws.String("String"), StringValue: aws.String("t1")},
			"weight":   {DataType: aws.String("Number.int"), StringValue: aws.String("7")},
			"raw":      {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
		},
	}
	if diff := cmp.Diff(want, got[0], cmpopts.IgnoreUnexported(types.Message{}, types.MessageAttributeValue{})); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestReceiverChoosesAttributes(t *testing.T) {
	t.Parallel()
	s := start(t, sqs.Options{}, nil)
	text := func(v string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	for range 2 {
		if _, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &s.url, MessageBody: aws.String("x"),
			MessageAttributes: map[string]types.MessageAttributeValue{"a.one": text("1"), "a.two": text("2"), "b": text("3")},
		}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, names := range [][]string{nil, {"a.*"}} {
		out, err := s.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{
			QueueUrl: &s.url, MessageAttributeNames: names, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount"},
		})
		if err != nil || len(out.Messages) != 1 {
			t.Fatalf("received %v, %v", out, err)
		}
		m := out.Messages[0]
		keys := []string{}
		for name := range m.MessageAttributes {
			keys = append(keys, name)
		}
		slices.Sort(keys)
		got = append(got, fmt.Sprint(keys, m.Attributes))
	}
	want := []string{"[] map[ApproximateReceiveCount:1]", "[a.one a.two] map[ApproximateReceiveCount:1]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestBatchAnswersEachEntry(t *testing.T) {
	t.Parallel()
	s := start(t, sqs.Options{}, nil)
	out, err := s.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: &s.url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("good"), MessageBody: aws.String("a")},
		{Id: aws.String("control"), MessageBody: aws.String("a\x00b")},
		{Id: aws.String("late"), MessageBody: aws.String("b"), DelaySeconds: 901},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, e := range out.Successful {
		got = append(got, *e.Id)
	}
	for _, e := range out.Failed {
		got = append(got, fmt.Sprint(*e.Id, " ", *e.Code, " ", e.SenderFault))
	}
	if diff := cmp.Diff([]string{"good", "control InvalidMessageContents true", "late InvalidParameterValue true"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	received := s.receive()
	wantBodies(t, received, "a")
	deleted, err := s.DeleteMessageBatch(t.Context(), &awssqs.DeleteMessageBatchInput{QueueUrl: &s.url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("1"), ReceiptHandle: received[0].ReceiptHandle}, {Id: aws.String("2"), ReceiptHandle: aws.String("nonsense")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(deleted.Successful) != 1 || *deleted.Successful[0].Id != "1" || len(deleted.Failed) != 1 || *deleted.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("deleted %+v, failed %+v", deleted.Successful, deleted.Failed)
	}
	if got := s.counts(s.url); got != "0 0 0" {
		t.Errorf("counts %q after the delete", got)
	}
}

func TestErrorsKeepBothCodes(t *testing.T) {
	t.Parallel()
	s := start(t, sqs.Options{}, nil)
	ctx := t.Context()
	_, err := s.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("absent")})
	wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
	if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
		t.Errorf("error is no QueueDoesNotExist: %v", err)
	}
	entries := func(ids ...string) []types.SendMessageBatchRequestEntry {
		out := []types.SendMessageBatchRequestEntry{}
		for _, id := range ids {
			out = append(out, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String("x")})
		}
		return out
	}
	big := strings.Repeat("x", 600_000)
	for _, c := range []struct {
		code    string
		entries []types.SendMessageBatchRequestEntry
	}{
		{"AWS.SimpleQueueService.EmptyBatchRequest", entries()},
		{"AWS.SimpleQueueService.BatchEntryIdsNotDistinct", entries("a", "a")},
		{"AWS.SimpleQueueService.InvalidBatchEntryId", entries("a b")},
		{"AWS.SimpleQueueService.TooManyEntriesInBatchRequest", entries("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")},
		{"AWS.SimpleQueueService.BatchRequestTooLong", []types.SendMessageBatchRequestEntry{{Id: aws.String("a"), MessageBody: &big}, {Id: aws.String("b"), MessageBody: &big}}},
	} {
		_, err := s.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: &s.url, Entries: c.entries})
		wantCode(t, err, c.code)
	}
	whole := strings.Repeat("x", 1_048_576)
	s.send(whole)
	_, err = s.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String(whole + "x")})
	wantCode(t, err, "InvalidParameterValue")
	if !strings.Contains(err.Error(), "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.") {
		t.Errorf("message: %v", err)
	}
	_, err = s.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: aws.String("garbage")})
	wantCode(t, err, "ReceiptHandleIsInvalid")
	_, err = s.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("jobs"), Attributes: map[string]string{"VisibilityTimeout": "7"}})
	wantCode(t, err, "QueueAlreadyExists")
	_, err = s.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: &s.url, Attributes: map[string]string{"DelaySeconds": "901"}})
	wantCode(t, err, "InvalidAttributeValue")
	if _, err = s.PurgeQueue(ctx, &awssqs.PurgeQueueInput{QueueUrl: &s.url}); err != nil {
		t.Fatal(err)
	}
	_, err = s.PurgeQueue(ctx, &awssqs.PurgeQueueInput{QueueUrl: &s.url})
	wantCode(t, err, "AWS.SimpleQueueService.PurgeQueueInProgress")
	if got := s.receive(); len(got) != 0 {
		t.Errorf("%d messages after the purge", len(got))
	}
	_, err = s.TagQueue(ctx, &awssqs.TagQueueInput{QueueUrl: &s.url, Tags: map[string]string{"a": "b"}})
	wantCode(t, err, "UnknownOperationException")
}

func TestRolesAreHeldToTheirPolicy(t *testing.T) {
	t.Parallel()
	s := start(t, sqs.Options{}, nil)
	s.send("x")
	role := &iam.Principal{Name: "Worker", ARN: "arn:aws:iam::1:role/Worker", Statements: []iam.Statement{
		{Effect: "Allow", Actions: []string{"sqs:SendMessage"}, Resources: []string{s.svc.ARN("jobs")}},
	}}
	c := client(s.svc, role)
	if _, err := c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("y")}); err != nil {
		t.Errorf("allowed send: %v", err)
	}
	_, err := c.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &s.url})
	wantCode(t, err, "AccessDenied")
	_, err = c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: aws.String(s.svc.URL("other")), MessageBody: aws.String("y")})
	wantCode(t, err, "AccessDenied")
	_, err = c.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &s.url})
	wantCode(t, err, "AccessDenied")
	if got := s.counts(s.url); got != "2 0 0" {
		t.Errorf("counts %q", got)
	}
}

func TestQueuesAreListedAndDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	s := start(t, sqs.Options{Journal: openJournal(t, path)}, map[string]string{"VisibilityTimeout": "7"})
	s.create("other", nil)
	s.create("jobs", map[string]string{"VisibilityTimeout": "7"}) // idempotent
	if _, err := s.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: &s.url, Attributes: map[string]string{"DelaySeconds": "3"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: aws.String(s.svc.URL("other"))}); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*stand{s, open(t, sqs.Options{Journal: openJournal(t, path)})} {
		list, err := again.ListQueues(t.Context(), &awssqs.ListQueuesInput{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"}, list.QueueUrls); diff != "" {
			t.Errorf("queues (-want +got):\n%s", diff)
		}
		got, err := again.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: &s.url, AttributeNames: []types.QueueAttributeName{"VisibilityTimeout", "DelaySeconds", "MessageRetentionPeriod", "QueueArn"}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"VisibilityTimeout": "7", "DelaySeconds": "3", "MessageRetentionPeriod": "345600", "QueueArn": "arn:aws:sqs:eu-west-1:123456789012:jobs"}
		if diff := cmp.Diff(want, got.Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	}
}
