package bench

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// naive is the design that everybody draws first: one Standard execution of 20
// transitions per lead, a Lambda per step, a two-kilobyte item updated six
// times under an index of everything, secrets read each time. Arithmetic at the
// list prices of November 2026; bench/README.md shows it.
var naive = struct {
	perProspect map[string]float64
	usd         float64
}{
	perProspect: map[string]float64{"readUnits": 6, "stateTransitions": 20, "sqsRequests": 9, "lambdaInvocations": 6, "secretsRequests": 3},
	usd:         559,
}

// rows of the table, in order; units that are not named here are small.
var rows = []struct{ unit, label string }{
	{"readUnits", "DynamoDB read units"},
	{"stateTransitions", "state transitions"},
	{"sqsRequests", "SQS requests"},
	{"s3Writes", "S3 writes"},
	{"s3Reads", "S3 reads"},
	{"secretsRequests", "secrets read"},
	{"lambdaInvocations", "Lambda invocations"},
	{timed, "Lambda GB-ms, modelled"},
	{StoredBytes, "bytes stored"},
	{LogBytes, "bytes logged"},
}

// Table shows a record as Markdown: a column per size beside the naive design.
func (r Record) Table() string {
	var b strings.Builder
	line := func(label string, naive string, value func(Result) string) {
		fmt.Fprintf(&b, "| %s |", label)
		for _, run := range r.Runs {
			fmt.Fprintf(&b, " %s |", value(run))
		}
		fmt.Fprintf(&b, " %s |\n", naive)
	}
	line("per prospect", "one execution per lead", func(x Result) string { return fmt.Sprintf("%d prospects", x.Prospects) })
	b.WriteString("|" + strings.Repeat(" --- |", len(r.Runs)+2) + "\n")
	line("DynamoDB write units without kept paid answers", "36", func(x Result) string { return fmt.Sprintf("%.3f", x.PerProspect["writeUnits"]-x.AnswerUnits) })
	line("and those that keep paid answers", "", func(x Result) string { return fmt.Sprintf("%.3f", x.AnswerUnits) })
	for _, row := range rows {
		beside := ""
		if n, ok := naive.perProspect[row.unit]; ok {
			beside = fmt.Sprintf("%g", n)
		}
		line(row.label, beside, func(x Result) string { return fmt.Sprintf("%.3f", x.PerProspect[row.unit]) })
	}
	line("**$ per million**, a month's storage in it", fmt.Sprintf("**%.0f**", naive.usd), func(x Result) string { return fmt.Sprintf("**%.2f**", x.Total()) })
	line("without kept paid answers", "", func(x Result) string { return fmt.Sprintf("%.2f", x.Total()-x.AnswerUSD) })
	line("Lambda GB-ms as measured here", "", func(x Result) string { return fmt.Sprintf("%.3f", x.MeasuredGBMilliseconds) })
	line("prospects/min", "", func(x Result) string { return fmt.Sprintf("%.0f", x.PerMinute) })
	line("processor ms", "", func(x Result) string { return fmt.Sprintf("%.2f", x.CPUMicroseconds/1000) })
	line("own processor ms per enriched prospect, p95", "", func(x Result) string { return fmt.Sprintf("%.2f", x.OwnP95/1000) })
	line("peak memory MB", "", func(x Result) string { return fmt.Sprintf("%d", x.PeakMemoryMB) })
	line("of it stored by the local AWS", "", func(x Result) string { return fmt.Sprintf("%d", x.StoredMB) })
	line("most KB that one invocation read (its function)", "", func(x Result) string {
		name, most := x.mostRead()
		if name == "" {
			return ""
		}
		return fmt.Sprintf("%d (%s)", most, name)
	})
	return b.String()
}

// StageTable shows where the processor time of the largest run goes.
func (r Record) StageTable() string {
	if len(r.Runs) == 0 {
		return ""
	}
	run := r.Runs[len(r.Runs)-1]
	var b strings.Builder
	fmt.Fprintf(&b, "| %d prospects, processor time | us per prospect |\n| --- | --- |\n", run.Prospects)
	names := slices.SortedFunc(maps.Keys(run.Stages), func(a, c string) int { return int(run.Stages[c] - run.Stages[a]) })
	for _, name := range names {
		fmt.Fprintf(&b, "| %s | %.0f |\n", name, run.Stages[name])
	}
	return b.String()
}

// Replace puts text between the lines `<!-- name -->` and `<!-- /name -->` of a
// document.
func Replace(document, name, text string) (string, error) {
	before, rest, ok := strings.Cut(document, "<!-- "+name+" -->\n")
	_, after, closed := strings.Cut(rest, "<!-- /"+name+" -->")
	if !ok || !closed {
		return "", errors.New("the document has no place named " + name)
	}
	return before + "<!-- " + name + " -->\n" + text + "<!-- /" + name + " -->" + after, nil
}
