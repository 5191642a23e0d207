package practice_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// door stands between all workers and the providers. It knows a provider's keys
// by other names, so that a team can have several of them in turn, and writes
// down when a call left with which.
type door struct {
	next http.RoundTripper

	mu     sync.Mutex
	real   map[string]string // what the simulator takes, by key
	passed []passage
}

type passage struct {
	host, key string // key: "" for one that the door does not know
	at        time.Time
}

// RoundTrip implements http.RoundTripper.
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	p := passage{host: r.URL.Hostname(), at: time.Now()}
	d.mu.Lock()
	r = r.Clone(r.Context())
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	swap := func(s string) string {
		for key, real := range d.real {
			for _, form := range []string{key, url.QueryEscape(key)} {
				if strings.Contains(s, form) {
					p.key = key
					s = strings.ReplaceAll(s, form, real)
				}
			}
		}
		return s
	}
	r.URL.RawQuery = swap(r.URL.RawQuery)
	for name, values := range r.Header {
		for i, v := range values {
			if coded, basic := strings.CutPrefix(v, "Basic "); basic {
				if plain, err := base64.StdEncoding.DecodeString(coded); err == nil {
					v = "Basic " + base64.StdEncoding.EncodeToString([]byte(swap(string(plain))))
				}
			}
			r.Header[name][i] = swap(v)
		}
	}
	body = []byte(swap(string(body)))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	d.passed = append(d.passed, p)
	next := d.next
	d.mu.Unlock()
	return next.RoundTrip(r)
}

// times are when calls left for a host, or one below it: all of them, and those with a key.
func (d *door) times(host, key string) (all, with []time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.passed {
		if strings.HasSuffix(p.host, host) {
			all = append(all, p.at)
			if p.key == key {
				with = append(with, p.at)
			}
		}
	}
	return all, with
}

func (d *door) alias(key, real string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.real[key] = real
}

// guarded opens a world behind a door.
func guarded(t *testing.T, opts practice.Options) (*practice.World, *door) {
	t.Helper()
	d := &door{real: map[string]string{}}
	opts.Outside = func(next http.RoundTripper) http.RoundTripper {
		d.next = next
		return d
	}
	return open(t, opts), d
}

func connect(t *testing.T, w *practice.World, name string, fields map[string]string) api.Checked {
	t.Helper()
	return must[api.Checked](t, w, "POST", "/api/v1/providers/"+name+"/key", fields)
}

func listed(t *testing.T, w *practice.World, name string) api.Provider {
	t.Helper()
	for _, p := range must[api.ProviderList](t, w, "GET", "/api/v1/providers", nil).Providers {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("%s is not in the list", name)
	return api.Provider{}
}

// The campaign of these tests keeps Hunter busy from its first minute on.
const (
	busyFrom   = 40 * time.Second
	hunter     = "api.hunter.io"
	zerobounce = "zerobounce.net"
)

func busyCampaign(t *testing.T) (*practice.World, *door, string) {
	t.Helper()
	w, d := guarded(t, practice.Options{Seed: 11, Latency: 300 * time.Millisecond, Enrichers: []string{"apollo", "hunter", "zerobounce"}})
	d.alias("team-key-one", w.Sandbox.Key("hunter"))
	connect(t, w, "hunter", map[string]string{"apiKey": "team-key-one"})
	return w, d, start(t, w, api.CampaignOptions{MaxProspects: 900}).CampaignID
}

func latest(times []time.Time) time.Time {
	if len(times) == 0 {
		return time.Time{}
	}
	return slices.MaxFunc(times, time.Time.Compare)
}

func TestARevokedKeyIsOutOfUseEverywhereWithinTenSeconds(t *testing.T) {
	var undisturbed time.Duration // between the moment and Hunter's last call, if nobody revokes
	synctest.Test(t, func(t *testing.T) {
		w, d, id := busyCampaign(t)
		time.Sleep(busyFrom)
		moment := time.Now()
		wait(t, w, id)
		all, with := d.times(hunter, "team-key-one")
		if len(all) != len(with) {
			t.Errorf("%d of %d calls were made without the team's key", len(all)-len(with), len(all))
		}
		undisturbed = latest(with).Sub(moment)
	})
	if undisturbed < 30*time.Second {
		t.Fatalf("this test proves nothing: Hunter is asked for %s more anyway", undisturbed)
	}
	synctest.Test(t, func(t *testing.T) {
		w, d, id := busyCampaign(t)
		time.Sleep(busyFrom)
		revoked := time.Now()
		if code, body := call(t, w, "DELETE", "/api/v1/providers/hunter/key", practice.Key, nil); code != http.StatusNoContent {
			t.Fatalf("revoke = %d %s", code, body)
		}
		s := wait(t, w, id)
		all, _ := d.times(hunter, "")
		before := slices.DeleteFunc(slices.Clone(all), revoked.Before)
		if latest(all).After(revoked.Add(10*time.Second)) || len(before) == 0 || latest(before).Before(revoked.Add(-5*time.Second)) {
			t.Errorf("revoked at %s; Hunter's last call before was at %s, its last at all %s; want none ten seconds later", revoked, latest(before), latest(all))
		}
		if others, _ := d.times(zerobounce, ""); !latest(others).After(revoked.Add(20 * time.Second)) {
			t.Errorf("revoked at %s; ZeroBounce was asked for the last time at %s, too", revoked, latest(others))
		}
		if s.Status != string(domain.RunCompleted) || s.Rows.Qualified == 0 {
			t.Errorf("the run is %s (%s) with %+v; want it completed without Hunter", s.Status, s.Reason, s.Rows)
		}
		check(t, w, s)
		if p := listed(t, w, "hunter"); p.Key.State != "revoked" || p.Key.Calls == 0 || p.Key.SpentMicro != s.Spend.ByProvider["hunter"] {
			t.Errorf("the list says %+v, want a revoked key with its usage", p.Key)
		}
	})
}

func TestARotatedKeyIsUsedEverywhereWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, id := busyCampaign(t)
		time.Sleep(busyFrom)
		d.alias("team-key-two", w.Sandbox.Key("hunter"))
		before := listed(t, w, "hunter").Key
		checked := connect(t, w, "hunter", map[string]string{"apiKey": " team-key-two\n"})
		rotated := time.Now()
		if !checked.OK || !checked.Verified || len(checked.Balances) == 0 {
			t.Errorf("the new key = %+v, want one that Hunter has verified", checked)
		}
		s := wait(t, w, id)
		_, old := d.times(hunter, "team-key-one")
		all, fresh := d.times(hunter, "team-key-two")
		if latest(old).After(rotated.Add(10*time.Second)) || !latest(fresh).After(rotated.Add(10*time.Second)) || len(old)+len(fresh) != len(all) {
			t.Errorf("rotated at %s; last call with the old key %s, with the new one %s, %d with neither", rotated, latest(old), latest(fresh), len(all)-len(old)-len(fresh))
		}
		if s.Status != string(domain.RunCompleted) {
			t.Errorf("the run is %s: %s", s.Status, s.Reason)
		}
		check(t, w, s)
		after := listed(t, w, "hunter").Key
		if after.Fingerprint == before.Fingerprint || after.State != "connected" || after.Owner != "team" || after.Calls < int64(len(all)*19/20) || after.Calls > int64(len(all)) {
			t.Errorf("of %d calls the list says %+v (before: %+v)", len(all), after, before)
		}
	})
}

func TestAKeyThatTheProviderRefusesIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := guarded(t, practice.Options{Seed: 1, Generous: true})
		d.alias("good-key", w.Sandbox.Key("hunter"))
		connect(t, w, "hunter", map[string]string{"apiKey": "good-key"})
		good := listed(t, w, "hunter")
		for _, c := range []struct {
			name, provider string
			body           any
			status         int
			says           string
		}{
			{"wrong key", "hunter", map[string]string{"apiKey": "wrong-key"}, http.StatusUnprocessableEntity, "refused this key"},
			{"no key", "hunter", map[string]string{}, http.StatusUnprocessableEntity, "apiKey is missing"},
			{"not a key", "hunter", `"wrong-key"`, http.StatusUnprocessableEntity, "JSON object with apiKey"},
			{"odd types", "hunter", `{"apiKey":["wrong-key"]}`, http.StatusUnprocessableEntity, "JSON object with apiKey"},
			{"two words", "hunter", map[string]string{"apiKey": "wrong key"}, http.StatusUnprocessableEntity, "copy it again"},
			{"more fields", "hunter", map[string]string{"apiKey": "good-key", "other": "wrong-key"}, http.StatusUnprocessableEntity, "other fields"},
			{"one of two fields", "zoominfo", map[string]string{"clientId": "wrong-key"}, http.StatusUnprocessableEntity, "clientSecret is missing"},
			{"wrong login", "zoominfo", map[string]string{"clientId": "wrong-key", "clientSecret": "wrong-key"}, http.StatusUnprocessableEntity, "refused this key"},
			{"unknown provider", "nobody", map[string]string{"apiKey": "wrong-key"}, http.StatusNotFound, "there are apollo"},
		} {
			code, body := call(t, w, "POST", "/api/v1/providers/"+c.provider+"/key", practice.Key, c.body)
			if code != c.status || !strings.Contains(string(body), c.says) || strings.Contains(string(body), "wrong-key") {
				t.Errorf("%s = %d %s; want %d with %q and not the key", c.name, code, body, c.status, c.says)
			}
		}
		if p := listed(t, w, "hunter"); p.Key.Fingerprint != good.Key.Fingerprint {
			t.Errorf("after refusals the key is %+v, want %+v", p.Key, good.Key)
		}
		if p := listed(t, w, "zoominfo"); p.Key.State != "none" {
			t.Errorf("a refused login left %+v", p.Key)
		}
		if err := w.Store.PutAPIKey(t.Context(), "sk_reader", store.APIKey{Team: practice.Team, Scopes: []string{"read"}}); err != nil {
			t.Fatal(err)
		}
		if code, _ := call(t, w, "DELETE", "/api/v1/providers/hunter/key", "sk_reader", nil); code != http.StatusForbidden {
			t.Errorf("a key that may only read revokes: %d", code)
		}
		if got := must[api.Checked](t, w, "POST", "/api/v1/providers/hunter/test", nil); !got.OK || len(got.Balances) == 0 {
			t.Errorf("test of a good key = %+v", got)
		}
		d.alias("good-key", "gone")
		if got := must[api.Checked](t, w, "POST", "/api/v1/providers/hunter/test", nil); got.OK || got.Kind != string(fault.Unauthenticated) {
			t.Errorf("test of a key that the provider took back = %+v", got)
		}
		if got := must[api.Checked](t, w, "POST", "/api/v1/providers/lusha/test", nil); got.OK || !strings.Contains(got.Detail, "sluice provider connect lusha") {
			t.Errorf("test without a key = %+v", got)
		}
	})
}

// One team's key is not another's, and neither is its limit or its bill.
func TestATeamDoesNotUseAnothersKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := guarded(t, practice.Options{Seed: 1, Generous: true})
		d.alias("rivals-key", w.Sandbox.Key("lusha"))
		if err := w.Store.PutAPIKey(t.Context(), "sk_rival", store.APIKey{Team: "rival", Scopes: []string{"read", "write"}}); err != nil {
			t.Fatal(err)
		}
		if code, body := call(t, w, "POST", "/api/v1/providers/lusha/key", "sk_rival", map[string]string{"apiKey": "rivals-key"}); code != http.StatusOK {
			t.Fatalf("connect = %d %s", code, body)
		}
		if p := listed(t, w, "lusha"); p.Key.State != "none" {
			t.Errorf("another team's key is %+v", p.Key)
		}
		if p := listed(t, w, "apollo"); p.Key.Owner != "deployment" {
			t.Errorf("the deployment's key is %+v", p.Key)
		}
		if got := must[api.Checked](t, w, "POST", "/api/v1/providers/lusha/test", nil); got.OK {
			t.Error("another team's key is used")
		}
	})
}
