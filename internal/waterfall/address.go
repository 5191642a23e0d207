package waterfall

import (
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/provider"
)

const emailField = "contact.email"

// facts are those about the row's addresses, to be read. What the row came with
// counts as said by whoever it is from.
func facts(row *domain.Row) *domain.EmailFacts {
	if row.Email != nil {
		return row.Email
	}
	f := &domain.EmailFacts{}
	if c := row.Prospect.Contact; c.Email != "" && c.EmailStatus != domain.EmailUnchecked {
		from := row.Prospect.Provenance[emailField]
		v := domain.EmailVerdict{By: from.Source, Status: c.EmailStatus, At: from.FetchedAt}
		if v.By == "" {
			v.By, v.At = row.Prospect.Source, row.Prospect.SeenAt
		}
		f.Verdicts = []domain.EmailVerdict{v}
	}
	return f
}

// own are the facts of a row, to be changed.
func own(row *domain.Row) *domain.EmailFacts {
	row.Email = facts(row)
	return row.Email
}

// hear notes what somebody says about the row's address.
func hear(row *domain.Row, v domain.EmailVerdict) {
	if v.Status != domain.EmailUnchecked {
		f := own(row)
		f.Verdicts = append(slices.Clip(f.Verdicts), v)
	}
}

// judge weighs all that is known about the row's address. One that would bounce
// is put aside, so that the waterfall goes on to look for another.
func judge(row *domain.Row, now time.Time) {
	c := &row.Prospect.Contact
	if c.Email == "" {
		return
	}
	f := own(row)
	j := email.Judge(weighed(row), now)
	if j.Status == domain.EmailInvalid {
		refuse(row, blame(f, j))
		return
	}
	c.EmailStatus, f.Confidence, f.Reasons = j.Status, j.Confidence, j.Reasons
}

// weighed is what is known about the row's address, as it is weighed.
func weighed(row *domain.Row) email.Facts {
	f, c := facts(row), row.Prospect.Contact
	out := email.Facts{Address: c.Email, Chance: f.Chance, Agree: len(row.Confirmed[emailField])}
	if a, err := email.Parse(c.Email); err == nil {
		out.Mail = email.Mail(f.Mail[a.Domain])
	}
	for _, v := range f.Verdicts {
		out.Verdicts = append(out.Verdicts, email.Verdict(v))
		out.CatchAll = out.CatchAll || email.SaysCatchAll(v.Reason)
	}
	differ := map[string]bool{}
	for _, o := range row.Others {
		if o.Field == emailField && !o.Refused && !strings.EqualFold(o.Value, c.Email) {
			differ[o.Source] = true
		}
	}
	out.Differ = len(differ)
	return out
}

// blame says who found that the address would bounce.
func blame(f *domain.EmailFacts, j email.Judgement) string {
	for _, v := range slices.Backward(f.Verdicts) {
		if v.Status == domain.EmailInvalid {
			return v.By + ": it would bounce"
		}
	}
	return "checked before any verifier: " + j.Reasons[0]
}

// refuse puts the row's address aside, with what was said about it.
func refuse(row *domain.Row, why string) {
	p, f := &row.Prospect, own(row)
	row.Others = append(row.Others, domain.Other{
		Field: emailField, Value: p.Contact.Email, Source: p.Provenance[emailField].Source, Why: why, Refused: true, Verdicts: f.Verdicts,
	})
	p.Contact.Email, p.Contact.EmailStatus = "", domain.EmailUnchecked
	f.Verdicts, f.Confidence, f.Reasons, f.Chance = nil, 0, nil, 0
	delete(p.Provenance, emailField)
	delete(row.Confirmed, emailField) // what confirmed it is as wrong
	miss(row, domain.FieldEmail, why)
}

// refused reports whether an address was put aside before.
func refused(row *domain.Row, email string) bool {
	for _, o := range row.Others {
		if o.Refused && strings.EqualFold(o.Value, email) {
			return true
		}
	}
	return false
}

// Doubt reports whether the row waits for a verifier while the DNS was not
// asked yet about the address's domain, which is host; "" if the address has
// none.
func (w *Waterfall) Doubt(row *domain.Row) (host string, ok bool) {
	step, more := w.Next(row)
	if !more || step.Op != provider.OpVerifyEmail {
		return "", false
	}
	a, err := email.Parse(About(row, step).Contact.Email)
	if err != nil {
		return "", true
	}
	_, known := facts(row).Mail[a.Domain]
	return a.Domain, !known
}

// Check gives the row what the DNS says about the domain of the address that is
// in doubt. One that takes no mail ends the search for a verdict at no cost.
// No answer changes nothing, but what is wrong with the address itself shows.
func (w *Waterfall) Check(row *domain.Row, host string, mail email.Mail, now time.Time) {
	f := own(row)
	if host != "" && mail != email.MailUnknown {
		if f.Mail == nil {
			f.Mail = map[string]string{}
		}
		f.Mail[host] = string(mail)
	}
	for i := range f.Guesses { // all are at one domain
		if g := &f.Guesses[i]; mail.Refused() && g.Status == domain.EmailUnchecked && strings.HasSuffix(g.Email, "@"+host) {
			g.Status, g.By = domain.EmailInvalid, "dns"
		}
	}
	judge(row, now)
}

// About is the prospect as a step asks about it: with the guess, if it is about one.
func About(row *domain.Row, step Step) domain.Prospect {
	p := row.Prospect
	if step.Guess != "" {
		p.Contact.Email, p.Contact.EmailStatus = step.Guess, domain.EmailUnchecked
	}
	return p
}
