package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/httpapi"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/meter"
)

// functions answers every invocation by one Go function.
type functions func(ctx context.Context, name string, e events.APIGatewayV2HTTPRequest) (lambda.Result, error)

func (f functions) Invoke(ctx context.Context, name string, payload []byte) (lambda.Result, error) {
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return lambda.Result{}, err
	}
	return f(ctx, name, e)
}

func open(t *testing.T, opts httpapi.Options, f functions) *httpapi.API {
	t.Helper()
	opts.Account, opts.ID, opts.Host, opts.Functions = "123456789012", "abcdefghij", "abcdefghij.execute-api.us-east-1.amazonaws.com", f
	api, err := httpapi.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func do(api http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got events.APIGatewayV2HTTPRequest
		api := open(t, httpapi.Options{Routes: []httpapi.Route{{Method: "POST", Path: "/v1/{team}/files/{rest+}", Function: "f"}}},
			func(_ context.Context, name string, e events.APIGatewayV2HTTPRequest) (lambda.Result, error) {
				if name != "f" {
					t.Errorf("invoked %q, want f", name)
				}
				got = e
				return lambda.Result{Payload: []byte(`{"statusCode":204}`)}, nil
			})
		r := httptest.NewRequest("POST", "https://api.example/v1/a%2Fb/files/x/y%20z?n=1&q=a%20b&n=2&flag", strings.NewReader(`{"k":"ä"}`))
		r.RemoteAddr = "192.0.2.7:1234"
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Header.Add("X-Many", "1")
		r.Header.Add("X-Many", "2")
		r.Header.Set("User-Agent", "test/1")
		r.Header.Set("Cookie", "a=1; b=2")
		if res := do(api, r); res.StatusCode != 204 {
			t.Fatalf("got status %d, want 204", res.StatusCode)
		}
		key := "POST /v1/{team}/files/{rest+}"
		want := events.APIGatewayV2HTTPRequest{
			Version: "2.0", RouteKey: key, RawPath: "/v1/a/b/files/x/y z", RawQueryString: "n=1&q=a%20b&n=2&flag",
			Cookies: []string{"a=1", "b=2"},
			Headers: map[string]string{
				"host": "api.example", "content-type": "application/json; charset=utf-8", "content-length": "10", "x-many": "1,2", "user-agent": "test/1",
				"x-forwarded-for": "192.0.2.7", "x-forwarded-port": "443", "x-forwarded-proto": "https",
			},
			QueryStringParameters: map[string]string{"n": "1,2", "q": "a b", "flag": ""},
			PathParameters:        map[string]string{"team": "a/b", "rest": "x/y z"},
			RequestContext: events.APIGatewayV2HTTPRequestContext{
				RouteKey: key, AccountID: "123456789012", Stage: "$default", RequestID: "R0000000000001A=", APIID: "abcdefghij",
				DomainName: "abcdefghij.execute-api.us-east-1.amazonaws.com", DomainPrefix: "abcdefghij",
				Time: "01/Jan/2000:00:00:00 +0000", TimeEpoch: 946684800000,
				HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
					Method: "POST", Path: "/v1/a/b/files/x/y z", Protocol: "HTTP/1.1", SourceIP: "192.0.2.7", UserAgent: "test/1",
				},
			},
			Body: `{"k":"ä"}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBinaryBody(t *testing.T) {
	t.Parallel()
	var got events.APIGatewayV2HTTPRequest
	api := open(t, httpapi.Options{Routes: []httpapi.Route{{}}}, func(_ context.Context, _ string, e events.APIGatewayV2HTTPRequest) (lambda.Result, error) {
		got = e
		return lambda.Result{Payload: []byte(`{"statusCode":200,"headers":{"content-type":"image/png"},"body":"iVBO","isBase64Encoded":true,"cookies":["a=1; Path=/","b=2"]}`)}, nil
	})
	r := httptest.NewRequest("PUT", "/any", bytes.NewReader([]byte{0xff, 0xfe}))
	r.Header.Set("Content-Type", "application/octet-stream")
	res := do(api, r)
	if !got.IsBase64Encoded || got.Body != "//4=" || got.RouteKey != "$default" {
		t.Errorf("got body %q, base64 %t, route %q", got.Body, got.IsBase64Encoded, got.RouteKey)
	}
	if body := bodyOf(t, res); body != "\x89PN" || res.Header.Get("Content-Type") != "image/png" {
		t.Errorf("got body %q of type %q", body, res.Header.Get("Content-Type"))
	}
	if diff := cmp.Diff([]string{"a=1; Path=/", "b=2"}, res.Header.Values("Set-Cookie")); diff != "" {
		t.Error(diff)
	}
}

func TestWhichRoute(t *testing.T) {
	t.Parallel()
	routes := []httpapi.Route{
		{Method: "ANY", Path: "/{proxy+}", Function: "greedy"},
		{Method: "GET", Path: "/items/{id}", Function: "item"},
		{Method: "ANY", Path: "/items/{id}", Function: "any item"},
		{Method: "GET", Path: "/items/special", Function: "special"},
		{Method: "GET", Path: "/items/{rest+}", Function: "items rest"},
		{Method: "GET", Path: "/", Function: "root"},
	}
	answer := func(_ context.Context, name string, _ events.APIGatewayV2HTTPRequest) (lambda.Result, error) {
		return lambda.Result{Payload: []byte(`"` + name + `"`)}, nil
	}
	got, api := map[string]string{}, open(t, httpapi.Options{Routes: routes}, answer)
	want := map[string]string{
		"GET /items/1": "item", "PUT /items/1": "any item", "GET /items/special": "special", "DELETE /items/special": "any item",
		"GET /items/1/2": "items rest", "GET /": "root", "POST /": `{"message":"Not Found"}`, "POST /x/y": "greedy", "GET /items/": "greedy",
	}
	for request := range want {
		method, path, _ := strings.Cut(request, " ")
		got[request] = bodyOf(t, do(api, httptest.NewRequest(method, path, nil)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if res := do(open(t, httpapi.Options{}, answer), httptest.NewRequest("GET", "/", nil)); res.StatusCode != 404 {
		t.Errorf("no route: got status %d, want 404", res.StatusCode)
	}
	if _, err := httpapi.New(httpapi.Options{Routes: []httpapi.Route{{Method: "GET", Path: "/{a+}/b"}}}); err == nil {
		t.Error("a greedy parameter in the middle: no error")
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	type response struct {
		Status     int
		Type, Body string
	}
	failed := response{500, "application/json", `{"message":"Internal Server Error"}`}
	for payload, want := range map[string]response{
		`{"a":1}`:                         {200, "application/json", `{"a":1}`},
		`"text"`:                          {200, "application/json", `text`},
		`[1]`:                             {200, "application/json", `[1]`},
		`null`:                            {200, "application/json", `null`},
		`{"statusCode":418,"body":"tea"}`: {418, "text/plain; charset=utf-8", "tea"},
		`{"statusCode":200,"headers":{"Content-Type":"text/html"},"body":"<p>"}`: {200, "text/html", "<p>"},
		`{"statusCode":200,"headers":{"content-length":"9999"},"body":"short"}`:  {200, "text/plain; charset=utf-8", "short"},
		`{"statusCode":"200"}`: failed,
		`{"statusCode":0}`:     failed,
		`{"statusCode":200,"body":"%","isBase64Encoded":true}`: failed,
		"error":    failed,
		"throttle": failed,
	} {
		api := open(t, httpapi.Options{Routes: []httpapi.Route{{}}}, func(context.Context, string, events.APIGatewayV2HTTPRequest) (lambda.Result, error) {
			switch payload {
			case "error":
				return lambda.Result{FunctionError: "Unhandled", Payload: []byte(`{"statusCode":200}`)}, nil
			case "throttle":
				return lambda.Result{}, errors.New("throttled")
			}
			return lambda.Result{Payload: []byte(payload)}, nil
		})
		res := do(api, httptest.NewRequest("GET", "/", nil))
		if diff := cmp.Diff(want, response{res.StatusCode, res.Header.Get("Content-Type"), bodyOf(t, res)}); diff != "" {
			t.Errorf("payload %s: %s", payload, diff)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m meter.Meter
		api := open(t, httpapi.Options{Routes: []httpapi.Route{{}}, Meter: &m}, func(ctx context.Context, _ string, e events.APIGatewayV2HTTPRequest) (lambda.Result, error) {
			if e.RawPath == "/slow" {
				<-ctx.Done()
				return lambda.Result{}, context.Cause(ctx)
			}
			return lambda.Result{Payload: []byte(`"ok"`)}, nil
		})
		if res := do(api, httptest.NewRequest("GET", "/slow", nil)); res.StatusCode != 503 || bodyOf(t, res) != `{"message":"Service Unavailable"}` {
			t.Errorf("after 30 s: got status %d, want 503", res.StatusCode)
		}
		if res := do(api, httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, 10<<20+1)))); res.StatusCode != 413 {
			t.Errorf("over 10 MB: got status %d, want 413", res.StatusCode)
		}
		do(api, httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, 600<<10))))
		if got := m.Read().Count(meter.HTTPAPIRequests); got != 3 {
			t.Errorf("got %v billed requests, want 1 and 2 for the one over 512 KB", got)
		}
	})
}

func TestCORS(t *testing.T) {
	t.Parallel()
	cors := &httpapi.CORS{
		AllowOrigins: []string{"https://app.example"}, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"content-type"},
		ExposeHeaders: []string{"etag"}, AllowCredentials: true, MaxAge: 600,
	}
	answer := func(context.Context, string, events.APIGatewayV2HTTPRequest) (lambda.Result, error) {
		return lambda.Result{Payload: []byte(`"called"`)}, nil
	}
	api := open(t, httpapi.Options{Routes: []httpapi.Route{{}}, CORS: cors}, answer)
	ask := func(method, origin, wants string) map[string]string {
		r := httptest.NewRequest(method, "/", nil)
		r.Header.Set("Origin", origin)
		if wants != "" {
			r.Header.Set("Access-Control-Request-Method", wants)
		}
		res := do(api, r)
		got := map[string]string{"status": res.Status, "body": bodyOf(t, res)}
		for name := range res.Header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
				got[name] = res.Header.Get(name)
			}
		}
		return got
	}
	for _, c := range []struct {
		name string
		got  map[string]string
		want map[string]string
	}{
		{"preflight", ask("OPTIONS", "https://app.example", "PUT"), map[string]string{
			"status": "204 No Content", "body": "", "Vary": "Origin", "Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true",
			"Access-Control-Allow-Methods": "GET,PUT", "Access-Control-Allow-Headers": "content-type", "Access-Control-Max-Age": "600",
		}},
		{"foreign preflight", ask("OPTIONS", "https://evil.example", "PUT"), map[string]string{"status": "204 No Content", "body": ""}},
		{"request", ask("GET", "https://app.example", ""), map[string]string{
			"status": "200 OK", "body": "called", "Vary": "Origin", "Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true",
			"Access-Control-Expose-Headers": "etag",
		}},
		{"foreign request", ask("GET", "https://evil.example", ""), map[string]string{"status": "200 OK", "body": "called"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
