package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// expired is when the local stack has deleted what lives for 90 days.
const expired = 93 * 24 * time.Hour

// Whoever became a lead is not discovered, and paid for, again; whoever did not
// is forgotten.
func TestClaimsOfLeadsOutliveThoseOfProspects(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		lead := domain.Prospect{ID: "p_hand", Source: "googleplaces", Person: domain.Person{FirstName: "Ann"}, Refs: map[string]string{"apollo": "boss"}}
		boss := domain.ProspectID("acme", "apollo", "boss")
		for _, id := range []string{"p_auto", "p_hand", boss, "p_none"} {
			if _, err := s.ClaimProspect(ctx, ref("c1"), id); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.KeepClaims(ctx, ref("c1"), []string{"p_auto"}); err != nil {
			t.Fatal(err)
		}
		if err := s.PutListed(ctx, ref("c1"), 1, []store.Listed{{ID: "p_hand", Name: "Ann", Fit: 0.7, State: domain.Review}}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.MarkConverted(ctx, ref("c1"), 1, domain.Lead{ID: "l_1", Score: 0.7}, lead); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(expired)
		got := map[string]store.Claim{}
		for _, id := range []string{"p_auto", "p_hand", boss, "p_none"} {
			claim, err := s.ProspectClaim(ctx, "acme", id)
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			got[id] = claim
		}
		first := store.Claim{Run: "r1", Campaign: "c1", Chunk: "c1"}
		byHand := first
		byHand.Lead = "l_1"
		want := map[string]store.Claim{"p_auto": first, "p_hand": byHand, boss: byHand, "p_none": {}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("claims after 90 days (-want +got):\n%s", diff)
		}
		page, _, err := s.List(ctx, "acme", "c1", 1, store.Filter{Limit: 5})
		if err != nil || len(page) != 1 || page[0].LeadID != "l_1" || page[0].State != domain.Qualified {
			t.Errorf("listed after 90 days: %+v, %v", page, err)
		}
	})
}

// What people convert is part of the run's totals, each prospect once, and the
// rows still balance.
func TestConversionsByHandAreInTheTotals(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx, chunk := t.Context(), ref("s0000-00000")
		shard := ref("s0000")
		if _, err := s.Begin(ctx, shard, store.StepDiscover, "one", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveShard(ctx, shard, "one", store.Shard{ID: "s0000", Source: "apollo", Seen: 5, Chunks: []int{5}, Done: true}); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveChunk(ctx, chunk, store.Chunk{Name: chunk.Chunk, Counts: &domain.Counts{In: 5, Qualified: 2, Review: 2, Rejected: 1}, Converted: 1}); err != nil {
			t.Fatal(err)
		}
		if err := s.SavePush(ctx, chunk, "hubspot", "", domain.PushTally{Created: 1, Verified: 1}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // a request may be repeated
			for id, from := range map[string]domain.State{"p_1": domain.Review, "p_2": domain.Qualified, "p_3": domain.Rejected} {
				if err := s.SaveConversion(ctx, chunk, id, from); err != nil {
					t.Fatal(err)
				}
			}
			for _, lead := range []string{"l_1", "l_2"} {
				if err := s.SavePush(ctx, chunk, "hubspot", lead, domain.PushTally{Updated: 1, Verified: 1}); err != nil {
					t.Fatal(err)
				}
			}
		}
		ledger, err := s.Ledger(ctx, ref(""))
		if err != nil {
			t.Fatal(err)
		}
		want := domain.Totals{
			Rows: domain.Counts{In: 5, Qualified: 4, Review: 1}, Converted: 4, BySource: map[string]int{"apollo": 5},
			CRM: map[string]domain.PushTally{"hubspot": {Created: 1, Updated: 2, Verified: 3}},
		}
		got := ledger.Totals(true)
		if diff := cmp.Diff(want, got); diff != "" || !got.Rows.Balanced() {
			t.Errorf("totals (-want +got):\n%s", diff)
		}
		if own := ledger.Chunks[chunk.Chunk].CRM["hubspot"]; own.Created != 1 || own.Updated != 0 {
			t.Errorf("the chunk's own push is %+v", own)
		}
	})
}

// A company without anybody to contact comes after every person, on every page.
func TestCompaniesWithoutAPersonComeLast(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		listed := []store.Listed{
			{ID: "p_firm", Company: "Perfect Ltd", Fit: 1},
			{ID: "p_poor", Name: "Bo", Fit: 0.3},
			{ID: "p_firm2", Company: "Fair Ltd", Fit: 0.6},
			{ID: "p_mail", Email: "x@y.example", Fit: 0.8},
			{ID: "p_best", Name: "Ann", Fit: 0.95},
			{ID: "p_firm3", Company: "Poor Ltd", Fit: 0.2},
		}
		if err := s.PutListed(ctx, ref("c1"), 2, listed[:3]); err != nil {
			t.Fatal(err)
		}
		if err := s.PutListed(ctx, ref("c2"), 2, listed[3:]); err != nil {
			t.Fatal(err)
		}
		for minimum, want := range map[float64][]string{
			0:   {"p_best", "p_mail", "p_poor", "p_firm", "p_firm2", "p_firm3"},
			0.5: {"p_best", "p_mail", "p_firm", "p_firm2"},
			1:   {"p_firm"},
		} {
			for limit := 1; limit <= 7; limit++ {
				var got []string
				f := store.Filter{MinFit: minimum, Limit: limit}
				for {
					page, next, err := s.List(ctx, "acme", "c1", 2, f)
					if err != nil {
						t.Fatal(err)
					}
					for _, l := range page {
						got = append(got, l.ID)
					}
					if f.Cursor = next; next == "" {
						break
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("from %g, %d a page (-want +got):\n%s", minimum, limit, diff)
				}
			}
			if n, err := s.CountListed(ctx, "acme", "c1", 2, store.Filter{MinFit: minimum}); err != nil || n != len(want) {
				t.Errorf("count from %g = %d, %v; want %d", minimum, n, err, len(want))
			}
		}
	})
}
