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

// EnrichCompany implements [provider.CompanyEnricher] by Place Details, for
// companies that this provider discovered. One that has closed for good is not
// found.
func (c *Client) EnrichCompany(ctx context.Context, p domain.Prospect) (provider.PersonAnswer, error) {
	id := p.Refs["googleplaces"]
	if id == "" && p.Source == "googleplaces" {
		id = p.ProfileID
	}
	if !validID(id) {
		return provider.PersonAnswer{}, fault.New(fault.InvalidInput, "googleplaces.enrich_company", "the company has no place id; only companies discovered at Google Places can be completed there")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, detailsRequest(id))
	if err != nil {
		return provider.PersonAnswer{}, fmt.Errorf("enrich company: %w", err)
	}
	if resp.Status == 404 {
		return provider.PersonAnswer{Usage: c.usage(opEnrichCompany, 0, asked)}, nil
	}
	var w wirePlace
	if err := resp.Decode(&w); err != nil {
		return provider.PersonAnswer{}, fmt.Errorf("enrich company: %w", err)
	}
	answer := provider.PersonAnswer{Usage: c.usage(opEnrichCompany, 1, asked)}
	switch {
	case w.ID == "":
		return provider.PersonAnswer{}, fmt.Errorf("enrich company: %w", resp.Fault(fault.BadResponse, "the place in the answer has no id"))
	case !w.closed():
		answer.Found, answer.Prospect = true, w.prospect(resp.At.UTC())
	}
	return answer, nil
}

func detailsRequest(id string) transport.Request {
	return transport.Request{
		Op: opEnrichCompany, Method: "GET", Path: "/v1/places/" + id,
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
