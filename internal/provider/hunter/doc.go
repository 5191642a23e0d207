// Package hunter finds and verifies work e-mail addresses and finds the people
// whose addresses are known at a domain with the Hunter API, version 2
// (https://hunter.io/api-documentation/v2, contract read 2026-11).
//
// # Endpoints
//
//	find_people    GET /domain-search?domain=&limit=&type=personal   1 credit per 1 to 10 addresses
//	find_email     GET /email-finder?domain=&first_name=&last_name=   1 credit per address found
//	verify_email   GET /email-verifier?email=                         0.5 credit
//	read_account   GET /account                                       0 credits
//
// The key goes into the X-API-KEY header; as a query parameter it would end up
// in the access logs of proxies.
//
// # Domain search
//
// Hunter calls "personal" what is the work address of somebody, in contrast to
// "generic" ones such as info@; private addresses are those of a domain that is a
// mail service, and are left out. Ten addresses at most are asked for, since that
// is what a credit buys and what the free plan allows (a higher limit is a 400
// there); SLUICE_HUNTER_DOMAIN_SEARCH_ADDRESSES sets another limit, 1 to 100, and
// with it the highest price of a search. Names come with the company's name,
// industry, country, size and technologies. That is not worth a question of its
// own: less than others tell for the same price. Nor is the e-mail count: nothing
// found costs nothing anyway. An address that nobody checked is risky if the
// domain accepts all. Hunter has no ids of people; ours are derived from the
// address. There is no filter for titles: who does not hold a wanted post is left
// out after the search.
//
// # Quotas
//
// Finder 15 a second and 500 a minute, verifier 10 a second and 300 a minute
// (third-party catalogue, 2026-05; Hunter documents no rate headers). Declared
// a little below, with a burst that fits the limit per second. The domain search
// has the finder's limit; that they share one is unconfirmed and assumed.
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
//   - The counters of the account are decimals, since a check is half a credit.
//
// # Terms
//
// Duty to honour 451 as above. Retention is not stated in what was read
// (unconfirmed): answers are kept as long as the prospect.
package hunter
