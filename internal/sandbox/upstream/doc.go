// Package upstream is what every simulated provider shares: quotas, latency, a
// fault dial, the bill, and a journal that keeps the bill across a killed
// process. A simulator is a [Handler]; a [Server] stands in front of it, either
// as an http.Handler or in process through [Server.RoundTrip].
//
// It imports the standard library and money only, starts no goroutine and opens
// no socket, so that it runs inside a testing/synctest bubble. It is not for
// production code and knows no provider's wire format: how a provider says
// "too fast" is the simulator's own [Handler.Throttled].
package upstream
