package practice_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// sample returns the sample ICP.
func sample(t *testing.T) domain.ICP {
	t.Helper()
	data, err := os.ReadFile("../cli/sample-icp.json")
	if err != nil {
		t.Fatal(err)
	}
	var icp domain.ICP
	if err := json.Unmarshal(data, &icp); err != nil {
		t.Fatal(err)
	}
	return icp
}

// call makes a request to the world's API and returns the status and body.
func call(t *testing.T, w *practice.World, method, path, key string, body any) (int, []byte) {
	t.Helper()
	var in bytes.Buffer
	switch b := body.(type) {
	case nil:
	case string:
		in.WriteString(b)
	default:
		if err := json.NewEncoder(&in).Encode(b); err != nil {
			t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, &in)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	rec := httptest.NewRecorder()
	w.API().ServeHTTP(rec, r)
	return rec.Code, rec.Body.Bytes()
}

// must makes a request that has to succeed.
func must[T any](t *testing.T, w *practice.World, method, path string, body any) T {
	t.Helper()
	var out T
	code, answer := call(t, w, method, path, practice.Key, body)
	if code >= http.StatusBadRequest {
		t.Fatalf("%s %s = %d: %s", method, path, code, answer)
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, answer)
	}
	return out
}

const campaigns = "/api/v1/prospecting/campaigns"

// start starts a campaign for the sample ICP.
func start(t *testing.T, w *practice.World, options api.CampaignOptions) api.CampaignStarted {
	t.Helper()
	icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
	return must[api.CampaignStarted](t, w, "POST", campaigns, api.CampaignRequest{
		ICPID: icp.ID, Name: "Q4 Enterprise Leads", Platforms: []string{"apollo", "googleplaces"}, Options: options,
	})
}

// wait lets simulated time pass until the run ends or pauses.
func wait(t *testing.T, w *practice.World, campaign string) api.CampaignStatus {
	t.Helper()
	for range 100_000 {
		time.Sleep(10 * time.Second)
		status := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+campaign, nil)
		if status.Status != string(domain.RunRunning) {
			return status
		}
	}
	t.Fatal("the run did not end within eleven days of simulated time")
	return api.CampaignStatus{}
}

func open(t *testing.T, opts practice.Options) *practice.World {
	t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	w, err := practice.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Start()
	return w
}

// check proves the promises that hold for every run, however it went.
func check(t *testing.T, w *practice.World, s api.CampaignStatus) {
	t.Helper()
	if !s.Rows.Balanced {
		t.Errorf("rows do not balance: %+v", s.Rows)
	}
	if s.Spend.SettledMicroUSD > s.Spend.CapMicroUSD {
		t.Errorf("spent %s above the cap of %s", s.Spend.SettledMicroUSD, s.Spend.CapMicroUSD)
	}
	var sum money.Micro
	for provider, bill := range w.Sandbox.Bills() {
		if provider == "pinecone" { // billed by the month, not by the run
			continue
		}
		if settled := s.Spend.ByProvider[provider]; bill.Total > settled {
			t.Errorf("%s charged %s, but only %s is settled", provider, bill.Total, settled)
		}
		// A person's data is never bought twice. A page of places or a batch of
		// embeddings whose answer was lost on the way has to be: without it the
		// run could not go on.
		if (provider == "apollo" || provider == "hunter") && bill.Repeated > 0 {
			t.Errorf("%s charged %d times for what it had charged before", provider, bill.Repeated)
		}
	}
	for _, settled := range s.Spend.ByProvider {
		sum += settled
	}
	if sum != s.Spend.SettledMicroUSD {
		t.Errorf("the providers' settled amounts add up to %s, not %s", sum, s.Spend.SettledMicroUSD)
	}
	if domain.RunStatus(s.Status).Ended() { // while a run is paused, leads wait for their push
		checkCRM(t, w, s)
	}
}

// checkCRM proves that the CRM holds each lead of the run exactly once.
func checkCRM(t *testing.T, w *practice.World, s api.CampaignStatus) {
	t.Helper()
	want := map[string]int{}
	ledger, err := w.Store.Ledger(t.Context(), domain.Ref{Team: practice.Team, Campaign: s.CampaignID, Run: s.RunID})
	if err != nil {
		t.Fatal(err)
	}
	for name, chunk := range ledger.Chunks {
		if chunk.Counts == nil || chunk.Failure != "" {
			continue
		}
		rows, err := w.Store.Rows(t.Context(), practice.Team, store.StepKey(s.RunID, name, store.StepConverted))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.LeadID != "" {
				want[row.LeadID]++
			}
		}
	}
	got := map[string]int{}
	for _, c := range w.HubSpot.Contacts() {
		if id := c.Properties["sluice_lead_id"]; id != "" {
			got[id]++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leads in the CRM (-leads +contacts):\n%s", diff)
	}
	if twice := w.HubSpot.DuplicateContacts("email"); len(twice) > 0 {
		t.Errorf("%d e-mail addresses are in the CRM twice", len(twice))
	}
}

func TestACampaignRunsFromTheTemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 11, Latency: 50 * time.Millisecond})
		started := start(t, w, api.CampaignOptions{MaxProspects: 500})
		s := wait(t, w, started.CampaignID)
		if s.Status != string(domain.RunCompleted) {
			t.Fatalf("the run is %s: %s", s.Status, s.Reason)
		}
		check(t, w, s)
		if s.Rows.In < 400 || s.Rows.Qualified == 0 || s.Progress.Converted == 0 {
			t.Errorf("rows = %+v, converted %d: want about 500 in and some leads", s.Rows, s.Progress.Converted)
		}
		crm := s.CRM["hubspot"]
		if crm.Verified != s.Progress.Converted || crm.Missing != 0 || crm.Duplicates != 0 {
			t.Errorf("push = %+v, want all %d leads verified", crm, s.Progress.Converted)
		}
	})
}

func TestTheSameSeedGivesTheSameResult(t *testing.T) {
	run := func() (out api.CampaignStatus, truth practice.Truth) {
		synctest.Test(t, func(t *testing.T) {
			w := open(t, practice.Options{Seed: 5, Generous: true})
			out = wait(t, w, start(t, w, api.CampaignOptions{MaxProspects: 600}).CampaignID)
			var err error
			if truth, err = w.Measure(t.Context(), out.CampaignID, out.RunID, sample(t)); err != nil {
				t.Fatal(err)
			}
		})
		return out, truth
	}
	a, truthA := run()
	b, truthB := run()
	for _, d := range []string{
		cmp.Diff(a.Rows, b.Rows), cmp.Diff(a.Spend, b.Spend), cmp.Diff(a.CRM, b.CRM), cmp.Diff(truthA, truthB),
	} {
		if d != "" {
			t.Errorf("two runs of one seed differ:\n%s", d)
		}
	}
}

// DynamoDB serves a partition only so fast, and transactions on one item
// conflict. That takes time, and changes nothing else.
func TestThrottlingAndConflictsOfTablesChangeNothing(t *testing.T) {
	var refused atomic.Int64
	run := func(dials dynamodb.Dials) (out api.CampaignStatus) {
		synctest.Test(t, func(t *testing.T) {
			w := open(t, practice.Options{Seed: 5, Generous: true, Tables: dials, Wrap: func(_ string, next aws.HTTPClient) aws.HTTPClient {
				return &refusals{next, &refused}
			}})
			out = wait(t, w, start(t, w, api.CampaignOptions{MaxProspects: 1000}).CampaignID)
			check(t, w, out)
		})
		return out
	}
	quiet := run(dynamodb.Dials{})
	// Two chunks that ask Hunter the same at the same time are charged once. Whether
	// the second one finds the answer in the cache is a matter of moments.
	quiet.Spend.Cache = nil
	for _, dials := range []dynamodb.Dials{
		{PartitionWrites: 1000, PartitionReads: 3000, TransactionTime: 15 * time.Millisecond}, // as AWS
		{PartitionWrites: 400, TransactionTime: 50 * time.Millisecond},
	} {
		refused.Store(0)
		busy := run(dials)
		busy.Spend.Cache = nil
		if refused.Load() == 0 {
			t.Errorf("%+v refused nothing", dials)
		}
		if diff := cmp.Diff(quiet.Rows, busy.Rows) + cmp.Diff(quiet.Spend, busy.Spend) + cmp.Diff(quiet.CRM, busy.CRM); diff != "" {
			t.Errorf("%+v (-quiet +busy):\n%s", dials, diff)
		}
	}
}

// refusals counts the answers of DynamoDB that say "too fast" or "not now".
type refusals struct {
	next  aws.HTTPClient
	count *atomic.Int64
}

// Do implements aws.HTTPClient.
func (r *refusals) Do(req *http.Request) (*http.Response, error) {
	resp, err := r.next.Do(req)
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte("ProvisionedThroughputExceeded")) || bytes.Contains(body, []byte("TransactionConflict")) {
		r.count.Add(1)
	}
	return resp, err
}
