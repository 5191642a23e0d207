// Package domain is the nouns of Sluice and their state transitions: ICP,
// campaign, run, prospect, row, chunk, lead. Values only: no I/O, no clock, no
// provider. It imports fault and money.
package domain
