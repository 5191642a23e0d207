package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
)

// While its chunk is in work nobody else asks about a prospect, and a request
// says so; a list goes on without it.
func TestAProspectInWorkIsNotEnriched(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.discovered(t, []domain.Row{row("p_a", 0, domain.InWork)})
		rec := w.send(t, "POST", "/api/v1/enrichment/prospects/p_a", api.EnrichmentRequest{Providers: []string{"hunter"}})
		if rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), "still being worked on") {
			t.Errorf("%d: %s", rec.Code, rec.Body)
		}
		for _, id := range []string{"p_unknown"} {
			if rec := w.send(t, "POST", "/api/v1/enrichment/prospects/"+id, api.EnrichmentRequest{Providers: []string{"hunter"}}); rec.Code != http.StatusNotFound {
				t.Errorf("%s: %d: %s", id, rec.Code, rec.Body)
			}
		}
	})
}
