package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

func TestATeamSeesItsBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		if err := w.SetBudget(t.Context(), run.Team, 5*money.Dollar); err != nil {
			t.Fatal(err)
		}
		want := store.Budget{Month: "2000-01", Limit: 5 * money.Dollar} // a bubble begins in the year 2000
		if diff := cmp.Diff(want, get[store.Budget](t, w, "GET", "/api/v1/team/budget")); diff != "" {
			t.Errorf("budget (-want +got):\n%s", diff)
		}
	})
}

// RFC 9110 (11.1): the name of a scheme is case-insensitive.
func TestKeysAreTakenInAnyUsualForm(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for value, want := range map[string]int{
			"Bearer sk_1": http.StatusOK, "bearer sk_1": http.StatusOK, "BEARER  sk_1": http.StatusOK,
			"sk_1": http.StatusUnauthorized, "Basic sk_1": http.StatusUnauthorized, "Bearer": http.StatusUnauthorized, "bearersk_1": http.StatusUnauthorized,
		} {
			if rec := w.send(t, "GET", base+"/campaigns", nil, "Authorization", value); rec.Code != want {
				t.Errorf("%q = %d, want %d", value, rec.Code, want)
			}
		}
		if rec := w.send(t, "GET", base+"/campaigns", nil, "Authorization", "", "X-Api-Key", "sk_1"); rec.Code != http.StatusOK {
			t.Errorf("X-Api-Key = %d", rec.Code)
		}
	})
}

func TestAPathTellsWhichMethodsItTakes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			method, path string
			status       int
			allow        string
		}{
			{"DELETE", base + "/campaigns", http.StatusMethodNotAllowed, "GET, POST"},
			{"PUT", base + "/campaigns/c1", http.StatusMethodNotAllowed, "GET, PATCH"},
			{"GET", base + "/prospects/p_1/convert", http.StatusMethodNotAllowed, "POST"},
			{"POST", "/api/v1/openapi.json", http.StatusMethodNotAllowed, "GET"},
			{"GET", "/api/v1/nothing", http.StatusNotFound, ""},
		} {
			rec := w.send(t, c.method, c.path, nil)
			if rec.Code != c.status || rec.Header().Get("Allow") != c.allow || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/problem+json") {
				t.Errorf("%s %s = %d, Allow %q, %s; want %d, %q", c.method, c.path, rec.Code, rec.Header().Get("Allow"), rec.Header().Get("Content-Type"), c.status, c.allow)
			}
		}
	})
}
