// Package dynamodb has the behaviour cases of its service; see package parity.
// A case works on a table of its own with a [bench], which notes the whole
// answer of a call, or its error. Items are written in plain Go ([item]).
package dynamodb

import (
	"slices"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return slices.Concat(
		tables(), refusedTables(), timeToLive(),
		puts(), gets(), deletes(), values(), keys(), sizes(), numbers(),
		updates(), returnValues(), refusedUpdates(),
		conditions(), refusedConditions(), substitutes(),
		queries(), keyConditions(), pages(), indexes(), selections(), scans(),
		batchWrites(), batchGets(), transactions(), refusedTransactions(), tokens(),
		capacity(),
	)
}
