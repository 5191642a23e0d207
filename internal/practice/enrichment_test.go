package practice_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

const enrichment = "/api/v1/enrichment/"

// settledWorld is a world with a campaign that has ended, and its prospects.
func settledWorld(t *testing.T, n int, latency ...time.Duration) (*practice.World, []api.ProspectSummary) {
	t.Helper()
	w := open(t, practice.Options{Seed: 11, People: 3000, Latency: slices.Max(append(latency, 0)), Enrichers: []string{"apollo", "hunter", "clearbit", "zerobounce"}})
	w.Start()
	no := false
	c := start(t, w, api.CampaignOptions{MaxProspects: n, AutoEnrich: &no, AutoConvert: &no, CapUSD: new(5.0)})
	wait(t, w, c.CampaignID)
	page := must[api.ProspectPage](t, w, "GET", campaigns+"/"+c.CampaignID+"/prospects?limit=200", nil)
	if len(page.Prospects) == 0 {
		t.Fatal("no prospects")
	}
	return w, page.Prospects
}

const prospectsPath = "/api/v1/prospecting/prospects/"

// shows reports whether a prospect has the address that somebody brought, or names
// it among those that were refused.
func shows(row domain.Row, data api.EnrichmentData) bool {
	refused := slices.ContainsFunc(row.Others, func(o domain.Other) bool { return o.Refused && o.Value == data.Email })
	if data.EmailStatus == string(domain.EmailInvalid) {
		return refused && row.Prospect.Contact.Email != data.Email
	}
	return row.Prospect.Contact.Email == data.Email
}

// boughtBy is how many lines of a prospect's log name a provider that found something.
func boughtBy(row domain.Row, name string) (n int) {
	for _, call := range row.Calls {
		if call.Provider == name && call.Outcome == domain.CallFound {
			n++
		}
	}
	return n
}

func bill(w *practice.World) (total int64) {
	for _, b := range w.Sandbox.Bills() {
		total += int64(b.Total)
	}
	return total
}

func TestOneProspectIsEnrichedOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 40)
		request := api.EnrichmentRequest{Providers: []string{"apollo", "hunter", "lusha"}, ValidateEmail: true}
		found, spent := 0, int64(0)
		before := bill(w)
		for _, p := range prospects {
			got := must[api.Enrichment](t, w, "POST", enrichment+"prospects/"+p.ID, request)
			spent += int64(got.Cost)
			named := map[string]bool{}
			for _, m := range got.Missing {
				named[m.Provider] = true
			}
			for _, name := range request.Providers {
				if _, has := got.EnrichmentData[name]; !has && !named[name] {
					t.Errorf("%s brought nothing and is not named: %+v", name, got)
				}
			}
			if !named["lusha"] {
				t.Errorf("lusha has no key and is not named: %+v", got.Missing)
			}
			hunter := got.EnrichmentData["hunter"]
			if hunter.Email != "" && hunter.Score != nil && got.EnrichmentData["apollo"].Company != nil {
				found++
			}
			kept := must[domain.Row](t, w, "GET", prospectsPath+p.ID, nil)
			if hunter.Email != "" && (!shows(kept, hunter) || boughtBy(kept, "hunter") == 0 || kept.Prospect.Source != "apollo") {
				t.Errorf("the prospect does not show what was bought: %+v", kept)
			}
			again := must[api.Enrichment](t, w, "POST", enrichment+"prospects/"+p.ID, request)
			if again.Cost != 0 || again.EnrichmentData["hunter"].Email != hunter.Email {
				t.Errorf("asked again: %+v after %+v", again, got)
			}
			if diff := cmp.Diff(kept, must[domain.Row](t, w, "GET", prospectsPath+p.ID, nil)); diff != "" {
				t.Errorf("asking again changed the prospect (-before +after):\n%s", diff)
			}
		}
		if found == 0 {
			t.Error("nobody was found")
		}
		if charged := bill(w) - before; charged != spent || spent == 0 {
			t.Errorf("charged %d, answered %d", charged, spent)
		}
		b := must[map[string]any](t, w, "GET", "/api/v1/team/budget", nil)
		if b["reservedMicroUsd"] != 0.0 {
			t.Errorf("money is still reserved: %v", b)
		}
	})
}

func TestAnOutageIsNamedAndTheRestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 10)
		w.Sandbox.Faults("hunter").Set(upstream.Faults{Outage: true})
		got := must[api.Enrichment](t, w, "POST", enrichment+"prospects/"+prospects[0].ID, api.EnrichmentRequest{Providers: []string{"apollo", "hunter"}})
		_, answered := got.EnrichmentData["apollo"]
		named := false
		for _, m := range got.Missing {
			named = named || m.Provider == "hunter" && m.Reason != ""
		}
		if !answered || !named || got.Cost == 0 {
			t.Errorf("%+v", got)
		}
	})
}

// A provider that does not answer in time is named, and what the others said is
// there, and kept.
func TestAProviderThatHangsIsNamedAndTheRestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 10)
		w.Sandbox.Faults("hunter").Set(upstream.Faults{Slow: 1, SlowBy: time.Minute})
		request := api.EnrichmentRequest{Providers: []string{"apollo", "hunter"}}
		got := must[api.Enrichment](t, w, "POST", enrichment+"prospects/"+prospects[0].ID, request)
		if _, answered := got.EnrichmentData["apollo"]; !answered || got.Cost == 0 || !slices.ContainsFunc(got.Missing, func(m api.EnrichmentGap) bool { return m.Provider == "hunter" && m.Reason != "" }) {
			t.Errorf("%+v", got)
		}
		w.Sandbox.Faults("hunter").Set(upstream.Faults{})
		again := must[api.Enrichment](t, w, "POST", enrichment+"prospects/"+prospects[0].ID, request)
		if diff := cmp.Diff(got.EnrichmentData["apollo"].Company, again.EnrichmentData["apollo"].Company); diff != "" || !again.EnrichmentData["apollo"].Cached {
			t.Errorf("what Apollo says of the company (-asked +from the cache):\n%s", diff)
		}
	})
}

// Two jobs about the same people at once, for different things: what either paid
// for is part of the prospects.
func TestJobsAtTheSameTimeKeepWhatEachBought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 60)
		w.Sandbox.Faults("clearbit").Set(upstream.Faults{Slow: 1, SlowBy: 5 * time.Second})
		var ids []string
		for _, p := range prospects {
			ids = append(ids, p.ID)
		}
		var jobs []api.BatchJob
		for _, r := range []api.BatchRequest{
			{ProspectIDs: ids, Providers: []string{"apollo", "hunter"}, Fields: []string{"email"}},
			{ProspectIDs: ids, Providers: []string{"clearbit", "apollo"}, Fields: []string{"company"}},
		} {
			jobs = append(jobs, must[api.BatchJob](t, w, "POST", enrichment+"batch", r))
		}
		bought := map[string]string{}
		for _, job := range jobs {
			for job.Status == "processing" {
				time.Sleep(5 * time.Second)
				job = must[api.BatchJob](t, w, "GET", enrichment+"batch/"+job.JobID, nil)
			}
			for _, p := range must[api.BatchPage](t, w, "GET", enrichment+"batch/"+job.JobID+"/prospects", nil).Prospects {
				for _, data := range p.EnrichmentData {
					if data.Email != "" && data.EmailStatus != string(domain.EmailInvalid) {
						bought[p.ProspectID] = data.Email
					}
				}
			}
		}
		if len(bought) == 0 {
			t.Fatal("no address was bought")
		}
		for id, email := range bought {
			if got := must[domain.Row](t, w, "GET", prospectsPath+id, nil).Prospect.Contact; got.Email == "" {
				t.Errorf("prospect %s has no address, %s was bought for it", id, email)
			}
		}
	})
}

func TestABatchGoesThroughTheQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 300)
		var ids []string
		for _, p := range prospects {
			ids = append(ids, p.ID)
		}
		// A cap that does not suffice: it is kept, and the job ends.
		small := must[api.BatchJob](t, w, "POST", enrichment+"batch", api.BatchRequest{ProspectIDs: ids, Providers: []string{"apollo"}, CapUSD: new(0.2)})
		for range 1000 {
			time.Sleep(5 * time.Second)
			if small = must[api.BatchJob](t, w, "GET", enrichment+"batch/"+small.JobID, nil); small.Status != "processing" {
				break
			}
		}
		if small.Status != "completed" || small.CostMicroUSD > 200_000 || small.CostMicroUSD == 0 || small.Enriched == 0 {
			t.Errorf("with a small cap: %+v", small)
		}
		before := bill(w)
		job := must[api.BatchJob](t, w, "POST", enrichment+"batch", api.BatchRequest{ProspectIDs: append(ids, "p_nobody"), Providers: []string{"apollo", "hunter"}, ValidateEmail: true})
		if job.Status != "processing" || job.TotalProspects != len(ids) || job.CapMicroUSD != job.WorstCaseMicroUSD || len(job.Refused) != 1 {
			t.Errorf("%+v", job)
		}
		for range 1000 {
			time.Sleep(5 * time.Second)
			if job = must[api.BatchJob](t, w, "GET", enrichment+"batch/"+job.JobID, nil); job.Status != "processing" {
				break
			}
		}
		if charged := bill(w) - before; job.Status != "completed" || job.Done != len(ids) || job.Enriched == 0 || int64(job.CostMicroUSD) != charged || charged == 0 {
			t.Errorf("charged %d: %+v", charged, job)
		}
		page := must[api.BatchPage](t, w, "GET", enrichment+"batch/"+job.JobID+"/prospects", nil)
		if len(page.Prospects) != len(ids) {
			t.Errorf("%d of %d prospects", len(page.Prospects), len(ids))
		}
		shown := 0
		for _, p := range page.Prospects {
			brought := p.EnrichmentData["hunter"].Email
			if brought == "" {
				continue
			}
			kept := must[domain.Row](t, w, "GET", prospectsPath+p.ProspectID, nil)
			if !shows(kept, p.EnrichmentData["hunter"]) || boughtBy(kept, "hunter") == 0 || kept.State == domain.InWork {
				t.Errorf("the prospect does not show what was bought: %+v", kept)
			}
			shown++
		}
		if shown == 0 {
			t.Error("hunter found nobody")
		}
	})
}

func TestABatchStartsOnceForItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 10)
		body, err := json.Marshal(api.BatchRequest{ProspectIDs: []string{prospects[0].ID}, Providers: []string{"hunter"}})
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for range 3 {
			code, answer := callWithKey(t, w, enrichment+"batch", string(body), "once")
			var job api.BatchJob
			if err := json.Unmarshal(answer, &job); err != nil || code != http.StatusAccepted {
				t.Fatalf("%d %s", code, answer)
			}
			ids[job.JobID] = true
		}
		if len(ids) != 1 {
			t.Errorf("%d jobs were started", len(ids))
		}
	})
}

// A job that was written is sent off by whoever repeats the request, also if it
// could not be started any more.
func TestARepeatedRequestSendsOffTheJobThatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := &cut{operation: "SendMessage"}
		cut.done.Store(true) // not yet
		w := open(t, practice.Options{Seed: 11, People: 3000, Faults: cut})
		w.Start()
		no := false
		c := start(t, w, api.CampaignOptions{MaxProspects: 10, AutoEnrich: &no, AutoConvert: &no, CapUSD: new(5.0)})
		wait(t, w, c.CampaignID)
		page := must[api.ProspectPage](t, w, "GET", campaigns+"/"+c.CampaignID+"/prospects", nil)
		body, err := json.Marshal(api.BatchRequest{ProspectIDs: []string{page.Prospects[0].ID}, Providers: []string{"apollo"}})
		if err != nil {
			t.Fatal(err)
		}
		cut.done.Store(false)
		if code, answer := callWithKey(t, w, enrichment+"batch", string(body), "one"); code != http.StatusInternalServerError {
			t.Fatalf("the request that is cut off = %d %s", code, answer)
		}
		if code, answer := call(t, w, "DELETE", "/api/v1/providers/apollo/key", practice.Key, nil); code != http.StatusNoContent {
			t.Fatalf("revoke = %d %s", code, answer)
		}
		time.Sleep(2 * time.Minute) // whoever was at it is dead
		code, answer := callWithKey(t, w, enrichment+"batch", string(body), "one")
		var job api.BatchJob
		if err := json.Unmarshal(answer, &job); err != nil || code != http.StatusAccepted || job.TotalProspects != 1 {
			t.Fatalf("repeated = %d %s", code, answer)
		}
		if code, answer := callWithKey(t, w, enrichment+"batch", string(body), "another"); code != http.StatusUnprocessableEntity {
			t.Errorf("another request = %d %s, want to be told that apollo has no key", code, answer)
		}
	})
}

func TestABreakerIsOpenedAndClosedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 10)
		at := "/api/v1/health/providers/apollo"
		opened := must[api.ProviderHealth](t, w, "PUT", at+"/breaker", api.BreakerChange{State: "open", Reason: "maintenance"})
		if opened.Breaker.State != "open" || !opened.Breaker.Manual || opened.Breaker.By != "practice" || opened.Breaker.Reason != "maintenance" {
			t.Errorf("%+v", opened.Breaker)
		}
		time.Sleep(10 * time.Second)
		ask := func() api.Enrichment {
			return must[api.Enrichment](t, w, "POST", enrichment+"prospects/"+prospects[0].ID, api.EnrichmentRequest{Providers: []string{"apollo"}})
		}
		if got := ask(); len(got.EnrichmentData) != 0 || len(got.Missing) != 1 || got.Cost != 0 {
			t.Errorf("open: %+v", got)
		}
		must[api.ProviderHealth](t, w, "PUT", at+"/breaker", api.BreakerChange{State: "closed", Reason: "it is over"})
		time.Sleep(10 * time.Second)
		ask()
		time.Sleep(2 * time.Minute)
		must[api.ProviderHealth](t, w, "GET", at, nil) // the worker hands over what it counted
		if h := must[api.ProviderHealth](t, w, "GET", at, nil); h.Hour.Calls == 0 || h.Hour.ErrorShare != 0 || h.Breaker.State != "closed" || h.Trend != "unknown" {
			t.Errorf("%+v", h)
		}
	})
}

// callWithKey posts with an Idempotency-Key.
func callWithKey(t *testing.T, w *practice.World, path, body, key string) (int, []byte) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+practice.Key)
	r.Header.Set("Idempotency-Key", key)
	rec := httptest.NewRecorder()
	w.API().ServeHTTP(rec, r)
	return rec.Code, rec.Body.Bytes()
}

// A list and a person ask about the same prospects at the same moment: each of
// them is bought once.
func TestNobodyIsBoughtTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, prospects := settledWorld(t, 30, 3*time.Second)
		var ids []string
		for _, p := range prospects {
			ids = append(ids, p.ID)
		}
		before := w.Sandbox.Bills()["apollo"]
		job := must[api.BatchJob](t, w, "POST", enrichment+"batch", api.BatchRequest{ProspectIDs: ids, Providers: []string{"apollo"}})
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				call(t, w, "POST", enrichment+"prospects/"+id, practice.Key, api.EnrichmentRequest{Providers: []string{"apollo"}})
			})
		}
		all.Wait()
		for job.Status = "processing"; job.Status == "processing"; job = must[api.BatchJob](t, w, "GET", enrichment+"batch/"+job.JobID, nil) {
			time.Sleep(5 * time.Second)
		}
		after := w.Sandbox.Bills()["apollo"]
		if after.Repeated > before.Repeated || after.Total == before.Total {
			t.Errorf("%d of the calls were charged twice, %v in all", after.Repeated-before.Repeated, after.Total-before.Total)
		}
	})
}
