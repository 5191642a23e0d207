// Package clearbit simulates Clearbit's legacy APIs on their wire format (vendor
// documentation as read in 2026-11): people, people with their company,
// companies, and the search for people, each on its own host. It imports market,
// upstream and money; it is not an adapter and knows nothing of
// internal/provider.
//
// What is new, or was not looked at for 30 days, is queued: 202 with an empty
// body until it is done, mostly within two minutes, now and then after more time
// than anybody waits. Every answer of a lookup, 202 and 404 included, is
// counted, once in a month. Somebody who opted out is not there.
//
// Unconfirmed, and therefore played in more than one way: the status of a wrong
// parameter (400 and 422), whether a company nobody knows is a 404 of the search
// or an empty list, whether an error comes as object or as list, and what
// cached=true says of a record that is not stored (404 and 202).
package clearbit
