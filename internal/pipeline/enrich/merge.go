package enrich

import (
	"maps"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/domain"
)

// shareOrigin says once what most fields' provenance says each: an answer then
// takes one write unit instead of two.
func (a *answer) shareOrigin() {
	if a.Prospect == nil || len(a.Prospect.Provenance) == 0 {
		return
	}
	count := map[domain.Provenance]int{}
	var most domain.Provenance
	for _, field := range slices.Sorted(maps.Keys(a.Prospect.Provenance)) {
		origin := a.Prospect.Provenance[field]
		if count[origin]++; count[origin] > count[most] {
			most = origin
		}
	}
	p := *a.Prospect
	p.Provenance = maps.Clone(p.Provenance)
	maps.DeleteFunc(p.Provenance, func(_ string, origin domain.Provenance) bool { return origin == most })
	a.Prospect, a.Origin = &p, &most
}

// merge adds what a provider said about a person to the row. A provider that
// was asked for the person knows them better than the search that listed them,
// so its values win; what it does not know stays.
func merge(row *domain.Row, from string, a answer) {
	if !a.Found || a.Prospect == nil {
		return
	}
	p, got := &row.Prospect, *a.Prospect
	p.Refs = maps.Clone(p.Refs)
	if p.Refs == nil {
		p.Refs = map[string]string{}
	}
	if got.ProfileID != "" {
		p.Refs[from] = got.ProfileID
	}
	p.Provenance = maps.Clone(p.Provenance)
	if p.Provenance == nil {
		p.Provenance = map[string]domain.Provenance{}
	}
	m := merger{p: p, got: got, origin: domain.Provenance{Source: from, FetchedAt: got.SeenAt}}
	if a.Origin != nil {
		m.origin = *a.Origin
	}
	m.person()
	m.company()
	if got.Contact.Email != "" {
		p.Contact.Email, p.Contact.EmailStatus = got.Contact.Email, got.Contact.EmailStatus
		m.note("contact.email")
	}
	m.text("contact.phone", &p.Contact.Phone, got.Contact.Phone)
	p.Signals = mergeSignals(p.Signals, got.Signals)
}

type merger struct {
	p      *domain.Prospect
	got    domain.Prospect
	origin domain.Provenance // of fields that name none
}

func (m merger) note(field string) {
	origin, ok := m.got.Provenance[field]
	if !ok {
		origin = m.origin
	}
	m.p.Provenance[field] = origin
}

func (m merger) text(field string, to *string, value string) {
	if value != "" {
		*to = value
		m.note(field)
	}
}

func (m merger) person() {
	to, from := &m.p.Person, m.got.Person
	m.text("person.firstName", &to.FirstName, from.FirstName)
	m.text("person.lastName", &to.LastName, from.LastName)
	m.text("person.title", &to.Title, from.Title)
	m.text("person.headline", &to.Headline, from.Headline)
	m.text("person.seniority", &to.Seniority, from.Seniority)
	m.text("person.department", &to.Department, from.Department)
	m.text("person.profileUrl", &to.ProfileURL, from.ProfileURL)
	m.text("person.city", &to.City, from.City)
	m.text("person.region", &to.Region, from.Region)
	m.text("person.country", &to.Country, from.Country)
}

func (m merger) company() {
	to, from := &m.p.Company, m.got.Company
	m.text("company.name", &to.Name, from.Name)
	m.text("company.domain", &to.Domain, from.Domain)
	m.text("company.website", &to.Website, from.Website)
	m.text("company.industry", &to.Industry, from.Industry)
	m.text("company.city", &to.City, from.City)
	m.text("company.country", &to.Country, from.Country)
	m.text("company.phone", &to.Phone, from.Phone)
	m.text("company.fundingStage", &to.FundingStage, from.FundingStage)
	m.text("company.description", &to.Description, from.Description)
	if from.Employees > 0 {
		to.Employees = from.Employees
		m.note("company.employees")
	}
	if from.RevenueUSD > 0 {
		to.RevenueUSD = from.RevenueUSD
		m.note("company.revenueUsd")
	}
	if from.Founded > 0 {
		to.Founded = from.Founded
		m.note("company.founded")
	}
	if len(from.Technologies) > 0 {
		to.Technologies = from.Technologies
		m.note("company.technologies")
	}
}

// mergeSignals adds signals that are not known yet: same kind, source and day.
func mergeSignals(have, more []domain.Signal) []domain.Signal {
	type identity struct{ kind, source, day string }
	of := func(s domain.Signal) identity { return identity{s.Kind, s.Source, s.At.UTC().Format(time.DateOnly)} }
	known := map[identity]bool{}
	for _, s := range have {
		known[of(s)] = true
	}
	out := have[:len(have):len(have)]
	for _, s := range more {
		if !known[of(s)] {
			known[of(s)] = true
			out = append(out, s)
		}
	}
	return out
}
