package apollo

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// EnrichPeople implements [provider.PersonEnricher]: one person by the match
// endpoint, more by the bulk one.
func (c *Client) EnrichPeople(ctx context.Context, people []domain.Prospect) ([]provider.Answer, error) {
	details := make([]wireDetail, len(people))
	for i, p := range people {
		var err error
		if details[i], err = c.detail(p); err != nil {
			return nil, err
		}
	}
	switch {
	case len(people) == 0:
		return nil, nil
	case len(people) == 1:
		answer, err := c.enrichPerson(ctx, details[0])
		if err != nil {
			return nil, err
		}
		return []provider.Answer{answer}, nil
	case len(people) > maxBatch:
		return nil, tooMany(provider.OpEnrichPerson)
	}
	return c.matchInBulk(ctx, people, details)
}

func tooMany(op string) error {
	return fault.New(fault.InvalidInput, "apollo."+op, "one call is about at most 10; ask in batches")
}

func (c *Client) enrichPerson(ctx context.Context, detail wireDetail) (provider.Answer, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, matchRequest(detail))
	if err != nil {
		return provider.Answer{}, fmt.Errorf("enrich person: %w", err)
	}
	answer, err := parseMatch(resp)
	if err != nil {
		return provider.Answer{}, fmt.Errorf("enrich person: %w", err)
	}
	credits := 0.0 // nothing found costs nothing
	if answer.Found {
		credits = 1
	}
	answer.Usage = c.usage(provider.OpEnrichPerson, credits, asked)
	return answer, nil
}

// detail is the best that Apollo can know the person by.
func (c *Client) detail(p domain.Prospect) (wireDetail, error) {
	switch c.definition.Identity(provider.OpEnrichPerson, p) { //nolint:exhaustive // those of the offer
	case provider.ByID:
		return wireDetail{ID: c.definition.ID(p)}, nil
	case provider.ByEmail:
		return wireDetail{Email: p.Contact.Email}, nil
	case provider.ByProfile:
		return wireDetail{LinkedInURL: p.Person.ProfileURL}, nil
	case provider.ByNameAtDomain:
		return wireDetail{FirstName: p.Person.FirstName, LastName: p.Person.LastName, Domain: p.Company.Domain}, nil
	}
	return wireDetail{}, fault.New(fault.InvalidInput, "apollo.enrich_person",
		"nothing identifies the person; an Apollo id, an e-mail address, a LinkedIn profile, or first and last name with a domain is needed")
}

// withoutPersonal keeps private addresses out of the answer: they are no work
// e-mail.
func withoutPersonal(values url.Values) url.Values {
	values.Set("reveal_personal_emails", "false")
	return values
}

func matchRequest(detail wireDetail) transport.Request {
	return transport.Request{
		Op: provider.OpEnrichPerson, Method: "POST", Path: "/people/match", Query: withoutPersonal(detail.values()),
		Idempotent: false, // may be charged again
	}
}

func parseMatch(resp *transport.Response) (provider.Answer, error) {
	var w wireMatch
	if err := resp.Decode(&w); err != nil {
		return provider.Answer{}, err
	}
	if w.Person == nil || w.Person.ID == "" {
		return provider.Answer{}, nil
	}
	return provider.Answer{Found: true, Prospect: w.Person.prospect(resp.At.UTC())}, nil
}

func (c *Client) matchInBulk(ctx context.Context, people []domain.Prospect, details []wireDetail) ([]provider.Answer, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, bulkMatchRequest(details))
	if err != nil {
		return nil, fmt.Errorf("enrich people: %w", err)
	}
	b, found, err := parseBulkMatch(resp)
	if err != nil {
		return nil, fmt.Errorf("enrich people: %w", err)
	}
	b.questions = len(people)
	b.like = func(q, r int) likeness { return c.samePerson(people[q], found[r]) }
	b.usage = c.usage(provider.OpEnrichPerson, b.creditsUsed(), asked)
	return b.answers(), nil
}

func bulkMatchRequest(details []wireDetail) transport.Request {
	return transport.Request{
		Op: provider.OpEnrichPerson, Method: "POST", Path: "/people/bulk_match", Query: withoutPersonal(url.Values{}),
		Body:       wireBulkQuestion{Details: details},
		Idempotent: false, // may be charged again
	}
}

func parseBulkMatch(resp *transport.Response) (bulk, []wirePerson, error) {
	var w wireBulkMatch
	if err := resp.Decode(&w); err != nil {
		return bulk{}, nil, err
	}
	var found []wirePerson
	b := bulk{resp: resp, credits: w.Credits, missing: w.Missing}
	seen := map[string]bool{}
	for _, p := range w.Matches {
		if p == nil || p.ID == "" || seen[p.ID] { // somebody asked for twice may come twice
			continue
		}
		seen[p.ID] = true
		found = append(found, *p)
		b.records = append(b.records, p.prospect(resp.At.UTC()))
	}
	return b, found, nil
}

// samePerson says how surely a record is of the person who was asked for.
func (c *Client) samePerson(p domain.Prospect, w wirePerson) likeness {
	asked, askedOK := normalize.LinkedInSlug(p.Person.ProfileURL)
	told, toldOK := normalize.LinkedInSlug(value(w.LinkedInURL))
	switch {
	case c.definition.ID(p) == w.ID:
		return identical
	case p.Contact.Email != "" && strings.EqualFold(p.Contact.Email, value(w.Email)), askedOK && toldOK && asked == told:
		return same
	case !sameName(p.Person, w):
		return unlike
	case w.Organization != nil && sameDomain(p.Company.Domain, *w.Organization):
		return same
	}
	return namesake
}

// sameName compares names as far as spellings of one name may differ: case,
// accents, umlauts written out.
func sameName(p domain.Person, w wirePerson) bool {
	first, last := value(w.FirstName), value(w.LastName)
	if first == "" && last == "" {
		whole := normalize.FullName(value(w.Name))
		first, last = whole.First, whole.Last
	}
	for _, a := range nameKeys(p.FirstName, p.LastName) {
		for _, b := range nameKeys(first, last) {
			if a != "" && a == b {
				return true
			}
		}
	}
	return false
}

func nameKeys(first, last string) [2]string {
	return [2]string{normalize.NameKey(first, last), normalize.GermanNameKey(first, last)}
}

func sameDomain(asked string, w wireOrganization) bool {
	a, ok := normalize.Domain(asked)
	b, told := w.domain()
	return ok && told && a == b
}
