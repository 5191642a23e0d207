package practice_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
)

// A run that reaches its cap has told so at every share, once, and says so in
// its status, beside what its rows cost; so has the team's month.
func TestWhoSpendsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 7, Generous: true, Latency: 20 * time.Millisecond})
		if err := w.Store.SetBudget(t.Context(), practice.Team, 5*money.Dollar); err != nil {
			t.Fatal(err)
		}
		limit := 3.0
		started := start(t, w, api.CampaignOptions{MaxProspects: 300, CapUSD: &limit})
		s := wait(t, w, started.CampaignID)
		if s.Status != string(domain.RunPaused) {
			t.Fatalf("the run is %s: %s", s.Status, s.Reason)
		}
		told := func(s api.CampaignStatus) (out []string) {
			for _, a := range s.Alerts {
				out = append(out, strings.TrimSpace(fmt.Sprint(a.Scope, " ", a.Percent, "% of ", a.Cap)))
				if a.At.Before(s.StartedAt) {
					t.Errorf("%+v is older than its run", a)
				}
			}
			return out
		}
		if diff := cmp.Diff([]string{"run 50% of $3.00", "run 80% of $3.00", "run 100% of $3.00", "month 50% of $5.00"}, told(s)); diff != "" {
			t.Errorf("at the cap, %s spent (-want +got):\n%s", s.Spend.SettledMicroUSD, diff)
		}
		limit = 100
		if err := w.Store.SetBudget(t.Context(), practice.Team, 200*money.Dollar); err != nil {
			t.Fatal(err)
		}
		must[api.CampaignStatus](t, w, "PATCH", campaigns+"/"+started.CampaignID, api.CampaignChange{Status: "running", CapUSD: &limit})
		s = wait(t, w, started.CampaignID)
		if s.Status != string(domain.RunCompleted) || len(told(s)) != 0 {
			t.Errorf("with caps that hold, the run is %s and tells %v", s.Status, told(s))
		}
		per := func(n int) money.Micro { return s.Spend.SettledMicroUSD / money.Micro(n) }
		want := []money.Micro{per(s.Rows.In), per(s.Progress.Verified), per(s.Rows.Qualified)}
		if got := []money.Micro{*s.Spend.PerRow, *s.Spend.PerVerifiedContact, *s.Spend.PerQualifiedLead}; !cmp.Equal(want, got) || got[0] == 0 {
			t.Errorf("per row, verified contact and qualified lead: %v, want %v", got, want)
		}
		verified := 0
		for id := range ends(t, w, s) {
			row := must[domain.Row](t, w, "GET", "/api/v1/prospecting/prospects/"+id, nil)
			if row.Prospect.Contact.EmailStatus == domain.EmailSafe {
				verified++
			}
		}
		if verified != s.Progress.Verified {
			t.Errorf("%d rows have a verified address, the run counts %d", verified, s.Progress.Verified)
		}
	})
}
