// Package apollo simulates Apollo.io's REST API (https://api.apollo.io/api/v1):
// search of people and companies, match of people and companies, single and in
// bulk, contacts and sequences, usage and profile, on the wire format of vendor
// documentation as read in 2026-11. It imports market, upstream and money; it is
// not an adapter and knows nothing of internal/provider.
//
// It is stricter than the provider where the contract leaves a choice: a
// parameter in the wrong place or the wrong form is refused instead of ignored.
// Where the contract does not know a form, it plays every one: a miss in a bulk
// answer is null or left out, and the order of the rest is not that of the
// question.
package apollo
