package apollo

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

type wireSearch struct {
	Total  int         `json:"total_entries"`
	People []wireFound `json:"people"`
}

// wireFound is a person as the search shows it. The obfuscated surname is left
// out on purpose.
type wireFound struct {
	ID           string  `json:"id"`
	FirstName    *string `json:"first_name"`
	Title        *string `json:"title"`
	Organization *struct {
		Name *string `json:"name"`
	} `json:"organization"`
}

func (w wireFound) prospect(at time.Time) domain.Prospect {
	p := domain.Prospect{Source: "apollo", ProfileID: w.ID, SeenAt: at}
	s := sheet{p: &p, at: at}
	s.text("person.firstName", &p.Person.FirstName, w.FirstName)
	s.text("person.title", &p.Person.Title, w.Title)
	if w.Organization != nil {
		s.text("company.name", &p.Company.Name, w.Organization.Name)
	}
	return p
}

// wireDetail is one person to match.
type wireDetail struct {
	ID          string `json:"id,omitempty"`
	Email       string `json:"email,omitempty"`
	LinkedInURL string `json:"linkedin_url,omitempty"`
	FirstName   string `json:"first_name,omitempty"`
	LastName    string `json:"last_name,omitempty"`
	Domain      string `json:"domain,omitempty"`
}

// values are the detail as query parameters.
func (w wireDetail) values() url.Values {
	values := url.Values{}
	for name, text := range map[string]string{
		"id": w.ID, "email": w.Email, "linkedin_url": w.LinkedInURL, "first_name": w.FirstName, "last_name": w.LastName, "domain": w.Domain,
	} {
		if text != "" {
			values.Set(name, text)
		}
	}
	return values
}

type wireBulkQuestion struct {
	Details []wireDetail `json:"details"`
}

type wireMatch struct {
	Person *wirePerson `json:"person"`
}

// wireBulkMatch is the answer to a bulk match. unique_enriched_records is left
// out on purpose: it counts what was billed, not who was found.
type wireBulkMatch struct {
	Credits *float64      `json:"credits_consumed"`
	Missing *float64      `json:"missing_records"`
	Matches []*wirePerson `json:"matches"`
}

type wirePerson struct {
	ID           string            `json:"id"`
	FirstName    *string           `json:"first_name"`
	LastName     *string           `json:"last_name"`
	Name         *string           `json:"name"`
	LinkedInURL  *string           `json:"linkedin_url"`
	Title        *string           `json:"title"`
	Headline     *string           `json:"headline"`
	Email        *string           `json:"email"`
	EmailStatus  *string           `json:"email_status"`
	Seniority    *string           `json:"seniority"`
	Departments  []string          `json:"departments"`
	City         *string           `json:"city"`
	State        *string           `json:"state"`
	Country      *string           `json:"country"`
	Employment   []wireEmployment  `json:"employment_history"`
	Organization *wireOrganization `json:"organization"`
}

type wireEmployment struct {
	Current   bool    `json:"current"`
	Title     *string `json:"title"`
	StartDate *string `json:"start_date"`
}

type wireOrganization struct {
	ID            string   `json:"id"`
	Name          *string  `json:"name"`
	PrimaryDomain *string  `json:"primary_domain"`
	WebsiteURL    *string  `json:"website_url"`
	Phone         *string  `json:"phone"`
	Industry      *string  `json:"industry"`
	Employees     *float64 `json:"estimated_num_employees"`
	Founded       *float64 `json:"founded_year"`
	Revenue       *float64 `json:"annual_revenue"`
	Technologies  []string `json:"technology_names"`
	FundingStage  *string  `json:"latest_funding_stage"`
	FundingDate   *string  `json:"latest_funding_round_date"`               // unconfirmed
	Growth        *float64 `json:"organization_headcount_six_month_growth"` // unconfirmed; 0.27 is 27 %
	Description   *string  `json:"short_description"`
	City          *string  `json:"city"`
	Country       *string  `json:"country"`
}

func (w wirePerson) prospect(at time.Time) domain.Prospect {
	p := domain.Prospect{Source: "apollo", ProfileID: w.ID, SeenAt: at}
	s := sheet{p: &p, at: at}
	s.text("person.firstName", &p.Person.FirstName, w.FirstName)
	s.text("person.lastName", &p.Person.LastName, w.LastName)
	s.text("person.title", &p.Person.Title, w.Title)
	s.text("person.headline", &p.Person.Headline, w.Headline)
	s.text("person.seniority", &p.Person.Seniority, w.Seniority)
	s.text("person.profileUrl", &p.Person.ProfileURL, w.LinkedInURL)
	s.text("person.city", &p.Person.City, w.City)
	s.text("person.region", &p.Person.Region, w.State)
	s.text("person.country", &p.Person.Country, w.Country)
	if len(w.Departments) > 0 {
		department := strings.ReplaceAll(strings.TrimPrefix(w.Departments[0], "master_"), "_", " ")
		s.text("person.department", &p.Person.Department, &department)
	}
	if w.Email != nil && strings.Contains(*w.Email, "@") && !strings.HasPrefix(*w.Email, "email_not_unlocked@") {
		s.text("contact.email", &p.Contact.Email, w.Email)
		p.Contact.EmailStatus = emailStatus(w.EmailStatus)
	}
	if w.Organization != nil {
		w.Organization.fill(s)
	}
	for _, job := range w.Employment {
		if start, ok := date(job.StartDate); ok && job.Current {
			s.signal("jobchange", cmp.Or(value(job.Title), "new job"), start)
			break
		}
	}
	return p
}

func (w wireOrganization) domain() (string, bool) {
	return normalize.Domain(cmp.Or(value(w.PrimaryDomain), value(w.WebsiteURL)))
}

func (w wireOrganization) fill(s sheet) {
	to := &s.p.Company
	s.text("company.name", &to.Name, w.Name)
	s.text("company.website", &to.Website, w.WebsiteURL)
	s.text("company.industry", &to.Industry, w.Industry)
	s.text("company.city", &to.City, w.City)
	s.text("company.country", &to.Country, w.Country)
	s.text("company.phone", &to.Phone, w.Phone)
	s.text("company.fundingStage", &to.FundingStage, w.FundingStage)
	s.text("company.description", &to.Description, w.Description)
	if name, ok := w.domain(); ok {
		s.text("company.domain", &to.Domain, &name)
	}
	if n := whole(w.Employees); n > 0 && n <= math.MaxInt32 {
		to.Employees = int(n)
		s.note("company.employees")
	}
	if n := whole(w.Founded); n > 0 && n <= 9999 {
		to.Founded = int(n)
		s.note("company.founded")
	}
	if n := whole(w.Revenue); n > 0 {
		to.RevenueUSD = n
		s.note("company.revenueUsd")
	}
	if len(w.Technologies) > 0 {
		to.Technologies = w.Technologies
		s.note("company.technologies")
	}
	if funded, ok := date(w.FundingDate); ok {
		s.signal("funding", cmp.Or(to.FundingStage, "funding round"), funded)
	}
	if w.Growth != nil && *w.Growth >= surge && *w.Growth < 100 {
		s.signal("hiring", fmt.Sprintf("headcount +%.0f%% in six months", 100**w.Growth), s.at)
	}
}

// surge is the growth of head count in six months from which a firm hires
// noticeably.
const surge = 0.10

// sheet fills a prospect and notes where each field came from.
type sheet struct {
	p  *domain.Prospect
	at time.Time
}

func (s sheet) note(field string) {
	if s.p.Provenance == nil {
		s.p.Provenance = map[string]domain.Provenance{}
	}
	s.p.Provenance[field] = domain.Provenance{Source: "apollo", FetchedAt: s.at}
}

func (s sheet) text(field string, to, from *string) {
	if text := strings.TrimSpace(value(from)); text != "" {
		*to = text
		s.note(field)
	}
}

func (s sheet) signal(kind, text string, at time.Time) {
	s.p.Signals = append(s.p.Signals, domain.Signal{Kind: kind, Text: text, At: at, Source: "apollo"})
}

// emailStatus maps Apollo's word for an address. Not even "verified" says when
// somebody looked: people leave, and their addresses stay on file. Safe is what a
// verifier has reached; so all but a known bounce is left to one.
func emailStatus(word *string) domain.EmailStatus {
	switch value(word) {
	case "bounced", "invalid":
		return domain.EmailInvalid
	default:
		return domain.EmailUnchecked
	}
}

// date reads a day, with or without a time of day.
func date(text *string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05.000-07:00"} {
		if at, err := time.Parse(layout, value(text)); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// whole returns a number as far as it is a sensible whole one, else zero.
func whole(n *float64) int64 {
	if n == nil || !(*n >= 1 && *n < 1e15) {
		return 0
	}
	return int64(*n)
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

type wireError struct {
	Code    string `json:"error_code"`
	Details struct {
		Code string `json:"code"`
	} `json:"error_details"`
}
