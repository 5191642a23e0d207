// Package market is the synthetic market that all simulated providers show
// parts of: companies, people, their mailboxes and what they care about, with
// the truth known. Company i and person i are pure functions of the seed and i,
// so that a million people need a few megabytes; every [Source] sees them
// through its own coverage, staleness and errors.
//
// It imports the standard library and domain, does no I/O and is not a scoring
// rule: what truly fits an ICP is decided by [Judge] from hidden attributes
// (role, employer, latent interest), never from a score formula.
//
// All domains end in .example and all people are invented.
package market
