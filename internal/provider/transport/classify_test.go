package transport_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

func TestDefaultClassify(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Kind{
		200: "", 201: "", 204: "", 299: "", 301: fault.BadResponse, 304: fault.BadResponse, 400: fault.InvalidInput, 401: fault.Unauthenticated,
		402: fault.QuotaExhausted, 403: fault.Forbidden, 404: fault.NotFound, 405: fault.InvalidInput, 408: fault.Unavailable, 409: fault.Conflict,
		410: fault.NotFound, 413: fault.InvalidInput, 422: fault.InvalidInput, 425: fault.Unavailable, 429: fault.RateLimited, 451: fault.Blocked,
		500: fault.Unavailable, 501: fault.Unavailable, 503: fault.Unavailable, 599: fault.Unavailable, 100: fault.BadResponse, 0: fault.BadResponse,
	} {
		if got := fault.KindOf(transport.DefaultClassify("x", &transport.Response{Status: status})); got != want {
			t.Errorf("status %d is %q, want %q", status, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "1.5": 1500 * time.Millisecond, "NaN": 0, "soon": 0,
		"+Inf": 366 * 24 * time.Hour, "1e300": 366 * 24 * time.Hour, "-Inf": 0,
		"Sun, 22 Nov 2026 09:00:30 GMT":  30 * time.Second,
		"Sunday, 22-Nov-26 09:01:00 GMT": time.Minute,
		"Sun, 22 Nov 2026 08:00:00 GMT":  0,
		"Sun, 22 Nov 2090 08:00:00 GMT":  366 * 24 * time.Hour,
	} {
		resp := &transport.Response{At: at, Header: http.Header{"Retry-After": {text}}}
		if got := resp.RetryAfter(); got != want {
			t.Errorf("Retry-After %q is %v, want %v", text, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"7", "1e9", "Sun, 22 Nov 2026 09:00:30 GMT", "-1", "0x1p-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		resp := &transport.Response{At: time.Unix(0, 0), Header: http.Header{"Retry-After": {text}}}
		if got := resp.RetryAfter(); got < 0 || got > 366*24*time.Hour {
			t.Errorf("Retry-After %q is %v", text, got)
		}
	})
}

func TestDecode(t *testing.T) {
	t.Parallel()
	type shape struct {
		Data struct {
			N int `json:"n"`
		} `json:"data"`
	}
	var v shape
	if err := (&transport.Response{Body: []byte(`{"data":{"n":7},"more":true}`)}).Decode(&v); err != nil || v.Data.N != 7 {
		t.Errorf("decoded %+v, %v", v, err)
	}
	for body, where := range map[string]string{
		`{"data":{"n":"hush"}}`: "field data.n",
		`{"data":{"n":7`:        "byte 14",
		`{"hush":hush}`:         "byte 9",
		``:                      "byte 0",
		`"hush"`:                "documents",
	} {
		err := (&transport.Response{Provider: "acme", Op: "read", Status: 200, Body: []byte(body)}).Decode(&v)
		if !fault.Is(err, fault.BadResponse) || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), where) {
			t.Errorf("%s: %v, want BadResponse that says %q and quotes nothing", body, err, where)
		}
	}
}
