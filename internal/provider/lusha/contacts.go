package lusha

import (
	"context"
	"net/http"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// EnrichPeople implements [provider.PersonEnricher].
func (c *Client) EnrichPeople(ctx context.Context, people []domain.Prospect) ([]provider.Answer, error) {
	return c.ask(ctx, c.contacts(provider.OpEnrichPerson, "enrich people", "emails"), people)
}

// FindPhones implements [provider.PhoneFinder].
func (c *Client) FindPhones(ctx context.Context, people []domain.Prospect) ([]provider.Answer, error) {
	return c.ask(ctx, c.contacts(provider.OpFindPhone, "find phones", "phones"), people)
}

func (c *Client) contacts(op, step, reveal string) call {
	return call{
		op: op, step: step,
		request: func(people []domain.Prospect) (transport.Request, error) {
			body := wireContactsRequest{Reveal: []string{reveal}}
			for i, p := range people {
				asked, ok := c.contact(op, p)
				if !ok {
					return transport.Request{}, c.nameless(op, i)
				}
				asked.Reference = reference(i)
				body.Contacts = append(body.Contacts, asked)
			}
			return transport.Request{
				Op: op, Method: http.MethodPost, Path: "/v3/contacts/search-and-enrich", Body: body,
				Idempotent: false, // the search is charged each time
			}, nil
		},
		parse: func(resp *transport.Response, n int) ([]provider.Answer, error) {
			var w struct {
				Results []wireContact `json:"results"`
				Billing wireBilling   `json:"billing"`
			}
			if err := resp.Decode(&w); err != nil {
				return nil, err
			}
			return join(resp, c.rates, w.Results, w.Billing, n)
		},
	}
}

// contact is the best that Lusha can know a person by, and nothing else of them.
func (c *Client) contact(op string, p domain.Prospect) (wireAskedContact, bool) {
	switch c.definition.Identity(op, p) { //nolint:exhaustive // those of the offer
	case provider.ByID:
		return wireAskedContact{ID: c.definition.ID(p)}, true
	case provider.ByEmail:
		return wireAskedContact{Email: p.Contact.Email}, true
	case provider.ByProfile:
		address, ok := normalize.ProfileURL(p.Person.ProfileURL)
		return wireAskedContact{LinkedIn: address}, ok
	case provider.ByNameAtDomain:
		return wireAskedContact{FirstName: p.Person.FirstName, LastName: p.Person.LastName, CompanyDomain: p.Company.Domain}, true
	case provider.ByNameAtCompany:
		return wireAskedContact{FirstName: p.Person.FirstName, LastName: p.Person.LastName, CompanyName: p.Company.Name}, true
	}
	return wireAskedContact{}, false
}
