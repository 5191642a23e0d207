package apollo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/apollo"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

type firm struct {
	ID           string `json:"id"`
	Organization string `json:"organization_id"`
	Name         string `json:"name"`
	Domain       string `json:"primary_domain"`
	Industry     string `json:"industry"`
	Employees    int    `json:"estimated_num_employees"`
}

type firms struct {
	Organization  *firm   `json:"organization"`
	Organizations []*firm `json:"organizations"`
	Accounts      []firm  `json:"accounts"`
	Unique        int     `json:"unique_enriched_records"`
	Missing       int     `json:"missing_records"`
	Pagination    struct {
		Total int `json:"total_entries"`
		Pages int `json:"total_pages"`
	} `json:"pagination"`
	Code string `json:"error_code"`
}

func (s *stack) firms(method, path string, q url.Values, body string, want int) firms {
	s.t.Helper()
	a := s.call(method, path, q, body)
	var out firms
	if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != want {
		s.t.Fatalf("%s: %d %s, want %d", path, a.Status, a.Body, want)
	}
	return out
}

func TestACompanyCostsACreditAndAMissNone(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	found, missed := 0, 0
	for c := range 60 {
		o := s.firms(http.MethodGet, "/organizations/enrich", url.Values{"domain": {s.market.Domain(c)}}, "", 200).Organization
		if o == nil {
			missed++
			continue
		}
		found++
		if o.Domain != s.market.Domain(c) || o.Industry == "" || o.Employees == 0 {
			t.Errorf("organization %+v", o)
		}
	}
	if found < 40 || missed < 2 {
		t.Errorf("%d found, %d not", found, missed)
	}
	want := map[string]upstream.OpBill{apollo.OpOrganization: {Charges: found, Total: money.Micro(found) * apollo.CreditPrice}}
	if d := cmp.Diff(want, s.front.Bill().ByOp); d != "" {
		t.Error(d)
	}
	s.firms(http.MethodGet, "/organizations/enrich", url.Values{"domain": {"www.a.example"}}, "", 422)
	s.firms(http.MethodGet, "/organizations/enrich", nil, "", 422)
}

func TestBulkOrganizations(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	nulls, absent := 0, 0
	for i := range 12 {
		domains := []string{s.market.Domain(i), fmt.Sprintf("nobody%d.example", i), s.market.Domain(i + 20), s.market.Domain(i)}
		got := s.firms(http.MethodPost, "/organizations/bulk_enrich", url.Values{"domains[]": domains}, "", 200)
		if got.Missing < 1 || got.Unique > 2 {
			t.Errorf("counters %+v", got)
		}
		if len(got.Organizations) == 4 {
			nulls++
		} else {
			absent++
		}
		// Details come before domains[].
		body := fmt.Sprintf(`{"details":[{"domain":%q}]}`, s.market.Domain(i))
		one := s.firms(http.MethodPost, "/organizations/bulk_enrich", url.Values{"domains[]": domains}, body, 200)
		if len(one.Organizations) > 1 || one.Missing+one.Unique != 1 {
			t.Errorf("by details: %+v", one)
		}
	}
	if nulls == 0 || absent == 0 {
		t.Errorf("misses were null %d times and absent %d times; want both", nulls, absent)
	}
	spent := s.front.Bill().Total
	eleven := url.Values{}
	for i := range 11 {
		eleven.Add("domains[]", s.market.Domain(i))
	}
	if got := s.firms(http.MethodPost, "/organizations/bulk_enrich", eleven, "", 400); got.Code != "RECORD_LIMIT_EXCEEDED" {
		t.Errorf("eleven: %+v", got)
	}
	if got := s.firms(http.MethodPost, "/organizations/bulk_enrich", nil, "", 400); got.Code != "INVALID_REQUEST" {
		t.Errorf("none: %+v", got)
	}
	if got := s.front.Bill().Total; got != spent {
		t.Errorf("refused requests cost %v", got-spent)
	}
}

func TestCompanySearchCostsACreditPerPage(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	q := url.Values{
		"organization_num_employees_ranges[]": {"51,200", "201,500"}, "organization_locations[]": {"United States"},
		"q_organization_keyword_tags[]": {"software"}, "per_page": {"50"},
	}
	seen, accounts, pages := map[string]bool{}, 0, 0
	for n := 1; ; n++ {
		q.Set("page", fmt.Sprint(n))
		got := s.firms(http.MethodPost, "/mixed_companies/search", q, "", 200)
		if len(got.Organizations)+len(got.Accounts) == 0 {
			if got.Pagination.Total != len(seen) || got.Pagination.Pages != pages {
				t.Errorf("told %+v, came %d on %d pages", got.Pagination, len(seen), pages)
			}
			break
		}
		pages++
		for _, o := range got.Organizations {
			if o.Industry != "" || o.Employees != 0 {
				t.Errorf("the search tells what must be paid for: %+v", o)
			}
			seen[o.ID] = true
		}
		for _, a := range got.Accounts {
			accounts++
			if a.ID == a.Organization {
				t.Errorf("account %+v", a)
			}
			seen[a.Organization] = true
		}
	}
	if len(seen) < 20 || accounts == 0 {
		t.Errorf("%d companies, %d of them saved", len(seen), accounts)
	}
	want := map[string]upstream.OpBill{apollo.OpCompanies: {Charges: pages, Total: money.Micro(pages) * apollo.CreditPrice}}
	if d := cmp.Diff(want, s.front.Bill().ByOp); d != "" {
		t.Error(d)
	}
	for name, bad := range map[string]url.Values{
		"people's filter": {"person_titles[]": {"CTO"}}, "without brackets": {"organization_locations": {"x"}}, "101 a page": {"per_page": {"101"}},
		"hyphen": {"organization_num_employees_ranges[]": {"51-200"}},
	} {
		if a := s.call(http.MethodPost, "/mixed_companies/search", bad, ""); a.Status != 422 {
			t.Errorf("%s: %d, want 422", name, a.Status)
		}
	}
}

func TestCreditsAreSharedByAllCalls(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{Credits: 3})
	s.match(url.Values{"id": {s.search(sample()).People[3].ID}})
	s.firms(http.MethodPost, "/mixed_companies/search", nil, "", 200)
	for s.front.Charges(apollo.OpOrganization) == 0 {
		s.firms(http.MethodGet, "/organizations/enrich", url.Values{"domain": {s.market.Domain(s.front.Requests()[200])}}, "", 200)
	}
	for path, method := range map[string]string{"/organizations/enrich": http.MethodGet, "/organizations/bulk_enrich": http.MethodPost, "/mixed_companies/search": http.MethodPost} {
		q := url.Values{}
		if path != "/mixed_companies/search" {
			q = url.Values{"domain": {s.market.Domain(1)}, "domains[]": {s.market.Domain(1)}}
		}
		if got := s.firms(method, path, q, "", 422); got.Code != "INSUFFICIENT_CREDITS" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if a := s.call(http.MethodPost, "/usage_stats/credit_usage_stats", nil, ""); a.Status != 200 || !json.Valid(a.Body) {
		t.Errorf("usage: %d %s", a.Status, a.Body)
	}
}

func TestASkippedContactIsA200(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil, apollo.Options{})
	save := func(body string) string {
		var out struct {
			Contact struct {
				ID string `json:"id"`
			} `json:"contact"`
		}
		a := s.call(http.MethodPost, "/contacts", nil, body)
		if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != 200 {
			t.Fatalf("contact: %d %s", a.Status, a.Body)
		}
		return out.Contact.ID
	}
	dana, luis := save(`{"first_name":"Dana","email":"dana@a.example"}`), save(`{"first_name":"Luis"}`)
	if again := save(`{"first_name":"D.","email":"DANA@a.example","run_dedupe":true}`); again != dana {
		t.Errorf("with run_dedupe: %s, want %s overwritten", again, dana)
	}
	if other := save(`{"first_name":"Dana","email":"dana@a.example"}`); other == dana {
		t.Error("without run_dedupe the contact was overwritten")
	}
	q := url.Values{
		"emailer_campaign_id": {apollo.SequenceID}, "send_email_from_email_account_id": {apollo.MailboxID}, "contact_ids[]": {dana, luis, "66e34b81740c50074e3dffff"},
	}
	add := func() map[string]string {
		var out struct {
			Skipped map[string]string `json:"skipped_contact_ids"`
		}
		a := s.call(http.MethodPost, "/emailer_campaigns/"+apollo.SequenceID+"/add_contact_ids", q, "")
		if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != 200 {
			t.Fatalf("add: %d %s", a.Status, a.Body)
		}
		return out.Skipped
	}
	want := map[string]string{luis: "contacts_without_email", "66e34b81740c50074e3dffff": "contact_not_found"}
	if d := cmp.Diff(want, add()); d != "" {
		t.Error(d)
	}
	want[dana] = "contacts_already_exists_in_current_campaign"
	if d := cmp.Diff(want, add()); d != "" {
		t.Errorf("the second time: %s", d)
	}
	for name, drop := range map[string]string{"sequence": "emailer_campaign_id", "mailbox": "send_email_from_email_account_id", "contacts": "contact_ids[]"} {
		less := url.Values{}
		for key, values := range q {
			if key != drop {
				less[key] = values
			}
		}
		if a := s.call(http.MethodPost, "/emailer_campaigns/"+apollo.SequenceID+"/add_contact_ids", less, ""); a.Status != 422 {
			t.Errorf("without %s: %d, want 422", name, a.Status)
		}
	}
}
