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

// The bill of a campaign that waits: the providers' published quotas bind, and each
// answer takes 400 ms. Workers are billed while they wait for both, and a chunk whose
// worker is out of time begins with its answers from the cache. bench/README.md has
// the figures; the benchmark's own are without waiting.
func TestTheBillWhereQuotasBind(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s of processor time")
	}
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 11, People: 80_000, Latency: 400 * time.Millisecond})
		before := w.Stack.Meter().Read()
		s := wait(t, w, start(t, w, api.CampaignOptions{MaxProspects: 2000}).CampaignID)
		if s.Status != string(domain.RunCompleted) || s.Rows.In != 2000 {
			t.Fatalf("the run is %s with %d rows", s.Status, s.Rows.In)
		}
		bill, n, usd := w.Stack.Meter().Read().Sub(before), float64(s.Rows.In), 0.0
		for _, u := range meter.Units() {
			if u != meter.SQSIdlePolls { // part of a deployment's fixed cost
				usd += bill.CostMicroUSD(u) / n
			}
		}
		t.Logf("per prospect %.2f write units, %.2f read units, %.0f GB-ms; $%.2f per million, of it $%.2f for Lambda's time",
			bill.Count(meter.WriteUnits)/n, bill.Count(meter.ReadUnits)/n, bill.Count(meter.LambdaGBMilliseconds)/n, usd, bill.CostMicroUSD(meter.LambdaGBMilliseconds)/n)
		// How often a chunk begins again depends on which goroutine runs first: over ten
		// runs the reads were between 11.9 and 14.5, the rest within 4 %.
		for unit, most := range map[meter.Unit]float64{meter.WriteUnits: 9, meter.ReadUnits: 20, meter.LambdaGBMilliseconds: 240, meter.StateTransitions: 0.05, meter.SQSRequests: 0.15} {
			if got := bill.Count(unit) / n; got > most || got == 0 {
				t.Errorf("%s: %.3f per prospect, want at most %.3f", unit, got, most)
			}
		}
		if usd > 12.5 {
			t.Errorf("$%.2f per million, want at most 12.50", usd)
		}
	})
}
