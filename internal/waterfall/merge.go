package waterfall

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
)

// ShareOrigin says once what most fields' provenance says each: an answer then
// takes one write unit instead of two.
func (a *Answer) ShareOrigin() {
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

// merge adds what a provider said about a prospect to the row. A provider that
// was asked for it knows it better than the search that listed it, so its
// values win over those. Among providers that were asked the first to have a
// value keeps it: one that says the same confirms it, one that says something else
// is noted. What it does not know stays.
func merge(row *domain.Row, from string, a Answer) {
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
	m := merger{row: row, p: p, got: got, now: a.Now, origin: domain.Provenance{Source: from, FetchedAt: got.SeenAt}}
	if a.Origin != nil {
		m.origin = *a.Origin
	}
	m.all()
}

// all takes over what is known, field by field.
func (m merger) all() {
	p, got := m.p, m.got
	m.person()
	m.company()
	m.email()
	m.text("contact.phone", &p.Contact.Phone, got.Contact.Phone)
	p.Signals = mergeSignals(p.Signals, got.Signals)
}

type merger struct {
	row    *domain.Row
	p      *domain.Prospect
	got    domain.Prospect
	origin domain.Provenance // of fields that name none
	now    time.Time
	// own takes only those fields of got over that name the origin's source.
	own bool
	// fill takes over what is not there, and leaves all else alone.
	fill bool
}

func (m merger) note(field string) {
	if m.fill {
		return // the provenances are joined already
	}
	origin, ok := m.got.Provenance[field]
	if !ok {
		origin = m.origin
	}
	m.p.Provenance[field] = origin
}

func (m merger) text(field string, to *string, value string) {
	if value != "" && m.said(field) && m.take(field, *to, value) {
		*to = value
		m.note(field)
	}
}

// said reports whether a field of got is to be taken over at all.
func (m merger) said(field string) bool {
	return !m.own || m.got.Provenance[field].Source == m.origin.Source
}

// take reports whether a value replaces the one that is there, and notes what
// the two say about each other.
func (m merger) take(field, have, value string) bool {
	if have == "" {
		return true
	}
	if m.fill {
		return false
	}
	holder := m.p.Provenance[field].Source
	switch same := strings.EqualFold(have, value); {
	case holder == m.origin.Source:
		return true
	case same:
		m.row.Confirm(field, m.origin.Source)
		return false
	case m.searched(holder):
		return true
	default:
		m.row.Others = append(m.row.Others, domain.Other{Field: field, Value: value, Source: m.origin.Source, Why: "differs from what " + holder + " says"})
		return false
	}
}

// searched reports whether a source has only listed the prospect so far, or is
// not known.
func (m merger) searched(source string) bool {
	return !slices.ContainsFunc(m.row.Calls, func(c domain.Call) bool { return c.Provider == source && c.Outcome == domain.CallFound })
}

// email takes an address over, or hears what is said about the one that is
// there. One that was refused does not come back.
func (m merger) email() {
	c, got := &m.p.Contact, m.got.Contact
	if got.Email == "" || !m.said(emailField) || refused(m.row, got.Email) {
		return
	}
	if m.fill {
		if c.Email == "" {
			c.Email = got.Email // what is known about it is the caller's
		}
		return
	}
	same := strings.EqualFold(c.Email, got.Email)
	if m.take(emailField, c.Email, got.Email) {
		if !same {
			c.EmailStatus = domain.EmailUnchecked
			f := own(m.row)
			f.Verdicts, f.Confidence, f.Reasons, f.Chance = nil, 0, nil, 0
		}
		c.Email, same = got.Email, true
		m.note(emailField)
	}
	if m.own { // see [vouch]
		return
	}
	if same {
		hear(m.row, domain.EmailVerdict{By: m.origin.Source, Status: got.EmailStatus, At: m.origin.FetchedAt})
	}
	judge(m.row, m.now)
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
	m.text("company.emailPattern", &to.EmailPattern, from.EmailPattern)
	if from.Employees > 0 && m.said("company.employees") && m.take("company.employees", number(to.Employees), number(from.Employees)) {
		to.Employees = from.Employees
		m.note("company.employees")
	}
	if from.RevenueUSD > 0 && m.said("company.revenueUsd") && m.take("company.revenueUsd", number(to.RevenueUSD), number(from.RevenueUSD)) {
		to.RevenueUSD = from.RevenueUSD
		m.note("company.revenueUsd")
	}
	if from.Founded > 0 && m.said("company.founded") && m.take("company.founded", number(to.Founded), number(from.Founded)) {
		to.Founded = from.Founded
		m.note("company.founded")
	}
	if len(from.Technologies) > 0 && m.said("company.technologies") { // lists complete each other
		for _, t := range from.Technologies {
			if !slices.ContainsFunc(to.Technologies, func(have string) bool { return strings.EqualFold(have, t) }) {
				to.Technologies = append(slices.Clip(to.Technologies), t)
			}
		}
		m.note("company.technologies")
	}
}

// number is a count as text; "" for an unknown one.
func number[T int | int64](n T) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
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
