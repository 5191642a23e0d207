package hunter_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/hunter"
	"github.com/messageai/sluice/internal/provider/providertest"
)

var dana = provider.EmailQuery{FirstName: "Dana", LastName: "Okafor", Domain: "acmerobotics.example"}

const address = "dana.okafor@acmerobotics.example"

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestConformance(t *testing.T) {
	t.Parallel()
	plan, speed := string(fixture(t, "error_plan.json")), string(fixture(t, "error_speed.json"))
	replies := []providertest.Reply{
		{Name: "plan used up", Status: 429, Body: plan, Kind: fault.QuotaExhausted},
		{Name: "429 about speed", Status: 429, Body: speed, Kind: fault.RateLimited},
		{Name: "403 with Retry-After", Status: 403, Header: map[string]string{"Retry-After": "7"}, Kind: fault.RateLimited},
	}
	kinds := func(own map[int]fault.Kind) map[int]fault.Kind {
		// The statuses that Hunter uses in its own way for every call.
		own[403], own[202], own[222] = fault.RateLimited, fault.Unavailable, fault.Unavailable
		return own
	}
	providertest.Run(t, providertest.Case{
		Definition: hunter.Definition(),
		Classify:   hunter.Classify,
		Build:      func(d provider.Deps) (any, error) { return hunter.New(d) },
		Calls: []providertest.Call{
			{
				Op: provider.OpFindPeople,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					people, usage, err := client.(*hunter.Client).FindPeople(ctx, "acmerobotics.example", provider.Query{})
					for i := range people {
						people[i].SeenAt, people[i].Provenance = time.Time{}, nil
					}
					return providertest.Answer{Found: len(people) > 0, Usage: usage, Value: people}, err
				},
				Found: fixture(t, "domain_search.json"),
				None: []providertest.Reply{
					{Name: "no addresses", Status: 200, Body: string(fixture(t, "domain_search_none.json"))},
					{Name: "null data", Status: 200, Body: `{"data":null}`},
					{Name: "null addresses", Status: 200, Body: `{"data":{"emails":null}}`},
					{Name: "not found", Status: 404, Body: `{"errors":[{"id":"not_found","code":404}]}`},
				},
				Kinds:   kinds(map[int]fault.Kind{404: ""}),
				Replies: append(replies, providertest.Reply{Name: "limit", Status: 400, Body: string(fixture(t, "error_limit.json")), Kind: fault.InvalidInput}),
				Private: []string{"Dana", "Okafor", "acmerobotics"},
			},
			{
				Op: provider.OpReadAccount,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					account, err := client.(*hunter.Client).ReadAccount(ctx)
					return providertest.Answer{Found: account.Plan != "", Usage: account.Usage, Value: account.Balances}, err
				},
				Found: fixture(t, "account.json"), NeverEmpty: true,
				Kinds:   kinds(map[int]fault.Kind{}),
				Replies: append(replies, providertest.Reply{Name: "no account", Status: 200, Body: `{"data":null}`, Kind: fault.BadResponse}),
			},
			{
				Op: provider.OpFindEmail,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					a, err := client.(*hunter.Client).FindEmail(ctx, dana)
					usage := a.Usage
					a.Usage = provider.Usage{}
					return providertest.Answer{Found: a.Found, Usage: usage, Value: a}, err
				},
				Found: fixture(t, "find_email.json"),
				None: []providertest.Reply{
					{Name: "null e-mail", Status: 200, Body: string(fixture(t, "find_email_none.json"))},
					{Name: "null data", Status: 200, Body: `{"data":null}`},
					{Name: "not found", Status: 404, Body: `{"errors":[{"id":"not_found","code":404}]}`},
				},
				Kinds:   kinds(map[int]fault.Kind{404: ""}),
				Replies: replies,
				Private: []string{"Dana", "Okafor", "acmerobotics"},
			},
			{
				Op: provider.OpVerifyEmail,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					answers, err := client.(*hunter.Client).VerifyEmails(ctx, []string{address})
					a := slices.Concat(answers, []provider.Verification{{}})[0]
					usage := a.Usage
					a.Usage = provider.Usage{}
					return providertest.Answer{Found: a.Status != "", Usage: usage, Value: a}, err
				},
				Found:      fixture(t, "verify_email.json"),
				NeverEmpty: true,
				Kinds:      kinds(map[int]fault.Kind{}),
				Replies:    append(replies, providertest.Reply{Name: "no verdict", Status: 200, Body: `{"data":null}`, Kind: fault.BadResponse}),
				Private:    []string{"dana", "acmerobotics"},
			},
		},
	})
}

func TestPrices(t *testing.T) {
	t.Parallel()
	got, err := hunter.Prices(provider.Settings{"credit_microusd": "14900", "domain_search_addresses": "25"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]money.Micro{
		provider.OpFindEmail: 14_900, provider.OpVerifyEmail: 7_450, provider.OpFindPeople: 44_700, provider.OpReadAccount: 0,
	}
	max := map[string]money.Micro{}
	for op, price := range got.Operations {
		max[op] = price.Max()
	}
	if diff := cmp.Diff(want, max); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"cheap", "-1", "1e9", "99999999999999"} {
		if _, err := hunter.New(provider.Deps{Settings: provider.Settings{"credit_microusd": bad}}); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("credit price %q: %v, want InvalidInput", bad, err)
		}
	}
	for _, bad := range []string{"all", "0", "101"} {
		if _, err := hunter.New(provider.Deps{Settings: provider.Settings{"domain_search_addresses": bad}}); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("%q addresses: %v, want InvalidInput", bad, err)
		}
	}
}
