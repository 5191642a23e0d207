package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
)

const list = base + "/campaigns/c1/prospects"

func ids(page api.ProspectPage) (out []string) {
	for _, p := range page.Prospects {
		out = append(out, p.ID)
	}
	return out
}

func TestAStatusListsWhatItSays(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		rows := []domain.Row{
			row("p_q", 0.9, domain.Qualified), row("p_r", 0.65, domain.Review), row("p_j", 0.3, domain.Rejected),
			row("p_d", 0.8, domain.Duplicate), row("p_s", 0.7, domain.Suppressed),
		}
		w.discovered(t, rows)
		w.converted(t, 0, rows...)
		for query, want := range map[string][]string{
			"":                             {"p_q", "p_d", "p_s", "p_r", "p_j"},
			"?status=enriched":             {"p_q", "p_r", "p_j"},
			"?status=enriched&minScore=.6": {"p_q", "p_r"},
			"?status=duplicate":            {"p_d"},
			"?status=review":               {"p_r"},
			"?status=failed":               nil,
		} {
			page := get[api.ProspectPage](t, w, "GET", list+query)
			if diff := cmp.Diff(want, ids(page)); diff != "" || page.Pagination.Total != len(want) {
				t.Errorf("%q: %d in all (-want +got):\n%s", query, page.Pagination.Total, diff)
			}
		}
	})
}

// Rows of chunks that ended early, or that the run never came to, are listed
// with the reason, page by page, and can be read.
func TestFailedRowsAreListedWithTheirReason(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		queued := func(names ...string) (rows []domain.Row) {
			for _, n := range names {
				r := row(n, 0, domain.Queued)
				r.Score, r.Quality, r.Reason = nil, nil, ""
				rows = append(rows, r)
			}
			return rows
		}
		early, good, never := queued("p_a", "p_b", "p_c"), queued("p_d"), queued("p_e", "p_f")
		w.discovered(t, early, good, never)
		w.converted(t, 1, row("p_d", 0.9, domain.Qualified))
		doc := store.StepKey("r1", "s0000-00000", store.StepPrescored)
		early[1].State, early[1].Reason = domain.Rejected, "cannot reach review"
		if err := w.PutRows(t.Context(), run.Team, doc, early); err != nil {
			t.Fatal(err)
		}
		chunk := run
		chunk.Chunk = "s0000-00000"
		if err := w.FailChunk(t.Context(), chunk, store.Chunk{Counts: &domain.Counts{In: 3, Rejected: 1, Failed: 2}, Failure: "Unavailable", Doc: doc}); err != nil {
			t.Fatal(err)
		}
		if page := get[api.ProspectPage](t, w, "GET", list+"?status=failed"); !slices.Equal(ids(page), []string{"p_a", "p_c"}) {
			t.Errorf("while the run goes on: %v, want those of the chunk that ended early", ids(page))
		}
		if rec := w.send(t, "GET", base+"/prospects/p_e", nil); rec.Code != http.StatusConflict {
			t.Errorf("a prospect that is still to come = %d %s", rec.Code, rec.Body)
		}
		if err := w.EndRun(t.Context(), run, domain.RunCancelled, "stopped by hand", domain.Totals{}); err != nil {
			t.Fatal(err)
		}
		want := []string{"p_a", "p_c", "p_e", "p_f"}
		for limit := 1; limit <= 5; limit++ {
			var got []string
			for cursor := ""; ; {
				page := get[api.ProspectPage](t, w, "GET", list+"?status=failed&limit="+string(rune('0'+limit))+"&cursor="+cursor)
				got = append(got, ids(page)...)
				for _, p := range page.Prospects {
					if p.Status != "failed" || p.Name == "" || !strings.Contains(p.Reason, "Unavailable") && !strings.Contains(p.Reason, "stopped by hand") {
						t.Errorf("%+v has no name, status or reason", p)
					}
				}
				if page.Pagination.Total != len(want) {
					t.Errorf("%d in all, want %d", page.Pagination.Total, len(want))
				}
				if cursor = page.Pagination.NextCursor; cursor == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d a page (-want +got):\n%s", limit, diff)
			}
		}
		if page := get[api.ProspectPage](t, w, "GET", list+"?status=failed&limit=3&page=2"); !slices.Equal(ids(page), want[3:]) {
			t.Errorf("page 2 = %v", ids(page))
		}
		if rec := w.send(t, "GET", list+"?status=failed&cursor=nonsense", nil); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("a cursor of another list = %d", rec.Code)
		}
		for id, state := range map[string]domain.State{"p_a": domain.Failed, "p_f": domain.Failed, "p_d": domain.Qualified} {
			if got := get[domain.Row](t, w, "GET", base+"/prospects/"+id); got.State != state || got.Reason == "" {
				t.Errorf("%s is %s (%s), want %s", id, got.State, got.Reason, state)
			}
		}
		if rec := w.send(t, "POST", base+"/prospects/p_a/convert", nil); rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), "ended early") {
			t.Errorf("converting a failed prospect = %d %s", rec.Code, rec.Body)
		}
	})
}

// What a person converts shows everywhere at once: in the prospect, the lists
// and the totals, however often it is asked for.
func TestAConversionByHandShowsEverywhere(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		auto := row("p_auto", 0.9, domain.Qualified)
		auto.LeadID = domain.LeadID(run.Team, auto.Prospect)
		rows := []domain.Row{auto, row("p_hand", 0.65, domain.Review), row("p_other", 0.2, domain.Rejected)}
		w.discovered(t, rows)
		w.converted(t, 0, rows...)
		lead := domain.LeadID(run.Team, rows[1].Prospect)
		for range 2 {
			if got := get[api.Converted](t, w, "POST", base+"/prospects/p_hand/convert"); got.LeadID != lead {
				t.Errorf("converted %+v, want lead %s", got, lead)
			}
		}
		want := rows[1]
		want.State, want.LeadID, want.Reason = domain.Qualified, lead, "converted by a person; the run left it in state review: because"
		if diff := cmp.Diff(want, get[domain.Row](t, w, "GET", base+"/prospects/p_hand")); diff != "" {
			t.Errorf("the prospect (-want +got):\n%s", diff)
		}
		status := get[api.CampaignStatus](t, w, "GET", base+"/campaigns/c1")
		counts := domain.Counts{In: 3, Qualified: 2, Rejected: 1}
		if diff := cmp.Diff(counts, status.Rows.Counts); diff != "" || !status.Rows.Balanced || status.Progress.Converted != 2 {
			t.Errorf("converted %d, balanced %t; rows (-want +got):\n%s", status.Progress.Converted, status.Rows.Balanced, diff)
		}
		kept, err := w.Rows(t.Context(), run.Team, store.LeadsKey(run.Run, "p_hand"))
		if diff := cmp.Diff(rows[1:2], kept); diff != "" || err != nil {
			t.Errorf("kept beyond the run's 90 days: %v (-want +got):\n%s", err, diff)
		}
		if page := get[api.ProspectPage](t, w, "GET", list+"?status=converted"); !slices.Contains(ids(page), "p_hand") {
			t.Errorf("converted are %v", ids(page))
		}
		if !slices.Equal(w.sent, []string{"q/ph", "q/ph"}) {
			t.Errorf("messages went to %v", w.sent)
		}
	})
}

// The objects of a run are deleted after 90 days; its leads can still be read.
func TestALeadOutlivesItsRun(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		chunk := run
		chunk.Chunk = "s0000-00000"
		auto, hand := row("p_auto", 0.9, domain.Qualified), row("p_hand", 0.65, domain.Review)
		auto.LeadID = domain.LeadID(run.Team, auto.Prospect)
		for name, r := range map[string]domain.Row{chunk.Chunk: auto, "p_hand": hand} {
			if _, err := w.ClaimProspect(t.Context(), chunk, r.Prospect.ID); err != nil {
				t.Fatal(err)
			}
			if err := w.PutRows(t.Context(), run.Team, store.LeadsKey(run.Run, name), []domain.Row{r}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.PutListed(t.Context(), chunk, 1, []store.Listed{store.ListedOf(hand)}); err != nil {
			t.Fatal(err)
		}
		if err := w.MarkConverted(t.Context(), chunk, 1, domain.Lead{ID: "l_1", Score: 0.65}, hand.Prospect); err != nil {
			t.Fatal(err)
		}
		for id, lead := range map[string]string{"p_auto": auto.LeadID, "p_hand": "l_1"} {
			if got := get[domain.Row](t, w, "GET", base+"/prospects/"+id); got.LeadID != lead || got.State != domain.Qualified || got.Score == nil {
				t.Errorf("%s is %s as lead %q, want %q and its receipt", id, got.State, got.LeadID, lead)
			}
		}
	})
}
