package waterfall

import (
	"cmp"
	"context"
	"slices"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
)

// Keys tells which fields a provider's secret has.
type Keys interface {
	Fields(ctx context.Context, provider string, refresh bool) (map[string]string, error)
}

// Connected returns those of the providers that have a key, in order.
func Connected(ctx context.Context, names []string, all map[string]provider.Definition, keys Keys) ([]string, error) {
	var out []string
	for _, name := range names {
		d, known := all[name]
		if !known {
			continue
		}
		if len(d.SecretFields) > 0 {
			fields, err := keys.Fields(ctx, name, false)
			if err != nil {
				return nil, err
			}
			if fields[d.SecretFields[0]] == "" {
				continue
			}
		}
		out = append(out, name)
	}
	return out, nil
}

// PlanOf resolves what a campaign wants with what is known: its fields, its
// providers, and unless it fixes their order the cheapest orders.
//
// Who works at a company is asked of the campaign's own sources first: they
// name people by the ids under which prospects are claimed, so that somebody
// who is a prospect already is noticed before being paid for.
func PlanOf(want domain.Enrich, sources []string, all map[string]provider.Definition, known domain.Experiences) domain.EnrichPlan {
	plan := domain.EnrichPlan{Fields: want.Fields, Providers: want.Providers, People: slices.Clone(want.Providers)}
	rank := func(name string) int {
		switch {
		case slices.Contains(sources, name):
			return 0
		case all[name].Prices.Operations[provider.OpFindPeople].Max() == 0:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(plan.People, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	if len(plan.Fields) == 0 {
		plan.Fields = domain.DefaultFields()
	}
	plan.Guesses = domain.DefaultGuesses
	if want.Guesses != nil {
		plan.Guesses = min(max(*want.Guesses, 0), domain.MostGuesses)
	}
	if w := New(plan, all, nil); w.verifier(nil) == "" || !w.wants(domain.FieldEmail) || !w.wants(domain.FieldEmailStatus) {
		plan.Guesses = 0 // nobody would check them
	}
	if !want.Fixed {
		plan.Orders = Stats{Providers: all, Known: Widen(known)}.Orders(plan.Fields, plan.Providers)
	}
	return plan
}

// guessShare is about how many guesses are checked for a person whom no finder
// knows: one in ten works where enough colleagues are known.
const guessShare = 0.1

// ExpectAll returns what one prospect of which nothing is known costs at each
// provider of a plan.
func (s Stats) ExpectAll(plan domain.EnrichPlan) map[string]money.Micro {
	out := map[string]money.Micro{}
	for _, field := range plan.Fields {
		if field == domain.FieldEmailStatus {
			continue // counted with the addresses that need it
		}
		order := plan.Providers
		if learned, ok := plan.Orders[field][everyone]; ok {
			order = learned.Providers
		}
		byProvider, hit := s.Expect(field, order, Segment{})
		for name, cost := range byProvider {
			out[name] += cost
		}
		if name, check := s.cheapest(plan.Providers, provider.OpVerifyEmail); field == domain.FieldEmail && plan.Guesses > 0 && name != "" {
			out[name] += money.Micro((1 - hit) * guessShare * check) // few are worth asking about
		}
	}
	return out
}
