package apollo_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/sandbox/apollo"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

type stack struct {
	t      testing.TB
	market *market.Market
	front  *upstream.Server
	key    string
}

func start(t testing.TB, seed uint64, quotas map[string][]upstream.Window, o apollo.Options) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: seed, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("apollo", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(apollo.New(m, front, "right", o))
	return &stack{t: t, market: m, front: front, key: "right"}
}

type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (s *stack) call(method, path string, q url.Values, body string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://api.apollo.io/api/v1"+path+"?"+q.Encode(), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.key != "" {
		req.Header.Set("X-Api-Key", s.key)
	}
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, raw}
}

type page struct {
	Total  int `json:"total_entries"`
	People []struct {
		ID       string `json:"id"`
		First    string `json:"first_name"`
		Last     string `json:"last_name_obfuscated"`
		Title    string `json:"title"`
		HasEmail bool   `json:"has_email"`
	} `json:"people"`
}

func (s *stack) search(q url.Values) page {
	s.t.Helper()
	a := s.call(http.MethodPost, "/mixed_people/api_search", q, "")
	if a.Status != 200 {
		s.t.Fatalf("search: %d %s", a.Status, a.Body)
	}
	var p page
	if err := json.Unmarshal(a.Body, &p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// sample is the search of the demo's ICP.
func sample() url.Values {
	return url.Values{
		"person_titles[]":                     {"CTO", "VP Engineering", "Director of Engineering", "Head of Product"},
		"person_locations[]":                  {"United States", "United Kingdom", "Canada"},
		"organization_num_employees_ranges[]": {"51,200", "201,500", "501,1000"},
		"per_page":                            {"100"},
	}
}

type matched struct {
	Person *struct {
		ID           string  `json:"id"`
		Last         string  `json:"last_name"`
		Email        *string `json:"email"`
		Status       string  `json:"email_status"`
		Organization struct {
			Domain string `json:"primary_domain"`
		} `json:"organization"`
	} `json:"person"`
}

func (s *stack) match(q url.Values) matched {
	s.t.Helper()
	a := s.call(http.MethodPost, "/people/match", q, "")
	if a.Status != 200 {
		s.t.Fatalf("match: %d %s", a.Status, a.Body)
	}
	var out matched
	if err := json.Unmarshal(a.Body, &out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func TestSampleSearchFindsARealisticMix(t *testing.T) {
	t.Parallel()
	icp := domain.ICP{
		Name:         "sample",
		Demographics: domain.Demographics{JobTitles: sample()["person_titles[]"], Location: "United States, United Kingdom, Canada"},
		Firmographics: domain.Firmographics{
			Industry: []string{"Software", "SaaS", "Cloud Computing", "Cybersecurity"}, CompanySize: []string{"51-200", "201-500", "501-1000"},
			Geography: "North America, Western Europe",
		},
		Psychographics: domain.Psychographics{
			PainPoints:  []string{"Scaling engineering team", "Technical debt management", "DevOps automation", "Security compliance"},
			Goals:       []string{"Improve development velocity", "Reduce operational costs", "Enhance product quality", "Accelerate time-to-market"},
			Motivations: []string{"Innovation", "Efficiency", "Competitive advantage", "Team productivity"},
			Values:      []string{"Data-driven decision making", "Best-in-class tools", "Developer experience", "Continuous improvement"},
		},
	}
	for seed := range uint64(6) {
		s := start(t, seed, nil, apollo.Options{})
		judge := s.market.Judge(icp)
		var hits, fits, left, verified, bounced float64
		seen := map[string]bool{}
		for n := 1; ; n++ {
			q := sample()
			q.Set("page", fmt.Sprint(n))
			p := s.search(q)
			if len(p.People) == 0 {
				if p.Total != len(seen) {
					t.Errorf("seed %d: total_entries %d, but %d came", seed, p.Total, len(seen))
				}
				break
			}
			for _, one := range p.People {
				if seen[one.ID] {
					t.Fatalf("%s came twice", one.ID)
				}
				seen[one.ID] = true
				truth, ok := judge.Truth("apollo", one.ID)
				if !ok {
					t.Fatal("a result without truth")
				}
				hits++
				if truth.Fits {
					fits++
				}
				if truth.LeftCompany {
					left++
				}
				if m := s.match(url.Values{"id": {one.ID}}); m.Person != nil && m.Person.Status == "verified" {
					verified++
					if !s.market.Deliverable(*m.Person.Email) {
						bounced++
					}
				}
			}
		}
		for _, c := range []struct {
			what           string
			got, low, high float64
		}{
			{"hits", hits, 2000, 4000},
			{"true fits", fits / hits, 0.25, 0.38},
			{"left the company", left / hits, 0.04, 0.11},
			{"verified addresses", verified / hits, 0.55, 0.67},
			{"bounces of verified addresses", bounced / verified, 0.02, 0.09},
		} {
			if c.got < c.low || c.got > c.high {
				t.Errorf("seed %d: %s %.3f, want %.2f to %.2f", seed, c.what, c.got, c.low, c.high)
			}
		}
	}
}

func TestSearchTellsNoSurnameAndNoAddress(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	a := s.call(http.MethodPost, "/mixed_people/api_search", sample(), "")
	if strings.Contains(string(a.Body), "@") || strings.Contains(string(a.Body), `"last_name"`) || strings.Contains(string(a.Body), `"pagination"`) {
		t.Error("the search shows more than Apollo's does")
	}
	one := s.search(sample()).People[0]
	full := s.match(url.Values{"id": {one.ID}})
	if full.Person == nil || !strings.HasPrefix(full.Person.Last, one.Last[:1]) || !strings.Contains(one.Last, "***") {
		t.Errorf("obfuscated name %q of %v", one.Last, full.Person)
	}
	if got := s.match(url.Values{"first_name": {one.First}, "last_name": {one.Last}, "domain": {full.Person.Organization.Domain}}); got.Person != nil {
		t.Error("an obfuscated name was matched")
	}
}

func TestSimilarTitles(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	wide := s.search(url.Values{"person_titles[]": {"CTO"}})
	plain := s.search(url.Values{"person_titles[]": {"CTO"}, "include_similar_titles": {"false"}})
	if plain.Total >= wide.Total || plain.Total == 0 {
		t.Errorf("similar titles: %d, without: %d", wide.Total, plain.Total)
	}
	for _, p := range plain.People {
		if !strings.Contains(p.Title, "CTO") {
			t.Errorf("plain search for CTO returned %q", p.Title)
		}
	}
}

func TestSearchByDomain(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	domain := s.market.Domain(40)
	got := s.search(url.Values{"q_organization_domains_list[]": {domain}, "per_page": {"100"}})
	if got.Total == 0 {
		t.Fatal("nobody at the company")
	}
	for _, p := range got.People {
		if m := s.match(url.Values{"id": {p.ID}}); m.Person != nil && m.Person.Organization.Domain != domain {
			t.Errorf("found %s at %s", p.ID, m.Person.Organization.Domain)
		}
	}
}

func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	for name, c := range map[string]struct {
		path string
		q    url.Values
		body string
		want int
	}{
		"list without brackets": {"/mixed_people/api_search", url.Values{"person_titles": {"CTO"}}, "", 422},
		"range with a hyphen":   {"/mixed_people/api_search", url.Values{"organization_num_employees_ranges[]": {"51-200"}}, "", 422},
		"unknown seniority":     {"/mixed_people/api_search", url.Values{"person_seniorities[]": {"boss"}}, "", 422},
		"page too large":        {"/mixed_people/api_search", url.Values{"per_page": {"101"}}, "", 422},
		"page beyond 500":       {"/mixed_people/api_search", url.Values{"page": {"501"}}, "", 422},
		"domain with www":       {"/mixed_people/api_search", url.Values{"q_organization_domains_list[]": {"www.a.example"}}, "", 422},
		"parameters in body":    {"/mixed_people/api_search", nil, `{"person_titles":["CTO"]}`, 422},
		"match by body":         {"/people/match", nil, `{"id":"64a7ff0cc4dfae00013df001"}`, 422},
		"phone without webhook": {"/people/match", url.Values{"id": {"x"}, "reveal_phone_number": {"true"}}, "", 422},
		"eleven at once":        {"/people/bulk_match", nil, `{"details":[{},{},{},{},{},{},{},{},{},{},{}]}`, 400},
		"bulk in the query":     {"/people/bulk_match", url.Values{"details[]": {"x"}}, "", 400},
		"old search path":       {"/mixed_people/search", nil, "", 404},
	} {
		if got := s.call(http.MethodPost, c.path, c.q, c.body); got.Status != c.want {
			t.Errorf("%s: %d %s, want %d", name, got.Status, got.Body, c.want)
		}
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("refused requests cost %d", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := start(t, 1, apollo.Quotas(), apollo.Options{})
	s.key = ""
	none := s.call(http.MethodGet, "/users/api_profile", nil, "")
	s.key = "wrong"
	wrong := s.call(http.MethodGet, "/users/api_profile", nil, "")
	if none.Status != 401 || wrong.Status != 401 || json.Valid(none.Body) || !strings.Contains(string(wrong.Body), "API_KEY_INVALID") {
		t.Errorf("without key %d %s, with a wrong one %d %s", none.Status, none.Body, wrong.Status, wrong.Body)
	}
	if _, limited := wrong.Header["X-Rate-Limit-Minute"]; limited {
		t.Error("a 401 carries rate-limit headers")
	}
	s.key = "right"
	if got := s.call(http.MethodGet, "/users/api_profile", nil, ""); got.Status != 200 || got.Header.Get("x-minute-requests-left") != "199" {
		t.Errorf("profile: %d, %v", got.Status, got.Header)
	}
}

func TestMissesAreFreeAndRepeatsAreNot(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	forms := map[bool]int{}
	for i := range 20 {
		a := s.call(http.MethodPost, "/people/match", url.Values{"email": {fmt.Sprintf("nobody%d@nowhere.example", i)}}, "")
		var body map[string]json.RawMessage
		if err := json.Unmarshal(a.Body, &body); err != nil || a.Status != 200 {
			t.Fatal(a.Status, err)
		}
		_, present := body["person"]
		forms[present]++
	}
	if forms[true] == 0 || forms[false] == 0 {
		t.Errorf("a miss has person null %d times and absent %d times; want both", forms[true], forms[false])
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("misses cost %d", got)
	}
	id := s.search(sample()).People[3].ID
	for range 2 {
		s.match(url.Values{"id": {id}})
	}
	want := upstream.Bill{
		Total: 2 * apollo.CreditPrice, ByOp: map[string]upstream.OpBill{"match": {Charges: 2, Total: 2 * apollo.CreditPrice}},
		Repeated: 1, Wasted: apollo.CreditPrice,
	}
	if d := cmp.Diff(want, s.front.Bill()); d != "" {
		t.Error(d)
	}
}

func TestBulkMatchMayLeaveMissesOut(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	people := s.search(sample()).People
	nulls, absent := 0, 0
	for i := range 10 {
		body := fmt.Sprintf(`{"details":[{"id":%q},{"first_name":"Luis","last_name":"Prat%d","domain":"globex.example"},{"id":%q}]}`, people[i].ID, i, people[i+10].ID)
		a := s.call(http.MethodPost, "/people/bulk_match", url.Values{"reveal_personal_emails": {"false"}}, body)
		var out struct {
			Status  string           `json:"status"`
			Missing int              `json:"missing_records"`
			Unique  int              `json:"unique_enriched_records"`
			Credits float64          `json:"credits_consumed"`
			Matches []map[string]any `json:"matches"`
		}
		if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != 200 {
			t.Fatal(a.Status, err)
		}
		if out.Missing != 3-out.Unique || out.Credits != float64(out.Unique) {
			t.Errorf("counters: %+v", out)
		}
		if len(out.Matches) == 3 {
			nulls++
		} else {
			absent++
		}
	}
	if nulls == 0 || absent == 0 {
		t.Errorf("misses were null %d times and absent %d times; want both", nulls, absent)
	}
}

func TestIdentifyByNameProfileAndAddress(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	for _, one := range s.search(sample()).People[:40] {
		a := s.call(http.MethodPost, "/people/match", url.Values{"id": {one.ID}}, "")
		var out struct {
			Person *struct {
				Name    string  `json:"name"`
				First   string  `json:"first_name"`
				Last    string  `json:"last_name"`
				Profile string  `json:"linkedin_url"`
				Email   *string `json:"email"`
				Org     struct {
					Domain string `json:"primary_domain"`
				} `json:"organization"`
			} `json:"person"`
		}
		if err := json.Unmarshal(a.Body, &out); err != nil {
			t.Fatal(err)
		}
		if out.Person == nil {
			continue // opted out
		}
		want := market.Ref{Source: "apollo", ProfileID: one.ID}
		for _, q := range []url.Values{
			{"linkedin_url": {out.Person.Profile}},
			{"first_name": {strings.ToUpper(out.Person.First)}, "last_name": {out.Person.Last}, "domain": {out.Person.Org.Domain}},
		} {
			got := s.match(q)
			if got.Person == nil || !s.market.SamePerson(want, market.Ref{Source: "apollo", ProfileID: got.Person.ID}) {
				t.Errorf("%v found %+v, want the person of %s", q, got.Person, one.ID)
			}
		}
	}
}

func TestThrottling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, 1, apollo.Quotas(), apollo.Options{})
		for range 200 {
			s.search(sample())
		}
		time.Sleep(15 * time.Second)
		got := s.call(http.MethodPost, "/mixed_people/api_search", sample(), "")
		if got.Status != 429 || got.Header.Get("Retry-After") != "45" || !strings.Contains(string(got.Body), `"message"`) {
			t.Errorf("201st search: %d, retry after %s, %s", got.Status, got.Header.Get("Retry-After"), got.Body)
		}
		if a := s.call(http.MethodPost, "/people/match", url.Values{"email": {"a@b.example"}}, ""); a.Status != 200 || a.Header.Get("x-rate-limit-hourly") != "" || a.Header.Get("x-rate-limit-minute") != "1000" {
			t.Errorf("another endpoint: %d %v", a.Status, a.Header)
		}
		time.Sleep(45 * time.Second)
		s.search(sample())
		var usage map[string]map[string]map[string]int
		if err := json.Unmarshal(s.call(http.MethodPost, "/usage_stats/api_usage_stats", nil, "").Body, &usage); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"limit": 200, "consumed": 1, "left_over": 199}
		if d := cmp.Diff(want, usage[`["api/v1/mixed_people", "api_search"]`]["minute"]); d != "" {
			t.Error(d)
		}
	})
}

func TestExhaustedCredits(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{Credits: 2})
	people := s.search(sample()).People
	last := answer{}
	for _, p := range people[:6] {
		last = s.call(http.MethodPost, "/people/match", url.Values{"id": {p.ID}}, "")
	}
	if last.Status != 422 || !strings.Contains(string(last.Body), "INSUFFICIENT_CREDITS") || s.front.Charges(apollo.OpMatch) != 2 {
		t.Errorf("after two credits: %d %s, %d charged", last.Status, last.Body, s.front.Charges(apollo.OpMatch))
	}
	var credits struct {
		Stats map[string]map[string]int `json:"credit_usage_stats"`
	}
	if err := json.Unmarshal(s.call(http.MethodPost, "/usage_stats/credit_usage_stats", nil, "").Body, &credits); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"limit": 2, "consumed": 2, "left_over": 0}, credits.Stats["lead_credit"]); d != "" {
		t.Error(d)
	}
}

func BenchmarkSearchPage(b *testing.B) {
	s := start(b, 1, nil, apollo.Options{})
	q := sample()
	s.search(q)
	b.ResetTimer()
	for i := range b.N {
		q.Set("page", fmt.Sprint(1+i%20))
		s.call(http.MethodPost, "/mixed_people/api_search", q, "")
	}
}

func BenchmarkMatch(b *testing.B) {
	s := start(b, 1, nil, apollo.Options{})
	people := s.search(sample()).People
	b.ResetTimer()
	for i := range b.N {
		s.call(http.MethodPost, "/people/match", url.Values{"id": {people[i%len(people)].ID}}, "")
	}
}
