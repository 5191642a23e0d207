package lusha

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

var at = time.Date(2026, 11, 22, 9, 20, 30, 0, time.UTC)

// doer answers from a function and keeps the requests.
type doer struct {
	asked  []transport.Request
	answer func(req transport.Request) (status int, body string)
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	d.asked = append(d.asked, req)
	status, body := d.answer(req)
	resp := &transport.Response{Provider: "lusha", Op: req.Op, Status: status, Header: http.Header{}, Body: []byte(body), At: at}
	return resp, Classify(req.Op, resp)
}

func newClient(t *testing.T, body string) (*Client, *doer) {
	t.Helper()
	clock := at
	c, err := New(provider.Deps{Now: func() time.Time { clock = clock.Add(time.Second); return clock }, Settings: provider.Settings{"credit_microusd": "31000"}})
	if err != nil {
		t.Fatal(err)
	}
	d := &doer{answer: func(transport.Request) (int, string) { return 200, body }}
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

// fromLusha is the provenance of fields fetched at the test's time.
func fromLusha(fields ...string) map[string]domain.Provenance {
	all := map[string]domain.Provenance{}
	for _, f := range fields {
		all[f] = domain.Provenance{Source: "lusha", FetchedAt: at}
	}
	return all
}

func named(first, last string) domain.Prospect {
	return domain.Prospect{Person: domain.Person{FirstName: first, LastName: last}, Company: domain.Company{Domain: "acmerobotics.example"}}
}

func TestEnrichPeople(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "contacts.json"))
	mailed := named("Dana", "Okafor")
	mailed.Contact.Email = "dana.okafor@acmerobotics.example"
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{mailed, named("Luis", "Prat")})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{
		{
			Found: true,
			Usage: provider.Usage{Op: "enrich_person", Cost: 62_000, Took: time.Second},
			Prospect: domain.Prospect{
				Source: "lusha", ProfileID: "4389060001", SeenAt: at,
				Person: domain.Person{
					FirstName: "Dana", LastName: "Okafor", Title: "VP Operations", Seniority: "vp", Department: "Operations",
					ProfileURL: "https://www.linkedin.com/in/dana-okafor", City: "Austin", Region: "Texas", Country: "United States",
				},
				Company: domain.Company{Name: "Acme Robotics", Domain: "acmerobotics.example", Industry: "Manufacturing"},
				Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"},
				Provenance: fromLusha("person.firstName", "person.lastName", "person.title", "person.seniority", "person.department", "person.profileUrl",
					"person.city", "person.region", "person.country", "company.name", "company.domain", "company.industry", "contact.email"),
			},
		},
		{Usage: provider.Usage{Op: "enrich_person", Took: time.Second}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	request := []transport.Request{{
		Op: "enrich_person", Method: "POST", Path: "/v3/contacts/search-and-enrich",
		Body: wireContactsRequest{
			Contacts: []wireAskedContact{
				{Reference: "0", Email: "dana.okafor@acmerobotics.example"},
				{Reference: "1", FirstName: "Luis", LastName: "Prat", CompanyDomain: "acmerobotics.example"},
			},
			Reveal: []string{"emails"},
		},
	}}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// Left out, reveal means both: five credits more. Partial profiles are never
// asked for, and the flag against the waterfall does not exist here: an unknown
// field might be refused.
func TestRequestRevealsOneThingAndHasNoWaterfallFlag(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "phones.json"))
	if _, err := c.FindPhones(t.Context(), []domain.Prospect{named("Dana", "Okafor")}); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(d.asked[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"contacts":[{"clientReferenceId":"0","firstName":"Dana","lastName":"Okafor","companyDomain":"acmerobotics.example"}],"reveal":["phones"],"options":{"includePartialProfiles":false}}`
	if string(got) != want {
		t.Errorf("body %s, want %s", got, want)
	}
	if d.asked[0].Idempotent {
		t.Error("a paid call is marked as repeatable")
	}
}

func TestNumbersNotToBeCalledAreLeftOut(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, fixture(t, "phones.json"))
	got, err := c.FindPhones(t.Context(), []domain.Prospect{named("Dana", "Okafor")})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true,
		Usage: provider.Usage{Op: "find_phone", Cost: 186_000, Took: time.Second},
		Prospect: domain.Prospect{
			Source: "lusha", ProfileID: "4389060001", SeenAt: at,
			Person:     domain.Person{FirstName: "Dana", LastName: "Okafor", City: "Austin", Country: "United States"},
			Contact:    domain.Contact{Phone: "+15125550134"}, // the direct line, before that of the office
			Provenance: fromLusha("person.firstName", "person.lastName", "person.city", "person.country", "contact.phone"),
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestPhoneIsNormalised(t *testing.T) {
	t.Parallel()
	for phones, want := range map[string]string{
		`{"number":"(512) 555-0134","type":"unknown"}`:                                                  "+15125550134", // of the person's country
		`{"number":"+1 512 555 0134","type":"unknown"},{"number":"+1 512 555 0177","type":"satellite"}`: "+15125550134",
		`{"number":"+1 512 555 0134","type":"direct"},{"number":"+1 512 555 0177","type":"mobile"}`:     "+15125550177",
		`{"number":"12","type":"mobile"},{"number":"+1 512 555 0177","type":"work"}`:                    "+15125550177",
		`{"number":"+12345550123","type":"mobile"}`:                                                     "+12345550123", // a range that nobody has yet
		`{"number":"call me","type":"mobile"}`:                                                          "",
		`{"number":"+1 512 555 0177","type":"mobile","doNotCall":true}`:                                 "",
	} {
		c, _ := newClient(t, `{"results":[{"clientReferenceId":"0","id":"1","location":{"countryIso2":"US"},"phones":[`+phones+`]}]}`)
		got, err := c.FindPhones(t.Context(), []domain.Prospect{named("Dana", "Okafor")})
		if err != nil || !got[0].Found || got[0].Prospect.Contact.Phone != want {
			t.Errorf("%s: %+v, %v; want %q", phones, got, err, want)
		}
	}
}

func TestPrivateAddressesAreLeftOut(t *testing.T) {
	t.Parallel()
	for emails, want := range map[string]string{
		`{"email":"dana@gmail.com","type":"private"}`:                                                                 "",
		`{"email":"dana@home.example","type":"private"},{"email":"D.Okafor@acmerobotics.example","type":"unknown"}`:   "d.okafor@acmerobotics.example",
		`{"email":"dana@gmail.com","type":"unknown"}`:                                                                 "",
		`{"email":"d@acmerobotics.example","type":"unknown"},{"email":"d@old.example","type":"work"}`:                 "d@old.example",
		`{"email":"d@old.example","type":"work"},{"email":"dana@acmerobotics.example","type":"work"}`:                 "dana@acmerobotics.example",
		`{"email":"d@first.example","type":"brand-new"},{"email":"d@second.example","type":"brand-new"}`:              "d@first.example",
		`{"email":"not an address","type":"work"}`:                                                                    "",
		`{"email":"d@acmerobotics.example","type":"work","confidence":null},{"email":"d@x.example","type":"private"}`: "d@acmerobotics.example",
	} {
		c, _ := newClient(t, `{"results":[{"clientReferenceId":"0","id":"1","company":{"domain":"www.acmerobotics.example"},"emails":[`+emails+`]}],"billing":{"creditsCharged":2}}`)
		got, err := c.EnrichPeople(t.Context(), []domain.Prospect{named("Dana", "Okafor")})
		if err != nil || !got[0].Found {
			t.Fatalf("%s: %+v, %v", emails, got, err)
		}
		if diff := cmp.Diff(domain.Contact{Email: want}, got[0].Prospect.Contact); diff != "" {
			t.Errorf("%s (-want +got):\n%s", emails, diff)
		}
		if got[0].Usage.Cost != 62_000 {
			t.Errorf("%s: cost %v; a reveal is charged whatever its type", emails, got[0].Usage.Cost)
		}
	}
}

func TestEnrichCompaniesWhoseDomainsComeWithWWW(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "companies.json"))
	got, err := c.EnrichCompanies(t.Context(), []domain.Prospect{{Company: domain.Company{Name: "Acme", Domain: "acmerobotics.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true,
		Usage: provider.Usage{Op: "enrich_company", Cost: 62_000, Took: time.Second},
		Prospect: domain.Prospect{
			Source: "lusha", SeenAt: at, // without an id: a later question would take it for a person's
			Company: domain.Company{
				Name: "Acme Robotics", Domain: "acmerobotics.example", Industry: "Industrial Automation", Employees: 240, RevenueUSD: 31_622_777,
				City: "Austin", Country: "United States", Founded: 2014, FundingStage: "Series B", Technologies: []string{"salesforce", "google analytics"},
				Description: "Acme Robotics builds arms.",
			},
			Signals: []domain.Signal{{Kind: "funding", Text: "Series B", At: time.Date(2026, 9, 15, 0, 0, 0, 0, time.UTC), Source: "lusha"}},
			Provenance: fromLusha("company.name", "company.domain", "company.industry", "company.employees", "company.revenueUsd", "company.city",
				"company.country", "company.founded", "company.fundingStage", "company.technologies", "company.description"),
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	request := []transport.Request{{
		Op: "enrich_company", Method: "POST", Path: "/v3/companies/search-and-enrich",
		Body: wireCompaniesRequest{Companies: []wireAskedCompany{{Reference: "0", Domain: "acmerobotics.example"}}},
	}}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestHeadCounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`{"exact":240,"min":1,"max":10}`:     240,
		`{"exact":null,"min":201,"max":500}`: 317,
		`{"min":100001,"max":10000000}`:      100_001, // the largest class has no upper end
		`{"min":11}`:                         11,
		`{"min":50,"max":11}`:                50,
		`{"exact":-4}`:                       0,
		`{"exact":1e14}`:                     0,
		`null`:                               0,
		`{}`:                                 0,
	} {
		c, _ := newClient(t, `{"results":[{"clientReferenceId":"0","id":"1","funding":"private","employeeCount":`+text+`}]}`)
		got, err := c.EnrichCompanies(t.Context(), []domain.Prospect{{Company: domain.Company{Name: "Acme"}}})
		if err != nil || got[0].Prospect.Company.Employees != want {
			t.Errorf("%s: %+v, %v; want %d", text, got, err, want)
		}
	}
}

func TestSeniority(t *testing.T) {
	t.Parallel()
	for rank, want := range map[string]string{
		"Vice President": "vp", "C-Suite": "c_suite", "Founder": "founder", "Director": "director", "Manager": "manager", "Senior": "senior",
		"Entry": "entry", "Intern": "intern", "Non-Manager": "entry", "Partner": "partner", "Other": "", "": "",
	} {
		if got := seniority(rank); got != want {
			t.Errorf("%q is %q, want %q", rank, got, want)
		}
	}
}

func TestReadAccount(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "usage.json"))
	got, err := c.ReadAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Account{
		Plan: "professional",
		Balances: []provider.Balance{
			{Name: "credits", Limit: 10000, Used: 1500, Left: 8500},
			{Name: "daily", Limit: 5000, Used: 120, Left: 4880, ResetsAt: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
		},
		Usage: provider.Usage{Op: "read_account", Took: time.Second},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]transport.Request{{Op: "read_account", Method: "GET", Path: "/v3/account/usage", Idempotent: true}}, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}
