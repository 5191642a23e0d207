package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/store"
)

func TestAPartOfAJobEndsWithItsDeadLetter(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.PutJob(ctx, store.Job{ID: "j1", Team: "acme", CreatedAt: time.Now().UTC()}); err != nil {
			t.Fatal(err)
		}
		turn := func(chunk string, n int, provider string, out store.JobStep) {
			t.Helper()
			ref, step := store.JobRef("acme", "j1", chunk), store.EnrichStep(n, provider)
			if _, err := s.Begin(ctx, ref, step, "me", time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if err := s.Finish(ctx, ref, step, "me", out); err != nil {
				t.Fatal(err)
			}
		}
		dies := func(chunk, provider string) {
			t.Helper()
			if err := s.SaveDeadLetter(ctx, store.JobRef("acme", "j1", chunk), provider, "m-"+chunk, false); err != nil {
				t.Fatal(err)
			}
		}
		turn("whole", 0, "apollo", store.JobStep{Doc: "d0", Next: "hunter"})
		turn("whole", 1, "hunter", store.JobStep{Doc: "d1", Enriched: 7})
		dies("whole", "hunter") // the message of a turn that was done comes twice
		turn("half", 9, "apollo", store.JobStep{Doc: "d9", Next: "hunter"})
		turn("half", 10, "hunter", store.JobStep{Doc: "d10", Next: "lusha"})
		dies("half", "lusha")
		dies("nothing", "apollo")
		turn("goes on", 0, "apollo", store.JobStep{Doc: "d0", Next: "hunter"})

		_, ends, _, err := s.Job(ctx, "acme", "j1")
		if err != nil {
			t.Fatal(err)
		}
		for name, end := range ends { // the sentence is for people
			if provider := map[string]string{"half": "lusha", "nothing": "apollo"}[name]; provider != "" && strings.HasPrefix(end.Failure, "Internal: no worker could handle the message to "+provider) {
				end.Failure = provider
				ends[name] = end
			}
		}
		want := map[string]store.JobStep{"whole": {Doc: "d1", Enriched: 7}, "half": {Doc: "d10", Failure: "lusha"}, "nothing": {Failure: "apollo"}}
		if diff := cmp.Diff(want, ends); diff != "" {
			t.Errorf("how the parts ended (-want +got):\n%s", diff)
		}
	})
}

func TestWhatWasBoughtLaterIsNotedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if _, err := s.ClaimProspect(ctx, ref("c1"), "p_1"); err != nil {
			t.Fatal(err)
		}
		for _, doc := range []string{"first", "second", "first"} {
			if err := s.AddLater(ctx, "acme", doc, []string{"p_1", "p_gone"}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.ProspectClaim(ctx, "acme", "p_1")
		want := store.Claim{Run: "r1", Campaign: "c1", Chunk: "c1", Later: []string{"first", "second"}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if _, err := s.ProspectClaim(ctx, "acme", "p_gone"); err == nil {
			t.Error("noting made a prospect of somebody who is gone")
		}
	})
}
