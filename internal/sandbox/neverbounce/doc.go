// Package neverbounce simulates NeverBounce's API v4.2
// (https://api.neverbounce.com/v4.2): single check, jobs and account, on the
// wire format of vendor documentation as read in 2026-11. It imports market,
// upstream and money; it is not an adapter and knows nothing of
// internal/provider.
//
// Its ways are NeverBounce's: errors of the application are HTTP 200 with a
// status of their own, the key is a parameter of query, form or JSON body, GET
// and POST are alike, every verification is charged whatever comes out, and a
// job takes minutes, gives its results in an order of its own and keeps to the
// limits of jobs. Where sources disagree it does both: a job found by a search
// has its state under "status" or "job_status", and no page of results holds
// more than 100 whatever was asked for.
//
// Two limits are our invention, as NeverBounce publishes none: 60 single checks
// a minute, and the time that a job takes. Jobs live in memory only; their
// charges are in the bill. An address below throwaway.example is disposable.
package neverbounce
