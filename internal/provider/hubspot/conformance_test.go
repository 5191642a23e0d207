package hubspot_test

import (
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/hubspot"
	"github.com/messageai/sluice/internal/provider/providertest"
)

func fixture(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// ines is the lead of the contract's examples.
func ines(recordID string) provider.Write {
	return provider.Write{ExternalID: "lead-01JD4T9Q", RecordID: recordID, Fields: map[string]string{
		provider.FieldEmail: "ines.almeida@northwind-logistics.example", provider.FieldLastName: "Almeida", provider.FieldScore: "82",
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	replies := []providertest.Reply{
		{Name: "ten seconds", Status: 429, Body: fixture(t, "throttled.json"), Kind: fault.RateLimited},
		{Name: "the day", Status: 429, Body: `{"status":"error","errorType":"RATE_LIMIT","policyName":"DAILY"}`, Kind: fault.QuotaExhausted},
		{Name: "locked", Status: 423, Kind: fault.Unavailable},
		{Name: "moving", Status: 477, Header: map[string]string{"Retry-After": "3600"}, Kind: fault.Unavailable},
		{Name: "no results", Status: 200, Body: `{"status":"COMPLETE"}`, Kind: fault.BadResponse},
	}
	private := []string{"ines", "Almeida", "northwind"}
	apply := func(op, recordID string) func(ctx context.Context, client any) (providertest.Answer, error) {
		return func(ctx context.Context, client any) (providertest.Answer, error) {
			out, err := client.(*hubspot.Client).ApplyContacts(ctx, []provider.Write{ines(recordID)})
			found := err == nil && out[0].RecordID != ""
			return providertest.Answer{Found: found, Usage: provider.Usage{Op: op}, Value: out}, err
		}
	}
	providertest.Run(t, providertest.Case{
		Definition: hubspot.Definition(),
		Classify:   hubspot.Classify,
		Settings:   provider.Settings{"lead_id_property": "leadgen_lead_id"},
		Build:      func(d provider.Deps) (any, error) { return hubspot.New(d) },
		Calls: []providertest.Call{
			{
				Op: "properties",
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					err := client.(*hubspot.Client).Prepare(ctx)
					return providertest.Answer{Found: err == nil, Usage: provider.Usage{Op: "properties"}}, err
				},
				Found: []byte(fixture(t, "properties.json")), NeverEmpty: true,
				Replies: append(replies, providertest.Reply{
					Name: "ours without unique values", Status: 200, Kind: fault.Forbidden,
					Body: `{"results":[{"name":"leadgen_lead_id","type":"string","hasUniqueValue":false}]}`,
				}),
			},
			{
				Op: "read",
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					got, err := client.(*hubspot.Client).Contacts(ctx, nil, []string{"ines.almeida@northwind-logistics.example"})
					return providertest.Answer{Found: len(got) > 0, Usage: provider.Usage{Op: "read"}, Value: got}, err
				},
				Found: []byte(fixture(t, "read_by_email.json")),
				None: []providertest.Reply{
					{Name: "empty", Status: 200, Body: `{"status":"COMPLETE","results":[]}`},
					{Name: "some missing", Status: 207, Body: `{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"status":"error","category":"OBJECT_NOT_FOUND","message":"x","context":{"ids":["1"]}}]}`},
				},
				Kinds:   map[int]fault.Kind{400: fault.NotFound},
				Replies: append(replies, providertest.Reply{Name: "no id", Status: 200, Body: `{"results":[{"properties":{}}]}`, Kind: fault.BadResponse}),
				Private: private,
			},
			{
				Op: "upsert", Invoke: apply("upsert", ""), Found: []byte(fixture(t, "upsert_ok.json")), NeverEmpty: true,
				Replies: append(replies, providertest.Reply{Name: "mixed", Status: 207, Body: fixture(t, "upsert_mixed.json")}),
				Private: private,
			},
			{
				Op: "update", Invoke: apply("update", "208841330172"), Found: []byte(fixture(t, "updated.json")), NeverEmpty: true,
				// Refused, gone, and held by another record: outcomes of the record.
				Kinds:   map[int]fault.Kind{400: "", 404: ""},
				Replies: append(replies, providertest.Reply{Name: "taken", Status: 409, Body: fixture(t, "conflict.json")}),
				Private: private,
			},
			{
				Op: "associate",
				Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
					err := client.(*hubspot.Client).Associate(ctx, []provider.Link{{ContactID: "208841330172", CompanyID: "31877402115"}})
					return providertest.Answer{Found: err == nil, Usage: provider.Usage{Op: "associate"}}, err
				},
				Found: []byte(fixture(t, "associated.json")), NeverEmpty: true,
				Replies: append(replies, providertest.Reply{
					Name: "gone", Status: 207, Kind: fault.NotFound,
					Body: `{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"category":"OBJECT_NOT_FOUND","message":"x"}]}`,
				}),
			},
		},
	})
}

// TestContractExamples parses the contract's own answers.
func TestContractExamples(t *testing.T) {
	t.Parallel()
	second := provider.Write{ExternalID: "lead-01JD4TA7", Fields: map[string]string{provider.FieldEmail: "k.brandt@fjordpack.example"}}
	for name, tc := range map[string]struct {
		status int
		body   string
		writes []provider.Write
		want   []provider.Outcome
	}{
		"created":      {200, "upsert_ok.json", []provider.Write{ines("")}, []provider.Outcome{{RecordID: "208841330172", Created: true}}},
		"mixed":        {207, "upsert_mixed.json", []provider.Write{ines(""), second}, []provider.Outcome{{RecordID: "208841330172"}, {Conflict: "208840977015"}}},
		"updated":      {200, "updated.json", []provider.Write{ines("208841330172")}, []provider.Outcome{{RecordID: "208841330172"}}},
		"address held": {409, "conflict.json", []provider.Write{ines("5")}, []provider.Outcome{{Conflict: "208841330172"}}},
		"one conflict": {409, "conflict.json", []provider.Write{ines("")}, []provider.Outcome{{Conflict: "208841330172"}}},
	} {
		w := &wire{}
		body := fixture(t, tc.body)
		w.answer = answering(tc.status, body)
		got, err := newClient(t, w, provider.Settings{"lead_id_property": "leadgen_lead_id"}).ApplyContacts(t.Context(), tc.writes)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}
