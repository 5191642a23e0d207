package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// service is one operation.
type service func(context.Context, *wire.Call) (any, error)

func (s service) Handle(ctx context.Context, c *wire.Call) (any, error) { return s(ctx, c) }

func serve(t *testing.T, contentType, body string, s service) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	wire.ServeJSON(w, r, s, &wire.Call{Service: "dynamodb", Operation: "GetItem", RequestID: "req-1"})
	if got := w.Header().Get("X-Amzn-Requestid"); got != "req-1" {
		t.Errorf("request id = %q", got)
	}
	if got := w.Header().Get("X-Amz-Crc32"); got != strconv.FormatUint(uint64(crc32.ChecksumIEEE(w.Body.Bytes())), 10) {
		t.Errorf("checksum %s is not the body's: the SDK would refuse it", got)
	}
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
		t.Errorf("length = %s of %d", got, w.Body.Len())
	}
	return w
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contentType, wantType string
		out                         any
		want                        string
	}{
		{"a value", "application/x-amz-json-1.0", "application/x-amz-json-1.0", map[string]int{"N": 1}, `{"N":1}`},
		{"version 1.1", "application/x-amz-json-1.1", "application/x-amz-json-1.1", map[string]int{"N": 1}, `{"N":1}`},
		{"nothing", "application/x-amz-json-1.0", "application/x-amz-json-1.0", nil, `{}`},
		{"ready JSON", "application/x-amz-json-1.0", "application/x-amz-json-1.0", wire.Raw(`{"a":[1]}`), `{"a":[1]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, c.contentType, `{"TableName":"t"}`, func(ctx context.Context, call *wire.Call) (any, error) {
				var in struct{ TableName string }
				if err := call.Decode(&in); err != nil || in.TableName != "t" {
					t.Errorf("decoded %+v, %v", in, err)
				}
				if wire.FromContext(ctx) != call {
					t.Error("the context does not carry the call")
				}
				return c.out, nil
			})
			if w.Code != http.StatusOK || w.Body.String() != c.want || w.Header().Get("Content-Type") != c.wantType {
				t.Errorf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	lost := wire.Errorf(http.StatusBadRequest, "ConditionalCheckFailedException", "the condition of %s failed", "x")
	lost.Members = map[string]any{"Item": map[string]int{"n": 1}}
	gone := wire.Errorf(http.StatusBadRequest, "QueueDoesNotExist", "no queue")
	gone.QueryCode = "AWS.SimpleQueueService.NonExistentQueue"
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
		query  string
		body   map[string]any
	}{
		{"of the service", lost, 400, "ConditionalCheckFailedException", "", map[string]any{
			"__type": "com.amazonaws.dynamodb#ConditionalCheckFailedException", "message": "the condition of x failed", "Message": "the condition of x failed",
			"Item": map[string]any{"n": 1.0},
		}},
		{"wrapped", fmt.Errorf("get: %w", gone), 400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue;Sender", map[string]any{
			"__type": "com.amazonaws.dynamodb#QueueDoesNotExist", "message": "no queue", "Message": "no queue",
		}},
		{"any other", errors.New("oops"), 500, "InternalServerError", "", map[string]any{
			"__type": "com.amazonaws.dynamodb#InternalServerError", "message": "oops", "Message": "oops",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, "application/x-amz-json-1.0", "", func(context.Context, *wire.Call) (any, error) { return nil, c.err })
			var body map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.body, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if w.Code != c.status || w.Header().Get("X-Amzn-Errortype") != c.code || w.Header().Get("X-Amzn-Query-Error") != c.query {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		})
	}
	if wire.CodeOf(fmt.Errorf("x: %w", lost)) != "ConditionalCheckFailedException" || wire.CodeOf(errors.New("x")) != "" || wire.CodeOf(nil) != "" {
		t.Error("CodeOf does not find the code")
	}
}

func TestBodiesThatDoNotFit(t *testing.T) {
	t.Parallel()
	var in struct{ N int }
	for _, body := range []string{"{", `{"N":"x"}`, "[]"} {
		if err := (&wire.Call{Body: []byte(body)}).Decode(&in); wire.CodeOf(err) != "SerializationException" {
			t.Errorf("%s decodes to %v", body, err)
		}
	}
	if err := (&wire.Call{}).Decode(&in); err != nil {
		t.Errorf("an empty body = %v", err)
	}
	if err := (&wire.Call{Body: []byte(`{"N":1,"Future":true}`)}).Decode(&in); err != nil || in.N != 1 {
		t.Errorf("an unknown member = %v", err)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	root := &wire.Call{}
	if err := root.Authorize("dynamodb:PutItem", "arn:x"); err != nil {
		t.Errorf("the root may not: %v", err)
	}
	nobody := &wire.Call{Principal: &iam.Principal{ARN: "arn:aws:iam::1:role/nobody"}}
	err := nobody.Authorize("dynamodb:PutItem", "arn:x")
	if wire.CodeOf(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "dynamodb:PutItem") || !strings.Contains(err.Error(), "role/nobody") {
		t.Errorf("a role without statements = %v", err)
	}
	if c := wire.FromContext(t.Context()); c == nil || c.Principal != nil {
		t.Errorf("without a call the context gives %+v, want a root call", c)
	}
}
