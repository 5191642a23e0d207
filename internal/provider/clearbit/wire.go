package clearbit

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

// Everything may be null. A null leaves the zero value, which means unknown.

type wireCombined struct {
	Person  *wirePerson  `json:"person"`
	Company *wireCompany `json:"company"`
}

type wirePerson struct {
	ID         string   `json:"id"`
	Name       wireName `json:"name"`
	Geo        wireGeo  `json:"geo"`
	Employment struct {
		Domain    string `json:"domain"`
		Name      string `json:"name"`
		Title     string `json:"title"`
		Role      string `json:"role"`
		Seniority string `json:"seniority"`
	} `json:"employment"`
	LinkedIn struct {
		Handle string `json:"handle"` // "in/dana-okafor"
	} `json:"linkedin"`
}

type wireName struct {
	Full   string `json:"fullName"`
	Given  string `json:"givenName"`
	Family string `json:"familyName"`
}

type wireGeo struct {
	City        string `json:"city"`
	State       string `json:"state"`
	Country     string `json:"country"`
	CountryCode string `json:"countryCode"`
}

type wireCompany struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Domain   string   `json:"domain"`
	Aliases  []string `json:"domainAliases"`
	Category struct {
		Sector        string `json:"sector"`
		IndustryGroup string `json:"industryGroup"`
		Industry      string `json:"industry"`
		SubIndustry   string `json:"subIndustry"`
	} `json:"category"`
	Description string  `json:"description"`
	Founded     float64 `json:"foundedYear"`
	Geo         wireGeo `json:"geo"`
	Phone       string  `json:"phone"`
	Metrics     struct {
		Employees        float64 `json:"employees"`
		EmployeesRange   string  `json:"employeesRange"`
		Revenue          float64 `json:"annualRevenue"`
		EstimatedRevenue string  `json:"estimatedAnnualRevenue"`
	} `json:"metrics"`
	Tech []string `json:"tech"`
}

type wireSearch struct {
	Results []wireFound `json:"results"`
}

type wireFound struct {
	ID        string   `json:"id"`
	Name      wireName `json:"name"`
	Title     string   `json:"title"`
	Role      string   `json:"role"`
	Seniority string   `json:"seniority"`
	Company   struct {
		Name string `json:"name"`
	} `json:"company"`
	Email string `json:"email"`
	Phone string `json:"phone"`
}

func (w *wirePerson) known() bool { return w != nil && w.ID != "" }

func (w *wireCompany) known() bool { return w != nil && w.ID != "" }

// is reports whether the company goes by a domain.
func (w *wireCompany) is(name string) bool {
	return slices.ContainsFunc(append(w.Aliases[:len(w.Aliases):len(w.Aliases)], w.Domain), func(own string) bool {
		own, ok := normalize.Domain(own)
		return ok && own == name
	})
}

func (w wireCombined) prospect(at time.Time) domain.Prospect {
	s := newSheet(at)
	employer := ""
	if w.Person.known() {
		s.p.ProfileID = w.Person.ID
		w.Person.fill(s)
		employer, _ = normalize.Domain(w.Person.Employment.Domain)
	}
	if w.Company.known() && (employer == "" || w.Company.is(employer)) {
		w.Company.fill(s)
	} else if w.Person.known() { // who moved on: the facts are those of the company left
		s.text("company.name", &s.p.Company.Name, w.Person.Employment.Name)
		s.text("company.domain", &s.p.Company.Domain, employer)
	}
	return *s.p
}

func (w wirePerson) fill(s sheet) {
	to := &s.p.Person
	s.name(w.Name)
	s.text("person.title", &to.Title, w.Employment.Title)
	s.text("person.seniority", &to.Seniority, seniority(w.Employment.Seniority))
	s.text("person.department", &to.Department, strings.ReplaceAll(w.Employment.Role, "_", " "))
	s.text("person.city", &to.City, w.Geo.City)
	s.text("person.region", &to.Region, w.Geo.State)
	s.text("person.country", &to.Country, w.Geo.Country)
	if slug, ok := normalize.LinkedInSlug("linkedin.com/" + w.LinkedIn.Handle); ok {
		s.text("person.profileUrl", &to.ProfileURL, "https://www.linkedin.com/in/"+slug)
	}
}

func (w wireCompany) prospect(at time.Time) domain.Prospect {
	s := newSheet(at)
	s.p.ProfileID = w.ID
	w.fill(s)
	return *s.p
}

func (w wireCompany) fill(s sheet) {
	to := &s.p.Company
	s.text("company.name", &to.Name, w.Name)
	s.text("company.industry", &to.Industry, cmp.Or(w.Category.Industry, w.Category.SubIndustry, w.Category.IndustryGroup, w.Category.Sector))
	s.text("company.city", &to.City, w.Geo.City)
	s.text("company.country", &to.Country, w.Geo.Country)
	s.text("company.description", &to.Description, w.Description)
	if name, ok := normalize.Domain(w.Domain); ok {
		s.text("company.domain", &to.Domain, name)
	}
	phone := w.Phone
	if number, ok := normalize.Phone(phone, w.Geo.CountryCode); ok {
		phone = number.E164
	}
	s.text("company.phone", &to.Phone, phone)
	if n := w.employees(); n > 0 && n <= math.MaxInt32 {
		to.Employees = int(n)
		s.note("company.employees")
	}
	if n := w.revenue(); n > 0 {
		to.RevenueUSD = n
		s.note("company.revenueUsd")
	}
	if n := whole(w.Founded); n > 0 && n <= 9999 {
		to.Founded = int(n)
		s.note("company.founded")
	}
	if len(w.Tech) > 0 {
		to.Technologies = w.Tech
		s.note("company.technologies")
	}
}

// employees is the head count, else the middle of its range.
func (w wireCompany) employees() int64 {
	if n := whole(w.Metrics.Employees); n > 0 {
		return n
	}
	// The K of "251-1K" is not that of both numbers.
	if r, ok := normalize.Employees(strings.ReplaceAll(w.Metrics.EmployeesRange, "K", "000")); ok {
		return r.Middle()
	}
	return 0
}

// revenue is that of a year in dollars, else the middle of its estimate.
func (w wireCompany) revenue() int64 {
	if n := whole(w.Metrics.Revenue); n > 0 {
		return n
	}
	r, ok := normalize.Revenue(w.Metrics.EstimatedRevenue)
	switch {
	case !ok:
		return 0
	case r.Min == 0: // "$0-$1M" has no geometric middle
		return r.Max / 2
	}
	return r.Middle()
}

func (w wireFound) prospect(name string, at time.Time) domain.Prospect {
	s := newSheet(at)
	p := s.p
	p.ProfileID = w.ID
	s.name(w.Name)
	s.text("person.title", &p.Person.Title, w.Title)
	s.text("person.seniority", &p.Person.Seniority, seniority(w.Seniority))
	s.text("person.department", &p.Person.Department, strings.ReplaceAll(w.Role, "_", " "))
	s.text("company.name", &p.Company.Name, w.Company.Name)
	s.text("company.domain", &p.Company.Domain, name)
	if email, ok := normalize.Email(w.Email); ok && !normalize.FreeMail(normalize.EmailDomain(email)) {
		s.text("contact.email", &p.Contact.Email, email)
	}
	if number, ok := normalize.Phone(w.Phone, ""); ok {
		s.text("contact.phone", &p.Contact.Phone, number.E164)
	}
	return *p
}

// seniority is Clearbit's word in ours; "" for one that is not known.
func seniority(word string) string {
	if strings.EqualFold(word, "executive") {
		return string(normalize.VP)
	}
	return string(normalize.ParseSeniority(word))
}

// sheet fills a prospect and notes where each field came from.
type sheet struct {
	p  *domain.Prospect
	at time.Time
}

func newSheet(at time.Time) sheet {
	return sheet{p: &domain.Prospect{Source: "clearbit", SeenAt: at, Provenance: map[string]domain.Provenance{}}, at: at}
}

func (s sheet) note(field string) {
	s.p.Provenance[field] = domain.Provenance{Source: "clearbit", FetchedAt: s.at, ExpiresAt: s.at.Add(keep)}
}

func (s sheet) text(field string, to *string, from string) {
	if from = strings.TrimSpace(from); from != "" {
		*to = from
		s.note(field)
	}
}

func (s sheet) name(w wireName) {
	if w.Given == "" && w.Family == "" {
		whole := normalize.FullName(w.Full)
		w.Given, w.Family = whole.First, whole.Last
	}
	s.text("person.firstName", &s.p.Person.FirstName, w.Given)
	s.text("person.lastName", &s.p.Person.LastName, w.Family)
}

// whole returns a number as far as it is a sensible whole one, else zero.
func whole(n float64) int64 {
	if !(n >= 1 && n < 1e15) {
		return 0
	}
	return int64(n)
}
