package zerobounce_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/providertest"
	"github.com/messageai/sluice/internal/provider/zerobounce"
)

const (
	dana   = "dana.okafor@acmerobotics.example"
	nobody = "nobody@acmerobotics.example"
)

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
	const canary = "canary-b9719d911017c592"
	verify := func(op string, found []byte, emails []string, replies ...providertest.Reply) providertest.Call {
		return providertest.Call{
			Op: op, Found: found, NeverEmpty: true,
			Kinds:   map[int]fault.Kind{403: fault.RateLimited, 520: fault.Unclear, 524: fault.Unclear},
			Private: []string{"dana", "okafor", "acmerobotics", "nobody"},
			Replies: append(replies,
				providertest.Reply{Name: "empty object", Status: 200, Body: `{}`, Kind: fault.BadResponse},
				providertest.Reply{Name: "error", Status: 200, Body: `{"error":"` + canary + `"}`, Kind: fault.BadResponse},
				providertest.Reply{Name: "Message", Status: 200, Body: `{"Message":"` + canary + `"}`, Kind: fault.BadResponse},
				providertest.Reply{Name: "403 with Retry-After", Status: 403, Header: map[string]string{"Retry-After": "7"}, Kind: fault.RateLimited},
			),
			Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
				verdicts, err := client.(*zerobounce.Client).VerifyEmails(ctx, emails)
				a := providertest.Answer{Found: len(verdicts) == len(emails)}
				for i, v := range verdicts {
					a.Usage.Op, a.Usage.Cost = v.Usage.Op, a.Usage.Cost+v.Usage.Cost
					a.Found = a.Found && v.Err == nil
					verdicts[i].Usage = provider.Usage{}
				}
				a.Value = slices.Clone(verdicts)
				return a, err
			},
		}
	}
	providertest.Run(t, providertest.Case{
		Definition: zerobounce.Definition(),
		Classify:   zerobounce.Classify,
		Build:      func(d provider.Deps) (any, error) { return zerobounce.New(d) },
		Calls: []providertest.Call{
			verify(provider.OpVerifyEmail, fixture(t, "validate.json"), []string{dana}),
			verify("verify_batch", fixture(t, "batch.json"), []string{dana, nobody}, providertest.Reply{
				Name: "an unknown error for all", Status: 200, Body: `{"email_batch":[],"errors":[{"error":"` + canary + `","email_address":"all"}]}`, Kind: fault.BadResponse,
			}),
			{
				Op: provider.OpReadAccount, Found: fixture(t, "credits.json"), NeverEmpty: true, Kinds: map[int]fault.Kind{403: fault.RateLimited},
				Replies: []providertest.Reply{
					{Name: "bad key", Status: 200, Body: `{"Credits":"-1"}`, Kind: fault.Unauthenticated},
					{Name: "bad key as a number", Status: 200, Body: `{"Credits":-1}`, Kind: fault.Unauthenticated},
					{Name: "no balance", Status: 200, Body: `{"Credits":null}`, Kind: fault.BadResponse},
					{Name: "a balance in words", Status: 200, Body: `{"Credits":"` + canary + `"}`, Kind: fault.BadResponse},
					{Name: "gateway", Status: 524, Kind: fault.Unavailable},
				},
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					account, err := client.(*zerobounce.Client).ReadAccount(ctx)
					return providertest.Answer{Found: len(account.Balances) == 1, Usage: provider.Usage{Op: account.Usage.Op}, Value: account.Balances}, err
				},
			},
		},
	})
}

func TestPrices(t *testing.T) {
	t.Parallel()
	got, err := zerobounce.Prices(provider.Settings{"credit_microusd": "3900"})
	if err != nil {
		t.Fatal(err)
	}
	highest := map[string]money.Micro{}
	for op, price := range got.Operations {
		highest[op] = price.Max()
	}
	want := map[string]money.Micro{"verify_email": 3_900, "verify_batch": 390_000, "read_account": 0}
	if diff := cmp.Diff(want, highest); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"cheap", "-1", "1e9", "99999999999999"} {
		if _, err := zerobounce.New(provider.Deps{Settings: provider.Settings{"credit_microusd": bad}}); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("credit price %q: %v, want InvalidInput", bad, err)
		}
	}
}
