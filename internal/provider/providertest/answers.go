package providertest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

func checkFound(t *testing.T, c Case, call Call) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, call, key, call.found)
		got, err := call.Invoke(t.Context(), r.client)
		if err != nil {
			t.Fatalf("complete answer: %v", err)
		}
		if !got.Found {
			t.Error("complete answer: not found")
		}
		price := c.Definition.Prices.Operations[call.Op]
		if got.Usage.Op != call.Op || got.Usage.Cost < 0 || got.Usage.Cost > price.Max()*money.Micro(len(r.up.seen())) {
			t.Errorf("usage %+v: want operation %s and a cost between 0 and %v for each of %d requests", got.Usage, call.Op, price.Max(), len(r.up.seen()))
		}
		for _, e := range r.events {
			if e.Provider != c.Definition.Name || e.Status != 200 || e.Kind != "" || e.Op != transport.OpToken && c.Definition.Prices.Operations[e.Op].Units == 0 {
				t.Errorf("metered %+v: want a success of one of the operations of %s", e, c.Definition.Name)
			}
		}
	})
}

func checkNone(t *testing.T, c Case, call Call) {
	if call.NeverEmpty == (len(call.None) > 0) {
		t.Fatal("give the answers that mean nothing found in Call.None, or set NeverEmpty")
	}
	for _, reply := range call.None {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, c, call, key, reply.response)
			got, err := call.Invoke(t.Context(), r.client)
			if err != nil || got.Found {
				t.Errorf("%s: found %v, error %v; want neither", reply.Name, got.Found, err)
			}
		})
	}
}

// below reports whether a request went to one of the provider's addresses.
func below(to string, d provider.Definition) bool {
	for _, base := range append(slices.Collect(maps.Values(d.Hosts)), d.BaseURL) {
		if strings.HasPrefix(to, strings.TrimRight(base, "/")+"/") {
			return true
		}
	}
	return false
}

// checkKey: the key is where the definition says, and nowhere else.
func checkKey(t *testing.T, c Case, call Call) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, call, key, call.found)
		if _, err := call.Invoke(t.Context(), r.client); err != nil {
			t.Fatal(err)
		}
		seen := r.up.seen()
		if len(seen) == 0 {
			t.Fatal("no request was sent")
		}
		for _, req := range seen {
			if !below(req.url, c.Definition) {
				t.Errorf("request went to %s, want below %s or %v", req.url, c.Definition.BaseURL, c.Definition.Hosts)
			}
			checkPlaces(t, c.Definition.Auth, req)
		}
		for _, req := range r.up.tokens {
			checkTokenRequest(t, req)
		}
	})
}

// checkPlaces: in one request, the key or access token is where it belongs.
func checkPlaces(t *testing.T, declared transport.Auth, req request) {
	t.Helper()
	sent, name := key, http.CanonicalHeaderKey(declared.Name)
	switch declared.Kind {
	case transport.AuthClientCredentials:
		sent, name = accessToken(1), "Authorization"
		if text := fmt.Sprint(req); strings.Contains(text, key) || strings.Contains(text, other) {
			t.Error("the client's id or secret is in a request that is not for a token")
		}
	case transport.AuthBearer, transport.AuthBasic:
		name = "Authorization"
	}
	places := map[string]bool{
		"url": strings.Contains(req.url, sent), "body": strings.Contains(req.body, sent), "other header": false,
	}
	for header, values := range req.header {
		places["other header"] = places["other header"] || header != name && strings.Contains(strings.Join(values, " "), sent)
	}
	want := map[transport.AuthKind]string{
		transport.AuthHeader: sent, transport.AuthBearer: "Bearer " + sent, transport.AuthClientCredentials: "Bearer " + sent,
		transport.AuthBasic: "Basic " + base64.StdEncoding.EncodeToString([]byte(sent+":")),
	}[declared.Kind]
	if want != "" && req.header.Get(name) != want {
		t.Errorf("header %s does not carry the key", name)
	}
	inBody := declared.Kind == transport.AuthParameter && req.body != ""
	inURL := declared.Kind == transport.AuthQuery || declared.Kind == transport.AuthParameter && !inBody
	if places["url"] != inURL || places["body"] != inBody || places["other header"] {
		t.Errorf("the key is in %v; declared: %s %s", places, declared.Kind, declared.Name)
	}
}

// checkTokenRequest: the client's id and secret go to the token endpoint in the
// Authorization header.
func checkTokenRequest(t *testing.T, req request) {
	t.Helper()
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"+other)); req.header.Get("Authorization") != want {
		t.Error("a request for a token does not carry the client's id and secret")
	}
	req.header.Del("Authorization")
	if text := fmt.Sprint(req); strings.Contains(text, key) || strings.Contains(text, other) {
		t.Error("a request for a token has the client's id or secret in another place than the Authorization header")
	}
}

// checkToken: a token is used for many calls, and one that the provider does not
// take any more is renewed without anybody noticing.
func checkToken(t *testing.T, c Case, call Call) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		r := newRig(t, c, call, key, func(req *http.Request) (*http.Response, error) {
			if ended && req.Header.Get("Authorization") == "Bearer "+accessToken(1) {
				return Reply{Status: 401, Body: `{"error":"` + canary + `"}`}.response(req)
			}
			return call.found(req)
		})
		for _, ended = range []bool{false, false, true, true} {
			if got, err := call.Invoke(t.Context(), r.client); err != nil || !got.Found {
				t.Errorf("token ended %v: found %v, %v", ended, got.Found, err)
			}
			r.discreet(t, call, nil)
		}
		if n := len(r.up.tokens); n != 2 {
			t.Errorf("asked for %d tokens, want 2", n)
		}
	})
}

// checkFaults plays every status that the pipeline must tell apart.
func checkFaults(t *testing.T, c Case, call Call) {
	body := fmt.Sprintf(`{"message":%q,"error":{"message":%q}}`, canary, canary)
	var replies []Reply
	for _, status := range []int{400, 401, 402, 403, 404, 422, 429, 451, 500, 503} {
		replies = append(replies, Reply{Name: fmt.Sprint(status), Status: status, Body: body, Kind: call.want(status)})
	}
	for status, kind := range call.Kinds {
		if !slices.ContainsFunc(replies, func(r Reply) bool { return r.Status == status }) {
			replies = append(replies, Reply{Name: fmt.Sprint(status), Status: status, Body: body, Kind: kind})
		}
	}
	replies = append(replies,
		Reply{Name: "429 with Retry-After", Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: body, Kind: call.want(429)},
		Reply{Name: "302", Status: 302, Header: map[string]string{"Location": "https://elsewhere.example/"}, Body: body, Kind: fault.BadResponse},
	)
	for _, reply := range append(replies, call.Replies...) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, c, call, key, reply.response)
			_, err := call.Invoke(t.Context(), r.client)
			if got := fault.KindOf(err); got != reply.Kind {
				t.Errorf("answer %s: kind %q, want %q (%v)", reply.Name, got, reply.Kind, err)
			}
			if fault.Is(err, fault.RateLimited) {
				switch wait := fault.RetryAfter(err); {
				case wait <= 0:
					t.Errorf("answer %s: no RetryAfter", reply.Name)
				case reply.Header["Retry-After"] == "7" && wait != 7*time.Second:
					t.Errorf("answer %s: RetryAfter %v, want 7s", reply.Name, wait)
				}
			}
			r.discreet(t, call, err)
			r.sparing(t, c, call, reply.Name)
		})
	}
}

// sparing checks that what costs money was not asked twice without anybody
// deciding so, and that nothing is repeated more than once. What was refused
// with one access token cost nothing and is asked again with the next.
func (r *rig) sparing(t *testing.T, c Case, call Call, name string) {
	t.Helper()
	limit := 2
	if !c.mayRepeat(call.Op) && len(r.up.tokens) < 2 {
		limit = 1
	}
	if n := len(r.up.seen()); n > limit {
		t.Errorf("answer %s: sent %d times, want at most %d", name, n, limit)
	}
}
