// Package lusha simulates Lusha's API v3 (https://api.lusha.com): search and
// enrich of contacts and of companies, and the account's usage, on the wire
// format of vendor documentation as read in 2026-11. It imports market, upstream
// and money; it is not an adapter and knows nothing of internal/provider.
//
// A batch answers 200 with an error per item: nobody of that name, a person who
// opted out, a contact that could not be enriched this time, one without a
// score. Results come with those that were found first, so that only the
// clientReferenceId joins them with the question. Both kinds of ids are numbers.
// Search and reveal are charged, a reveal once. Where the documents disagree
// [Options] chooses; the zero value is the dearer reading for what is found.
package lusha
