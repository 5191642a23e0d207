package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
)

func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		auth transport.Auth
		req  transport.Request
		want arrived
	}{
		"header key, body, colon, extra header": {
			transport.Auth{Kind: transport.AuthHeader, Name: "X-Key"},
			transport.Request{Op: "search", Method: "POST", Path: "/places:searchText", Body: map[string]string{"q": "a<b"}, Header: http.Header{"X-Mask": {"a,b"}}},
			arrived{Method: "POST", URL: "https://api.acme.example/v2/places:searchText", Body: `{"q":"a\u003cb"}`, Header: http.Header{
				"X-Key": {secretKey}, "X-Mask": {"a,b"}, "Content-Type": {"application/json"},
			}},
		},
		"bearer, query": {
			transport.Auth{Kind: transport.AuthBearer},
			transport.Request{Op: "find", Method: "GET", Path: "/find", Query: url.Values{"t[]": {"a b", "ü&"}}},
			arrived{Method: "GET", URL: "https://api.acme.example/v2/find?t%5B%5D=a+b&t%5B%5D=%C3%BC%26", Header: http.Header{"Authorization": {"Bearer " + secretKey}}},
		},
		"query key": {
			transport.Auth{Kind: transport.AuthQuery, Name: "key"},
			transport.Request{Op: "find", Method: "GET", Path: "/find", Query: url.Values{"a": {"1"}}},
			arrived{Method: "GET", URL: "https://api.acme.example/v2/find?a=1&key=" + secretKey, Header: http.Header{}},
		},
		"basic, own media type": {
			transport.Auth{Kind: transport.AuthBasic},
			transport.Request{
				Op: "find", Method: "POST", Path: "/find", Body: map[string]int{"n": 1},
				Header: http.Header{"Accept": {"application/vnd.api+json"}, "Content-Type": {"application/vnd.api+json"}},
			},
			arrived{Method: "POST", URL: "https://api.acme.example/v2/find", Body: `{"n":1}`, Header: http.Header{
				"Authorization": {"Basic c2stOWIxYzJkM2U6"}, "Accept": {"application/vnd.api+json"}, "Content-Type": {"application/vnd.api+json"},
			}},
		},
		"parameter in the body, other host": {
			transport.Auth{Kind: transport.AuthParameter, Name: "key"},
			transport.Request{Op: "find", Method: "POST", Host: "bulk", Path: "/find", Query: url.Values{"a": {"1"}}, Body: map[string]any{"z": []int{1}, "key": "ours"}},
			arrived{Method: "POST", URL: "http://bulk.acme.example/v9/find?a=1", Body: `{"key":"` + secretKey + `","z":[1]}`, Header: http.Header{"Content-Type": {"application/json"}}},
		},
		"parameter in the query": {
			transport.Auth{Kind: transport.AuthParameter, Name: "key"},
			transport.Request{Op: "find", Method: "GET", Path: "/find", Query: url.Values{"a": {"1"}}},
			arrived{Method: "GET", URL: "https://api.acme.example/v2/find?a=1&key=" + secretKey, Header: http.Header{}},
		},
		"no key, escaped path": {
			transport.Auth{},
			transport.Request{Op: "find", Method: "GET", Path: "/a b/50%"},
			arrived{Method: "GET", URL: "https://api.acme.example/v2/a%20b/50%25", Header: http.Header{}},
		},
	} {
		b := newBench(t, always(200, "{}"), func(o *transport.Options) {
			o.Auth, o.BaseURL, o.Hosts = test.auth, o.BaseURL+"/", map[string]string{"bulk": "http://bulk.acme.example/v9"}
		})
		resp, err := b.client.Do(t.Context(), test.req)
		if err != nil || string(resp.Body) != "{}" || resp.Op != test.req.Op || resp.Provider != "acme" {
			t.Errorf("%s: %+v, %v", name, resp, err)
			continue
		}
		got := b.up.seen[0]
		if test.want.Header.Get("Accept") == "" {
			test.want.Header.Set("Accept", "application/json")
		}
		test.want.Header.Set("User-Agent", "sluice/1 (+https://github.com/messageai/sluice)")
		if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(arrived{}, "At")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRequestsThatAreNotSent(t *testing.T) {
	t.Parallel()
	parameter := func(o *transport.Options) { o.Auth = transport.Auth{Kind: transport.AuthParameter, Name: "key"} }
	for name, req := range map[string]transport.Request{
		"path without slash":       {Op: "x", Method: "GET", Path: "things"},
		"path upwards":             {Op: "x", Method: "GET", Path: "/things/../admin"},
		"body that no JSON":        {Op: "x", Method: "POST", Path: "/x", Body: func() {}},
		"method with space":        {Op: "x", Method: "GET /", Path: "/x"},
		"unknown host":             {Op: "x", Method: "GET", Host: "bulk", Path: "/x"},
		"list that takes no key":   {Op: "x", Method: "POST", Path: "/x", Body: []int{1}},
		"a null that takes no key": {Op: "x", Method: "POST", Path: "/x", Body: json.RawMessage("null")},
	} {
		b := newBench(t, always(200, "{}"), parameter)
		if _, err := b.client.Do(t.Context(), req); !fault.Is(err, fault.Internal) || b.up.count() != 0 {
			t.Errorf("%s: %v and %d requests, want Internal and none", name, err, b.up.count())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	secret := func(context.Context, bool) (transport.Secret, error) { return transport.Secret{}, nil }
	key, pair := transport.Auth{Kind: transport.AuthBearer}, []string{"clientId", "clientSecret"}
	login := func(at string) transport.Auth {
		return transport.Auth{Kind: transport.AuthClientCredentials, TokenURL: at}
	}
	for name, o := range map[string]transport.Options{
		"no name":           {BaseURL: "https://a.example"},
		"no base URL":       {Name: "a"},
		"relative URL":      {Name: "a", BaseURL: "/v2"},
		"other scheme":      {Name: "a", BaseURL: "ftp://a.example"},
		"key in the URL":    {Name: "a", BaseURL: "https://a.example?key=hush"},
		"password":          {Name: "a", BaseURL: "https://u:hush@a.example"},
		"no secret":         {Name: "a", BaseURL: "https://a.example", Auth: key, SecretFields: []string{"apiKey"}},
		"no secret field":   {Name: "a", BaseURL: "https://a.example", Auth: key, Secret: secret},
		"impossible quota":  {Name: "a", BaseURL: "https://a.example", Groups: []transport.Group{{Name: "g", Operations: []string{"x"}}}},
		"control character": {Name: "a", BaseURL: "https://a.example/\x00hush"},
		"other host":        {Name: "a", BaseURL: "https://a.example", Hosts: map[string]string{"bulk": "https://b.example?key=hush"}},
		"one secret field":  {Name: "a", BaseURL: "https://a.example", Auth: login("/token"), Secret: secret, SecretFields: pair[:1]},
		"no token URL":      {Name: "a", BaseURL: "https://a.example", Auth: login(""), Secret: secret, SecretFields: pair},
		"token URL upwards": {Name: "a", BaseURL: "https://a.example/v2", Auth: login("/../token"), Secret: secret, SecretFields: pair},
		"token URL with ?":  {Name: "a", BaseURL: "https://a.example", Auth: login("https://b.example/token?key=hush"), Secret: secret, SecretFields: pair},
	} {
		if _, err := transport.New(o); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want an error that quotes nothing", name, err)
		}
	}
}

// One quick retry for what may be repeated, after a pause of 100 to 400 ms.
func TestQuickRetry(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset")}
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, test := range map[string]struct {
		req   transport.Request
		reply func(n int, r *http.Request) (*http.Response, error)
		sent  int
		kind  fault.Kind
	}{
		"recovers after 503": {get(), func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return answer(503, ""), nil
			}
			return answer(200, "{}"), nil
		}, 2, ""},
		"stays 500":              {get(), always(500, ""), 2, fault.Unavailable},
		"reset":                  {get(), func(int, *http.Request) (*http.Response, error) { return nil, reset }, 2, fault.Unavailable},
		"asked to wait":          {get(), always(503, "", "Retry-After", "30"), 1, fault.Unavailable},
		"too fast":               {get(), always(429, ""), 1, fault.RateLimited},
		"refused by us":          {get(), always(400, ""), 1, fault.InvalidInput},
		"bought, 500":            {buy(), always(500, ""), 1, fault.Unavailable},
		"bought, reset":          {buy(), func(int, *http.Request) (*http.Response, error) { return nil, reset }, 1, fault.Unclear},
		"bought, never reached":  {buy(), func(int, *http.Request) (*http.Response, error) { return nil, refused }, 1, fault.Unavailable},
		"bought, lost backend":   {buy(), always(502, ""), 1, fault.Unclear},
		"bought, slow backend":   {buy(), always(504, ""), 1, fault.Unclear},
		"read, lost backend":     {get(), always(502, ""), 2, fault.Unavailable},
		"bought, unknown status": {buy(), always(302, "", "Location", "https://evil.example/"), 1, fault.BadResponse},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, test.reply)
			_, err := b.client.Do(t.Context(), test.req)
			if fault.KindOf(err) != test.kind || b.up.count() != test.sent {
				t.Errorf("%s: %v after %d requests, want %q after %d", name, err, b.up.count(), test.kind, test.sent)
			}
			if test.sent == 2 {
				if pause := b.up.seen[1].At.Sub(b.up.seen[0].At); pause != 250*time.Millisecond {
					t.Errorf("%s: pause %v, want 250ms", name, pause)
				}
			}
			if len(b.events) != test.sent {
				t.Errorf("%s: %d events for %d attempts", name, len(b.events), test.sent)
			}
		})
	}
}

func TestNoRetryWithoutTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, always(503, ""))
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := b.client.Do(ctx, get()); !fault.Is(err, fault.Unavailable) || b.up.count() != 1 || time.Since(began) != 0 {
			t.Errorf("%v after %d requests and %v, want Unavailable at once after one", err, b.up.count(), time.Since(began))
		}
	})
}

// After a 401 the secret is read again, and only another key is tried.
func TestRotatedKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fresh string
		sent  int
		kind  fault.Kind
	}{
		"rotated": {"new", 2, ""},
		"same":    {"old", 1, fault.Unauthenticated},
		"removed": {"", 1, fault.Unauthenticated},
	} {
		b := newBench(t, func(_ int, r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Key") == "new" {
				return answer(200, "{}"), nil
			}
			return answer(401, ""), nil
		}, func(o *transport.Options) {
			cached := "old"
			o.Secret = func(_ context.Context, refresh bool) (transport.Secret, error) {
				if refresh {
					cached = test.fresh
				}
				return transport.Secret{Fields: map[string]string{"apiKey": cached}}, nil
			}
		})
		_, err := b.client.Do(t.Context(), buy())
		if fault.KindOf(err) != test.kind || b.up.count() != test.sent {
			t.Errorf("%s: %v after %d requests, want %q after %d", name, err, b.up.count(), test.kind, test.sent)
		}
	}
}

func TestMissingKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, always(200, "{}"), func(o *transport.Options) {
		o.Secret = func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{}}, nil
		}
	})
	_, err := b.client.Do(t.Context(), get())
	want := `no key for acme: put {"apiKey":"..."} into the secret prod/providers/acme`
	if !fault.Is(err, fault.Unauthenticated) || fault.Message(err) != want || b.up.count() != 0 {
		t.Errorf("%v and %d requests, want Unauthenticated: %s", err, b.up.count(), want)
	}
	b = newBench(t, always(200, "{}"), func(o *transport.Options) {
		o.Secret = func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{}, errors.New("cannot parse " + secretKey)
		}
	})
	if _, err := b.client.Do(t.Context(), get()); err == nil || strings.Contains(err.Error(), secretKey) {
		t.Errorf("unreadable secret: %v, want an error that does not quote it", err)
	}
}

func TestBodyCap(t *testing.T) {
	t.Parallel()
	small := func(o *transport.Options) { o.BodyCap = 10 }
	b := newBench(t, always(200, "0123456789"), small)
	if resp, err := b.client.Do(t.Context(), get()); err != nil || len(resp.Body) != 10 {
		t.Errorf("body as long as the cap: %v", err)
	}
	b = newBench(t, always(200, "0123456789a"), small)
	if _, err := b.client.Do(t.Context(), get()); !fault.Is(err, fault.BadResponse) || b.up.count() != 1 {
		t.Errorf("body above the cap: %v after %d requests, want BadResponse after one", err, b.up.count())
	}
}

// Neither error nor log shows key, query, body or what the network layer says.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	const person, reply = "dana@x.example", "upstream-canary"
	for name, answerWith := range map[string]func(int, *http.Request) (*http.Response, error){
		"400": always(400, reply),
		"500": always(500, reply),
		"302": always(302, reply, "Location", "https://x.example/?"+reply),
		"error": func(_ int, r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: io.EOF}
		},
		"dns": func(int, *http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "api.acme.example?" + reply}
		},
	} {
		for _, req := range []transport.Request{
			{Op: "find", Method: "GET", Path: "/find", Query: url.Values{"email": {person}}, Idempotent: true},
			{Op: "find", Method: "POST", Path: "/find", Body: map[string]string{"email": person}},
		} {
			for _, kind := range []transport.AuthKind{transport.AuthQuery, transport.AuthParameter, transport.AuthBasic} {
				b := newBench(t, answerWith, func(o *transport.Options) { o.Auth = transport.Auth{Kind: kind, Name: "key"} })
				_, err := b.client.Do(t.Context(), req)
				if err == nil || b.log.Len() == 0 {
					t.Fatalf("%s: error %v and %d bytes of log, want both", name, err, b.log.Len())
				}
				text := err.Error() + b.log.String()
				for _, secret := range []string{secretKey, "c2stOWIxYzJkM2U6", "dana", reply, "?", "email="} {
					if strings.Contains(text, secret) {
						t.Errorf("%s, %s: %q shows in\n%s", name, kind, secret, text)
					}
				}
			}
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Duration(n) * time.Second)
			if n == 1 {
				return answer(503, ""), nil
			}
			return answer(200, "{}"), nil
		})
		if _, err := b.client.Do(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
		want := []transport.Event{
			{Provider: "acme", Op: "read", Status: 503, Kind: fault.Unavailable, Took: time.Second},
			{Provider: "acme", Op: "read", Status: 200, Took: 2 * time.Second},
		}
		if diff := cmp.Diff(want, b.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A 429 stops everyone who shares the limit, and nobody else.
func TestThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				return answer(429, "", "Retry-After", "20"), nil
			case 3:
				return answer(429, ""), nil // does not say for how long
			}
			return answer(200, "{}"), nil
		}, withLimiter(
			transport.Group{Name: "slow", Operations: []string{"read", "list"}, Quota: ratelimit.Quota{Rate: 100, Per: 30 * time.Second}},
			transport.Group{Name: "other", Operations: []string{"buy"}, Quota: ratelimit.Quota{Rate: 100, Per: 30 * time.Second}},
		))
		list := get()
		list.Op = "list"
		do := func(req transport.Request, kind fault.Kind, wait time.Duration) {
			t.Helper()
			_, err := b.client.Do(t.Context(), req)
			if fault.KindOf(err) != kind || fault.RetryAfter(err) != wait {
				t.Errorf("%s: %v after %v, want %q after %v", req.Op, err, fault.RetryAfter(err), kind, wait)
			}
		}
		do(get(), fault.RateLimited, 20*time.Second)
		do(list, fault.RateLimited, 20*time.Second) // not sent: our limiter says so
		do(buy(), "", 0)
		if b.up.count() != 2 {
			t.Errorf("%d requests, want 2", b.up.count())
		}
		time.Sleep(20 * time.Second)
		do(list, fault.RateLimited, 30*time.Second) // a whole window, as nothing was said
		do(get(), fault.RateLimited, 30*time.Second)
		if b.up.count() != 3 {
			t.Errorf("%d requests, want 3", b.up.count())
		}
		_, err := b.client.Do(t.Context(), get())
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Op != "acme.read" || e.Provider != "acme" {
			t.Errorf("refusal %+v does not say who and what", e)
		}
	})
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		healthy := false
		b := newBench(t, func(int, *http.Request) (*http.Response, error) {
			if healthy {
				return answer(200, "{}"), nil
			}
			return answer(500, ""), nil
		}, withBreaker)
		for range 10 {
			if _, err := b.client.Do(t.Context(), buy()); !fault.Is(err, fault.Unavailable) {
				t.Fatal(err)
			}
		}
		if _, err := b.client.Do(t.Context(), buy()); !fault.Is(err, fault.CircuitOpen) || fault.RetryAfter(err) <= 0 || b.up.count() != 10 {
			t.Errorf("after ten failures: %v and %d requests, want CircuitOpen and 10", err, b.up.count())
		}
		healthy = true
		time.Sleep(16 * time.Second)
		for range 3 {
			if _, err := b.client.Do(t.Context(), buy()); err != nil {
				t.Errorf("after the probe: %v", err)
			}
		}
	})
}

// What is the caller's fault, or nobody's, must not open the breaker for all.
func TestBreakerIgnores(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply  func(int, *http.Request) (*http.Response, error)
		cancel bool
	}{
		"bad requests": {always(400, ""), false},
		"not found":    {always(404, ""), false},
		"throttled":    {always(429, "", "Retry-After", "0.001"), false},
		"out of plan":  {always(402, ""), false},
		"cancelled": {func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, test.reply, withBreaker)
			for range 30 {
				ctx, cancel := context.WithCancel(t.Context())
				if test.cancel {
					time.AfterFunc(time.Second, cancel)
				}
				_, err := b.client.Do(ctx, buy())
				cancel()
				if err == nil || fault.Is(err, fault.CircuitOpen) {
					t.Fatalf("%s: %v", name, err)
				}
			}
		})
	}
}

// A provider that hangs is ill, even if the caller's deadline ends the call.
func TestBreakerCountsHanging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, withBreaker)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := b.client.Do(ctx, buy()); !fault.Is(err, fault.Unclear) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("hanging call: %v, want Unclear because of the deadline", err)
			}
			cancel()
		}
		if _, err := b.client.Do(t.Context(), buy()); !fault.Is(err, fault.CircuitOpen) {
			t.Errorf("after ten: %v, want CircuitOpen", err)
		}
	})
}

func TestClassifyOfAnAdapter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		classify transport.Classify
		want     *fault.Error
	}{
		"own fault": {
			func(_ string, r *transport.Response) error { return fault.New(fault.QuotaExhausted, "", "no credits") },
			&fault.Error{Kind: fault.QuotaExhausted, Op: "acme.read", Provider: "acme", Message: "no credits"},
		},
		"unknown error": {
			func(string, *transport.Response) error { return errors.New("body says hush") },
			&fault.Error{Kind: fault.BadResponse, Op: "acme.read", Provider: "acme", Message: "the answer could not be understood (status 404)"},
		},
		"a result": {func(string, *transport.Response) error { return nil }, nil},
	} {
		b := newBench(t, always(404, ""), func(o *transport.Options) { o.Classify = test.classify })
		resp, err := b.client.Do(t.Context(), get())
		got, _ := errors.AsType[*fault.Error](err)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if test.want == nil && (resp == nil || resp.Status != 404) {
			t.Errorf("%s: response %+v, want the 404", name, resp)
		}
	}
}
