// Package replay computes a run again from what it left in the store: the rows
// that were discovered, the answers that its turns recorded, the similarities
// that were paid for. It asks no provider and writes nothing, so it can tell at
// no cost what another ICP, other weights or another order of providers would
// have made of the same answers. Unchanged, it gives the run's own rows.
//
// The stages' own pure parts decide: score.First and Final, package waterfall,
// convert.NewLead. It imports those, domain, fault, lexical, money, provider,
// scoring, store and task. It is not for repeating failed work: that is the
// state machine's.
package replay
