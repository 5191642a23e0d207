package apollo_test

import (
	"context"
	"os"
	"testing"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/apollo"
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

func TestConformance(t *testing.T) {
	t.Parallel()
	none := []providertest.Reply{
		{Name: "no people", Status: 200, Body: string(fixture(t, "search_none.json"))},
		{Name: "absent list", Status: 200, Body: `{"total_entries":0}`},
	}
	replies := []providertest.Reply{
		{Name: "key", Status: 401, Body: string(fixture(t, "error_key.json")), Kind: fault.Unauthenticated},
		{Name: "key as plain text", Status: 401, Body: "Invalid access credentials.", Kind: fault.Unauthenticated},
		{Name: "key by code alone", Status: 403, Body: string(fixture(t, "error_key.json")), Kind: fault.Unauthenticated},
		{Name: "endpoint not in the plan", Status: 403, Body: `{"error":"...","error_code":"API_INACCESSIBLE"}`, Kind: fault.Forbidden},
		{Name: "no credits", Status: 422, Body: string(fixture(t, "error_credits.json")), Kind: fault.QuotaExhausted},
		{Name: "no credits, new form", Status: 403, Body: `{"error_details":{"code":"USAGE.CREDITS.INSUFFICIENT"}}`, Kind: fault.QuotaExhausted},
		{Name: "too fast", Status: 429, Body: string(fixture(t, "error_speed.json")), Kind: fault.RateLimited},
		{Name: "too fast, new form", Status: 429, Body: `{"error_details":{"code":"USAGE.RATE_LIMIT.API_RATE_LIMIT_EXCEEDED"}}`, Kind: fault.RateLimited},
		{Name: "unknown error", Status: 422, Body: `{"status":"failed","error_code":"UNKNOWN_ERROR","error_message":"?"}`, Kind: fault.InvalidInput},
	}
	providertest.Run(t, providertest.Case{
		Definition: apollo.Definition(),
		Classify:   apollo.Classify,
		Build:      func(d provider.Deps) (any, error) { return apollo.New(d) },
		Calls: []providertest.Call{
			{
				Op: provider.OpDiscover,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					page, err := client.(*apollo.Client).Discover(ctx, provider.Query{Titles: []string{"VP Operations"}, Locations: []string{"Springfield"}}, "")
					return providertest.Answer{Found: len(page.Prospects) > 0, Usage: page.Usage, Value: ids(page.Prospects)}, err
				},
				Found: fixture(t, "search.json"), None: none, Replies: replies,
				Private: []string{"Springfield", "Dana"},
			},
			{
				Op: provider.OpFindPeople,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					people, usage, err := client.(*apollo.Client).FindPeople(ctx, "acmerobotics.example", provider.Query{})
					return providertest.Answer{Found: len(people) > 0, Usage: usage, Value: ids(people)}, err
				},
				Found: fixture(t, "search.json"), None: none, Replies: replies,
				Private: []string{"acmerobotics"},
			},
			{
				Op: provider.OpEnrichPerson,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					a, err := client.(*apollo.Client).EnrichPerson(ctx, domain.Prospect{Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"}})
					return providertest.Answer{Found: a.Found, Usage: a.Usage, Value: a.Prospect.Person}, err
				},
				Found: fixture(t, "match.json"),
				None: []providertest.Reply{
					{Name: "null person", Status: 200, Body: `{"request_id":-1,"person":null}`},
					{Name: "absent person", Status: 200, Body: `{"request_id":-1039995589705121900}`},
				},
				Replies: replies,
				Private: []string{"dana", "acmerobotics"},
			},
		},
	})
}

func ids(people []domain.Prospect) []string {
	var out []string
	for _, p := range people {
		out = append(out, p.ProfileID)
	}
	return out
}
