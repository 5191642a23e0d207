// Package normalize turns field values as people and exports write them into
// one canonical form: e-mail addresses, domains, phone cells, person and
// company names, countries, head counts, revenues, job titles, industries.
//
// Every function is pure and safe for concurrent use. The string-to-string
// functions are idempotent: a canonical value stays as it is. "Could not be
// understood" is a false second result, never an error.
//
// It imports no other package of Sluice. It is not for matching or scoring
// (packages dedup and scoring do that on top of it) and never looks anything up
// over the network.
package normalize
