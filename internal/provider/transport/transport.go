// Package transport is the only way to a provider: it turns a [Request] value
// into one HTTP or gRPC call with the provider's key, below its rate limit,
// behind the circuit breaker, with at most one quick retry, a cap on the body
// and a time limit, and turns the answer into a [Response] or a fault. It asks for
// access tokens where a provider wants one and meters every attempt. No key,
// token, URL query or body gets into an error or a log line.
//
// It imports ratelimit, breaker and fault, and is the only package that uses
// net/http as a client. It is NOT for retrying over time (Step Functions does
// that) and knows no provider: what differs between them is in [Options].
package transport

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/ratelimit"
)

// Auth says how a provider's key travels.
type Auth struct {
	Kind AuthKind
	Name string // header or parameter; unused for the other kinds
	// TokenURL is where [AuthClientCredentials] asks for tokens: a path below
	// the base URL or a whole URL.
	TokenURL string
}

// AuthKind is a way to send a key.
type AuthKind string

// The ways to send a key.
const (
	AuthNone   AuthKind = ""
	AuthHeader AuthKind = "header"
	AuthBearer AuthKind = "bearer"
	AuthQuery  AuthKind = "query"
	// AuthBasic sends the key as the user name, with an empty password.
	AuthBasic AuthKind = "basic"
	// AuthParameter sends the key as a field of the JSON object in the body, or
	// in the query of a request without one.
	AuthParameter AuthKind = "parameter"
	// AuthClientCredentials sends a bearer token that is asked for with the
	// first two fields of the secret, the client's id and secret (OAuth 2, RFC
	// 6749 section 4.4), and asked for again when it ends or is refused.
	AuthClientCredentials AuthKind = "client credentials"
)

// Group is operations that share one documented rate.
type Group struct {
	Name       string // part of the limiter's key: "search"
	Operations []string
	Quota      ratelimit.Quota
}

// Request is one call as a value: an adapter builds it without I/O and a test
// compares it.
type Request struct {
	Op     string // key of the provider's price table, "find_email"
	Method string
	Host   string // key of Options.Hosts; "" for the base URL
	Path   string // below the base URL, starting with a slash, not escaped
	Query  url.Values
	Header http.Header // extra headers, with canonical names, over the default Accept and Content-Type
	Body   any         // marshalled as JSON; nil for none
	// Idempotent: repeating it has no further effect and no further price, so
	// one quick retry is allowed after a network error or a 5xx.
	Idempotent bool
}

// Response is a complete answer with its body read (and capped).
type Response struct {
	Provider string // who answered, for faults
	Op       string // what was asked
	Status   int
	Header   http.Header
	Body     []byte
	At       time.Time // when it arrived
}

// Classify refines what a status means for one provider. It returns nil for an
// answer that is a success or a result ("no match"), else the error. It is
// called for every answer, 2xx included, since some providers hide errors
// there. A nil Classify means [DefaultClassify].
type Classify func(op string, resp *Response) error

// Doer is what adapters need of a [Client].
type Doer interface {
	Do(ctx context.Context, req Request) (*Response, error)
}

// Event is one attempt to call a provider, for metering.
type Event struct {
	Provider string
	Op       string
	// Status is the HTTP status, or the one that corresponds to the gRPC code;
	// zero if there was no answer or the attempt was refused before it was sent.
	Status int
	Kind   fault.Kind // "" for a success
	Took   time.Duration
}
