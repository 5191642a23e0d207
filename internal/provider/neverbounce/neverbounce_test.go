package neverbounce_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/neverbounce"
	"github.com/messageai/sluice/internal/provider/providertest"
)

const (
	address = "dana.okafor@acmerobotics.example"
	name    = "leads-2026-11-22"
)

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// applicationErrors are those that come with HTTP 200.
func applicationErrors() []providertest.Reply {
	var replies []providertest.Reply
	for status, kind := range map[string]fault.Kind{
		"auth_failure":       fault.Unauthenticated,
		"bad_referrer":       fault.Forbidden,
		"throttle_triggered": fault.RateLimited,
		"temp_unavail":       fault.Unavailable,
		"general_failure":    fault.InvalidInput,
		"brand_new_failure":  fault.Unavailable,
		"":                   fault.BadResponse,
	} {
		replies = append(replies, providertest.Reply{
			Name: "200 with " + status, Status: 200, Kind: kind, Body: `{"status":"` + status + `","message":"canary-b9719d911017c592","execution_time":5}`,
		})
	}
	return append(replies,
		providertest.Reply{
			Name: "200 about credits", Status: 200, Kind: fault.QuotaExhausted, Body: `{"status":"general_failure","message":"Insufficient credit balance"}`,
		},
		providertest.Reply{
			Name: "throttled with Retry-After", Status: 200, Kind: fault.RateLimited,
			Header: map[string]string{"Retry-After": "7"}, Body: `{"status":"throttle_triggered"}`,
		},
		providertest.Reply{Name: "list too large", Status: 413, Kind: fault.InvalidInput, Body: `<html>Request Entity Too Large</html>`},
	)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	call := func(op, found string, invoke func(context.Context, *neverbounce.Client) (providertest.Answer, error)) providertest.Call {
		return providertest.Call{
			Op: op, Found: fixture(t, found), NeverEmpty: true, Replies: applicationErrors(), Private: []string{"dana", "okafor", "acmerobotics", name},
			Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
				a, err := invoke(ctx, client.(*neverbounce.Client))
				if a.Usage.Op == "" {
					a.Usage.Op = op // jobs report what they cost with their verdicts
				}
				return a, err
			},
		}
	}
	find := call("read_job", "job_search_status.json", func(ctx context.Context, c *neverbounce.Client) (providertest.Answer, error) {
		id, err := c.FindJob(ctx, name)
		return providertest.Answer{Found: id == "150971", Value: id}, err
	})
	find.NeverEmpty = false
	find.None = []providertest.Reply{{Name: "no job of that name", Status: 200, Body: string(fixture(t, "job_search_none.json"))}}

	providertest.Run(t, providertest.Case{
		Definition: neverbounce.Definition(),
		Classify:   neverbounce.Classify,
		Build:      func(d provider.Deps) (any, error) { return neverbounce.New(d) },
		Calls: []providertest.Call{
			call(provider.OpVerifyEmail, "check.json", func(ctx context.Context, c *neverbounce.Client) (providertest.Answer, error) {
				verdicts, err := c.VerifyEmails(ctx, []string{address})
				v := slices.Concat(verdicts, []provider.Verification{{}})[0]
				usage := v.Usage
				v.Usage = provider.Usage{}
				return providertest.Answer{Found: v.Status != "", Usage: usage, Value: v}, err
			}),
			call(provider.OpVerifyInBulk, "job_created.json", func(ctx context.Context, c *neverbounce.Client) (providertest.Answer, error) {
				id, err := c.StartJob(ctx, name, []provider.JobAddress{{ID: "lead-001", Email: address}})
				return providertest.Answer{Found: id == "150970", Value: id}, err
			}),
			find,
			call("read_job", "job_status.json", func(ctx context.Context, c *neverbounce.Client) (providertest.Answer, error) {
				job, err := c.Job(ctx, "150970")
				return providertest.Answer{Found: job.State == provider.JobComplete, Value: job}, err
			}),
			call("read_job", "job_results.json", func(ctx context.Context, c *neverbounce.Client) (providertest.Answer, error) {
				verdicts, _, err := c.JobVerdicts(ctx, "150970", 1)
				return providertest.Answer{Found: len(verdicts) == 2, Value: verdicts}, err
			}),
			call("delete_job", "job_deleted.json", func(ctx context.Context, c *neverbounce.Client) (providertest.Answer, error) {
				err := c.DeleteJob(ctx, "150970")
				return providertest.Answer{Found: err == nil}, err
			}),
			call(provider.OpReadAccount, "account.json", func(ctx context.Context, c *neverbounce.Client) (providertest.Answer, error) {
				account, err := c.ReadAccount(ctx)
				return providertest.Answer{Found: len(account.Balances) == 2, Usage: provider.Usage{Op: account.Usage.Op}, Value: account.Balances}, err
			}),
		},
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	got, err := neverbounce.Prices(provider.Settings{"credit_microusd": "2500"})
	if err != nil {
		t.Fatal(err)
	}
	highest := map[string]money.Micro{}
	for op, price := range got.Operations {
		highest[op] = price.Max()
	}
	want := map[string]money.Micro{"verify_email": 2500, "verify_in_bulk": 2500, "read_job": 0, "delete_job": 0, "read_account": 0}
	if diff := cmp.Diff(want, highest); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
	for _, bad := range []provider.Settings{
		{"credit_microusd": "cheap"},
		{"credit_microusd": "-1"},
		{"credit_microusd": "99999999999999"},
		{"results_per_page": "0"},
		{"results_per_page": "1001"},
		{"results_per_page": "all"},
	} {
		if _, err := neverbounce.New(provider.Deps{Settings: bad}); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("settings %v: %v, want InvalidInput", bad, err)
		}
	}
}
