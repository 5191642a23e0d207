package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/app"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

var update = flag.Bool("update", false, "write what the functions answer beside their sample events")

// The run that the samples are about.
const (
	campaignID = "5f0c2c8e-41f7-4a8e-9d0b-0a6c7b0f3a11"
	runID      = "0d3b6f52-7a1f-4b63-8a53-5d1f2c9be7a4"
)

// A run sends these one after the other: each finds what the earlier ones
// left. Last comes a person who looks at the result.
var path = []string{
	"plan/run", "discover/shard", "score/prescore", "enrich/apollo", "enrich/hunter", "score/score", "convert/chunk", "push-hubspot/chunk", "finalize/run",
	"api/status", "api/prospects", "api/create",
}

// after says how much of the path must have come before a sample that is not
// on it; what is not listed needs nothing.
var after = map[string]int{"score/skipped-enricher": 4, "score/unknown-phase": 2, "finalize/failed-chunk": 2, "finalize/stopped-by-hand": 4, "finalize/reopen": 9}

// outcome is what a golden file holds: a function's answer and what it changed.
type outcome struct {
	Answer json.RawMessage   `json:"answer"`
	Error  string            `json:"error,omitempty"`     // how Lambda marks the answer as a failure
	Said   []string          `json:"said,omitempty"`      // to Step Functions and SQS
	Status domain.RunStatus  `json:"runStatus,omitempty"` // the rest: if it changed
	Shards []store.Shard     `json:"shards,omitempty"`
	Chunks map[string]string `json:"chunks,omitempty"` // by name: the counts, once there are some
	Spent  map[string]string `json:"spent,omitempty"`  // by provider, so far
	CRM    int               `json:"contactsInCRM,omitempty"`
}

// without removes what was so before.
func (o outcome) without(before outcome) outcome {
	if o.Status == before.Status {
		o.Status = ""
	}
	if cmp.Equal(o.Shards, before.Shards) {
		o.Shards = nil
	}
	if cmp.Equal(o.Chunks, before.Chunks) {
		o.Chunks = nil
	}
	if cmp.Equal(o.Spent, before.Spent) {
		o.Spent = nil
	}
	if o.CRM == before.CRM {
		o.CRM = 0
	}
	return o
}

// Every sample event gets from its function what the file beside it says, on
// the stack of template.yaml with each function's own permissions.
func TestSampleEvents(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../events/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no sample events: %v", err)
	}
	cases := map[string]int{}
	var alone []string
	for _, file := range files {
		function := filepath.Base(filepath.Dir(file))
		name := function + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		cases[function]++
		if !slices.Contains(path, name) {
			alone = append(alone, name)
		}
	}
	for function := range app.Functions() {
		if cases[function] < 2 {
			t.Errorf("events/%s has %d samples, want a good and a bad one", function, cases[function])
		}
	}
	t.Run("a run", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := open(t)
			for _, name := range path {
				compare(t, name, w.send(t, name))
			}
		})
	})
	for _, name := range alone {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := open(t)
				for _, earlier := range path[:after[name]] {
					w.send(t, earlier)
				}
				compare(t, name, w.send(t, name))
			})
		})
	}
}

// compare looks at the golden file of a sample, or writes it.
func compare(t *testing.T, name string, got outcome) {
	t.Helper()
	golden, text := "../../events/"+name+".golden", render(t, got)
	if *update {
		if err := os.WriteFile(golden, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v; go test ./internal/app -update writes it", err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s: if this is meant, write it with go test ./internal/app -update (-want +got):\n%s", name, diff)
	}
}

// world is practice mode, with an ear on what functions say to the
// orchestrator and the queues.
type world struct {
	*practice.World
	mu   sync.Mutex
	said []string
}

// BeforeCall implements localaws.Faults.
func (w *world) BeforeCall(_ context.Context, service, operation, caller string) (none localaws.Fault) {
	if caller != "" && (service == "states" || service == "sqs") {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.said = append(w.said, service+" "+operation)
	}
	return none
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{}
	var err error
	if w.World, err = practice.Open(t.Context(), practice.Options{Seed: 11, People: 20_000, Generous: true, Faults: w}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	prepare(t, w.World)
	return w
}

// prepare puts the campaign and its run where POST /campaigns puts them.
func prepare(t *testing.T, w *practice.World) {
	t.Helper()
	data, err := os.ReadFile("../cli/sample-icp.json")
	if err != nil {
		t.Fatal(err)
	}
	var icp domain.ICP
	if err := json.Unmarshal(data, &icp); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	campaign := domain.Campaign{
		ID: campaignID, Team: practice.Team, Name: "Q4 Enterprise Leads", ICPID: icp.ID, Sources: []string{"apollo"}, RunID: runID, CreatedAt: now,
		Options: domain.Options{MaxProspects: 20, AutoEnrich: true, AutoConvert: true, Thresholds: domain.DefaultThresholds(), Cap: 25 * money.Dollar},
	}
	run := domain.Run{ID: runID, Team: practice.Team, CampaignID: campaignID, Status: domain.RunRunning, StartedAt: now}
	for _, err := range []error{
		w.Store.PutICP(t.Context(), practice.Team, icp), w.Store.PutCampaign(t.Context(), campaign), w.Store.CreateRun(t.Context(), run),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// send invokes a sample's function and looks at what it did.
func (w *world) send(t *testing.T, name string) outcome {
	t.Helper()
	function, _, _ := strings.Cut(name, "/")
	payload, err := os.ReadFile("../../events/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	before := w.look(t)
	w.said = nil
	result, err := w.Stack.Functions().Invoke(t.Context(), "sluice-dev-"+function, payload)
	if err != nil {
		t.Fatal(err)
	}
	out := w.look(t).without(before)
	out.Answer, out.Error, out.Said = result.Payload, result.FunctionError, w.said
	return out
}

// look reads the run's state.
func (w *world) look(t *testing.T) outcome {
	t.Helper()
	ref := domain.Ref{Team: practice.Team, Campaign: campaignID, Run: runID}
	run, err := w.Store.Run(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := w.Store.Ledger(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	out := outcome{Status: run.Status, Shards: ledger.Shards, CRM: len(w.HubSpot.Contacts()), Chunks: map[string]string{}, Spent: map[string]string{}}
	for chunk, c := range ledger.Chunks {
		out.Chunks[chunk] = "begun"
		if c.Counts != nil {
			out.Chunks[chunk] = fmt.Sprintf("%+v, enriched %d, converted %d %s", *c.Counts, c.Enriched, c.Converted, c.Failure)
		}
	}
	for provider, settled := range ledger.Spend.ByProvider {
		out.Spent[provider] = settled.String()
	}
	return out
}

var random = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// render makes an outcome readable and hides ids that are drawn anew each time.
func render(t *testing.T, o outcome) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(o); err != nil {
		t.Fatal(err)
	}
	return random.ReplaceAllFunc(b.Bytes(), func(id []byte) []byte {
		if s := string(id); s == campaignID || s == runID {
			return id
		}
		return []byte("00000000-0000-4000-8000-000000000000")
	})
}
