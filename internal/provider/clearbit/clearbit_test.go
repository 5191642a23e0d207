package clearbit_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/clearbit"
	"github.com/messageai/sluice/internal/provider/providertest"
)

const address = "dana.okafor@acmerobotics.example"

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// one is the only answer, with its error as the call's.
func one(answers []provider.Answer, err error) (providertest.Answer, error) {
	a := slices.Concat(answers, []provider.Answer{{}})[0]
	if err == nil {
		err = a.Err
	}
	return providertest.Answer{Found: a.Found, Usage: a.Usage, Value: a.Prospect.Company}, err
}

func TestConformance(t *testing.T) {
	t.Parallel()
	replies := []providertest.Reply{
		{Name: "wrong key", Status: 401, Body: string(fixture(t, "error_key.json")), Kind: fault.Unauthenticated},
		{Name: "unknown route", Status: 404, Body: string(fixture(t, "error_route.json")), Kind: fault.Forbidden},
		{Name: "unknown route in a list", Status: 404, Body: string(fixture(t, "error_list.json")), Kind: fault.Forbidden},
		{Name: "unknown route in a list inside", Status: 404, Body: `{"error":[{"type":"unknown_route"}]}`, Kind: fault.Forbidden},
		{Name: "too fast, no body", Status: 429, Kind: fault.RateLimited},
	}
	queued := append(slices.Clip(replies), providertest.Reply{Name: "queued", Status: 202, Kind: fault.Unavailable})
	missing := []providertest.Reply{
		{Name: "no such record", Status: 404, Body: `{"error":{"type":"unknown_record","message":"?"}}`},
		{Name: "404 without a body", Status: 404},
		{Name: "404 with an empty list", Status: 404, Body: `[]`},
	}
	miss := map[int]fault.Kind{404: "", 202: fault.Unavailable}
	providertest.Run(t, providertest.Case{
		Definition: clearbit.Definition(),
		Classify:   clearbit.Classify,
		Build:      func(d provider.Deps) (any, error) { return clearbit.New(d) },
		Calls: []providertest.Call{
			{
				Op: provider.OpEnrichPerson,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					return one(client.(*clearbit.Client).EnrichPeople(ctx, []domain.Prospect{{Contact: domain.Contact{Email: address}}}))
				},
				Found: fixture(t, "combined.json"),
				None: append(slices.Clip(missing),
					providertest.Reply{Name: "both null", Status: 200, Body: `{"person":null,"company":null}`},
					providertest.Reply{Name: "neither there", Status: 200, Body: `{}`}),
				Kinds: miss, Replies: queued,
				Private: []string{"dana", "acmerobotics"},
			},
			{
				Op: provider.OpEnrichCompany,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					return one(client.(*clearbit.Client).EnrichCompanies(ctx, []domain.Prospect{{Company: domain.Company{Domain: "acmerobotics.example"}}}))
				},
				Found: fixture(t, "company.json"),
				None:  append(slices.Clip(missing), providertest.Reply{Name: "null", Status: 200, Body: `null`}),
				Kinds: miss, Replies: queued,
				Private: []string{"acmerobotics"},
			},
			{
				Op: provider.OpFindPeople,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					people, usage, err := client.(*clearbit.Client).FindPeople(ctx, "acmerobotics.example", provider.Query{Titles: []string{"Chief Robot Officer"}})
					var who []domain.Person
					for _, p := range people {
						who = append(who, p.Person)
					}
					return providertest.Answer{Found: len(people) > 0, Usage: usage, Value: who}, err
				},
				Found: fixture(t, "search.json"),
				None:  append(slices.Clip(missing), providertest.Reply{Name: "nobody", Status: 200, Body: string(fixture(t, "search_none.json"))}),
				Kinds: miss, Replies: queued,
				Private: []string{"acmerobotics", "Robot Officer", "Dana"},
			},
			{
				Op: provider.OpReadAccount,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					account, err := client.(*clearbit.Client).ReadAccount(ctx)
					return providertest.Answer{Found: err == nil, Usage: account.Usage, Value: account.Balances}, err
				},
				Found: fixture(t, "company.json"), NeverEmpty: true,
				// The key was accepted; that the question is none is meant so.
				Kinds:   map[int]fault.Kind{400: "", 404: "", 422: "", 202: ""},
				Replies: replies,
			},
		},
	})
}

func TestPrices(t *testing.T) {
	t.Parallel()
	got, err := clearbit.Prices(provider.Settings{"credit_microusd": "36000"})
	if err != nil {
		t.Fatal(err)
	}
	most := map[string]money.Micro{}
	for op, price := range got.Operations {
		most[op] = price.Max()
	}
	want := map[string]money.Micro{
		provider.OpEnrichPerson: 36_000, provider.OpEnrichCompany: 36_000, provider.OpFindPeople: 36_000, provider.OpReadAccount: 0,
	}
	if diff := cmp.Diff(want, most); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []provider.Settings{
		{"credit_microusd": "cheap"}, {"credit_microusd": "-1"}, {"credit_microusd": "1e9"}, {"credit_microusd": "99999999999999"}, {"pending": "stream"},
	} {
		if _, err := clearbit.New(provider.Deps{Settings: s}); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("%v: %v, want InvalidInput", s, err)
		}
	}
}
