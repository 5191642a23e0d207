package practice_test

import (
	"os"
	"strconv"
	"testing"
	"time"
	"runtime"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/practice"
)

func TestZZProf(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("ZZN"))
	if n == 0 {
		n = 5000
	}
	b0 := time.Now()
	w := open(t, practice.Options{Seed: 11, Generous: true, People: max(20000, 8*n)})
	t.Logf("open %v", time.Since(b0))
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	b := time.Now()
	id := start(t, w, api.CampaignOptions{MaxProspects: n}).CampaignID
	for {
		time.Sleep(50 * time.Millisecond)
		s := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
		if s.Status != "running" {
			e := time.Since(b)
			runtime.ReadMemStats(&m1)
			t.Logf("%s %s %v in=%d %v  %.0f/min allocs %d MB %d objs sys %d", s.Status, s.Reason, s.Rows.Counts, s.Rows.In, e, float64(s.Rows.In)/e.Minutes(), (m1.TotalAlloc-m0.TotalAlloc)>>20, m1.Mallocs-m0.Mallocs, m1.Sys>>20)
			break
		}
	}
}
