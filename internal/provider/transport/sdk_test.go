package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

// A vendor's SDK makes its own requests; key, retry, limit and faults are ours.
func TestHTTPClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return answer(503, "down"), nil
			}
			return answer(200, `{"ok":true}`, "X-Request-Id", "r1"), nil
		})
		client := b.client.HTTPClient(func(r *http.Request) transport.Call {
			return transport.Call{Op: strings.TrimPrefix(r.URL.Path, "/v2/"), Idempotent: true}
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.client.BaseURL()+"/embeddings", strings.NewReader(`{"input":["x"]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Key", "what the SDK was given")
		req.Header.Set("X-Sdk", "1")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != `{"ok":true}` || resp.StatusCode != 200 || resp.Header.Get("X-Request-Id") != "r1" {
			t.Errorf("answer %d %s, %v", resp.StatusCode, body, err)
		}
		one := arrived{Method: "POST", URL: "https://api.acme.example/v2/embeddings", Body: `{"input":["x"]}`, Header: http.Header{
			"X-Key": {secretKey}, "X-Sdk": {"1"}, "User-Agent": {"sluice/1 (+https://github.com/messageai/sluice)"},
		}}
		if diff := cmp.Diff([]arrived{one, one}, b.up.seen, cmpopts.IgnoreFields(arrived{}, "At")); diff != "" {
			t.Errorf("requests: the body must be sent again (-want +got):\n%s", diff)
		}
		if len(b.events) != 2 || b.events[1].Op != "embeddings" {
			t.Errorf("events %+v, want two of embeddings", b.events)
		}
	})
}

func TestHTTPClientFaults(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]fault.Kind{400: fault.InvalidInput, 401: fault.Unauthenticated, 429: fault.RateLimited, 302: fault.BadResponse, 500: fault.Unavailable} {
		b := newBench(t, always(status, "body", "Location", "https://evil.example/"))
		client := b.client.HTTPClient(func(*http.Request) transport.Call { return transport.Call{Op: "embed"} })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.client.BaseURL()+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != kind || e.Op != "acme.embed" || b.up.count() != 1 {
			t.Errorf("status %d: %v after %d requests, want %s of acme.embed after one", status, err, b.up.count(), kind)
		}
	}
}
