// Package bulk verifies a list of addresses by a provider's job: what syntax,
// DNS and earlier answers tell is not paid for, the rest goes to the provider at
// once, and the verdicts are kept in the cache where campaigns find them.
//
// A job is charged when it is created and cannot be created twice for the same
// key, since no provider takes an idempotency key. So what is handed over is
// written down before; a creation whose answer was lost is looked for by the
// job's name before anything else; and whoever comes with the same list goes on
// where the last one stopped. The highest price is reserved before, as for every
// paid call.
//
// It imports budget, domain, email, fault, money, provider, store and waterfall.
// It reads no files, and is not part of a campaign: providers' limits on jobs are
// so low (NeverBounce: fifty a day) that a chunk cannot have one of its own.
package bulk
