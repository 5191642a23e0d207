package zoominfo_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/sandbox/zoominfo"
)

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zoominfo.Options{})
	for name, c := range map[string]struct {
		id, secret, form string
		status           int
		code             string
	}{
		"basic":             {"right", "right", "grant_type=client_credentials", 200, ""},
		"in the body":       {"", "", "grant_type=client_credentials&client_id=right&client_secret=right", 200, ""},
		"header wins":       {"wrong", "right", "grant_type=client_credentials&client_id=right&client_secret=right", 401, "invalid_client"},
		"wrong secret":      {"right", "wrong", "grant_type=client_credentials", 401, "invalid_client"},
		"another grant":     {"right", "right", "grant_type=password", 400, "unsupported_grant_type"},
		"a granted scope":   {"right", "right", "grant_type=client_credentials&scope=api:data:contact", 200, ""},
		"a scope it lacks":  {"right", "right", "grant_type=client_credentials&scope=api:data:contact+api:data:news", 400, "invalid_scope"},
		"part of a scope":   {"right", "right", "grant_type=client_credentials&scope=api:data", 400, "invalid_scope"},
		"without any login": {"", "", "grant_type=client_credentials", 401, "invalid_client"},
	} {
		a := s.login(c.id, c.secret, c.form)
		if a.Status != c.status || a.code() != c.code || (a.Token != "") != (a.Status == 200) {
			t.Errorf("%s: %d %s, token %v", name, a.Status, a.code(), a.Token != "")
		}
	}
	json := s.send(http.MethodPost, "/oauth/v1/token", `{"grant_type":"client_credentials"}`, func(r *http.Request) { r.SetBasicAuth("right", "right") })
	if json.Status != 400 {
		t.Errorf("a token asked for in JSON: %d, want 400", json.Status)
	}
}

func TestTokensEndAndAreRevoked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, zoominfo.Options{})
		usage := func() int { return s.send(http.MethodGet, "/data/v1/users/usage", "", nil).Status }
		time.Sleep(zoominfo.TokenLife - time.Nanosecond)
		if got := usage(); got != 200 {
			t.Errorf("just before its end: %d", got)
		}
		time.Sleep(time.Nanosecond)
		a := s.send(http.MethodGet, "/data/v1/users/usage", "", nil)
		if a.Status != 401 || a.code() != "ZI0001" {
			t.Errorf("an ended token: %d %s", a.Status, a.code())
		}
		again := s.login("right", "right", "grant_type=client_credentials")
		s.token = again.Token
		if got := usage(); got != 200 || again.Life != 1000 {
			t.Errorf("a new one, good for %d s: %d", again.Life, got)
		}
		s.server.Revoke()
		if got := usage(); got != 401 || s.server.Issued() != 2 {
			t.Errorf("a revoked token of %d: %d", s.server.Issued(), got)
		}
	})
}

func TestTooFast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, zoominfo.Quotas(), zoominfo.Options{})
		var last answer
		for range 6 {
			last = s.send(http.MethodGet, "/data/v1/users/usage", "", nil)
		}
		got := []string{last.Header.Get("Retry-After"), last.Header.Get("X-RateLimit-Rejected-Bucket"), last.Header.Get("X-RateLimit-Remaining-Second"), last.Header.Get("X-RateLimit-Limit-Hour")}
		if diff := cmp.Diff([]string{"1", "second", "0", "10800"}, got); diff != "" || last.Status != 429 || last.code() != "ZI0004" {
			t.Errorf("sixth in a second: %d %s (-want +got):\n%s", last.Status, last.code(), diff)
		}
		for range 10_800/5 - 1 {
			time.Sleep(time.Second)
			if time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))%(900*time.Second) == 0 {
				s.token = s.login("right", "right", "grant_type=client_credentials").Token
			}
			for range 5 {
				last = s.send(http.MethodGet, "/data/v1/users/usage", "", nil)
			}
		}
		if last.Status != 200 {
			t.Fatalf("the 10,800th: %d", last.Status)
		}
		time.Sleep(time.Second)
		last = s.send(http.MethodGet, "/data/v1/users/usage", "", nil)
		if wait := last.Header.Get("Retry-After"); last.Status != 429 || wait != "1440" || last.Header.Get("X-RateLimit-Rejected-Bucket") != "hour" {
			t.Errorf("the next: %d after %s s", last.Status, wait)
		}
	})
}
