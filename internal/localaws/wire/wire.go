// Package wire is what the local AWS services have in common on the wire: who
// calls, the error shape, and the JSON 1.0/1.1 protocol with its headers.
//
// A service implements [Service]; the front door in package localaws finds the
// service from the SigV4 credential scope, the operation from X-Amz-Target, and
// turns what the service returns into bytes. REST services (S3, Lambda)
// implement http.Handler instead and find the [Call] with [FromContext].
//
// It imports only its siblings iam and meter. It is not a client.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/localaws/iam"
)

// Call is one request to one operation of one service.
type Call struct {
	Service   string         // signing name: dynamodb, sqs, s3, secretsmanager, states, lambda, kms
	Operation string         // DynamoDB's "PutItem"; empty for REST services until they route
	RequestID string         // echoed in x-amzn-requestid
	Principal *iam.Principal // nil is the account's root: everything is allowed
	Body      []byte         // raw request body of a JSON-protocol call
}

// Authorize answers AccessDeniedException, as the service would, if the
// caller's role has no statement that allows action ("dynamodb:PutItem") on
// resource (an ARN).
func (c *Call) Authorize(action, resource string) error {
	if c.Principal.Allows(action, resource) {
		return nil
	}
	return Errorf(http.StatusBadRequest, "AccessDeniedException",
		"User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		c.Principal.ARN, action, resource, action)
}

// Decode reads the JSON body into v. Unknown members are ignored, as AWS does.
func (c *Call) Decode(v any) error {
	if len(c.Body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.Body, v); err != nil {
		return Errorf(http.StatusBadRequest, "SerializationException", "the request body is not valid for this operation")
	}
	return nil
}

// Service is a JSON-protocol service. Handle returns a value that marshals to
// the response body, nil for an empty one, or an [*Error].
type Service interface {
	Handle(ctx context.Context, call *Call) (any, error)
}

// Raw is a response body that is already JSON.
type Raw []byte

// MarshalJSON returns the bytes as they are.
func (r Raw) MarshalJSON() ([]byte, error) { return r, nil }

// Error is an AWS error. Code is the shape name that the SDK's error types
// are chosen by ("ConditionalCheckFailedException").
type Error struct {
	Status    int
	Code      string
	Message   string
	QueryCode string         // SQS only: the old query-protocol code, sent in x-amzn-query-error
	Members   map[string]any // further members of the error shape ("Item", "CancellationReasons")
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf builds an [*Error] with a formatted message.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of an [*Error] in err's chain, or "".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

type callKey struct{}

// WithCall returns a context that carries call.
func WithCall(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// FromContext returns the call that [WithCall] stored, or a root call.
func FromContext(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// maxHint is the largest length that a request's header is believed: no request
// of a JSON protocol is larger.
const maxHint = 16 << 20

// ServeJSON runs one JSON-protocol call against s and writes the response.
// version is "1.0" or "1.1", as the request's content type says.
func ServeJSON(w http.ResponseWriter, r *http.Request, s Service, call *Call) {
	var body bytes.Buffer
	if known := r.ContentLength; known > 0 && known < maxHint {
		body.Grow(int(known) + bytes.MinRead) // ReadFrom wants room for one more read
	}
	if _, err := body.ReadFrom(r.Body); err != nil {
		WriteJSONError(w, call, "1.0", Errorf(http.StatusBadRequest, "SerializationException", "the request body could not be read"))
		return
	}
	call.Body = body.Bytes()
	version := "1.0"
	if strings.Contains(r.Header.Get("Content-Type"), "json-1.1") {
		version = "1.1"
	}
	out, err := s.Handle(WithCall(r.Context(), call), call)
	if err != nil {
		WriteJSONError(w, call, version, err)
		return
	}
	payload := []byte("{}")
	switch out := out.(type) {
	case nil:
	case Raw:
		payload = out
	default:
		if payload, err = json.Marshal(out); err != nil {
			WriteJSONError(w, call, version, fmt.Errorf("encode response: %w", err))
			return
		}
	}
	writeJSON(w, call, version, http.StatusOK, payload)
}

// WriteJSONError writes err in the JSON protocol. Anything but an [*Error] is
// an InternalServerError.
func WriteJSONError(w http.ResponseWriter, call *Call, version string, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Status: http.StatusInternalServerError, Code: "InternalServerError", Message: err.Error()}
	}
	body := map[string]any{"__type": "com.amazonaws." + call.Service + "#" + e.Code, "message": e.Message, "Message": e.Message}
	for k, v := range e.Members {
		body[k] = v
	}
	payload, merr := json.Marshal(body)
	if merr != nil {
		payload = []byte(`{"__type":"InternalServerError"}`)
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	if e.QueryCode != "" {
		w.Header().Set("X-Amzn-Query-Error", e.QueryCode+";Sender")
	}
	writeJSON(w, call, version, e.Status, payload)
}

func writeJSON(w http.ResponseWriter, call *Call, version string, status int, payload []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-"+version)
	h.Set("X-Amzn-Requestid", call.RequestID)
	h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(payload)), 10))
	h.Set("Content-Length", strconv.Itoa(len(payload)))
	w.WriteHeader(status)
	_, _ = w.Write(payload) // a client that hung up is not our error
}
