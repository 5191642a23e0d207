// Package clearbit completes people and companies and finds people at companies
// with Clearbit's legacy APIs, which belong to HubSpot now (contract read
// 2026-11). Accounts made in 2024 or later get no key: this is for those who
// hold one, and does nothing without it.
//
// # Endpoints
//
//	enrich_person   GET person.clearbit.com/v2/combined/find?email=        1 lookup
//	enrich_company  GET company.clearbit.com/v2/companies/find?domain=     1 lookup
//	find_people     GET prospector.clearbit.com/v1/people/search?domain=   1 lookup
//	read_account    GET company.clearbit.com/v2/companies/find             free
//
// People are asked for together with their company, so that one paid lookup
// brings both. No account endpoint is documented. What reads the account is a
// company lookup without its parameter: the key is checked before the
// parameters are (live hosts, 2026-08), and a refused question is not counted.
//
// The key is the user name of HTTP Basic, with an empty password. Each product
// has a host of its own: SLUICE_CLEARBIT_BASE_URL is that of people,
// SLUICE_CLEARBIT_COMPANY_BASE_URL and SLUICE_CLEARBIT_PROSPECTOR_BASE_URL are
// the others. The search pins the version 2018-08-15 that the official Go
// client pins; the others have the account's.
//
// # Quotas
//
// 600 calls a minute and API (headers of the live hosts, 2026-08); declared a
// little below.
//
// # Price
//
// Unpublished since the legacy plans are closed, so the price of a lookup is
// unconfirmed: 100,000 micro-dollars are assumed, which is meant to be too
// much; set SLUICE_CLEARBIT_CREDIT_MICROUSD to what your contract says. Counted
// are the answers 200, 201, 202 and 404, so a miss costs as much as a hit and a
// queued lookup is paid for; the same lookup is counted once in a billing period
// (https://help.clearbit.com/hc/en-us/articles/115015508588). Whether a search
// for people counts once or by the people shown is unconfirmed: once is assumed.
//
// # Queued lookups
//
// 202 with an empty body means that the lookup is queued, because the record is
// new or was not refreshed for 30 days
// (https://help.clearbit.com/hc/en-us/articles/10065050209815). Nobody calls
// back: the answer is the fault Unavailable, to be asked again after three
// minutes. Its Usage holds the price, since the lookup is counted, and so
// do those of the repeats, which are not: the first of them is what was paid,
// also if no answer ever comes. How often to ask is the caller's, the contract's
// advice is three times.
//
// With SLUICE_CLEARBIT_PENDING=stored a queued person is at once asked for again
// with cached=true, at no further price, and the older record is taken if
// there is one. The default, "wait", prefers the fresh record. The last step of
// the contract's advice, cached=true after the third try, needs to know which
// try it is, which an adapter without state does not. The streaming host
// (https://person-stream.clearbit.com) is not used: it holds a call for up to 60
// seconds, longer than an attempt may take, and tells no rate limits.
//
// # Quirks
//
//   - 404 is a miss, and is paid for, unless its type is "unknown_route": then the
//     address is wrong or the product gone, which somebody must look at.
//   - 429 has no Retry-After: x-ratelimit-reset tells when, in Unix seconds.
//   - An error is an object or, for the official Go client, a list of them.
//   - Every object and scalar may be null, also one half of a combined answer.
//   - The id at Twitter is a number for people and text for companies; it is not read.
//   - The seniority "executive" begins with vice presidents, and stands for
//     them here; the title says more.
//   - "251-1K" employees: the K belongs to the second number only.
//   - The company of a combined answer may be another than the employer, after a
//     move; its facts are then left out.
//   - The e-mail address in a lookup is the question's own: it confirms nothing
//     and is left out. What "verified" vouches for at an address found by the
//     search is unconfirmed, so a verifier has to check all of them.
//   - The largest page of the search is unconfirmed: nothing asks for more than 20.
//   - The status of an exhausted plan is unconfirmed: 402 is taken for one.
//
// # Terms
//
// Retention is a matter of the customer's contract and unconfirmed: answers are
// kept for 30 days, after which Clearbit itself calls a record stale.
package clearbit
