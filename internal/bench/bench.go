// Package bench keeps what benchmark runs measured, shows it, and compares a
// new run with what is kept. It runs nothing itself; it imports the standard
// library only.
package bench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"time"
)

// Result is what one run of the benchmark measured. Counts depend on the seed
// and the code alone; times and memory on the machine, too.
type Result struct {
	Prospects       int     `json:"prospects"` // rows in
	Seed            uint64  `json:"seed"`
	Date            string  `json:"date"` // 2006-01-02
	CPUs            int     `json:"cpus"`
	Seconds         float64 `json:"seconds"`
	PerMinute       float64 `json:"prospectsPerMinute"`
	CPUMicroseconds float64 `json:"cpuMicrosecondsPerProspect"`
	// Stages is the processor time per prospect in microseconds: by function for
	// the product's code, and what this machine adds.
	Stages       map[string]float64 `json:"cpuMicrosecondsByStage"`
	PeakMemoryMB int                `json:"peakMemoryMB"` // of the process, simulations and their data included
	StoredMB     int                `json:"storedMB"`     // of it, what the local AWS stores
	PerProspect  map[string]float64 `json:"perProspect"`  // what AWS bills by, by unit; storage and logs in bytes
	USD          map[string]float64 `json:"usdPerMillionProspects"`
	// MeasuredGBMilliseconds is the time of functions on this machine, times their
	// memory: what PerProspect has is modelled, see [Work].
	MeasuredGBMilliseconds float64 `json:"measuredGBMillisecondsPerProspect"`
	// PerSandbox is the most that one sandbox of a function asked for, by unit and
	// function.
	PerSandbox map[string]float64 `json:"mostPerSandbox"`
	// MostReadKB is the most that one invocation of a function read from AWS, by
	// function: what a worker holds in memory goes by it.
	MostReadKB map[string]int64 `json:"mostKBReadByOneInvocation"`
	// OwnP95 is the processor time of function enrich per enriched prospect that
	// 95 % of them stay within, in microseconds.
	OwnP95 float64 `json:"ownMicrosecondsPerEnrichedProspectP95"`
	// AnswerUnits is how many of the write units kept answers of providers, and
	// AnswerUSD what those cost: the price of paying nothing twice.
	AnswerUnits float64 `json:"answerWriteUnits"`
	AnswerUSD   float64 `json:"answerUsdPerMillionProspects"`
}

// Total is the price per million prospects in dollars.
func (r Result) Total() float64 {
	sum := 0.0
	for _, unit := range slices.Sorted(maps.Keys(r.USD)) {
		sum += r.USD[unit]
	}
	return sum
}

// mostRead is the function of which one invocation read most, and how many
// kilobytes; the first by name among equals.
func (r Result) mostRead() (function string, most int64) {
	for _, name := range slices.Sorted(maps.Keys(r.MostReadKB)) {
		if kb := r.MostReadKB[name]; kb > most {
			function, most = name, kb
		}
	}
	return function, most
}

// Record is the file of kept results.
type Record struct {
	PricesFrom string   `json:"pricesFrom"` // date of the price table
	Runs       []Result `json:"runs"`       // by size
}

// Load reads a record; a file that does not exist is an empty one.
func Load(path string) (Record, error) {
	var r Record
	data, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read the kept results: %w", err)
	}
	return r, nil
}

// Save writes a record.
func (r Record) Save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // figures are for everybody
	}
	if err != nil {
		return fmt.Errorf("keep the results: %w", err)
	}
	return nil
}

// Put adds a result in place of an earlier one of the same size (to a tenth).
func (r *Record) Put(result Result) {
	r.Runs = slices.DeleteFunc(r.Runs, func(old Result) bool { return sameSize(old, result) })
	r.Runs = append(r.Runs, result)
	slices.SortFunc(r.Runs, func(a, b Result) int { return cmp.Compare(a.Prospects, b.Prospects) })
}

func sameSize(a, b Result) bool {
	return math.Abs(float64(a.Prospects-b.Prospects)) <= float64(b.Prospects)/10
}

// bySandbox are the units that a sandbox of a function consumes when it starts:
// keys and secrets are read once and kept. How many sandboxes are started
// depends on how busy the machine is, so not the number per prospect is compared
// but the most that one sandbox asked for.
var bySandbox = []string{"secretsRequests", "kmsRequests"}

// timed is the unit that is a time: how long functions take.
const timed = "lambdaGBMilliseconds"

// Units that are not billed by the request.
const (
	StoredBytes = "storedBytes" // what is left when a campaign is done, kept for a month
	LogBytes    = "logBytes"
)

// What [Work] assumes.
const (
	providerLatency = 400 * time.Millisecond // of a provider's answer
	awsLatency      = 5 * time.Millisecond   // of an answer of DynamoDB, S3, SQS or Step Functions
	fullProcessor   = 1769                   // MB of memory that come with one whole processor, says the Lambda developer guide
)

// Work is what a function did in a run, from which follows how long it would have
// taken on AWS. A run on one machine cannot measure that: all functions share its
// processors, and providers and AWS answer at once.
type Work struct {
	MemoryMB    int
	CPU         time.Duration // on a processor of its own
	AWS, Asked  int64         // calls of AWS and of providers
	CallsAtOnce int           // how many calls it has out at a time; zero: 1
}

// GBMilliseconds is the modelled bill: the processor time, longer by as much as the
// function has less than a whole processor, and the time that it waits for answers.
func (w Work) GBMilliseconds() float64 {
	share := min(1, float64(w.MemoryMB)/fullProcessor)
	waits := time.Duration(w.AWS)*awsLatency + time.Duration(w.Asked)*providerLatency
	took := float64(w.CPU)/share + float64(waits)/float64(max(1, w.CallsAtOnce))
	return took / float64(time.Millisecond) * float64(w.MemoryMB) / 1024
}

// readTolerance is by what share the most that an invocation reads may change: rows
// are packed, and how well depends on which of them share a chunk.
const readTolerance = 0.15

// Changed compares the counts of a result with the kept one of its size and
// returns a line for each that grew, and for each that fell, by more than the
// tolerance, a share. What got better must be kept too, or it could be lost again
// unnoticed. Logs are left out: a run writes a few lines, and now and then one
// more. A size that was never kept is an error.
func (r Record) Changed(now Result, tolerance float64) (worse, better []string, err error) {
	at := slices.IndexFunc(r.Runs, func(kept Result) bool { return sameSize(kept, now) })
	if at < 0 {
		return nil, nil, fmt.Errorf("no result for %d prospects is kept to compare with", now.Prospects)
	}
	compare := func(per string, kept, now map[string]float64, tolerance float64, left ...string) {
		units := maps.Clone(kept)
		maps.Copy(units, now)
		for _, unit := range slices.Sorted(maps.Keys(units)) {
			if slices.Contains(left, unit) {
				continue
			}
			line := fmt.Sprintf("%s per %s: %.4f, was %.4f", unit, per, now[unit], kept[unit])
			switch before, after := kept[unit], now[unit]; {
			case after > before*(1+tolerance):
				worse = append(worse, line)
			case after < before*(1-tolerance):
				better = append(better, line)
			}
		}
	}
	compare("prospect", r.Runs[at].PerProspect, now.PerProspect, tolerance, append([]string{timed, LogBytes}, bySandbox...)...)
	compare("sandbox", r.Runs[at].PerSandbox, now.PerSandbox, tolerance)
	compare("invocation", kilobytesRead(r.Runs[at]), kilobytesRead(now), max(tolerance, readTolerance))
	return worse, better, nil
}

// kilobytesRead is [Result.MostReadKB] of functions whose invocations read enough for
// a share of it to mean something.
func kilobytesRead(r Result) map[string]float64 {
	out := map[string]float64{}
	for function, kb := range r.MostReadKB {
		if kb >= 50 {
			out["KB read by "+function] = float64(kb)
		}
	}
	return out
}
