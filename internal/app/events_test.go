package app_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
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

// path is the good samples in the order in which a run sends them: a sample of
// a later function finds what the earlier ones left.
var path = []string{
	"plan/run", "discover/shard", "score/prescore", "enrich/apollo", "enrich/hunter", "score/score", "convert/chunk", "push-hubspot/chunk", "finalize/run",
}

// outcome is what a golden file holds.
type outcome struct {
	Answer json.RawMessage   `json:"answer"`
	Error  string            `json:"error,omitempty"` // how Lambda marks the answer as a failure
	Status domain.RunStatus  `json:"runStatus"`
	Shards []store.Shard     `json:"shards,omitempty"`
	Chunks map[string]string `json:"chunks,omitempty"` // by name: the counts, once there are some
	Spent  map[string]string `json:"spent,omitempty"`  // by provider
	CRM    int               `json:"contactsInCRM"`
}

// Every sample event gets from its function what the file beside it says, on
// the stack of template.yaml with each function's own permissions.
func TestSampleEvents(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("../../events/*/*.json")
	if err != nil || len(samples) == 0 {
		t.Fatalf("there are no sample events: %v", err)
	}
	cases := map[string]int{}
	for _, file := range samples {
		function := filepath.Base(filepath.Dir(file))
		name := function + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		cases[function]++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got outcome
			synctest.Test(t, func(t *testing.T) { got = play(t, name) })
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			text := render(t, got)
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
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for function, n := range cases {
		if n < 2 {
			t.Errorf("events/%s has %d samples, want a good and a bad one", function, n)
		}
	}
}

// play sends one sample to its function, after those that a run would have
// sent before it.
func play(t *testing.T, name string) outcome {
	t.Helper()
	w, err := practice.Open(t.Context(), practice.Options{Seed: 11, Generous: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	prepare(t, w)
	for _, earlier := range before(name) {
		if got := send(t, w, earlier); got.Error != "" {
			t.Fatalf("%s, which comes before, failed: %s", earlier, got.Answer)
		}
	}
	return send(t, w, name)
}

// before returns the samples that a run sends before one of a function: those
// of the functions that come earlier, and for a second sample of a function
// what its own input says.
func before(name string) []string {
	function, _, _ := strings.Cut(name, "/")
	switch name {
	case "enrich/hunter", "score/skipped-enricher":
		return path[:4]
	case "score/score":
		return path[:5]
	case "finalize/failed-chunk":
		return path[:2]
	case "finalize/failed-run":
		return nil
	}
	if function == "api" {
		return path
	}
	for i, p := range path {
		if strings.HasPrefix(p, function+"/") {
			return path[:i]
		}
	}
	return nil
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
func send(t *testing.T, w *practice.World, name string) outcome {
	t.Helper()
	function, _, _ := strings.Cut(name, "/")
	payload, err := os.ReadFile("../../events/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	result, err := w.Stack.Functions().Invoke(t.Context(), "sluice-dev-"+function, payload)
	if err != nil {
		t.Fatal(err)
	}
	ref := domain.Ref{Team: practice.Team, Campaign: campaignID, Run: runID}
	run, err := w.Store.Run(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := w.Store.Ledger(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	out := outcome{
		Answer: result.Payload, Error: result.FunctionError, Status: run.Status, Shards: ledger.Shards, CRM: len(w.HubSpot.Contacts()),
		Chunks: map[string]string{}, Spent: map[string]string{},
	}
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
