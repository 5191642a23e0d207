// Package breaker stops calling a provider that keeps failing, for all
// processes at once: closed, open for a while, half-open with one probe at a
// time. A person can open and close it by hand.
//
// Failures are counted in each process; only changes of state are written to
// the [Store], and the state is read from it at most once per Options.Refresh,
// so a call costs nothing. It imports fault and the standard library. It is NOT
// a rate limiter and does not retry.
package breaker
