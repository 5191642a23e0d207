// Package zerobounce simulates ZeroBounce's API v2 (https://api.zerobounce.net/v2
// and, for batches, https://bulkapi.zerobounce.net/v2): validate, validatebatch
// and getcredits, on the wire format of vendor documentation as read in 2026-11.
// It imports market, upstream and money; it is not an adapter and knows nothing
// of internal/provider.
//
// Its ways are ZeroBounce's: one message, with HTTP 200, for a bad key and an
// empty balance; unknown costs nothing; 403 is the traffic protection, which
// follows malformed requests and bad keys; a batch has verdicts and errors side
// by side, in an order of its own; booleans are now and then texts. Where sources
// disagree the stricter one holds: 100 addresses and 5 requests a minute, with a
// block of ten minutes for whoever is faster.
//
// A greylisted address is unknown when it is first asked for and known after
// that. The vendor's test addresses (valid@example.com, toxic@example.com ...)
// are answered without charge; an address below throwaway.example is disposable.
// Files, activity data and usage reports are not simulated.
package zerobounce
