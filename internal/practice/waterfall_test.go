package practice_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/store"
)

// everybody is all enrichment providers, the one with the widest coverage first
// and the others as their vendors' reputation has them: the order that somebody would fix
// who looks at coverage alone.
var everybody = []string{"zoominfo", "lusha", "apollo", "hunter", "zerobounce", "clearbit"}

// bought is what enriching a campaign brought.
type bought struct {
	people int // that may become leads
	safe   int // have an address that is called safe
	bounce int // of those, would bounce
	best   int // have an address that some provider knows and a verifier can vouch for
	cost   money.Micro
	known  domain.Experiences
}

// enrichMarket runs one campaign at all providers.
func enrichMarket(t *testing.T, seed uint64, enrich *api.EnrichRequest, known domain.Experiences) (out bought) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: seed, Generous: true, Enrichers: everybody})
		if known != nil {
			if err := w.Store.Learn(t.Context(), domain.Ref{Team: practice.Team, Run: "earlier"}, known); err != nil {
				t.Fatal(err)
			}
		}
		c := start(t, w, api.CampaignOptions{MaxProspects: 1000, Enrich: enrich, MinMatchScore: new(0.4), ReviewScore: new(0.2)})
		s := wait(t, w, c.CampaignID)
		check(t, w, s)
		for name, settled := range s.Spend.ByProvider {
			if name != "openai" && name != "googleplaces" {
				out.cost += settled
			}
		}
		icp := must[domain.ICP](t, w, "GET", "/api/v1/prospecting/icps/"+s.ICPID, nil)
		for _, row := range converted(t, w, s) {
			out.count(w.Sandbox.Market(), w.Sandbox.Market().Judge(icp), row)
		}
		var err error
		if out.known, err = w.Store.Learned(t.Context(), practice.Team); err != nil {
			t.Fatal(err)
		}
	})
	return out
}

// converted are the rows of a run as it ended.
func converted(t *testing.T, w *practice.World, s api.CampaignStatus) (all []domain.Row) {
	t.Helper()
	ledger, err := w.Store.Ledger(t.Context(), domain.Ref{Team: practice.Team, Campaign: s.CampaignID, Run: s.RunID})
	if err != nil {
		t.Fatal(err)
	}
	for name := range ledger.Chunks {
		rows, err := w.Store.Rows(t.Context(), practice.Team, store.StepKey(s.RunID, name, store.StepConverted))
		if err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

func (b *bought) count(m *market.Market, judge *market.Judge, row domain.Row) {
	p := row.Prospect
	if row.State != domain.Qualified && row.State != domain.Review || p.Refs["apollo"] == "" {
		return
	}
	truth, known := judge.Truth("apollo", p.Refs["apollo"])
	if !known || truth.PersonIndex < 0 {
		return
	}
	b.people++
	if p.Contact.EmailStatus == domain.EmailSafe {
		b.safe++
		if !m.Deliverable(strings.ToLower(p.Contact.Email)) {
			b.bounce++
		}
	}
	if attainable(m, truth.PersonIndex, p.Company.Domain) {
		b.best++
	}
}

// attainable reports whether some provider holds the person's true address, in a
// domain whose server tells which mailboxes there are. A provider that files
// somebody under another employer than we do cannot be asked: in this market
// no two share an id of a person, nor the address of a profile.
func attainable(m *market.Market, person int, company string) bool {
	truth := m.Email(person)
	box := m.Mailbox(truth)
	if truth == "" || !box.Exists || box.CatchAll || m.Person(person).OptOut {
		return false
	}
	for _, name := range []string{"apollo", "zoominfo", "lusha"} {
		source := m.Source(name)
		for n := range source.Profiles(person) {
			p := source.Profile(person, n)
			if strings.EqualFold(p.Email, truth) && (name == "apollo" || m.Domain(p.Company) == company) {
				return true
			}
		}
	}
	hunter, p := m.Source("hunter"), m.Person(person)
	if m.Domain(p.Company) != company || hunter.Profiles(person) == 0 || !hunter.KnowsPattern(p.Company) {
		return false
	}
	return person%5 < 2 || strings.EqualFold(m.Guess(p.First, p.Last, p.Company), truth)
}

// At all providers at once: nearly every address that money can buy is bought,
// what is called safe does not bounce, and the learned order pays far less for
// the same than the order by reputation.
func TestTheWaterfallBuysWhatCanBeBoughtForLess(t *testing.T) {
	fixed := enrichMarket(t, 5, &api.EnrichRequest{Providers: everybody, Order: "fixed"}, nil)
	before := enrichMarket(t, 7, nil, nil)
	learned := enrichMarket(t, 5, nil, before.known)
	share := func(part, whole int) float64 { return float64(part) / float64(max(whole, 1)) }
	t.Logf("fixed %s and learned %s for %d people; safe %.1f and %.1f %%, attainable %.1f %%, bounce of safe %.2f %%", fixed.cost, learned.cost, learned.people,
		100*share(fixed.safe, fixed.people), 100*share(learned.safe, learned.people), 100*share(learned.best, learned.people), 100*share(learned.bounce, learned.safe))
	if learned.people < 300 {
		t.Fatalf("only %d people: the market is too small to tell", learned.people)
	}
	if got, best := share(learned.safe, learned.people), share(learned.best, learned.people); got < best-0.02 {
		t.Errorf("%.3f of the people have a safe address, %.3f could", got, best)
	}
	if got := share(learned.bounce, learned.safe); got >= 0.02 {
		t.Errorf("%.3f of the safe addresses would bounce", got)
	}
	if got, want := share(learned.safe, learned.people), share(fixed.safe, fixed.people); got < want-0.005 {
		t.Errorf("the learned order finds %.3f, the fixed one %.3f", got, want)
	}
	if learned.cost > fixed.cost*8/10 {
		t.Errorf("the learned order costs %s, the fixed one %s: want at most 80 %%", learned.cost, fixed.cost)
	}
}
