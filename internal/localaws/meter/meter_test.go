package meter_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/localaws/meter"
)

func TestUnitsAddUpExactly(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 100 {
				m.Add(meter.ReadUnits, 0.5)
				m.Add(meter.WriteUnits, 1)
			}
		})
	}
	wg.Wait()
	r := m.Read()
	if r.Count(meter.ReadUnits) != 2500 || r.Count(meter.WriteUnits) != 5000 || r.Count(meter.SQSRequests) != 0 {
		t.Errorf("counted %g and %g, want 2500 and 5000", r.Count(meter.ReadUnits), r.Count(meter.WriteUnits))
	}
}

func TestADifferenceOfReadings(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	m.Add(meter.S3Writes, 3)
	before := m.Read()
	m.Add(meter.S3Writes, 4)
	m.Add(meter.S3Reads, 1)
	d := m.Read().Sub(before)
	if d.Count(meter.S3Writes) != 4 || d.Count(meter.S3Reads) != 1 || before.Count(meter.S3Writes) != 3 {
		t.Errorf("difference = %g writes and %g reads, before %g", d.Count(meter.S3Writes), d.Count(meter.S3Reads), before.Count(meter.S3Writes))
	}
}

func TestRestoreContinuesACount(t *testing.T) {
	t.Parallel()
	var old, fresh meter.Meter
	old.Add(meter.StateTransitions, 12)
	fresh.Add(meter.KMSRequests, 1) // forgotten
	fresh.Restore(old.Read())
	fresh.Add(meter.StateTransitions, 1)
	if r := fresh.Read(); r.Count(meter.StateTransitions) != 13 || r.Count(meter.KMSRequests) != 0 {
		t.Errorf("after restoring: %g transitions, %g KMS requests", r.Count(meter.StateTransitions), r.Count(meter.KMSRequests))
	}
}

// List prices of us-east-1, per million: a slip of a decimal point would make
// the whole bill wrong.
func TestPrices(t *testing.T) {
	t.Parallel()
	dollars := map[meter.Unit]float64{
		meter.WriteUnits: 0.625, meter.ReadUnits: 0.125, meter.StateTransitions: 25, meter.SQSRequests: 0.40, meter.S3Writes: 5, meter.S3Reads: 0.40,
		meter.LambdaRequests: 0.20, meter.LambdaGBMilliseconds: 0.0133334, meter.SecretsRequests: 5, meter.KMSRequests: 3, meter.HTTPAPIRequests: 1, meter.SQSIdlePolls: 0.40,
	}
	var all meter.Meter
	sum := 0.0
	names := map[string]bool{}
	for _, u := range meter.Units() {
		var m meter.Meter
		m.Add(u, 1_000_000)
		all.Add(u, 1_000_000)
		if got := m.Read().MicroUSD() / 1e6; math.Abs(got-dollars[u]) > 1e-9 {
			t.Errorf("a million %s cost $%g, want $%g", u, got, dollars[u])
		}
		sum += dollars[u]
		names[u.String()] = true
	}
	if len(meter.Units()) != len(dollars) || len(names) != len(dollars) || names[""] {
		t.Errorf("units %v; each needs a price here and a name of its own", names)
	}
	if got := all.Read().MicroUSD() / 1e6; math.Abs(got-sum) > 1e-6 {
		t.Errorf("all together cost $%g, want $%g", got, sum)
	}
	if _, err := time.Parse(time.DateOnly, meter.PriceDate); err != nil {
		t.Errorf("the prices have no date: %v", err)
	}
}

func TestNoMeterCountsNothing(t *testing.T) {
	t.Parallel()
	var m *meter.Meter
	m.Add(meter.S3Reads, 1) // must not panic
}
