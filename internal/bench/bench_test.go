package bench_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/bench"
)

func result(prospects int, writes float64) bench.Result {
	return bench.Result{
		Prospects: prospects, Seed: 11, PerMinute: 40_000, CPUMicroseconds: 2_500, PeakMemoryMB: 300, StoredMB: 40,
		Stages:      map[string]float64{"function enrich": 900, "function score": 1_100},
		PerProspect: map[string]float64{"writeUnits": writes, "lambdaGBMilliseconds": 10, "secretsRequests": 0.01},
		PerSandbox:  map[string]float64{"secretsRequests enrich": 2}, OwnP95: 1_234,
		MostReadKB:  map[string]int64{"enrich": 300, "status": 1},
		USD:         map[string]float64{"writeUnits": writes * 0.625, "lambdaGBMilliseconds": 0.13},
		AnswerUnits: 1, AnswerUSD: 0.625,
	}
}

func TestARecordIsReadAsItWasKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.json")
	empty, err := bench.Load(path)
	if err != nil || len(empty.Runs) != 0 {
		t.Fatalf("a record that was never kept = %+v, %v; want an empty one", empty, err)
	}
	want := bench.Record{PricesFrom: "2026-11-22"}
	for _, r := range []bench.Result{result(9_978, 5), result(998, 4), result(10_000, 3)} { // the last is of the first's size
		want.Put(r)
	}
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := bench.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bench.Record{PricesFrom: "2026-11-22", Runs: []bench.Result{result(998, 4), result(10_000, 3)}}, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// The figures that README shows, against the goals that it says they meet.
func TestTheKeptFiguresMeetTheGoals(t *testing.T) {
	t.Parallel()
	kept, err := bench.Load("../../bench/results.json")
	if err != nil {
		t.Fatal(err)
	}
	large := 0
	for _, r := range kept.Runs {
		if r.PerMinute < 20_000 || r.OwnP95 > 5_000 {
			t.Errorf("%d prospects: %.0f a minute, own p95 %.0f us; want at least 20,000 and at most 5,000", r.Prospects, r.PerMinute, r.OwnP95)
		}
		if r.Prospects < 90_000 {
			continue
		}
		large++
		if units := r.PerProspect["writeUnits"] - r.AnswerUnits; units > 3.1 {
			t.Errorf("%d prospects: %.2f write units without kept paid answers; want at most 3.1", r.Prospects, units)
		}
		// The goal is a sum that has a month's storage and the logs in it and keeps no
		// answers; what the meter counts is to stay below it with the answers, too.
		metered := r.Total() - r.USD[bench.StoredBytes] - r.USD[bench.LogBytes]
		if without := r.Total() - r.AnswerUSD; without > 4.10 || metered > 4.10 {
			t.Errorf("%d prospects: $%.2f per million without kept paid answers, $%.2f metered; want at most 4.10", r.Prospects, without, metered)
		}
	}
	if large == 0 {
		t.Error("no run of 100,000 prospects is kept")
	}
}

// What a prospect costs does not grow with the campaign, nor what a worker holds;
// what sums a run up reads a ledger that grows by a line per chunk.
func TestTheKeptFiguresGrowAsTheyMay(t *testing.T) {
	t.Parallel()
	kept, err := bench.Load("../../bench/results.json")
	if err != nil {
		t.Fatal(err)
	}
	runs := slices.DeleteFunc(kept.Runs, func(r bench.Result) bool { return r.Prospects < 9_000 })
	if len(runs) < 2 {
		t.Fatal("fewer than two runs to compare are kept")
	}
	small := runs[0]
	for i, r := range runs[1:] {
		if before := runs[i]; r.Total() > before.Total()*1.02 {
			t.Errorf("%d prospects cost $%.2f per million, %d $%.2f", r.Prospects, r.Total(), before.Prospects, before.Total())
		}
		for function, kb := range r.MostReadKB {
			most := float64(small.MostReadKB[function]) * 1.2
			if slices.Contains([]string{"finalize", "discover", "api", "plan"}, function) {
				most += float64(r.Prospects) / 1_000 * 8
			}
			if float64(kb) > most+20 {
				t.Errorf("%d prospects: one invocation of %s read %d KB, of %d prospects %d", r.Prospects, function, kb, small.Prospects, small.MostReadKB[function])
			}
		}
	}
}

// A smaller function has a smaller share of a processor and works longer.
func TestTheModelOfTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		work bench.Work
		want float64
	}{
		{bench.Work{}, 0},
		{bench.Work{MemoryMB: 1769, CPU: 100 * time.Millisecond}, 100 * 1769 / 1024.},
		{bench.Work{MemoryMB: 256, CPU: 100 * time.Millisecond}, 100 * 1769 / 1024.},
		{bench.Work{MemoryMB: 3538, CPU: 100 * time.Millisecond}, 100 * 3538 / 1024.},
		{bench.Work{MemoryMB: 512, Asked: 8, CallsAtOnce: 8}, 400 * 0.5},
		{bench.Work{MemoryMB: 1024, AWS: 20, Asked: 1}, 20*5 + 400},
	} {
		if got := c.work.GBMilliseconds(); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%+v = %v GB-ms, want %v", c.work, got, c.want)
		}
	}
}

func TestTheGateShutsOnCountsAlone(t *testing.T) {
	t.Parallel()
	var kept bench.Record
	kept.Put(result(10_000, 4))
	slower := result(9_990, 4.1)
	slower.PerMinute, slower.CPUMicroseconds, slower.PeakMemoryMB, slower.OwnP95 = 1, 1e6, 1e6, 1e6
	slower.PerProspect["lambdaGBMilliseconds"] = 1e6
	changed := func(change func(*bench.Result)) bench.Result {
		r := result(10_000, 4)
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		now           bench.Result
		worse, better int
	}{
		"within the tolerance, on a slow machine": {slower, 0, 0},
		"more writes":                            {result(10_000, 4.2), 1, 0},
		"fewer writes":                           {result(10_000, 3.8), 0, 1},
		"a unit that was not used before":        {changed(func(r *bench.Result) { r.PerProspect["s3Writes"] = 0.1 }), 1, 0},
		"a unit that is not used any more":       {changed(func(r *bench.Result) { delete(r.PerProspect, "writeUnits") }), 0, 1},
		"more sandboxes, each reading the same":  {changed(func(r *bench.Result) { r.PerProspect["secretsRequests"] *= 2 }), 0, 0},
		"an invocation that reads more":          {changed(func(r *bench.Result) { r.MostReadKB["enrich"] = 400 }), 1, 0},
		"rows that are packed a little worse":    {changed(func(r *bench.Result) { r.MostReadKB["enrich"] = 330 }), 0, 0},
		"a sandbox that reads its secrets again": {changed(func(r *bench.Result) { r.PerSandbox["secretsRequests enrich"] = 3 }), 1, 0},
	} {
		if worse, better, err := kept.Changed(c.now, 0.03); err != nil || len(worse) != c.worse || len(better) != c.better {
			t.Errorf("%s: %q worse, %q better, %v; want %d and %d lines", name, worse, better, err, c.worse, c.better)
		}
	}
	if _, _, err := kept.Changed(result(500, 4), 0.03); err == nil {
		t.Error("a size that was never kept passes the gate")
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	var r bench.Record
	r.Put(result(1_000, 4))
	r.Put(result(10_000, 3.5))
	table := r.Table()
	for _, line := range []string{
		"| per prospect | 1000 prospects | 10000 prospects | one execution per lead |\n| --- | --- | --- | --- |\n",
		"| DynamoDB write units without kept paid answers | 3.000 | 2.500 | 36 |\n| and those that keep paid answers | 1.000 | 1.000 |  |\n",
		"| without kept paid answers | 2.00 | 1.69 |  |\n",
		"| own processor ms per enriched prospect, p95 | 1.23 | 1.23 |  |\n",
		"| **$ per million**, a month's storage in it | **2.63** | **2.32** | **559** |\n",
	} {
		if !strings.Contains(table, line) {
			t.Errorf("the table lacks %q:\n%s", line, table)
		}
	}
	want := "| 10000 prospects, processor time | us per prospect |\n| --- | --- |\n| function score | 1100 |\n| function enrich | 900 |\n"
	if diff := cmp.Diff(want, r.StageTable()); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestATableTakesTheOldOnesPlace(t *testing.T) {
	t.Parallel()
	got, err := bench.Replace("a\n<!-- figures -->\nold\n<!-- /figures -->\nz\n", "figures", "new\n")
	if diff := cmp.Diff("a\n<!-- figures -->\nnew\n<!-- /figures -->\nz\n", got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := bench.Replace("a\n<!-- figures -->\nz\n", "figures", "new\n"); err == nil {
		t.Error("a place without an end is accepted")
	}
}
