package enrich_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/email/mx"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/waterfall"
)

var _ enrich.Mail = (*mx.Checker)(nil)

// doubtChunk is n rows of every kind whose way depends on the DNS, which says
// something else each time.
func (w *world) doubtChunk(n int) []domain.Row {
	w.dns = func(name string, times int) email.Mail {
		all := []email.Mail{email.MailUnknown, email.MailNone, email.MailServer, email.MailNull, email.MailAddress}
		return all[(times+len(name)+int(name[4]))%len(all)]
	}
	rows := make([]domain.Row, n)
	for i := range rows {
		host := fmt.Sprintf("firm%c.example", 'a'+i)
		row := domain.Row{State: domain.InWork, Prospect: domain.Prospect{ID: id(i), Source: "csv", ProfileID: fmt.Sprint("l", i)}}
		p := &row.Prospect
		p.Person, p.Company.Domain = domain.Person{FirstName: "Ann", LastName: fmt.Sprint("Lee", i)}, host
		name := p.Person.FirstName + " " + p.Person.LastName + " " + host
		switch i % 4 {
		case 0: // has an address; a finder knows another
			p.Contact.Email, w.found[name] = "old@"+host, "ann@"+host
		case 1: // a finder knows one, which would bounce
			w.found[name], w.said["ann@"+host] = "ann@"+host, provider.Verification{Status: domain.EmailInvalid}
		case 2: // has none; two are guessed, of which the second is right
			row.Email = &domain.EmailFacts{Guesses: []domain.EmailGuess{{Email: "ann.lee@" + host, Chance: 0.7}, {Email: "ann@" + host, Chance: 0.5}}}
			w.said["ann.lee@"+host] = provider.Verification{Status: domain.EmailInvalid}
		case 3:
			w.found[name], w.running["ann@"+host] = "ann@"+host, 1
		}
		rows[i] = row
	}
	return rows
}

// address is a row with an address that nobody checked.
func address(n int, email string) domain.Row {
	return domain.Row{State: domain.InWork, Prospect: domain.Prospect{
		ID: id(n), Source: "csv", ProfileID: fmt.Sprint("l", n), Contact: domain.Contact{Email: email},
	}}
}

// What needs no verifier costs none: the address is put aside with the reason,
// or is known to be no person's.
func TestNoVerifierIsPaidForWhatIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.dns = func(name string, _ int) email.Mail {
			return map[string]email.Mail{"null.example": email.MailNull, "gone.example": email.MailNone, "web.example": email.MailAddress, "silent.example": email.MailUnknown}[name]
		}
		rows := []domain.Row{
			address(0, "ann@null.example"), address(1, "ann@gone.example"), address(2, "ann@@broken.example"),
			address(3, "info@firm.example"), address(4, "ann@mailinator.com"), address(5, "ann@web.example"), address(6, "ann@silent.example"),
		}
		rows[0].Prospect.Person, rows[0].Prospect.Company.Domain = domain.Person{FirstName: "Ann", LastName: "Lee"}, "null.example"
		w.found["Ann Lee null.example"] = "ann.lee@firm.example" // the waterfall goes on to the next finder
		w.put(t, rows)
		out := w.finish(t, w.mailbox())
		w.check(t, rows, out)
		if diff := cmp.Diff(map[string]int{
			"address of Ann Lee null.example": 1, "check of ann.lee@firm.example": 1, "check of ann@web.example": 1, "check of ann@silent.example": 1,
		}, w.asked); diff != "" {
			t.Errorf("questions (-want +got):\n%s", diff)
		}
		type result struct {
			Email, Missing, First string
			Status                domain.EmailStatus
		}
		var got []result
		for _, row := range out {
			r := result{Email: row.Prospect.Contact.Email, Status: row.Prospect.Contact.EmailStatus, Missing: row.Missing["email"]}
			if len(row.Email.Reasons) > 0 {
				r.First = row.Email.Reasons[0]
			}
			got = append(got, r)
		}
		const safe = "a verifier reached the mailbox"
		if diff := cmp.Diff([]result{
			{Email: "ann.lee@firm.example", Status: domain.EmailSafe, First: safe},
			{Missing: "checked before any verifier: the domain has no mail server and no address"},
			{Missing: `checked before any verifier: not an e-mail address: ` + syntaxOf(t, "ann@@broken.example")},
			{Email: "info@firm.example", Status: domain.EmailRisky, First: "a function's mailbox, not a person's"},
			{Email: "ann@mailinator.com", Status: domain.EmailRisky, First: "the domain gives mailboxes away for an hour"},
			{Email: "ann@web.example", Status: domain.EmailSafe, First: safe},
			{Email: "ann@silent.example", Status: domain.EmailSafe, First: safe},
		}, got); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		refused := domain.Other{Field: "contact.email", Value: "ann@null.example", Why: "checked before any verifier: the domain says that it takes no mail", Refused: true}
		if diff := cmp.Diff([]domain.Other{refused}, out[0].Others); diff != "" {
			t.Errorf("what was put aside (-want +got):\n%s", diff)
		}
	})
}

func syntaxOf(t *testing.T, address string) string {
	t.Helper()
	_, err := email.Parse(address)
	syntax, ok := err.(email.SyntaxError) //nolint:errorlint // Parse returns it as it is
	if !ok {
		t.Fatalf("%q has no error of syntax: %v", address, err)
	}
	return string(syntax)
}

// A DNS that never answers holds up a chunk for seconds, not for each row.
func TestABrokenDNSHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		var rows []domain.Row
		for n := range 200 {
			rows = append(rows, address(n, fmt.Sprintf("ann@firm%d.example", n)))
		}
		w.put(t, rows)
		w.dns = func(string, int) email.Mail { return email.MailUnknown }
		w.plan = func(_ int, op string) mishap {
			if op == "DNS" {
				return silent
			}
			return ""
		}
		began := time.Now()
		out := w.finish(t, w.mailbox())
		w.check(t, rows, out)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		for i, row := range out {
			if row.Prospect.Contact.EmailStatus != domain.EmailSafe {
				t.Fatalf("row %d is %q: no answer of the DNS was taken for one", i, row.Prospect.Contact.EmailStatus)
			}
		}
	})
}

// A guess is asked about while the one before is wrong, becomes the address only
// when it is safe, and is never taken where the server does not tell.
func TestAGuessIsNoContactUntilAVerifierSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		guesses := func(n int, all ...string) domain.Row {
			row := address(n, "")
			row.Prospect.Person, row.Prospect.Company.Domain = domain.Person{FirstName: "Ann", LastName: "Lee"}, "firm.example"
			row.Missing = map[string]string{"email": "hunter: no match"}
			row.Calls = []domain.Call{{Provider: "hunter", Op: provider.OpFindEmail, Field: domain.FieldEmail, Outcome: domain.CallNone}}
			row.Email = &domain.EmailFacts{}
			for _, g := range all {
				row.Email.Guesses = append(row.Email.Guesses, domain.EmailGuess{Email: g, Chance: 0.7})
			}
			return row
		}
		rows := []domain.Row{guesses(0, "a@firm.example", "b@firm.example"), guesses(1, "c@firm.example", "d@firm.example"), guesses(2, "e@firm.example", "f@firm.example")}
		w.said["a@firm.example"] = provider.Verification{Status: domain.EmailInvalid, Reason: "invalid"}
		w.said["c@firm.example"] = provider.Verification{Status: domain.EmailRisky, Reason: "accept_all"}
		w.said["e@firm.example"] = provider.Verification{Status: domain.EmailUnknown, Reason: "unknown"}
		w.put(t, rows)
		out := w.finish(t, w.mailbox())
		w.check(t, rows, out)
		if diff := cmp.Diff(map[string]int{"check of a@firm.example": 1, "check of b@firm.example": 1, "check of c@firm.example": 1, "check of e@firm.example": 1}, w.asked); diff != "" {
			t.Errorf("questions (-want +got):\n%s", diff)
		}
		if c := out[0].Prospect.Contact; c.Email != "b@firm.example" || c.EmailStatus != domain.EmailSafe || out[0].Prospect.Provenance["contact.email"].Source != waterfall.FromPattern || out[0].Missing["email"] != "" {
			t.Errorf("the first is %+v from %+v, missing %v", c, out[0].Prospect.Provenance, out[0].Missing)
		}
		for _, row := range out[1:] {
			if c := row.Prospect.Contact; c.Email != "" || row.Missing["email"] == "" {
				t.Errorf("%s has %+v, missing %v: want no address, and why", row.Prospect.ID, c, row.Missing)
			}
		}
	})
}

// Every verdict stays on the row with who gave it, also where they differ.
func TestVerdictsThatDifferAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		row := address(0, "ann@firm.example")
		at := time.Now().UTC().Add(-24 * time.Hour)
		row.Prospect.Contact.EmailStatus = domain.EmailUnknown
		row.Prospect.Provenance = map[string]domain.Provenance{"contact.email": {Source: "lusha", FetchedAt: at}}
		w.put(t, []domain.Row{row})
		w.said["ann@firm.example"] = provider.Verification{Status: domain.EmailRisky, Reason: "accept_all"}
		out := w.finish(t, w.mailbox())
		want := []domain.EmailVerdict{{By: "lusha", Status: domain.EmailUnknown, At: at}, {By: "hunter", Status: domain.EmailRisky, Reason: "accept_all"}}
		got := slices.Clone(out[0].Email.Verdicts)
		got[1].At = time.Time{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
		if f := out[0].Email; out[0].Prospect.Contact.EmailStatus != domain.EmailRisky || f.Confidence < 0.9 || !slices.Contains(f.Reasons, "hunter: risky (accept_all)") {
			t.Errorf("the address is %s with %+v", out[0].Prospect.Contact.EmailStatus, f)
		}
	})
}
