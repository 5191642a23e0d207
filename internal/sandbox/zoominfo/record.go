package zoominfo

import (
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// Output fields of a contact's own, and those of its company that are asked for
// as "companyName" and come as company.name.
func contactFields() map[string]bool {
	known := set("id firstName middleName lastName email phone mobilePhone directPhoneDoNotCall mobilePhoneDoNotCall jobTitle managementLevel " +
		"contactAccuracyScore city region state country externalUrls positionStartDate withinEu withinCalifornia lastUpdatedDate validDate noticeProvidedDate")
	for field := range firmFields() {
		known[nested(field)] = true
	}
	return known
}

func companyFields() map[string]bool {
	known := firmFields()
	for field := range set("revenue foundedYear companyFunding isDefunct lastUpdatedDate") {
		known[field] = true
	}
	return known
}

func firmFields() map[string]bool {
	return set("id name website phone city state country continent employeeCount employeeRange primaryIndustry industries description type")
}

func set(names string) map[string]bool {
	all := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		all[name] = true
	}
	return all
}

// nested is the name by which a company's field is asked for of a contact.
func nested(field string) string { return "company" + strings.ToUpper(field[:1]) + field[1:] }

func only(all map[string]any, wanted []string) map[string]any {
	out := map[string]any{}
	for field, value := range all {
		if slices.Contains(wanted, field) {
			out[field] = value
		}
	}
	return out
}

func filled(attributes map[string]any, field string) bool {
	company, _ := attributes["company"].(map[string]any)
	for name := range company {
		if nested(name) == field {
			return true
		}
	}
	_, ok := attributes[field]
	return ok || field == "id"
}

// contact is a profile as an enrichment shows it, with the fields that were asked
// for and known.
func (s *Server) contact(p market.Profile, wanted []string) map[string]any {
	m := s.market
	title := m.Title(p.Title)
	country := m.Country(p.Country)
	city := country.Cities[p.City]
	all := map[string]any{
		"firstName": p.First, "lastName": p.Last, "jobTitle": title.Text, "managementLevel": []string{level(title.Level)},
		"contactAccuracyScore": strconv.Itoa(75 + p.Person%25), // text here, a number in a search
		"city":                 city.Name, "country": country.Name, "withinEu": strings.HasSuffix(country.Region, "Europe") && country.Code != "GB",
		"externalUrls":      []any{map[string]string{"type": "LINKED_IN", "url": "https://www.linkedin.example/in/person-" + strconv.FormatInt(personID(p.Person, p.N), 10)}},
		"lastUpdatedDate":   p.RefreshedAt.Format("2006-01-02T15:04:05Z"),
		"positionStartDate": p.Since.Format("2006-01-02"),
	}
	if city.State != "" {
		all["state"], all["region"] = city.State, city.State
	}
	if p.Email != "" {
		all["email"] = p.Email
	}
	if line := s.source.Phone(p.Person); line.Number != "" {
		field, flag := "phone", "directPhoneDoNotCall"
		if line.Mobile {
			field, flag = "mobilePhone", "mobilePhoneDoNotCall"
		}
		all[field] = line.Number
		all[flag] = doNotCall(line)
	}
	out := only(all, wanted)
	company, known := map[string]any{}, firmFields()
	for field, value := range s.firm(p.Company) {
		if known[field] && slices.Contains(wanted, nested(field)) {
			company[field] = value
		}
	}
	if len(company) > 0 {
		out["company"] = company
	}
	return out
}

// doNotCall: one number in twenty is on a list of those that do not want calls.
func doNotCall(line market.Line) bool { return draw(line.Number)%20 == 0 }

// level is ZoomInfo's word for a rank.
func level(rank string) string {
	switch rank {
	case "owner", "founder", "c_suite", "partner":
		return "C Level Exec"
	case "vp":
		return "VP Level Exec"
	case "head", "director":
		return "Director"
	case "manager":
		return "Manager"
	}
	return "Non Manager"
}

// firm is a company as an enrichment shows it.
func (s *Server) firm(c int) map[string]any {
	company := s.market.Company(c)
	country := s.market.Country(company.Country)
	city := country.Cities[company.City]
	label := s.source.Label(c)
	all := map[string]any{
		"id": firmID(c), "name": s.source.CompanyName(c), "website": "www." + company.Domain, "phone": company.Phone, "city": city.Name, "country": country.Name,
		"employeeCount": s.source.Employees(c), "primaryIndustry": []string{label}, "industries": []string{label},
		"description": s.market.Description(company), "type": "private", "foundedYear": strconv.Itoa(company.Founded), // text
	}
	if city.State != "" {
		all["state"] = city.State
	}
	if revenue := s.source.Revenue(company); revenue > 0 {
		all["revenue"] = revenue / 1000 // in thousands
	}
	if company.FundingStage != "" {
		all["companyFunding"] = []any{map[string]any{"date": company.FundedAt.Format("2006-01-02"), "type": company.FundingStage, "amount": company.FundingUSD / 1000}}
	}
	return all
}
