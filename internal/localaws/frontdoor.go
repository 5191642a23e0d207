package localaws

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/scheduler"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// frontDoor routes a request to its service.
type frontDoor struct {
	process    int
	json       map[string]wire.Service   // by signing name
	rest       map[string]http.Handler   // by signing name
	hosts      map[string]http.Handler   // unsigned requests, by host name
	principals map[string]*iam.Principal // by access key id; any other key is root
	requests   atomic.Uint64
}

// scope is what a SigV4 signature says about itself.
type scope struct{ key, service string }

// scopeOf reads the credential scope, "key/date/region/service/aws4_request",
// from the Authorization header or, for a presigned URL, from the query.
func scopeOf(r *http.Request) scope {
	_, credential, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if ok {
		credential, _, _ = strings.Cut(credential, ",")
	} else if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		credential = r.URL.Query().Get("X-Amz-Credential")
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) < 5 || parts[len(parts)-1] != "aws4_request" {
		return scope{}
	}
	return scope{key: strings.Join(parts[:len(parts)-4], "/"), service: parts[len(parts)-2]}
}

// ServeHTTP implements http.Handler.
func (d *frontDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope := scopeOf(r)
	call := &wire.Call{
		Service: scope.service, Principal: d.principals[scope.key],
		RequestID: fmt.Sprintf("%08x-0000-4000-9000-%012x", d.process, d.requests.Add(1)),
	}
	if s, ok := d.json[scope.service]; ok {
		call.Operation = operationOf(scope.service, r)
		if trace := r.Header.Get(lambda.TraceHeader); trace != "" && scope.service == "sqs" {
			if plain, err := url.PathUnescape(trace); err == nil { // the SDK escapes it
				trace = plain
			}
			r = r.WithContext(lambda.WithTrace(r.Context(), trace))
		}
		wire.ServeJSON(w, r, s, call)
		return
	}
	if h, ok := d.rest[scope.service]; ok {
		h.ServeHTTP(w, r.WithContext(wire.WithCall(r.Context(), call)))
		return
	}
	host, _, _ := strings.Cut(r.Host, ":")
	if h, ok := d.hosts[host]; ok {
		h.ServeHTTP(w, r)
		return
	}
	if scope.service == "" {
		wire.WriteJSONError(w, call, "1.0", wire.Errorf(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token"))
		return
	}
	wire.WriteJSONError(w, call, "1.0", wire.Errorf(http.StatusBadRequest, "UnknownOperationException", "the service %q does not run on this machine", scope.service))
}

// operationOf names the operation of a request.
func operationOf(service string, r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:]
	}
	q := r.URL.Query()
	switch {
	case q.Get("x-id") != "":
		return q.Get("x-id")
	case service == "lambda" && strings.HasSuffix(r.URL.Path, "/invocations"):
		return "Invoke"
	case service == "s3" && q.Get("list-type") == "2":
		return "ListObjectsV2"
	case service == "s3" && r.Method == http.MethodHead:
		return "HeadObject"
	case service == "scheduler":
		return scheduler.OperationOf(r)
	}
	return r.Method + " " + r.URL.Path
}

// throttles are the errors by which services refuse a caller that is too fast.
var throttles = map[string]struct {
	status int
	code   string
}{
	"dynamodb":  {400, "ThrottlingException"},
	"sqs":       {403, "RequestThrottled"},
	"s3":        {503, "SlowDown"},
	"lambda":    {429, "TooManyRequestsException"},
	"scheduler": {429, "ThrottlingException"},
}

// refuse writes the error of a Throttle or a ServerError in the service's form.
func refuse(w http.ResponseWriter, service string, m Mishap) {
	e := refusal(service, m)
	call := &wire.Call{Service: service, RequestID: "00000000-0000-4000-9000-ffffffffffff"}
	switch service {
	case "s3":
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(e.Status)
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, e.Code, e.Message)
	case "lambda":
		lambda.WriteError(w, call, e)
	case "scheduler":
		scheduler.WriteError(w, call, e)
	default:
		wire.WriteJSONError(w, call, "1.0", e)
	}
}

// refusal is how a service refuses a call.
func refusal(service string, m Mishap) *wire.Error {
	e := &wire.Error{Status: 500, Code: "InternalServerError", Message: "We encountered an internal error. Please try again."}
	switch service {
	case "s3":
		e.Code = "InternalError"
	case "lambda":
		e.Code = "ServiceException"
	}
	if m == Throttle {
		e.Status, e.Code, e.Message = 400, "ThrottlingException", "Rate exceeded"
		if t, ok := throttles[service]; ok {
			e.Status, e.Code = t.status, t.code
		}
	}
	return e
}
