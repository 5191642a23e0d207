package lusha

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// CreditPrice is what one credit costs. Lusha publishes no price: this is ours.
const CreditPrice money.Micro = 100_000

// Options of the simulator. The zero value works.
type Options struct {
	Credits int         // of the account; zero: ten million
	Price   money.Micro // of one credit; zero: [CreditPrice]
	// SearchPer is for how many results one credit of search is good; zero: 1.
	// The documents also name 25.
	SearchPer int
	Minimum   bool // a call without any result costs a credit
	Blunt     bool // one person who opted out makes the whole call a 451
	Steady    bool // no contact fails at the first attempt
}

// Server is the simulator. Make one with [New].
type Server struct {
	market  *market.Market
	source  *market.Source
	front   *upstream.Server
	key     string
	options Options
	mux     *http.ServeMux

	mu     sync.Mutex
	failed map[int]bool // profiles whose first attempt has failed
}

// New returns the simulator, which accepts the key.
func New(m *market.Market, front *upstream.Server, key string, o Options) *Server {
	if o.Credits == 0 {
		o.Credits = 10_000_000
	}
	if o.Price == 0 {
		o.Price = CreditPrice
	}
	if o.SearchPer == 0 {
		o.SearchPer = 1
	}
	s := &Server{market: m, source: m.Source("lusha"), front: front, key: key, options: o, mux: http.NewServeMux(), failed: map[int]bool{}}
	s.mux.HandleFunc("POST /v3/contacts/search-and-enrich", s.contacts)
	s.mux.HandleFunc("POST /v3/companies/search-and-enrich", s.companies)
	s.mux.HandleFunc("GET /v3/account/usage", s.usage)
	return s
}

// Quotas are the published limits: 25 a second, 5 a minute for the account's
// usage. Of the limits by plan only an example for a day is published; minutes
// and hours are counted, not limited.
func Quotas() map[string][]upstream.Window {
	return map[string][]upstream.Window{
		"api":     {{Rate: 25, Per: time.Second}, {Per: time.Minute}, {Per: time.Hour}, {Rate: 5_000, Per: 24 * time.Hour}},
		"account": {{Rate: 5, Per: time.Minute}},
	}
}

const usagePath = "/v3/account/usage"

// Group implements the grouping of [upstream.Server]: a request with a wrong key
// counts against no limit.
func (s *Server) Group(r *http.Request) string {
	switch {
	case r.Header.Get("api_key") != s.key:
		return ""
	case r.URL.Path == usagePath:
		return "account"
	}
	return "api"
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("api_key") != s.key {
		fail(w, http.StatusUnauthorized, "Invalid API key")
		return
	}
	limitHeaders(w, r)
	if _, pattern := s.mux.Handler(r); pattern == "" {
		fail(w, http.StatusNotFound, "Cannot "+r.Method+" "+r.URL.Path)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Throttled implements [upstream.Handler]: a 429 that tells the windows, but not
// how long to wait.
func (s *Server) Throttled(w http.ResponseWriter, r *http.Request) {
	limitHeaders(w, r)
	fail(w, http.StatusTooManyRequests, "Too many requests. Please wait before making another request.")
}

// Failed answers a server error in Lusha's envelope.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	fail(w, status, "Internal server error. Please try again later.")
}

func windowName(per time.Duration) string {
	switch per { //nolint:exhaustive // other windows have no name
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hourly"
	case 24 * time.Hour:
		return "daily"
	}
	return ""
}

// limitHeaders tells the windows that the plan limits; that of a second has no
// header.
func limitHeaders(w http.ResponseWriter, r *http.Request) {
	for _, u := range upstream.LimitsOf(r).Windows {
		name := windowName(u.Per)
		if name == "" || u.Rate == 0 {
			continue
		}
		w.Header().Set("x-rate-limit-"+name, strconv.Itoa(u.Rate))
		w.Header().Set("x-"+name+"-requests-left", strconv.Itoa(u.Left()))
		w.Header().Set("x-"+name+"-usage", strconv.Itoa(u.Used))
	}
}

func (s *Server) usage(w http.ResponseWriter, _ *http.Request) {
	now := time.Now().UTC()
	windows := map[string]any{}
	for _, u := range s.front.Usage("api") {
		switch name := windowName(u.Per); {
		case name == "":
		case u.Rate == 0:
			windows[name] = map[string]any{}
		default:
			windows[name] = map[string]any{
				"limit": u.Rate, "used": u.Used, "remaining": u.Left(), "resetsAt": now.Add(u.ResetIn).Format("2006-01-02T15:04:05.000Z"),
			}
		}
	}
	used := s.used()
	start := time.Date(now.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	reply(w, http.StatusOK, map[string]any{
		"credits":    map[string]int{"total": s.options.Credits, "used": used, "remaining": max(0, s.options.Credits-used)},
		"rateLimits": windows,
		"plan":       map[string]any{"category": "scale", "renewalType": "annual", "startDate": start, "endDate": start.AddDate(1, 0, 0)},
		"pricing": map[string]any{
			"revealEmail": map[string]int{"credits": emailCredits, "perQuantity": 1},
			"revealPhone": map[string]int{"credits": phoneCredits, "perQuantity": 1},
		},
	})
}

func fail(w http.ResponseWriter, status int, message string, problems ...string) {
	body := map[string]any{"statusCode": status, "message": message}
	if len(problems) > 0 {
		body["errors"] = problems
	}
	reply(w, status, body)
}

// reply sends a value of this package's own types, which always encode.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
