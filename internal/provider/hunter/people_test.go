package hunter

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fromHunter is the provenance of fields of the test's answers.
func fromHunter(fields ...string) map[string]domain.Provenance {
	all := map[string]domain.Provenance{}
	for _, f := range fields {
		all[f] = domain.Provenance{Source: "hunter", FetchedAt: today}
	}
	return all
}

func TestFindPeople(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, 200, fixture(t, "domain_search.json"))
	got, usage, err := c.FindPeople(t.Context(), "acmerobotics.example", provider.Query{})
	if err != nil {
		t.Fatal(err)
	}
	acme := domain.Company{Name: "Acme Robotics", Domain: "acmerobotics.example", Industry: "Machinery", Country: "US", Employees: 317, Technologies: []string{"salesforce"}, EmailPattern: "{first}.{last}"}
	company := []string{"company.name", "company.domain", "company.industry", "company.country", "company.employees", "company.technologies", "company.emailPattern"}
	want := []domain.Prospect{
		{
			Source: "hunter", SeenAt: today, ProfileID: domain.ID("h_", "dana.okafor@acmerobotics.example"),
			Person: domain.Person{
				FirstName: "Dana", LastName: "Okafor", Title: "VP Operations", Department: "operations", ProfileURL: "https://www.linkedin.com/in/dana-okafor",
			},
			Company: acme,
			Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example", Phone: "+15125550114"},
			Provenance: fromHunter(append(company, "person.firstName", "person.lastName", "person.title", "person.department", "person.profileUrl",
				"contact.email", "contact.phone")...),
		},
		{
			Source: "hunter", SeenAt: today, ProfileID: domain.ID("h_", "no.name@acmerobotics.example"), Company: acme,
			Contact: domain.Contact{Email: "no.name@acmerobotics.example"}, Provenance: fromHunter(append(company, "contact.email")...),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	if want := (provider.Usage{Op: "find_people", Cost: 24_500, Took: time.Second}); usage != want {
		t.Errorf("usage %+v, want %+v", usage, want)
	}
	request := transport.Request{
		Op: "find_people", Method: "GET", Path: "/domain-search", Idempotent: true,
		Query: url.Values{"domain": {"acmerobotics.example"}, "limit": {"10"}, "type": {"personal"}},
	}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	c, d = newClient(t, 200, "{}")
	if _, _, err := c.FindPeople(t.Context(), "", provider.Query{}); fault.KindOf(err) != fault.InvalidInput || d.asked.Op != "" {
		t.Errorf("without a domain: %v and request %+v, want InvalidInput and none", err, d.asked)
	}
}

// addresses is an answer to a domain search.
func addresses(head string, n int) string {
	var rows []string
	for i := range n {
		rows = append(rows, fmt.Sprintf(`{"value":"a%d@x.example","last_name":"B","type":"personal"}`, i))
	}
	return `{"data":{` + head + `"emails":[` + strings.Join(rows, ",") + `]}}`
}

func TestDomainSearchCostsACreditForEachTenAddresses(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]money.Micro{0: 0, 1: 24_500, 10: 24_500, 11: 49_000, 20: 49_000, 21: 73_500, 100: 245_000} {
		c, _ := newClient(t, 200, addresses("", n))
		people, usage, err := c.FindPeople(t.Context(), "x.example", provider.Query{})
		if err != nil || len(people) != n || usage.Cost != want {
			t.Errorf("%d addresses: %d people for %d, %v; want %d", n, len(people), usage.Cost, err, want)
		}
	}
	// Who is left out has been paid for.
	c, _ := newClient(t, 200, addresses(`"webmail":true,`, 12))
	if people, usage, err := c.FindPeople(t.Context(), "x.example", provider.Query{}); err != nil || len(people) != 0 || usage.Cost != 49_000 {
		t.Errorf("webmail: %d people for %d, %v", len(people), usage.Cost, err)
	}
}

// On the free plan a limit above 10 is refused; ten are also what a credit buys.
func TestTheFreePlanTakesNoLimitAboveTen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		setting string
		size    int
		want    string
	}{
		"default": {"", 0, "10"}, "fewer": {"", 3, "3"}, "never more": {"", 500, "10"}, "paid plan": {"100", 0, "100"}, "paid plan, fewer": {"100", 40, "40"},
	} {
		c, err := New(provider.Deps{Now: time.Now, Settings: provider.Settings{"domain_search_addresses": test.setting}})
		if err != nil {
			t.Fatal(err)
		}
		if got := peopleRequest("x.example", provider.Query{PageSize: test.size}, c.addresses).Query.Get("limit"); got != test.want {
			t.Errorf("%s: limit %s, want %s", name, got, test.want)
		}
	}
	c, _ := newClient(t, 400, fixture(t, "error_limit.json"))
	if _, _, err := c.FindPeople(t.Context(), "x.example", provider.Query{}); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("refused limit: %v", err)
	}
}

// Hunter calls the address of somebody at work personal, in contrast to
// generic ones. Private are those at mail services.
func TestPersonalMeansNamedNotPrivate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		head, row string
		want      []domain.Contact
	}{
		"personal":         {"", `"value":"a@x.example","type":"personal"`, []domain.Contact{{Email: "a@x.example"}}},
		"no type":          {"", `"value":"a@x.example","type":null`, []domain.Contact{{Email: "a@x.example"}}},
		"generic":          {"", `"value":"info@x.example","type":"generic"`, nil},
		"mail service":     {`"webmail":true,`, `"value":"a@x.example","type":"personal"`, nil},
		"throw-away":       {`"disposable":true,`, `"value":"a@x.example","type":"personal"`, nil},
		"no address":       {"", `"value":null,"type":"personal"`, nil},
		"not an address":   {"", `"value":"n/a","type":"personal"`, nil},
		"verified":         {"", `"value":"a@x.example","verification":{"status":"valid","date":"2026-11-01"}`, []domain.Contact{{Email: "a@x.example", EmailStatus: domain.EmailSafe}}},
		"verified once":    {"", `"value":"a@x.example","verification":{"status":"valid","date":"2020-02-01"}`, []domain.Contact{{Email: "a@x.example"}}},
		"verified, no day": {"", `"value":"a@x.example","verification":{"status":"valid"}`, []domain.Contact{{Email: "a@x.example"}}},
		"would bounce":     {"", `"value":"a@x.example","verification":{"status":"invalid"}`, []domain.Contact{{Email: "a@x.example", EmailStatus: domain.EmailInvalid}}},
		"never verified":   {"", `"value":"a@x.example","verification":{"date":null,"status":null}`, []domain.Contact{{Email: "a@x.example"}}},
		"catch-all":        {`"accept_all":true,`, `"value":"a@x.example","verification":null`, []domain.Contact{{Email: "a@x.example", EmailStatus: domain.EmailRisky}}},
		"nulls in flags":   {`"accept_all":null,"webmail":null,`, `"value":"a@x.example"`, []domain.Contact{{Email: "a@x.example"}}},
		"number unread":    {"", `"value":"a@x.example","phone_number":"call us"`, []domain.Contact{{Email: "a@x.example"}}},
		"handle, not URL":  {"", `"value":"a@x.example","linkedin":"dana"`, []domain.Contact{{Email: "a@x.example"}}},
	} {
		c, _ := newClient(t, 200, `{"data":{`+test.head+`"emails":[{`+test.row+`}]}}`)
		people, _, err := c.FindPeople(t.Context(), "x.example", provider.Query{})
		var got []domain.Contact
		for _, p := range people {
			got = append(got, p.Contact)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// The search has no filter for titles: who does not hold the post is left out here.
func TestOnlyWantedPostsAreFound(t *testing.T) {
	t.Parallel()
	rows := []string{}
	for i, position := range []string{"CTO", "Director of Sales", "VP of Engineering", "Software Engineer", "Chief Technology Officer", "", "Head of Product"} {
		rows = append(rows, fmt.Sprintf(`{"value":"a%d@x.example","last_name":"B","position":%q}`, i, position))
	}
	body := `{"data":{"emails":[` + strings.Join(rows, ",") + `]}}`
	for wanted, want := range map[string][]string{
		"CTO": {"CTO", "VP of Engineering", "Chief Technology Officer"}, "Head of Product": {"Head of Product"}, "Janitor": nil,
		"": {"CTO", "Director of Sales", "VP of Engineering", "Software Engineer", "Chief Technology Officer", "", "Head of Product"},
	} {
		c, _ := newClient(t, 200, body)
		q := provider.Query{Titles: slices.DeleteFunc([]string{wanted}, func(s string) bool { return s == "" })}
		people, usage, err := c.FindPeople(t.Context(), "x.example", q)
		var got []string
		for _, p := range people {
			got = append(got, p.Person.Title)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil || usage.Cost != 24_500 {
			t.Errorf("%q: %v for %d (-want +got):\n%s", wanted, err, usage.Cost, diff)
		}
	}
}

func TestHalfCreditsAreDecimals(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, 200, fixture(t, "account.json"))
	got, err := c.ReadAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reset := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	want := provider.Account{
		Plan: "Starter", Usage: provider.Usage{Op: "read_account", Took: time.Second},
		Balances: []provider.Balance{
			{Name: "credits", Limit: 2000, Used: 2.5, Left: 1997.5, ResetsAt: reset},
			{Name: "searches", Limit: 500, Used: 1, Left: 499, ResetsAt: reset},
			{Name: "verifications", Limit: 1000, Used: 2, Left: 998, ResetsAt: reset},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(transport.Request{Op: "read_account", Method: "GET", Path: "/account", Idempotent: true}, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// Plans of the data platform still count searches and verifications apart, and
// "calls" is deprecated.
func TestOlderPlansHaveNoCredits(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, 200, `{"data":{"plan_name":null,"reset_date":null,"calls":{"used":1,"available":2},"requests":{"searches":{"used":7,"available":5}}}}`)
	got, err := c.ReadAccount(t.Context())
	want := provider.Account{Usage: provider.Usage{Op: "read_account", Took: time.Second}, Balances: []provider.Balance{{Name: "searches", Limit: 5, Used: 7}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
