package clearbit

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// LookupPrice is what a lookup costs. Prices are not published: it is ours.
const LookupPrice money.Micro = 100_000

// The operations under which lookups are charged.
const (
	OpPerson     = "person"
	OpCombined   = "combined"
	OpCompany    = "company"
	OpProspector = "prospector"
)

// Options of the simulator. The zero value works.
type Options struct {
	Credits int         // lookups of the billing period; zero: ten million
	Price   money.Micro // of one lookup; zero: [LookupPrice]
	Prompt  bool        // everything was looked at lately: no 202
}

// Server is the simulator. Make one with [New].
type Server struct {
	market  *market.Market
	source  *market.Source
	front   *upstream.Server
	key     string
	credits int
	price   money.Micro
	prompt  bool
	results market.Results

	mu    sync.Mutex
	ready map[string]time.Time // when a queued lookup is or was done
}

// New returns the simulator, which accepts the key.
func New(m *market.Market, front *upstream.Server, key string, o Options) *Server {
	s := &Server{
		market: m, source: m.Source("clearbit"), front: front, key: key, credits: o.Credits, price: o.Price, prompt: o.Prompt,
		ready: map[string]time.Time{},
	}
	if s.credits == 0 {
		s.credits = 10_000_000
	}
	if s.price == 0 {
		s.price = LookupPrice
	}
	return s
}

// Hosts are the host names that it answers on.
func Hosts() []string {
	return []string{"person.clearbit.com", "company.clearbit.com", "prospector.clearbit.com"}
}

// Quotas are 600 calls a minute for each product.
func Quotas() map[string][]upstream.Window {
	out := map[string][]upstream.Window{}
	for _, product := range []string{"person", "company", "prospector"} {
		out[product] = []upstream.Window{{Rate: 600, Per: time.Minute}}
	}
	return out
}

// route is the product that a path belongs to and what it does.
func (s *Server) route(r *http.Request) (product string, serve http.HandlerFunc) {
	switch r.URL.Path {
	case "/v2/people/find":
		product, serve = "person", s.person
	case "/v2/combined/find":
		product, serve = "person", s.combined
	case "/v2/companies/find":
		product, serve = "company", s.company
	case "/v1/people/search":
		product, serve = "prospector", s.search
	}
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	// On a host of its own a product has only its own paths. On any other, a
	// loopback address, all products share one.
	if strings.HasSuffix(host, ".clearbit.com") && host != product+".clearbit.com" || r.Method != http.MethodGet {
		return "", nil
	}
	return product, serve
}

// Group implements the grouping of [upstream.Server]. A wrong key and a wrong
// path count against no limit.
func (s *Server) Group(r *http.Request) string {
	if s.authorized(r) != "" {
		return ""
	}
	product, _ := s.route(r)
	return product
}

// authorized returns the type of error of a request's key; "" for the right one.
func (s *Server) authorized(r *http.Request) string {
	user, password, basic := r.BasicAuth()
	bearer, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case basic && user == s.key && password == "", isBearer && bearer == s.key:
		return ""
	case basic, isBearer:
		return "invalid_api_key"
	}
	return "auth_required"
}

// ServeHTTP implements [http.Handler]. The path is checked before the key, and
// the key before the parameters, as the live hosts do.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	product, serve := s.route(r)
	if serve == nil {
		fail(w, http.StatusNotFound, "unknown_route", "Sorry, that route can not be found.")
		return
	}
	s.limitHeaders(w, product)
	switch problem := s.authorized(r); problem {
	case "":
		serve(w, r)
	case "auth_required":
		fail(w, http.StatusUnauthorized, problem, "Authentication is required for this action.")
	default:
		fail(w, http.StatusUnauthorized, problem, "Invalid API key provided")
	}
}

// limitHeaders tells the limits, with a 401 too; never Retry-After.
func (s *Server) limitHeaders(w http.ResponseWriter, product string) {
	for _, u := range s.front.Usage(product) {
		w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(u.Rate))
		w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(u.Left()))
		w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(u.ResetIn).Unix(), 10))
	}
	version := "2019-12-19"
	if product == "prospector" {
		version = "2018-11-16"
	}
	w.Header().Set("X-Api-Version", version)
}

// Throttled implements [upstream.Handler]. The body is unconfirmed: here it is
// the list that the official client also reads.
func (s *Server) Throttled(w http.ResponseWriter, r *http.Request) {
	product, _ := s.route(r)
	s.limitHeaders(w, product)
	reply(w, http.StatusTooManyRequests, []problem{{"rate_limit", "The request has been rate limited."}})
}

// Failed answers a server error in the envelope.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	fail(w, status, "api_error", "Something went wrong on our side.")
}

// counted makes sure that a lookup is on the bill, once in a period, before it
// is answered with 200, 202 or 404. It answers itself if the plan is used up;
// how the provider says that is unconfirmed, this is its 402.
func (s *Server) counted(w http.ResponseWriter, op, question string) bool {
	key := time.Now().UTC().Format("2006-01") + "|" + question
	used := 0
	for _, each := range []string{OpPerson, OpCombined, OpCompany, OpProspector} {
		used += s.front.Charges(each)
	}
	if s.front.Charged(op, key) == 0 && used >= s.credits {
		fail(w, http.StatusPaymentRequired, "over_quota", "You have used up the lookups of your plan.")
		return false
	}
	if _, err := s.front.ChargeOnce(op, key, s.price); err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return false
	}
	return true
}

type problem struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func fail(w http.ResponseWriter, status int, kind, message string) {
	reply(w, status, map[string]problem{"error": {kind, message}})
}

// reply sends a value of this package's own types, which always encode.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
