package parity

import (
	"fmt"
	"reflect"
	"strings"
)

// Difference is a case in which the local stack and a partner differ, decided
// by a source: an AWS document or a recording.
type Difference struct{ Case, Partner, Decision string }

// Differences reads the decided differences from docs/localaws.md: the rows
// `| case | partner | decision |` of any table whose first column is a case in
// backquotes.
func Differences(document string) ([]Difference, error) {
	var out []Difference
	for n, line := range strings.Split(document, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.Count(cells[0], "/") != 2 {
			continue
		}
		d := Difference{
			Case: strings.Trim(strings.TrimSpace(cells[0]), "`"), Partner: strings.TrimSpace(cells[1]), Decision: strings.TrimSpace(cells[2]),
		}
		if d.Partner == "" || d.Decision == "" {
			return nil, fmt.Errorf("line %d: the difference in %s needs a partner and the source that decides", n+1, d.Case)
		}
		out = append(out, d)
	}
	return out, nil
}

// Verdict is how a case on a partner compares with the local stack.
type Verdict string

// The verdicts of [Compare].
const (
	Same          Verdict = "same"
	Different     Verdict = "different"
	NotComparable Verdict = "not comparable" // the partner does not have the operation
)

// Compare compares what one case saw on two implementations. The detail shows
// the first note that differs.
func Compare(local, partner Observation) (v Verdict, detail string) {
	switch {
	case partner.Missing != "":
		return NotComparable, "it does not have " + partner.Missing
	case partner.Broken != local.Broken:
		return Different, fmt.Sprintf("local: %q, partner: %q", local.Broken, partner.Broken)
	}
	for i := range max(len(local.Notes), len(partner.Notes)) {
		var a, b Note
		if i < len(local.Notes) {
			a = local.Notes[i]
		}
		if i < len(partner.Notes) {
			b = partner.Notes[i]
		}
		if !reflect.DeepEqual(a, b) {
			return Different, fmt.Sprintf("local: %s = %v, partner: %s = %v", a.What, a.Value, b.What, b.Value)
		}
	}
	return Same, ""
}
