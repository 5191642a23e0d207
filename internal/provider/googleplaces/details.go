package googleplaces

import (
	"context"
	"fmt"
	"net/url"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// EnrichCompanies implements [provider.CompanyEnricher] by Place Details, for
// companies that this provider discovered. One that has closed for good is not
// found.
func (c *Client) EnrichCompanies(ctx context.Context, companies []domain.Prospect) ([]provider.Answer, error) {
	answers := make([]provider.Answer, len(companies))
	for i, p := range companies {
		var err error
		if answers[i], err = c.enrichCompany(ctx, p); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func (c *Client) enrichCompany(ctx context.Context, p domain.Prospect) (provider.Answer, error) {
	id := p.Refs["googleplaces"]
	if id == "" && p.Source == "googleplaces" {
		id = p.ProfileID
	}
	if !validID(id) {
		return provider.Answer{}, fault.New(fault.InvalidInput, "googleplaces.enrich_company", "the company has no place id; only companies discovered at Google Places can be completed there")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, detailsRequest(id))
	if err != nil {
		return provider.Answer{}, fmt.Errorf("enrich company: %w", err)
	}
	if resp.Status == 404 {
		return provider.Answer{Usage: c.usage(provider.OpEnrichCompany, 0, asked)}, nil
	}
	var w wirePlace
	if err := resp.Decode(&w); err != nil {
		return provider.Answer{}, fmt.Errorf("enrich company: %w", err)
	}
	answer := provider.Answer{Usage: c.usage(provider.OpEnrichCompany, 1, asked)}
	switch {
	case w.ID == "":
		return provider.Answer{}, fmt.Errorf("enrich company: %w", resp.Fault(fault.BadResponse, "the place in the answer has no id"))
	case !w.closed():
		answer.Found, answer.Prospect = true, w.prospect(resp.At.UTC())
	}
	return answer, nil
}

func detailsRequest(id string) transport.Request {
	return transport.Request{
		Op: provider.OpEnrichCompany, Method: "GET", Path: "/v1/places/" + id,
		Query:      url.Values{"languageCode": {"en"}},
		Header:     map[string][]string{"X-Goog-Fieldmask": {placeFields}},
		Idempotent: false, // every call is charged
	}
}

// validID refuses what would change the path of the request. Place ids are of
// the alphabet of URL-safe base64.
func validID(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return id != "" && len(id) <= 1024
}
