// Package apollo simulates Apollo.io's REST API (https://api.apollo.io/api/v1):
// people search, people match, bulk match, usage and profile, on the wire
// format of vendor documentation as read in 2026-11. It imports market, upstream and
// money; it is not an adapter and knows nothing of internal/provider.
//
// It is stricter than the provider where the contract leaves a choice: a
// parameter in the wrong place or the wrong form is refused instead of ignored.
package apollo
