package sim_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/sandbox/hubspot"
)

// property is one property of a contact, and what a row says of it.
type property struct {
	name  string // HubSpot's
	field string // ours, as provenance names it; "" for what is not about the person
	value string
}

// properties are what a lead's contact should say, before anybody's terms.
func properties(row domain.Row) []property {
	p := row.Prospect
	return []property{
		{"email", "contact.email", strings.ToLower(p.Contact.Email)},
		{"phone", "contact.phone", p.Contact.Phone},
		{"firstname", "person.firstName", p.Person.FirstName},
		{"lastname", "person.lastName", p.Person.LastName},
		{"jobtitle", "person.title", p.Person.Title},
		{"city", "person.city", p.Person.City},
		{"country", "person.country", p.Person.Country},
		{"sluice_profile_url", "person.profileUrl", p.Person.ProfileURL},
		{"company", "company.name", p.Company.Name},
		{"website", "company.website", p.Company.Website},
		{"lifecyclestage", "", "lead"},
		{"sluice_score", "", strconv.Itoa(int(row.Score.Score*100 + 0.5))},
	}
}

// passable reports whether a prospect's field may be passed on. Google's terms
// forbid it for what its places say.
func passable(p domain.Prospect, field string) bool {
	source := p.Source
	if origin, ok := p.Provenance[field]; ok {
		source = origin.Source
	}
	return field == "" || source != "googleplaces"
}

// checkRecord compares a contact with the row of its lead: no value is missing,
// none is another's, and none is there that may not be.
func (w *world) checkRecord(c hubspot.Record, l lead) {
	if l.row.Score == nil {
		w.fail(thatRecordsAgree, "lead %s has no score", c.Properties["sluice_lead_id"])
		return
	}
	for _, p := range properties(l.row) {
		want := p.value
		if !passable(l.row.Prospect, p.field) {
			want = ""
		}
		switch theirs, known := w.known[c.ID][p.name], w.known[c.ID] != nil; {
		case theirs != "":
			want = theirs
		case known && p.name == "lifecyclestage": // was made by them, so it is theirs to set
			continue
		}
		if got := c.Properties[p.name]; got != want && !(p.name == "email" && strings.EqualFold(got, want)) {
			w.fail(thatRecordsAgree, "record %s of lead %s: %s has %d letters of %s, want %d", c.ID, c.Properties["sluice_lead_id"], p.name, len(got), p.field, len(want))
		}
	}
}

// checkTheirs checks that what the CRM's owner wrote is as it was.
func (w *world) checkTheirs(c hubspot.Record) {
	for name, value := range w.known[c.ID] {
		if c.Properties[name] != value {
			w.fail(thatRecordsAgree, "record %s: %s was its owner's, and was changed", c.ID, name)
		}
	}
}

// checkCompanies checks that each lead that was verified belongs to the company
// of its row, and that a team has each company once.
func (w *world) checkCompanies(leads map[string]lead) {
	domains, held := map[string]string{}, map[string]int{}
	for _, c := range w.HubSpot.Companies() {
		domains[c.ID] = c.Properties["domain"]
		if held[c.Properties["sluice_account_id"]]++; held[c.Properties["sluice_account_id"]] > 1 {
			w.fail(thatCRMIsOneToOne, "company %s is in the CRM twice", c.Properties["sluice_account_id"])
		}
	}
	employer := map[string][]string{} // domains, by record id
	for _, a := range w.HubSpot.Associations() {
		if of := domains[a.CompanyID]; !slices.Contains(employer[a.ContactID], of) {
			employer[a.ContactID] = append(employer[a.ContactID], of)
		}
	}
	for id, l := range leads {
		var want []string
		if p := l.row.Prospect; p.Company.Domain != "" && passable(p, "company.domain") {
			want = []string{p.Company.Domain}
		}
		if got := employer[l.receipt.RecordID]; l.receipt.Verified && !slices.Equal(got, want) {
			w.fail(thatRecordsAgree, "lead %s belongs to companies %v, want %v", id, got, want)
		}
	}
}
