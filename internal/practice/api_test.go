package practice_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// problem is what RFC 9457 asks of an error.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

func TestBadRequestsGetAProblemThatSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 1, Generous: true})
		if err := w.Store.PutAPIKey(t.Context(), "sk_rival", store.APIKey{Team: "rival", Scopes: []string{"read", "write"}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Store.PutAPIKey(t.Context(), "sk_reader", store.APIKey{Team: practice.Team, Scopes: []string{"read"}}); err != nil {
			t.Fatal(err)
		}
		icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
		request := func(change func(*api.CampaignRequest)) api.CampaignRequest {
			r := api.CampaignRequest{ICPID: icp.ID, Name: "x", Platforms: []string{"apollo"}, Options: api.CampaignOptions{MaxProspects: 10}}
			change(&r)
			return r
		}
		none := 0.0
		started := must[api.CampaignStarted](t, w, "POST", campaigns, request(func(*api.CampaignRequest) {}))
		for _, c := range []struct {
			name, method, path, key string
			body                    any
			status                  int
			says                    string
		}{
			{"no key", "GET", campaigns, "", nil, http.StatusUnauthorized, "Authorization"},
			{"wrong key", "GET", campaigns, "sk_wrong", nil, http.StatusUnauthorized, "unknown or has expired"},
			{"reader writes", "POST", campaigns, "sk_reader", request(func(*api.CampaignRequest) {}), http.StatusForbidden, "scope"},
			{"unknown ICP", "POST", campaigns, practice.Key, request(func(r *api.CampaignRequest) { r.ICPID = "nope" }), http.StatusNotFound, "POST /api/v1/prospecting/icps"},
			{"malformed JSON", "POST", campaigns, practice.Key, `{"name":`, http.StatusBadRequest, ""},
			{"unknown platform", "POST", campaigns, practice.Key, request(func(r *api.CampaignRequest) { r.Platforms = []string{"myspace"} }), http.StatusUnprocessableEntity, "apollo"},
			{"no platform", "POST", campaigns, practice.Key, request(func(r *api.CampaignRequest) { r.Platforms = []string{} }), http.StatusUnprocessableEntity, "platforms"},
			{"cap 0", "POST", campaigns, practice.Key, request(func(r *api.CampaignRequest) { r.Options.CapUSD = &none }), http.StatusUnprocessableEntity, "cap"},
			{"too many", "POST", campaigns, practice.Key, request(func(r *api.CampaignRequest) { r.Options.MaxProspects = 2_000_000 }), http.StatusUnprocessableEntity, "maxProspects"},
			{"other team's ICP", "POST", campaigns, "sk_rival", request(func(*api.CampaignRequest) {}), http.StatusNotFound, "no ICP"},
			{"other team's campaign", "GET", campaigns + "/" + started.CampaignID, "sk_rival", nil, http.StatusNotFound, "your team"},
			{"other team's prospects", "GET", campaigns + "/" + started.CampaignID + "/prospects", "sk_rival", nil, http.StatusNotFound, "your team"},
			{"other team pauses", "PATCH", campaigns + "/" + started.CampaignID, "sk_rival", api.CampaignChange{Status: "paused"}, http.StatusNotFound, "your team"},
			{"unknown prospect", "POST", "/api/v1/prospecting/prospects/p_none/convert", practice.Key, nil, http.StatusNotFound, "list a campaign"},
			{"unknown path", "GET", "/api/v1/nothing", practice.Key, nil, http.StatusNotFound, "openapi.json"},
			{"odd status", "PATCH", campaigns + "/" + started.CampaignID, practice.Key, `{"status":"sleeping"}`, http.StatusUnprocessableEntity, ""},
		} {
			code, body := call(t, w, c.method, c.path, c.key, c.body)
			var p problem
			if err := json.Unmarshal(body, &p); err != nil {
				t.Errorf("%s: not a problem document: %s", c.name, body)
				continue
			}
			if code != c.status || p.Status != c.status || p.Detail == "" || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%s = %d %+v, want %d with %q", c.name, code, p, c.status, c.says)
			}
		}
	})
}

func TestAProviderWithoutAKeyIsNamedBeforeAnythingStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 1, Generous: true})
		cfg, err := w.Stack.Config("")
		if err != nil {
			t.Fatal(err)
		}
		if err := practice.PutKey(t.Context(), secretsmanager.NewFromConfig(cfg), "sluice/dev", "hunter", ""); err != nil {
			t.Fatal(err)
		}
		icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
		ask := func(options api.CampaignOptions) (int, string) {
			options.MaxProspects = 10
			code, body := call(t, w, "POST", campaigns+"/plan", practice.Key, api.CampaignRequest{ICPID: icp.ID, Name: "x", Platforms: []string{"apollo"}, Options: options})
			return code, string(body)
		}
		if code, body := ask(api.CampaignOptions{Enrich: &api.EnrichRequest{Providers: []string{"hunter"}}}); code != http.StatusUnprocessableEntity || !strings.Contains(body, "sluice/dev/providers/hunter") {
			t.Errorf("campaign that asks for Hunter without a key = %d %s, want 422 naming the secret", code, body)
		}
		if code, body := ask(api.CampaignOptions{}); code != http.StatusOK || strings.Contains(body, `"hunter"`) {
			t.Errorf("campaign that leaves the providers open = %d %s, want a price without Hunter", code, body)
		}
		if err := practice.PutKey(t.Context(), secretsmanager.NewFromConfig(cfg), "sluice/dev", "apollo", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // the function has kept Apollo's key in memory
		if code, body := ask(api.CampaignOptions{}); code != http.StatusUnprocessableEntity || !strings.Contains(body, "apollo") {
			t.Errorf("campaign without any enricher's key = %d %s, want 422", code, body)
		}
	})
}

func TestARunPausesAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 3, Latency: time.Second})
		id := start(t, w, api.CampaignOptions{MaxProspects: 800}).CampaignID
		time.Sleep(20 * time.Second)
		paused := must[api.CampaignStatus](t, w, "PATCH", campaigns+"/"+id, api.CampaignChange{Status: "paused"})
		if paused.Status != "paused" {
			t.Fatalf("status after pausing = %s", paused.Status)
		}
		time.Sleep(2 * time.Hour) // chunks in work come to their next stop
		before := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
		calls := w.Sandbox.Requests()
		time.Sleep(48 * time.Hour)
		after := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
		if after.Status != "paused" || after.Rows != before.Rows || after.Spend.SettledMicroUSD != before.Spend.SettledMicroUSD {
			t.Errorf("a paused run moved from %+v to %+v", before.Rows, after.Rows)
		}
		for provider, statuses := range w.Sandbox.Requests() {
			if len(calls[provider]) != len(statuses) || calls[provider][200] != statuses[200] {
				t.Errorf("%s was called while the run was paused", provider)
			}
		}
		must[api.CampaignStatus](t, w, "PATCH", campaigns+"/"+id, api.CampaignChange{Status: "running"})
		s := wait(t, w, id)
		if s.Status != string(domain.RunCompleted) {
			t.Errorf("the resumed run is %s: %s", s.Status, s.Reason)
		}
		check(t, w, s)
	})
}

func TestARunStopsAtItsCapAndGoesOnWithMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 4, Generous: true})
		limit := 6.0
		id := start(t, w, api.CampaignOptions{MaxProspects: 600, CapUSD: &limit}).CampaignID
		s := wait(t, w, id)
		if s.Status != string(domain.RunPaused) || !strings.Contains(s.Reason, "cap") {
			t.Fatalf("the run is %s (%s), want paused at its cap", s.Status, s.Reason)
		}
		check(t, w, s)
		more := 100.0
		must[api.CampaignStatus](t, w, "PATCH", campaigns+"/"+id, api.CampaignChange{Status: "running", CapUSD: &more})
		s = wait(t, w, id)
		if s.Status != string(domain.RunCompleted) {
			t.Errorf("the run with more money is %s: %s", s.Status, s.Reason)
		}
		check(t, w, s)
	})
}

func TestAPersonConvertsAProspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 6, Generous: true})
		off := false
		id := start(t, w, api.CampaignOptions{MaxProspects: 300, AutoConvert: &off}).CampaignID
		s := wait(t, w, id)
		if s.Progress.Converted != 0 || len(w.HubSpot.Contacts()) != 0 {
			t.Fatalf("%d leads without autoConvert", s.Progress.Converted)
		}
		page := must[api.ProspectPage](t, w, "GET", campaigns+"/"+id+"/prospects?status=qualified&minScore=0.7&limit=5", nil)
		if len(page.Prospects) == 0 || page.Pagination.Total < len(page.Prospects) {
			t.Fatalf("page = %+v, want some qualified prospects", page)
		}
		pick := page.Prospects[0]
		path := "/api/v1/prospecting/prospects/" + pick.ID + "/convert"
		first := must[api.Converted](t, w, "POST", path, nil)
		if second := must[api.Converted](t, w, "POST", path, nil); second.LeadID != first.LeadID {
			t.Errorf("converting twice made %s and %s", first.LeadID, second.LeadID)
		}
		time.Sleep(time.Hour)
		contacts := w.HubSpot.Contacts()
		if len(contacts) != 1 || contacts[0].Properties["sluice_lead_id"] != first.LeadID {
			t.Errorf("the CRM holds %d contacts, want the one lead", len(contacts))
		}
		converted := must[api.ProspectPage](t, w, "GET", campaigns+"/"+id+"/prospects?status=converted", nil)
		if len(converted.Prospects) != 1 || converted.Prospects[0].ID != pick.ID || converted.Prospects[0].Status != "converted" {
			t.Errorf("converted prospects = %+v", converted.Prospects)
		}
	})
}

func TestAPlanStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 7, Generous: true})
		price := must[api.Price](t, w, "POST", campaigns+"/plan", api.CampaignRequest{
			ICPID: must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t)).ID, Name: "x", Platforms: []string{"apollo"},
			Options: api.CampaignOptions{MaxProspects: 100},
		})
		if price.WorstCaseMicroUSD <= 0 || price.ExpectedMicroUSD > price.WorstCaseMicroUSD || price.PricesFrom == "" {
			t.Errorf("price = %+v", price)
		}
		list := must[struct {
			Campaigns []api.CampaignSummary `json:"campaigns"`
		}](t, w, "GET", campaigns, nil)
		if len(list.Campaigns) != 0 {
			t.Errorf("planning made %d campaigns", len(list.Campaigns))
		}
	})
}

// cut ends the API's process right after it has made a call, once: it has started
// an execution, unless another operation is named.
type cut struct {
	operation string
	done      atomic.Bool
}

// BeforeCall implements localaws.Faults.
func (c *cut) BeforeCall(_ context.Context, _, operation, caller string) (f localaws.Fault) {
	if operation == cmp.Or(c.operation, "StartExecution") && strings.HasSuffix(caller, "-api") && c.done.CompareAndSwap(false, true) {
		f.Mishap = localaws.KillAfter
	}
	return f
}

// A run that was started is told to whoever repeats the request, also if it could
// not be started any more.
func TestAnIdempotencyKeyFindsTheRunThatWasStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 7, Generous: true, Faults: &cut{}})
		request, err := json.Marshal(api.CampaignRequest{
			ICPID: must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t)).ID, Name: "x", Platforms: []string{"apollo"},
			Options: api.CampaignOptions{MaxProspects: 20},
		})
		if err != nil {
			t.Fatal(err)
		}
		if code, body := callWithKey(t, w, campaigns, string(request), "one"); code != http.StatusInternalServerError {
			t.Fatalf("the request that is cut off = %d %s", code, body)
		}
		if code, body := call(t, w, "DELETE", "/api/v1/providers/apollo/key", practice.Key, nil); code != http.StatusNoContent {
			t.Fatalf("revoke = %d %s", code, body)
		}
		time.Sleep(2 * time.Minute) // whoever was at it is dead
		code, body := callWithKey(t, w, campaigns, string(request), "one")
		var started api.CampaignStarted
		if err := json.Unmarshal(body, &started); err != nil || code != http.StatusCreated {
			t.Fatalf("repeated = %d %s", code, body)
		}
		list := must[api.CampaignList](t, w, "GET", campaigns, nil)
		if len(list.Campaigns) != 1 || list.Campaigns[0].CampaignID != started.CampaignID {
			t.Errorf("campaigns = %+v, want %s alone", list.Campaigns, started.CampaignID)
		}
		if code, body := callWithKey(t, w, campaigns, string(request), "another"); code != http.StatusUnprocessableEntity {
			t.Errorf("another request = %d %s, want to be told that apollo has no key", code, body)
		}
	})
}
