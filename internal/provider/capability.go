package provider

import (
	"context"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
)

// Usage is what one answer cost. Cost is what the provider's rules say was
// charged, zero for a miss that is free.
type Usage struct {
	Op   string // key of the price table
	Cost money.Micro
	Took time.Duration
}

// Answer is what a provider said about one prospect. A prospect that it does
// not know is Found false, not an error. Prospect holds only what the provider
// said; merging is the caller's.
type Answer struct {
	Found    bool
	Prospect domain.Prospect
	// Usage of this answer alone: those of a batch add up to what the call cost.
	Usage Usage
	// Sale is what was sold, where the provider sells a record once; zero if each
	// answer is charged by itself.
	Sale Sale
	// Err is why this one of a batch has no answer, a fault; nil if it has one.
	Err error
}

// Sale is a record that a provider sells once: found again, by whatever question,
// it is free.
type Sale struct {
	Record string        // the provider's id
	Free   time.Duration // at least so long after it was sold
}

// Discoverer finds prospects page by page.
type Discoverer interface {
	// Discover returns the page at cursor; "" is the first. The page's Next is
	// "" at the end. Prospects come without team-dependent ID.
	Discover(ctx context.Context, q Query, cursor string) (Page, error)
}

// CompanyFinder finds companies page by page, as [Discoverer] does people.
type CompanyFinder interface {
	FindCompanies(ctx context.Context, q Query, cursor string) (Page, error)
}

// Query is what to look for. Empty lists do not restrict.
type Query struct {
	Titles     []string
	Sizes      []string // employee ranges: "51-200"
	Locations  []string
	Industries []string
	Keywords   []string
	PageSize   int // zero: the provider's maximum
}

// Page is one page of a discovery.
type Page struct {
	Prospects []domain.Prospect
	Next      string
	Total     int // how many the provider says there are in all; zero: it does not say
	Usage     Usage
}

// PersonFinder finds people at one company, for companies discovered without
// any and for the addresses known at a domain.
type PersonFinder interface {
	FindPeople(ctx context.Context, companyDomain string, q Query) ([]domain.Prospect, Usage, error)
}

// PersonEnricher completes people: identity, work e-mail, employer.
//
// Like the other capabilities about prospects it takes at most
// [Definition.BatchOf] of them, each known by one of the offer's identities,
// and returns one answer for each, in order. Its error is for the call as a
// whole, and a prospect without identity is one: InvalidInput.
type PersonEnricher interface {
	EnrichPeople(ctx context.Context, people []domain.Prospect) ([]Answer, error)
}

// CompanyEnricher completes companies: size, industry, revenue, place.
type CompanyEnricher interface {
	EnrichCompanies(ctx context.Context, companies []domain.Prospect) ([]Answer, error)
}

// PhoneFinder finds people's telephone numbers.
type PhoneFinder interface {
	FindPhones(ctx context.Context, people []domain.Prospect) ([]Answer, error)
}

// TechnologyFinder finds what software companies use.
type TechnologyFinder interface {
	FindTechnologies(ctx context.Context, companies []domain.Prospect) ([]Answer, error)
}

// IntentFinder finds signs that companies are about to buy: signals of the kind
// "intent".
type IntentFinder interface {
	FindIntent(ctx context.Context, companies []domain.Prospect) ([]Answer, error)
}

// EmailFinder finds a person's work address.
type EmailFinder interface {
	FindEmail(ctx context.Context, q EmailQuery) (EmailAnswer, error)
}

// EmailQuery names a person at a domain.
type EmailQuery struct{ FirstName, LastName, Domain string }

// EmailAnswer is the answer to one [EmailFinder] question.
type EmailAnswer struct {
	Found      bool
	Email      string
	Confidence float64            // 0..1
	Status     domain.EmailStatus // as far as the finder says
	Usage      Usage
}

// EmailVerifier tells whether addresses can receive mail: at most
// [Definition.BatchOf] of them in one call, one verdict for each, in order. A
// check that is still running is a fault Unavailable with RetryAfter.
type EmailVerifier interface {
	VerifyEmails(ctx context.Context, emails []string) ([]Verification, error)
}

// Verification is the verdict on one address.
type Verification struct {
	Status domain.EmailStatus
	Reason string // the provider's word for it
	Usage  Usage
	Err    error // why this one of a batch has no verdict, a fault
}

// BulkVerifier checks large lists in jobs that take minutes.
type BulkVerifier interface {
	// StartJob hands over addresses, each with an id of ours. The name is
	// unique: a job whose answer was lost is found again by it.
	StartJob(ctx context.Context, name string, addresses []JobAddress) (jobID string, err error)
	// FindJob returns the id of the newest job of a name; "" if there is none.
	FindJob(ctx context.Context, name string) (jobID string, err error)
	// Job tells how far a job is.
	Job(ctx context.Context, jobID string) (Job, error)
	// JobVerdicts returns a page of verdicts by our id, from 1, and whether
	// there are more. Their Usage is that of the job.
	JobVerdicts(ctx context.Context, jobID string, page int) (verdicts map[string]Verification, more bool, err error)
	// DeleteJob makes the provider forget the list.
	DeleteJob(ctx context.Context, jobID string) error
}

// JobAddress is one line of a list.
type JobAddress struct{ ID, Email string }

// Job is the state of a list's verification.
type Job struct {
	State    JobState
	Reason   string // the provider's word for the state
	Done, Of int    // addresses
}

// JobState says what to do about a job.
type JobState string

// The states of a job.
const (
	JobRunning  JobState = "running"
	JobHeld     JobState = "held" // waits for a person at the provider
	JobComplete JobState = "complete"
	JobFailed   JobState = "failed"
)

// AccountReader asks what the provider says about the account, by the cheapest
// call that needs the key: it also tells whether the key is good.
type AccountReader interface {
	ReadAccount(ctx context.Context) (Account, error)
}

// Account is what a provider says about the customer's account; zero values
// mean that it does not say.
type Account struct {
	Plan     string
	Balances []Balance
	Usage    Usage
}

// Balance is one counter of an account: credits or calls.
type Balance struct {
	Name     string  // the provider's word: "credits", "minute"
	Limit    float64 // zero: not told
	Used     float64
	Left     float64
	ResetsAt time.Time // zero: not told
}

// Sequencer enters contacts, by the provider's ids, into an outreach sequence.
// Skipped tells why a contact was left out, by id.
type Sequencer interface {
	AddToSequence(ctx context.Context, s Sequence, contactIDs []string) (skipped map[string]string, err error)
}

// Sequence names an outreach sequence and the mailbox that it sends from.
type Sequence struct{ ID, Mailbox string }

// Embedder turns texts into vectors of unit length.
type Embedder interface {
	Model() string
	// Embed returns one vector per text, in order. It splits into requests by
	// the provider's limits.
	Embed(ctx context.Context, texts []string) ([][]float32, Usage, error)
}

// VectorIndex keeps vectors by namespace (one per team).
type VectorIndex interface {
	Upsert(ctx context.Context, namespace string, vectors []Vector) (Usage, error)
	// Nearest returns up to k ids by falling similarity. Freshly upserted
	// vectors may be missing.
	Nearest(ctx context.Context, namespace string, vector []float32, k int) ([]Neighbour, Usage, error)
	Delete(ctx context.Context, namespace string, ids []string) error
}

// Vector is one entry of a [VectorIndex]. Metadata holds strings, numbers and
// booleans only and no contact data.
type Vector struct {
	ID       string
	Values   []float32
	Metadata map[string]any
}

// Neighbour is one hit of a [VectorIndex].
type Neighbour struct {
	ID    string
	Score float64
}
