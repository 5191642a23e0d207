package zoominfo

import (
	"cmp"
	"math"

	"github.com/messageai/sluice/internal/normalize"
)

type wireCompany struct {
	Name        *string `json:"name"`
	Website     *string `json:"website"`
	Employees   text    `json:"employeeCount"`
	Revenue     text    `json:"revenue"` // thousands of dollars; a contact's is not asked for
	Industry    texts   `json:"primaryIndustry"`
	Founded     text    `json:"foundedYear"`
	City        *string `json:"city"`
	Country     *string `json:"country"`
	Phone       *string `json:"phone"`
	Description *string `json:"description"`
	Funding     []struct {
		Date *string `json:"date"`
		Type *string `json:"type"`
	} `json:"companyFunding"`
}

func (w wireCompany) fill(s sheet) {
	to := &s.p.Company
	s.text("company.name", &to.Name, w.Name)
	s.text("company.website", &to.Website, w.Website)
	if domain, ok := normalize.Domain(value(w.Website)); ok {
		s.text("company.domain", &to.Domain, &domain)
	}
	industry := w.Industry.first()
	s.text("company.industry", &to.Industry, &industry)
	s.text("company.city", &to.City, w.City)
	s.text("company.country", &to.Country, w.Country)
	s.text("company.description", &to.Description, w.Description)
	phone := value(w.Phone)
	if n, ok := normalize.Phone(phone, value(w.Country)); ok {
		phone = n.E164
	}
	s.text("company.phone", &to.Phone, &phone)
	if n := whole(w.Employees, math.MaxInt32); n > 0 {
		to.Employees = int(n)
		s.note("company.employees")
	}
	if n := whole(w.Founded, 9999); n > 0 {
		to.Founded = int(n)
		s.note("company.founded")
	}
	if n := whole(w.Revenue, 1e12); n > 0 {
		to.RevenueUSD = 1000 * n
		s.note("company.revenueUsd")
	}
	w.fillFunding(s)
}

// fillFunding takes the newest round; their order is not documented.
func (w wireCompany) fillFunding(s sheet) {
	newest := -1
	for i, round := range w.Funding {
		at, ok := date(round.Date)
		if !ok {
			continue
		}
		if newest >= 0 {
			if best, _ := date(w.Funding[newest].Date); !at.After(best) {
				continue
			}
		}
		newest = i
	}
	if newest < 0 {
		return
	}
	round := w.Funding[newest]
	at, _ := date(round.Date)
	s.text("company.fundingStage", &s.p.Company.FundingStage, round.Type)
	s.signal("funding", cmp.Or(s.p.Company.FundingStage, "funding round"), at)
}
