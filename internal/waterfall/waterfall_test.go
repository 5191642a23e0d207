package waterfall_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/waterfall"
)

// finder is a provider that sells addresses of people whom it knows by name.
func finder(name string, price money.Micro) provider.Definition {
	return provider.Definition{
		Name: name,
		Offers: map[string]provider.Offer{
			provider.OpEnrichPerson: {Gives: []domain.Field{domain.FieldEmail, domain.FieldTitle}, By: []provider.Identity{provider.ByNameAtDomain}},
		},
		Prices: money.Table{Operations: map[string]money.Price{provider.OpEnrichPerson: {Unit: price, Units: 1}}},
	}
}

// verifier checks addresses.
func verifier(name string, price money.Micro) provider.Definition {
	return provider.Definition{
		Name:   name,
		Offers: map[string]provider.Offer{provider.OpVerifyEmail: {Gives: []domain.Field{domain.FieldEmailStatus}, By: []provider.Identity{provider.ByEmail}}},
		Prices: money.Table{Operations: map[string]money.Price{provider.OpVerifyEmail: {Unit: price, Units: 1}}},
	}
}

func market(all ...provider.Definition) (names []string, byName map[string]provider.Definition) {
	byName = map[string]provider.Definition{}
	for _, d := range all {
		names = append(names, d.Name)
		byName[d.Name] = d
	}
	return names, byName
}

func person(n int) domain.Row {
	return domain.Row{State: domain.InWork, Prospect: domain.Prospect{
		ID:      fmt.Sprint("p_", n),
		Person:  domain.Person{FirstName: "Ann", LastName: fmt.Sprint("Lee", n), Country: "United States", Seniority: "vp"},
		Company: domain.Company{Domain: "x.example", Employees: 100},
	}}
}

// play asks until nothing is left, with what a provider knows and what a
// verifier says; "" is a miss.
func play(t *testing.T, w *waterfall.Waterfall, row *domain.Row, email func(name string) string, verdict func(name, email string) domain.EmailStatus) []string {
	t.Helper()
	var asked []string
	for {
		step, more := w.Next(row)
		if !more {
			return asked
		}
		asked = append(asked, step.Provider)
		if len(asked) > 20 {
			t.Fatalf("it never ends: %v", asked)
		}
		call := domain.Call{Provider: step.Provider, Op: step.Op, Field: step.Field, Outcome: domain.CallNone}
		c := &row.Prospect.Contact
		if step.Op == provider.OpVerifyEmail {
			call.Outcome = domain.CallFound
			if c.EmailStatus = verdict(step.Provider, c.Email); c.EmailStatus == domain.EmailInvalid {
				c.Email, c.EmailStatus = "", ""
			}
		} else if found := email(step.Provider); found != "" {
			call.Outcome, c.Email = domain.CallFound, found
		}
		row.Calls = append(row.Calls, call)
	}
}

func TestItStopsAtTheFirstValueThatValidates(t *testing.T) {
	t.Parallel()
	names, all := market(finder("a", 1), finder("b", 1), finder("c", 1), verifier("v", 1), verifier("w", 1))
	plan := domain.EnrichPlan{Fields: domain.DefaultFields(), Providers: names}
	for name, test := range map[string]struct {
		knows    map[string]string
		verdicts map[string]domain.EmailStatus // by verifier and address
		out      map[string]string
		want     []string
	}{
		"the first knows":               {knows: map[string]string{"a": "1", "b": "2"}, verdicts: map[string]domain.EmailStatus{"v1": domain.EmailSafe}, want: []string{"a", "v"}},
		"a miss":                        {knows: map[string]string{"b": "2"}, verdicts: map[string]domain.EmailStatus{"v2": domain.EmailSafe}, want: []string{"a", "b", "v"}},
		"it would bounce":               {knows: map[string]string{"a": "1", "b": "2"}, verdicts: map[string]domain.EmailStatus{"v1": domain.EmailInvalid, "w2": domain.EmailSafe}, want: []string{"a", "v", "b", "w"}},
		"a catch-all stays a catch-all": {knows: map[string]string{"a": "1", "b": "2"}, verdicts: map[string]domain.EmailStatus{"v1": domain.EmailRisky}, want: []string{"a", "v"}},
		"a second opinion":              {knows: map[string]string{"a": "1"}, verdicts: map[string]domain.EmailStatus{"v1": domain.EmailUnknown, "w1": domain.EmailSafe}, want: []string{"a", "v", "w"}},
		"an outage":                     {knows: map[string]string{"a": "1", "b": "2"}, verdicts: map[string]domain.EmailStatus{"v2": domain.EmailSafe}, out: map[string]string{"a": "Unavailable"}, want: []string{"b", "v"}},
		"nobody knows":                  {want: []string{"a", "b", "c"}},
	} {
		row := person(1)
		got := play(t, waterfall.New(plan, all, test.out), &row,
			func(name string) string { return test.knows[name] },
			func(name, email string) domain.EmailStatus { return test.verdicts[name+email] })
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", name, diff)
		}
	}
}

func TestNobodyIsAskedAboutSomebodyItCannotKnow(t *testing.T) {
	t.Parallel()
	names, all := market(finder("a", 1))
	w := waterfall.New(domain.EnrichPlan{Fields: domain.DefaultFields(), Providers: names}, all, nil)
	for name, change := range map[string]func(*domain.Row){
		"no last name": func(r *domain.Row) { r.Prospect.Person.LastName = "" },
		"no domain":    func(r *domain.Row) { r.Prospect.Company.Domain = "" },
		"not in work":  func(r *domain.Row) { r.State = domain.Suppressed },
		"nothing wanted": func(r *domain.Row) {
			r.Prospect.Contact = domain.Contact{Email: "x@x.example", EmailStatus: domain.EmailSafe}
		},
	} {
		row := person(1)
		change(&row)
		if step, more := w.Next(&row); more {
			t.Errorf("%s: %+v is asked", name, step)
		}
	}
}

// truth is how a provider really is for one segment.
type truth struct{ hit, price float64 }

// observe plays rows through an order against the truth and returns what is
// learned, and what it cost.
func observe(r *rand.Rand, order []string, all map[string]truth, n int) (domain.Experiences, money.Micro, int) {
	var rows []domain.Row
	var cost money.Micro
	hits := 0
	for i := range n {
		row := person(i)
		for _, name := range order {
			call := domain.Call{Provider: name, Op: provider.OpEnrichPerson, Field: domain.FieldEmail, Outcome: domain.CallNone, Cost: money.Micro(all[name].price)}
			cost += call.Cost
			hit := r.Float64() < all[name].hit
			if hit {
				hits++
				call.Outcome = domain.CallFound
				row.Prospect.Contact = domain.Contact{Email: "x@x.example", EmailStatus: domain.EmailSafe}
				row.Prospect.Provenance = map[string]domain.Provenance{"contact.email": {Source: name}}
			}
			row.Calls = append(row.Calls, call)
			if hit {
				break
			}
		}
		rows = append(rows, row)
	}
	return waterfall.Observe(rows), cost, hits
}

// Whatever the providers are like: from some runs in other orders it learns one
// that costs no more than the best of all orders, but for what a finite number
// of prospects cannot tell.
func TestTheLearnedOrderIsTheCheapest(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		truths := map[string]truth{}
		var definitions []provider.Definition
		for _, name := range []string{"a", "b", "c", "d"} {
			truths[name] = truth{hit: 0.1 + 0.8*r.Float64(), price: 5_000 + 200_000*r.Float64()}
			definitions = append(definitions, finder(name, money.Micro(truths[name].price)))
		}
		names, all := market(definitions...)
		known := domain.Experiences{}
		for _, order := range permutations(names) {
			seen, _, _ := observe(r, order, truths, 60)
			known.Add(seen)
		}
		learned := waterfall.Stats{Providers: all, Known: waterfall.Widen(known)}.Orders([]domain.Field{domain.FieldEmail}, names)[domain.FieldEmail]["US|medium|senior"].Providers
		best := expected(permutations(names)[0], truths)
		for _, order := range permutations(names) {
			best = min(best, expected(order, truths))
		}
		if got := expected(learned, truths); got > best*1.04 {
			t.Errorf("seed %d: the order %v costs %.0f a prospect, the best %.0f; truth %v", seed, learned, got, best, truths)
		}
	}
}

// expected is the true price of an order for one prospect.
func expected(order []string, truths map[string]truth) (cost float64) {
	missing := 1.0
	for _, name := range order {
		cost += missing * truths[name].price
		missing *= 1 - truths[name].hit
	}
	return cost
}

func permutations(names []string) [][]string {
	if len(names) == 0 {
		return [][]string{nil}
	}
	var out [][]string
	for i, name := range names {
		for _, rest := range permutations(slices.Delete(slices.Clone(names), i, i+1)) {
			out = append(out, append([]string{name}, rest...))
		}
	}
	return out
}

// What the model expects an order to cost is what it costs.
func TestExpectationsComeTrue(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	truths := map[string]truth{"a": {0.6, 20_000}, "b": {0.4, 50_000}, "c": {0.2, 9_000}}
	names, all := market(finder("a", 20_000), finder("b", 50_000), finder("c", 9_000))
	known, _, _ := observe(r, names, truths, 20_000)
	stats := waterfall.Stats{Providers: all, Known: waterfall.Widen(known)}
	segment := waterfall.SegmentOf(person(1).Prospect)
	byProvider, hit := stats.Expect(domain.FieldEmail, names, segment)
	var cost money.Micro
	for _, c := range byProvider {
		cost += c
	}
	_, real, hits := observe(r, names, truths, 20_000)
	if each := real / 20_000; cost < each*97/100 || cost > each*103/100 {
		t.Errorf("expected %v a prospect, was %v", cost, each)
	}
	if share := float64(hits) / 20_000; hit < share-0.02 || hit > share+0.02 {
		t.Errorf("expected a hit rate of %.3f, was %.3f", hit, share)
	}
}

// A provider that was good elsewhere is tried first where nothing is known, and
// a few chunks try another.
func TestSegmentsLearnFromWiderOnesAndExplore(t *testing.T) {
	t.Parallel()
	names, all := market(finder("cheap", 10_000), finder("dear", 30_000), finder("other", 20_000))
	row := func(country string, n int) domain.Row {
		r := person(n)
		r.Prospect.Person.Country = country
		return r
	}
	var rows []domain.Row
	for i := range 600 {
		for _, name := range names {
			r := row([]string{"United States", "Germany"}[i%2], i)
			good := name == "dear" && i%2 == 1 || name == "cheap" && i%2 == 0
			call := domain.Call{Provider: name, Op: provider.OpEnrichPerson, Field: domain.FieldEmail, Outcome: domain.CallNone, Cost: all[name].Prices.Operations[provider.OpEnrichPerson].Max()}
			if good {
				call.Outcome = domain.CallFound
				r.Prospect.Contact = domain.Contact{Email: "x@x.example", EmailStatus: domain.EmailSafe}
				r.Prospect.Provenance = map[string]domain.Provenance{"contact.email": {Source: name}}
			}
			r.Calls = append(r.Calls, call)
			rows = append(rows, r)
		}
	}
	plan := domain.EnrichPlan{Fields: domain.DefaultFields(), Providers: names}
	plan.Orders = waterfall.Stats{Providers: all, Known: waterfall.Widen(waterfall.Observe(rows))}.Orders(plan.Fields, names)
	w := waterfall.New(plan, all, nil)
	first := func(country string) map[string]int {
		count := map[string]int{}
		for n := range 5_000 {
			r := row(country, n)
			w.Explore = waterfall.Explores([]domain.Row{r})
			step, _ := w.Next(&r)
			count[step.Provider]++
		}
		return count
	}
	for country, want := range map[string]string{"United States": "cheap", "Germany": "dear"} {
		count := first(country)
		if share := float64(count[want]) / 5_000; share < 0.94 || share > 0.98 {
			t.Errorf("%s: asked first %v, want %s for 96 %%", country, count, want)
		}
	}
	// An Argentinian firm was never seen: everyone's order holds.
	if count := first("Argentina"); count["cheap"]+count["dear"] < 4_600 {
		t.Errorf("asked first about an unknown country: %v", count)
	}
}
