package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
)

// drill runs a drill in simulated time.
func drill(t *testing.T, args ...string) (out struct {
	DownAfterCalls    int            `json:"downAfterCalls"`
	Status            string         `json:"status"`
	Rows              int            `json:"rows"`
	CoverageKept      float64        `json:"coverageKept"`
	ExtraCostMicroUSD int64          `json:"extraCostMicroUsd"`
	CostMicroUSD      int64          `json:"costMicroUsd"`
	ExtraByProvider   map[string]int `json:"extraByProvider"`
	RowsDelayed       int            `json:"rowsDelayed"`
	RowsWithout       int            `json:"rowsWithout"`
	RowsLost          int            `json:"rowsLost"`
	ExtraSeconds      float64        `json:"extraSeconds"`
},
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		code, stdout, stderr := sluice(t, append([]string{"drill", "outage", "--json", "--prospects", "120"}, args...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("%v ended with %d: %s\n%s", args, code, stderr, stdout)
		}
		if err := json.Unmarshal([]byte(stdout), &out); err != nil {
			t.Fatal(err)
		}
	})
	return out
}

// Whichever provider of the waterfall fails in the middle of a run, for good or
// for a while: no row is lost, and others take over or wait.
func TestNoOutageLosesARow(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"apollo", "clearbit", "hunter", "lusha", "zerobounce", "zoominfo"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := drill(t, name)
			if gone.RowsLost != 0 || gone.Rows < 100 || gone.DownAfterCalls == 0 || gone.Status != "completed" {
				t.Errorf("for good: %+v", gone)
			}
			if gone.RowsDelayed == 0 || name != "clearbit" && gone.RowsWithout == 0 || gone.ExtraSeconds < 20 || gone.ExtraSeconds > 10*60 {
				t.Errorf("an outage to the end of the run delays nobody, or for longer than somebody would look on, or nobody goes without: %+v", gone)
			}
			if gone.CoverageKept < 0.5 || gone.CoverageKept > 1.05 {
				t.Errorf("coverage kept is %.3f", gone.CoverageKept)
			}
			if name != "hunter" {
				return
			}
			short := drill(t, name, "--for", "20s")
			if short.RowsLost != 0 || short.RowsWithout != 0 || short.RowsDelayed == 0 || short.CoverageKept < 0.99 || short.Status != "completed" {
				t.Errorf("for 20 seconds: %+v", short)
			}
			if short.ExtraCostMicroUSD > short.CostMicroUSD/100 {
				t.Errorf("waiting for 20 seconds costs %d more than %d", short.ExtraCostMicroUSD, short.CostMicroUSD)
			}
		})
	}
}

func TestADrillIsReadable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		code, stdout, stderr := sluice(t, "drill", "outage", "hunter", "--prospects", "100", "--for", "10s")
		if code != 0 {
			t.Fatalf("%d: %s", code, stderr)
		}
		for _, want := range []string{"coverage kept", "extra cost", "rows delayed", "rows lost 0 the run is completed", "for 10s"} {
			if !strings.Contains(strings.Join(strings.Fields(stdout), " "), want) {
				t.Errorf("nothing says %q:\n%s", want, stdout)
			}
		}
	})
	if code, _, stderr := sluice(t, "drill", "outage", "hubspot"); code != 2 || !strings.Contains(stderr, "zoominfo") {
		t.Errorf("a drill with a provider that enriches nobody = %d: %s", code, stderr)
	}
}
