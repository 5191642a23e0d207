package apollo

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// EnrichCompanies implements [provider.CompanyEnricher], by domain. An answer
// has no ProfileID: the prospect may be a person, and Apollo's ids of people and
// of companies are not told apart by their form. Colleagues are one question.
func (c *Client) EnrichCompanies(ctx context.Context, companies []domain.Prospect) ([]provider.Answer, error) {
	names := make([]string, len(companies)) // domains
	for i, p := range companies {
		if c.definition.Identity(provider.OpEnrichCompany, p) == "" {
			return nil, fault.New(fault.InvalidInput, "apollo.enrich_company", "there is no domain to know the company by")
		}
		names[i] = bare(p.Company.Domain)
	}
	if len(companies) > maxBatch {
		return nil, tooMany(provider.OpEnrichCompany)
	}
	unique := slices.Compact(slices.Sorted(slices.Values(names)))
	if len(unique) == 0 {
		return nil, nil
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, organizationRequest(unique))
	if err != nil {
		return nil, fmt.Errorf("enrich company: %w", err)
	}
	b, found, err := parseOrganizations(resp, len(unique) > 1)
	if err != nil {
		return nil, fmt.Errorf("enrich company: %w", err)
	}
	b.questions = len(unique)
	b.like = func(q, r int) likeness {
		if sameDomain(unique[q], found[r]) {
			return identical
		}
		return unlike
	}
	b.usage = c.usage(provider.OpEnrichCompany, b.creditsUsed(), asked)
	answers, by := make([]provider.Answer, len(companies)), b.answers()
	for i, name := range names {
		q, _ := slices.BinarySearch(unique, name)
		answers[i] = by[q]
		answers[i].Prospect = own(by[q].Prospect)
		by[q].Usage.Cost = 0 // the first who asked pays
	}
	return answers, nil
}

// bare is a domain as Apollo wants it, without www.
func bare(name string) string {
	if d, ok := normalize.Domain(name); ok {
		return d
	}
	return name
}

func organizationRequest(names []string) transport.Request {
	req := transport.Request{
		Op: provider.OpEnrichCompany, Method: "GET", Path: "/organizations/enrich", Query: url.Values{"domain": names},
		Idempotent: false, // may be charged again
	}
	if len(names) > 1 {
		req.Method, req.Path, req.Query = "POST", "/organizations/bulk_enrich", url.Values{"domains[]": names}
	}
	return req
}

// parseOrganizations reads the answer about one company or about several. The
// one needs no join: it is the answer, whatever domain the company calls its main one.
func parseOrganizations(resp *transport.Response, several bool) (bulk, []wireOrganization, error) {
	var w wireOrganizations
	if err := resp.Decode(&w); err != nil {
		return bulk{}, nil, err
	}
	b := bulk{resp: resp, credits: w.Credits, missing: w.Missing}
	all := w.Organizations
	if !several {
		all, b.missing = []*wireOrganization{w.Organization}, new(float64)
	}
	if b.credits == nil {
		b.credits = w.Unique
	}
	var found []wireOrganization
	seen := map[string]bool{}
	for _, o := range all {
		if o == nil || o.ID == "" || seen[o.ID] {
			continue
		}
		seen[o.ID] = true
		p := o.prospect(resp.At.UTC())
		p.ProfileID = ""
		found, b.records = append(found, *o), append(b.records, p)
	}
	return b, found, nil
}
