// Package zoominfo searches people and completes people and companies with
// ZoomInfo's GTM API, Data API version 1 (https://docs.zoominfo.com, OpenAPI of
// 2026-08, contract read 2026-11). The older Enterprise API is not used.
//
// # Endpoints
//
//	discover, find_people  POST /data/v1/contacts/search               free
//	enrich_person          POST /data/v1/contacts/enrich               1 credit per new record, 25 in a call
//	enrich_company         POST /data/v1/companies/enrich              1 credit per new record, 25 in a call
//	find_technologies      POST /data/v1/companies/search              free; gives ZoomInfo's id of the company
//	                       POST /data/v1/companies/technologies/enrich 1 credit, takes nothing but that id
//	find_intent            POST /data/v1/intent/enrich                 1 credit, one company
//	read_account           GET  /data/v1/users/usage                   free
//
// Bodies are JSON:API, both ways of media type application/vnd.api+json: some
// endpoints answer 406 to application/json.
//
// # Key
//
// OAuth 2 client credentials: the secret holds clientId and clientSecret. The
// documentation and the OpenAPI file name different token endpoints; the default
// is the documentation's, SLUICE_ZOOMINFO_TOKEN_URL another. No scope is asked
// for: then all that the app was granted apply. The gateway is reported to answer
// 403 to the names of HTTP libraries, so transport sends one of ours.
//
// # Settings
//
//	credit_microusd  price of a credit. ZoomInfo publishes none; the default of a
//	                 dollar is no more than a round number
//	intent_topics    1 to 50 values of GET /data/v1/lookup/intent-topics, separated
//	                 by commas. There is no default, as an unknown topic fails the
//	                 call: without them nobody is asked for intent
//	contact_fields,  output fields to ask for, separated by commas, where the
//	company_fields   account may not have all of the default: one such field is an
//	                 error (PFAPI0001, PFAPI0009), not an omission
//
//	management_days  how long a record that was bought is "under management" and
//	                 free, by whatever question it is found. The default of 30 is
//	                 careful: one integration reports 12 months, and what is
//	                 counted too high is never spent
//
// # Search
//
// 100 people a page, 100 pages; a cursor is the number of a page, as links are
// relative and lack a part of the path. Titles, the span of all sizes, countries,
// industries (as industryKeywords) and keywords (as companyDescription) restrict
// it. Unconfirmed: a list of countries separated by commas, and whether every
// keyword must occur. A place that is not a country lifts that restriction, as
// the endpoint knows metropolitan areas under names of its own only. A result
// shows the full name, but neither address nor number.
//
// # Enrichment
//
// A batch answers in no promised order: each record is found by the input that it
// repeats in meta.input. A miss is a record NoMatch inside a 200; OPT_OUT means
// that the person does not want to be processed; LIMIT_EXCEEDED that this record
// was not paid for any more. The specification has other names for some of these
// (CONTACT_OPTED_OUT, INPUT_ERROR), so they are recognised loosely. After
// COMPANY_ONLY_MATCH only the employer is taken over; whether such a record is
// charged is unconfirmed, so it is booked.
//
// A name is matched with the name of a company; the endpoint does not take a
// domain for it. Numbers that are flagged not to be called are left out. revenue
// of a company is in thousands of dollars; what a contact's record says of
// revenue is in another unit and not asked for. Ids of companies are not kept: they
// would be taken for people's.
//
// # Price
//
// One credit for a record that is not yet "under management"; nothing for a miss
// or an error. What is under management, and for how long (12 months according to
// one integration), is the customer's contract, see management_days. An answer
// does not say whether its record was charged. Nothing says so of technologies
// and intent, so no lost call is repeated. An answer without any technology or
// signal counts as a miss (unconfirmed).
//
// # Quotas
//
// By package, in sliding windows of a second, an hour and a day: Builder 5,
// 10,800 and 129,600; Standard 25, 54,000 and 648,000 (docs.zoominfo.com,
// 2026-07). Declared is a little less than an hour of the smallest, with a burst
// that fits its second. The day shows as 429 with a Retry-After of up to hours.
//
// # Errors
//
// Two envelopes: {"errors":[{"code"}]} and {"error":{"code"}}; both are read, and
// the code decides before the status. PFAPI0011 is a 400 that means no credits.
//
// # Terms
//
// Retention, caching and resale are set by the customer's contract (unconfirmed).
package zoominfo
