package apollo

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

// EnrichPerson implements [provider.PersonEnricher].
func (c *Client) EnrichPerson(ctx context.Context, p domain.Prospect) (provider.PersonAnswer, error) {
	values, err := identity(p)
	if err != nil {
		return provider.PersonAnswer{}, err
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, matchRequest(values))
	if err != nil {
		return provider.PersonAnswer{}, fmt.Errorf("enrich person: %w", err)
	}
	answer, err := parseMatch(resp)
	if err != nil {
		return provider.PersonAnswer{}, fmt.Errorf("enrich person: %w", err)
	}
	answer.Usage = provider.Usage{Op: provider.OpEnrichPerson, Took: c.now().Sub(asked)}
	if answer.Found { // nothing found costs nothing
		answer.Usage.Cost = c.prices.Operations[provider.OpEnrichPerson].For(1)
	}
	return answer, nil
}

// identity is the best that Apollo can know the person by.
func identity(p domain.Prospect) (url.Values, error) {
	id := p.Refs["apollo"]
	if id == "" && p.Source == "apollo" {
		id = p.ProfileID
	}
	switch {
	case id != "":
		return url.Values{"id": {id}}, nil
	case p.Contact.Email != "":
		return url.Values{"email": {p.Contact.Email}}, nil
	case p.Person.ProfileURL != "" && isLinkedIn(p.Person.ProfileURL):
		return url.Values{"linkedin_url": {p.Person.ProfileURL}}, nil
	case p.Person.FirstName != "" && p.Person.LastName != "" && p.Company.Domain != "":
		return url.Values{"first_name": {p.Person.FirstName}, "last_name": {p.Person.LastName}, "domain": {p.Company.Domain}}, nil
	}
	return nil, fault.New(fault.InvalidInput, "apollo.enrich_person",
		"nothing identifies the person; an Apollo id, an e-mail address, a LinkedIn profile, or first and last name with a domain is needed")
}

func isLinkedIn(profile string) bool {
	_, ok := normalize.LinkedInSlug(profile)
	return ok
}

func matchRequest(values url.Values) transport.Request {
	values.Set("reveal_personal_emails", "false")
	return transport.Request{
		Op: provider.OpEnrichPerson, Method: "POST", Path: "/people/match", Query: values,
		Idempotent: false, // may be charged again
	}
}

func parseMatch(resp *transport.Response) (provider.PersonAnswer, error) {
	var w wireMatch
	if err := resp.Decode(&w); err != nil {
		return provider.PersonAnswer{}, err
	}
	if w.Person == nil || w.Person.ID == "" {
		return provider.PersonAnswer{}, nil
	}
	return provider.PersonAnswer{Found: true, Prospect: w.Person.prospect(resp.At.UTC())}, nil
}
