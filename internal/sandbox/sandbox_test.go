package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/sandbox"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

func build(t *testing.T, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request through a client, as the product does.
func ask(t *testing.T, s *sandbox.Sandbox, method, url, keyHeader, key, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(keyHeader, key)
	req.Header.Set("X-Goog-FieldMask", "*")
	resp, err := (&http.Client{Transport: s.RoundTripper()}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

const apolloSearch = "https://api.apollo.io/api/v1/mixed_people/api_search?person_titles[]=CTO&per_page=50"

// firstMatch searches and matches the first hit; it returns the answer.
func firstMatch(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	status, body := ask(t, s, http.MethodPost, apolloSearch, "X-Api-Key", s.Key("apollo"), "")
	var page struct{ People []struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || len(page.People) == 0 {
		t.Fatalf("search: %d, %v", status, err)
	}
	for _, p := range page.People {
		status, body = ask(t, s, http.MethodPost, "https://api.apollo.io/api/v1/people/match?id="+p.ID, "X-Api-Key", s.Key("apollo"), "")
		if status == 200 && strings.Contains(body, `"email_status":"verified"`) {
			return body
		}
	}
	t.Fatal("no match with a verified address")
	return ""
}

func TestRoutesByHost(t *testing.T) {
	t.Parallel()
	s := build(t, sandbox.Options{People: 3000})
	firstMatch(t, s)
	if status, body := ask(t, s, http.MethodGet, "https://api.hunter.io/v2/account", "X-Api-Key", s.Key("hunter"), ""); status != 200 {
		t.Errorf("hunter: %d %s", status, body)
	}
	if status, body := ask(t, s, http.MethodPost, "https://places.googleapis.com/v1/places:searchText", "X-Goog-Api-Key", s.Key("googleplaces"), `{"textQuery":"software"}`); status != 200 {
		t.Errorf("places: %d %s", status, body)
	}
	if _, err := ask(t, s, http.MethodGet, "https://www.nowhere.example/secret?q=1", "X", "", ""); !strings.Contains(err, `"www.nowhere.example"`) || strings.Contains(err, "practice mode reaches nothing outside") == false {
		t.Errorf("unknown host: %s", err)
	}
	if d := cmp.Diff([]string{"apollo", "clearbit", "googleplaces", "hunter", "lusha", "neverbounce", "zerobounce", "zoominfo"}, s.Providers()); d != "" {
		t.Error(d)
	}
}

// echo is a provider from outside the package.
type echo struct{ charge func() error }

func (e echo) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if err := e.charge(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (echo) Throttled(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusTooManyRequests)
}

func TestMount(t *testing.T) {
	t.Parallel()
	s := build(t, sandbox.Options{People: 100, Faults: map[string]upstream.Faults{"echo": {Throttle: 1}}})
	front, err := s.Server("echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Mount("echo.example", "echo", echo{func() error { return front.Charge("talk", "", 3) }}); err != nil {
		t.Fatal(err)
	}
	if err := s.Mount("api.apollo.io", "echo", echo{}); err == nil {
		t.Error("a taken host was mounted again")
	}
	got, _ := ask(t, s, http.MethodGet, "https://echo.example/", "X", "", "")
	s.Faults("echo").Set(upstream.Faults{})
	after, _ := ask(t, s, http.MethodGet, "https://echo.example/", "X", "", "")
	if got != 429 || after != 200 || s.Bills()["echo"].Total != 3 {
		t.Errorf("%d with the dial up, %d after, charged %d", got, after, s.Bills()["echo"].Total)
	}
	if s.Faults("nobody") != nil || s.Handler("nobody") != nil {
		t.Error("an unknown provider has a dial or a handler")
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	s := build(t, sandbox.Options{People: 100})
	s.Faults("apollo").SetOutage(true)
	if status, err := ask(t, s, http.MethodPost, apolloSearch, "X-Api-Key", s.Key("apollo"), ""); status != 0 || !strings.Contains(err, "connection refused") {
		t.Errorf("outage: %d %s", status, err)
	}
	s.Faults("apollo").SetOutage(false)
	if status, _ := ask(t, s, http.MethodPost, apolloSearch, "X-Api-Key", s.Key("apollo"), ""); status != 200 {
		t.Errorf("after the outage: %d", status)
	}
	if d := cmp.Diff(map[int]int{0: 1, 200: 1}, s.Requests()["apollo"]); d != "" {
		t.Error(d)
	}
}

func TestBillsAndAnswersSurviveAKilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	first, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	a := build(t, sandbox.Options{Seed: 5, People: 3000, Journal: first})
	before := firstMatch(t, a)
	// No Close: the process is killed.
	second, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	b := build(t, sandbox.Options{Seed: 5, People: 3000, Journal: second})
	if d := cmp.Diff(a.Bills(), b.Bills()); d != "" || b.Bills()["apollo"].Total == 0 {
		t.Errorf("bills after the restart:\n%s", d)
	}
	if after := firstMatch(t, b); after != before {
		t.Error("the same seed answers differently after the restart")
	}
	if bill := b.Bills()["apollo"]; bill.Repeated != bill.ByOp["match"].Charges/2 {
		t.Errorf("all was bought twice, but %d of %d charges count as repeated", bill.Repeated, bill.ByOp["match"].Charges)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limited := build(t, sandbox.Options{People: 500})
		free := build(t, sandbox.Options{People: 500, Latency: time.Second, Plans: map[string]sandbox.Plan{"apollo": {Unlimited: true}}})
		last := func(s *sandbox.Sandbox) int {
			status := 0
			for range 201 {
				status, _ = ask(t, s, http.MethodPost, apolloSearch, "X-Api-Key", s.Key("apollo"), "")
			}
			return status
		}
		if got := last(limited); got != 429 {
			t.Errorf("201 searches at once on the published plan: %d, want 429", got)
		}
		start := time.Now()
		if got := last(free); got != 200 {
			t.Errorf("201 searches without quotas: %d", got)
		}
		if took := time.Since(start); took != 201*time.Second {
			t.Errorf("201 answers with a second of latency took %v", took)
		}
	})
}

// TestOnlyReservedDomains reads what the providers say about many people and
// companies and looks for an address that somebody could own.
func TestOnlyReservedDomains(t *testing.T) {
	t.Parallel()
	s := build(t, sandbox.Options{Seed: 11, People: 3000, Plans: map[string]sandbox.Plan{"apollo": {Unlimited: true}}})
	var all strings.Builder
	_, body := ask(t, s, http.MethodPost, apolloSearch, "X-Api-Key", s.Key("apollo"), "")
	all.WriteString(body)
	var page struct{ People []struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatal(err)
	}
	for _, p := range page.People {
		_, body := ask(t, s, http.MethodPost, "https://api.apollo.io/api/v1/people/match?id="+p.ID, "X-Api-Key", s.Key("apollo"), "")
		all.WriteString(body)
	}
	_, body = ask(t, s, http.MethodPost, "https://places.googleapis.com/v1/places:searchText", "X-Goog-Api-Key", s.Key("googleplaces"), `{"textQuery":"software"}`)
	all.WriteString(body)
	hosts := regexp.MustCompile(`(?:https?://|@)([A-Za-z0-9.-]+)`).FindAllStringSubmatch(all.String(), -1)
	if len(hosts) < 100 {
		t.Fatalf("only %d addresses in the answers", len(hosts))
	}
	for _, h := range hosts {
		if !strings.HasSuffix(h[1], ".example") {
			t.Errorf("%q is not reserved", h[1])
		}
	}
}
