package practice_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws/meter"
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

// raced is how two campaigns fared.
type raced struct {
	small, big time.Duration // how long each took; zero: it was not there
	writes     float64       // write units for each prospect of both
}

// race runs the small campaign at the providers' published quotas, begun while a
// big one of so many prospects is well on its way; zero for none.
func race(t *testing.T, alone bool, beside int) (out raced) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 11, People: 20_000})
		icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
		before, began := w.Stack.Meter().Read(), time.Now()
		started, rows := map[string]time.Time{}, 0
		big, little := "", ""
		if beside > 0 {
			big = must[api.CampaignStarted](t, w, "POST", campaigns, api.CampaignRequest{
				ICPID: icp.ID, Name: "big", Platforms: []string{"apollo"}, Options: api.CampaignOptions{MaxProspects: beside, AutoConvert: new(false), CapUSD: new(2000.0), MinMatchScore: new(0.01)},
			}).CampaignID
			started[big] = began
		}
		if alone || beside > 0 && !alone {
			if beside > 0 {
				time.Sleep(3 * time.Minute)
			}
			little = small(t, w, icp.ID)
			started[little] = time.Now()
		}
		for len(started) > 0 {
			time.Sleep(time.Second)
			for id, from := range started {
				s := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
				if s.Status == string(domain.RunRunning) {
					continue
				}
				if id == little {
					out.small = time.Since(from)
				} else {
					out.big = time.Since(from)
				}
				t.Logf("%s: %+v", s.Status, s.Rows)
				rows += s.Rows.In
				delete(started, id)
			}
		}
		out.writes = w.Stack.Meter().Read().Sub(before).Count(meter.WriteUnits) / float64(rows)
		t.Logf("hunter %v apollo %v", w.Sandbox.Requests()["hunter"], w.Sandbox.Requests()["apollo"])
	})
	return out
}

func TestMeasure(t *testing.T) {
	a := race(t, true, 0)
	t.Logf("RESULT alone %+v", a)
	b := race(t, false, 4000)
	t.Logf("RESULT both %+v", b)
}
