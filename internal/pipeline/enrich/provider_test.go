package enrich_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/provider"
)

// Prices of the test's provider.
const (
	matchPrice  = 20_000 * money.Micro(1)
	findPrice   = 30_000 * money.Micro(1)
	verifyPrice = 10_000 * money.Micro(1)
)

// database is a provider that finds people at companies for nothing and
// completes a person for money, each time anew.
func (w *world) database() enrich.Source {
	return enrich.Source{
		Definition: provider.Definition{
			Name: "apollo", Terms: provider.Terms{MayStore: true},
			Offers: map[string]provider.Offer{
				provider.OpFindPeople:   {Gives: []domain.Field{domain.FieldPerson}, By: []provider.Identity{provider.ByDomain}},
				provider.OpEnrichPerson: {Gives: []domain.Field{domain.FieldEmail}, By: []provider.Identity{provider.ByID}, Batch: w.batch},
			},
			Prices: money.Table{Operations: map[string]money.Price{
				provider.OpFindPeople: {Units: 1}, provider.OpEnrichPerson: {Unit: matchPrice, Units: 1},
			}},
		},
		Adapter: w,
	}
}

// mailbox is a provider that finds addresses and checks them.
func (w *world) mailbox() enrich.Source {
	return enrich.Source{
		Definition: provider.Definition{
			Name: "hunter", Terms: provider.Terms{MayStore: true}, RepeatFree: w.free,
			Offers: map[string]provider.Offer{
				provider.OpFindEmail:   {Gives: []domain.Field{domain.FieldEmail}, By: []provider.Identity{provider.ByNameAtDomain}},
				provider.OpVerifyEmail: {Gives: []domain.Field{domain.FieldEmailStatus}, By: []provider.Identity{provider.ByEmail}},
			},
			Prices: money.Table{Operations: map[string]money.Price{
				provider.OpFindEmail: {Unit: findPrice, Units: 1}, provider.OpVerifyEmail: {Unit: verifyPrice, Units: 1},
			}},
		},
		Adapter: w,
	}
}

// serve answers one question. A lost answer is Unavailable if the question may
// be repeated for nothing, else Unclear, as provider/transport has it.
func (w *world) serve(ctx context.Context, question string, answer func() (cost money.Micro, err error)) error {
	err := w.call(ctx, "provider: "+question, func() error {
		w.asked[question]++
		if w.fail != nil {
			if err := w.fail(question); err != nil {
				return err
			}
		}
		cost, err := answer()
		if cost > 0 && (!w.free || w.charges[question] == 0) {
			w.charges[question]++
			w.charged += cost
		}
		return err
	})
	if !errors.Is(err, errLost) && !errors.Is(err, errDead) && ctx.Err() == nil {
		return err
	}
	if w.free || strings.HasPrefix(question, "people at ") {
		return &fault.Error{Kind: fault.Unavailable, Op: "test.serve", Err: err, Acted: true}
	}
	return fault.Wrap(fault.Unclear, "test.serve", err)
}

// FindPeople implements provider.PersonFinder.
func (w *world) FindPeople(ctx context.Context, company string, _ provider.Query) (people []domain.Prospect, _ provider.Usage, err error) {
	err = w.serve(ctx, "people at "+company, func() (money.Micro, error) {
		people = w.people[company]
		return 0, nil
	})
	return people, provider.Usage{}, err
}

// EnrichPeople implements provider.PersonEnricher; nobody found costs nothing.
func (w *world) EnrichPeople(ctx context.Context, people []domain.Prospect) ([]provider.Answer, error) {
	if len(people) == 1 {
		a, err := w.match(ctx, people[0])
		return []provider.Answer{a}, err
	}
	answers := make([]provider.Answer, len(people))
	err := w.serveAll(ctx, people, func(i int) money.Micro {
		a := &answers[i]
		if a.Prospect, a.Found = w.matches[people[i].Refs["apollo"]]; a.Found {
			a.Usage.Cost = matchPrice
		}
		return a.Usage.Cost
	})
	return answers, err
}

// serveAll answers a batch: one call, one price for each.
func (w *world) serveAll(ctx context.Context, people []domain.Prospect, price func(i int) money.Micro) error {
	err := w.call(ctx, "provider: batch", func() error {
		for _, p := range people {
			question := "person " + p.Refs["apollo"]
			w.asked[question]++
			if w.fail != nil {
				if err := w.fail(question); err != nil {
					return err // one spoils the call for all, and nothing is charged
				}
			}
		}
		for i, p := range people {
			if cost := price(i); cost > 0 {
				w.charges["person "+p.Refs["apollo"]]++
				w.charged += cost
			}
		}
		return nil
	})
	if !errors.Is(err, errLost) && !errors.Is(err, errDead) && ctx.Err() == nil {
		return err
	}
	return fault.Wrap(fault.Unclear, "test.serve", err)
}

// match answers for one person. Where it sells a record once, it does not say
// whether it charged.
func (w *world) match(ctx context.Context, p domain.Prospect) (a provider.Answer, err error) {
	err = w.serve(ctx, "person "+p.Refs["apollo"], func() (money.Micro, error) {
		if a.Prospect, a.Found = w.matches[p.Refs["apollo"]]; a.Found {
			a.Usage.Cost = matchPrice
		}
		if record := w.records[p.Refs["apollo"]]; record != "" {
			a.Sale = provider.Sale{Record: record, Free: time.Hour}
			if w.charges[record]++; w.charges[record] > 1 {
				w.charges[record] = 1
				return 0, nil
			}
		}
		return a.Usage.Cost, nil
	})
	return a, err
}

// FindEmail implements provider.EmailFinder; nothing found costs nothing.
func (w *world) FindEmail(ctx context.Context, q provider.EmailQuery) (a provider.EmailAnswer, err error) {
	name := q.FirstName + " " + q.LastName + " " + q.Domain
	err = w.serve(ctx, "address of "+name, func() (money.Micro, error) {
		if a.Email, a.Found = w.found[name]; a.Found {
			a.Usage.Cost = findPrice
		}
		return a.Usage.Cost, nil
	})
	return a, err
}

// VerifyEmails implements provider.EmailVerifier. A check that is still running
// is not charged, unless the provider counts what it has queued.
func (w *world) VerifyEmails(ctx context.Context, emails []string) ([]provider.Verification, error) {
	email, v := emails[0], provider.Verification{}
	err := w.serve(ctx, "check of "+email, func() (money.Micro, error) {
		if w.running[email] > 0 {
			w.running[email]--
			if w.counts {
				v.Usage.Cost = verifyPrice
				v.Err = &fault.Error{Kind: fault.Unavailable, Op: "test.verify", Message: "queued", RetryAfter: 30 * time.Second}
				return verifyPrice, nil
			}
			return 0, &fault.Error{Kind: fault.Unavailable, Op: "test.verify", Message: "still running", RetryAfter: 30 * time.Second}
		}
		if w.stuck[email] {
			return 0, &fault.Error{Kind: fault.Unavailable, Op: "test.verify", Message: "still running", RetryAfter: time.Hour}
		}
		if v = w.said[email]; v.Status == "" {
			v.Status = domain.EmailSafe
		}
		v.Usage.Cost = verifyPrice
		return verifyPrice, nil
	})
	return []provider.Verification{v}, err
}

// peopleChunk fills the world with what the database knows, and returns a
// chunk of n rows of every kind that it meets.
func (w *world) peopleChunk(n int) []domain.Row {
	rows := make([]domain.Row, n)
	for i := range rows {
		row := domain.Row{State: domain.InWork, Prospect: domain.Prospect{ID: id(i), Source: "apollo", ProfileID: fmt.Sprint("a", i)}}
		p := &row.Prospect
		switch i % 9 {
		case 0, 5, 8: // known
			p.Refs = map[string]string{"apollo": p.ProfileID}
			p.Person.FirstName = "Ann"
			w.know(p.ProfileID)
		case 1: // unknown
			p.Refs = map[string]string{"apollo": p.ProfileID}
			p.Person.FirstName = "Bob"
		case 2, 6: // branches of one company
			p.Source, p.Company.Domain = "googleplaces", "chain.example"
			boss := "boss at " + p.Company.Domain
			w.people[p.Company.Domain] = []domain.Prospect{{Source: "apollo", ProfileID: boss, Person: domain.Person{FirstName: "Cat"}}}
			w.know(boss)
		case 3: // a company without people
			p.Source, p.Company.Domain = "googleplaces", fmt.Sprintf("empty%d.example", i)
		case 4: // has an address
			p.Refs = map[string]string{"apollo": p.ProfileID}
			p.Contact = domain.Contact{Email: fmt.Sprintf("dan%d@known.example", i), EmailStatus: domain.EmailSafe}
		case 7: // its person is somebody else's prospect
			p.Source, p.Company.Domain = "googleplaces", fmt.Sprintf("taken%d.example", i)
			boss := "boss at " + p.Company.Domain
			w.people[p.Company.Domain] = []domain.Prospect{{Source: "apollo", ProfileID: boss, Person: domain.Person{FirstName: "Eve"}}}
			w.claims[domain.ProspectID(testRef.Team, "apollo", boss)] = takenClaim
		}
		rows[i] = row
	}
	return rows
}

func (w *world) know(ref string) {
	w.matches[ref] = domain.Prospect{
		Source: "apollo", ProfileID: ref, Person: domain.Person{FirstName: "Ann", LastName: "Lee"},
		Contact: domain.Contact{Email: strings.ReplaceAll(ref, " ", ".") + "@found.example", EmailStatus: domain.EmailSafe},
	}
}

// mailChunk does the same for what the mailbox provider knows.
func (w *world) mailChunk(n int) []domain.Row {
	rows := make([]domain.Row, n)
	for i := range rows {
		row := domain.Row{State: domain.InWork, Prospect: domain.Prospect{ID: id(i), Source: "apollo", ProfileID: fmt.Sprint("a", i)}}
		p := &row.Prospect
		p.Person = domain.Person{FirstName: "Ann", LastName: fmt.Sprint("Lee", i)}
		p.Company.Domain = "firm.example"
		name := p.Person.FirstName + " " + p.Person.LastName + " " + p.Company.Domain
		email := fmt.Sprintf("ann%d@firm.example", i)
		switch i % 5 {
		case 0, 3: // found, then checked, which takes a while
			w.found[name], w.running[email] = email, 1
		case 1: // not found
		case 2: // has an address that nobody checked
			p.Contact.Email, w.running[email] = email, i%2
			w.stuck[email] = i%10 == 7
		case 4: // the same person as in another row
			p.Person.LastName = "Twin"
			w.found["Ann Twin firm.example"] = "twin@firm.example"
		}
		rows[i] = row
	}
	return rows
}
