package waterfall

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
)

// Join adds to a row what a provider was asked about its prospect elsewhere. told
// is the row of that question, which nobody else answered: of its values those
// count that name the provider as their origin.
func Join(row *domain.Row, from string, told domain.Row) {
	p := &row.Prospect
	row.Calls, row.Others = append(slices.Clip(row.Calls), told.Calls...), slices.Clip(row.Others)
	row.Missing, row.Confirmed = maps.Clone(row.Missing), maps.Clone(row.Confirmed)
	p.Refs, p.Provenance = maps.Clone(p.Refs), maps.Clone(p.Provenance)
	if row.Email != nil {
		f := *row.Email
		f.Mail = maps.Clone(f.Mail)
		row.Email = &f
	}
	if p.Provenance == nil {
		p.Provenance = map[string]domain.Provenance{}
	}
	if id := told.Prospect.Refs[from]; id != "" {
		if p.Refs == nil {
			p.Refs = map[string]string{}
		}
		p.Refs[from] = id
	}
	merger{row: row, p: p, got: told.Prospect, origin: domain.Provenance{Source: from}, own: true}.all()
	vouch(row, from, told)
	found(row)
}

// found takes what is known off the list of what is missing.
func found(row *domain.Row) {
	p := row.Prospect
	for _, field := range []struct {
		field domain.Field
		known bool
	}{
		{domain.FieldEmail, p.Contact.Email != ""},
		{domain.FieldTitle, p.Person.Title != ""},
		{domain.FieldPhone, p.Contact.Phone != ""},
	} {
		if field.known {
			delete(row.Missing, string(field.field))
		}
	}
}

// vouch takes over what the provider said there about the row's address.
func vouch(row *domain.Row, from string, told domain.Row) {
	have, seen := row.Prospect.Contact.Email, told.Prospect.Contact
	switch {
	case have == "":
	case strings.EqualFold(have, seen.Email) && told.Email != nil:
		f := own(row)
		for _, v := range told.Email.Verdicts {
			if v.By == from {
				hear(row, v)
			}
		}
		for host, mail := range told.Email.Mail {
			if f.Mail == nil {
				f.Mail = map[string]string{}
			}
			f.Mail[host] = mail
		}
		judge(row, newestOf(f.Verdicts))
	case refused(&told, have):
		refuse(row, from+": it would bounce")
	}
}

// newestOf is when the last of some verdicts was given.
func newestOf(all []domain.EmailVerdict) (at time.Time) {
	for _, v := range all {
		if v.At.After(at) {
			at = v.At
		}
	}
	return at
}

// Later lays what was bought about a prospect since over the row as its run left
// it: the data are the later ones, whoever bought them; state, score and lead are
// the run's. Of what was bought at the same time by two who did not know of each
// other, both counts: a value that the later one lacks stays, unless it was refused.
func Later(row *domain.Row, since domain.Row) {
	was := *row
	row.Prospect = since.Prospect
	p := &row.Prospect
	p.Source, p.ProfileID = was.Prospect.Source, was.Prospect.ProfileID
	row.Calls = append(slices.Clip(row.Calls), since.Calls...)
	row.Others = append(slices.Clip(row.Others), since.Others...)
	row.Missing, row.Email = maps.Clone(since.Missing), since.Email
	row.Confirmed = union(since.Confirmed, was.Confirmed)
	p.Refs, p.Provenance = union(p.Refs, was.Prospect.Refs), union(p.Provenance, was.Prospect.Provenance)
	merger{row: row, p: p, got: was.Prospect, fill: true}.all()
	if p.Contact.Email != "" && strings.EqualFold(p.Contact.Email, was.Prospect.Contact.Email) && since.Prospect.Contact.Email == "" {
		p.Contact.EmailStatus, row.Email = was.Prospect.Contact.EmailStatus, was.Email
	}
	if p.Contact.Email == "" && p.Provenance[emailField].Source != "" { // it was refused
		p.Provenance = maps.Clone(p.Provenance)
		delete(p.Provenance, emailField)
	}
	found(row)
}

// union is a map with what another one has besides. It changes neither.
func union[V any](m, more map[string]V) map[string]V {
	if len(more) == 0 {
		return m
	}
	out := maps.Clone(more)
	maps.Copy(out, m)
	return out
}
