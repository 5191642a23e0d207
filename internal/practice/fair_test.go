package practice_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/practice"
)

// small is a campaign among people whom the big one does not look for.
func small(t *testing.T, w *practice.World, icp string) string {
	t.Helper()
	return must[api.CampaignStarted](t, w, "POST", campaigns, api.CampaignRequest{
		ICPID: icp, Name: "small", Platforms: []string{"apollo"},
		SearchCriteria: api.SearchCriteria{LinkedIn: &api.PeopleCriteria{Titles: []string{"Account Executive", "Marketing Manager", "Product Manager", "Software Engineer"}}},
		Options:        api.CampaignOptions{MaxProspects: 200, AutoConvert: new(false), CapUSD: new(2000.0), MinMatchScore: new(0.01)},
	}).CampaignID
}

// lasts is how long the small campaign takes at the providers' published quotas,
// begun while a big one of so many prospects is well on its way; zero for none.
func lasts(t *testing.T, beside int) time.Duration {
	t.Helper()
	w := open(t, practice.Options{Seed: 11, People: 20_000})
	w.Start()
	icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
	big := ""
	if beside > 0 {
		big = must[api.CampaignStarted](t, w, "POST", campaigns, api.CampaignRequest{
			ICPID: icp.ID, Name: "big", Platforms: []string{"apollo"}, Options: api.CampaignOptions{MaxProspects: beside, AutoConvert: new(false), CapUSD: new(2000.0), MinMatchScore: new(0.01)},
		}).CampaignID
		time.Sleep(3 * time.Minute)
	}
	began := time.Now()
	id := small(t, w, icp.ID)
	for {
		time.Sleep(5 * time.Second)
		s := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
		if s.Status == string(domain.RunRunning) {
			continue
		}
		took := time.Since(began)
		if s.Status != string(domain.RunCompleted) || s.Rows.In < 150 || s.Rows.Duplicate > 40 || s.Progress.Enriched < 100 {
			t.Errorf("the small campaign: %+v", s)
		}
		if big != "" {
			if b := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+big, nil); b.Status != string(domain.RunRunning) {
				t.Errorf("the big campaign was over before: %+v", b)
			}
		}
		return took
	}
}

// A small run beside a big one: the measure is its time with competition over its
// time alone. Rates are shared by chunk, not by run: it is 5 to 8 today, where equal
// shares would make it about 2. The test keeps it from becoming starvation.
func TestASmallRunIsNotStarved(t *testing.T) {
	var alone, beside time.Duration
	synctest.Test(t, func(t *testing.T) { alone = lasts(t, 0) })
	synctest.Test(t, func(t *testing.T) { beside = lasts(t, 4000) })
	slower := float64(beside) / float64(alone)
	t.Logf("alone %v, beside a big run %v: %.1f times as long", alone, beside, slower)
	if slower > 12 {
		t.Errorf("the small run takes %v alone and %v beside a big one, %.1f times as long", alone, beside, slower)
	}
}
