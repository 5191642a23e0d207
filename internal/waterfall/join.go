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
// the run's.
func Later(row *domain.Row, since domain.Row) {
	source, profile := row.Prospect.Source, row.Prospect.ProfileID
	row.Prospect = since.Prospect
	row.Prospect.Source, row.Prospect.ProfileID = source, profile
	row.Calls = append(slices.Clip(row.Calls), since.Calls...)
	row.Others = append(slices.Clip(row.Others), since.Others...)
	row.Missing, row.Email = since.Missing, since.Email
	if len(since.Confirmed) > 0 {
		row.Confirmed = since.Confirmed
	}
}
