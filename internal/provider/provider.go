// Package provider is what Sluice asks of the outside world: one small
// interface per capability, and the [Definition] in which an adapter declares
// everything the framework needs to know about it.
//
// An adapter is a folder below this one: request builders and response parsers
// without I/O, on top of provider/transport, which every call goes through. It
// imports this package, transport, domain, fault and money, never another
// adapter. provider/catalog lists the adapters.
package provider

import (
	"context"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider/transport"
	"google.golang.org/grpc"
)

// Capability is something a provider can do. Each has an interface of its name
// in capability.go; providertest checks that declared and implemented agree.
type Capability string

// The capabilities.
const (
	CanDiscover      Capability = "Discoverer"
	CanFindPeople    Capability = "PersonFinder"
	CanEnrichPerson  Capability = "PersonEnricher"
	CanEnrichCompany Capability = "CompanyEnricher"
	CanFindEmail     Capability = "EmailFinder"
	CanVerifyEmail   Capability = "EmailVerifier"
	CanEmbed         Capability = "Embedder"
	CanIndexVectors  Capability = "VectorIndex"
	CanPush          Capability = "CRM"
)

// Status says whether an adapter may be chosen for a new campaign.
type Status string

// The statuses of a provider.
const (
	Active     Status = "active"
	Restricted Status = "restricted" // needs partner access
	Retired    Status = "retired"
)

// Definition is what an adapter declares about its provider. From it come,
// with no further edit: limiter and breaker keys, the secret's name, the
// base-URL override, the price of a plan, and docs/providers.md.
type Definition struct {
	Name         string // lower case, the folder's name, for example "googleplaces"
	DisplayName  string
	Docs         string // vendor's documentation
	Capabilities []Capability
	Auth         transport.Auth
	SecretFields []string // keys of the JSON secret; the first is the API key
	BaseURL      string   // default; SLUICE_<NAME>_BASE_URL overrides it
	Quotas       []Quota  // by operation; the adapter's operations are the keys of Prices.Operations
	Prices       money.Table
	Terms        Terms
	Status       Status
	// RepeatFree: the provider does not charge again for a question it already
	// answered in the same billing period, so an unclear call may be repeated.
	RepeatFree bool
}

// Keys of a price table that stages need to know, by capability. An adapter's
// other operations are its own.
const (
	OpDiscover     = "discover"
	OpFindPeople   = "find_people"
	OpEnrichPerson = "enrich_person"
	OpFindEmail    = "find_email"
	OpVerifyEmail  = "verify_email"
	OpEmbed        = "embed" // a unit is one million tokens
)

// Operation is the name of a priced call, "hunter.find_email": the provider's
// name, a dot, and a key of its price table.
func (d Definition) Operation(key string) string { return d.Name + "." + key }

// Quota is a documented rate of a group of operations that share one limit.
type Quota struct {
	Group      string        // limiter key below the provider: "search", "match"
	Operations []string      // keys of Prices.Operations
	Rate       int           // calls ...
	Per        time.Duration // ... in this time
	Burst      int           // calls that may come at once; at least 1
	Note       string        // source and confidence
}

// Terms is what a provider's terms of use allow; package compliance enforces it.
type Terms struct {
	MayStore  bool          // keep the answers at all
	StoreFor  time.Duration // how long; zero with MayStore: no limit stated
	MayScore  bool
	MayExport bool // push to a CRM or a file
	MayJoin   bool // combine with other providers' data
	KeepIDs   bool // the provider's own ids may be kept even where answers may not
	Source    string
}

// Deps is what an adapter is built from.
type Deps struct {
	Transport *transport.Client // carries base URL, auth, limiter, breaker
	Settings  Settings
	Now       func() time.Time
	// GRPC are further dial options for an adapter on a gRPC SDK, after those of
	// Transport.
	GRPC []grpc.DialOption
}

// Settings are an adapter's own settings, from SLUICE_<NAME>_<KEY>, with
// lower-case keys: "version", "index_host", "model".
type Settings map[string]string

// Or returns the setting, or a default if it is not set.
func (s Settings) Or(key, def string) string {
	if v := s[key]; v != "" {
		return v
	}
	return def
}

// Usage is what one answer cost. Cost is what the provider's rules say was
// charged, zero for a miss that is free.
type Usage struct {
	Op   string // key of the price table
	Cost money.Micro
	Took time.Duration
}

// Discoverer finds prospects page by page.
type Discoverer interface {
	// Discover returns the page at cursor; "" is the first. The page's Next is
	// "" at the end. Prospects come without team-dependent ID.
	Discover(ctx context.Context, q Query, cursor string) (Page, error)
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

// PersonFinder finds people at one company, for companies discovered without any.
type PersonFinder interface {
	FindPeople(ctx context.Context, companyDomain string, q Query) ([]domain.Prospect, Usage, error)
}

// PersonEnricher completes a person: identity, work e-mail, employer. A person
// that the provider does not know is Found false, not an error. The returned
// prospect holds only what the provider said; merging is the caller's.
type PersonEnricher interface {
	EnrichPerson(ctx context.Context, p domain.Prospect) (PersonAnswer, error)
}

// PersonAnswer is the answer to one [PersonEnricher] question.
type PersonAnswer struct {
	Found    bool
	Prospect domain.Prospect
	Usage    Usage
}

// CompanyEnricher completes a company by its source id or domain.
type CompanyEnricher interface {
	EnrichCompany(ctx context.Context, p domain.Prospect) (PersonAnswer, error)
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

// EmailVerifier tells whether an address can receive mail. A check that is
// still running is a fault Unavailable with RetryAfter.
type EmailVerifier interface {
	VerifyEmail(ctx context.Context, email string) (Verification, error)
}

// Verification is the answer of an [EmailVerifier].
type Verification struct {
	Status domain.EmailStatus
	Reason string // the provider's word for it
	Usage  Usage
}

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
