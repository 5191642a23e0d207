package push

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
)

// Action is what a plan does with one record.
type Action string

// The actions.
const (
	Create   Action = "create"
	Update   Action = "update"
	Adopt    Action = "adopt" // a record of theirs with the same e-mail gets our id
	Skip     Action = "skip"  // nothing differs
	Conflict Action = "conflict"
)

// Owner says whose value of a field wins.
type Owner string

// The ownership rules.
const (
	Ours    Owner = "ours"
	Theirs  Owner = "only-if-blank" // we fill a blank and never overwrite
	AtBirth Owner = "on-create"     // sent when the record is created, never again
)

// owners is the rule of each field; a field not named here is only-if-blank.
var owners = map[provider.Field]Owner{
	provider.FieldScore: Ours,
	provider.FieldStage: AtBirth,
}

func ownerOf(f provider.Field) Owner {
	if o, ok := owners[f]; ok {
		return o
	}
	return Theirs
}

// Diff is one field that a change writes.
type Diff struct {
	Field provider.Field `json:"field"`
	From  string         `json:"from,omitempty"`
	To    string         `json:"to"`
}

// Change is one line of a plan.
type Change struct {
	Action     Action `json:"action"`
	ExternalID string `json:"externalId"`         // our lead or account id
	RecordID   string `json:"recordId,omitempty"` // the CRM's, if the record exists
	Reason     string `json:"reason,omitempty"`   // of a conflict
	Diff       []Diff `json:"diff,omitempty"`
}

// Plan is what a push will do: exactly that, and nothing else.
type Plan struct {
	Contacts  []Change `json:"contacts"`
	Companies []Change `json:"companies"`
	// Links are lead id -> account id.
	Links map[string]string `json:"links"`
}

// wanted is a record as we would like it to be.
type wanted struct {
	externalID string
	email      string
	fields     map[provider.Field]string
}

// contactOf returns the contact that a lead's row asks for.
func contactOf(leadID string, row domain.Row) wanted {
	p := row.Prospect
	w := wanted{externalID: leadID, email: strings.ToLower(p.Contact.Email), fields: map[provider.Field]string{
		provider.FieldEmail: p.Contact.Email, provider.FieldFirstName: p.Person.FirstName, provider.FieldLastName: p.Person.LastName,
		provider.FieldTitle: p.Person.Title, provider.FieldPhone: p.Contact.Phone, provider.FieldCompany: p.Company.Name,
		provider.FieldWebsite: p.Company.Website, provider.FieldCity: p.Person.City, provider.FieldCountry: p.Person.Country,
		provider.FieldProfile: p.Person.ProfileURL, provider.FieldStage: "lead",
	}}
	if row.Score != nil {
		w.fields[provider.FieldScore] = strconv.Itoa(int(row.Score.Score*100 + 0.5))
	}
	return w
}

// companyOf returns the company that a lead's row asks for; ok is false if it
// has no domain to know it by.
func companyOf(team string, row domain.Row) (wanted, bool) {
	c := row.Prospect.Company
	if c.Domain == "" {
		return wanted{}, false
	}
	w := wanted{externalID: domain.ID("a_", team, c.Domain), fields: map[provider.Field]string{
		provider.FieldName: c.Name, provider.FieldDomain: c.Domain, provider.FieldIndustry: c.Industry,
		provider.FieldCity: c.City, provider.FieldCountry: c.Country,
	}}
	if c.Employees > 0 {
		w.fields[provider.FieldEmployees] = strconv.Itoa(c.Employees)
	}
	return w, true
}

// changes compares what we want with what the CRM holds. Pure: the same input
// gives the same changes in the same order.
func changes(want []wanted, held []provider.Record) []Change {
	byID := map[string]provider.Record{}
	byEmail := map[string]provider.Record{}
	for _, r := range held {
		if r.ExternalID != "" {
			byID[r.ExternalID] = r
		}
		if r.Email != "" {
			byEmail[strings.ToLower(r.Email)] = r
		}
	}
	out := make([]Change, 0, len(want))
	for _, w := range want {
		out = append(out, changeOf(w, byID, byEmail))
	}
	return out
}

func changeOf(w wanted, byID, byEmail map[string]provider.Record) Change {
	if r, ok := byID[w.externalID]; ok {
		c := Change{Action: Update, ExternalID: w.externalID, RecordID: r.RecordID, Diff: diff(w.fields, r.Fields)}
		if len(c.Diff) == 0 {
			c.Action = Skip
		}
		return c
	}
	if r, ok := byEmail[w.email]; ok && w.email != "" {
		if r.ExternalID != "" {
			return Change{Action: Conflict, ExternalID: w.externalID, RecordID: r.RecordID, Reason: "the contact with this e-mail carries the id of another lead"}
		}
		return Change{Action: Adopt, ExternalID: w.externalID, RecordID: r.RecordID, Diff: diff(w.fields, r.Fields)}
	}
	return Change{Action: Create, ExternalID: w.externalID, Diff: diff(w.fields, nil)}
}

// diff lists the fields that would be written; held nil means a new record.
func diff(want, held map[provider.Field]string) []Diff {
	var out []Diff
	for _, f := range slices.Sorted(maps.Keys(want)) {
		to, from := want[f], held[f]
		if to == "" || to == from {
			continue
		}
		if held != nil && (ownerOf(f) == AtBirth || ownerOf(f) == Theirs && from != "") {
			continue
		}
		out = append(out, Diff{Field: f, From: from, To: to})
	}
	return out
}

// writes returns the writes that carry out changes.
func writes(cs []Change) []provider.Write {
	var out []provider.Write
	for _, c := range cs {
		if c.Action == Skip || c.Action == Conflict {
			continue
		}
		w := provider.Write{ExternalID: c.ExternalID, Fields: map[provider.Field]string{}}
		if c.Action == Adopt {
			w.RecordID = c.RecordID
		}
		for _, d := range c.Diff {
			w.Fields[d.Field] = d.To
		}
		out = append(out, w)
	}
	return out
}
