// Package lusha completes people and companies and finds telephone numbers with
// the Lusha API, version 3 (https://docs.lusha.com, OpenAPI read 2026-11).
// Version 2 is to be switched off and is not used.
//
// # Endpoints
//
//	enrich_person   POST /v3/contacts/search-and-enrich, reveal emails    up to 100 people
//	find_phone      POST /v3/contacts/search-and-enrich, reveal phones    up to 100 people
//	enrich_company  POST /v3/companies/search-and-enrich                  up to 100 companies
//	read_account    GET  /v3/account/usage                                free
//
// The key goes into the api_key header. Results are joined by our
// clientReferenceId, which is a number within the call; their order is not
// documented. A person's id of Lusha is kept as ProfileID. A company's is not:
// both kinds of ids are plain numbers, and an id in Prospect.Refs is later used
// to ask about the person.
//
// # Answers
//
// An item may fail inside a 200: NOT_FOUND and NO_SCORE are misses,
// COMPLIANCE_RESTRICTED is Blocked, ENRICH_FAILED is Unavailable, any other code
// BadResponse. The status 451 is Blocked too, but does not say whom of a batch
// it is about: the batch is then asked in halves until that is known. Not
// documented for a batch: unconfirmed.
//
// Addresses of the type private are left out, those of the type unknown too if
// they are at a free-mail service. Numbers marked doNotCall are left out. The
// grade of an address ("A+") is nobody's verdict on the mailbox, so its status
// stays unchecked. Domains come with "www.".
//
// # Price
//
// A reveal costs 1 credit for e-mail, 5 for telephone, 1 for a company, and the
// search within the same call (api_search) is charged beside it; what was
// revealed before is not charged again, the search is. billing.creditsCharged
// is what a call cost, and is spread over the answers to the last micro-dollar.
// Without it, the most that the rules allow for what came is booked.
//
// Unconfirmed: whether the search costs 1 credit for each result or for each
// started 25 of them; whether a call without any result costs 1 credit. The
// price table holds the higher reading, what is booked follows the bill.
// The price of a credit is not published: 100,000 micro-dollars is a guess
// (unconfirmed); set SLUICE_LUSHA_CREDIT_MICROUSD. A plan with other numbers of
// credits sets SLUICE_LUSHA_SEARCH_CREDITS, SLUICE_LUSHA_EMAIL_CREDITS,
// SLUICE_LUSHA_PHONE_CREDITS and SLUICE_LUSHA_COMPANY_CREDITS.
//
// An account that has Lusha's data waterfall switched on pays other vendors'
// prices for what they add. These endpoints have no parameter against that
// (https://docs.lusha.com/api-reference, search-and-enrich, 2026-11;
// waterfallEnabled exists for /v3/contacts/enrich only): switch it off in
// Lusha's dashboard, or raise the two settings for e-mail and telephone to the
// dearest vendor's price, or a call may cost more than was reserved for it.
//
// # Quotas
//
// 25 calls a second for an account, 5 a minute for its usage
// (https://docs.lusha.com/rate-limiting, 2026-11). The first is declared as it
// is, without a burst: the limiter's even spacing stays two per cent below it.
// Limits per minute, hour and day depend on the plan and are not published. A
// 429 has no Retry-After; the wait follows from the window that the headers show
// as used up. That hours and days end on the clock (UTC) is unconfirmed: after a
// wait that was too short the next 429 says so again.
//
// # Terms
//
// https://www.lusha.com/legal/terms_and_conditions of 2025-11: internal use for
// sales, marketing, recruitment, business intelligence, fraud prevention, within
// a fair-use policy. Retention after the contract ends is unconfirmed.
package lusha
