package plan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/plan"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/store"
)

var ref = domain.Ref{Team: "acme", Campaign: "c1", Run: "r1"}

// world is store, ledger and embedder in memory.
type world struct {
	known    domain.Experiences
	campaign domain.Campaign
	icp      domain.ICP
	limit    money.Micro
	planned  int
	profile  domain.RunProfile
	lines    []any
	reserved []store.Reservation
	embedErr error
	fewer    int // vectors that the embedder leaves out
}

func newWorld(t *testing.T, max int, sources ...string) *world {
	t.Helper()
	data, err := os.ReadFile("../../cli/sample-icp.json")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{campaign: domain.Campaign{
		ID: "c1", Team: "acme", Name: "Q4", ICPID: "i1", Sources: sources,
		Options: domain.Options{MaxProspects: max, AutoEnrich: true, AutoConvert: true, Thresholds: domain.DefaultThresholds(), Cap: 25 * money.Dollar},
	}}
	if err := json.Unmarshal(data, &w.icp); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) Campaign(context.Context, string, string) (domain.Campaign, error) {
	return w.campaign, nil
}
func (w *world) ICP(context.Context, string, string) (domain.ICP, error) { return w.icp, nil }

func (w *world) OpenSpend(_ context.Context, _ domain.Ref, limit money.Micro) error {
	w.limit = limit
	return nil
}

func (w *world) PlanRun(_ context.Context, _ domain.Ref, planned int) error {
	w.planned = planned
	return nil
}

func (w *world) PutProfile(_ context.Context, _, _ string, profile any) error {
	w.profile = profile.(domain.RunProfile)
	return nil
}

func (w *world) PutPlan(_ context.Context, _ string, lines []any) error {
	w.lines = lines
	return nil
}

// Fields implements waterfall.Keys: Lusha has no key.
func (w *world) Fields(_ context.Context, name string, _ bool) (map[string]string, error) {
	if name == "lusha" {
		return map[string]string{"apiKey": ""}, nil
	}
	return map[string]string{"apiKey": "k"}, nil
}

func (w *world) Learned(context.Context, string) (domain.Experiences, error) { return w.known, nil }

func (w *world) Reserve(_ context.Context, _ domain.Ref, r store.Reservation) error {
	w.reserved = append(w.reserved, r)
	return nil
}

func (w *world) Settle(context.Context, domain.Ref, store.Reservation, money.Micro) error { return nil }

func (w *world) Reserved(context.Context, domain.Ref, string) (store.Left, error) {
	return store.Left{Made: len(w.reserved)}, nil
}

func (w *world) Model() string { return lexical.Model }

func (w *world) Embed(ctx context.Context, texts []string) ([][]float32, provider.Usage, error) {
	if w.embedErr != nil {
		return nil, provider.Usage{}, w.embedErr
	}
	vectors, usage, err := lexical.New().Embed(ctx, texts)
	return vectors[:len(vectors)-w.fewer], usage, err
}

func (w *world) stage() *plan.Stage {
	return &plan.Stage{
		Store: w, Budget: budget.Budget{Ledger: w}, Embedder: w, EmbedPrice: money.Price{Unit: 20_000, Units: 1}, Embeds: "openai",
		Sources: map[string]provider.Definition{"googleplaces": {Prices: money.Table{Operations: map[string]money.Price{
			provider.OpDiscover: {Unit: 35_000, Units: 1},
		}}}, "apollo": {SecretFields: []string{"apiKey"}}, "hunter": {SecretFields: []string{"apiKey"}}, "lusha": {SecretFields: []string{"apiKey"}}},
		Keys:      w,
		Enrichers: []string{"apollo", "lusha", "hunter"}, CRMs: []string{"hubspot"},
		Queues: map[string]string{
			"discover-apollo": "q/da", "discover-googleplaces": "q/dg", "enrich-apollo": "q/ea", "enrich-hunter": "q/eh", "push-hubspot": "q/ph",
		},
	}
}

func (w *world) shards() (out []domain.DiscoverShard) {
	for _, l := range w.lines {
		out = append(out, l.(domain.DiscoverShard))
	}
	return out
}

func TestAPlanSaysWhatTheStateMachineNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1000, "apollo", "googleplaces")
	out, err := w.stage().Run(t.Context(), plan.Input{Ref: ref})
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Output{
		Ref: ref, PlanKey: store.PlanKey("r1"), ChunkPrefix: store.ChunkPrefix("r1"), DiscoverConcurrency: 8, ChunkConcurrency: 16,
		Waterfall: []plan.Target{{Provider: "apollo", Queue: "q/ea"}, {Provider: "hunter", Queue: "q/eh"}},
		CRMs:      []plan.Target{{Provider: "hubspot", Queue: "q/ph"}},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if w.limit != 25*money.Dollar || w.planned != 1000 || w.profile.ListShards != 1 || w.profile.ICP.ID != w.icp.ID {
		t.Errorf("cap %s, planned %d, profile %+v", w.limit, w.planned, w.profile)
	}
	if len(w.reserved) != 1 || w.reserved[0].Max <= 0 || w.reserved[0].ID != "plan/openai/0" {
		t.Errorf("the calibration was reserved as %+v", w.reserved)
	}
	var lens scoring.Lens
	if err := json.Unmarshal(w.profile.Lens, &lens); err != nil {
		t.Errorf("the lens is unreadable: %v", err)
	}
}

// The rows of all shards together are what the campaign asked for, never more.
func TestShardsNeverExceedTheCampaign(t *testing.T) {
	t.Parallel()
	for _, sources := range [][]string{{"apollo"}, {"googleplaces"}, {"apollo", "googleplaces"}} {
		for _, most := range []int{1, 4, 5, 59, 60, 61, 499, 500, 501, 1000, 4999, 50_000, 50_001, 123_457, 1_000_000} {
			t.Run(fmt.Sprint(sources, most), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, most, sources...)
				if _, err := w.stage().Run(t.Context(), plan.Input{Ref: ref}); err != nil {
					t.Fatal(err)
				}
				ids, sum := map[string]bool{}, 0
				type page struct{ source, from, query string }
				begun := map[page]bool{}
				for _, sh := range w.shards() {
					sum += sh.MaxRows
					query, err := json.Marshal([]any{sh.Query, sh.Searches})
					if err != nil {
						t.Fatal(err)
					}
					p := page{sh.Source, sh.From, string(query)}
					if ids[sh.ID] || begun[p] || sh.MaxRows <= 0 || sh.Queue == "" {
						t.Errorf("shard %+v repeats another or is empty", sh)
					}
					ids[sh.ID], begun[p] = true, true
					if want := money.Micro(35_000); sh.Source == "googleplaces" && sh.MaxPrice != want {
						t.Errorf("a page of %s is reserved at %s, want %s", sh.ID, sh.MaxPrice, want)
					}
				}
				if sum > most || sum != w.planned {
					t.Errorf("shards of %d rows, planned %d, for a campaign of %d", sum, w.planned, most)
				}
				if sources[0] == "apollo" && sum != most {
					t.Errorf("shards of %d rows for %d; a people search reaches them all", sum, most)
				}
			})
		}
	}
}

// What a search does not restrict is not what it is split by.
func TestASearchWithoutPlacesIsSplitByTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 250_000, "apollo")
	w.icp.Demographics.Location, w.icp.Firmographics.Geography = "", ""
	w.icp.Demographics.JobTitles = []string{"CTO", "CEO"}
	w.icp.Firmographics.CompanySize = []string{"51-200", "201-500", "501-1000"}
	if _, err := w.stage().Run(t.Context(), plan.Input{Ref: ref}); err != nil {
		t.Fatal(err)
	}
	searched := map[string]int{}
	for _, sh := range w.shards() {
		if len(sh.Query.Locations) != 0 {
			t.Errorf("searched in %v", sh.Query.Locations)
		}
		searched[strings.Join(sh.Query.Titles, " or ")+" at "+strings.Join(sh.Query.Sizes, " or ")] += sh.MaxRows
	}
	want := map[string]int{
		"CTO at 51-200": 41_666, "CTO at 201-500": 41_666, "CTO at 501-1000": 41_667, "CEO at 51-200": 41_667, "CEO at 201-500": 41_667, "CEO at 501-1000": 41_667,
	}
	if diff := cmp.Diff(want, searched); diff != "" {
		t.Errorf("rows by search (-want +got):\n%s", diff)
	}
}

func TestPlanningTwiceGivesTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 123_457, "apollo", "googleplaces")
	first, err := w.stage().Run(t.Context(), plan.Input{Ref: ref})
	if err != nil {
		t.Fatal(err)
	}
	lines, profile := w.lines, w.profile
	again, err := w.stage().Run(t.Context(), plan.Input{Ref: ref})
	if diff := cmp.Diff(first, again) + cmp.Diff(lines, w.lines) + cmp.Diff(profile, w.profile); diff != "" || err != nil {
		t.Errorf("%v (-first +second):\n%s", err, diff)
	}
}

func TestOptionsSwitchStepsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10, "apollo")
	w.campaign.Options.AutoEnrich, w.campaign.Options.AutoConvert = false, false
	out, err := w.stage().Run(t.Context(), plan.Input{Ref: ref})
	if err != nil || len(out.Waterfall) != 0 || len(out.CRMs) != 0 {
		t.Errorf("%v: %+v", err, out)
	}
	data, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || string(raw["waterfall"]) != "[]" || string(raw["crms"]) != "[]" {
		t.Errorf("the state machine counts %s and %s", raw["waterfall"], raw["crms"])
	}
}

func TestCriteriaNarrowTheICP(t *testing.T) {
	t.Parallel()
	icp := domain.ICP{
		Demographics:  domain.Demographics{JobTitles: []string{"CTO"}, Location: " United States, ,Canada "},
		Firmographics: domain.Firmographics{Industry: []string{"Software"}, CompanySize: []string{"51-200"}, Geography: "Europe"},
	}
	for name, c := range map[string]struct {
		criteria domain.Criteria
		icp      domain.ICP
		want     domain.SearchQuery
	}{
		"the ICP's": {domain.Criteria{}, icp, domain.SearchQuery{
			Titles: []string{"CTO"}, Sizes: []string{"51-200"}, Locations: []string{"United States", "Canada"}, Industries: []string{"Software"},
		}},
		"its own": {
			domain.Criteria{Titles: []string{"CEO"}, Sizes: []string{"1-10"}, Locations: []string{"Chad"}, Industries: []string{"Mining"}},
			icp,
			domain.SearchQuery{Titles: []string{"CEO"}, Sizes: []string{"1-10"}, Locations: []string{"Chad"}, Industries: []string{"Mining"}},
		},
		"the companies' place": {domain.Criteria{}, domain.ICP{Firmographics: icp.Firmographics}, domain.SearchQuery{
			Sizes: []string{"51-200"}, Locations: []string{"Europe"}, Industries: []string{"Software"},
		}},
	} {
		if diff := cmp.Diff(c.want, plan.Resolve(c.criteria, c.icp)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPlansThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world, *plan.Stage)
		want   fault.Kind
	}{
		"no queue of a source":    {func(_ *world, s *plan.Stage) { delete(s.Queues, "discover-apollo") }, fault.InvalidInput},
		"no queue of an enricher": {func(_ *world, s *plan.Stage) { delete(s.Queues, "enrich-hunter") }, fault.Internal},
		"an unknown source":       {func(w *world, _ *plan.Stage) { w.campaign.Sources = []string{"myspace"} }, fault.InvalidInput},
		"the embedder is down":    {func(w *world, _ *plan.Stage) { w.embedErr = fault.New(fault.Unavailable, "x", "down") }, fault.Unavailable},
		"a vector is missing":     {func(w *world, _ *plan.Stage) { w.fewer = 1 }, fault.BadResponse},
		"places without a place": {func(w *world, _ *plan.Stage) {
			w.campaign.Sources, w.icp.Demographics.Location, w.icp.Firmographics.Geography = []string{"googleplaces"}, "", ""
		}, fault.InvalidInput},
		"places without an industry": {func(w *world, _ *plan.Stage) {
			w.campaign.Sources, w.icp.Firmographics.Industry = []string{"googleplaces"}, nil
		}, fault.InvalidInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 100, "apollo")
			s := w.stage()
			c.change(w, s)
			if _, err := s.Run(t.Context(), plan.Input{Ref: ref}); !fault.Is(err, c.want) {
				t.Errorf("Run = %v, want %s", err, c.want)
			}
		})
	}
}

func TestARunWithoutEmbedderHasNoLens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100, "apollo")
	s := w.stage()
	s.Embedder = nil
	if _, err := s.Run(t.Context(), plan.Input{Ref: ref}); err != nil || w.profile.Lens != nil || len(w.reserved) != 0 {
		t.Errorf("%v: lens %s, reserved %v", err, w.profile.Lens, w.reserved)
	}
}
