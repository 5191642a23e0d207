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
	PerProspect  map[string]float64 `json:"perProspect"`  // what AWS bills by, by unit
	USD          map[string]float64 `json:"usdPerMillionProspects"`
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

// noisy are the units that depend on time: how long things took on the machine,
// and how many sandboxes were started, each of which reads its secrets, meanwhile.
var noisy = []string{"lambdaGBMilliseconds", "secretsRequests", "kmsRequests"}

// Worse compares the counts of a result with the kept one of its size and
// returns a line for each that grew by more than the tolerance, a share. A size
// that was never kept is an error.
func (r Record) Worse(now Result, tolerance float64) ([]string, error) {
	at := slices.IndexFunc(r.Runs, func(kept Result) bool { return sameSize(kept, now) })
	if at < 0 {
		return nil, fmt.Errorf("no result for %d prospects is kept to compare with", now.Prospects)
	}
	kept := r.Runs[at]
	var worse []string
	for _, unit := range slices.Sorted(maps.Keys(now.PerProspect)) {
		if slices.Contains(noisy, unit) {
			continue
		}
		if before, after := kept.PerProspect[unit], now.PerProspect[unit]; after > before*(1+tolerance) {
			worse = append(worse, fmt.Sprintf("%s per prospect: %.4f, was %.4f", unit, after, before))
		}
	}
	return worse, nil
}
