package waterfall_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/waterfall"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// staff are a chunk of people at one company: the first is looked for, of the
// others the addresses are known.
func staff(pattern string, colleagues int) []domain.Row {
	names := []string{"Ada Byron", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov"}
	rows := []domain.Row{who("Tony Hoare")}
	for i := range colleagues {
		row := who(names[i])
		first, last := strings.ToLower(row.Prospect.Person.FirstName), strings.ToLower(row.Prospect.Person.LastName)
		row.Prospect.Contact = domain.Contact{
			Email: strings.NewReplacer("{first}", first, "{last}", last, "{f}", first[:1]).Replace(pattern) + "@x.example", EmailStatus: domain.EmailSafe,
		}
		row.Prospect.Provenance = map[string]domain.Provenance{"contact.email": {Source: "open"}}
		rows = append(rows, row)
	}
	return rows
}

func who(name string) domain.Row {
	first, last, _ := strings.Cut(name, " ")
	return domain.Row{State: domain.InWork, Prospect: domain.Prospect{
		ID: "p_" + last, Person: domain.Person{FirstName: first, LastName: last}, Company: domain.Company{Domain: "x.example", Country: "GB"},
	}}
}

// guessing is a waterfall with a finder that knows nobody, and a verifier.
func guessing(guesses int, terms provider.Terms) *waterfall.Waterfall {
	open := finder("open", 10_000)
	open.Terms = terms
	names, all := market(open, verifier("check", 4_000))
	plan := waterfall.PlanOf(domain.Enrich{Providers: names, Guesses: &guesses}, nil, all, nil)
	return waterfall.New(plan, all, map[string]string{})
}

var free = provider.Terms{MayStore: true, MayJoin: true, MayExport: true}

// give answers the row's next question.
func give(t *testing.T, w *waterfall.Waterfall, row *domain.Row, a waterfall.Answer) waterfall.Step {
	t.Helper()
	step, more := w.Next(row)
	if !more {
		t.Fatal("there is no question left")
	}
	a.Now = now
	w.Apply(row, step, a)
	return step
}

func TestAGuessFollowsWhatColleaguesHave(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		rows []domain.Row
		w    *waterfall.Waterfall
		want string // first guess
	}{
		{"four colleagues", staff("{first}.{last}", 4), guessing(2, free), "tony.hoare@x.example"},
		{"another pattern", staff("{f}{last}", 4), guessing(2, free), "thoare@x.example"},
		{"nobody known: a yes would not make it safe", staff("", 0), guessing(2, free), ""},
		{"not wanted", staff("{first}.{last}", 4), guessing(0, free), ""},
		{"what colleagues have may not be combined", staff("{first}.{last}", 4), guessing(2, provider.Terms{MayStore: true, MayExport: true}), ""},
		{"nor handed on", staff("{first}.{last}", 4), guessing(2, provider.Terms{MayStore: true, MayJoin: true}), ""},
		{"the address belongs to somebody", append(staff("{first}.{last}", 4), func() domain.Row {
			r := who("Antony Hoare")
			r.Prospect.Contact = domain.Contact{Email: "tony.hoare@x.example", EmailStatus: domain.EmailSafe}
			return r
		}()), guessing(1, free), ""},
		{"the domain takes mail for any name", append(staff("{first}.{last}", 4), func() domain.Row {
			r := who("Any Body")
			r.Prospect.Contact = domain.Contact{Email: "any.body@x.example", EmailStatus: domain.EmailRisky}
			r.Email = &domain.EmailFacts{Verdicts: []domain.EmailVerdict{{By: "check", Status: domain.EmailRisky, Reason: "accept_all"}}}
			return r
		}()), guessing(2, free), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if next := test.w.Turn(test.rows); next != "open" {
				t.Fatalf("%q is asked first: a guess comes after every finder", next)
			}
			give(t, test.w, &test.rows[0], waterfall.Answer{})
			next := test.w.Turn(test.rows)
			step, more := test.w.Next(&test.rows[0])
			if test.want == "" {
				if more || next != "" {
					t.Errorf("%q is asked about %q", next, step.Guess)
				}
				return
			}
			if next != "check" || step.Guess != test.want || waterfall.About(&test.rows[0], step).Contact.Email != test.want {
				t.Errorf("%q is asked about %q, want %q", next, step.Guess, test.want)
			}
			if c := test.rows[0].Prospect.Contact; c.Email != "" {
				t.Errorf("the guess is a contact: %+v", c)
			}
		})
	}
}

// Whatever a verifier says, what a row's questions cost is within what was said
// before to be the most.
func TestNoWayCostsMoreThanTheHighestPrice(t *testing.T) {
	t.Parallel()
	verdicts := []domain.EmailStatus{domain.EmailSafe, domain.EmailInvalid, domain.EmailRisky, domain.EmailUnknown, ""}
	for guesses := range 4 {
		for way := range 5 * 5 * 5 * 2 {
			w := guessing(guesses, free)
			rows := staff("{first}.{last}", 5)
			row := &rows[0]
			worst := map[string]int{}
			for _, name := range w.Plan.Providers {
				worst[name] = int(w.Highest(row, name))
			}
			spent := map[string]int{}
			left := way / 2
			for w.Turn(rows) != "" {
				step, more := w.Next(row)
				if !more {
					break
				}
				spent[step.Provider] += int(w.Providers[step.Provider].Prices.Operations[step.Op].Max())
				a := waterfall.Answer{Now: now}
				if step.Op == provider.OpVerifyEmail {
					a.Status = verdicts[left%5]
					left /= 5
					a.Found = a.Status != ""
				} else if way%2 == 0 {
					a.Found, a.Prospect = true, &domain.Prospect{Contact: domain.Contact{Email: "old@x.example"}}
				}
				w.Apply(row, step, a)
			}
			for name, sum := range spent {
				if sum > worst[name] {
					t.Fatalf("%d guesses, way %d: %s was paid %d, at most %d was said: %+v", guesses, way, name, sum, worst[name], row.Calls)
				}
			}
			if c := row.Prospect.Contact; row.Prospect.Provenance["contact.email"].Source == waterfall.FromPattern && c.EmailStatus != domain.EmailSafe {
				t.Fatalf("a guess is taken that is %q", c.EmailStatus)
			}
		}
	}
}

// An address of which sources differ stays, with what each says.
func TestSourcesThatDifferAreWeighed(t *testing.T) {
	t.Parallel()
	w := guessing(0, free)
	row := who("Tony Hoare")
	given := func(address string, status domain.EmailStatus) waterfall.Answer {
		return waterfall.Answer{Found: true, Prospect: &domain.Prospect{SeenAt: now, Contact: domain.Contact{Email: address, EmailStatus: status}}}
	}
	give(t, w, &row, given("hoare@x.example", domain.EmailUnknown))
	if row.Prospect.Contact.EmailStatus != domain.EmailUnknown {
		t.Errorf("it is %q", row.Prospect.Contact.EmailStatus)
	}
	give(t, w, &row, waterfall.Answer{Found: true, Status: domain.EmailSafe, Reason: "valid"})
	want := []domain.EmailVerdict{{By: "open", Status: domain.EmailUnknown, At: now}, {By: "check", Status: domain.EmailSafe, Reason: "valid", At: now}}
	if diff := cmp.Diff(want, row.Email.Verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if row.Prospect.Contact.EmailStatus != domain.EmailSafe || row.Email.Confidence < 0.95 {
		t.Errorf("it is %q with %.2f", row.Prospect.Contact.EmailStatus, row.Email.Confidence)
	}
	if got := fmt.Sprint(row.Email.Reasons); !strings.Contains(got, "open: unknown") || !strings.Contains(got, "check: safe (valid)") {
		t.Errorf("reasons %s", got)
	}
}

// The DNS is asked about once, and what takes no mail is put aside at no cost.
func TestADomainWithoutMailEndsTheSearch(t *testing.T) {
	t.Parallel()
	w := guessing(2, free)
	rows := staff("{first}.{last}", 5)
	row := &rows[0]
	row.Prospect.Contact.Email = "hoare@gone.example"
	host, ok := w.Doubt(row)
	if !ok || host != "gone.example" {
		t.Fatalf("in doubt is %q, %t", host, ok)
	}
	w.Check(row, host, email.MailNone, now)
	if row.Prospect.Contact.Email != "" || len(row.Others) != 1 || !row.Others[0].Refused {
		t.Fatalf("it stays: %+v", row)
	}
	give(t, w, row, waterfall.Answer{}) // the finder knows nobody
	w.Turn(rows)
	if host, ok = w.Doubt(row); !ok || host != "x.example" {
		t.Fatalf("of the guess, in doubt is %q, %t", host, ok)
	}
	w.Check(row, host, email.MailServer, now)
	if _, ok := w.Doubt(row); ok {
		t.Error("what is known is in doubt again")
	}
	w.Check(row, host, email.MailNull, now)
	if step, more := w.Next(row); more {
		t.Errorf("%s is asked about a guess at a domain without mail", step.Provider)
	}
}
