package apollo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	simulator "github.com/messageai/sluice/internal/sandbox/apollo"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

func sum(answers []provider.Answer) (total money.Micro) {
	for _, a := range answers {
		total += a.Usage.Cost
	}
	return total
}

// everything uses every paid call about some hundred prospects and returns how
// many people and companies were found. check sees every error.
func (p *practice) everything(people int, check func(error) error) (int, int) {
	ctx := p.t.Context()
	q := provider.Query{Titles: []string{"CTO", "VP Engineering"}, Locations: []string{"United States"}, Sizes: []string{"51-200", "201-500"}}
	var found []domain.Prospect
	for cursor := ""; len(found) < people; {
		var page provider.Page
		err := p.ask(func() (money.Micro, error) {
			var err error
			page, err = p.client.Discover(ctx, q, cursor)
			return page.Usage.Cost, err
		})
		if check(err) != nil {
			p.t.Fatal(err)
		}
		if err != nil {
			continue // free of charge
		}
		found = append(found, page.Prospects...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	var companies []domain.Prospect
	cursor := ""
	for n := range 6 {
		var page provider.Page
		err := p.ask(func() (money.Micro, error) {
			var err error
			page, err = p.client.FindCompanies(ctx, provider.Query{Industries: []string{"Software"}, Sizes: q.Sizes}, cursor)
			return page.Usage.Cost, err
		})
		if check(err) != nil {
			p.t.Fatal(err)
		}
		if companies = append(companies, page.Prospects...); page.Next == "" && err == nil {
			break
		}
		cursor = fmt.Sprint(n + 2) // a page that was lost is not asked for again
	}
	var mu sync.Mutex
	matched, completed := 0, 0
	var g errgroup.Group
	g.SetLimit(12)
	batches := func(all []domain.Prospect, enrich func(context.Context, []domain.Prospect) ([]provider.Answer, error), of func(domain.Prospect, provider.Answer) bool, count *int) {
		for batch := range slices.Chunk(all, 7) {
			g.Go(func() error {
				var answers []provider.Answer
				err := p.ask(func() (money.Micro, error) {
					var err error
					answers, err = enrich(ctx, batch)
					return sum(answers), err
				})
				mu.Lock()
				defer mu.Unlock()
				for i, a := range answers {
					if a.Err != nil {
						return fmt.Errorf("one of a batch: %w", a.Err)
					}
					if a.Found {
						*count++
						if !of(batch[i], a) {
							return fmt.Errorf("answer %d of a batch is about somebody else", i)
						}
					}
				}
				return check(err)
			})
		}
	}
	batches(found, p.client.EnrichPeople, func(asked domain.Prospect, a provider.Answer) bool {
		return a.Prospect.ProfileID == asked.ProfileID && a.Prospect.Person.LastName != ""
	}, &matched)
	batches(companies, p.client.EnrichCompanies, func(asked domain.Prospect, a provider.Answer) bool {
		return a.Prospect.Company.Domain == asked.Company.Domain && a.Prospect.Company.Employees > 0
	}, &completed)
	if err := g.Wait(); err != nil {
		p.t.Fatal(err)
	}
	return matched, completed
}

// At the declared rates nobody ever says that we are too fast, and what was
// booked is what was charged.
func TestPracticeAddsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(t, 5, upstream.Faults{})
		matched, completed := p.everything(450, func(err error) error { return err })
		if matched < 350 || completed < 80 {
			t.Errorf("%d people and %d companies found", matched, completed)
		}
		bill := p.front.Bill()
		if p.spent != bill.Total || bill.Repeated > 0 {
			t.Errorf("booked %v, charged %+v", p.spent, bill)
		}
		for _, op := range []string{simulator.OpMatch, simulator.OpOrganization, simulator.OpCompanies} {
			if bill.ByOp[op].Charges == 0 {
				t.Errorf("nothing was charged for %s: %+v", op, bill)
			}
		}
		if n := p.front.Requests(); n[429] > 0 || n[422] > 0 || n[400] > 0 {
			t.Errorf("answers by status: %v", n)
		}
		account, err := p.client.ReadAccount(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]float64{}
		for _, b := range account.Balances {
			used[b.Name] = b.Used
		}
		credits := float64(bill.Total / simulator.CreditPrice)
		if used["lead_credit"] != credits || used["mixed_companies/search hour"] == 0 {
			t.Errorf("account %+v after %g credits", account.Balances, credits)
		}
	})
}

// The hour binds all but search and enrichment: their quotas are used up to 95 %
// and never passed.
func TestTheHourlyQuotasAreUsedAndKept(t *testing.T) {
	t.Parallel()
	for op, call := range map[string]func(p *practice) (money.Micro, error){
		provider.OpAddToSequence: func(p *practice) (money.Micro, error) {
			_, err := p.client.AddToSequence(p.t.Context(), provider.Sequence{ID: simulator.SequenceID, Mailbox: simulator.MailboxID}, []string{"66e34b81740c50074e3d0001"})
			return 0, err
		},
		provider.OpFindCompanies: func(p *practice) (money.Micro, error) {
			page, err := p.client.FindCompanies(p.t.Context(), provider.Query{}, "2")
			return page.Usage.Cost, err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := play(t, 7, upstream.Faults{})
			began, calls := time.Now(), 0
			for ; time.Since(began) < time.Hour; calls++ {
				if err := p.ask(func() (money.Micro, error) { return call(p) }); err != nil {
					t.Fatal(err)
				}
			}
			if n := p.front.Requests(); calls < 380 || n[429] > 0 {
				t.Errorf("%s: %d calls in an hour, by status %v", op, calls, n)
			}
			if bill := p.front.Bill(); p.spent != bill.Total {
				t.Errorf("%s: booked %v, charged %v", op, p.spent, bill.Total)
			}
		})
	}
}

// Under every fault of the dial nothing is charged twice, nobody gets somebody
// else's answer, and every error is of a kind that the pipeline treats.
func TestPracticeFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults := upstream.Faults{Throttle: 0.05, Error: 0.05, Slow: 0.04, Truncate: 0.04, WrongType: 0.04, Lost: 0.05, SlowBy: 30 * time.Second}
		p := play(t, 6, faults)
		p.everything(900, func(err error) error {
			if _, ours := errors.AsType[*fault.Error](err); err == nil || ours && fault.Is(err, fault.Unavailable, fault.Unclear, fault.BadResponse) {
				return nil
			}
			return err
		})
		for _, kind := range []fault.Kind{fault.RateLimited, fault.Unclear, fault.BadResponse, fault.Unavailable} {
			if p.kinds[kind] == 0 {
				t.Errorf("no %s among %v: the faults did not show", kind, p.kinds)
			}
		}
		if bill := p.front.Bill(); bill.Repeated > 0 || p.spent > bill.Total || p.spent == 0 {
			t.Errorf("booked %v, charged %+v", p.spent, bill)
		}
	})
}

// A bulk answer about one person and the single one are the same, whichever way
// the person is known.
func TestBulkAndSingleAgreeInPractice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(t, 8, upstream.Faults{})
		page, err := p.client.Discover(t.Context(), provider.Query{Titles: []string{"CTO"}}, "")
		if err != nil {
			t.Fatal(err)
		}
		var asked []domain.Prospect
		single := map[int]provider.Answer{}
		for _, found := range page.Prospects[:60] {
			answers, err := p.client.EnrichPeople(t.Context(), []domain.Prospect{found})
			if err != nil || !answers[0].Found {
				continue
			}
			known := answers[0].Prospect
			byName := domain.Prospect{Person: domain.Person{FirstName: known.Person.FirstName, LastName: known.Person.LastName}, Company: known.Company}
			byMail := domain.Prospect{Contact: domain.Contact{Email: known.Contact.Email}}
			for _, one := range []domain.Prospect{byName, byMail} {
				if answers, err := p.client.EnrichPeople(t.Context(), []domain.Prospect{one}); err == nil {
					single[len(asked)] = answers[0]
					asked = append(asked, one)
				}
			}
		}
		at, agreed := 0, 0
		for batch := range slices.Chunk(asked, 10) {
			answers, err := p.client.EnrichPeople(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range answers {
				want := single[at]
				at++
				if a.Err != nil { // cannot be assigned: never wrong, and told
					continue
				}
				// Somebody with two profiles may be answered by either.
				same := p.market.SamePerson(market.Ref{Source: "apollo", ProfileID: a.Prospect.ProfileID}, market.Ref{Source: "apollo", ProfileID: want.Prospect.ProfileID})
				if a.Found != want.Found || a.Found && !same {
					t.Errorf("in bulk %v %s, alone %v %s", a.Found, a.Prospect.ProfileID, want.Found, want.Prospect.ProfileID)
				}
				agreed++
			}
		}
		if len(asked) < 60 || agreed < len(asked)*9/10 {
			t.Errorf("%d of %d agree", agreed, len(asked))
		}
	})
}

func TestSavedContactsEnterTheSequenceInPractice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(t, 9, upstream.Faults{})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.apollo.io/api/v1/contacts", strings.NewReader(`{"first_name":"Dana","email":"dana@a.example"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Api-Key", practiceKey)
		resp, err := p.front.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(body), `"id":"`)
		contact, _, _ := strings.Cut(rest, `"`)
		s := provider.Sequence{ID: simulator.SequenceID, Mailbox: simulator.MailboxID}
		for _, want := range []string{"", "contacts_already_exists_in_current_campaign"} {
			got, err := p.client.AddToSequence(t.Context(), s, []string{contact, "66e34b81740c50074e3dffff"})
			if err != nil || got[contact] != want || got["66e34b81740c50074e3dffff"] != "contact_not_found" {
				t.Errorf("skipped %v, %v; want %q", got, err, want)
			}
		}
	})
}
