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
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider/transport"
	"google.golang.org/grpc"
)

// Capability is something a provider can do. Each has an interface of its name
// in capability.go; providertest checks that declared and implemented agree.
type Capability string

// The capabilities.
const (
	CanDiscover         Capability = "Discoverer"
	CanFindCompanies    Capability = "CompanyFinder"
	CanFindPeople       Capability = "PersonFinder"
	CanEnrichPerson     Capability = "PersonEnricher"
	CanEnrichCompany    Capability = "CompanyEnricher"
	CanFindPhone        Capability = "PhoneFinder"
	CanFindTechnologies Capability = "TechnologyFinder"
	CanFindIntent       Capability = "IntentFinder"
	CanFindEmail        Capability = "EmailFinder"
	CanVerifyEmail      Capability = "EmailVerifier"
	CanVerifyInBulk     Capability = "BulkVerifier"
	CanReadAccount      Capability = "AccountReader"
	CanAddToSequence    Capability = "Sequencer"
	CanEmbed            Capability = "Embedder"
	CanIndexVectors     Capability = "VectorIndex"
	CanPush             Capability = "CRM"
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
	// Hosts are further base URLs, for a provider with more than one; the
	// setting <key>_base_url overrides each.
	Hosts map[string]string
	// Offers are the questions about one prospect that the provider answers, by
	// operation.
	Offers map[string]Offer
	Quotas []Quota // by operation; the adapter's operations are the keys of Prices.Operations
	Prices money.Table
	Terms  Terms
	Status Status
	// Timeout of one attempt; zero: 20 s.
	Timeout time.Duration
	// RepeatFree: the provider does not charge again for a question it already
	// answered in the same billing period, so an unclear call may be repeated.
	RepeatFree bool
}

// Keys of a price table that stages need to know, by capability. An adapter's
// other operations are its own.
const (
	OpDiscover         = "discover"
	OpFindCompanies    = "find_companies"
	OpFindPeople       = "find_people"
	OpEnrichPerson     = "enrich_person"
	OpEnrichCompany    = "enrich_company"
	OpFindPhone        = "find_phone"
	OpFindTechnologies = "find_technologies"
	OpFindIntent       = "find_intent"
	OpFindEmail        = "find_email"
	OpVerifyEmail      = "verify_email"
	OpVerifyInBulk     = "verify_in_bulk" // a unit is one address
	OpReadAccount      = "read_account"
	OpAddToSequence    = "add_to_sequence"
	OpEmbed            = "embed" // a unit is one million tokens
)

// Operation is the name of a priced call, "hunter.find_email": the provider's
// name, a dot, and a key of its price table.
func (d Definition) Operation(key string) string { return d.Name + "." + key }

// Offer is one question that a provider answers about a prospect: what the
// answer may bring, and by what the prospect must be known.
type Offer struct {
	Gives []domain.Field
	By    []Identity // any one of them will do, the best first
	Batch int        // most prospects of one call; zero: 1
	// Interactive: only for what a person is looking at. A list must not be
	// walked through with it.
	Interactive bool
}

// Identity is something by which a provider knows a prospect.
type Identity string

// The identities.
const (
	ByID            Identity = "id"      // the provider's own id of the person or company
	ByEmail         Identity = "email"   // of the person
	ByProfile       Identity = "profile" // of the person, at LinkedIn
	ByNameAtDomain  Identity = "name at domain"
	ByNameAtCompany Identity = "name at company"
	ByDomain        Identity = "domain"       // of the company
	ByCompanyName   Identity = "company name" // alone
)

// Identity returns the best identity by which the provider can be asked an
// operation about a prospect; "" if there is none.
func (d Definition) Identity(op string, p domain.Prospect) Identity {
	for _, by := range d.Offers[op].By {
		if d.knows(by, p) {
			return by
		}
	}
	return ""
}

func (d Definition) knows(by Identity, p domain.Prospect) bool {
	whole := p.Person.FirstName != "" && p.Person.LastName != ""
	switch by {
	case ByID:
		return d.ID(p) != ""
	case ByEmail:
		return p.Contact.Email != ""
	case ByProfile:
		_, ok := normalize.LinkedInSlug(p.Person.ProfileURL)
		return ok
	case ByNameAtDomain:
		return whole && p.Company.Domain != ""
	case ByNameAtCompany:
		return whole && p.Company.Name != ""
	case ByDomain:
		return p.Company.Domain != ""
	case ByCompanyName:
		return p.Company.Name != ""
	}
	return false
}

// ID is the provider's own id of a prospect; "" if it is not known.
func (d Definition) ID(p domain.Prospect) string {
	if id := p.Refs[d.Name]; id != "" || p.Source != d.Name {
		return id
	}
	return p.ProfileID
}

// BatchOf is how many prospects one call of an operation may be about.
func (d Definition) BatchOf(op string) int { return max(d.Offers[op].Batch, 1) }

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
