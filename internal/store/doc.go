// Package store is every DynamoDB and S3 call of the product. There is one
// implementation, on the AWS SDK; tests run it against the local stack.
//
// Four tables by lifetime, all with pk (partition) and sk (sort):
//
//	core       teams, keys, ICPs, campaigns, runs, leads: kept, point-in-time recovery
//	  KEY#<hash>                    KEY                    API key: team, scopes, expiry
//	  TEAM#<t>                      DATAKEY                the team's wrapped data key
//	  TEAM#<t>                      LEARNED                which providers pay off for whom
//	  TEAM#<t>                      KEYS                   which provider keys the team has, in which version
//	  TEAM#<t>                      ICP#<id>               ICP
//	  TEAM#<t>                      CAMPAIGN#<id>          campaign
//	  TEAM#<t>                      SUPPRESS#<hash>        do-not-contact entry (keyed hash)
//	  CAMPAIGN#<t>#<id>             RUN#<run>              run, its status and totals
//	  LEAD#<t>#<lead>               LEAD                   lead
//
//	prospects  90 days (attribute ttl); what belongs to a lead stays
//	  CLAIM#<t>#<prospect>          CLAIM                  who discovered it: run, chunk
//	  LIST#<t>#<campaign>#<shard>   <inverse score>#<id>   the prospect as a screen lists it
//
//	ledger     append-only money and work
//	  RUN#<run>                     SPEND                  cap, committed, settled
//	  RUN#<run>                     SHARD#<id>             discovery progress, lease
//	  RUN#<run>                     CHUNK#<id>             chunk progress, lease, counts
//	  RUN#<run>#RESV                <chunk>/<provider>/<n> one reservation
//	  RUN#<job>                     JOB                    enrichment of a list; the rest as a run's
//	  RUN#<run>#PARKED              <id>                   message that waits for resume
//	  BUDGET#<t>#<month>            SPEND                  a team's month, with cost and calls by provider
//
//	control    hours to days (attribute ttl), no recovery
//	  LIMIT#<key>                   LIMIT                  limiter: next free time
//	  BREAKER#<key>                 BREAKER                circuit breaker
//	  HEALTH#<provider>             <start of 5 min>       what came of calls to it
//	  TOKEN#<t>#<key>               TOKEN                  a provider's access token, sealed
//	  CACHE#<t>#<hash>              CACHE                  a provider's answer, sealed
//	  IDEM#<t>#<key>                IDEM                   Idempotency-Key of an API write
//
// One S3 bucket holds what only stages read, sealed under the team's data key:
//
//	runs/<run>/plan.jsonl           one line per discovery shard (not sealed, no personal data)
//	runs/<run>/profile              ICP, calibration, thresholds: what scoring needs
//	runs/<run>/chunks/<chunk>       rows as discovered; one object is one child execution
//	runs/<run>/work/<chunk>/<step>  rows after each step
//	runs/<run>/retry/<n>/<chunk>    rows with which the n-th attempt takes a chunk up again
//	runs/<run>/work/<chunk>/meaning similarities that were paid for, until they are in the receipts
//	runs/<run>/push/<crm>/<chunk>   push receipts
//	answers/<run>/<chunk>/<turn>-<provider>  answers that a turn of enrichment used, 30 days
//	leads/<run>/<chunk>             rows of its leads, kept when runs/ is deleted after 90 days
//	leads/<run>/<prospect>          the same of a lead that a person made
//
// Rows are in CBOR, everything else in JSON; both are compressed before they are
// sealed.
//
// The package imports the AWS SDK, domain, fault, money, normalize, and of ratelimit,
// breaker and provider/transport what they keep here.
package store
