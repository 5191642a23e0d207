package zoominfo

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

func TestDiscover(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "contacts_search.json"))
	got, err := c.Discover(t.Context(), provider.Query{
		Titles: []string{"CTO", "VP Engineering"}, Sizes: []string{"51-200", "11-50", "many"}, Locations: []string{"United States", "DACH"},
		Industries: []string{"Software", "SaaS"}, Keywords: []string{"devops", "cloud"},
	}, "2")
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Page{
		Prospects: []domain.Prospect{
			{
				Source: "zoominfo", ProfileID: "4191419000", SeenAt: at,
				Person:     domain.Person{FirstName: "Dana", LastName: "Okafor", Title: "VP Operations", Seniority: "vp"},
				Company:    domain.Company{Name: "Acme Robotics"},
				Provenance: from("person.firstName", "person.lastName", "person.title", "person.seniority", "company.name"),
			},
			{Source: "zoominfo", ProfileID: "4191419001", SeenAt: at, Person: domain.Person{FirstName: "Luis"}, Provenance: from("person.firstName")},
		},
		Next: "3", Total: 850, Usage: provider.Usage{Op: "discover"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	body := `{"data":{"type":"ContactSearch","attributes":{"companyDescription":"devops cloud","country":"Austria,Germany,Switzerland,United States",` +
		`"employeeRangeMax":"200","employeeRangeMin":"11","industryKeywords":"Software OR SaaS","jobTitle":"CTO OR VP Engineering"}}}`
	if diff := cmp.Diff(body, sent(t, d.asked[0])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	d.asked[0].Body = nil
	request := transport.Request{
		Op: "discover", Method: "POST", Path: "/data/v1/contacts/search", Idempotent: true, Query: pages(2, 100),
		Header: http.Header{"Accept": {"application/vnd.api+json"}, "Content-Type": {"application/vnd.api+json"}},
	}
	if diff := cmp.Diff(request, d.asked[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestFiltersLeaveOutWhatTheyCannotSay(t *testing.T) {
	t.Parallel()
	for want, q := range map[string]provider.Query{
		`{}`:                          {Locations: []string{"United States", "Austin"}, Sizes: []string{"many"}},
		`{"employeeRangeMin":"1000"}`: {Sizes: []string{"1,000+"}},
		`{"country":"Germany","employeeRangeMin":"51"}`: {Locations: []string{"Germany"}, Sizes: []string{"51-200", "5000+"}},
	} {
		got, err := json.Marshal(filters(q))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", q, diff)
		}
	}
}

// A search never gives more than a hundred pages, and meta.page.total is not to
// be relied on: an official example has 2 for 2,845 results of 2 a page.
func TestDiscoverEndsAtPage100(t *testing.T) {
	t.Parallel()
	body := func(total, pages int, data string) string {
		return `{"data":[` + data + `],"meta":{"totalResults":` + strconv.Itoa(total) + `,"page":{"number":1,"total":` + strconv.Itoa(pages) + `}}}`
	}
	const one = `{"id":"4191419000","type":"Contact","attributes":{}}`
	for name, test := range map[string]struct {
		cursor, body, next string
		size               int
	}{
		"more":           {"1", body(51, 2, one), "2", 50},
		"total":          {"1", body(50, 1, one), "", 50},
		"wrong pages":    {"1", body(2845, 1, one), "2", 2},
		"no total":       {"1", body(0, 3, one), "2", 2},
		"nobody left":    {"3", body(9000, 90, ""), "", 0},
		"last allowed":   {"100", body(90_000, 900, one), "", 0},
		"one before it":  {"99", body(90_000, 900, one), "100", 0},
		"nothing at all": {"", `{"data":[]}`, "", 0},
	} {
		c, d := newClient(t, test.body)
		page, err := c.Discover(t.Context(), provider.Query{PageSize: test.size}, test.cursor)
		if err != nil || page.Next != test.next {
			t.Errorf("%s: next %q, %v; want %q", name, page.Next, err, test.next)
		}
		size := test.size
		if size == 0 {
			size = 100
		}
		if got := d.asked[0].Query.Get("page[size]"); got != strconv.Itoa(size) {
			t.Errorf("%s: asked for %s a page, want %d", name, got, size)
		}
	}
	c, d := newClient(t, body(1, 1, `{"type":"Contact"}`))
	if _, err := c.Discover(t.Context(), provider.Query{PageSize: 1000}, ""); fault.KindOf(err) != fault.BadResponse || d.asked[0].Query.Get("page[size]") != "100" {
		t.Errorf("a person without id: %v, want BadResponse", err)
	}
}

func TestFindPeople(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, `{"data":[{"id":4191419000,"type":"Contact","attributes":{"managementLevel":null}}]}`)
	got, usage, err := c.FindPeople(t.Context(), "acmerobotics.example", provider.Query{Titles: []string{"CTO"}, PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	want := []domain.Prospect{{
		Source: "zoominfo", ProfileID: "4191419000", SeenAt: at,
		Company: domain.Company{Domain: "acmerobotics.example"}, Provenance: from("company.domain"),
	}}
	if diff := cmp.Diff(want, got); diff != "" || usage != (provider.Usage{Op: "find_people"}) {
		t.Errorf("usage %+v; people (-want +got):\n%s", usage, diff)
	}
	body := `{"data":{"type":"ContactSearch","attributes":{"companyWebsite":"www.acmerobotics.example","jobTitle":"CTO"}}}`
	if diff := cmp.Diff(body, sent(t, d.asked[0])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if _, _, err := c.FindPeople(t.Context(), "", provider.Query{}); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("no domain: %v, want InvalidInput", err)
	}
}

func TestSeniorityIsTextHereAndAListThere(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]string{
		`["C Level Exec"]`: "c_suite", `["C-Level"]`: "c_suite", `"VP Level Exec"`: "vp", `"Director"`: "director", `"Manager,Director"`: "manager",
		`["Board Member","VP Level Exec"]`: "vp", `["Non Manager"]`: "entry", `[]`: "", `null`: "", `"Wizard"`: "",
	} {
		var w wirePerson
		if err := json.Unmarshal([]byte(`{"managementLevel":`+level+`}`), &w); err != nil || seniority(w.Level) != want {
			t.Errorf("%s is %q, %v; want %q", level, seniority(w.Level), err, want)
		}
	}
}

// Technologies are known by ZoomInfo's id only, which a free search gives; what
// it finds is compared, as a search finds others too.
func TestTechnologiesWantTheCompanyIDFirst(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "technologies.json"))
	d.bodies["/data/v1/companies/search"] = fixture(t, "companies_search.json")
	for name, test := range map[string]struct {
		p      domain.Prospect
		search string
	}{
		"domain": {acme, `{"companyWebsite":"www.acmerobotics.example"}`},
		"name":   {domain.Prospect{Company: domain.Company{Name: "ACME Robotics, Inc."}}, `{"companyName":"ACME Robotics, Inc."}`},
	} {
		d.asked = nil
		got, err := c.FindTechnologies(t.Context(), []domain.Prospect{test.p})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := []provider.Answer{{
			Found: true, Usage: provider.Usage{Op: "find_technologies", Cost: 310_000},
			Prospect: domain.Prospect{
				Source: "zoominfo", SeenAt: at, Company: domain.Company{Technologies: []string{"Sales Cloud", "Grafana Labs"}}, Provenance: from("company.technologies"),
			},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: answers (-want +got):\n%s", name, diff)
		}
		bodies := []string{
			`{"data":{"type":"CompanySearch","attributes":` + test.search + `}}`,
			`{"data":{"type":"TechnologyEnrich","attributes":{"companyId":346570001}}}`,
		}
		if diff := cmp.Diff(bodies, []string{sent(t, d.asked[0]), sent(t, d.asked[1])}); diff != "" {
			t.Errorf("%s: bodies (-want +got):\n%s", name, diff)
		}
		if !d.asked[0].Idempotent || d.asked[1].Idempotent {
			t.Errorf("%s: the free search may be repeated, the purchase may not", name)
		}
	}
	for name, body := range map[string]string{
		"nobody":        `{"data":[]}`,
		"somebody else": `{"data":[{"id":"7","attributes":{"name":"Acme Robotics","website":"acme.example"}}]}`,
		"no website":    `{"data":[{"id":"7","attributes":{"name":"Acme Robotics"}}]}`,
	} {
		d.bodies["/data/v1/companies/search"], d.asked = body, nil
		got, err := c.FindTechnologies(t.Context(), []domain.Prospect{acme})
		if diff := cmp.Diff([]provider.Answer{{Usage: provider.Usage{Op: "find_technologies"}}}, got); diff != "" || err != nil || len(d.asked) != 1 {
			t.Errorf("%s: %v after %d requests; answers (-want +got):\n%s", name, err, len(d.asked), diff)
		}
	}
	d.bodies["/data/v1/companies/search"] = `{"data":[{"id":"x","attributes":{"website":"acmerobotics.example"}}]}`
	if _, err := c.FindTechnologies(t.Context(), []domain.Prospect{acme}); fault.KindOf(err) != fault.BadResponse {
		t.Errorf("a company without id: %v, want BadResponse", err)
	}
	if _, err := c.FindTechnologies(t.Context(), []domain.Prospect{{}}); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("no company: %v, want InvalidInput", err)
	}
}

func TestIntentNeedsTopics(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "intent.json"), "intent_topics", " Warehouse Automation,, Robotics ")
	got, err := c.FindIntent(t.Context(), []domain.Prospect{acme})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true, Usage: provider.Usage{Op: "find_intent", Cost: 310_000},
		Prospect: domain.Prospect{Source: "zoominfo", SeenAt: at, Signals: []domain.Signal{
			{Kind: "intent", Text: "Warehouse Automation", At: time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC), Source: "zoominfo"},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	body := `{"data":{"type":"IntentEnrich","attributes":{"companyWebsite":"www.acmerobotics.example","findRecommendedContacts":false,"topics":["Warehouse Automation","Robotics"]}}}`
	if diff := cmp.Diff(body, sent(t, d.asked[0])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(everyPage, d.asked[0].Query); diff != "" || d.asked[0].Idempotent {
		t.Errorf("idempotent %v; query (-want +got):\n%s", d.asked[0].Idempotent, diff)
	}

	c, d = newClient(t, fixture(t, "intent.json"))
	_, err = c.FindIntent(t.Context(), []domain.Prospect{acme})
	if fault.KindOf(err) != fault.Forbidden || !strings.Contains(fault.Message(err), "SLUICE_ZOOMINFO_INTENT_TOPICS") || len(d.asked) != 0 {
		t.Errorf("no topics: %v and %d requests, want Forbidden that names the setting and none", err, len(d.asked))
	}
	many := provider.Settings{"intent_topics": strings.Repeat("x,", 51)}
	if _, err := New(provider.Deps{Settings: many}); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("51 topics: %v, want InvalidInput", err)
	}
}
