package clearbit_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/clearbit"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

const key = "right"

type stack struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
}

func start(t *testing.T, quotas map[string][]upstream.Window, o clearbit.Options) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: 3, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("clearbit", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(clearbit.New(m, front, key, o))
	return &stack{t: t, market: m, front: front}
}

type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// kind is the type of an error, whose body is an object or a list.
func (a answer) kind() string {
	type problem struct{ Type string }
	var object struct{ Error problem }
	var list []problem
	if json.Unmarshal(a.Body, &object) == nil {
		return object.Error.Type
	}
	if json.Unmarshal(a.Body, &list) == nil && len(list) == 1 {
		return "list of " + list[0].Type
	}
	return "unreadable"
}

func (s *stack) send(method, target string, authorize func(*http.Request)) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	authorize(req)
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

func basic(r *http.Request) { r.SetBasicAuth(key, "") }

func (s *stack) get(target string) answer {
	s.t.Helper()
	return s.send(http.MethodGet, "https://"+target, basic)
}

func combined(email string) string {
	return "person.clearbit.com/v2/combined/find?" + url.Values{"email": {email}}.Encode()
}

func firm(domain string) string {
	return "company.clearbit.com/v2/companies/find?domain=" + url.QueryEscape(domain)
}

// record is what the tests read of a combined answer.
type record struct {
	Person *struct {
		ID         string
		Employment struct{ Domain string }
		Twitter    struct{ ID json.RawMessage }
	}
	Company *struct {
		Domain  string
		Twitter struct{ ID json.RawMessage }
	}
}

func (a answer) record(t *testing.T) record {
	t.Helper()
	var out record
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPathThenKeyThenParameters(t *testing.T) {
	t.Parallel()
	s := start(t, clearbit.Quotas(), clearbit.Options{})
	none := func(*http.Request) {}
	for name, c := range map[string]struct {
		method, target string
		auth           func(*http.Request)
		status         int
		kind           string
	}{
		"unknown path, no key": {"GET", "https://person.clearbit.com/v2/people/guess", none, 404, "unknown_route"},
		"another's path":       {"GET", "https://company.clearbit.com/v2/combined/find?email=a@b.example", basic, 404, "unknown_route"},
		"wrong method":         {"POST", "https://person.clearbit.com/v2/combined/find?email=a@b.example", basic, 404, "unknown_route"},
		"no key, no parameter": {"GET", "https://person.clearbit.com/v2/combined/find", none, 401, "auth_required"},
		"wrong key":            {"GET", "https://company.clearbit.com/v2/companies/find", func(r *http.Request) { r.SetBasicAuth("wrong", "") }, 401, "invalid_api_key"},
		"a password":           {"GET", "https://company.clearbit.com/v2/companies/find", func(r *http.Request) { r.SetBasicAuth(key, "x") }, 401, "invalid_api_key"},
		"wrong bearer":         {"GET", "https://company.clearbit.com/v2/companies/find", func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong") }, 401, "invalid_api_key"},
		"bearer, no parameter": {"GET", "https://company.clearbit.com/v2/companies/find", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) }, 422, "params_invalid"},
		"no e-mail":            {"GET", "https://person.clearbit.com/v2/combined/find", basic, 400, "params_invalid"},
		"no at":                {"GET", "https://person.clearbit.com/v2/people/find?email=a.example", basic, 422, "email_invalid"},
		"no domain":            {"GET", "https://prospector.clearbit.com/v1/people/search", basic, 422, "params_invalid"},
		"not a domain":         {"GET", "https://company.clearbit.com/v2/companies/find?domain=a@b.example", basic, 400, "params_invalid"},
		"page too large":       {"GET", "https://prospector.clearbit.com/v1/people/search?domain=a.example&page_size=21", basic, 422, "params_invalid"},
		"page nought":          {"GET", "https://prospector.clearbit.com/v1/people/search?domain=a.example&page=0", basic, 422, "params_invalid"},
		"loopback":             {"GET", "http://127.0.0.1:8080/v2/companies/find", basic, 422, "params_invalid"},
	} {
		got := s.send(c.method, c.target, c.auth)
		if got.Status != c.status || got.kind() != c.kind {
			t.Errorf("%s: %d %s, want %d %s", name, got.Status, got.kind(), c.status, c.kind)
		}
		if limited := got.Header.Get("X-Ratelimit-Limit") == "600"; limited != (c.kind != "unknown_route") {
			t.Errorf("%s: limits told: %v", name, limited)
		}
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("charged %v for nothing that was looked up", got)
	}
}

// Every way in which a lookup can end, with what it costs.
func TestLookups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, clearbit.Options{})
		counts := map[string]int{}
		lookups := 0
		for p := range 1500 {
			truth := s.market.Person(p)
			email := s.market.Email(p)
			if email == "" {
				continue
			}
			lookups++
			a := s.get(combined(email))
			if a.Status == 202 {
				counts["queued"]++
				if len(a.Body) > 0 {
					t.Fatalf("a 202 with the body %s", a.Body)
				}
				if early := s.get(combined(email) + "&cached=true"); early.Status == 200 {
					counts["stored"]++
				} else {
					counts["not stored "+strconv.Itoa(early.Status)]++
				}
				time.Sleep(21 * time.Minute)
				a = s.get(combined(email))
			}
			if a.Status == 404 {
				counts["missing"]++
				continue
			}
			got := a.record(t)
			switch {
			case a.Status != 200:
				t.Fatalf("status %d after the queue", a.Status)
			case got.Person != nil && truth.OptOut:
				t.Fatal("somebody who opted out is there")
			case got.Person == nil:
				counts["company alone"]++
			case got.Company == nil:
				counts["person alone"]++
			default:
				counts["both"]++
				if got.Person.Employment.Domain != got.Company.Domain {
					counts["moved"]++
				}
				if id := string(got.Person.Twitter.ID); id != "null" && id[0] != '"' {
					counts["number at Twitter"]++
				}
				if id := string(got.Company.Twitter.ID); id != "null" && id[0] == '"' {
					counts["text at Twitter"]++
				}
			}
		}
		for _, what := range []string{
			"queued", "stored", "not stored 404", "not stored 202", "missing", "company alone", "person alone", "both", "moved",
			"number at Twitter", "text at Twitter",
		} {
			if counts[what] < 3 {
				t.Errorf("%q came %d times in %v", what, counts[what], counts)
			}
		}
		want := upstream.Bill{
			Total: clearbit.LookupPrice * money.Micro(lookups),
			ByOp:  map[string]upstream.OpBill{clearbit.OpCombined: {Charges: lookups, Total: clearbit.LookupPrice * money.Micro(lookups)}},
		}
		if diff := cmp.Diff(want, s.front.Bill()); diff != "" {
			t.Errorf("each lookup is charged once, hit or miss (-want +got):\n%s", diff)
		}
	})
}

func TestQueueEndsAndRecordsAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, clearbit.Options{})
		const unknown = "firm.example"
		if a := s.get(firm(unknown)); a.Status != 202 {
			t.Fatalf("a new lookup: %d, want 202", a.Status)
		}
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{time.Second, 202}, {20 * time.Minute, 404}, {29 * 24 * time.Hour, 404}, {2 * 24 * time.Hour, 202}} {
			time.Sleep(step.wait)
			if a := s.get(firm(unknown)); a.Status != step.want {
				t.Errorf("%v later: %d, want %d", step.wait, a.Status, step.want)
			}
		}
		if got := s.front.Charges(clearbit.OpCompany); got != 1 { // February's
			t.Errorf("%d charges in the second month, want 1", got)
		}
		if got := s.front.Bill().Total; got != 2*clearbit.LookupPrice {
			t.Errorf("charged %v in two months, want two lookups", got)
		}
	})
}

func TestTooFastTellsTheResetOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, clearbit.Quotas(), clearbit.Options{Prompt: true})
		for i := range 600 {
			if a := s.get(firm("x" + strconv.Itoa(i) + ".example")); a.Status != 404 {
				t.Fatalf("call %d: %d", i, a.Status)
			}
		}
		got := s.get(firm("x.example"))
		reset := strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)
		if got.Status != 429 || got.kind() != "list of rate_limit" || got.Header.Get("Retry-After") != "" || got.Header.Get("X-Ratelimit-Reset") != reset || got.Header.Get("X-Ratelimit-Remaining") != "0" {
			t.Errorf("call 601: %d %s %v, want 429 with the reset %s", got.Status, got.kind(), got.Header, reset)
		}
		if a := s.get(combined("nobody@nowhere.example")); a.Status != 404 {
			t.Errorf("another product: %d, want its own limit", a.Status)
		}
	})
}

func TestPlanUsedUp(t *testing.T) {
	t.Parallel()
	s := start(t, nil, clearbit.Options{Credits: 2, Price: 7, Prompt: true})
	var got []int
	for _, domain := range []string{"a.example", "b.example", "c.example", "a.example"} {
		got = append(got, s.get(firm(domain)).Status)
	}
	if diff := cmp.Diff([]int{404, 404, 402, 404}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if total := s.front.Bill().Total; total != 14 {
		t.Errorf("charged %d, want 14", total)
	}
}

func TestSearchFindsPeopleOfTheCompany(t *testing.T) {
	t.Parallel()
	s := start(t, nil, clearbit.Options{})
	type page struct {
		Page, Total int
		Size        int `json:"page_size"`
		Results     []struct {
			ID      string
			Title   string
			SubRole *string
			Email   *string
		}
	}
	ask := func(q url.Values, version string) page {
		t.Helper()
		a := s.send(http.MethodGet, "https://prospector.clearbit.com/v1/people/search?"+q.Encode(), func(r *http.Request) {
			basic(r)
			if version != "" {
				r.Header.Set("Api-Version", version)
			}
		})
		var out page
		if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != 200 {
			t.Fatalf("%d, %v", a.Status, err)
		}
		return out
	}
	for c := range s.market.Companies() {
		q := url.Values{"domain": {s.market.Domain(c)}}
		first := ask(q, "")
		if first.Total < 8 {
			continue
		}
		q.Set("page", "2")
		second := ask(q, "2018-08-15")
		if len(first.Results) != 5 || first.Size != 5 || first.Page != 1 || second.Page != 2 || len(second.Results) != min(5, first.Total-5) || second.Total != first.Total {
			t.Errorf("pages %+v and %+v", first, second)
		}
		if first.Results[0].ID == second.Results[0].ID || first.Results[0].SubRole == nil || second.Results[0].SubRole != nil {
			t.Errorf("first of each page: %+v and %+v; want two people, subRole only in the newest version", first.Results[0], second.Results[0])
		}
		titled := ask(url.Values{"domain": {s.market.Domain(c)}, "titles[]": {first.Results[0].Title}, "page_size": {"20"}}, "")
		if titled.Total == 0 || titled.Total > first.Total {
			t.Errorf("%d of %d people have a title that one of them has", titled.Total, first.Total)
		}
		if none := ask(url.Values{"domain": {s.market.Domain(c)}, "country": {"Atlantis"}}, ""); none.Total != 0 || none.Results == nil {
			t.Errorf("in no country: %+v, want an empty list", none)
		}
		return
	}
	t.Error("no company has eight people")
}
