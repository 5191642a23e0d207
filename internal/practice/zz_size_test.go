package practice_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/practice"
)

func TestZZSim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 11, Generous: true, People: 40000})
		b := time.Now()
		id := start(t, w, api.CampaignOptions{MaxProspects: 5000}).CampaignID
		var last api.CampaignStatus
		for {
			time.Sleep(20 * time.Millisecond)
			s := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
			if s.Rows != last.Rows || s.Progress != last.Progress {
				t.Logf("%v %+v %+v", time.Since(b), s.Rows.Counts, s.Progress)
			}
			last = s
			if s.Status != "running" {
				t.Logf("%s %s simulated %v", s.Status, s.Reason, time.Since(b))
				break
			}
		}
	})
}
