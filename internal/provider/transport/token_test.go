package transport_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

const (
	clientID     = "id:1"
	clientSecret = "cs+7f3e"
	tokenPath    = "/v2/oauth/token"
)

// issuer is a provider with a token endpoint: it gives the tokens at-1, at-2 and
// so on, and takes those that are not revoked.
type issuer struct {
	life  string        // the field expires_in and what belongs to it
	delay time.Duration // of a token
	reply func(n int) *http.Response

	mu      sync.Mutex
	tokens  int // requests for one
	calls   int // other requests
	revoked map[string]bool
}

func (i *issuer) answer(_ int, r *http.Request) (*http.Response, error) {
	if r.URL.Path != tokenPath {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.calls++
		if token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); !strings.HasPrefix(token, "at-") || i.revoked[token] {
			return answer(401, `{"message":"invalid token"}`), nil
		}
		return answer(200, "{}"), nil
	}
	i.mu.Lock()
	i.tokens++
	n := i.tokens
	i.mu.Unlock()
	if i.delay > 0 {
		select {
		case <-time.After(i.delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if i.reply != nil {
		if a := i.reply(n); a != nil {
			return a, nil
		}
	}
	life := i.life
	if life == "" {
		life = `,"expires_in":1000`
	}
	return answer(200, fmt.Sprintf(`{"access_token":"at-%d","token_type":"Bearer"%s,"scope":"all"}`, n, life)), nil
}

func (i *issuer) revoke(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.revoked == nil {
		i.revoked = map[string]bool{}
	}
	i.revoked[token] = true
}

// counts are the requests so far: for tokens and others.
func (i *issuer) counts() [2]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return [2]int{i.tokens, i.calls}
}

func withLogin(o *transport.Options) {
	o.Auth = transport.Auth{Kind: transport.AuthClientCredentials, TokenURL: "/oauth/token"}
	o.SecretFields = []string{"clientId", "clientSecret"}
	o.Secret = func(context.Context, bool) (transport.Secret, error) {
		return transport.Secret{Fields: map[string]string{"clientId": clientID, "clientSecret": clientSecret}}, nil
	}
}

// do makes a call and checks what became of it.
func (b *bench) do(t *testing.T, kind fault.Kind) {
	t.Helper()
	if _, err := b.client.Do(t.Context(), get()); fault.KindOf(err) != kind {
		t.Errorf("%v, want %q", err, kind)
	}
}

func TestClientCredentialsOnTheWire(t *testing.T) {
	t.Parallel()
	for at, url := range map[string]string{
		"/oauth/token":                      "https://api.acme.example/v2/oauth/token",
		"https://login.acme.example/a/b":    "https://login.acme.example/a/b",
		"http://127.0.0.1:8080/oauth/token": "http://127.0.0.1:8080/oauth/token",
	} {
		b := newBench(t, func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return answer(200, `{"access_token":"at-1","token_type":"bearer","expires_in":3600}`), nil
			}
			return answer(200, "{}"), nil
		}, withLogin, func(o *transport.Options) { o.Auth.TokenURL = at })
		b.do(t, "")
		agent := []string{"sluice/1 (+https://github.com/messageai/sluice)"}
		want := []arrived{
			{Method: "POST", URL: url, Body: "grant_type=client_credentials", Header: http.Header{
				"Authorization": {"Basic aWQlM0ExOmNzJTJCN2YzZQ=="}, // id%3A1:cs%2B7f3e
				"Content-Type":  {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "User-Agent": agent,
			}},
			{Method: "GET", URL: "https://api.acme.example/v2/things", Header: http.Header{
				"Authorization": {"Bearer at-1"}, "Accept": {"application/json"}, "User-Agent": agent,
			}},
		}
		if diff := cmp.Diff(want, b.up.seen, cmpopts.IgnoreFields(arrived{}, "At")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", at, diff)
		}
		events := []transport.Event{{Provider: "acme", Op: transport.OpToken, Status: 200}, {Provider: "acme", Op: "read", Status: 200}}
		if diff := cmp.Diff(events, b.events, cmpopts.IgnoreFields(transport.Event{}, "Took")); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", at, diff)
		}
	}
}

func TestTokenIsUsedUntilAMinuteBeforeItsEnd(t *testing.T) {
	t.Parallel()
	for life, used := range map[string]time.Duration{
		`,"expires_in":1000`:   940 * time.Second,
		`,"expires_in":"3600"`: 59 * time.Minute,
		`,"expires_in":30`:     15 * time.Second,
		`,"expires_in":1e300`:  24*time.Hour - time.Minute,
		`,"expires_in":0`:      4 * time.Minute,
		`,"expires_in":null`:   4 * time.Minute,
		` `:                    4 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{life: life}
			b := newBench(t, i.answer, withLogin)
			b.do(t, "")
			time.Sleep(used - time.Nanosecond)
			b.do(t, "")
			if diff := cmp.Diff([2]int{1, 2}, i.counts()); diff != "" {
				t.Errorf("%s, shortly before: requests (-want +got):\n%s", life, diff)
			}
			time.Sleep(time.Nanosecond)
			b.do(t, "")
			if diff := cmp.Diff([2]int{2, 3}, i.counts()); diff != "" {
				t.Errorf("%s, then: requests (-want +got):\n%s", life, diff)
			}
		})
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	i := &issuer{}
	b := newBench(t, i.answer, withLogin)
	b.do(t, "")
	i.revoke("at-1")
	b.do(t, "")
	if diff := cmp.Diff([2]int{2, 3}, i.counts()); diff != "" {
		t.Errorf("one revoked: requests (-want +got):\n%s", diff)
	}
	for n := range 10 {
		i.revoke(fmt.Sprintf("at-%d", n))
	}
	b.do(t, fault.Unauthenticated)
	if diff := cmp.Diff([2]int{3, 5}, i.counts()); diff != "" {
		t.Errorf("all revoked: requests (-want +got):\n%s", diff)
	}

	// The token ends between the first attempt and the quick retry.
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		b := newBench(t, func(n int, r *http.Request) (*http.Response, error) {
			if n == 2 {
				i.revoke("at-1")
				return answer(503, ""), nil
			}
			return i.answer(n, r)
		}, withLogin)
		b.do(t, "")
		if diff := cmp.Diff([2]int{2, 2}, i.counts()); diff != "" {
			t.Errorf("ended before the retry: requests (-want +got):\n%s", diff)
		}
	})

	same := &issuer{reply: func(int) *http.Response { return answer(200, `{"access_token":"at-1","expires_in":600}`) }}
	same.revoke("at-1")
	b = newBench(t, same.answer, withLogin)
	b.do(t, fault.Unauthenticated)
	if diff := cmp.Diff([2]int{2, 1}, same.counts()); diff != "" {
		t.Errorf("the same token again: requests (-want +got):\n%s", diff)
	}
}

// What the token endpoint answers; none of it is the fault of a record, and a
// call without token is not made.
func TestNoToken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		header []string
		kind   fault.Kind
		sent   int
	}{
		"invalid_client":        {400, `{"error":"invalid_client","error_description":"hush"}`, nil, fault.Unauthenticated, 1},
		"refused":               {401, `{"error":"hush"}`, nil, fault.Unauthenticated, 1},
		"wrong URL":             {404, "hush", nil, fault.Unauthenticated, 1},
		"wrong method":          {405, "hush", nil, fault.Unauthenticated, 1},
		"forbidden":             {403, "hush", nil, fault.Forbidden, 1},
		"too fast":              {429, "hush", []string{"Retry-After", "7"}, fault.RateLimited, 1},
		"down":                  {503, "hush", nil, fault.Unavailable, 2},
		"elsewhere":             {302, "hush", []string{"Location", "https://evil.example/"}, fault.BadResponse, 1},
		"a page":                {200, "<html>hush</html>", nil, fault.BadResponse, 1},
		"no token":              {200, `{"token":"hush"}`, nil, fault.BadResponse, 1},
		"another kind of token": {200, `{"access_token":"hush","token_type":"mac"}`, nil, fault.BadResponse, 1},
		"endless life":          {200, `{"access_token":"hush","expires_in":"soon"}`, nil, fault.BadResponse, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{reply: func(int) *http.Response { return answer(test.status, test.body, test.header...) }}
			b := newBench(t, i.answer, withLogin)
			_, err := b.client.Do(t.Context(), buy())
			if fault.KindOf(err) != test.kind {
				t.Errorf("%s: %v, want %s", name, err, test.kind)
			}
			if diff := cmp.Diff([2]int{test.sent, 0}, i.counts()); diff != "" {
				t.Errorf("%s: requests (-want +got):\n%s", name, diff)
			}
			text := err.Error() + b.log.String()
			for _, secret := range []string{"hush", clientID, clientSecret, "id%3A1", "aWQl"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s: %q shows in\n%s", name, secret, text)
				}
			}
			if test.kind == fault.RateLimited && fault.RetryAfter(err) != 7*time.Second {
				t.Errorf("%s: RetryAfter %v", name, fault.RetryAfter(err))
			}
		})
	}
}

// A token endpoint that says nothing is given up after ten seconds, and an
// outage of it opens the breaker.
func TestSilentTokenEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{delay: time.Hour}
		b := newBench(t, i.answer, withLogin)
		began := time.Now()
		b.do(t, fault.Unavailable)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("gave up after %v, want 10s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{reply: func(int) *http.Response { return answer(500, "") }}
		b := newBench(t, i.answer, withLogin, withBreaker)
		for range 5 { // each asks twice
			b.do(t, fault.Unavailable)
		}
		b.do(t, fault.CircuitOpen)
		if diff := cmp.Diff([2]int{10, 0}, i.counts()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestTokenFollowsTheSecret(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	cached, stored := map[string]string{"clientId": clientID, "clientSecret": "old"}, map[string]string{}
	put := func(fields map[string]string) {
		mu.Lock()
		defer mu.Unlock()
		stored = fields
	}
	put(maps.Clone(cached))
	refuseOld := false
	i := &issuer{}
	b := newBench(t, func(n int, r *http.Request) (*http.Response, error) {
		if _, secret, ok := r.BasicAuth(); ok && secret == "old" && refuseOld {
			return answer(401, `{"error":"invalid_client"}`), nil
		}
		return i.answer(n, r)
	}, withLogin, func(o *transport.Options) {
		o.Secret = func(_ context.Context, refresh bool) (transport.Secret, error) {
			mu.Lock()
			defer mu.Unlock()
			if refresh {
				cached = stored
			}
			return transport.Secret{Fields: cached}, nil
		}
	})
	b.do(t, "")

	put(map[string]string{"clientId": clientID, "clientSecret": "new"})
	refuseOld = true
	i.revoke("at-1")
	b.do(t, "") // refused by the API, then by the token endpoint, then with the new secret
	if diff := cmp.Diff([2]int{2, 3}, i.counts()); diff != "" {
		t.Errorf("rotated: requests (-want +got):\n%s", diff)
	}

	// Withdrawn: a token that would still be good is not used.
	mu.Lock()
	cached = map[string]string{"clientId": clientID}
	mu.Unlock()
	_, err := b.client.Do(t.Context(), get())
	want := `no key for acme: put {"clientId":"...","clientSecret":"..."} into the secret prod/providers/acme`
	if !fault.Is(err, fault.Unauthenticated) || fault.Message(err) != want {
		t.Errorf("withdrawn: %v, want Unauthenticated: %s", err, want)
	}
	if diff := cmp.Diff([2]int{2, 3}, i.counts()); diff != "" {
		t.Errorf("withdrawn: requests (-want +got):\n%s", diff)
	}
}

// One caller fetches, the others wait for it, as long as they have time.
func TestOneCallerFetchesTheToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{delay: 3 * time.Second}
		b := newBench(t, i.answer, withLogin)
		began := time.Now()
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { b.do(t, "") })
		}
		synctest.Wait()
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := b.client.Do(ctx, get()); !fault.Is(err, fault.Unavailable) || time.Since(began) != time.Second {
				t.Errorf("without time: %v after %v, want Unavailable after 1s", err, time.Since(began))
			}
		})
		group.Wait()
		if diff := cmp.Diff([2]int{1, 50}, i.counts()); diff != "" || time.Since(began) != 3*time.Second {
			t.Errorf("after %v; requests (-want +got):\n%s", time.Since(began), diff)
		}
	})
}
