package clearbit

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// doer gives its answers one after the other and keeps the requests.
type doer struct {
	asked   []transport.Request
	answers []transport.Response
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	resp := d.answers[len(d.asked)]
	d.asked = append(d.asked, req)
	resp.Provider, resp.Op, resp.At = "clearbit", req.Op, at
	if err := Classify(req.Op, &resp); err != nil {
		return nil, err
	}
	return &resp, nil
}

func says(status int, body string) transport.Response {
	return transport.Response{Status: status, Header: http.Header{}, Body: []byte(body)}
}

func newClient(t *testing.T, pending string, answers ...transport.Response) (*Client, *doer) {
	t.Helper()
	clock := at
	c, err := New(provider.Deps{
		Now:      func() time.Time { clock = clock.Add(time.Second); return clock },
		Settings: provider.Settings{"credit_microusd": "36000", "pending": pending},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &doer{answers: answers}
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

// origin is the provenance of fields fetched at the test's time.
func origin(fields ...string) map[string]domain.Provenance {
	all := map[string]domain.Provenance{}
	for _, f := range fields {
		all[f] = domain.Provenance{Source: "clearbit", FetchedAt: at, ExpiresAt: time.Date(2026, 12, 22, 9, 0, 0, 0, time.UTC)}
	}
	return all
}

var (
	dana   = domain.Prospect{Contact: domain.Contact{Email: "Dana.Okafor@AcmeRobotics.example"}}
	lookup = provider.Usage{Op: "enrich_person", Cost: 36_000, Took: time.Second}
)

func TestPersonAndCompanyInOneLookup(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, "", says(200, fixture(t, "combined.json")))
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true, Usage: lookup,
		Prospect: domain.Prospect{
			Source: "clearbit", ProfileID: "d2f0b6a4-6c1e-4e55-9a51-1f2f6b8f3c10", SeenAt: at,
			Person: domain.Person{
				FirstName: "Dana", LastName: "Okafor", Title: "VP Operations", Seniority: "vp", Department: "operations",
				ProfileURL: "https://www.linkedin.com/in/dana-okafor", City: "Austin", Region: "Texas", Country: "United States",
			},
			Company: domain.Company{
				Name: "Acme Robotics", Domain: "acmerobotics.example", Industry: "Machinery", Employees: 240, RevenueUSD: 22_360_680,
				Founded: 2014, Technologies: []string{"salesforce", "aws"},
			},
			Provenance: origin("person.firstName", "person.lastName", "person.title", "person.seniority", "person.department",
				"person.profileUrl", "person.city", "person.region", "person.country", "company.name", "company.domain",
				"company.industry", "company.employees", "company.revenueUsd", "company.founded", "company.technologies"),
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	requests := []transport.Request{{
		Op: "enrich_person", Method: "GET", Path: "/v2/combined/find", Idempotent: true,
		Query: url.Values{"email": {"dana.okafor@acmerobotics.example"}},
	}}
	if diff := cmp.Diff(requests, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestCompany(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, "", says(200, fixture(t, "company.json")))
	got, err := c.EnrichCompanies(t.Context(), []domain.Prospect{{Company: domain.Company{Domain: "www.acmerobotics.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true, Usage: provider.Usage{Op: "enrich_company", Cost: 36_000, Took: time.Second},
		Prospect: domain.Prospect{
			Source: "clearbit", ProfileID: "0c3a0a1e-7a53-4e3a-8a5d-3c0d2f8b9e21", SeenAt: at,
			Company: domain.Company{
				Name: "Acme Robotics", Domain: "acmerobotics.example", Industry: "Machinery", Employees: 501, RevenueUSD: 38_500_000,
				City: "Austin", Country: "United States", Phone: "+15125550123", Founded: 2014, Technologies: []string{"salesforce", "aws"},
				Description: "Robots for warehouses.",
			},
			Provenance: origin("company.name", "company.domain", "company.industry", "company.employees", "company.revenueUsd", "company.city",
				"company.country", "company.phone", "company.founded", "company.technologies", "company.description"),
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	requests := []transport.Request{{
		Op: "enrich_company", Method: "GET", Host: "company", Path: "/v2/companies/find", Idempotent: true,
		Query: url.Values{"domain": {"acmerobotics.example"}},
	}}
	if diff := cmp.Diff(requests, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestFindPeople(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, "", says(200, fixture(t, "search.json")))
	got, usage, err := c.FindPeople(t.Context(), "acmerobotics.example", provider.Query{Titles: []string{"VP Operations", "COO"}, PageSize: 50, Locations: []string{"Texas"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []domain.Prospect{
		{
			Source: "clearbit", ProfileID: "e_1", SeenAt: at,
			Person:  domain.Person{FirstName: "Dana", LastName: "Okafor", Title: "VP Operations", Seniority: "vp", Department: "operations"},
			Company: domain.Company{Name: "Acme Robotics", Domain: "acmerobotics.example"},
			Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"}, // "verified", but nobody says by what
			Provenance: origin("person.firstName", "person.lastName", "person.title", "person.seniority", "person.department",
				"company.name", "company.domain", "contact.email"),
		},
		{
			Source: "clearbit", ProfileID: "e_2", SeenAt: at,
			Person:     domain.Person{FirstName: "Luis", LastName: "Prat", Seniority: "manager", Department: "customer service"},
			Company:    domain.Company{Domain: "acmerobotics.example"},
			Contact:    domain.Contact{Phone: "+15125550123"}, // a private address is not work e-mail
			Provenance: origin("person.firstName", "person.lastName", "person.seniority", "person.department", "company.domain", "contact.phone"),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	if want := (provider.Usage{Op: "find_people", Cost: 36_000, Took: time.Second}); usage != want {
		t.Errorf("usage %+v, want %+v", usage, want)
	}
	requests := []transport.Request{{
		Op: "find_people", Method: "GET", Host: "prospector", Path: "/v1/people/search", Idempotent: true,
		Query:  url.Values{"domain": {"acmerobotics.example"}, "titles[]": {"VP Operations", "COO"}, "page_size": {"20"}},
		Header: http.Header{"Api-Version": {"2018-08-15"}},
	}}
	if diff := cmp.Diff(requests, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// What cannot be asked is not sent: the doer has no answer and would panic.
func TestNothingToAskBy(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, "")
	named := domain.Prospect{Person: domain.Person{FirstName: "Dana", LastName: "Okafor"}, Company: domain.Company{Name: "Acme"}}
	_, personErr := c.EnrichPeople(t.Context(), []domain.Prospect{named})
	_, companyErr := c.EnrichCompanies(t.Context(), []domain.Prospect{named})
	_, _, peopleErr := c.FindPeople(t.Context(), "localhost", provider.Query{})
	for name, err := range map[string]error{"person": personErr, "company": companyErr, "people": peopleErr} {
		if !fault.Is(err, fault.InvalidInput) {
			t.Errorf("%s: %v, want InvalidInput", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"combined.json", "company.json", "search.json", "error_key.json", "error_route.json", "error_list.json"} {
		f.Add(200, []byte(fixture(f, name)), "1795338060")
		f.Add(404, []byte(fixture(f, name)), "")
	}
	f.Add(202, []byte(nil), "")
	f.Add(429, []byte(`[]`), "99999999999999999999")
	f.Add(429, []byte(`{"error":null}`), "9223372036854775807")
	f.Add(200, []byte(`{"id":"1","metrics":{"employees":1e300,"annualRevenue":-5,"employeesRange":"0-0K"},"foundedYear":99999}`), "-1")
	f.Fuzz(func(t *testing.T, status int, body []byte, reset string) {
		resp := says(status, string(body))
		resp.Provider, resp.Op, resp.At = "clearbit", "enrich_person", at
		resp.Header.Set("X-Ratelimit-Reset", reset)
		if err := Classify(resp.Op, &resp); err != nil {
			known(t, err)
			if wait := fault.RetryAfter(err); wait < 0 || wait > time.Hour {
				t.Errorf("wait %v", wait)
			}
			return
		}
		for _, parse := range []func(*transport.Response) (provider.Answer, error){parseCombined, parseCompany} {
			answer, err := parse(&resp)
			known(t, err)
			known(t, answer.Err)
			company := answer.Prospect.Company
			if company.Employees < 0 || company.RevenueUSD < 0 || company.Founded < 0 || company.Founded > 9999 {
				t.Errorf("company %+v", company)
			}
			if answer.Found && (err != nil || answer.Err != nil) || answer.Prospect.Contact != (domain.Contact{}) {
				t.Errorf("answer %+v, %v", answer, err)
			}
			for field, from := range answer.Prospect.Provenance {
				if !from.ExpiresAt.Equal(at.Add(keep)) {
					t.Errorf("%s would be kept until %v", field, from.ExpiresAt)
				}
			}
		}
		people, err := parseSearch(&resp, "acmerobotics.example")
		known(t, err)
		for _, p := range people {
			if p.ProfileID == "" || p.Company.Domain != "acmerobotics.example" || p.Contact.EmailStatus != "" {
				t.Errorf("person %+v", p)
			}
		}
	})
}

// known checks that an error is a classified fault.
func known(t *testing.T, err error) {
	t.Helper()
	if err != nil && fault.Is(err, fault.Internal) {
		t.Errorf("unclassified: %v", err)
	}
}
