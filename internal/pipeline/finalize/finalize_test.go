package finalize_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/pipeline/finalize"
	"github.com/messageai/sluice/internal/store"
)

var run = domain.Ref{Team: "acme", Campaign: "c1", Run: "r1"}

// shelf is the store in memory.
type shelf struct {
	mu sync.Mutex // of the maps: chunks are reopened side by side

	learned domain.Experiences
	ledger  store.Ledger
	objects map[string][]domain.Row
	status  domain.RunStatus
	reason  string
	totals  domain.Totals
	ended   int
	run     domain.Run
	settled int
	dropped int
	looked  int
	last    map[string]string // where chunks have left their rows
	broken  string            // chunk that cannot be reopened
	expired bool              // the run's profile is gone
}

func (s *shelf) Run(_ context.Context, ref domain.Ref) (domain.Run, error) {
	if ref.Run != run.Run {
		return domain.Run{}, fault.New(fault.NotFound, "test.run", "no such run")
	}
	return s.run, nil
}

func (s *shelf) SettleOpen(context.Context, domain.Ref) error {
	s.settled++
	return nil
}

func (s *shelf) DropParked(context.Context, domain.Ref) error {
	s.dropped++
	return nil
}

// Look must come before the run ends: whoever sees the end has been told.
func (s *shelf) Look(context.Context, domain.Ref) {
	if s.ended == 0 {
		s.looked++
	}
}

func (s *shelf) Learn(_ context.Context, _ domain.Ref, seen domain.Experiences) error {
	s.learned = seen
	return nil
}

func (s *shelf) Ledger(context.Context, domain.Ref) (store.Ledger, error) { return s.ledger, nil }

func (s *shelf) EndRun(_ context.Context, _ domain.Ref, status domain.RunStatus, reason string, totals domain.Totals) error {
	s.status, s.reason, s.totals = status, reason, totals
	s.run.Status, s.run.Totals = status, &totals
	s.ended++
	return nil
}

// FailChunk keeps the first, and what was converted, as the store does.
func (s *shelf) FailChunk(_ context.Context, ref domain.Ref, c store.Chunk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.ledger.Chunks[ref.Chunk]; !ok || have.Counts == nil {
		s.ledger.Chunks[ref.Chunk] = c
	}
	return nil
}

func (s *shelf) Rows(_ context.Context, _, key string) ([]domain.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, ok := s.objects[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "test.rows", "no such object")
	}
	return rows, nil
}

func (s *shelf) RetryRun(_ context.Context, _ domain.Ref, attempt int) error {
	s.run.Attempt, s.run.Status = attempt, domain.RunRunning
	return nil
}

func (s *shelf) LastDoc(_ context.Context, ref domain.Ref) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if doc, ok := s.last[ref.Chunk]; ok {
		return doc, nil
	}
	return store.ChunkKey(ref.Run, ref.Chunk), nil
}

// ReopenChunk forgets how a chunk failed, as the store does, unless it breaks.
func (s *shelf) ReopenChunk(_ context.Context, ref domain.Ref, attempt int, converted bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == ref.Chunk {
		return fault.New(fault.Unavailable, "test.reopen", "no answer")
	}
	c := s.ledger.Chunks[ref.Chunk]
	if !converted {
		c = store.Chunk{Name: ref.Chunk}
	}
	c.Attempt = attempt
	s.ledger.Chunks[ref.Chunk] = c
	return nil
}

func (s *shelf) PutRows(_ context.Context, _, key string, rows []domain.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = rows
	return nil
}

func (s *shelf) Profile(_ context.Context, _, _ string, profile any) error {
	if s.expired {
		return fault.New(fault.NotFound, "test.profile", "no such object")
	}
	*profile.(*domain.RunProfile) = domain.RunProfile{Enrich: domain.EnrichPlan{Providers: []string{"hunter"}}}
	return nil
}

func stage(s *shelf) *finalize.Stage {
	return &finalize.Stage{Store: s, Watch: s, Log: slog.New(slog.DiscardHandler)}
}

func counts(c domain.Counts) *domain.Counts { return &c }

// good is a run of 10 rows: 2 duplicates, one chunk of 5 and one of 3.
func good() *shelf {
	return &shelf{objects: map[string][]domain.Row{}, ledger: store.Ledger{
		Shards: []store.Shard{{ID: "s0000", Source: "apollo", Seen: 10, Duplicates: 2, Chunks: []int{5, 3}, Done: true}},
		Chunks: map[string]store.Chunk{
			"s0000-00000": {Name: "s0000-00000", Counts: counts(domain.Counts{In: 5, Qualified: 2, Rejected: 3}), Enriched: 4, Converted: 2, CRM: map[string]domain.PushTally{"hubspot": {Created: 2, Verified: 2}}},
			"s0000-00001": {Name: "s0000-00001", Counts: counts(domain.Counts{In: 3, Review: 1, Suppressed: 1, Duplicate: 1}), Enriched: 2},
		},
	}}
}

func TestHowARunEnds(t *testing.T) {
	t.Parallel()
	chunk := func(s *shelf, name string, change func(*store.Chunk)) {
		c := s.ledger.Chunks[name]
		change(&c)
		s.ledger.Chunks[name] = c
	}
	for _, c := range []struct {
		name    string
		change  func(*shelf)
		failure *finalize.Failure
		status  domain.RunStatus
		says    string
		rows    domain.Counts
	}{
		{name: "well", status: domain.RunCompleted, rows: domain.Counts{In: 10, Qualified: 2, Rejected: 3, Review: 1, Suppressed: 1, Duplicate: 3}},
		{
			name: "a source broke off", status: domain.RunPartial, says: "apollo",
			change: func(s *shelf) { s.ledger.Shards[0].Done = false },
			rows:   domain.Counts{In: 10, Qualified: 2, Rejected: 3, Review: 1, Suppressed: 1, Duplicate: 3},
		},
		{
			name: "the CRM lost a lead", status: domain.RunPartial, says: "hubspot refused or lost 1",
			change: func(s *shelf) {
				chunk(s, "s0000-00000", func(c *store.Chunk) { c.CRM["hubspot"] = domain.PushTally{Created: 2, Verified: 1, Missing: 1} })
			},
			rows: domain.Counts{In: 10, Qualified: 2, Rejected: 3, Review: 1, Suppressed: 1, Duplicate: 3},
		},
		{
			name: "a chunk ended early", status: domain.RunPartial, says: "Unavailable",
			change: func(s *shelf) {
				chunk(s, "s0000-00001", func(c *store.Chunk) { c.Failure, c.Counts = "Unavailable", counts(domain.Counts{In: 3, Failed: 3}) })
			},
			rows: domain.Counts{In: 10, Qualified: 2, Rejected: 3, Failed: 3, Duplicate: 2},
		},
		{
			name: "a chunk was never begun", status: domain.RunPartial, says: "3 rows failed",
			change: func(s *shelf) { delete(s.ledger.Chunks, "s0000-00001") },
			rows:   domain.Counts{In: 10, Qualified: 2, Rejected: 3, Failed: 3, Duplicate: 2},
		},
		{
			name: "rows never became a chunk", status: domain.RunPartial, says: "4 rows failed",
			change: func(s *shelf) { s.ledger.Shards[0].Seen = 14 },
			rows:   domain.Counts{In: 14, Qualified: 2, Rejected: 3, Review: 1, Suppressed: 1, Duplicate: 3, Failed: 4},
		},
		{
			name: "the machine failed", failure: &finalize.Failure{Error: "States.ItemReaderFailed"}, status: domain.RunFailed, says: "States.ItemReaderFailed",
			rows: domain.Counts{In: 10, Qualified: 2, Rejected: 3, Review: 1, Suppressed: 1, Duplicate: 3},
		},
		{
			name: "a row is counted twice", status: domain.RunFailed, says: "does not balance",
			change: func(s *shelf) {
				chunk(s, "s0000-00001", func(c *store.Chunk) { c.Counts.Review++ })
			},
			rows: domain.Counts{In: 10, Qualified: 2, Rejected: 3, Review: 2, Suppressed: 1, Duplicate: 3},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := good()
			if c.change != nil {
				c.change(s)
			}
			for range 2 { // repeating it changes nothing
				out, err := stage(s).Run(t.Context(), finalize.Input{Ref: run, Failure: c.failure})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.rows, s.totals.Rows); diff != "" || s.status != c.status || !strings.Contains(s.reason, c.says) {
					t.Errorf("%s: %q, want %s with %q; rows (-want +got):\n%s", s.status, s.reason, c.status, c.says, diff)
				}
				if out.Status != c.status || !cmp.Equal(*out.Totals, s.totals) {
					t.Errorf("output %+v is not what was recorded", out)
				}
			}
		})
	}
}

func TestTotalsAddUpEveryChunk(t *testing.T) {
	t.Parallel()
	s := good()
	if _, err := stage(s).Run(t.Context(), finalize.Input{Ref: run}); err != nil || s.looked != 1 {
		t.Fatalf("%v; the run's spending was looked at %d times", err, s.looked)
	}
	want := domain.Totals{
		Rows:     domain.Counts{In: 10, Qualified: 2, Rejected: 3, Review: 1, Suppressed: 1, Duplicate: 3},
		Enriched: 6, Converted: 2, BySource: map[string]int{"apollo": 10}, CRM: map[string]domain.PushTally{"hubspot": {Created: 2, Verified: 2}},
	}
	if diff := cmp.Diff(want, s.totals); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
}

func TestARunWithoutRowsCompletes(t *testing.T) {
	t.Parallel()
	s := &shelf{ledger: store.Ledger{Shards: []store.Shard{{ID: "s0000", Source: "apollo", Done: true}}, Chunks: map[string]store.Chunk{}}}
	out, err := stage(s).Run(t.Context(), finalize.Input{Ref: run})
	if err != nil || out.Status != domain.RunCompleted {
		t.Errorf("an empty run ends %s, %v", out.Status, err)
	}
}

func TestEveryRowOfAFailedChunkIsCounted(t *testing.T) {
	t.Parallel()
	rows := []domain.Row{
		{State: domain.InWork, Calls: []domain.Call{{Provider: "hunter"}}},
		{State: domain.Queued},
		{State: domain.Rejected},
		{State: domain.Duplicate},
		{State: domain.Suppressed},
		{State: domain.Qualified},
		{State: domain.Review},
		{State: domain.Held},
	}
	want := store.Chunk{
		Name: "s0000-00001", Enriched: 1, Failure: "Unavailable", Cause: "down",
		Counts: counts(domain.Counts{In: 8, Rejected: 1, Duplicate: 1, Suppressed: 1, Review: 1, Failed: 4}),
	}
	ref := run
	ref.Chunk = "s0000-00001"
	for name, c := range map[string]struct{ doc, given string }{
		"after a step":  {"runs/r1/work/s0000-00001/prescored", "runs/r1/work/s0000-00001/prescored"},
		"at the outset": {store.ChunkKey("r1", "s0000-00001"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{objects: map[string][]domain.Row{c.doc: rows}, ledger: store.Ledger{Chunks: map[string]store.Chunk{}}}
			in := finalize.Input{Ref: ref, Doc: c.given, Failure: &finalize.Failure{Error: "Unavailable", Cause: "down"}}
			if _, err := stage(s).Run(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			want := want
			want.Doc = c.doc
			if diff := cmp.Diff(want, s.ledger.Chunks["s0000-00001"]); diff != "" || s.ended != 0 {
				t.Errorf("the run was ended %d times; chunk (-want +got):\n%s", s.ended, diff)
			}
		})
	}
}

func TestAConvertedChunkDoesNotFailAfterwards(t *testing.T) {
	t.Parallel()
	s := good()
	before := s.ledger.Chunks["s0000-00000"]
	ref := run
	ref.Chunk = "s0000-00000"
	if _, err := stage(s).Run(t.Context(), finalize.Input{Ref: ref, Failure: &finalize.Failure{Error: "Internal"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, s.ledger.Chunks["s0000-00000"]); diff != "" {
		t.Errorf("chunk (-want +got):\n%s", diff)
	}
}

// A shard that could not be read has no rows: its phantom chunk counts none.
func TestAChunkWithoutRowsCountsNone(t *testing.T) {
	t.Parallel()
	s := &shelf{ledger: store.Ledger{Chunks: map[string]store.Chunk{}}}
	ref := run
	ref.Chunk = "s0009-00000"
	if _, err := stage(s).Run(t.Context(), finalize.Input{Ref: ref}); err != nil {
		t.Fatal(err)
	}
	want := store.Chunk{Name: "s0009-00000", Counts: &domain.Counts{}, Failure: "unknown", Doc: store.ChunkKey("r1", "s0009-00000")}
	if diff := cmp.Diff(want, s.ledger.Chunks["s0009-00000"]); diff != "" {
		t.Errorf("chunk (-want +got):\n%s", diff)
	}
}

// A push that the state machine gave up on leaves no tally: leads that no CRM
// has are not a completed run.
func TestLeadsThatWereNeverPushedAreNamed(t *testing.T) {
	t.Parallel()
	s := good()
	c := s.ledger.Chunks["s0000-00000"]
	c.CRM = nil
	s.ledger.Chunks["s0000-00000"] = c
	var in finalize.Input // as the state machine sends it
	payload := `{"team":"acme","campaignId":"c1","runId":"r1","chunks":2,"waterfall":[],"crms":[{"provider":"hubspot","queue":"https://q"}]}`
	if err := json.Unmarshal([]byte(payload), &in); err != nil {
		t.Fatal(err)
	}
	if _, err := stage(s).Run(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if s.status != domain.RunPartial || !strings.Contains(s.reason, "hubspot") {
		t.Errorf("2 leads are converted and none is in the CRM, but the run is %s: %q", s.status, s.reason)
	}
}
