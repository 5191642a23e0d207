package apollo

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// doer answers everything with one body and keeps the request.
type doer struct {
	asked transport.Request
	body  string
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	d.asked = req
	return &transport.Response{Provider: "apollo", Op: req.Op, Status: 200, Header: http.Header{}, Body: []byte(d.body), At: at}, nil
}

func newClient(t *testing.T, body string) (*Client, *doer) {
	t.Helper()
	c, err := New(provider.Deps{Now: func() time.Time { return at }, Settings: provider.Settings{"credit_microusd": "31000"}})
	if err != nil {
		t.Fatal(err)
	}
	d := &doer{body: body}
	c.transport = d
	return c, d
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fromApollo is the provenance of fields fetched at the test's time.
func fromApollo(fields ...string) map[string]domain.Provenance {
	all := map[string]domain.Provenance{}
	for _, f := range fields {
		all[f] = domain.Provenance{Source: "apollo", FetchedAt: at}
	}
	return all
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "search.json"))
	got, err := c.Discover(t.Context(), provider.Query{
		Titles: []string{"CTO", "VP Engineering"}, Sizes: []string{"51-200", "1,000+", "many"}, Locations: []string{"United States"},
		Industries: []string{"Software"}, Keywords: []string{"devops", "cloud"},
	}, "2")
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Page{
		Prospects: []domain.Prospect{
			{
				Source: "apollo", ProfileID: "64a7ff0cc4dfae00013df001", SeenAt: at,
				Person:     domain.Person{FirstName: "Dana", Title: "VP Operations"},
				Company:    domain.Company{Name: "Acme Robotics"},
				Provenance: fromApollo("person.firstName", "person.title", "company.name"),
			},
			{
				Source: "apollo", ProfileID: "64a7ff0cc4dfae00013df002", SeenAt: at,
				Person:     domain.Person{FirstName: "Luis"},
				Provenance: fromApollo("person.firstName"),
			},
		},
		Next: "3", Total: 230, Usage: provider.Usage{Op: "discover"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	request := transport.Request{
		Op: "discover", Method: "POST", Path: "/mixed_people/api_search", Idempotent: true,
		Query: url.Values{
			"person_titles[]": {"CTO", "VP Engineering"}, "person_locations[]": {"United States"},
			"organization_num_employees_ranges[]": {"51,200", "1000,10000000"}, "q_keywords": {"devops cloud"},
			"page": {"2"}, "per_page": {"100"},
		},
	}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// The last page is where the total is reached, where nobody is left, and page 500.
func TestDiscoverEnds(t *testing.T) {
	t.Parallel()
	person := `{"id":"64a7ff0cc4dfae00013df001"}`
	for name, test := range map[string]struct {
		cursor, body, next string
		size               int
	}{
		"more":         {"1", `{"total_entries":51,"people":[` + person + `]}`, "2", 50},
		"total":        {"1", `{"total_entries":50,"people":[` + person + `]}`, "", 50},
		"nobody left":  {"3", `{"total_entries":9000,"people":[]}`, "", 0},
		"last allowed": {"500", `{"total_entries":90000,"people":[` + person + `]}`, "", 0},
		"one before":   {"499", `{"total_entries":90000,"people":[` + person + `]}`, "500", 0},
	} {
		c, d := newClient(t, test.body)
		page, err := c.Discover(t.Context(), provider.Query{PageSize: test.size}, test.cursor)
		if err != nil || page.Next != test.next {
			t.Errorf("%s: next %q, %v; want %q", name, page.Next, err, test.next)
		}
		if size := strconv.Itoa(pageSize(provider.Query{PageSize: test.size})); d.asked.Query.Get("per_page") != size {
			t.Errorf("%s: asked for %s a page, want %s", name, d.asked.Query.Get("per_page"), size)
		}
	}
}

func TestFindPeople(t *testing.T) {
	t.Parallel()
	// A person of whom nothing but the id is known must not break anything.
	c, d := newClient(t, `{"total_entries":1,"people":[{"id":"64a7ff0cc4dfae00013df001"}]}`)
	got, usage, err := c.FindPeople(t.Context(), "acmerobotics.example", provider.Query{Titles: []string{"CTO"}, PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	want := []domain.Prospect{{
		Source: "apollo", ProfileID: "64a7ff0cc4dfae00013df001", SeenAt: at,
		Company: domain.Company{Domain: "acmerobotics.example"}, Provenance: fromApollo("company.domain"),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	if usage != (provider.Usage{Op: "find_people"}) {
		t.Errorf("usage %+v, want none of find_people", usage)
	}
	query := url.Values{"person_titles[]": {"CTO"}, "q_organization_domains_list[]": {"acmerobotics.example"}, "page": {"1"}, "per_page": {"5"}}
	if diff := cmp.Diff(query, d.asked.Query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
}

func TestEnrichPerson(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "match.json"))
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{{Source: "apollo", ProfileID: "64a7ff0cc4dfae00013df001"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true,
		Usage: provider.Usage{Op: "enrich_person", Cost: 31_000},
		Prospect: domain.Prospect{
			Source: "apollo", ProfileID: "64a7ff0cc4dfae00013df001", SeenAt: at,
			Person: domain.Person{
				FirstName: "Dana", LastName: "Okafor", Title: "VP Operations", Headline: "VP Operations at Acme Robotics", Seniority: "vp",
				Department: "operations", ProfileURL: "http://www.linkedin.com/in/dana-okafor", City: "Austin", Region: "Texas", Country: "United States",
			},
			Company: domain.Company{
				Name: "Acme Robotics", Domain: "acmerobotics.example", Website: "http://www.acmerobotics.example", Industry: "industrial automation",
				Employees: 240, RevenueUSD: 38_500_000, Founded: 2014, FundingStage: "Series B", Technologies: []string{"Salesforce"},
			},
			Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"},
			Signals: []domain.Signal{
				{Kind: "funding", Text: "Series B", At: time.Date(2026, 9, 15, 0, 0, 0, 0, time.UTC), Source: "apollo"},
				{Kind: "hiring", Text: "headcount +27% in six months", At: at, Source: "apollo"},
				{Kind: "jobchange", Text: "VP Operations", At: time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC), Source: "apollo"},
			},
			Provenance: fromApollo("person.firstName", "person.lastName", "person.title", "person.headline", "person.seniority", "person.department",
				"person.profileUrl", "person.city", "person.region", "person.country", "contact.email",
				"company.name", "company.domain", "company.website", "company.industry", "company.employees", "company.revenueUsd",
				"company.founded", "company.fundingStage", "company.technologies"),
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	request := transport.Request{
		Op: "enrich_person", Method: "POST", Path: "/people/match",
		Query: url.Values{"id": {"64a7ff0cc4dfae00013df001"}, "reveal_personal_emails": {"false"}},
	}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	named := domain.Prospect{Person: domain.Person{FirstName: "Dana", LastName: "Okafor"}, Company: domain.Company{Domain: "x.example"}}
	profiled, mailed, referred, foreign := named, named, named, named
	profiled.Person.ProfileURL = "https://www.linkedin.com/in/dana-okafor"
	mailed.Contact.Email = "dana@x.example"
	mailed.Person.ProfileURL = profiled.Person.ProfileURL
	referred.Refs = map[string]string{"apollo": "64a7"}
	referred.Contact.Email = mailed.Contact.Email
	foreign.Source, foreign.ProfileID, foreign.Person.ProfileURL = "googleplaces", "ChIJ1", "https://social.example/dana"
	byName := url.Values{"first_name": {"Dana"}, "last_name": {"Okafor"}, "domain": {"x.example"}}
	for name, test := range map[string]struct {
		p    domain.Prospect
		want url.Values
	}{
		"name":             {named, byName},
		"profile":          {profiled, url.Values{"linkedin_url": {"https://www.linkedin.com/in/dana-okafor"}}},
		"e-mail":           {mailed, url.Values{"email": {"dana@x.example"}}},
		"reference":        {referred, url.Values{"id": {"64a7"}}},
		"another's id":     {foreign, byName},
		"first name alone": {domain.Prospect{Person: domain.Person{FirstName: "Dana"}, Company: named.Company}, nil},
	} {
		c, _ := newClient(t, "")
		detail, err := c.detail(test.p)
		got := detail.values()
		if err != nil {
			got = nil
		}
		if diff := cmp.Diff(test.want, got); diff != "" || (err == nil) != (test.want != nil) || err != nil && !fault.Is(err, fault.InvalidInput) {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestEmailIsKeptOnlyIfItIsOne(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		json string
		want domain.Contact
	}{
		"guessed":      {`"email":"d@x.example","email_status":"guessed"`, domain.Contact{Email: "d@x.example"}},
		"no status":    {`"email":"d@x.example","email_status":null`, domain.Contact{Email: "d@x.example"}},
		"bounced":      {`"email":"d@x.example","email_status":"bounced"`, domain.Contact{Email: "d@x.example", EmailStatus: domain.EmailInvalid}},
		"locked":       {`"email":"email_not_unlocked@domain.com","email_status":"verified"`, domain.Contact{}},
		"unavailable":  {`"email":null,"email_status":"unavailable"`, domain.Contact{}},
		"not a domain": {`"email":"n/a","email_status":"verified"`, domain.Contact{}},
	} {
		c, _ := newClient(t, `{"person":{"id":"1",`+test.json+`}}`)
		got, err := c.enrichPerson(t.Context(), wireDetail{ID: "1"})
		if diff := cmp.Diff(test.want, got.Prospect.Contact); diff != "" || err != nil || !got.Found {
			t.Errorf("%s: found %v, %v (-want +got):\n%s", name, got.Found, err, diff)
		}
	}
}
