package hunter

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// FindPeople implements [provider.PersonFinder] by the domain search: the people
// whose addresses Hunter knows at a domain, named ones first, with what it knows
// of the company. A zero PageSize is the setting domain_search_addresses, which
// is also the most. Of the query it uses PageSize and Titles; who does not hold
// such a post is left out, but has been paid for.
func (c *Client) FindPeople(ctx context.Context, companyDomain string, q provider.Query) ([]domain.Prospect, provider.Usage, error) {
	if companyDomain == "" {
		return nil, provider.Usage{}, fault.New(fault.InvalidInput, "hunter.find_people", "there is no domain to look for people at")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, peopleRequest(companyDomain, q, c.addresses))
	if err != nil {
		return nil, provider.Usage{}, fmt.Errorf("find people: %w", err)
	}
	found, returned, err := parsePeople(resp)
	if err != nil {
		return nil, provider.Usage{}, fmt.Errorf("find people: %w", err)
	}
	if len(q.Titles) > 0 {
		found = slices.DeleteFunc(found, func(p domain.Prospect) bool { return !holds(p.Person.Title, q.Titles) })
	}
	return found, c.usage(provider.OpFindPeople, creditsOf(returned), asked), nil
}

func peopleRequest(companyDomain string, q provider.Query, most int) transport.Request {
	limit := most
	if q.PageSize > 0 {
		limit = min(limit, q.PageSize)
	}
	return transport.Request{
		Op: provider.OpFindPeople, Method: "GET", Path: "/domain-search",
		// In Hunter's words "personal" is the address of somebody at work, not a
		// private one; the other type is "generic", info@ and the like.
		Query:      url.Values{"domain": {companyDomain}, "limit": {strconv.Itoa(limit)}, "type": {"personal"}},
		Idempotent: true, // not charged twice
	}
}

// parsePeople returns the people and the number of addresses in the answer,
// which is what is charged.
func parsePeople(resp *transport.Response) (people []domain.Prospect, returned int, err error) {
	if resp.Status == 404 {
		return nil, 0, nil
	}
	var w wireDomain
	if err := resp.Decode(&w); err != nil {
		return nil, 0, err
	}
	if w.Data == nil {
		return nil, 0, nil
	}
	for _, e := range w.Data.Emails {
		email, ok := normalize.Email(value(e.Value))
		// Whoever has an address at a mail service has a private one.
		if !ok || value(e.Type) == "generic" || w.Data.Webmail || w.Data.Disposable {
			continue
		}
		people = append(people, w.person(email, e, resp.At.UTC()))
	}
	slices.SortStableFunc(people, func(a, b domain.Prospect) int { return cmp.Compare(nameless(a), nameless(b)) })
	return people, len(w.Data.Emails), nil
}

func nameless(p domain.Prospect) int {
	if p.Person.LastName == "" {
		return 1
	}
	return 0
}

// person is one address with what is known of its owner and their company.
// Hunter has no ids of people: the ProfileID is derived from the address.
func (w wireDomain) person(email string, e wireAddress, at time.Time) domain.Prospect {
	p := domain.Prospect{Source: "hunter", ProfileID: domain.ID("h_", email), SeenAt: at}
	s := sheet{p: &p, at: at}
	s.text("person.firstName", &p.Person.FirstName, value(e.FirstName))
	s.text("person.lastName", &p.Person.LastName, value(e.LastName))
	s.text("person.title", &p.Person.Title, value(e.Position))
	s.text("person.department", &p.Person.Department, value(e.Department))
	if slug, ok := normalize.LinkedInSlug(value(e.LinkedIn)); ok {
		s.text("person.profileUrl", &p.Person.ProfileURL, "https://www.linkedin.com/in/"+slug)
	}
	s.text("contact.email", &p.Contact.Email, email)
	if e.Verification != nil && e.Verification.Status != nil {
		p.Contact.EmailStatus = e.Verification.emailStatus(at)
	} else if w.Data.AcceptAll {
		p.Contact.EmailStatus = domain.EmailRisky // no check can tell more
	}
	if phone, ok := normalize.Phone(value(e.Phone), value(w.Data.Country)); ok {
		s.text("contact.phone", &p.Contact.Phone, phone.E164)
	}
	w.company(s)
	return p
}

func (w wireDomain) company(s sheet) {
	to := &s.p.Company
	s.text("company.name", &to.Name, value(w.Data.Organization))
	if name, ok := normalize.Domain(value(w.Data.Domain)); ok {
		s.text("company.domain", &to.Domain, name)
	}
	s.text("company.industry", &to.Industry, value(w.Data.Industry))
	s.text("company.country", &to.Country, value(w.Data.Country))
	s.text("company.emailPattern", &to.EmailPattern, value(w.Data.Pattern))
	if r, ok := normalize.Employees(value(w.Data.Headcount)); ok {
		to.Employees = int(r.Middle())
		s.note("company.employees")
	}
	if len(w.Data.Technologies) > 0 {
		to.Technologies = slices.Clone(w.Data.Technologies)
		s.note("company.technologies")
	}
}

// sheet fills a prospect and notes where each field came from.
type sheet struct {
	p  *domain.Prospect
	at time.Time
}

func (s sheet) note(field string) {
	if s.p.Provenance == nil {
		s.p.Provenance = map[string]domain.Provenance{}
	}
	s.p.Provenance[field] = domain.Provenance{Source: "hunter", FetchedAt: s.at}
}

func (s sheet) text(field string, to *string, text string) {
	if text = strings.TrimSpace(text); text != "" {
		*to = text
		s.note(field)
	}
}

// holds reports whether a position is one of the wanted posts: the same kind of
// work, at most one rank below, or the same words.
func holds(position string, titles []string) bool {
	has := normalize.ParseTitle(position)
	words := " " + has.Text + " "
	for _, title := range titles {
		wanted := normalize.ParseTitle(title)
		if wanted.Text != "" && strings.Contains(words, " "+wanted.Text+" ") {
			return true
		}
		for _, w := range wanted.Roles {
			for _, h := range has.Roles {
				if w.Function != "" && w.Function == h.Function && h.Seniority.Rank() >= w.Seniority.Rank()-1 {
					return true
				}
			}
		}
	}
	return false
}
