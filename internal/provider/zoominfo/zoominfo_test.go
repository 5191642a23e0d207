package zoominfo_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/providertest"
	"github.com/messageai/sluice/internal/provider/zoominfo"
)

func dana() domain.Prospect {
	return domain.Prospect{
		Person: domain.Person{FirstName: "Dana", LastName: "Okafor"}, Company: domain.Company{Name: "Acme Robotics", Domain: "acmerobotics.example"},
		Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"},
	}
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// batch is an operation on one prospect; its answer's own error counts.
func batch(ask func(c *zoominfo.Client) func(context.Context, []domain.Prospect) ([]provider.Answer, error)) func(context.Context, any) (providertest.Answer, error) {
	return func(ctx context.Context, client any) (providertest.Answer, error) {
		answers, err := ask(client.(*zoominfo.Client))(ctx, []domain.Prospect{dana()})
		if err != nil || len(answers) != 1 {
			return providertest.Answer{}, err
		}
		a := answers[0]
		usage := a.Usage
		a.Usage, a.Prospect.SeenAt, a.Prospect.Provenance = provider.Usage{}, dana().SeenAt, nil
		for i := range a.Prospect.Signals {
			a.Prospect.Signals[i].At = a.Prospect.Signals[i].At.UTC()
		}
		return providertest.Answer{Found: a.Found, Usage: usage, Value: a}, a.Err
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	used, fast := string(fixture(t, "error_pfapi.json")), string(fixture(t, "error_zi.json"))
	replies := []providertest.Reply{
		{Name: "credits used up", Status: 400, Body: used, Kind: fault.QuotaExhausted},
		{Name: "too fast", Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: fast, Kind: fault.RateLimited},
		{Name: "field not entitled", Status: 400, Body: `{"errors":[{"code":"PFAPI0001"}]}`, Kind: fault.Forbidden},
		{Name: "missing scope", Status: 403, Body: `{"error":{"code":"ZI0002"}}`, Kind: fault.Forbidden},
		{Name: "token ended", Status: 401, Body: `{"error":{"code":"ZI0001"}}`, Kind: fault.Unauthenticated},
	}
	private := []string{"Dana", "dana.okafor", "Okafor", "acmerobotics", "Acme"}
	match := func(status string) string {
		return fmt.Sprintf(`{"data":[{"id":"0","type":"NoMatch","meta":{"matchStatus":%q,"input":{"emailAddress":"dana.okafor@acmerobotics.example"}}}]}`, status)
	}
	empty := []providertest.Reply{{Name: "nothing known", Status: 200, Body: `{"data":[],"meta":{"totalResults":0}}`}}
	providertest.Run(t, providertest.Case{
		Definition: zoominfo.Definition(),
		Classify:   zoominfo.Classify,
		Settings:   provider.Settings{"intent_topics": "Warehouse Automation, Robotics"},
		Build:      func(d provider.Deps) (any, error) { return zoominfo.New(d) },
		Calls: []providertest.Call{
			{
				Op: provider.OpDiscover,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					page, err := client.(*zoominfo.Client).Discover(ctx, provider.Query{Titles: []string{"VP Operations"}}, "")
					return providertest.Answer{Found: len(page.Prospects) > 0, Usage: page.Usage, Value: len(page.Prospects)}, err
				},
				Found: fixture(t, "contacts_search.json"), None: empty, Replies: replies, Private: []string{"VP Operations"},
			},
			{
				Op: provider.OpFindPeople,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					people, usage, err := client.(*zoominfo.Client).FindPeople(ctx, "acmerobotics.example", provider.Query{})
					return providertest.Answer{Found: len(people) > 0, Usage: usage, Value: len(people)}, err
				},
				Found: fixture(t, "contacts_search.json"), None: empty, Replies: replies, Private: []string{"acmerobotics"},
			},
			{
				Op: provider.OpEnrichPerson,
				Invoke: batch(func(c *zoominfo.Client) func(context.Context, []domain.Prospect) ([]provider.Answer, error) {
					return c.EnrichPeople
				}),
				Found: fixture(t, "contacts_enrich.json"),
				None: []providertest.Reply{
					{Name: "no match", Status: 200, Body: match("NO_MATCH")},
					{Name: "no match by field", Status: 200, Body: match("NON_MATCH_BY_REQUIRED_FIELDS")},
					{Name: "only the company", Status: 200, Body: match("COMPANY_ONLY_MATCH")},
					{Name: "undocumented miss", Status: 200, Body: match("SOMETHING_NEW")},
				},
				Replies: append([]providertest.Reply{
					{Name: "opted out", Status: 200, Body: match("OPT_OUT"), Kind: fault.Blocked},
					{Name: "opted out, other name", Status: 200, Body: match("CONTACT_OPTED_OUT"), Kind: fault.Blocked},
					{Name: "no credit for this record", Status: 200, Body: match("LIMIT_EXCEEDED"), Kind: fault.QuotaExhausted},
					{Name: "invalid input", Status: 200, Body: match("INVALID_INPUT"), Kind: fault.InvalidInput},
					{Name: "invalid input, other name", Status: 200, Body: match("INPUT_ERROR"), Kind: fault.InvalidInput},
					{Name: "a record missing", Status: 200, Body: `{"data":[]}`, Kind: fault.BadResponse},
				}, replies...),
				Private: private,
			},
			{
				Op: provider.OpEnrichCompany,
				Invoke: batch(func(c *zoominfo.Client) func(context.Context, []domain.Prospect) ([]provider.Answer, error) {
					return c.EnrichCompanies
				}),
				Found: fixture(t, "companies_enrich.json"),
				None: []providertest.Reply{{
					Name: "no match", Status: 200,
					Body: `{"data":[{"id":"0","type":"NoMatch","meta":{"matchStatus":"NO_MATCH","input":{"companyWebsite":"WWW.acmerobotics.example"}}}]}`,
				}},
				Replies: replies, Private: private,
			},
			{
				Op: provider.OpFindTechnologies,
				Invoke: batch(func(c *zoominfo.Client) func(context.Context, []domain.Prospect) ([]provider.Answer, error) {
					return c.FindTechnologies
				}),
				Before: map[string][]byte{"/companies/search": fixture(t, "companies_search.json")},
				Found:  fixture(t, "technologies.json"), None: empty, Replies: replies, Private: private,
			},
			{
				Op: provider.OpFindIntent,
				Invoke: batch(func(c *zoominfo.Client) func(context.Context, []domain.Prospect) ([]provider.Answer, error) {
					return c.FindIntent
				}),
				Found: fixture(t, "intent.json"), None: empty, Replies: replies, Private: private,
			},
			{
				Op: provider.OpReadAccount,
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					account, err := client.(*zoominfo.Client).ReadAccount(ctx)
					return providertest.Answer{Found: len(account.Balances) > 0, Usage: account.Usage, Value: account.Balances}, err
				},
				Found: fixture(t, "usage.json"), NeverEmpty: true,
				Replies: append([]providertest.Reply{{Name: "no counters", Status: 200, Body: `{"data":[]}`, Kind: fault.BadResponse}}, replies...),
			},
		},
	})
}

func TestPrices(t *testing.T) {
	t.Parallel()
	got, err := zoominfo.Prices(provider.Settings{"credit_microusd": "310000"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]money.Micro{
		provider.OpDiscover: 0, provider.OpFindPeople: 0, provider.OpReadAccount: 0,
		provider.OpEnrichPerson: 310_000, provider.OpEnrichCompany: 310_000, provider.OpFindTechnologies: 310_000, provider.OpFindIntent: 310_000,
	}
	most := map[string]money.Micro{}
	for op, price := range got.Operations {
		most[op] = price.Max()
	}
	if diff := cmp.Diff(want, most); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"cheap", "-1", "1e9", "99999999999999"} {
		if _, err := zoominfo.New(provider.Deps{Settings: provider.Settings{"credit_microusd": bad}}); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("credit price %q: %v, want InvalidInput", bad, err)
		}
	}
}
