package finalize_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/pipeline/finalize"
	"github.com/messageai/sluice/internal/store"
)

// left is a run that has ended with five chunks: one well, one that gave up, one
// without an end, one whose leads were not pushed, and one whose rows are gone.
func left() *shelf {
	row := func(id string) []domain.Row { return []domain.Row{{Prospect: domain.Prospect{ID: id}}} }
	return &shelf{
		run: domain.Run{ID: "r1", Status: domain.RunPartial},
		ledger: store.Ledger{
			Shards: []store.Shard{{ID: "s0000", Source: "apollo", Seen: 5, Chunks: []int{1, 1, 1, 1, 1}, Done: true}},
			Chunks: map[string]store.Chunk{
				"s0000-00000": {Name: "s0000-00000", Counts: counts(domain.Counts{In: 1, Qualified: 1}), Converted: 1, CRM: map[string]domain.PushTally{"hubspot": {Created: 1}}},
				"s0000-00001": {Name: "s0000-00001", Counts: counts(domain.Counts{In: 1, Failed: 1}), Failure: "Unavailable", Doc: "gave-up"},
				"s0000-00002": {Name: "s0000-00002"},
				"s0000-00003": {Name: "s0000-00003", Counts: counts(domain.Counts{In: 1, Qualified: 1}), Converted: 1},
				"s0000-00004": {Name: "s0000-00004", Counts: counts(domain.Counts{In: 1, Failed: 1}), Failure: "Internal", Doc: "gone"},
			},
		},
		last: map[string]string{"s0000-00002": "half-way"},
		objects: map[string][]domain.Row{
			"gave-up": row("p1"), "half-way": row("p2"), store.StepKey("r1", "s0000-00003", store.StepConverted): row("p3"),
		},
	}
}

func TestWhatFailedIsTakenUpFromWhereItsRowsAre(t *testing.T) {
	t.Parallel()
	in := finalize.Input{
		Ref: run, Attempt: 1, Reopen: true,
		Waterfall: []finalize.Target{{Name: "apollo", Queue: "qa"}, {Name: "hunter", Queue: "qh"}}, // the run's plan has hunter alone
		CRMs:      []finalize.Target{{Name: "hubspot", Queue: "qc"}},
	}
	want := finalize.Reopened{
		Ref: run, Attempt: 1, ChunkPrefix: "runs/r1/retry/1/", ChunkConcurrency: 16, Chunks: 3, Gone: 1,
		Waterfall: []finalize.Target{{Name: "hunter", Queue: "qh"}}, CRMs: in.CRMs,
	}
	s := left()
	s.broken = "s0000-00002" // the first attempt at reopening is cut off half way
	if _, err := stage(s).Run(t.Context(), in); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("reopening a chunk that cannot be written: %v", err)
	}
	s.broken = ""
	for range 2 { // repeating it changes nothing
		out, err := stage(s).Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, *out.Reopened); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for chunk, id := range map[string]string{"s0000-00001": "p1", "s0000-00002": "p2", "s0000-00003": "p3"} {
			rows := s.objects["runs/r1/retry/1/"+chunk]
			if len(rows) != 1 || rows[0].Prospect.ID != id {
				t.Errorf("%s is run again with %v, want %s", chunk, rows, id)
			}
		}
		if s.run.Attempt != 1 || s.run.Status != domain.RunRunning {
			t.Errorf("the run is %+v", s.run)
		}
		got := s.ledger.Totals(false).Rows
		if diff := cmp.Diff(domain.Counts{In: 5, Qualified: 2, InWork: 2, Failed: 1}, got); diff != "" {
			t.Errorf("rows of the run that goes on (-want +got):\n%s", diff)
		}
		delete(s.objects, "half-way") // it must not be asked for again
	}
}

// Rows expire after 90 days: then nothing is run again, what the run counted
// stays, and its reason says why.
func TestARunWhoseRowsHaveExpiredEndsAsBefore(t *testing.T) {
	t.Parallel()
	for name, expire := range map[string]func(*shelf){
		"all of it":    func(s *shelf) { s.expired = true },
		"all but plan": func(*shelf) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := left()
			if _, err := stage(s).Run(t.Context(), finalize.Input{Ref: run, CRMs: []finalize.Target{{Name: "hubspot"}}}); err != nil {
				t.Fatal(err)
			}
			status, reason, totals := s.status, s.reason, s.totals
			clear(s.objects)
			expire(s)
			out, err := stage(s).Run(t.Context(), finalize.Input{Ref: run, Attempt: 1, Reopen: true, CRMs: []finalize.Target{{Name: "hubspot"}}})
			if err != nil || out.Chunks != 0 || out.Gone != 4 {
				t.Fatalf("reopened %+v, %v; want four chunks gone", out.Reopened, err)
			}
			if s.run.Attempt != 1 || s.run.Status != domain.RunRunning {
				t.Errorf("the run is %+v: nobody could end the attempt", s.run)
			}
			if _, err := stage(s).Run(t.Context(), finalize.Input{Ref: run, Attempt: 1, CRMs: out.CRMs, Gone: out.Gone}); err != nil {
				t.Fatal(err)
			}
			want := reason + "; chunks that could not be run again: 4, since the rows of a run are kept for 90 days"
			if diff := cmp.Diff(totals, s.totals); diff != "" || s.status != status || s.reason != want {
				t.Errorf("%s: %q, want %s: %q; totals (-before +after):\n%s", s.status, s.reason, status, want, diff)
			}
		})
	}
}

// What an attempt leaves behind must not end the one that followed it.
func TestTheEndOfAnEarlierAttemptIsIgnored(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]finalize.Input{
		"finalize comes again": {Ref: run},
		"its execution fails":  {Ref: run, Failure: &finalize.Failure{Error: "Internal"}},
		"EventBridge is late":  {Detail: &finalize.Stopped{Status: "ABORTED", Input: `{"team":"acme","campaignId":"c1","runId":"r1"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := good()
			s.run = domain.Run{ID: "r1", Status: domain.RunRunning, Attempt: 1}
			out, err := stage(s).Run(t.Context(), in)
			if err != nil || out.Status != domain.RunRunning || s.ended+s.settled+s.dropped != 0 {
				t.Errorf("answer %+v, %v; the run was ended %d times, money settled %d times, messages dropped %d times", out, err, s.ended, s.settled, s.dropped)
			}
		})
	}
}
