package apollo_test

import (
	"context"
	"os"
	"slices"
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
					answers, err := client.(*apollo.Client).EnrichPeople(ctx, []domain.Prospect{{Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"}}})
					a := slices.Concat(answers, []provider.Answer{{}})[0]
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
			{
				Op: provider.OpEnrichPerson, // in bulk
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					answers, err := client.(*apollo.Client).EnrichPeople(ctx, []domain.Prospect{
						{Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"}},
						{Person: domain.Person{FirstName: "Luis", LastName: "Prat"}, Company: domain.Company{Domain: "globexfarms.example"}},
					})
					return inAll(answers, err)
				},
				Found: fixture(t, "bulk_match.json"),
				None: []providertest.Reply{
					{Name: "no matches", Status: 200, Body: `{"status":"success","missing_records":2,"credits_consumed":0,"matches":[]}`},
					{Name: "null matches", Status: 200, Body: `{"status":"success","missing_records":2,"credits_consumed":0,"matches":[null,null]}`},
					{Name: "absent list", Status: 200, Body: `{"status":"success"}`},
				},
				Replies: append(replies, providertest.Reply{Name: "too many", Status: 400, Body: string(fixture(t, "error_records.json")), Kind: fault.InvalidInput}),
				Private: []string{"dana", "acmerobotics", "Luis", "Prat", "globexfarms"},
			},
			{
				Op: provider.OpEnrichCompany,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					return inAll(client.(*apollo.Client).EnrichCompanies(ctx, []domain.Prospect{{Company: domain.Company{Domain: "acmerobotics.example"}}}))
				},
				Found: fixture(t, "organization.json"),
				None: []providertest.Reply{
					{Name: "null organization", Status: 200, Body: `{"organization":null}`},
					{Name: "absent organization", Status: 200, Body: `{}`},
				},
				Replies: replies, Private: []string{"acmerobotics"},
			},
			{
				Op: provider.OpEnrichCompany, // in bulk
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					answers, err := client.(*apollo.Client).EnrichCompanies(ctx, []domain.Prospect{
						{Company: domain.Company{Domain: "acmerobotics.example"}}, {Company: domain.Company{Domain: "initech.example"}},
					})
					return inAll(answers, err)
				},
				Found:   []byte(`{"status":"success","unique_enriched_records":1,"missing_records":1,"organizations":[{"id":"5e66b6381e05b4008c830001","primary_domain":"acmerobotics.example"}]}`),
				None:    []providertest.Reply{{Name: "no organizations", Status: 200, Body: `{"unique_enriched_records":0,"missing_records":2,"organizations":[null,null]}`}},
				Replies: replies, Private: []string{"acmerobotics", "initech"},
			},
			{
				Op: provider.OpFindCompanies,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					page, err := client.(*apollo.Client).FindCompanies(ctx, provider.Query{Locations: []string{"Springfield"}}, "")
					return providertest.Answer{Found: len(page.Prospects) > 0, Usage: page.Usage, Value: ids(page.Prospects)}, err
				},
				Found: fixture(t, "companies.json"),
				None: []providertest.Reply{
					{Name: "no companies", Status: 200, Body: string(fixture(t, "companies_none.json"))},
					{Name: "absent lists", Status: 200, Body: `{}`},
				},
				Replies: replies, Private: []string{"Springfield", "acmerobotics"},
			},
			{
				Op: provider.OpReadAccount,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					account, err := client.(*apollo.Client).ReadAccount(ctx)
					return providertest.Answer{Found: err == nil, Usage: account.Usage, Value: account.Balances}, err
				},
				Found: fixture(t, "account.json"), NeverEmpty: true, Replies: replies,
			},
			{
				Op: provider.OpAddToSequence,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					skipped, err := client.(*apollo.Client).AddToSequence(ctx,
						provider.Sequence{ID: "66e9e215ece19801b2190001", Mailbox: "6633baaece5fbd01c7910001"}, []string{"66e34b81740c50074e3d0002"})
					return providertest.Answer{Found: err == nil, Usage: provider.Usage{Op: provider.OpAddToSequence}, Value: skipped}, err
				},
				Found: fixture(t, "sequence.json"), NeverEmpty: true,
				Replies: append(replies, providertest.Reply{Name: "mailbox inactive", Status: 422, Body: `{"error":"These mailboxes are no longer active."}`, Kind: fault.InvalidInput}),
			},
		},
	})
}

// inAll is what a batch found and cost together.
func inAll(answers []provider.Answer, err error) (providertest.Answer, error) {
	var out providertest.Answer
	var people []domain.Prospect
	for _, a := range answers {
		out.Found = out.Found || a.Found
		out.Usage.Op = a.Usage.Op
		out.Usage.Cost += a.Usage.Cost
		people = append(people, a.Prospect)
		if a.Err != nil {
			err = a.Err
		}
	}
	out.Value = ids(people)
	return out, err
}

func ids(people []domain.Prospect) []string {
	var out []string
	for _, p := range people {
		out = append(out, p.ProfileID)
	}
	return out
}
