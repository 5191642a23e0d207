package lusha_test

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
	"github.com/messageai/sluice/internal/provider/lusha"
	"github.com/messageai/sluice/internal/provider/providertest"
)

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var dana = domain.Prospect{Person: domain.Person{FirstName: "Dana", LastName: "Okafor"}, Company: domain.Company{Domain: "acmerobotics.example"}}

// item is a batch call of one, as the suite sees it.
func item(ask func(context.Context, []domain.Prospect) ([]provider.Answer, error)) func(context.Context) (providertest.Answer, error) {
	return func(ctx context.Context) (providertest.Answer, error) {
		answers, err := ask(ctx, []domain.Prospect{dana})
		a := slices.Concat(answers, []provider.Answer{{}})[0]
		if err == nil {
			err = a.Err
		}
		return providertest.Answer{Found: a.Found, Usage: a.Usage, Value: []any{a.Prospect.Person, a.Prospect.Company, a.Prospect.Contact}}, err
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	replies := []providertest.Reply{
		{Name: "no credits", Status: 402, Body: string(fixture(t, "error_credits.json")), Kind: fault.QuotaExhausted},
		{Name: "version 3 is off", Status: 403, Body: string(fixture(t, "error_version.json")), Kind: fault.Forbidden},
		{Name: "too fast", Status: 429, Body: string(fixture(t, "error_speed.json")), Kind: fault.RateLimited},
		{Name: "day used up", Status: 429, Header: map[string]string{"x-daily-requests-left": "0"}, Body: "{}", Kind: fault.RateLimited},
	}
	items := slices.Concat(replies, []providertest.Reply{
		{Name: "restricted inside a 200", Status: 200, Body: `{"results":[{"clientReferenceId":"0","error":{"code":"COMPLIANCE_RESTRICTED"}}],"billing":{"creditsCharged":0}}`, Kind: fault.Blocked},
		{Name: "failed inside a 200", Status: 200, Body: `{"results":[{"clientReferenceId":"0","error":{"code":"ENRICH_FAILED"}}]}`, Kind: fault.Unavailable},
		{Name: "a new code", Status: 200, Body: `{"results":[{"clientReferenceId":"0","error":{"code":"TOO_TALL"}}]}`, Kind: fault.BadResponse},
		{Name: "nobody answered for", Status: 200, Body: `{"results":[],"billing":{"creditsCharged":0}}`, Kind: fault.BadResponse},
		{Name: "no results", Status: 200, Body: `{}`, Kind: fault.BadResponse},
		{Name: "no reference", Status: 200, Body: `{"results":[{"id":"4389060001"}]}`, Kind: fault.BadResponse},
		{Name: "a bill below zero", Status: 200, Body: `{"results":[{"clientReferenceId":"0","id":"1"}],"billing":{"creditsCharged":-1}}`, Kind: fault.BadResponse},
		{Name: "a bill beyond sense", Status: 200, Body: `{"results":[{"clientReferenceId":"0","id":"1"}],"billing":{"creditsCharged":1e300}}`, Kind: fault.BadResponse},
	})
	none := []providertest.Reply{
		{Name: "not found", Status: 200, Body: `{"results":[{"clientReferenceId":"0","error":{"code":"NOT_FOUND","message":"?"}}],"billing":{"creditsCharged":0}}`},
		{Name: "no score", Status: 200, Body: `{"results":[{"clientReferenceId":"0","error":{"code":"NO_SCORE"}}],"billing":{"creditsCharged":1}}`},
		{Name: "an empty result", Status: 200, Body: `{"results":[{"clientReferenceId":"0"}]}`},
	}
	kinds := map[int]fault.Kind{499: fault.Unavailable}
	private := []string{"Dana", "Okafor", "acmerobotics"}
	providertest.Run(t, providertest.Case{
		Definition: lusha.Definition(),
		Classify:   lusha.Classify,
		Build:      func(d provider.Deps) (any, error) { return lusha.New(d) },
		Calls: []providertest.Call{
			{
				Op: provider.OpEnrichPerson,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					return item(client.(provider.PersonEnricher).EnrichPeople)(ctx)
				},
				Found: fixture(t, "contacts.json"), None: none, Replies: items, Kinds: kinds, Private: private,
			},
			{
				Op: provider.OpFindPhone,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					return item(client.(provider.PhoneFinder).FindPhones)(ctx)
				},
				Found: fixture(t, "phones.json"), None: none, Replies: items, Kinds: kinds, Private: private,
			},
			{
				Op: provider.OpEnrichCompany,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					return item(client.(provider.CompanyEnricher).EnrichCompanies)(ctx)
				},
				Found: fixture(t, "companies.json"), None: none, Replies: items, Kinds: kinds, Private: private,
			},
			{
				Op: provider.OpReadAccount,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					a, err := client.(provider.AccountReader).ReadAccount(ctx)
					return providertest.Answer{Found: len(a.Balances) > 0, Usage: a.Usage, Value: a.Balances}, err
				},
				Found: fixture(t, "usage.json"), NeverEmpty: true, Kinds: kinds,
				Replies: append(replies, providertest.Reply{Name: "no credits told", Status: 200, Body: `{"plan":{}}`, Kind: fault.BadResponse}),
			},
		},
	})
}

// The price table reserves for a prospect: search and reveal, at the plan's
// own numbers.
func TestSearchIsPricedBesideTheReveal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings provider.Settings
		want     map[string]money.Micro
	}{
		"as published": {nil, map[string]money.Micro{
			provider.OpEnrichPerson: 200_000, provider.OpFindPhone: 600_000, provider.OpEnrichCompany: 200_000, provider.OpReadAccount: 0,
		}},
		"of a plan": {
			provider.Settings{"credit_microusd": "30000", "search_credits": "0", "email_credits": "2", "phone_credits": "10", "company_credits": "0"},
			// A call that is free by the rules may still cost the minimum of a credit.
			map[string]money.Micro{provider.OpEnrichPerson: 60_000, provider.OpFindPhone: 300_000, provider.OpEnrichCompany: 30_000, provider.OpReadAccount: 0},
		},
	} {
		table, err := lusha.Prices(test.settings)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]money.Micro{}
		for op, price := range table.Operations {
			got[op] = price.Max()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, setting := range []string{"credit_microusd", "search_credits", "email_credits", "phone_credits", "company_credits"} {
		for _, bad := range []string{"cheap", "-1", "1e9", "0.5", "99999999999999"} {
			if _, err := lusha.New(provider.Deps{Settings: provider.Settings{setting: bad}}); fault.KindOf(err) != fault.InvalidInput {
				t.Errorf("%s %q: %v, want InvalidInput", setting, bad, err)
			}
		}
	}
}
