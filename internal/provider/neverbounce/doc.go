// Package neverbounce verifies e-mail addresses with the NeverBounce API,
// version 4.2 (https://developers.neverbounce.com/reference, contract read
// 2026-11): one that somebody is typing, or a list as a job.
//
// # Endpoints
//
//	verify_email    /single/check                              1 credit
//	verify_in_bulk  /jobs/create, rows supplied with our ids   1 credit per address
//	read_job        /jobs/status, /jobs/results, /jobs/search  free
//	delete_job      /jobs/delete                               free
//	read_account    /account/info                              free
//
// Every method takes GET or POST. All calls are POST with a JSON body: the key
// and the addresses would otherwise stand in URLs, hence in proxies' logs, and a
// plus sign in an address would be read as a space.
//
// # Interactive use only
//
// verify_email is for one address that a person waits for. To walk a list
// through it can get the account locked (third-party catalogue, 2026-08), so
// it takes one address per call and its declared rate is low; lists go through
// [Client.StartJob].
//
// # Quotas
//
// Jobs: at most 10 running at once, 10 an hour, 50 a day, 100,000 addresses and
// 25 MB each (catalogue, 2026-08); the declared rate keeps to all of them if a
// job is done within an hour, so few and large jobs are better than many small
// ones. Everything else is unpublished; the declared rates are our choice.
//
// # Price
//
// One credit per verification whatever comes out, unknown, duplicates and bad
// syntax included; a repeated question is charged again. A credit is 8,000
// micro-dollars when a thousand are bought (2026-08-13) and down to 2,500 by the
// million: set SLUICE_NEVERBOUNCE_CREDIT_MICROUSD. Free credits are booked like
// paid ones.
//
// # Quirks (https://developers.neverbounce.com/reference/error-handling, 2026-11)
//
//   - Errors of the application are HTTP 200: the field status decides.
//   - throttle_triggered tells no wait; two minutes is our choice.
//   - What an account without credit receives is unconfirmed. A general_failure
//     whose message speaks of credits, balance or payment is taken for it, any
//     other for a request that was refused. Read the account before a job.
//   - Results may be in any order and are joined by our id.
//   - A page of results holds at most 1,000 by the specification and 100 by one
//     note: 100 are asked for, SLUICE_NEVERBOUNCE_RESULTS_PER_PAGE asks for
//     others, and the end is where total_pages says, in either case.
//   - jobs/search calls a job's state status in one place and job_status in
//     another. Finding a job needs neither; its state is read by [Client.Job].
//   - waiting (parsed, not started) and under_review may last until a person
//     acts: both are held. Manual review is never asked for.
//   - Deleting a job that is gone is a general_failure, also when the first
//     answer was lost.
//
// # Terms
//
// Retention is unconfirmed; jobs are to be deleted once their results are kept.
package neverbounce
