// Package ratelimit keeps outbound calls below a documented rate when several
// processes share it: the generic cell rate algorithm (GCRA) over one stored
// time per key, from which every process takes slots in blocks, so that one
// store write serves many calls.
//
// The promise: in any window of [Quota.Per], no more than Rate + Burst - 1
// calls are let through, whatever the number of processes, as long as their
// clocks agree. Under steady demand at least 95 % of the rate is used. A few
// percent are a lane for calls that a person awaits; see [Quota.Lanes]. Runs that
// share a key take blocks in turn; see [Sharing].
//
// It imports fault and the standard library. It is NOT for money or for daily
// and monthly credits (package budget), and it never waits long: a wait above
// Options.MaxWait is the caller's to arrange.
package ratelimit
