// Package api is the HTTP API under /api/v1: campaigns, their prospects, ICPs
// and the do-not-contact list. Its OpenAPI 3.1 description is generated from
// the code and served at /api/v1/openapi.json; errors are RFC 9457 problems.
//
// Whoever calls is known by an API key, and the key names the team: no request
// can name another. It imports domain, fault, money, provider, store and task.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
)

// Version is the API's version, as its description says.
const Version = "1.0.0"

// Campaigns is what the API needs of the store for campaigns and runs.
type Campaigns interface {
	PutICP(ctx context.Context, team string, icp domain.ICP) error
	ICP(ctx context.Context, team, id string) (domain.ICP, error)
	ICPs(ctx context.Context, team string) ([]domain.ICP, error)
	PutCampaign(ctx context.Context, c domain.Campaign) error
	Campaign(ctx context.Context, team, id string) (domain.Campaign, error)
	Campaigns(ctx context.Context, team string) ([]domain.Campaign, error)
	CreateRun(ctx context.Context, r domain.Run) error
	Run(ctx context.Context, ref domain.Ref) (domain.Run, error)
	RetryRun(ctx context.Context, ref domain.Ref, attempt int) error
	Profile(ctx context.Context, team, run string, profile any) error
	SetRunStatus(ctx context.Context, ref domain.Ref, to domain.RunStatus, reason string, from ...domain.RunStatus) error
	Ledger(ctx context.Context, ref domain.Ref) (store.Ledger, error)
	RaiseCap(ctx context.Context, ref domain.Ref, limit money.Micro) error
	Parked(ctx context.Context, ref domain.Ref) ([]store.Parked, error)
	Unpark(ctx context.Context, ref domain.Ref, id string) (bool, error)
}

// Prospects is what the API needs of the store for prospects and leads.
type Prospects interface {
	List(ctx context.Context, team, campaign string, shards int, f store.Filter) ([]store.Listed, string, error)
	CountListed(ctx context.Context, team, campaign string, shards int, f store.Filter) (int, error)
	ProspectClaim(ctx context.Context, team, prospectID string) (store.Claim, error)
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	AddLater(ctx context.Context, team, key string, prospectIDs []string) error
	ClaimLead(ctx context.Context, l domain.Lead) (domain.Lead, error)
	SaveConversion(ctx context.Context, ref domain.Ref, prospectID string, from domain.State) error
	MarkConverted(ctx context.Context, ref domain.Ref, shards int, l domain.Lead, p domain.Prospect) error
	Suppress(ctx context.Context, team, value string) error
	Unsuppress(ctx context.Context, team, value string) error
	Suppression(ctx context.Context, team string) (*store.Suppression, error)
}

// Access is what the API needs of the store to know its callers.
type Access interface {
	APIKeyOf(ctx context.Context, secret string) (store.APIKey, error)
	Idempotent(ctx context.Context, team, key, fingerprint string, make func(seed string) ([]byte, error)) ([]byte, error)
}

// Team is what the API needs of the store to tell a team of itself.
type Team interface {
	Budget(ctx context.Context, team string) (store.Budget, error)
	Month(ctx context.Context, team string) (store.Spend, error)
	Learned(ctx context.Context, team string) (domain.Experiences, error)
}

// Machine starts runs and sends messages.
type Machine interface {
	Start(ctx context.Context, machine, name string, input any) error
	Send(ctx context.Context, queueURL string, body []byte, delay time.Duration) error
}

// Keys tells whether a provider is connected.
type Keys interface {
	Fields(ctx context.Context, provider string, refresh bool) (map[string]string, error)
	Name(provider string) string
}

// Options make an API. All fields are required.
type Options struct {
	Campaigns   Campaigns
	Prospects   Prospects
	Access      Access
	Team        Team
	Cache       Cache
	Machine     Machine
	Keys        Keys
	Connections Connections
	OnDemand    OnDemand
	Batches     Batches
	Health      Health
	Breakers    Breakers

	StateMachine string                         // ARN
	Queues       map[string]string              // URL by name
	Providers    map[string]provider.Definition // the catalog
	Waterfall    []string                       // enrichers, in order
	CRMs         []string
	Embedder     string

	NewID func() string // UUIDs
	Now   func() time.Time
	Log   *slog.Logger
}

// server holds the operations.
type server struct{ Options }

// New returns the API's handler.
func New(opts Options) http.Handler {
	s := &server{opts}
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Sluice", Version)
	config.OpenAPIPath = "/api/v1/openapi"
	config.DocsPath = "" // the page that huma serves loads scripts from elsewhere
	config.SchemasPath = "/api/v1/schemas"
	config.CreateHooks = nil // no "$schema" member in bodies
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key, sk_..."},
	}
	config.Security = []map[string][]string{{"key": {}}}
	a := humago.New(mux, config)
	a.UseMiddleware(s.authenticate(a))
	s.registerICPs(a)
	s.registerCampaigns(a)
	s.registerProspects(a)
	s.registerTeam(a)
	s.registerCache(a)
	s.registerProviders(a)
	s.registerEnrichment(a)
	s.registerBatches(a)
	s.registerHealth(a)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if methods := allowed(mux, r); len(methods) > 0 {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			writeProblem(w, http.StatusMethodNotAllowed, "this path takes "+strings.Join(methods, ", "))
			return
		}
		writeProblem(w, http.StatusNotFound, "there is nothing at this path; GET /api/v1/openapi.json lists what there is")
	})
	return limitBody(s.recover(mux))
}

// allowed lists the methods that a request's path takes. The mux would say so
// itself if it had no handler for everything else.
func allowed(mux *http.ServeMux, r *http.Request) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		try := r.Clone(r.Context())
		try.Method = method
		if _, pattern := mux.Handler(try); pattern != "/" {
			methods = append(methods, method)
		}
	}
	return methods
}

// maxBody is the largest request body.
const maxBody = 1 << 20

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func (s *server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				s.Log.ErrorContext(r.Context(), "panic", "path", r.URL.Path, "cause", p)
				writeProblem(w, http.StatusInternalServerError, "something went wrong on our side; the log has the details")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
	if err != nil {
		body = []byte(`{"status":500}`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hung up is not our error
}
