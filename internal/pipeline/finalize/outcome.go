package finalize

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
)

// outcome is how a run ended by itself, and why it did not end well. The same
// ledger gives the same words.
func outcome(crms []Target, l store.Ledger, t domain.Totals) (domain.RunStatus, string) {
	for _, sh := range l.Shards {
		if !sh.Done {
			return domain.RunPartial, strings.TrimSpace("a source could not be read to its end: shard " + sh.ID + " " + sh.Source)
		}
	}
	lost, early, unpushed := map[string]int{}, map[string]int{}, map[string]int{}
	for crm, tally := range t.CRM {
		lost[crm] = tally.Missing + tally.Rejected
	}
	for _, c := range l.Chunks {
		if c.Failure != "" {
			early[c.Failure]++
		}
		for _, crm := range crms {
			if _, pushed := c.CRM[crm.Name]; !pushed {
				unpushed[crm.Name] += c.Converted
			}
		}
	}
	for _, cause := range []struct {
		counts map[string]int
		reason string // of the most frequent ones, and how often in all
	}{
		{lost, "%s refused or lost %d leads; see the push receipts"},
		{early, "a chunk ended early: %s; %d in all"},
		{unpushed, "some leads were not pushed to %s, %d in all; convert them again to push them"},
	} {
		if names, n := frequent(cause.counts); n > 0 {
			return domain.RunPartial, fmt.Sprintf(cause.reason, names, n)
		}
	}
	if t.Rows.Failed > 0 {
		return domain.RunPartial, fmt.Sprintf("%d rows failed", t.Rows.Failed)
	}
	return domain.RunCompleted, ""
}

// frequent lists what was counted at all, the most frequent first and equals by
// name, and the sum of the counts.
func frequent(counts map[string]int) (names string, sum int) {
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
	sorted := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, n := range counts {
		sum += n
	}
	return strings.Join(sorted, ", "), sum
}
