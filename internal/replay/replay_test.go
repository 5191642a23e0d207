package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/replay"
	"github.com/messageai/sluice/internal/store"
)

// run runs one campaign in practice mode and returns what it was.
func run(t *testing.T, opts practice.Options, enrich *api.EnrichRequest) (*practice.World, domain.Ref, api.CampaignStatus) {
	t.Helper()
	opts.Generous = true
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
	call(t, w, "POST", "/api/v1/prospecting/icps", sample(t), nil)
	ref, status := campaign(t, w, enrich)
	return w, ref, status
}

// campaign runs a campaign for the sample ICP, of some hundred prospects.
func campaign(t *testing.T, w *practice.World, enrich *api.EnrichRequest) (domain.Ref, api.CampaignStatus) {
	t.Helper()
	var started api.CampaignStarted
	call(t, w, "POST", "/api/v1/prospecting/campaigns", api.CampaignRequest{
		ICPID: sample(t).ID, Name: "Q4", Platforms: []string{"apollo", "googleplaces"}, Options: api.CampaignOptions{MaxProspects: 300, Enrich: enrich},
	}, &started)
	return domain.Ref{Team: practice.Team, Campaign: started.CampaignID, Run: started.RunID}, wait(t, w, started.CampaignID)
}

func wait(t *testing.T, w *practice.World, campaign string) (status api.CampaignStatus) {
	t.Helper()
	for range 100_000 {
		time.Sleep(10 * time.Second)
		call(t, w, "GET", "/api/v1/prospecting/campaigns/"+campaign, nil, &status)
		if status.Status != string(domain.RunRunning) {
			return status
		}
	}
	t.Fatal("the run did not end")
	return status
}

func call(t *testing.T, w *practice.World, method, path string, in, out any) {
	t.Helper()
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, &body)
	r.Header.Set("Authorization", "Bearer "+practice.Key)
	rec := httptest.NewRecorder()
	w.API().ServeHTTP(rec, r)
	if rec.Code >= http.StatusBadRequest {
		t.Fatalf("%s %s = %d: %s", method, path, rec.Code, rec.Body)
	}
	if out != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
			t.Fatal(err)
		}
	}
}

func sample(t *testing.T) (icp domain.ICP) {
	t.Helper()
	data, err := os.ReadFile("../cli/sample-icp.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &icp); err != nil {
		t.Fatal(err)
	}
	return icp
}

func definitions() map[string]provider.Definition {
	all := map[string]provider.Definition{}
	for _, e := range catalog.All() {
		all[e.Definition.Name] = e.Definition
	}
	return all
}

// again replays a run and proves that nobody was asked and nothing written.
func again(t *testing.T, w *practice.World, ref domain.Ref, change replay.Change) (replay.Report, map[string][]domain.Row) {
	t.Helper()
	rows := map[string][]domain.Row{}
	synctest.Wait() // what the run left to do at this moment is not the replay's
	bills, before := w.Sandbox.Bills(), w.Stack.Meter().Read()
	r := &replay.Replay{Store: w.Store, Providers: definitions(), Now: time.Now, Rows: func(chunk string, out []domain.Row) { rows[chunk] = out }}
	report, err := r.Run(t.Context(), ref, change)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bills, w.Sandbox.Bills()); diff != "" {
		t.Errorf("a replay was charged (-before +after):\n%s", diff)
	}
	used := w.Stack.Meter().Read().Sub(before)
	for _, unit := range []meter.Unit{meter.WriteUnits, meter.S3Writes, meter.StateTransitions, meter.SQSRequests, meter.LambdaRequests} {
		if n := used.Count(unit); n != 0 {
			t.Errorf("a replay took %v of %v", n, unit)
		}
	}
	return report, rows
}

// enrichment is what the run paid enrichers, without discovery and embeddings.
func enrichment(s api.CampaignStatus, report replay.Report) (sum money.Micro) {
	for name := range report.Spend {
		sum += s.Spend.ByProvider[name]
	}
	return sum
}

// Unchanged, a replay gives the run's own rows, each value of them, with the
// same hash every time.
func TestAReplayIsTheRun(t *testing.T) {
	for _, c := range []struct {
		name string
		opts practice.Options
	}{
		{"two providers", practice.Options{Seed: 11}},
		{"all providers", practice.Options{Seed: 7, Enrichers: []string{"apollo", "clearbit", "hunter", "lusha", "zerobounce", "zoominfo"}}},
		{"the built-in model", practice.Options{Seed: 5, Parameters: map[string]string{"Embedder": "lexical"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, ref, status := run(t, c.opts, nil)
				first, rows := again(t, w, ref, replay.Change{})
				second, _ := again(t, w, ref, replay.Change{})
				if diff := cmp.Diff(first, second); diff != "" {
					t.Errorf("two replays differ:\n%s", diff)
				}
				for chunk, got := range rows {
					want, err := w.Store.Rows(t.Context(), ref.Team, store.StepKey(ref.Run, chunk, store.StepConverted))
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
						t.Fatalf("chunk %s (-run +replay):\n%.6000s", chunk, diff)
					}
				}
				if !first.Same || first.Hash != first.RunHash || len(rows) == 0 {
					t.Errorf("%d chunks, hash %s, the run's %s", len(rows), first.Hash, first.RunHash)
				}
				if first.Rows.Replay != status.Rows.Counts {
					t.Errorf("rows %+v, the run counts %+v", first.Rows.Replay, status.Rows.Counts)
				}
				if first.Leads.Kept != status.Rows.Qualified || first.Leads.Kept == 0 || len(first.Leads.Gained)+len(first.Leads.Lost) > 0 {
					t.Errorf("leads %+v, the run has %d", first.Leads, status.Rows.Qualified)
				}
				var was, is money.Micro
				for _, s := range first.Spend {
					was, is = was+s.Run, is+s.Replay
				}
				if want := enrichment(status, first); was != want || is != want || want == 0 {
					t.Errorf("enrichment cost %s, the replay says %s and %s", want, was, is)
				}
				if len(first.Unknown) > 0 || first.Expired > 0 || first.WithoutMeaning > 0 || len(first.NotReplayed) > 0 {
					t.Errorf("an unchanged replay misses something: %+v", first)
				}
			})
		})
	}
}

// What a change would have made is computed by the same rules: one that says
// what the run did already changes nothing.
func TestAChangeThatChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ref, _ := run(t, practice.Options{Seed: 11}, &api.EnrichRequest{Providers: []string{"apollo", "hunter"}, Order: "fixed"})
		weights := domain.DefaultWeights()
		var icp domain.ICP
		call(t, w, "GET", "/api/v1/prospecting/icps/"+sample(t).ID, nil, &icp)
		if own := icp.Weights; own != nil {
			weights = *own
		}
		for name, change := range map[string]replay.Change{
			"order": {Order: []string{"apollo", "hunter"}}, "icp": {ICP: &icp}, "weights": {Weights: &weights},
		} {
			report, _ := again(t, w, ref, change)
			if report.Rows.Run != report.Rows.Replay || len(report.Leads.Gained)+len(report.Leads.Lost) > 0 || len(report.Unknown) > 0 || report.WithoutMeaning > 0 {
				t.Errorf("%s: %+v", name, report)
			}
			for provider, s := range report.Spend {
				if s.Run != s.Replay {
					t.Errorf("%s: %s cost %s, and again %s", name, provider, s.Run, s.Replay)
				}
			}
			if !report.Same {
				t.Errorf("%s: hash %s, the run's %s", name, report.Hash, report.RunHash)
			}
		}
	})
}

func TestWhatAChangeWouldHaveChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"apollo", "hunter", "zerobounce"}
		w, ref, _ := run(t, practice.Options{Seed: 11, Enrichers: names}, &api.EnrichRequest{Providers: names, Order: "fixed"})
		before, _ := again(t, w, ref, replay.Change{})

		// ZeroBounce would be asked first about addresses that Hunter has judged.
		turned, _ := again(t, w, ref, replay.Change{Order: []string{"apollo", "zerobounce", "hunter"}})
		first, second := turned.Spend["zerobounce"], turned.Spend["hunter"]
		if first.Unknown == 0 || first.Expected == 0 || first.Expected > first.Highest || second.Replay > before.Spend["hunter"].Run {
			t.Errorf("the other way round: %+v", turned.Spend)
		}
		if want := definitions()["zerobounce"].Prices.Operations[provider.OpVerifyEmail].Max() * money.Micro(first.Unknown); first.Highest != want {
			t.Errorf("%d questions cost %s at most, want %s", first.Unknown, first.Highest, want)
		}
		asked := 0
		for _, u := range turned.Unknown {
			asked += u.Questions
		}
		if asked != first.Unknown+second.Unknown || turned.Same {
			t.Errorf("unknown %+v of %+v", turned.Unknown, turned.Spend)
		}
		if turned.Rows.Replay.In != before.Rows.Run.In || !turned.Rows.Replay.Balanced() {
			t.Errorf("rows %+v do not balance", turned.Rows.Replay)
		}

		// Who is asked for by another title is somebody else, and nobody can tell at
		// no cost how near the titles are.
		icp := sample(t)
		icp.Demographics.JobTitles = []string{"Warehouse Clerk"}
		other, _ := again(t, w, ref, replay.Change{ICP: &icp})
		if len(other.Leads.Lost) == 0 || other.WithoutMeaning == 0 || other.Leads.Kept+len(other.Leads.Lost) != before.Leads.Kept {
			t.Errorf("another title: %+v", other.Leads)
		}
		if other.Rows.Replay.Qualified != other.Leads.Kept+len(other.Leads.Gained) {
			t.Errorf("%d qualified, %+v", other.Rows.Replay.Qualified, other.Leads)
		}

		weighed, rows := again(t, w, ref, replay.Change{Weights: &domain.Weights{Firmographics: 1}})
		for _, chunk := range rows {
			for _, row := range chunk {
				if row.Score == nil {
					continue
				}
				for _, c := range row.Score.Criteria {
					if c.Part != "firmographics" && c.Points != 0 {
						t.Fatalf("%s counts with %v", c.Name, c.Points)
					}
				}
			}
		}
		if weighed.Same || weighed.Changed[0] != "weights" {
			t.Errorf("other weights: %+v", weighed)
		}

		if _, err := (&replay.Replay{Store: w.Store, Providers: definitions(), Now: time.Now}).Run(t.Context(), ref, replay.Change{Order: []string{"nobody"}}); !fault.Is(err, fault.InvalidInput) {
			t.Errorf("an order with nobody = %v", err)
		}
		if _, err := (&replay.Replay{Store: w.Store, Providers: definitions(), Now: time.Now}).Run(t.Context(), domain.Ref{Team: ref.Team, Run: "none"}, replay.Change{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("no run = %v", err)
		}

		// After thirty days what was recorded may not be used any more.
		time.Sleep(31 * 24 * time.Hour)
		late, _ := again(t, w, ref, replay.Change{})
		if late.Expired == 0 || late.Same || late.Spend["apollo"].Unknown == 0 || late.Spend["apollo"].Replay != 0 {
			t.Errorf("a month later: %d expired, %+v", late.Expired, late.Spend)
		}
	})
}

// A run whose workers are killed is replayed as well as any.
func TestARunWithFaultsIsReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ref, _ := run(t, practice.Options{Seed: 3, Enrichers: []string{"apollo", "hunter", "zerobounce"}, Faults: &killer{}}, nil)
		report, rows := again(t, w, ref, replay.Change{})
		for chunk, got := range rows {
			want, err := w.Store.Rows(t.Context(), ref.Team, store.StepKey(ref.Run, chunk, store.StepConverted))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("chunk %s (-run +replay):\n%.6000s", chunk, diff)
			}
		}
		if !report.Same {
			t.Errorf("hash %s, the run's %s", report.Hash, report.RunHash)
		}
	})
}

// killer kills some of the enrich workers at calls to AWS.
type killer struct{ calls atomic.Int64 }

// BeforeCall implements localaws.Faults.
func (k *killer) BeforeCall(_ context.Context, _, _, caller string) (f localaws.Fault) {
	if strings.HasSuffix(caller, "-enrich") && k.calls.Add(1)%97 == 0 {
		f.Mishap = localaws.KillAfter
	}
	return f
}
