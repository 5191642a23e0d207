package lusha

import (
	"context"
	"net/http"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// EnrichCompanies implements [provider.CompanyEnricher]. The software that a
// company uses comes with it.
func (c *Client) EnrichCompanies(ctx context.Context, companies []domain.Prospect) ([]provider.Answer, error) {
	return c.ask(ctx, call{
		op: provider.OpEnrichCompany, step: "enrich companies",
		request: c.companiesRequest,
		parse: func(resp *transport.Response, n int) ([]provider.Answer, error) {
			var w struct {
				Results []wireCompany `json:"results"`
				Billing wireBilling   `json:"billing"`
			}
			if err := resp.Decode(&w); err != nil {
				return nil, err
			}
			return join(resp, c.rates, w.Results, w.Billing, n)
		},
	}, companies)
}

func (c *Client) companiesRequest(companies []domain.Prospect) (transport.Request, error) {
	var body wireCompaniesRequest
	for i, p := range companies {
		asked := wireAskedCompany{Reference: reference(i)}
		switch c.definition.Identity(provider.OpEnrichCompany, p) {
		case provider.ByDomain:
			asked.Domain = p.Company.Domain
		case provider.ByCompanyName:
			asked.Name = p.Company.Name
		default:
			return transport.Request{}, c.nameless(provider.OpEnrichCompany, i)
		}
		body.Companies = append(body.Companies, asked)
	}
	return transport.Request{
		Op: provider.OpEnrichCompany, Method: http.MethodPost, Path: "/v3/companies/search-and-enrich", Body: body,
		Idempotent: false, // the search is charged each time
	}, nil
}
