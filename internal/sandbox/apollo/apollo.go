package apollo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// CreditPrice is what one credit costs: Basic is 49 dollars for 2,500 credits
// (plan page as read in August 2026; the credits are our reading).
const CreditPrice money.Micro = 19_600

// The operations under which calls are charged.
const (
	OpMatch        = "match"        // a person, single or in bulk
	OpOrganization = "organization" // a company, single or in bulk
	OpCompanies    = "companies"    // a page of the company search
)

// Options of the simulator. The zero value works.
type Options struct {
	Credits int         // of the billing cycle; zero: ten million
	Price   money.Micro // of one credit; zero: [CreditPrice]
}

// Server is the simulator. Make one with [New].
type Server struct {
	market  *market.Market
	source  *market.Source
	front   *upstream.Server
	key     string
	credits int
	price   money.Micro
	mux     *http.ServeMux
	results market.Results

	mu       sync.Mutex
	contacts map[string]*contact // by id
}

// New returns the simulator, which accepts the key.
func New(m *market.Market, front *upstream.Server, key string, o Options) *Server {
	s := &Server{market: m, source: m.Source("apollo"), front: front, key: key, credits: o.Credits, price: o.Price, mux: http.NewServeMux(), contacts: map[string]*contact{}}
	if s.credits == 0 {
		s.credits = 10_000_000
	}
	if s.price == 0 {
		s.price = CreditPrice
	}
	s.mux.HandleFunc("POST /api/v1/mixed_people/api_search", s.search)
	s.mux.HandleFunc("POST /api/v1/people/match", s.match)
	s.mux.HandleFunc("POST /api/v1/people/bulk_match", s.bulkMatch)
	s.mux.HandleFunc("GET /api/v1/organizations/enrich", s.organizationEnrich)
	s.mux.HandleFunc("POST /api/v1/organizations/bulk_enrich", s.organizationsEnrich)
	s.mux.HandleFunc("POST /api/v1/mixed_companies/search", s.companySearch)
	s.mux.HandleFunc("POST /api/v1/contacts", s.saveContact)
	s.mux.HandleFunc("POST /api/v1/emailer_campaigns/{sequence}/add_contact_ids", s.addToSequence)
	s.mux.HandleFunc("POST /api/v1/usage_stats/api_usage_stats", s.apiUsage)
	s.mux.HandleFunc("POST /api/v1/usage_stats/credit_usage_stats", s.creditUsage)
	s.mux.HandleFunc("GET /api/v1/users/api_profile", s.profile)
	return s
}

// endpoint is one that has limits of its own.
type endpoint struct {
	group string // of the limits
	name  string // controller and action, as the usage calls it
}

// endpoints are by the end of their path; all others share the group "other".
var endpoints = map[string]endpoint{
	"/mixed_people/api_search":     {"search", `["api/v1/mixed_people", "api_search"]`},
	"/people/match":                {"match", `["api/v1/people", "match"]`},
	"/people/bulk_match":           {"bulk", `["api/v1/people", "bulk_match"]`},
	"/organizations/enrich":        {"organization", `["api/v1/organizations", "enrich"]`},
	"/organizations/bulk_enrich":   {"organizations", `["api/v1/organizations", "bulk_enrich"]`},
	"/mixed_companies/search":      {"companies", `["api/v1/mixed_companies", "search"]`},
	"/contacts":                    {"contacts", `["api/v1/contacts", "create"]`},
	"/add_contact_ids":             {"sequences", `["api/v1/emailer_campaigns", "add_contact_ids"]`},
	"/usage_stats/api_usage_stats": {"usage", `["api/v1/usage_stats", "api_usage_stats"]`},
}

// Quotas are the limits of a paid plan, per endpoint (contract, rate limits).
func Quotas() map[string][]upstream.Window {
	enrichment := []upstream.Window{{Rate: 1_000, Per: time.Minute}, {Per: time.Hour}, {Per: 24 * time.Hour}}
	rest := []upstream.Window{{Rate: 200, Per: time.Minute}, {Rate: 400, Per: time.Hour}, {Per: 24 * time.Hour}}
	return map[string][]upstream.Window{
		"search": {{Rate: 200, Per: time.Minute}, {Rate: 6_000, Per: time.Hour}, {Rate: 50_000, Per: 24 * time.Hour}},
		"match":  enrichment, "bulk": enrichment, "organization": enrichment, "organizations": enrichment,
		"companies": rest, "contacts": rest, "sequences": rest, "usage": rest, "other": rest,
	}
}

// Group implements the grouping of [upstream.Server]: limits are per endpoint,
// and a request with a wrong key counts against none.
func (s *Server) Group(r *http.Request) string {
	if r.Header.Get("X-Api-Key") != s.key {
		return ""
	}
	for path, e := range endpoints {
		if strings.HasSuffix(r.URL.Path, path) {
			return e.group
		}
	}
	return "other"
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch key := r.Header.Get("X-Api-Key"); {
	case key == "":
		// Without any key the answer is plain text (contract, errors).
		http.Error(w, "Invalid access credentials.", http.StatusUnauthorized)
		return
	case key != s.key:
		reply(w, http.StatusUnauthorized, map[string]any{
			"error": "Invalid API key.",
			"error_details": map[string]any{
				"code": "AUTH.AUTHENTICATION.API_KEY_INVALID", "message": "This API key is not valid.",
				"suggestions": []any{map[string]any{"label": "Send a valid key", "header": "X-Api-Key"}}, "context": map[string]any{},
			},
		})
		return
	}
	s.limitHeaders(w, r)
	s.mux.ServeHTTP(w, r)
}

// Throttled implements [upstream.Handler]: 429 with retry-after in seconds.
func (s *Server) Throttled(w http.ResponseWriter, r *http.Request) {
	s.limitHeaders(w, r)
	limits := upstream.LimitsOf(r)
	rate, per := 0, "minute"
	for _, u := range limits.Windows {
		if u.Rate > 0 && u.Used >= u.Rate {
			rate, per = u.Rate, windowName(u.Per)
		}
	}
	wait := max(time.Second, limits.RetryAfter)
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	reply(w, http.StatusTooManyRequests, map[string]any{
		"message": fmt.Sprintf("The maximum number of api calls allowed for %s is %d times per %s. Please upgrade your plan.", r.URL.Path, rate, per),
	})
}

func windowName(per time.Duration) string {
	switch {
	case per <= time.Minute:
		return "minute"
	case per <= time.Hour:
		return "hour"
	}
	return "day"
}

// limitHeaders: an unlimited window sends an empty limit header.
func (s *Server) limitHeaders(w http.ResponseWriter, r *http.Request) {
	for _, u := range upstream.LimitsOf(r).Windows {
		limit, usage := "x-rate-limit-minute", "minute"
		switch windowName(u.Per) {
		case "hour":
			limit, usage = "x-rate-limit-hourly", "hourly"
		case "day":
			limit, usage = "x-rate-limit-24-hour", "24-hour"
		}
		value, left := "", ""
		if u.Rate > 0 {
			value, left = strconv.Itoa(u.Rate), strconv.Itoa(u.Left())
		}
		w.Header().Set(limit, value)
		w.Header().Set("x-"+usage+"-usage", strconv.Itoa(u.Used))
		w.Header().Set("x-"+usage+"-requests-left", left)
	}
}

func (s *Server) apiUsage(w http.ResponseWriter, _ *http.Request) {
	out := map[string]any{}
	for _, e := range endpoints {
		windows := map[string]any{}
		for _, u := range s.front.Usage(e.group) {
			windows[windowName(u.Per)] = counter(u.Rate, u.Used, u.Left())
		}
		out[e.name] = windows
	}
	reply(w, http.StatusOK, out)
}

func counter(limit, consumed, left int) map[string]int {
	return map[string]int{"limit": limit, "consumed": consumed, "left_over": left}
}

// used is the number of credits used in the cycle.
func (s *Server) used() int {
	return s.front.Charges(OpMatch) + s.front.Charges(OpOrganization) + s.front.Charges(OpCompanies)
}

// bill takes one credit. What is asked again is charged again.
func (s *Server) bill(w http.ResponseWriter, op, key string) bool {
	if err := s.front.Charge(op, key, s.price); err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return false
	}
	return true
}

func (s *Server) creditUsage(w http.ResponseWriter, _ *http.Request) {
	used := s.used()
	start := time.Now().UTC()
	start = time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, time.UTC)
	reply(w, http.StatusOK, map[string]any{
		"credit_usage_stats": map[string]any{
			"lead_credit":        counter(s.credits, used, max(0, s.credits-used)),
			"direct_dial_credit": counter(0, 0, 0),
		},
		"current_credit_cycle": map[string]string{"start_date": start.Format(time.RFC3339), "end_date": start.AddDate(0, 1, 0).Format(time.RFC3339)},
	})
}

func (s *Server) profile(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{
		"id": "64a7ff0cc4dfae00013d0001", "first_name": "Practice", "last_name": "Account", "email": "practice@sluice.example", "team_id": "64a7ff0cc4dfae00013d0002",
	})
}

// refuse answers 422 in the older form.
func refuse(w http.ResponseWriter, message string) {
	reply(w, http.StatusUnprocessableEntity, map[string]string{"error": message})
}

// reply sends a value of this package's own types, which always encode.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
