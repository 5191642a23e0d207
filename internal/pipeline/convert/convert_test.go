package convert_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/pipeline/convert"
	"github.com/messageai/sluice/internal/store"
)

var (
	ref = domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: "s0001-00002"}
	now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
)

// shelf is the store in memory. Its call number strike fails, without effect
// or, if late, after it.
type shelf struct {
	mu      sync.Mutex
	auto    bool
	objects map[string][]domain.Row
	leads   map[string]domain.Lead
	listed  map[string]store.Listed
	kept    map[string]bool // claims
	chunks  map[string]store.Chunk
	calls   int
	strike  int
	late    bool
}

func newShelf(rows ...domain.Row) *shelf {
	return &shelf{
		auto: true, objects: map[string][]domain.Row{"in": rows}, leads: map[string]domain.Lead{},
		listed: map[string]store.Listed{}, kept: map[string]bool{}, chunks: map[string]store.Chunk{},
	}
}

func (s *shelf) call(effect func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.calls != s.strike || s.late {
		effect()
	}
	if s.calls == s.strike {
		return fault.New(fault.Unavailable, "test.store", "down")
	}
	return nil
}

func (s *shelf) Rows(_ context.Context, _, key string) (rows []domain.Row, err error) {
	err = s.call(func() { rows = slices.Clone(s.objects[key]) })
	return rows, err
}

func (s *shelf) PutRows(_ context.Context, _, key string, rows []domain.Row) error {
	return s.call(func() { s.objects[key] = rows })
}

func (s *shelf) Profile(_ context.Context, _, _ string, profile any) error {
	return s.call(func() {
		*profile.(*domain.RunProfile) = domain.RunProfile{ListShards: 1, Options: domain.Options{AutoConvert: s.auto}}
	})
}

func (s *shelf) ClaimLead(_ context.Context, l domain.Lead) (held domain.Lead, err error) {
	err = s.call(func() {
		if _, taken := s.leads[l.ID]; !taken {
			s.leads[l.ID] = l
		}
		held = s.leads[l.ID]
	})
	return held, err
}

func (s *shelf) KeepClaims(_ context.Context, _ domain.Ref, ids []string) error {
	return s.call(func() {
		for _, id := range ids {
			s.kept[id] = true
		}
	})
}

func (s *shelf) PutListed(_ context.Context, _ domain.Ref, _ int, listed []store.Listed) error {
	return s.call(func() {
		for _, l := range listed {
			s.listed[l.ID] = l
		}
	})
}

func (s *shelf) SaveChunk(_ context.Context, ref domain.Ref, c store.Chunk) error {
	return s.call(func() { s.chunks[ref.Chunk] = c })
}

func (s *shelf) run(t *testing.T) (convert.Output, error) {
	t.Helper()
	return (&convert.Stage{Store: s, Now: func() time.Time { return now }}).Run(t.Context(), convert.Input{Ref: ref, Doc: "in"})
}

func person(id, email string, state domain.State) domain.Row {
	return domain.Row{
		State: state, Score: &domain.Receipt{Score: 0.9}, Quality: &domain.Quality{Score: 0.8},
		Prospect: domain.Prospect{
			ID: id, Source: "apollo", Person: domain.Person{FirstName: "Ann", LastName: "Lee", Title: "CTO"},
			Company: domain.Company{Name: "X", Domain: "x.example"}, Contact: domain.Contact{Email: email},
		},
	}
}

func leadID(row domain.Row) string { return domain.LeadID("acme", row.Prospect) }

func TestQualifiedRowsBecomeLeads(t *testing.T) {
	t.Parallel()
	a, b := person("p_a", "a@x.example", domain.Qualified), person("p_b", "b@x.example", domain.Review)
	b.Calls = []domain.Call{{Provider: "hunter"}}
	s := newShelf(a, b, person("p_c", "c@x.example", domain.Rejected))
	out, err := s.run(t)
	if err != nil {
		t.Fatal(err)
	}
	wantLead := domain.Lead{
		ID: leadID(a), Team: "acme", ProspectID: "p_a", CampaignID: "c1", RunID: "r1", Chunk: ref.Chunk, Score: 0.9, CreatedAt: now,
	}
	if diff := cmp.Diff(map[string]domain.Lead{leadID(a): wantLead}, s.leads); diff != "" {
		t.Errorf("leads (-want +got):\n%s", diff)
	}
	wantChunk := store.Chunk{
		Seen: domain.Experiences{},
		Name: ref.Chunk, Enriched: 1, Converted: 1, Counts: &domain.Counts{In: 3, Qualified: 1, Review: 1, Rejected: 1},
	}
	if diff := cmp.Diff(wantChunk, s.chunks[ref.Chunk]); diff != "" {
		t.Errorf("chunk (-want +got):\n%s", diff)
	}
	if out.Leads != 1 || out.Doc != store.StepKey("r1", ref.Chunk, store.StepConverted) || s.objects[out.Doc][0].LeadID != leadID(a) {
		t.Errorf("output = %+v, rows %+v", out, s.objects[out.Doc])
	}
	wantListed := store.Listed{
		ID: "p_a", Name: "Ann Lee", Headline: "CTO", Source: "apollo", Email: "a@x.example", Company: "X", CompanyURL: "https://x.example",
		Fit: 0.9, Quality: 0.8, State: domain.Qualified, LeadID: leadID(a),
	}
	if diff := cmp.Diff(wantListed, s.listed["p_a"]); diff != "" || len(s.listed) != 3 {
		t.Errorf("%d listed; the first (-want +got):\n%s", len(s.listed), diff)
	}
}

// What explains a lead is kept apart from its run, which is deleted.
func TestTheReceiptsOfLeadsAreKept(t *testing.T) {
	t.Parallel()
	lead, open := person("p_a", "a@x.example", domain.Qualified), person("p_b", "b@x.example", domain.Review)
	s := newShelf(lead, open)
	if _, err := s.run(t); err != nil {
		t.Fatal(err)
	}
	lead.LeadID = leadID(lead)
	if diff := cmp.Diff([]domain.Row{lead}, s.objects[store.LeadsKey("r1", ref.Chunk)]); diff != "" {
		t.Errorf("kept rows (-want +got):\n%s", diff)
	}
}

// A lead's claims are kept, also that of the person whom a provider found for a
// company; those of other rows expire.
func TestTheClaimsOfLeadsAreKept(t *testing.T) {
	t.Parallel()
	lead, found, open := person("p_a", "a@x.example", domain.Qualified), person("p_b", "b@x.example", domain.Qualified), person("p_c", "c@x.example", domain.Review)
	lead.Prospect.Refs = map[string]string{"apollo": "own"}
	found.Prospect.Source, found.Prospect.Refs = "googleplaces", map[string]string{"apollo": "boss"}
	s := newShelf(lead, found, open)
	if _, err := s.run(t); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"p_a": true, "p_b": true, domain.ProspectID("acme", "apollo", "boss"): true}
	if diff := cmp.Diff(want, s.kept); diff != "" {
		t.Errorf("claims that are kept (-want +got):\n%s", diff)
	}
}

func TestAPersonIsOneLead(t *testing.T) {
	t.Parallel()
	first, second := person("p_a", "Ann@x.example", domain.Qualified), person("p_b", "ann@X.example", domain.Qualified)
	other := person("p_c", "held@x.example", domain.Qualified)
	s := newShelf(first, second, other)
	s.leads[leadID(other)] = domain.Lead{ID: leadID(other), ProspectID: "p_elsewhere"}
	if _, err := s.run(t); err != nil {
		t.Fatal(err)
	}
	rows := s.objects[store.StepKey("r1", ref.Chunk, store.StepConverted)]
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s %t", r.State, r.LeadID != ""))
	}
	want := []string{"qualified true", "duplicate false", "duplicate false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if s.leads[leadID(other)].ProspectID != "p_elsewhere" {
		t.Error("an earlier lead was taken over")
	}
	if c := s.chunks[ref.Chunk].Counts; !c.Balanced() || c.Duplicate != 2 {
		t.Errorf("counts = %+v", c)
	}
}

func TestNobodyInParticularIsForReview(t *testing.T) {
	t.Parallel()
	row := person("p_a", "", domain.Qualified)
	row.Prospect.Person.LastName = ""
	s := newShelf(row)
	if _, err := s.run(t); err != nil {
		t.Fatal(err)
	}
	got := s.objects[store.StepKey("r1", ref.Chunk, store.StepConverted)][0]
	if got.State != domain.Review || got.Reason == "" || len(s.leads) != 0 {
		t.Errorf("row = %s (%s), %d leads", got.State, got.Reason, len(s.leads))
	}
}

func TestWithoutAutoConvertNothingBecomesALead(t *testing.T) {
	t.Parallel()
	s := newShelf(person("p_a", "a@x.example", domain.Qualified))
	s.auto = false
	out, err := s.run(t)
	if err != nil || out.Leads != 0 || len(s.leads) != 0 || s.listed["p_a"].State != domain.Qualified {
		t.Errorf("%v: %+v, leads %v, listed %+v", err, out, s.leads, s.listed)
	}
}

func TestARowInAnUnknownStateIsAnErrorNotALoss(t *testing.T) {
	t.Parallel()
	if _, err := newShelf(person("p_a", "", "asleep")).run(t); err == nil {
		t.Error("a row in no known state was counted nowhere")
	}
}

// Whatever write fails, before or after its effect: a repetition ends as if
// nothing had happened.
func TestAnInterruptedConversionIsRepeatedWithoutTrace(t *testing.T) {
	t.Parallel()
	var rows []domain.Row
	for n := range 5 {
		rows = append(rows, person(fmt.Sprint("p_", n), fmt.Sprintf("%d@x.example", n%4), domain.Qualified))
	}
	clean := newShelf(rows...)
	want, err := clean.run(t)
	if err != nil {
		t.Fatal(err)
	}
	for at := 1; at <= clean.calls; at++ {
		for _, late := range []bool{false, true} {
			s := newShelf(rows...)
			s.strike, s.late = at, late
			if _, err := s.run(t); err == nil {
				t.Errorf("call %d failed, but the stage did not", at)
			}
			got, err := s.run(t)
			if err != nil {
				t.Fatal(err)
			}
			diff := cmp.Diff(want, got) + cmp.Diff(clean.objects, s.objects) + cmp.Diff(clean.leads, s.leads) +
				cmp.Diff(clean.listed, s.listed) + cmp.Diff(clean.kept, s.kept) + cmp.Diff(clean.chunks, s.chunks)
			if diff != "" {
				t.Errorf("after call %d failed, late %t (-want +got):\n%s", at, late, diff)
			}
		}
	}
}

// Suppression implements convert.Store: nobody is on the list.
func (s *shelf) Suppression(context.Context, string) (*store.Suppression, error) {
	return &store.Suppression{}, nil
}

// A chunk that was converted comes again when its run is tried again, for its
// push: a lead that a person has made since must stay on the lists.
func TestAConvertedChunkIsHandedOnAsItIs(t *testing.T) {
	t.Parallel()
	lead := person("p1", "ann@acme.example", domain.Qualified)
	lead.LeadID = "l_1"
	s := newShelf(lead, person("p2", "ben@acme.example", domain.Rejected))
	out, err := s.run(t)
	want := convert.Output{Doc: store.StepKey(ref.Run, ref.Chunk, store.StepConverted), Leads: 1}
	if out != want || err != nil || s.calls != 1 || len(s.listed)+len(s.chunks)+len(s.leads) != 0 {
		t.Errorf("%+v, %v after %d calls; listed %v, counted %v", out, err, s.calls, s.listed, s.chunks)
	}
}
