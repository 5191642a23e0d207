package clearbit

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
)

// enrich asks for one person and returns the answer.
func enrich(t *testing.T, c *Client) provider.Answer {
	t.Helper()
	answers, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana})
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

func TestQueuedIsNotFoundAndNotMissing(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, "", says(202, ""), says(202, ""), says(202, ""))
	person := enrich(t, c)
	companies, err := c.EnrichCompanies(t.Context(), []domain.Prospect{{Company: domain.Company{Domain: "acmerobotics.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, usage, peopleErr := c.FindPeople(t.Context(), "acmerobotics.example", provider.Query{})
	for name, got := range map[string]provider.Answer{
		"enrich_person": person, "enrich_company": companies[0], "find_people": {Err: peopleErr, Usage: usage},
	} {
		if got.Found || !fault.Is(got.Err, fault.Unavailable) || fault.RetryAfter(got.Err) != 3*time.Minute {
			t.Errorf("%s: %+v, want a fault Unavailable for three minutes", name, got)
		}
		if want := (provider.Usage{Op: name, Cost: 36_000, Took: time.Second}); got.Usage != want {
			t.Errorf("%s: usage %+v, want %+v: a queued lookup is counted", name, got.Usage, want)
		}
	}
}

func TestQueuedPersonIsTakenAsStoredIfSoSet(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		found  bool
	}{
		"stored":       {200, `{"person":{"id":"1","name":{"givenName":"Dana"}}}`, true},
		"nothing yet":  {404, "", false},
		"still queued": {202, "", false},
		"all null":     {200, `{"person":null,"company":null}`, false},
	} {
		c, d := newClient(t, "stored", says(202, ""), says(test.status, test.body))
		got := enrich(t, c)
		if got.Found != test.found || fault.Is(got.Err, fault.Unavailable) == test.found || got.Usage != lookup {
			t.Errorf("%s: %+v, want found %v or else queued, at the price of one lookup", name, got, test.found)
		}
		var cached []string
		for _, req := range d.asked {
			cached = append(cached, req.Query.Get("cached"))
		}
		if diff := cmp.Diff([]string{"", "true"}, cached); diff != "" {
			t.Errorf("%s: cached (-want +got):\n%s", name, diff)
		}
	}
}

func TestMissCostsALookup(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", `{"error":{"type":"unknown_record","message":"?"}}`, `[{"type":"unknown_record"}]`} {
		c, _ := newClient(t, "", says(404, body))
		if diff := cmp.Diff(provider.Answer{Usage: lookup}, enrich(t, c)); diff != "" {
			t.Errorf("miss %q (-want +got):\n%s", body, diff)
		}
	}
	c, _ := newClient(t, "", says(404, ""))
	people, usage, err := c.FindPeople(t.Context(), "acmerobotics.example", provider.Query{})
	if err != nil || people != nil || usage.Cost != 36_000 {
		t.Errorf("nobody: %v, %+v, %v; want the price of a lookup", people, usage, err)
	}
}

func TestUnknownRouteIsNotAMiss(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"error_route.json", "error_list.json"} {
		c, _ := newClient(t, "", says(404, fixture(t, name)))
		if answers, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %+v, %v; want Forbidden", name, answers, err)
		}
	}
}

func TestTooFastTellsTheResetAndNoRetryAfter(t *testing.T) {
	t.Parallel()
	for reset, want := range map[string]time.Duration{
		strconv.FormatInt(at.Add(42*time.Second).Unix(), 10): 43 * time.Second,
		strconv.FormatInt(at.Unix(), 10):                     time.Second,
		strconv.FormatInt(at.Add(-time.Minute).Unix(), 10):   0, // the transport waits for the window
		strconv.FormatInt(at.Add(48*time.Hour).Unix(), 10):   0,
		"42": 0, "": 0, "soon": 0, "99999999999999999999": 0,
	} {
		answer := says(429, "")
		if reset != "" {
			answer.Header.Set("x-ratelimit-reset", reset)
		}
		c, _ := newClient(t, "", answer)
		_, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana})
		if !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != want {
			t.Errorf("reset %q: %v, wait %v; want RateLimited for %v", reset, err, fault.RetryAfter(err), want)
		}
	}
}

func TestTwitterIDsOfBothTypesAreSurvived(t *testing.T) {
	t.Parallel()
	for _, id := range []string{`2006261`, `"2006261"`, `null`} {
		c, _ := newClient(t, "", says(200, fmt.Sprintf(`{"person":{"id":"1","twitter":{"id":%s}},"company":{"id":"2","twitter":{"id":%s}}}`, id, id)))
		if got := enrich(t, c); !got.Found {
			t.Errorf("id %s: %+v, want found", id, got)
		}
	}
}

func TestEverythingMayBeNull(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, "", says(200, `{
		"person":{"id":"1","name":null,"geo":null,"employment":null,"linkedin":null,"email":null},
		"company":{"id":"2","name":null,"domain":null,"domainAliases":null,"category":null,"geo":null,"metrics":null,"tech":null,"phone":null,"foundedYear":null}}`))
	want := provider.Answer{
		Found: true, Usage: lookup,
		Prospect: domain.Prospect{Source: "clearbit", ProfileID: "1", SeenAt: at, Provenance: origin()},
	}
	if diff := cmp.Diff(want, enrich(t, c)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestHalfOfACombinedAnswerMayBeMissing(t *testing.T) {
	t.Parallel()
	const (
		person  = `{"id":"1","name":{"givenName":"Dana"},"employment":{"name":"Acme","domain":"acme.example"}}`
		company = `{"id":"2","name":"Acme","domain":"acme.example","metrics":{"employees":240}}`
	)
	for name, test := range map[string]struct {
		body string
		want domain.Prospect
	}{
		"person alone": {`{"person":` + person + `,"company":null}`, domain.Prospect{
			ProfileID: "1", Person: domain.Person{FirstName: "Dana"}, Company: domain.Company{Name: "Acme", Domain: "acme.example"},
			Provenance: origin("person.firstName", "company.name", "company.domain"),
		}},
		"company alone": {`{"person":null,"company":` + company + `}`, domain.Prospect{
			Company:    domain.Company{Name: "Acme", Domain: "acme.example", Employees: 240},
			Provenance: origin("company.name", "company.domain", "company.employees"),
		}},
	} {
		c, _ := newClient(t, "", says(200, test.body))
		test.want.Source, test.want.SeenAt = "clearbit", at
		if diff := cmp.Diff(provider.Answer{Found: true, Usage: lookup, Prospect: test.want}, enrich(t, c)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFactsOfACompanyLeftAreNotThoseOfTheEmployer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		domain, aliases string
		want            domain.Company
	}{
		"moved on":    {"new.example", `[]`, domain.Company{Name: "Newco", Domain: "new.example"}},
		"an alias":    {"www.acme-robotics.example", `["acme-robotics.example"]`, domain.Company{Name: "Acme", Domain: "acme.example", Employees: 240}},
		"not told":    {"", `[]`, domain.Company{Name: "Acme", Domain: "acme.example", Employees: 240}},
		"same domain": {"ACME.example", `[]`, domain.Company{Name: "Acme", Domain: "acme.example", Employees: 240}},
	} {
		c, _ := newClient(t, "", says(200, fmt.Sprintf(`{"person":{"id":"1","employment":{"name":"Newco","domain":%q}},
			"company":{"id":"2","name":"Acme","domain":"acme.example","domainAliases":%s,"metrics":{"employees":240}}}`, test.domain, test.aliases)))
		if diff := cmp.Diff(test.want, enrich(t, c).Prospect.Company); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A lookup is by address, so the address in its answer is no second opinion.
func TestAddressOfALookupConfirmsNothing(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, "", says(200, fixture(t, "combined.json")))
	if got := enrich(t, c).Prospect; got.Contact != (domain.Contact{}) {
		t.Errorf("contact %+v, want none", got.Contact)
	}
}

func TestExecutiveBeginsWithVicePresidents(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"executive": "vp", "Executive": "vp", "director": "director", "manager": "manager", "": "", "wizard": ""} {
		if got := seniority(word); got != want {
			t.Errorf("%q = %q, want %q", word, got, want)
		}
	}
}

func TestRangesWithOneK(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1-10": 3, "51-250": 113, "251-1K": 501, "1K-5K": 2236, "10K-50K": 22361, "100K+": 100_000, "": 0, "many": 0,
	} {
		var w wireCompany
		w.Metrics.EmployeesRange = text
		if got := w.employees(); got != want {
			t.Errorf("%q = %d employees, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int64{"$0-$1M": 500_000, "$10M-$50M": 22_360_680, "$10B+": 10_000_000_000, "": 0} {
		var w wireCompany
		w.Metrics.EstimatedRevenue = text
		if got := w.revenue(); got != want {
			t.Errorf("%q = %d dollars, want %d", text, got, want)
		}
	}
}

func TestAccountIsReadByAQuestionThatIsNotCounted(t *testing.T) {
	t.Parallel()
	answer := says(422, `{"error":{"type":"params_invalid","message":"?"}}`)
	for name, value := range map[string]string{
		"x-ratelimit-limit": "600", "x-ratelimit-remaining": "590", "x-ratelimit-reset": strconv.FormatInt(at.Add(time.Minute).Unix(), 10),
	} {
		answer.Header.Set(name, value)
	}
	c, d := newClient(t, "", answer)
	got, err := c.ReadAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Account{
		Balances: []provider.Balance{{Name: "minute", Limit: 600, Used: 10, Left: 590, ResetsAt: at.Add(time.Minute)}},
		Usage:    provider.Usage{Op: "read_account", Took: time.Second},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	if req := d.asked[0]; req.Host != "company" || req.Path != "/v2/companies/find" || len(req.Query) > 0 {
		t.Errorf("asked %+v, want a company lookup without a company", req)
	}
}

func TestOneOfTheLimitsMissingIsNoBalance(t *testing.T) {
	t.Parallel()
	for _, headers := range []string{"", "x-ratelimit-limit=600", "x-ratelimit-remaining=1", "x-ratelimit-limit=5 x-ratelimit-remaining=6", "x-ratelimit-limit=-1 x-ratelimit-remaining=0"} {
		answer := says(400, "")
		for pair := range strings.FieldsSeq(headers) {
			name, value, _ := strings.Cut(pair, "=")
			answer.Header.Set(name, value)
		}
		c, _ := newClient(t, "", answer)
		if got, err := c.ReadAccount(t.Context()); err != nil || got.Balances != nil {
			t.Errorf("headers %q: %+v, %v; want no balance", headers, got, err)
		}
	}
}
