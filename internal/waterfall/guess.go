package waterfall

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/email/pattern"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
)

// FromPattern is the source of an address that was guessed and then verified.
const FromPattern = "pattern"

// employed is the share of people, all finders having failed, who have a
// mailbox at the domain at all: lists are years old.
const employed = 0.85

// Turn returns the provider to ask next, like [Waterfall.Busiest]. When nobody
// is left who could know an address, it guesses: from the addresses that the
// chunk has got to know it infers how each domain makes them. What is guessed
// waits for a verifier and is no contact before.
func (w *Waterfall) Turn(rows []domain.Row) string {
	next := w.Busiest(rows)
	if next != "" || w.Plan.Guesses <= 0 || w.verifier(nil) == "" || !w.wants(domain.FieldEmail) || !w.wants(domain.FieldEmailStatus) {
		return next
	}
	known := w.evidence(rows)
	models := map[string]pattern.Model{}
	for i := range rows {
		row := &rows[i]
		host := strings.ToLower(row.Prospect.Company.Domain)
		if !guessable(row, host) || known.catchAll[host] {
			continue
		}
		model, there := models[host]
		if !there {
			model = pattern.Infer(pattern.Evidence{
				Domain: host, Country: row.Prospect.Company.Country, Known: known.people[host], Stated: pattern.Pattern(known.stated[host]),
			})
			models[host] = model
		}
		guesses := w.candidates(row, model, known.taken)
		own(row).Guesses = guesses
	}
	return w.Busiest(rows)
}

// guessable reports whether an address may be guessed for the row: whoever it is
// about is known, works at a domain of their own that is not known to refuse
// mail, and nothing was guessed before.
func guessable(row *domain.Row, host string) bool {
	p := row.Prospect
	return row.State == domain.InWork && p.Contact.Email == "" && p.Person.FirstName != "" && p.Person.LastName != "" &&
		host != "" && !normalize.FreeMail(host) && (row.Email == nil || row.Email.Guesses == nil && !email.Mail(row.Email.Mail[host]).Refused())
}

// candidates are the guesses that are worth a verifier's price: those that its
// yes would make safe. The chance of each supposes that those before are wrong.
func (w *Waterfall) candidates(row *domain.Row, model pattern.Model, taken map[string]bool) []domain.EmailGuess {
	out := []domain.EmailGuess{} // not nil: it was tried
	left := 1.0
	const spare = 3 // that belong to others, or are known to be wrong
	for _, c := range model.Candidates(row.Prospect.Person.FirstName, row.Prospect.Person.LastName, w.Plan.Guesses+spare) {
		chance := employed * c.Chance
		if taken[c.Email] || refused(row, c.Email) {
			left -= chance
			continue
		}
		g := domain.EmailGuess{Email: c.Email, Chance: chance / left}
		if len(out) == w.Plan.Guesses || !worth(row, g) {
			break
		}
		out = append(out, g)
		left -= chance
	}
	return out
}

// worth reports whether a verifier's yes would make a guess safe.
func worth(row *domain.Row, g domain.EmailGuess) bool {
	return guessed(row, g, email.Verdict{Status: domain.EmailSafe}, time.Time{}).Status == domain.EmailSafe
}

func guessed(row *domain.Row, g domain.EmailGuess, v email.Verdict, now time.Time) email.Judgement {
	_, host, _ := strings.Cut(g.Email, "@")
	return email.Judge(email.Facts{
		Address: g.Email, Chance: g.Chance, Mail: email.Mail(facts(row).Mail[host]),
		CatchAll: email.SaysCatchAll(v.Reason), Verdicts: []email.Verdict{v},
	}, now)
}

// evidence is what a chunk knows of domains.
type evidence struct {
	people   map[string][]pattern.Known
	stated   map[string]string
	catchAll map[string]bool
	taken    map[string]bool // addresses that somebody has
}

// evidence collects what providers say whose terms allow to combine it with
// others', to keep it and to hand on what comes of it.
func (w *Waterfall) evidence(rows []domain.Row) evidence {
	e := evidence{map[string][]pattern.Known{}, map[string]string{}, map[string]bool{}, map[string]bool{}}
	allowed := func(row *domain.Row, field string) bool {
		name := row.Prospect.Provenance[field].Source
		t := w.Providers[name].Terms
		return name == FromPattern || slices.Contains(w.Plan.Providers, name) && t.MayJoin && t.MayStore && t.MayExport
	}
	for i := range rows {
		row := &rows[i]
		p := row.Prospect
		if said := p.Company.EmailPattern; said != "" && allowed(row, "company.emailPattern") {
			e.stated[strings.ToLower(p.Company.Domain)] = said
		}
		address := strings.ToLower(p.Contact.Email)
		_, host, ok := strings.Cut(address, "@")
		if !ok {
			continue
		}
		e.taken[address] = true
		for _, v := range facts(row).Verdicts {
			e.catchAll[host] = e.catchAll[host] || email.SaysCatchAll(v.Reason)
		}
		if allowed(row, emailField) && (p.Person.FirstName != "" || p.Person.LastName != "") {
			e.people[host] = append(e.people[host], pattern.Known{First: p.Person.FirstName, Last: p.Person.LastName, Email: address})
		}
	}
	return e
}

// open is the guess that is asked about next; nil if there is none. One that is
// wrong makes room for the next, any other verdict ends it: a server that takes
// every name, or does not tell, will not tell about the next one either.
func open(row *domain.Row) *domain.EmailGuess {
	if row.Email == nil || row.Prospect.Contact.Email != "" {
		return nil
	}
	for i := range row.Email.Guesses {
		switch g := &row.Email.Guesses[i]; g.Status {
		case domain.EmailUnchecked:
			return g
		case domain.EmailInvalid:
		default:
			return nil
		}
	}
	return nil
}

// verifier is who is asked about guesses; "" if there is nobody.
func (w *Waterfall) verifier(row *domain.Row) string {
	order := w.Plan.Providers
	if row != nil {
		order = w.order(row, domain.FieldEmailStatus)
	}
	for _, name := range order {
		if w.Out[name] == "" && w.verifies(name) {
			return name
		}
	}
	return ""
}

func (w *Waterfall) verifies(name string) bool {
	offer := w.Providers[name].Offers[provider.OpVerifyEmail]
	return !offer.Interactive && slices.Contains(offer.By, provider.ByEmail)
}

// guessLeft is what the guesses of a row that are still open, or may still be
// made, can cost at one verifier.
func (w *Waterfall) guessLeft(row *domain.Row, name string) money.Micro {
	// An address that is refused later makes room for guesses.
	if w.Plan.Guesses <= 0 || !w.verifies(name) || w.Settled(row, domain.FieldEmail) && w.Settled(row, domain.FieldEmailStatus) {
		return 0
	}
	left := w.Plan.Guesses
	if row.Email != nil && row.Email.Guesses != nil {
		left = 0
		for _, g := range row.Email.Guesses {
			if g.Status == domain.EmailUnchecked {
				left++
			}
		}
	}
	return w.Providers[name].Prices.Operations[provider.OpVerifyEmail].Max() * money.Micro(left)
}

// confirm gives a row what a verifier says about a guess. It is taken only if
// that makes it safe.
func (w *Waterfall) confirm(row *domain.Row, step Step, a Answer) {
	delete(row.Missing, string(domain.FieldEmailStatus)) // there is no address yet whose status could be missing
	g := open(row)
	if g == nil || g.Email != step.Guess {
		return
	}
	g.By, g.Status = step.Provider, domain.EmailUnknown
	if a.Found {
		v := domain.EmailVerdict{By: step.Provider, Status: a.Status, Reason: a.Reason, At: a.said()}
		j := guessed(row, *g, email.Verdict(v), a.Now)
		if g.Status = j.Status; j.Status == domain.EmailSafe {
			w.adopt(row, *g, v, j)
			return
		}
	}
	if open(row) == nil && row.Missing[string(domain.FieldEmail)] == "" {
		miss(row, domain.FieldEmail, FromPattern+": no guess was confirmed")
	}
}

// adopt makes a guess the row's address.
func (w *Waterfall) adopt(row *domain.Row, g domain.EmailGuess, v domain.EmailVerdict, j email.Judgement) {
	p, f := &row.Prospect, own(row)
	p.Contact.Email, p.Contact.EmailStatus = g.Email, j.Status
	f.Verdicts, f.Chance, f.Confidence, f.Reasons = []domain.EmailVerdict{v}, g.Chance, j.Confidence, j.Reasons
	origin := domain.Provenance{Source: FromPattern, FetchedAt: v.At}
	if t := w.Providers[v.By].Terms; t.StoreFor > 0 {
		origin.ExpiresAt = v.At.Add(t.StoreFor)
	}
	if p.Provenance = maps.Clone(p.Provenance); p.Provenance == nil {
		p.Provenance = map[string]domain.Provenance{}
	}
	p.Provenance[emailField] = origin
	delete(row.Missing, string(domain.FieldEmail))
}
