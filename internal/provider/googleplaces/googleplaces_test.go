package googleplaces_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/googleplaces"
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
	replies := []providertest.Reply{
		{Name: "wrong key", Status: 400, Body: string(fixture(t, "error_key.json")), Kind: fault.Unauthenticated},
		{Name: "too fast", Status: 429, Body: string(fixture(t, "error_speed.json")), Kind: fault.RateLimited},
		{Name: "day used up", Status: 429, Body: string(fixture(t, "error_day.json")), Kind: fault.QuotaExhausted},
		{Name: "aborted", Status: 409, Body: `{"error":{"code":409,"status":"ABORTED"}}`, Kind: fault.Conflict},
		{Name: "gateway time-out", Status: 504, Kind: fault.Unclear}, // it may have been charged
	}
	providertest.Run(t, providertest.Case{
		Definition: googleplaces.Definition(),
		Classify:   googleplaces.Classify,
		Build:      func(d provider.Deps) (any, error) { return googleplaces.New(d) },
		Calls: []providertest.Call{
			{
				Op: provider.OpDiscover,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					page, err := client.(*googleplaces.Client).Discover(ctx, provider.Query{Keywords: []string{"dental laboratory in Leeds"}}, "")
					var names []string
					for _, p := range page.Prospects {
						names = append(names, p.Company.Name)
					}
					return providertest.Answer{Found: len(page.Prospects) > 0, Usage: page.Usage, Value: names}, err
				},
				Found:   fixture(t, "search.json"),
				None:    []providertest.Reply{{Name: "no hits", Status: 200, Body: `{}`}},
				Replies: replies,
				Private: []string{"dental laboratory", "Aire Valley"},
			},
			{
				Op: "enrich_company",
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					answers, err := client.(*googleplaces.Client).EnrichCompanies(ctx, []domain.Prospect{{Source: "googleplaces", ProfileID: "ChIJExampleLeeds000000000001"}})
					a := slices.Concat(answers, []provider.Answer{{}})[0]
					return providertest.Answer{Found: a.Found, Usage: a.Usage, Value: a.Prospect.Company}, err
				},
				Found: fixture(t, "details.json"),
				None: []providertest.Reply{
					{Name: "unknown id", Status: 404, Body: `{"error":{"code":404,"status":"NOT_FOUND"}}`},
					{Name: "closed for good", Status: 200, Body: `{"id":"ChIJExampleLeeds000000000001","businessStatus":"CLOSED_PERMANENTLY"}`},
				},
				Kinds:   map[int]fault.Kind{404: ""},
				Replies: append(replies, providertest.Reply{Name: "empty place", Status: 200, Body: `{}`, Kind: fault.BadResponse}),
				Private: []string{"ChIJExampleLeeds", "Aire Valley"},
			},
		},
	})
}
