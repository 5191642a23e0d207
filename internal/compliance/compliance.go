// Package compliance is what law and providers' terms allow to be done with a
// prospect. Pure policy: it imports domain only.
package compliance

import (
	"maps"
	"slices"

	"github.com/messageai/sluice/internal/domain"
)

// Exportable returns the prospect without the values and signals that came from
// a source whose terms forbid passing them on. mayExport answers for a source's name;
// a value without provenance came from the prospect's own source.
func Exportable(p domain.Prospect, mayExport func(source string) bool) domain.Prospect {
	forbidden := func(field string) bool {
		if origin, ok := p.Provenance[field]; ok {
			return !mayExport(origin.Source)
		}
		return !mayExport(p.Source)
	}
	p.Provenance = maps.Clone(p.Provenance)
	for field, value := range texts(&p) {
		if *value != "" && forbidden(field) {
			*value = ""
			delete(p.Provenance, field)
		}
	}
	for field, blank := range map[string]func(){
		"company.employees":    func() { p.Company.Employees = 0 },
		"company.revenueUsd":   func() { p.Company.RevenueUSD = 0 },
		"company.founded":      func() { p.Company.Founded = 0 },
		"company.technologies": func() { p.Company.Technologies = nil },
	} {
		if forbidden(field) {
			blank()
			delete(p.Provenance, field)
		}
	}
	p.Signals = slices.DeleteFunc(slices.Clone(p.Signals), func(s domain.Signal) bool { return !mayExport(s.Source) })
	if p.Contact.Email == "" {
		p.Contact.EmailStatus = domain.EmailUnchecked
	}
	return p
}

func texts(p *domain.Prospect) map[string]*string {
	return map[string]*string{
		"person.firstName":     &p.Person.FirstName,
		"person.lastName":      &p.Person.LastName,
		"person.title":         &p.Person.Title,
		"person.headline":      &p.Person.Headline,
		"person.seniority":     &p.Person.Seniority,
		"person.department":    &p.Person.Department,
		"person.profileUrl":    &p.Person.ProfileURL,
		"person.city":          &p.Person.City,
		"person.region":        &p.Person.Region,
		"person.country":       &p.Person.Country,
		"company.name":         &p.Company.Name,
		"company.domain":       &p.Company.Domain,
		"company.website":      &p.Company.Website,
		"company.industry":     &p.Company.Industry,
		"company.city":         &p.Company.City,
		"company.country":      &p.Company.Country,
		"company.phone":        &p.Company.Phone,
		"company.fundingStage": &p.Company.FundingStage,
		"company.description":  &p.Company.Description,
		"company.emailPattern": &p.Company.EmailPattern,
		"contact.email":        &p.Contact.Email,
		"contact.phone":        &p.Contact.Phone,
	}
}
