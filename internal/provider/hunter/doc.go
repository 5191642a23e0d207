// Package hunter finds and verifies work e-mail addresses with the Hunter API,
// version 2 (https://hunter.io/api-documentation/v2, contract read 2026-11).
//
// # Endpoints
//
//	find_email    GET /email-finder?domain=&first_name=&last_name=   1 credit per address found
//	verify_email  GET /email-verifier?email=                         0.5 credit
//
// The key goes into the X-API-KEY header; as a query parameter it would end up
// in the access logs of proxies.
//
// # Quotas
//
// Finder 15 a second and 500 a minute, verifier 10 a second and 300 a minute
// (third-party catalogue, 2026-05; Hunter documents no rate headers). Declared
// a little below, with a burst that fits the limit per second.
//
// # Price
//
// A credit costs 24,500 micro-dollars on the Starter plan (49 dollars for 2,000,
// 2026-05); other plans set SLUICE_HUNTER_CREDIT_MICROUSD. Nothing found costs
// nothing, and neither does the same question in the same billing period
// (https://help.hunter.io/en/articles/1911617-hunter-s-credit-system).
//
// # Quirks (error section of the API documentation, 2026-11)
//
//   - 403 means too fast, 429 means that the plan is used up: the reverse of the
//     usual. A 429 that does not speak of the plan or the billing period is
//     taken for too fast, since one catalogue describes it so.
//   - 202 and 222 are not successes: the check still runs, or the remote mail
//     server answered nonsense. Both may be asked again free of charge.
//   - 451: the person asked Hunter not to process their data; then neither may we.
//   - Nobody found is 404 or an empty answer; sources disagree, both are read.
//
// # Terms
//
// Duty to honour 451 as above. Retention is not stated in what was read
// (unconfirmed): answers are kept as long as the prospect.
package hunter
