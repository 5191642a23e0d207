// Package hunter simulates Hunter's API v2 (https://api.hunter.io/v2): domain
// search, e-mail finder, e-mail verifier and account, on the wire format of
// vendor documentation as read in 2026-11. It imports market, upstream and money; it
// is not an adapter and knows nothing of internal/provider.
//
// Its status codes are Hunter's: 403 is the rate limit, 429 the exhausted plan,
// 202 a check that still runs, 222 a failed check, 451 a person who asked not
// to be processed.
package hunter
