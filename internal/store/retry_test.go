package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

func TestARunIsTriedAgainOnlyOnceItHasEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := domain.Run{ID: "r1", Team: "acme", CampaignID: "c1", Status: domain.RunRunning, StartedAt: time.Now().UTC()}
		if err := s.CreateRun(ctx, run); err != nil {
			t.Fatal(err)
		}
		if err := s.RetryRun(ctx, ref(""), 1); !fault.Is(err, fault.Conflict) {
			t.Errorf("a run that goes on: %v", err)
		}
		for attempt := 1; attempt <= 2; attempt++ {
			if err := s.EndRun(ctx, ref(""), domain.RunPartial, "3 rows failed", domain.Totals{}); err != nil {
				t.Fatal(err)
			}
			if err := s.RetryRun(ctx, ref(""), attempt+1); !fault.Is(err, fault.Conflict) {
				t.Errorf("attempt %d after %d: %v", attempt+1, attempt-1, err)
			}
			for range 2 {
				if err := s.RetryRun(ctx, ref(""), attempt); err != nil {
					t.Fatal(err)
				}
			}
			want := run
			want.Attempt = attempt
			got, err := s.Run(ctx, ref(""))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
	})
}

// A worker that outlives its run can do nothing more to a chunk that is run again,
// which nobody works on before that worker must have ended.
func TestAReopenedChunkWaitsForItsLastWorker(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx, c := t.Context(), ref("s0000-00000")
		const step = "enriched-0-apollo"
		if _, err := s.Begin(ctx, c, step, "old", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := s.ReopenChunk(ctx, c, 1, false); err != nil {
			t.Fatal(err)
		}
		if err := s.Finish(ctx, c, step, "old", map[string]string{"doc": "stale"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("the old worker answers: %v, want Conflict", err)
		}
		if err := s.Release(ctx, c, step, "old"); err != nil && !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		if _, err := s.Begin(ctx, c, step, "new", time.Now().Add(time.Minute)); !fault.Is(err, fault.Conflict) || fault.RetryAfter(err) <= 50*time.Second {
			t.Errorf("a new worker begins beside the old one: %v, to look again after %s", err, fault.RetryAfter(err))
		}
		time.Sleep(time.Minute + time.Millisecond)
		if done, err := s.Begin(ctx, c, step, "new", time.Now().Add(time.Minute)); err != nil || len(done) != 0 {
			t.Errorf("after the old worker's time: %v, %v", done, err)
		}
	})
}

// What goes on without a provider waits for the worker that is still asking it, and
// then keeps others from beginning, until the chunk is run again.
func TestNobodyEnrichesAfterTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx, c := t.Context(), ref("s0000-00000")
		const step = "enriched-0-apollo"
		if _, err := s.Begin(ctx, c, step, "slow", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := s.EndEnriching(ctx, c); !fault.Is(err, fault.Conflict) || fault.RetryAfter(err) <= 50*time.Second {
			t.Errorf("the end while a worker is at the chunk: %v, to look again after %s", err, fault.RetryAfter(err))
		}
		time.Sleep(time.Minute + time.Millisecond)
		for range 2 {
			if err := s.EndEnriching(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		done, err := s.Begin(ctx, c, step, "late", time.Now().Add(time.Minute))
		if _, over := done[store.StepScored]; err != nil || !over {
			t.Errorf("a late worker is told %v, %v; want that the chunk is scored", done, err)
		}
		if err := s.EndEnriching(ctx, c); err != nil {
			t.Errorf("again, while a late worker looks: %v", err)
		}
		if err := s.ReopenChunk(ctx, c, 1, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + time.Millisecond)
		if done, err := s.Begin(ctx, c, step, "new", time.Now().Add(time.Minute)); err != nil || len(done) != 0 {
			t.Errorf("in the next attempt: %v, %v", done, err)
		}
	})
}

func TestAReopenedChunkForgetsWhatItsStepsAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx, c := t.Context(), ref("s0000-00000")
		last := func(want string) {
			t.Helper()
			if got, err := s.LastDoc(ctx, c); got != want || err != nil {
				t.Errorf("the rows are in %q, %v; want %q", got, err, want)
			}
		}
		last(store.ChunkKey("r1", "s0000-00000"))
		for _, step := range []string{"enriched-9-apollo", "enriched-10-hunter"} {
			if _, err := s.Begin(ctx, c, step, "me", time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if err := s.Finish(ctx, c, step, "me", map[string]string{"doc": "after-" + step}); err != nil {
				t.Fatal(err)
			}
		}
		last("after-enriched-10-hunter")
		failed := store.Chunk{Name: "s0000-00000", Counts: &domain.Counts{In: 2, Failed: 2}, Failure: "Internal", Cause: "a bug", Doc: "d"}
		if err := s.FailChunk(ctx, c, failed); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.SaveDeadLetter(ctx, c, "hunter", "m1", false); err != nil {
				t.Fatal(err)
			}
		}
		want := failed
		want.DeadLetters = map[string]int{"hunter": 1}
		check := func(when string) {
			t.Helper()
			l, err := s.Ledger(ctx, ref(""))
			got := l.Chunks["s0000-00000"]
			if reopened := want.Attempt > 0; reopened == (len(got.Turns) > 0) {
				t.Errorf("%s: answers of turns %v", when, got.Turns)
			}
			got.Turns = nil
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", when, err, diff)
			}
		}
		check("failed")
		if err := s.ReopenChunk(ctx, c, 1, false); err != nil {
			t.Fatal(err)
		}
		want = store.Chunk{Name: "s0000-00000", Attempt: 1, DeadLetters: want.DeadLetters}
		check("reopened")
		last(store.ChunkKey("r1", "s0000-00000"))
		done, err := s.Begin(ctx, c, "enriched-9-apollo", "other", time.Now().Add(time.Minute))
		if err != nil || len(done) != 0 {
			t.Errorf("a step of the reopened chunk was answered before: %v, %v", done, err)
		}
		// A repetition that comes late must not undo what was done since.
		saved := store.Chunk{Name: "s0000-00000", Counts: &domain.Counts{In: 2, Qualified: 2}, Converted: 2}
		if err := s.SaveChunk(ctx, c, saved); err != nil {
			t.Fatal(err)
		}
		if err := s.ReopenChunk(ctx, c, 1, false); err != nil {
			t.Fatal(err)
		}
		saved.Attempt, saved.DeadLetters = 1, want.DeadLetters
		want = saved
		check("converted")
		if err := s.ReopenChunk(ctx, c, 2, true); err != nil { // its push failed
			t.Fatal(err)
		}
		want.Attempt = 2
		check("reopened for its push")
	})
}

// What a run's end presumed to be spent is what a killed worker left, for the
// one that takes its chunk up again: it must learn which questions were asked.
func TestAPresumedReservationIsFoundWithItsQuestions(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 1000); err != nil {
			t.Fatal(err)
		}
		r := store.Reservation{ID: "c1/hunter/0", Provider: "hunter", Max: 300, Questions: []byte("abcdef")}
		if err := s.Reserve(ctx, ref("c1"), r); err != nil {
			t.Fatal(err)
		}
		if err := s.SettleOpen(ctx, ref("")); err != nil {
			t.Fatal(err)
		}
		want := r
		want.Presumed = true
		left, err := s.Reserved(ctx, ref("c1"), "hunter")
		if diff := cmp.Diff(store.Left{Open: &want, Made: 1}, left); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if err := s.Settle(ctx, ref("c1"), r, 300); err != nil {
			t.Fatal(err)
		}
		if left, err := s.Reserved(ctx, ref("c1"), "hunter"); left.Open != nil || err != nil {
			t.Errorf("settled for good, it is still found: %+v, %v", left.Open, err)
		}
		if spend, err := s.Spend(ctx, ref("")); spend.Settled != 300 || spend.Free != 700 || err != nil {
			t.Errorf("%+v, %v", spend, err)
		}
	})
}

func TestAnAlertIsFirstOncePerCap(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 1000); err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC()
		for n, want := range []bool{true, false} {
			if first, err := s.AlertRun(ctx, ref(""), 50, 1000); first != want || err != nil {
				t.Errorf("%d: first is %v, %v", n, first, err)
			}
		}
		alerts := func(want []store.Alert) {
			t.Helper()
			spend, err := s.Spend(ctx, ref(""))
			if diff := cmp.Diff(want, spend.Alerts); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		alerts([]store.Alert{{Percent: 50, Cap: 1000, At: now}})
		if err := s.RaiseCap(ctx, ref(""), 2000); err != nil {
			t.Fatal(err)
		}
		alerts(nil)
		if first, err := s.AlertRun(ctx, ref(""), 50, 2000); !first || err != nil {
			t.Errorf("of a raised cap: first is %v, %v", first, err)
		}
		alerts([]store.Alert{{Percent: 50, Cap: money.Micro(2000), At: now}})
	})
}
