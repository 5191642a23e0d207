package apollo

import (
	"net/http"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider/transport"
)

func FuzzDecode(f *testing.F) {
	for _, name := range []string{
		"search.json", "match.json", "error_key.json", "error_credits.json", "bulk_match.json", "organization.json", "organizations.json",
		"companies.json", "credits.json", "usage.json", "account.json", "sequence.json",
	} {
		f.Add(200, []byte(fixture(f, name)))
		f.Add(422, []byte(fixture(f, name)))
	}
	f.Add(200, []byte(`{"person":{"id":"1","organization":{"annual_revenue":1e300,"estimated_num_employees":-5,"founded_year":99999}}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		resp := &transport.Response{Provider: "apollo", Op: "enrich_person", Status: status, Header: http.Header{}, Body: body, At: at}
		if err := Classify(resp.Op, resp); err != nil {
			quotesNothing(t, err, body)
			return
		}
		answer, err := parseMatch(resp)
		quotesNothing(t, err, body)
		if c := answer.Prospect.Company; c.Employees < 0 || c.RevenueUSD < 0 || c.Founded < 0 || c.Founded > 9999 {
			t.Errorf("company %+v", c)
		}
		people, _, err := parseSearch(resp)
		quotesNothing(t, err, body)
		for _, p := range people {
			if p.ProfileID == "" || p.Person.LastName != "" {
				t.Errorf("person %+v", p)
			}
		}
		decodeBulk(t, resp)
		page, pages, err := parseCompanies(resp)
		quotesNothing(t, err, body)
		for _, p := range page.Prospects {
			if p.ProfileID == "" {
				t.Errorf("company %+v", p)
			}
		}
		if pages < 0 || page.Total < 0 {
			t.Errorf("%d pages of %d", pages, page.Total)
		}
		_, err = parseCredits(resp)
		quotesNothing(t, err, body)
		_, err = parseUsage(resp)
		quotesNothing(t, err, body)
		skipped, err := parseSkipped(resp)
		quotesNothing(t, err, body)
		for _, why := range skipped {
			if code := reason(why); code == "" || strings.ContainsAny(code, " @") {
				t.Errorf("reason %q", code)
			}
		}
	})
}

// decodeBulk: whatever comes, nobody gets what is not theirs, and the costs add
// up to a sum that can be true.
func decodeBulk(t *testing.T, resp *transport.Response) {
	t.Helper()
	c, _ := newClient(t, "")
	people := []domain.Prospect{{Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"}}, luis}
	b, found, err := parseBulkMatch(resp)
	quotesNothing(t, err, resp.Body)
	if err == nil {
		b.questions = len(people)
		b.like = func(q, r int) likeness { return c.samePerson(people[q], found[r]) }
		b.usage = c.usage("enrich_person", b.creditsUsed(), at)
		var sum money.Micro
		for _, a := range b.answers() {
			sum += a.Usage.Cost
			if a.Found == (a.Prospect.ProfileID == "") || a.Found && a.Err != nil {
				t.Errorf("answer %+v", a)
			}
		}
		if sum != b.usage.Cost || sum < 0 || sum > 31_000*mostCredits*maxBatch && len(found) <= maxBatch {
			t.Errorf("the parts cost %v, the call %v", sum, b.usage.Cost)
		}
	}
	o, _, err := parseOrganizations(resp, true)
	quotesNothing(t, err, resp.Body)
	if credits := o.creditsUsed(); err == nil && credits < 0 {
		t.Errorf("%g credits", credits)
	}
}

// quotesNothing checks that an error is a known fault and does not quote the body.
func quotesNothing(t *testing.T, err error, body []byte) {
	t.Helper()
	if err == nil {
		return
	}
	if fault.Is(err, fault.Internal) {
		t.Errorf("unclassified: %v", err)
	}
	if len(body) > 80 && strings.Contains(err.Error(), string(body)) {
		t.Errorf("the error quotes the body: %v", err)
	}
}
