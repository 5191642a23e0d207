package practice_test

import (
	"context"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// bug kills a function at every call that it makes to a service, or to a
// provider, as long as it is there.
type bug struct {
	function, service string
	fixed             atomic.Bool
	killed            atomic.Int64
}

// BeforeCall implements localaws.Faults.
func (b *bug) BeforeCall(_ context.Context, service, _, caller string) localaws.Fault {
	if b.fixed.Load() || !strings.HasSuffix(caller, b.function) || service != b.service {
		return localaws.Fault{}
	}
	b.killed.Add(1)
	return localaws.Fault{Mishap: localaws.KillBefore}
}

// retryOf runs again what failed and waits for its end.
func retryOf(t *testing.T, w *practice.World, campaign string) (api.Failures, api.CampaignStatus) {
	t.Helper()
	f := must[api.Failures](t, w, "POST", campaigns+"/"+campaign+"/retry", nil)
	return f, wait(t, w, campaign)
}

// ends are the ends of a run's rows, by prospect: each must have exactly one.
func ends(t *testing.T, w *practice.World, s api.CampaignStatus) map[string][]domain.State {
	t.Helper()
	ledger, err := w.Store.Ledger(t.Context(), domain.Ref{Team: practice.Team, Campaign: s.CampaignID, Run: s.RunID})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]domain.State{}
	for name := range ledger.Chunks {
		rows, err := w.Store.Rows(t.Context(), practice.Team, store.StepKey(s.RunID, name, store.StepConverted))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			out[row.Prospect.ID] = append(out[row.Prospect.ID], row.State)
		}
	}
	return out
}

// billed proves that what the providers charged is what was settled.
func billed(t *testing.T, w *practice.World, s api.CampaignStatus) {
	t.Helper()
	got := map[string]money.Micro{}
	for name, bill := range w.Sandbox.Bills() {
		if name != "pinecone" && bill.Total > 0 {
			got[name] = bill.Total
		}
		if bill.Repeated > 0 {
			t.Errorf("%s charged %d times for what it had charged before", name, bill.Repeated)
		}
	}
	want := maps.Clone(s.Spend.ByProvider)
	maps.DeleteFunc(want, func(_ string, m money.Micro) bool { return m == 0 })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bills (-settled +charged):\n%s", diff)
	}
}

const retrySize = 700 // three chunks

// quietRun is how the run of a seed goes if nothing fails.
func quietRun(t *testing.T) (s api.CampaignStatus, rows map[string][]domain.State) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 7, Generous: true, Latency: 20 * time.Millisecond})
		s = wait(t, w, start(t, w, api.CampaignOptions{MaxProspects: retrySize}).CampaignID)
		if s.Status != string(domain.RunCompleted) {
			t.Fatalf("the run is %s: %s", s.Status, s.Reason)
		}
		f := must[api.Failures](t, w, "POST", campaigns+"/"+s.CampaignID+"/retry", nil)
		if f.Again != 0 || len(f.Groups) != 0 || f.Attempt != 0 || f.Status != string(domain.RunCompleted) {
			t.Errorf("a run in which nothing failed is run again: %+v", f)
		}
		rows = ends(t, w, s)
	})
	return s, rows
}

// Whatever made chunks fail: once it is over, running them again gives what the
// run would have given without, at no further cost.
func TestWhatFailedIsRunAgainAsIfNothingHadBeen(t *testing.T) {
	quiet, rows := quietRun(t)
	for _, c := range []struct {
		name  string
		bug   *bug   // until it is fixed
		out   string // provider that is down from the run's start
		what  string
		kinds []string // that the groups may have; which of them is a matter of moments
	}{
		{
			name: "the embedder is down for longer than anybody waits", out: "openai",
			what: "chunk gave up", kinds: []string{"CircuitOpen", "Unavailable"},
		},
		{
			name: "conversion has a bug", bug: &bug{function: "-convert", service: "s3"},
			what: "chunk gave up", kinds: []string{"Runtime.ExitError"},
		},
		{
			name: "the push dies until its messages are dead letters", bug: &bug{function: "-push-hubspot", service: "s3"},
			what: "leads not pushed", kinds: []string{""},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := practice.Options{Seed: 7, Generous: true, Latency: 20 * time.Millisecond}
				if c.bug != nil {
					opts.Faults = c.bug
				}
				w := open(t, opts)
				started := start(t, w, api.CampaignOptions{MaxProspects: retrySize})
				if c.out != "" {
					time.Sleep(3 * time.Second) // the plan has its calibration by now
					w.Sandbox.Faults(c.out).SetOutage(true)
				}
				failed := wait(t, w, started.CampaignID)
				if failed.Status != string(domain.RunPartial) || !failed.Rows.Balanced {
					t.Fatalf("the run is %s (%s), rows %+v", failed.Status, failed.Reason, failed.Rows)
				}
				if c.bug != nil {
					if c.bug.killed.Load() == 0 {
						t.Fatal("the bug killed nobody")
					}
					c.bug.fixed.Store(true)
				}
				if c.out != "" {
					w.Sandbox.Faults(c.out).SetOutage(false)
				}
				before := must[api.Failures](t, w, "GET", campaigns+"/"+started.CampaignID+"/failures", nil)
				f, s := retryOf(t, w, started.CampaignID)
				chunks := 0
				for _, g := range f.Groups {
					if g.What == c.what && g.Retried && g.Rows > 0 && g.Advice != "" {
						chunks += g.Chunks
						if !slices.Contains(c.kinds, g.Kind) {
							t.Errorf("%s: kind %q, not one of %q", g.What, g.Kind, c.kinds)
						}
					}
				}
				if chunks != f.Again || f.Again == 0 {
					t.Errorf("%d chunks are run again, %d are in groups: %+v", f.Again, chunks, f.Groups)
				}
				if dead := slices.ContainsFunc(f.Groups, func(g api.FailureGroup) bool { return g.What == "dead letter" && g.Where == "hubspot" }); dead != (c.what == "leads not pushed") {
					t.Errorf("dead letters are shown: %v", dead)
				}
				if diff := cmp.Diff(before.Groups, f.Groups); diff != "" || before.Again != f.Again {
					t.Errorf("groups (-before +as answered):\n%s", diff)
				}
				if s.Status != string(domain.RunCompleted) || s.Reason != "" {
					t.Errorf("tried again, the run is %s: %s", s.Status, s.Reason)
				}
				check(t, w, s)
				billed(t, w, s)
				if diff := cmp.Diff(rows, ends(t, w, s)); diff != "" {
					t.Errorf("ends of rows (-quiet +tried again):\n%s", diff)
				}
				if diff := cmp.Diff(quiet.Rows, s.Rows) + cmp.Diff(quiet.Spend.ByProvider, s.Spend.ByProvider) + cmp.Diff(quiet.CRM, s.CRM) + cmp.Diff(quiet.Progress, s.Progress); diff != "" {
					t.Errorf("totals (-quiet +tried again):\n%s", diff)
				}
				if f := must[api.Failures](t, w, "POST", campaigns+"/"+s.CampaignID+"/retry", nil); f.Again != 0 || f.Attempt != 1 {
					t.Errorf("there is something left after it was tried again: %+v", f)
				}
			})
		})
	}
}

// The rows of a run are kept for 90 days. So long what failed can be run again;
// then whoever asks for it is told why not, and the run stays as it ended.
func TestWhatFailedCanBeRunAgainWhileItsRowsAreKept(t *testing.T) {
	for name, days := range map[string]time.Duration{"within": 89, "after": 91} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bug{function: "-convert", service: "s3"}
				opts := practice.Options{
					Seed: 7, Generous: true, Latency: 20 * time.Millisecond, Faults: b, StateDir: filepath.Join(t.TempDir(), "world"),
				}
				w := open(t, opts)
				failed := wait(t, w, start(t, w, api.CampaignOptions{MaxProspects: retrySize}).CampaignID)
				if failed.Status != string(domain.RunPartial) {
					t.Fatalf("the run is %s: %s", failed.Status, failed.Reason)
				}
				b.fixed.Store(true)
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(days * 24 * time.Hour) // nobody polls meanwhile
				w = open(t, opts)
				if days < 90 {
					f, s := retryOf(t, w, failed.CampaignID)
					if f.Again == 0 || s.Status != string(domain.RunCompleted) || s.Rows.In != failed.Rows.In {
						t.Errorf("%d chunks are run again, then the run is %s (%s) with %+v", f.Again, s.Status, s.Reason, s.Rows)
					}
					return
				}
				code, answer := call(t, w, "POST", campaigns+"/"+failed.CampaignID+"/retry", practice.Key, nil)
				if code != http.StatusNotFound || !strings.Contains(string(answer), "kept for 90 days") {
					t.Errorf("a retry is answered %d: %s", code, answer)
				}
				time.Sleep(time.Hour)
				after := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+failed.CampaignID, nil)
				if diff := cmp.Diff(failed, after); diff != "" {
					t.Errorf("the run (-as it ended +after the retry):\n%s", diff)
				}
			})
		})
	}
}
