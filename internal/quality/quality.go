// Package quality scores how far the data of a prospect can be trusted and
// used: per field whether it is present, valid, verified, consistent with the
// others, and fresh. Every point that is missing is named.
//
// It is pure and imports domain and normalize. It says nothing about fit: a
// perfect record of the wrong person has quality 1 (package scoring does fit).
package quality

import (
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

// Unreachable is the most that a prospect without a usable e-mail address or
// phone number can score.
const Unreachable = 0.4

// Data is fresh for half a year and stale after two: contact data decays by
// some two percent a month.
const (
	fresh = 180 * 24 * time.Hour
	stale = 730 * 24 * time.Hour
)

// The points of every field, by what they are for. They sum to 1. Agreement
// between fields only ever adds: that two fields cannot be compared is not
// worse than that they differ, or filling a field could lower the score.
const (
	emailValid      = 0.15
	emailVerified   = 0.08
	emailConsistent = 0.04
	emailFresh      = 0.03
	phoneValid      = 0.08
	phoneConsistent = 0.02
	phoneFresh      = 0.02
	firstName       = 0.04
	lastName        = 0.06
	nameConsistent  = 0.04
	titlePresent    = 0.08
	titleFresh      = 0.02
	profileValid    = 0.08
	companyName     = 0.08
	domainValid     = 0.04
	domainAgrees    = 0.02
	industryKnown   = 0.05
	employeesKnown  = 0.03
	countryValid    = 0.04
)

// Score computes the quality of a prospect. Now ages the data.
func Score(p domain.Prospect, now time.Time) domain.Quality {
	s := sheet{now: now, provenance: p.Provenance}
	email, emailOK := normalize.Email(p.Contact.Email)
	emailOK = emailOK && p.Contact.EmailStatus != domain.EmailInvalid
	companyDomain, domainOK := normalize.Domain(p.Company.Domain)
	website, websiteOK := normalize.Domain(p.Company.Website)
	emailDomain, _ := normalize.Domain(normalize.EmailDomain(email))

	s.email(p, email, emailOK, emailOK && (domainOK && emailDomain == companyDomain || websiteOK && emailDomain == website))
	phoneOK := s.phone(p)
	s.name(p, email, emailOK)
	s.given("person.title", normalize.Clean(p.Person.Title) != "", titlePresent)
	s.age("person.title", normalize.Clean(p.Person.Title) != "", titleFresh)
	_, profileOK := normalize.ProfileURL(p.Person.ProfileURL)
	s.valid("person.profileUrl", p.Person.ProfileURL != "", profileOK, profileValid)
	s.given("company.name", normalize.CompanyKey(p.Company.Name) != "", companyName)
	s.valid("company.domain", p.Company.Domain != "", domainOK, domainValid)
	s.check("company.domain", domainOK && (emailOK && emailDomain == companyDomain || websiteOK && website == companyDomain),
		"nothing else confirms it", domainAgrees)
	s.given("company.industry", normalize.Clean(p.Company.Industry) != "", industryKnown)
	s.given("company.employees", p.Company.Employees > 0, employeesKnown)
	_, personCountry := normalize.Country(p.Person.Country)
	_, companyCountry := normalize.Country(p.Company.Country)
	s.valid("country", p.Person.Country+p.Company.Country != "", personCountry || companyCountry, countryValid)

	if !emailOK && !phoneOK && 1-s.lost > Unreachable {
		s.lose("no usable e-mail address or phone number", 1-s.lost-Unreachable)
	}
	return domain.Quality{Score: min(max(1-s.lost, 0), 1), Losses: s.losses}
}

// sheet collects the points that were lost.
type sheet struct {
	now        time.Time
	provenance map[string]domain.Provenance
	lost       float64
	losses     []string
}

func (s *sheet) lose(why string, points float64) {
	s.lost += points
	s.losses = append(s.losses, why+" (-"+strconv.FormatFloat(points, 'f', 3, 64)+")")
}

func (s *sheet) check(field string, ok bool, why string, points float64) {
	if !ok {
		s.lose(field+": "+why, points)
	}
}

func (s *sheet) given(field string, ok bool, points float64) { s.check(field, ok, "missing", points) }

func (s *sheet) valid(field string, present, ok bool, points float64) {
	if !present {
		s.lose(field+": missing", points)
		return
	}
	s.check(field, ok, "not valid", points)
}

// age takes off points by the age of a field that is there.
func (s *sheet) age(field string, ok bool, points float64) {
	from, dated := s.provenance[field]
	switch age := s.now.Sub(from.FetchedAt); {
	case !ok:
		s.lose(field+": nothing to be fresh", points)
	case !dated || from.FetchedAt.IsZero():
		s.lose(field+": its age is not known", points)
	case !from.ExpiresAt.IsZero() && s.now.After(from.ExpiresAt):
		s.lose(field+": expired", points)
	case age >= stale:
		s.lose(field+": older than two years", points)
	case age > fresh:
		s.lose(field+": "+strconv.Itoa(int(age/(24*time.Hour)))+" days old", points*float64(age-fresh)/float64(stale-fresh))
	}
}

func (s *sheet) email(p domain.Prospect, email string, ok, consistent bool) {
	const field = "contact.email"
	switch {
	case p.Contact.Email == "":
		s.lose(field+": missing", emailValid)
	case p.Contact.EmailStatus == domain.EmailInvalid:
		s.lose(field+": a verifier says that it bounces", emailValid)
	default:
		s.check(field, ok, "not valid", emailValid)
	}
	why := "not verified"
	switch {
	case p.Contact.EmailStatus == domain.EmailRisky:
		why = "risky: catch-all, role or disposable"
	case p.Contact.EmailStatus == domain.EmailUnknown:
		why = "the verifier could not tell"
	}
	s.check(field, ok && p.Contact.EmailStatus == domain.EmailSafe, why, emailVerified)
	why = "not of the company's domain"
	if ok && normalize.FreeMail(normalize.EmailDomain(email)) {
		why = "a private address, no company domain"
	}
	s.check(field, consistent, why, emailConsistent)
	s.age(field, ok, emailFresh)
}

// phone reports whether there is a usable number. A value in international
// form was produced by the normaliser or a provider and is only checked for
// form; anything else is read again.
func (s *sheet) phone(p domain.Prospect) bool {
	const field = "contact.phone"
	number := p.Contact.Phone
	code, ok := normalize.E164(number)
	if !ok && number != "" {
		n, read := normalize.Phone(number, p.Person.Country)
		if !read {
			n, read = normalize.Phone(number, p.Company.Country)
		}
		if read {
			code, ok = normalize.E164(n.E164)
		}
	}
	s.valid(field, number != "", ok, phoneValid)
	s.check(field, ok && (code == normalize.CallingCode(p.Person.Country) || code == normalize.CallingCode(p.Company.Country)),
		"its country is not confirmed", phoneConsistent)
	s.age(field, ok, phoneFresh)
	return ok
}

func (s *sheet) name(p domain.Prospect, email string, emailOK bool) {
	first, last := normalize.Fold(p.Person.FirstName), normalize.Fold(p.Person.LastName)
	s.given("person.firstName", first != "", firstName)
	s.given("person.lastName", last != "", lastName)
	s.check("person.name", emailOK && nameInAddress(first, last, email), "the e-mail address does not confirm it", nameConsistent)
}

// nameInAddress reports whether the local part is made of the name: the last
// name, or the first.
func nameInAddress(first, last, email string) bool {
	local := strings.ReplaceAll(normalize.Fold(email[:strings.LastIndexByte(email, '@')]), " ", "")
	for _, part := range [...]string{last, first} {
		if part = strings.ReplaceAll(part, " ", ""); len(part) > 1 && strings.Contains(local, part) {
			return true
		}
	}
	return false
}
