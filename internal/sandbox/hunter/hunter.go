package hunter

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// CreditPrice is what one credit costs: Starter is 49 dollars for 2,000 credits
// (plan page as read in May 2026). A verification is half a credit.
const CreditPrice money.Micro = 24_500

// The operations under which calls are charged.
const (
	OpFind   = "find_email"
	OpVerify = "verify_email"
	OpSearch = "search_domain" // a charge is one credit, for one to ten addresses
)

// Options of the simulator. The zero value works.
type Options struct {
	Credits int         // of the billing period; zero: ten million
	Price   money.Micro // of one credit; zero: [CreditPrice]
	Prompt  bool        // checks are done when they are asked for: no 202 and 222
	Free    bool        // the free plan: no domain search for more than ten addresses
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
	free    bool
	mux     *http.ServeMux

	mu    sync.Mutex
	asked map[string]int // how often a check that takes its time was asked for
}

// New returns the simulator, which accepts the key.
func New(m *market.Market, front *upstream.Server, key string, o Options) *Server {
	s := &Server{
		market: m, source: m.Source("hunter"), front: front, key: key, credits: o.Credits, price: o.Price, prompt: o.Prompt, free: o.Free,
		mux: http.NewServeMux(), asked: map[string]int{},
	}
	if s.credits == 0 {
		s.credits = 10_000_000
	}
	if s.price == 0 {
		s.price = CreditPrice
	}
	s.mux.HandleFunc("GET /v2/domain-search", s.search)
	s.mux.HandleFunc("GET /v2/email-finder", s.find)
	s.mux.HandleFunc("GET /v2/email-verifier", s.verify)
	s.mux.HandleFunc("GET /v2/account", s.account)
	return s
}

// Quotas are the published limits.
func Quotas() map[string][]upstream.Window {
	return map[string][]upstream.Window{
		"search": {{Rate: 15, Per: time.Second}, {Rate: 500, Per: time.Minute}},
		"verify": {{Rate: 10, Per: time.Second}, {Rate: 300, Per: time.Minute}},
	}
}

// Group implements the grouping of [upstream.Server].
func (s *Server) Group(r *http.Request) string {
	switch {
	case s.keyOf(r) != s.key:
		return ""
	case strings.HasSuffix(r.URL.Path, "/email-finder"), strings.HasSuffix(r.URL.Path, "/domain-search"):
		return "search"
	case strings.HasSuffix(r.URL.Path, "/email-verifier"):
		return "verify"
	}
	return ""
}

// keyOf reads the key from where Hunter takes it.
func (s *Server) keyOf(r *http.Request) string {
	if k := r.Header.Get("X-API-KEY"); k != "" {
		return k
	}
	if k, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return k
	}
	return r.URL.Query().Get("api_key")
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.keyOf(r) != s.key {
		fail(w, http.StatusUnauthorized, "authentication_failed", "No user found for the API key supplied")
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		fail(w, http.StatusNotFound, "not_found", "The requested resource does not exist.")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Throttled implements [upstream.Handler]: Hunter's rate limit is a 403
// without any header.
func (s *Server) Throttled(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusForbidden, "rate_limit_reached", "You have reached the rate limit of this endpoint. Please slow down.")
}

// Failed answers a server error in Hunter's envelope.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	fail(w, status, "server_error", "Something went wrong on our side.")
}

// used is the number of credits used in the period.
func (s *Server) used() float64 {
	return float64(s.front.Charges(OpFind)) + float64(s.front.Charges(OpSearch)) + float64(s.front.Charges(OpVerify))/2
}

// solvent answers for an exhausted plan: 429, which is not the rate limit.
func (s *Server) solvent(w http.ResponseWriter, need float64, what string) bool {
	if s.used()+need <= float64(s.credits) {
		return true
	}
	fail(w, http.StatusTooManyRequests, "too_many_requests",
		"You've reached the limit for the number of "+what+" per billing period included in your plan.")
	return false
}

// charge takes credits once per question and billing period (a calendar month
// here), as Hunter does.
func (s *Server) charge(w http.ResponseWriter, op, question string, credits float64) bool {
	price := money.Price{Unit: s.price, Units: credits}.Max()
	if _, err := s.front.ChargeOnce(op, period()+"|"+question, price); err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return false
	}
	return true
}

// charged reports whether the question was paid for in this period.
func (s *Server) charged(op, question string) bool {
	return s.front.Charged(op, period()+"|"+question) > 0
}

func period() string { return time.Now().UTC().Format("2006-01") }

func (s *Server) account(w http.ResponseWriter, _ *http.Request) {
	now := time.Now().UTC()
	reset := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	searches, checks := s.front.Charges(OpFind)+s.front.Charges(OpSearch), s.front.Charges(OpVerify)
	type meter struct {
		Used      float64 `json:"used"`
		Available int     `json:"available"`
	}
	reply(w, http.StatusOK, map[string]any{"data": map[string]any{
		"first_name": "Practice", "last_name": "Account", "email": "practice@sluice.example",
		"plan_name": "Starter", "plan_level": 1, "reset_date": reset.Format("2006-01-02"), "team_id": 1,
		"calls": meter{float64(searches), s.credits},
		"requests": map[string]meter{
			"searches": {float64(searches), s.credits}, "verifications": {float64(checks), 2 * s.credits}, "credits": {s.used(), s.credits},
		},
	}})
}

func fail(w http.ResponseWriter, status int, id, details string) {
	reply(w, status, map[string]any{"errors": []any{map[string]any{"id": id, "code": status, "details": details}}})
}

func reply(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client may be gone
}
