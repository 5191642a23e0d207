package clearbit

import (
	"context"
	"fmt"
	"net/url"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// EnrichPeople implements [provider.PersonEnricher]. A queued lookup is the
// answer's Err, a fault Unavailable, and counted like any other.
func (c *Client) EnrichPeople(ctx context.Context, people []domain.Prospect) ([]provider.Answer, error) {
	answers := make([]provider.Answer, len(people))
	for i, p := range people {
		var err error
		if answers[i], err = c.enrichPerson(ctx, p); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func (c *Client) enrichPerson(ctx context.Context, p domain.Prospect) (provider.Answer, error) {
	email, ok := normalize.Email(p.Contact.Email)
	if !ok {
		return provider.Answer{}, fault.New(fault.InvalidInput, "clearbit.enrich_person", "nothing identifies the person; an e-mail address is needed")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, combinedRequest(email, false))
	if err != nil {
		return provider.Answer{}, fmt.Errorf("enrich person: %w", err)
	}
	answer, err := parseCombined(resp)
	if err == nil && answer.Err != nil && c.stored {
		answer, err = c.storedPerson(ctx, email, answer)
	}
	if err != nil {
		return provider.Answer{}, fmt.Errorf("enrich person: %w", err)
	}
	answer.Usage = c.usage(provider.OpEnrichPerson, asked)
	return answer, nil
}

// storedPerson returns the record that is there already, else the answer of the
// queued lookup.
func (c *Client) storedPerson(ctx context.Context, email string, inQueue provider.Answer) (provider.Answer, error) {
	resp, err := c.transport.Do(ctx, combinedRequest(email, true))
	if err != nil {
		return provider.Answer{}, err
	}
	answer, err := parseCombined(resp)
	if err != nil || answer.Found {
		return answer, err
	}
	return inQueue, nil
}

func combinedRequest(email string, stored bool) transport.Request {
	query := url.Values{"email": {email}}
	if stored {
		query.Set("cached", "true")
	}
	return transport.Request{
		Op: provider.OpEnrichPerson, Method: "GET", Path: "/v2/combined/find", Query: query,
		Idempotent: true, // counted once in a billing period
	}
}

func parseCombined(resp *transport.Response) (provider.Answer, error) {
	var w wireCombined
	if done, answer, err := read(resp, &w); done {
		return answer, err
	}
	if !w.Person.known() && !w.Company.known() {
		return provider.Answer{}, nil
	}
	return provider.Answer{Found: true, Prospect: w.prospect(resp.At.UTC())}, nil
}

// EnrichCompanies implements [provider.CompanyEnricher]; see
// [Client.EnrichPeople] for queued lookups.
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
	name, ok := normalize.Domain(p.Company.Domain)
	if !ok {
		return provider.Answer{}, fault.New(fault.InvalidInput, "clearbit.enrich_company", "nothing identifies the company; a domain is needed")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, companyRequest(name))
	if err != nil {
		return provider.Answer{}, fmt.Errorf("enrich company: %w", err)
	}
	answer, err := parseCompany(resp)
	if err != nil {
		return provider.Answer{}, fmt.Errorf("enrich company: %w", err)
	}
	answer.Usage = c.usage(provider.OpEnrichCompany, asked)
	return answer, nil
}

func companyRequest(name string) transport.Request {
	return transport.Request{
		Op: provider.OpEnrichCompany, Method: "GET", Host: hostCompany, Path: "/v2/companies/find",
		Query:      url.Values{"domain": {name}},
		Idempotent: true, // counted once in a billing period
	}
}

func parseCompany(resp *transport.Response) (provider.Answer, error) {
	var w wireCompany
	if done, answer, err := read(resp, &w); done {
		return answer, err
	}
	if !w.known() {
		return provider.Answer{}, nil
	}
	return provider.Answer{Found: true, Prospect: w.prospect(resp.At.UTC())}, nil
}

// read decodes the record of a lookup. It is done without one if the lookup is
// queued, found nothing, or cannot be read.
func read(resp *transport.Response, record any) (done bool, answer provider.Answer, err error) {
	switch {
	case pending(resp):
		return true, provider.Answer{Err: queued(resp)}, nil
	case resp.Status == 404:
		return true, provider.Answer{}, nil
	}
	err = resp.Decode(record)
	return err != nil, provider.Answer{}, err
}
