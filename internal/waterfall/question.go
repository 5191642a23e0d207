package waterfall

import (
	"slices"
	"strings"
	"unicode"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
)

// Identity is by what a provider is asked about a prospect: the same person
// asked for in the same way has the same identity, however they are spelled.
// titles are what people are looked for by.
func Identity(d provider.Definition, op string, p domain.Prospect, titles []string) []string {
	by := d.Identity(op, p)
	identity := []string{string(by)}
	switch by {
	case provider.ByID:
		identity = append(identity, d.ID(p))
	case provider.ByEmail:
		identity = append(identity, strings.ToLower(p.Contact.Email))
	case provider.ByProfile:
		slug, _ := normalize.LinkedInSlug(p.Person.ProfileURL)
		identity = append(identity, slug)
	case provider.ByNameAtDomain:
		identity = append(identity, spelling(p.Person.FirstName), spelling(p.Person.LastName), strings.ToLower(p.Company.Domain))
	case provider.ByNameAtCompany:
		identity = append(identity, spelling(p.Person.FirstName), spelling(p.Person.LastName), normalize.CompanyKey(p.Company.Name))
	case provider.ByDomain:
		identity = append(identity, strings.ToLower(p.Company.Domain))
	case provider.ByCompanyName:
		identity = append(identity, normalize.CompanyKey(p.Company.Name))
	}
	if op == provider.OpFindPeople {
		titles := slices.Sorted(slices.Values(titles))
		identity = append(identity, strings.Join(titles, "|"))
	}
	return identity
}

// spelling is what spellings of one name have in common: accents and case do not
// tell people apart. Scripts whose names only sound alike in Latin letters stay.
func spelling(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) {
			return strings.ToLower(name)
		}
	}
	return normalize.Fold(name)
}

// AboutCompany reports whether the answer to an operation is the same for
// everybody who works at a company.
func AboutCompany(op string) bool {
	return slices.Contains([]string{provider.OpEnrichCompany, provider.OpFindTechnologies, provider.OpFindIntent}, op)
}

// The subjects of answers, as they are forgotten by.
const (
	aboutPerson  = "person "
	aboutCompany = "company "
	fromProvider = "provider "
)

// Person is the subject of answers about whoever has an address.
func Person(email string) string { return aboutPerson + strings.ToLower(strings.TrimSpace(email)) }

// Company is the subject of answers about a company and everybody there.
func Company(domain string) string { return aboutCompany + strings.ToLower(strings.TrimSpace(domain)) }

// Provider is the subject of everything that a provider said.
func Provider(name string) string { return fromProvider + name }

// Subjects names by what an answer can be forgotten: by the provider, and by
// every address and domain in the question or the answer.
func Subjects(name string, asked domain.Prospect, a Answer) []string {
	out := []string{Provider(name)}
	add := func(subject string) {
		if !slices.Contains(out, subject) {
			out = append(out, subject)
		}
	}
	of := func(p domain.Prospect) {
		if p.Contact.Email != "" {
			add(Person(p.Contact.Email))
		}
		if p.Company.Domain != "" {
			add(Company(p.Company.Domain))
		}
	}
	of(asked)
	if a.Prospect != nil {
		of(*a.Prospect)
	}
	return out
}

// Agenda is the questions that rows wait for, in the order of the rows.
type Agenda struct {
	Keys  []string                   // names of the questions
	Rows  map[string][]int           // by key
	Ops   map[string]string          // by key
	About map[string]domain.Prospect // by key: the first row's, as it is asked about
}

// Waiting are the rows whose next question goes to a provider. key names a
// question; "" leaves it out.
func (w *Waterfall) Waiting(rows []domain.Row, name string, key func(op string, p domain.Prospect) string) Agenda {
	out := Agenda{Rows: map[string][]int{}, Ops: map[string]string{}, About: map[string]domain.Prospect{}}
	for i := range rows {
		step, more := w.Next(&rows[i])
		if !more || step.Provider != name {
			continue
		}
		p := About(&rows[i], step)
		k := key(step.Op, p)
		if k == "" {
			continue
		}
		if len(out.Rows[k]) == 0 {
			out.Keys, out.Ops[k], out.About[k] = append(out.Keys, k), step.Op, p
		}
		out.Rows[k] = append(out.Rows[k], i)
	}
	return out
}
