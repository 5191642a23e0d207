package zoominfo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// doer answers by path and keeps the requests.
type doer struct {
	asked  []transport.Request
	bodies map[string]string // by path; "" for any other
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	d.asked = append(d.asked, req)
	body, ok := d.bodies[req.Path]
	if !ok {
		body = d.bodies[""]
	}
	return &transport.Response{Provider: "zoominfo", Op: req.Op, Status: 200, Header: http.Header{}, Body: []byte(body), At: at}, nil
}

func newClient(t *testing.T, body string, settings ...string) (*Client, *doer) {
	t.Helper()
	s := provider.Settings{"credit_microusd": "310000"}
	for i := 0; i+1 < len(settings); i += 2 {
		s[settings[i]] = settings[i+1]
	}
	d := &doer{bodies: map[string]string{"": body}}
	c, err := New(provider.Deps{Now: func() time.Time { return at }, Settings: s})
	if err != nil {
		t.Fatal(err)
	}
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

// from is the provenance of fields fetched at the test's time.
func from(fields ...string) map[string]domain.Provenance {
	all := map[string]domain.Provenance{}
	for _, f := range fields {
		all[f] = domain.Provenance{Source: "zoominfo", FetchedAt: at}
	}
	return all
}

// sent is the JSON of a request's body.
func sent(t *testing.T, req transport.Request) string {
	t.Helper()
	data, err := json.Marshal(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	dana = domain.Prospect{Contact: domain.Contact{Email: "Dana.Okafor@acmerobotics.example"}}
	luis = domain.Prospect{Person: domain.Person{FirstName: "Luis", LastName: "Prat"}, Company: domain.Company{Name: "Globex Farms"}}
	acme = domain.Prospect{Company: domain.Company{Name: "Acme Robotics", Domain: "acmerobotics.example"}}
)

// The answers come in the order of the questions although the provider's do not,
// and a miss within the 200 costs nothing.
func TestMissesAreRecordsWithinA200InAnyOrder(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "contacts_enrich.json"), "contact_fields", "id, email")
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana, luis})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{
		{
			Found: true, Usage: provider.Usage{Op: "enrich_person", Cost: 310_000},
			Sale: provider.Sale{Record: "4191419000", Free: 30 * 24 * time.Hour},
			Prospect: domain.Prospect{
				Source: "zoominfo", ProfileID: "4191419000", SeenAt: at,
				Person: domain.Person{
					FirstName: "Dana", LastName: "Okafor", Title: "VP Operations", Seniority: "vp", City: "Austin", Region: "Texas", Country: "United States",
					ProfileURL: "https://www.linkedin.com/in/dana-okafor-1a2b",
				},
				Company: domain.Company{Name: "Acme Robotics", Website: "www.acmerobotics.example", Domain: "acmerobotics.example", Industry: "Manufacturing", Employees: 240},
				Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example", Phone: "+15125550142"},
				Signals: []domain.Signal{{Kind: "jobchange", Text: "VP Operations", At: time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC), Source: "zoominfo"}},
				Provenance: from("person.firstName", "person.lastName", "person.title", "person.seniority", "person.city", "person.region", "person.country", "person.profileUrl",
					"company.name", "company.website", "company.domain", "company.industry", "company.employees", "contact.email", "contact.phone"),
			},
		},
		{Usage: provider.Usage{Op: "enrich_person"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	body := `{"data":{"type":"ContactEnrich","attributes":{"matchPersonInput":[{"emailAddress":"Dana.Okafor@acmerobotics.example"},` +
		`{"companyName":"Globex Farms","firstName":"Luis","lastName":"Prat"}],"outputFields":["id","email"]}}}`
	if diff := cmp.Diff(body, sent(t, d.asked[0])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	d.asked[0].Body = nil
	request := transport.Request{
		Op: "enrich_person", Method: "POST", Path: "/data/v1/contacts/enrich", // not idempotent: it may be charged
		Header: http.Header{"Accept": {"application/vnd.api+json"}, "Content-Type": {"application/vnd.api+json"}},
	}
	if diff := cmp.Diff(request, d.asked[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestQuestionsAboutPeople(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		p    domain.Prospect
		want string
	}{
		"our own": {domain.Prospect{Source: "zoominfo", ProfileID: "4191419000"}, `{"personId":4191419000}`},
		"by ref":  {domain.Prospect{Source: "apollo", ProfileID: "64a7", Refs: map[string]string{"zoominfo": "4191419000"}}, `{"personId":4191419000}`},
		"profile": {domain.Prospect{Person: domain.Person{ProfileURL: "linkedin.com/in/Dana/"}}, `{"externalURL":"https://www.linkedin.com/in/dana"}`},
		"name":    {luis, `{"companyName":"Globex Farms","firstName":"Luis","lastName":"Prat"}`},
	} {
		c, d := newClient(t, `{"data":[]}`, "contact_fields", "id")
		if _, err := c.EnrichPeople(t.Context(), []domain.Prospect{test.p}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := `{"data":{"type":"ContactEnrich","attributes":{"matchPersonInput":[` + test.want + `],"outputFields":["id"]}}}`
		if diff := cmp.Diff(want, sent(t, d.asked[0])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, people := range map[string][]domain.Prospect{
		"nobody":         {{}},
		"foreign id":     {{Source: "apollo", ProfileID: "4191419000"}},
		"id of no form":  {{Source: "zoominfo", ProfileID: "64a7ff"}},
		"name at domain": {{Person: luis.Person, Company: domain.Company{Domain: "globex.example"}}},
		"one unknown":    {dana, {}},
		"26":             make([]domain.Prospect, 26),
	} {
		c, d := newClient(t, `{"data":[]}`)
		if _, err := c.EnrichPeople(t.Context(), people); fault.KindOf(err) != fault.InvalidInput || len(d.asked) != 0 {
			t.Errorf("%s: %v and %d requests, want InvalidInput and none", name, err, len(d.asked))
		}
	}
	c, d := newClient(t, `{"data":[]}`)
	if got, err := c.EnrichPeople(t.Context(), nil); len(got) != 0 || err != nil || len(d.asked) != 0 {
		t.Errorf("nobody asked for: %v, %v, %d requests", got, err, len(d.asked))
	}
}

// What a batch cost is the sum of its answers: a record is paid for once however
// many questions lead to it, and one that belongs to no question is paid for too.
func TestCostsOfABatchAddUp(t *testing.T) {
	t.Parallel()
	contact := func(id, input string) string {
		return `{"id":"` + id + `","type":"Contact","attributes":{"firstName":"D"},"meta":{"matchStatus":"FULL_MATCH","input":` + input + `}}`
	}
	byID := domain.Prospect{Source: "zoominfo", ProfileID: "7"}
	for name, test := range map[string]struct {
		records []string
		costs   [4]int64
		kinds   [4]fault.Kind
	}{
		"two questions, one record": {
			[]string{contact("7", `{"personId":7}`), contact("7", `{"emailAddress":"dana.okafor@ACMErobotics.example"}`), contact("8", `{"firstName":"luis","lastName":"PRAT","companyName":"Globex Farms "}`)},
			[4]int64{310_000, 0, 0, 310_000},
			[4]fault.Kind{},
		},
		"ids as text, extra fields": {
			[]string{contact("7", `{"personId":"7","companyId":null}`), contact("9", `{"emailAddress":"dana.okafor@acmerobotics.example","jobTitle":""}`), contact("8", `{"firstName":"luis","lastName":"prat","companyName":"globex farms"}`)},
			[4]int64{310_000, 0, 310_000, 310_000},
			[4]fault.Kind{},
		},
		"a stranger": {
			[]string{contact("7", `{"personId":7}`), contact("9", `{"emailAddress":"somebody@else.example"}`), contact("8", `{"firstName":"Luis","lastName":"Prat","companyName":"Globex Farms"}`)},
			[4]int64{620_000, 0, 0, 310_000},
			[4]fault.Kind{2: fault.BadResponse},
		},
		"twice": {
			[]string{contact("7", `{"personId":7}`), contact("9", `{"personId":7}`)},
			[4]int64{620_000, 0, 0, 0},
			[4]fault.Kind{2: fault.BadResponse, 3: fault.BadResponse},
		},
	} {
		c, _ := newClient(t, `{"data":[`+strings.Join(test.records, ",")+`]}`)
		answers, err := c.EnrichPeople(t.Context(), []domain.Prospect{byID, byID, dana, luis})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var costs [4]int64
		var kinds [4]fault.Kind
		for i, a := range answers {
			costs[i], kinds[i] = int64(a.Usage.Cost), fault.KindOf(a.Err)
			if a.Found == (a.Err != nil) {
				t.Errorf("%s: answer %d found %v with %v", name, i, a.Found, a.Err)
			}
		}
		if diff := cmp.Diff(test.costs, costs); diff != "" {
			t.Errorf("%s: costs (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.kinds, kinds); diff != "" {
			t.Errorf("%s: errors (-want +got):\n%s", name, diff)
		}
	}
}

func TestCompanyOnlyMatchIsNobody(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"data":[{"id":"0","type":"Contact","attributes":{"firstName":"Other","email":"other@globex.example","phone":"+442079460000","company":{"name":"Globex Farms","website":"globex.example"}},
		"meta":{"matchStatus":"COMPANY_ONLY_MATCH","input":{"firstName":"Luis","lastName":"Prat","companyName":"Globex Farms"}}}]}`)
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{luis})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{Found: true, Usage: provider.Usage{Op: "enrich_person", Cost: 310_000}, Prospect: domain.Prospect{
		Source: "zoominfo", SeenAt: at, Company: domain.Company{Name: "Globex Farms", Website: "globex.example", Domain: "globex.example"},
		Provenance: from("company.name", "company.website", "company.domain"),
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNumbersNotToBeCalledAreLeftOut(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]string{
		`"phone":"+44 20 7946 0018","mobilePhone":"+447700900123"`:                                                              "+442079460018",
		`"phone":"020 7946 0018","country":"United Kingdom"`:                                                                    "+442079460018",
		`"phone":"020 7946 0018","company":{"country":"GB"}`:                                                                    "+442079460018",
		`"phone":"+442079460018","directPhoneDoNotCall":true,"mobilePhone":"+447700900123"`:                                     "+447700900123",
		`"phone":"+442079460018","directPhoneDoNotCall":true,"mobilePhone":"+447700900123","mobilePhoneDoNotCall":true`:         "",
		`"phone":"extension 12","mobilePhone":null,"supplementalEmail":"dana@home.example","directPhoneDoNotCall":false`:        "",
		`"phone":"+442079460018","directPhoneDoNotCall":false,"mobilePhone":"+447700900123","mobilePhoneDoNotCall":true`:        "+442079460018",
		`"mobilePhone":"+12005550123","mobilePhoneDoNotCall":false,"phone":"","directPhoneDoNotCall":true,"country":"Atlantis"`: "+12005550123",
	} {
		c, _ := newClient(t, `{"data":[{"id":"7","type":"Contact","attributes":{`+attributes+`},"meta":{"matchStatus":"FULL_MATCH","input":{"personId":7}}}]}`)
		got, err := c.EnrichPeople(t.Context(), []domain.Prospect{{Source: "zoominfo", ProfileID: "7"}})
		if err != nil || got[0].Err != nil {
			t.Fatal(err, got)
		}
		if diff := cmp.Diff(domain.Contact{Phone: want}, got[0].Prospect.Contact); diff != "" {
			t.Errorf("%s (-want +got):\n%s", attributes, diff)
		}
	}
}

// The revenue 38500 is 38.5 million dollars; foundedYear is text.
func TestRevenueIsInThousands(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "companies_enrich.json"), "company_fields", "id,name")
	got, err := c.EnrichCompanies(t.Context(), []domain.Prospect{acme})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true, Usage: provider.Usage{Op: "enrich_company", Cost: 310_000},
		Sale: provider.Sale{Record: "346570001", Free: 30 * 24 * time.Hour},
		Prospect: domain.Prospect{
			Source: "zoominfo", SeenAt: at,
			Company: domain.Company{
				Name: "Acme Robotics", Website: "www.acmerobotics.example", Domain: "acmerobotics.example", Industry: "Manufacturing", Employees: 240, RevenueUSD: 38_500_000,
				Founded: 2014, City: "Austin", Country: "United States", Phone: "+15125550100", Description: "Robots for warehouses.", FundingStage: "Series B",
			},
			Signals: []domain.Signal{{Kind: "funding", Text: "Series B", At: time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC), Source: "zoominfo"}},
			Provenance: from("company.name", "company.website", "company.domain", "company.industry", "company.employees", "company.revenueUsd", "company.founded", "company.city",
				"company.country", "company.phone", "company.description", "company.fundingStage"),
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	body := `{"data":{"type":"CompanyEnrich","attributes":{"matchCompanyInput":[{"companyWebsite":"www.acmerobotics.example"}],"outputFields":["id","name"]}}}`
	if diff := cmp.Diff(body, sent(t, d.asked[0])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	c, d = newClient(t, `{"data":[]}`, "company_fields", "id")
	if _, err := c.EnrichCompanies(t.Context(), []domain.Prospect{{Company: domain.Company{Name: "Globex"}}}); err != nil || !strings.Contains(sent(t, d.asked[0]), `[{"companyName":"Globex"}]`) {
		t.Errorf("by name: %v, asked %s", err, sent(t, d.asked[0]))
	}
}

func TestBothErrorEnvelopes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct {
		status int
		kind   fault.Kind
	}{
		"PFAPI0001": {400, fault.Forbidden}, "PFAPI0002": {400, fault.InvalidInput}, "PFAPI0006": {400, fault.InvalidInput}, "PFAPI0009": {400, fault.Forbidden},
		"PFAPI0007": {500, fault.Unavailable}, "PFAPI0010": {504, fault.Unavailable}, "PFAPI0011": {400, fault.QuotaExhausted}, "PFAPI0099": {403, fault.InvalidInput},
		"PFAPI0098": {503, fault.Unavailable}, "ZI0001": {401, fault.Unauthenticated}, "ZI0002": {403, fault.Forbidden}, "ZI0003": {403, fault.Forbidden}, "ZI0004": {429, fault.RateLimited},
		"ZI0099": {429, fault.RateLimited}, "": {400, fault.InvalidInput},
	} {
		for _, body := range []string{
			`{"title":"Bad request","errors":[{"id":"1","status":"400"},{"id":"2","code":"` + code + `","status":"400"}]}`,
			`{"error":{"code":"` + code + `","message":"...","status":400}}`,
			`{"error":"text","errors":[{"code":"` + strings.ToLower(code) + `"}]}`,
		} {
			resp := &transport.Response{Provider: "zoominfo", Op: "enrich_person", Status: want.status, Header: http.Header{"Retry-After": {"3000"}}, Body: []byte(body)}
			err := Classify("enrich_person", resp)
			if fault.KindOf(err) != want.kind || fault.RetryAfter(err) != 3000*time.Second {
				t.Errorf("%d %s: %v after %v, want %s after 3000s", want.status, body, err, fault.RetryAfter(err), want.kind)
			}
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
	want := provider.Account{Usage: provider.Usage{Op: "read_account"}, Balances: []provider.Balance{
		{Name: "request", Limit: 100_000, Used: 812, Left: 99_188}, {Name: "uniqueID", Limit: 10_000, Used: 110, Left: 9_890},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	request := transport.Request{Op: "read_account", Method: "GET", Path: "/data/v1/users/usage", Header: http.Header{"Accept": {"application/vnd.api+json"}}, Idempotent: true}
	if diff := cmp.Diff(request, d.asked[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

var everyPage = url.Values{"page[number]": {"1"}, "page[size]": {"100"}}
