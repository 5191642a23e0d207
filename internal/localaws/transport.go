package localaws

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/messageai/sluice/internal/localaws/lambda"
)

// Transport wraps the round tripper that a function's provider clients use, so
// that a killed worker's calls fail and have no effect. faults may kill workers
// at these calls too, delay them, lose their answers, or refuse them with a bare
// 429 or 500; nil leaves them alone. Only calls with an invocation's context
// are known to be a worker's; see [SandboxTransport].
func Transport(next http.RoundTripper, faults Faults) http.RoundTripper {
	return &providerTransport{next: next, faults: faults}
}

// SandboxTransport is a [Transport] for the clients of one sandbox, whose
// context a [Factory] gets: it knows the worker whatever context a call has, and
// holds calls back while the sandbox is frozen.
func SandboxTransport(sandbox context.Context, next http.RoundTripper, faults Faults) http.RoundTripper {
	return &providerTransport{next: next, faults: faults, sandbox: lambda.SandboxFrom(sandbox)}
}

type providerTransport struct {
	next    http.RoundTripper
	faults  Faults
	sandbox *lambda.Sandbox
}

// RoundTrip implements http.RoundTripper.
func (t *providerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c := call{faults: t.faults, sandbox: t.sandbox, service: r.URL.Host, operation: r.Method + " " + r.URL.Path}
	return c.do(r, t.next.RoundTrip, func(m Mishap) *http.Response {
		status := http.StatusInternalServerError
		if m == Throttle {
			status = http.StatusTooManyRequests
		}
		return (&answer{header: http.Header{}, status: status}).response(r)
	})
}

// call is one call that may go wrong.
type call struct {
	faults                     Faults
	sandbox                    *lambda.Sandbox // nil: of whoever ctx belongs to
	service, operation, caller string
}

// do makes the call unless the worker is dead, and keeps its answer from a
// worker that died meanwhile. refuse builds the answer to a Throttle or a
// ServerError.
func (c call) do(r *http.Request, send func(*http.Request) (*http.Response, error), refuse func(Mishap) *http.Response) (*http.Response, error) {
	ctx := r.Context()
	worker, err := c.sandbox.Enter(ctx)
	if err != nil {
		closeBody(r.Body)
		return nil, err
	}
	if worker != nil {
		c.caller = worker.Function
	}
	var fault Fault
	if c.faults != nil && !worker.Dead() {
		fault = c.faults.BeforeCall(ctx, c.service, c.operation, c.caller)
		if fault.Mishap == KillBefore {
			worker.Kill()
		}
	}
	if err := wait(ctx, fault.Delay); err != nil || worker.Dead() || fault.Mishap == KillBefore {
		closeBody(r.Body)
		if err == nil || worker.Dead() {
			err = lambda.ErrDead
		}
		return nil, err
	}
	if fault.Mishap == Throttle || fault.Mishap == ServerError {
		closeBody(r.Body)
		return refuse(fault.Mishap), nil
	}
	if worker != nil && (c.service == "sqs" || c.service == "lambda") {
		r.Header.Set(lambda.TraceHeader, worker.Trace) // the SDK does so in a process of its own
	}
	response, err := send(r)
	if fault.Mishap == KillAfter {
		worker.Kill()
	}
	if _, frozen := c.sandbox.Enter(ctx); frozen != nil { // and while it is frozen, no answer is read
		err = frozen
	}
	switch {
	case worker.Dead() || fault.Mishap == KillAfter:
		err = lambda.ErrDead
	case err == nil && ctx.Err() != nil: // a client that has given up reads no answer
		err = context.Cause(ctx)
	case err == nil && fault.Mishap == LoseAnswer:
		err = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	if err != nil {
		if response != nil {
			closeBody(response.Body)
		}
		return nil, err
	}
	return response, nil
}

func wait(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

func closeBody(body io.Closer) {
	if body != nil {
		_ = body.Close() // nothing was or will be read from it
	}
}

// client is the aws.HTTPClient of configurations: it calls the front door in
// the caller's goroutine.
type client struct {
	door    *frontDoor
	faults  Faults
	sandbox *lambda.Sandbox
	caller  string
}

// Do implements aws.HTTPClient.
func (c *client) Do(r *http.Request) (*http.Response, error) {
	scope := scopeOf(r)
	one := call{faults: c.faults, sandbox: c.sandbox, service: scope.service, operation: operationOf(scope.service, r), caller: c.caller}
	return one.do(r, c.send, func(m Mishap) *http.Response {
		a := &answer{header: http.Header{}}
		refuse(a, scope.service, m)
		return a.response(r)
	})
}

func (c *client) send(r *http.Request) (*http.Response, error) {
	defer closeBody(r.Body)
	in := r.WithContext(r.Context()) // a copy, made into what a server would see
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1024"
	a := &answer{header: http.Header{}}
	c.door.ServeHTTP(a, in)
	return a.response(r), nil
}

// answer is the smallest http.ResponseWriter that becomes an http.Response.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	if a.body.Cap() == 0 {
		n, err := strconv.Atoi(a.header.Get("Content-Length"))
		if err != nil || n < len(p) {
			n = len(p)
		}
		a.body.Grow(n) // one allocation for an answer whose length is known
	}
	return a.body.Write(p)
}

func (a *answer) response(r *http.Request) *http.Response {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	length := int64(a.body.Len())
	if r.Method == http.MethodHead {
		if n, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64); err == nil {
			length = n
		}
	}
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: length, Request: r,
	}
}
