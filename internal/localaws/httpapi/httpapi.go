// Package httpapi is an API Gateway HTTP API on this machine: routes of the
// template's HttpApi events to functions, payload format 2.0, CORS, and the
// limits and answers that a client sees when a function fails.
//
// It imports aws-lambda-go's event types and its siblings lambda and meter. It
// is NOT for REST APIs, WebSocket APIs, authorizers, stages or custom domains.
package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/meter"
)

// The quotas that cannot be raised (HTTP API quotas page, November 2026).
const (
	maxPayload         = 10 << 20
	integrationTimeout = 30 * time.Second
	billedUnit         = 512 << 10 // a request is billed per started 512 KB
)

// Functions invokes the function behind a route.
type Functions interface {
	Invoke(ctx context.Context, name string, payload []byte) (lambda.Result, error)
}

// Route sends requests to a function. Method "ANY" takes every method; a route
// without method and path is $default.
type Route struct {
	Method   string
	Path     string // "/a/{id}/{rest+}"
	Function string
}

// CORS makes the API answer preflight requests and add CORS headers itself.
type CORS struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
	AllowCredentials                                        bool
	MaxAge                                                  int // seconds; zero sends none
}

// Options configures an [API]. All but CORS and Meter are required.
type Options struct {
	Account   string
	ID        string
	Host      string // of the API's endpoint
	Routes    []Route
	Functions Functions
	CORS      *CORS // nil leaves CORS to the functions
	Meter     *meter.Meter
}

// API is one HTTP API. It may serve many requests at once.
type API struct {
	opts   Options
	routes []pattern
	ids    atomic.Uint64
}

// New returns the API.
func New(opts Options) (*API, error) {
	a := &API{opts: opts}
	for _, r := range opts.Routes {
		p, err := compile(r)
		if err != nil {
			return nil, fmt.Errorf("route %s %s: %w", r.Method, r.Path, err)
		}
		a.routes = append(a.routes, p)
	}
	return a, nil
}

// ServeHTTP answers one request as the API's endpoint does.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := fmt.Sprintf("R%013dA=", a.ids.Add(1))
	w.Header().Set("Apigw-Requestid", id)
	if a.opts.CORS != nil && a.cors(w, r) {
		return
	}
	route, parameters := a.match(r.Method, r.URL.EscapedPath())
	if route == nil {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		fail(w, http.StatusBadRequest, "Bad Request")
		return
	}
	if len(body) > maxPayload {
		fail(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	a.opts.Meter.Add(meter.HTTPAPIRequests, float64(max(1, (len(body)+billedUnit-1)/billedUnit)))
	payload, err := json.Marshal(a.event(r, route, parameters, body, id))
	if err != nil {
		fail(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), integrationTimeout)
	defer cancel()
	result, err := a.opts.Functions.Invoke(ctx, route.function, payload)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		fail(w, http.StatusServiceUnavailable, "Service Unavailable")
	case err != nil || result.FunctionError != "":
		fail(w, http.StatusInternalServerError, "Internal Server Error")
	default:
		respond(w, result.Payload)
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message) // a client that hung up is not our error
}

// event is the payload of format 2.0.
func (a *API) event(r *http.Request, route *pattern, parameters map[string]string, body []byte, id string) events.APIGatewayV2HTTPRequest {
	now := time.Now()
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = "127.0.0.1"
	}
	headers := map[string]string{"host": r.Host, "content-length": strconv.Itoa(len(body)), "x-forwarded-for": source, "x-forwarded-port": "443", "x-forwarded-proto": "https"}
	var cookies []string
	for name, values := range r.Header {
		name = strings.ToLower(name)
		if name != "cookie" {
			headers[name] = strings.Join(values, ",")
			continue
		}
		for _, v := range values {
			for c := range strings.SplitSeq(v, ";") {
				cookies = append(cookies, strings.TrimSpace(c))
			}
		}
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: route.key, RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Cookies: cookies, Headers: headers, QueryStringParameters: query(r.URL.RawQuery), PathParameters: parameters,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: route.key, AccountID: a.opts.Account, Stage: "$default", RequestID: id, APIID: a.opts.ID,
			DomainName: a.opts.Host, DomainPrefix: a.opts.ID,
			Time: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: source, UserAgent: r.UserAgent(),
			},
		},
	}
	if len(body) > 0 {
		if e.IsBase64Encoded = !isText(headers["content-type"], body); e.IsBase64Encoded {
			e.Body = base64.StdEncoding.EncodeToString(body)
		} else {
			e.Body = string(body)
		}
	}
	return e
}

// isText says whether a body goes to the function as it is. The HTTP API
// decides by content type: text, JSON, XML, JavaScript and forms are text.
func isText(contentType string, body []byte) bool {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	kind = strings.TrimSpace(kind)
	text := strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") ||
		slices.Contains([]string{"", "application/json", "application/xml", "application/javascript", "application/x-www-form-urlencoded"}, kind)
	return text && utf8.Valid(body)
}

// query joins the values of a parameter by commas, in order.
func query(raw string) map[string]string {
	var out map[string]string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		key, kerr := url.QueryUnescape(k)
		value, verr := url.QueryUnescape(v)
		if kerr != nil || verr != nil {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		if earlier, ok := out[key]; ok {
			value = earlier + "," + value
		}
		out[key] = value
	}
	return out
}

// respond turns the function's answer into a response. An object with a
// statusCode is one; any other JSON is the body of a 200.
func respond(w http.ResponseWriter, payload []byte) {
	h := w.Header()
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(payload, &fields) // not an object: fields stay empty
	if _, ok := fields["statusCode"]; !ok {
		h.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		var text string
		if bytes.HasPrefix(payload, []byte{'"'}) && json.Unmarshal(payload, &text) == nil { // a JSON string is sent as its content
			payload = []byte(text)
		}
		_, _ = w.Write(payload)
		return
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(payload, &response); err != nil || response.StatusCode < 200 || response.StatusCode > 599 {
		fail(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(response.Body); err != nil {
			fail(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
	}
	for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
		h.Set(name, response.Headers[name])
	}
	for _, c := range response.Cookies {
		h.Add("Set-Cookie", c)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Del("Content-Length") // of the body as it is sent, not as the function counted
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(body)
}

// cors adds CORS headers to every answer to a cross-origin request and answers
// preflights; true if it has answered.
func (a *API) cors(w http.ResponseWriter, r *http.Request) bool {
	c, h, origin := a.opts.CORS, w.Header(), r.Header.Get("Origin")
	preflight := r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != ""
	if origin != "" && (slices.Contains(c.AllowOrigins, "*") || slices.Contains(c.AllowOrigins, origin)) {
		allowed := origin
		if slices.Contains(c.AllowOrigins, "*") && !c.AllowCredentials {
			allowed = "*"
		} else {
			h.Add("Vary", "Origin")
		}
		h.Set("Access-Control-Allow-Origin", allowed)
		if c.AllowCredentials {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		set := func(name string, values []string) {
			if len(values) > 0 {
				h.Set(name, strings.Join(values, ","))
			}
		}
		if preflight {
			set("Access-Control-Allow-Methods", c.AllowMethods)
			set("Access-Control-Allow-Headers", c.AllowHeaders)
			if c.MaxAge > 0 {
				h.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
			}
		} else {
			set("Access-Control-Expose-Headers", c.ExposeHeaders)
		}
	}
	if preflight {
		w.WriteHeader(http.StatusNoContent)
	}
	return preflight
}
