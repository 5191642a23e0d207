// Package zerobounce verifies e-mail addresses with the ZeroBounce API, version
// 2 (https://www.zerobounce.net/docs/email-validation-api-quickstart, contract
// read 2026-11), one by one or a hundred in a call.
//
// # Endpoints
//
//	verify_email  GET  api.zerobounce.net/v2/validate          1 credit
//	verify_batch  POST bulkapi.zerobounce.net/v2/validatebatch  1 credit per address
//	read_account  GET  api.zerobounce.net/v2/getcredits        free
//
// One address is asked for with validate, more with validatebatch; both answer
// the question verify_email of a prospect. The key is a parameter: of the query
// where there is no body.
//
// The default host is said to be served from the EU (third-party catalogue,
// 2026-08). Where residency matters choose another, for example
// SLUICE_ZEROBOUNCE_BASE_URL=https://api-us.zerobounce.net/v2 and
// SLUICE_ZEROBOUNCE_BULK_BASE_URL.
//
// # What is left out
//
// Large lists as files (sendfile and what belongs to it) need a multipart body,
// which transport.Request does not have: lists go through validatebatch.
// Activity data says how recently somebody used a mailbox, which is neither a
// verdict on an address nor a fact about a person that a capability asks for.
//
// # Quotas
//
// Sources disagree on validatebatch: 200 addresses and 5 requests a minute (one
// snapshot of the official page) or 100 and 30 (its page of limits, 2026-08).
// The lower of both is declared: 100 and 5. validate takes 80,000 in ten
// seconds. A hundred malformed requests in a minute or 200 with a bad key in an
// hour block the account for an hour, or a day for getcredits, which is
// therefore asked rarely.
//
// # Price
//
// One credit per address; unknown costs nothing. The price of a credit is not
// published (2026-08); 20,000 micro-dollars is assumed, unconfirmed: set
// SLUICE_ZEROBOUNCE_CREDIT_MICROUSD. Whether a repeated question is charged
// again is not documented: it is taken for charged.
//
// # Verdicts
//
// invalid is the status that nothing is mailed to. Besides what would bounce it
// stands for spamtrap, abuse, blocked by the account's own list, and do_not_mail
// for any reason but a role or disposable address, which are risky like
// catch-all. valid is risky too if the domain takes mail for every name, or with
// a sub-status that is not documented. allowed, by the account's own list, was
// not checked: unknown.
//
// # Quirks
//
//   - A bad key and an empty balance have one message, with HTTP 200 (or 400,
//     for which older clients look). getcredits tells them apart: -1 is a bad
//     key, also with HTTP 200.
//   - The message of an error is in error, message or Message, a text or a list.
//     An answer without status is no verdict, whatever its HTTP status.
//   - 403 is the traffic protection and not a bad key; like a 429 of
//     validatebatch it is a block of unpublished length, for which an hour and
//     ten minutes are our choice.
//   - 520 and 524 come from the gateway, which does not know whether the check
//     was done: a paid call is then Unclear.
//   - Booleans and numbers may be texts; catchall_domain is read both ways.
//   - In a batch verdicts and errors are joined by address. An error for "all"
//     is one of the call if there are no verdicts.
//   - A check takes up to 30 seconds and a batch 70, longer than a call of ours
//     may last by default; both are asked to give up after 15, which makes
//     unknown, free of charge, of what is not done.
//
// # Terms
//
// ZeroBounce deletes uploads after 30 days. What we may keep is unconfirmed.
package zerobounce
