package waterfall

import (
	"maps"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
)

// Join adds to a row what a provider was asked about its prospect elsewhere. told
// is the row of that question, which nobody else answered: of its values those
// count that name the provider as their origin.
func Join(row *domain.Row, from string, told domain.Row) {
	p := &row.Prospect
	row.Calls, row.Others = append(slices.Clip(row.Calls), told.Calls...), slices.Clip(row.Others)
	row.Missing, row.Confirmed = maps.Clone(row.Missing), maps.Clone(row.Confirmed)
	p.Refs, p.Provenance = maps.Clone(p.Refs), maps.Clone(p.Provenance)
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
	for _, call := range told.Calls {
		if call.Op == provider.OpVerifyEmail && call.Outcome == domain.CallFound && call.Provider == from {
			judge(row, from, told)
		}
	}
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

// judge takes a verdict over that is about the row's address.
func judge(row *domain.Row, from string, told domain.Row) {
	have, seen := row.Prospect.Contact.Email, told.Prospect.Contact
	switch {
	case have == "":
	case strings.EqualFold(have, seen.Email):
		verdict(row, from, seen.EmailStatus)
	case refused(&told, have):
		refuse(row, from+": it would bounce")
	}
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
	row.Missing = since.Missing
	if len(since.Confirmed) > 0 {
		row.Confirmed = since.Confirmed
	}
}
