// Package apollo searches people and companies, completes them, reads the
// account and fills outreach sequences with the Apollo REST API, version 1
// (https://docs.apollo.io, OpenAPI of 2026-08, contract read 2026-11).
//
// # Endpoints
//
//	discover, find_people  POST /mixed_people/api_search      0 credits
//	find_companies         POST /mixed_companies/search       1 credit per page that holds something
//	enrich_person          POST /people/match                 1 credit per person found
//	                       POST /people/bulk_match            what credits_consumed says; 2 to 10 people
//	enrich_company         GET  /organizations/enrich         1 credit per company found
//	                       POST /organizations/bulk_enrich    1 credit each; 2 to 10 domains
//	read_account           POST /usage_stats/...              0 credits, two calls
//	add_to_sequence        POST /emailer_campaigns/{id}/add_contact_ids   0 credits
//
// Parameters travel in the query string of a POST without a body, lists as
// name[]=; only the people of a bulk match are in the body. So a question holds
// personal data in its URL, which is never logged. The key goes into the
// x-api-key header; some endpoints need a master key.
//
// # Search
//
// A search shows no e-mail address, no number and only an obfuscated surname,
// which is not kept: it is not a name, and matching by it would find nobody. 100
// people a page, 500 pages; a cursor is the number of a page.
//
// Parameters person_titles[], q_organization_domains_list[], page and per_page
// are in the contract. Unconfirmed: person_locations[], q_keywords and
// organization_num_employees_ranges[] with its form "51,200"; they are in
// search.go, in one place. Query.Industries is not sent: what filter the endpoint
// has for it is not known, and a wrong one would silently hide people; the score
// judges the industry later.
//
// The company search takes places, sizes and, as keyword tags, industries and
// keywords (OpenAPI of 2026-08; that one of the tags suffices is unconfirmed). Companies that the team has
// saved come in a list of their own, under the team's id. That an empty page is
// free of charge is how the contract reads, but unconfirmed.
//
// # Match
//
// Identified by Apollo's id, else e-mail address, else profile, else name and
// domain. Personal addresses and phone numbers are never asked for (a number
// would cost 8 more credits and arrive by an unsigned webhook). Not found is a
// 200 without person, whose exact form is unconfirmed. An address that
// was not unlocked comes as email_not_unlocked@..., which is no address
// (unconfirmed, seen in public integrations).
//
// Whether a bulk answer has null for who was not found, or nothing, is unconfirmed: records are
// joined to questions by id, address, profile or name, never by position. A
// record that cannot be joined makes the open questions Unclear: one of them was
// paid for. credits_consumed, which may be a fraction, is what a bulk call cost;
// unique_enriched_records counts bills, not matches. For companies only the
// latter is documented and taken as the number of credits.
//
// Unconfirmed fields: latest_funding_round_date and
// organization_headcount_six_month_growth; without them there is no such signal.
//
// # Account
//
// Usage is told per endpoint under keys that are strings with a JSON array in
// them. A limit of zero is no limit. Keys are limited to chosen endpoints: one
// that may not see the credits is tested by GET /users/api_profile.
//
// # Sequences
//
// Only contacts that were saved at Apollo can be added, by the contact's id. Who
// is skipped, for example because they are in the sequence already, is told in a
// 200; so a lost call may be repeated.
//
// # Price
//
// A credit costs 20,000 micro-dollars (unconfirmed: plans of 2026-08 do not
// state it); set SLUICE_APOLLO_CREDIT_MICROUSD. Whether a repeated match is
// charged again is not documented, so a match is never repeated by itself.
//
// # Quotas
//
// Per team and endpoint, in windows of a minute, an hour and a day: search 200 a
// minute, enrichment 1,000, everything else 200 a minute and 400 an hour
// (https://docs.apollo.io/reference/rate-limits, 2026-07; hourly limits differ by
// source and plan). Declared a little below; a bulk call counts with the single
// ones, which is stricter than Apollo. What longer windows there are show as 429 with
// retry-after, which moves the limiter.
//
// # Errors
//
// Bodies differ by endpoint; since 2026-09 error_details.code comes first
// (https://docs.apollo.io/changelog/api-errors-now-include-structured-details).
// What an exhausted balance returns is unconfirmed: any refusal whose code
// speaks of credits is taken for it.
//
// # Terms
//
// https://www.apollo.io/terms of 2025-11-04; conditions on retention and resale
// were not read (unconfirmed).
package apollo
