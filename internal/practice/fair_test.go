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
		Options:        api.CampaignOptions{MaxProspects: 125, AutoConvert: new(false), CapUSD: new(2000.0), MinMatchScore: new(0.01)},
	}).CampaignID
}

// lasts is how long the small campaign takes at the providers' published quotas,
// alone or begun while one of twenty times its size is well on its way, and how
// many calls Hunter, whose quotas bind both, answered meanwhile for each that it
// answered in the same time just before.
func lasts(t *testing.T, alone bool) (took time.Duration, calls float64) {
	t.Helper()
	w := open(t, practice.Options{Seed: 11, People: 20_000})
	icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
	big := ""
	if !alone {
		big = must[api.CampaignStarted](t, w, "POST", campaigns, api.CampaignRequest{
			ICPID: icp.ID, Name: "big", Platforms: []string{"apollo"}, Options: api.CampaignOptions{MaxProspects: 2500, AutoConvert: new(false), CapUSD: new(2000.0), MinMatchScore: new(0.01)},
		}).CampaignID
		time.Sleep(2 * time.Minute)
	}
	hunter := func() float64 { return float64(w.Sandbox.Requests()["hunter"][200]) }
	earlier := hunter()
	time.Sleep(time.Minute)
	before, began := hunter(), time.Now()
	id := small(t, w, icp.ID)
	for {
		time.Sleep(time.Second)
		s := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
		if s.Status == string(domain.RunRunning) {
			continue
		}
		took, calls = time.Since(began), (hunter()-before)/(before-earlier)
		if s.Status != string(domain.RunCompleted) || s.Rows.In != 125 || s.Rows.Duplicate > 25 || s.Progress.Enriched < 100 {
			t.Errorf("the small campaign: %+v", s)
		}
		break
	}
	if big != "" {
		if b := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+big, nil); b.Status != string(domain.RunRunning) || b.Rows.In != 2500 {
			t.Errorf("the big campaign: %+v", b)
		}
		must[any](t, w, "PATCH", campaigns+"/"+big, map[string]string{"status": "paused"})
		time.Sleep(time.Hour) // what is at work comes to its end
	}
	return took, calls / took.Minutes()
}

// A small run beside one of twenty times its size: equal shares make it take
// about twice as long as alone. What binds is used as much as by one run. About one
// small run in ten takes four to eight times as long, depending on which goroutine
// is first, so three of at most five have to be fast.
func TestASmallRunHasItsShare(t *testing.T) {
	var alone time.Duration
	synctest.Test(t, func(t *testing.T) { alone, _ = lasts(t, true) })
	fast := 0
	for run := 0; run < 5 && fast < 3; run++ {
		var beside time.Duration
		var calls float64
		synctest.Test(t, func(t *testing.T) { beside, calls = lasts(t, false) })
		slower := float64(beside) / float64(alone)
		t.Logf("alone %v, beside a big run %v: %.2f times as long; Hunter answered %.2f times as many calls as before", alone, beside, slower, calls)
		if slower <= 2.5 {
			fast++
		}
		if calls < 0.95 {
			t.Errorf("Hunter answered %.2f times as many calls as before: what binds is not used by two as it is by one", calls)
		}
	}
	if fast < 3 {
		t.Errorf("of five small runs beside a big one only %d take at most 2.5 times as long as the %v that one takes alone", fast, alone)
	}
}
