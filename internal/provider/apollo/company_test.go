package apollo

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

func company(name string) domain.Prospect {
	return domain.Prospect{Source: "googleplaces", ProfileID: "ChIJ1", Company: domain.Company{Domain: name}}
}

func TestEnrichCompany(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "organization.json"))
	got, err := c.EnrichCompanies(t.Context(), []domain.Prospect{company("acmerobotics.example")})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{{
		Found: true, Usage: provider.Usage{Op: "enrich_company", Cost: 31_000},
		Prospect: domain.Prospect{
			Source: "apollo", SeenAt: at,
			Company: domain.Company{
				Name: "Acme Robotics", Domain: "acmerobotics.example", Website: "http://www.acmerobotics.example", Industry: "industrial automation",
				Employees: 240, RevenueUSD: 38_500_000, City: "Austin", Country: "United States", Founded: 2014, FundingStage: "Series B",
				Technologies: []string{"Salesforce"}, Description: "Robots for warehouses.",
			},
			Signals: []domain.Signal{{Kind: "funding", Text: "Series B", At: at.AddDate(0, -2, -7).Truncate(24 * 3600e9), Source: "apollo"}},
			Provenance: fromApollo("company.name", "company.domain", "company.website", "company.industry", "company.employees", "company.revenueUsd",
				"company.city", "company.country", "company.founded", "company.fundingStage", "company.technologies", "company.description"),
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	request := transport.Request{Op: "enrich_company", Method: "GET", Path: "/organizations/enrich", Query: url.Values{"domain": {"acmerobotics.example"}}}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestEnrichCompanies(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "organizations.json"))
	asked := []domain.Prospect{
		company("acmerobotics.example"), company("initech.example"), company("globexfarms.example"), company("www.acmerobotics.example"),
	}
	got, err := c.EnrichCompanies(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	acme := domain.Prospect{
		Source: "apollo", SeenAt: at, Company: domain.Company{
			Name: "Acme Robotics", Domain: "acmerobotics.example", Website: "http://www.acmerobotics.example", Industry: "industrial automation",
		},
		Provenance: fromApollo("company.name", "company.domain", "company.website", "company.industry"),
	}
	globex := domain.Prospect{
		Source: "apollo", SeenAt: at, Company: domain.Company{Name: "Globex Farms", Domain: "globexfarms.example", Employees: 40},
		Provenance: fromApollo("company.name", "company.domain", "company.employees"),
	}
	want := []provider.Answer{
		{Found: true, Prospect: acme, Usage: provider.Usage{Op: "enrich_company", Cost: 31_000}},
		{Usage: provider.Usage{Op: "enrich_company"}},
		{Found: true, Prospect: globex, Usage: provider.Usage{Op: "enrich_company", Cost: 31_000}},
		{Found: true, Prospect: acme, Usage: provider.Usage{Op: "enrich_company"}}, // a colleague: paid for once
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	request := transport.Request{
		Op: "enrich_company", Method: "POST", Path: "/organizations/bulk_enrich",
		Query: url.Values{"domains[]": {"acmerobotics.example", "globexfarms.example", "initech.example"}},
	}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestCompaniesThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, `{}`)
	for name, asked := range map[string][]domain.Prospect{
		"no domain": {company("a.example"), {Company: domain.Company{Name: "Acme"}}},
		"eleven":    slices.Repeat([]domain.Prospect{company("a.example")}, 11),
	} {
		if _, err := c.EnrichCompanies(t.Context(), asked); !fault.Is(err, fault.InvalidInput) || d.asked.Op != "" {
			t.Errorf("%s: %v and request %+v, want InvalidInput and none", name, err, d.asked)
		}
	}
	if got, err := c.EnrichCompanies(t.Context(), nil); len(got) != 0 || err != nil || d.asked.Op != "" {
		t.Errorf("none: %v, %v", got, err)
	}
}

// A company may call another domain its main one than that by which it was
// asked for; in a batch that is clear only if nobody else is left.
func TestACompanyMayAnswerUnderAnotherDomain(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"organization":{"id":"o","name":"Acme","primary_domain":"acme-group.example"}}`)
	got, err := c.EnrichCompanies(t.Context(), []domain.Prospect{company("acme.example"), company("acme.example")})
	if err != nil || !got[0].Found || got[1].Prospect.Company.Domain != "acme-group.example" || got[0].Usage.Cost != 31_000 || got[1].Usage.Cost != 0 {
		t.Errorf("answers %+v, %v", got, err)
	}
	for missing, want := range map[string]fault.Kind{"0": "", "1": fault.Unclear} {
		c, _ := newClient(t, fmt.Sprintf(`{"missing_records":%s,"unique_enriched_records":2,"organizations":[
			{"id":"o","primary_domain":"acme-group.example"},{"id":"p","primary_domain":"globex.example"}]}`, missing))
		got, err := c.EnrichCompanies(t.Context(), []domain.Prospect{company("acme.example"), company("globex.example")})
		if err != nil || fault.KindOf(got[0].Err) != want || got[0].Found != (want == "") || !got[1].Found {
			t.Errorf("%s missing: %+v, %v", missing, got, err)
		}
		if diff := cmp.Diff([]money.Micro{31_000, 31_000}, costs(got)); diff != "" {
			t.Errorf("%s missing: costs (-want +got):\n%s", missing, diff)
		}
	}
}

func TestFindCompanies(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "companies.json"))
	got, err := c.FindCompanies(t.Context(), provider.Query{
		Titles: []string{"CTO"}, Sizes: []string{"51-200"}, Locations: []string{"Texas"}, Industries: []string{"Robotics"}, Keywords: []string{"warehouse"}, PageSize: 2,
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Page{
		Prospects: []domain.Prospect{
			{ // saved by the team: its id at Apollo, not the account's
				Source: "apollo", ProfileID: "5e66b6381e05b4008c830001", SeenAt: at,
				Company:    domain.Company{Name: "Acme Robotics", Domain: "acmerobotics.example", Phone: "+1 512-555-0114"},
				Provenance: fromApollo("company.name", "company.domain", "company.phone"),
			},
			{
				Source: "apollo", ProfileID: "5e66b6381e05b4008c830002", SeenAt: at,
				Company: domain.Company{
					Name: "Globex Farms", Domain: "globexfarms.example", Website: "http://www.globexfarms.example", Phone: "+44 20 7946 0001", Founded: 1999,
				},
				Provenance: fromApollo("company.name", "company.domain", "company.website", "company.phone", "company.founded"),
			},
		},
		Next: "2", Total: 5, Usage: provider.Usage{Op: "find_companies", Cost: 31_000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	request := transport.Request{
		Op: "find_companies", Method: "POST", Path: "/mixed_companies/search",
		Query: url.Values{
			"organization_locations[]": {"Texas"}, "organization_num_employees_ranges[]": {"51,200"}, "q_organization_keyword_tags[]": {"Robotics", "warehouse"},
			"page": {"1"}, "per_page": {"2"},
		},
	}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestCompanySearchCostsACreditPerPage(t *testing.T) {
	t.Parallel()
	row := `{"id":"5e66b6381e05b4008c830001"}`
	for name, test := range map[string]struct {
		cursor, body, next string
		cost               money.Micro
	}{
		"more":         {"1", `{"pagination":{"total_pages":2},"organizations":[` + row + `]}`, "2", 31_000},
		"last":         {"2", `{"pagination":{"total_pages":2},"organizations":[` + row + `]}`, "", 31_000},
		"last allowed": {"500", `{"pagination":{"total_pages":900},"organizations":[` + row + `]}`, "", 31_000},
		"empty":        {"1", `{"pagination":{"total_pages":2},"organizations":[]}`, "", 0},
		"no count":     {"1", `{"accounts":[` + row + `,` + row + `],"organizations":[` + row + `]}`, "", 31_000},
	} {
		c, _ := newClient(t, test.body)
		page, err := c.FindCompanies(t.Context(), provider.Query{}, test.cursor)
		if err != nil || page.Next != test.next || page.Usage.Cost != test.cost || len(page.Prospects) > 1 {
			t.Errorf("%s: %+v, %v; want next %q for %d", name, page, err, test.next, test.cost)
		}
	}
	for _, cursor := range []string{"0", "-1", "501", "x"} {
		c, d := newClient(t, `{}`)
		if _, err := c.FindCompanies(t.Context(), provider.Query{}, cursor); !fault.Is(err, fault.InvalidInput) || d.asked.Op != "" {
			t.Errorf("cursor %q: %v, want InvalidInput and no request", cursor, err)
		}
	}
}
