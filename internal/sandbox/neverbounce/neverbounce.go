package neverbounce

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// CreditPrice is what one credit costs when a thousand are bought, 2026-08-13.
const CreditPrice money.Micro = 8_000

// The operations under which calls are charged, one credit per address.
const (
	OpCheck = "verify_email"
	OpJob   = "verify_in_bulk"
)

// Options of the simulator. The zero value works.
type Options struct {
	Credits int         // bought in all; zero: ten million
	Price   money.Micro // of one credit; zero: [CreditPrice]
	// EndAs is the state in which jobs end instead of complete: under_review or
	// failed. They are not charged then.
	EndAs string
}

// Server is the simulator. Make one with [New].
type Server struct {
	market  *market.Market
	front   *upstream.Server
	key     string
	options Options

	mu   sync.Mutex
	jobs []*job // by id, from firstJob; nil once deleted
}

// New returns the simulator, which accepts the key.
func New(m *market.Market, front *upstream.Server, key string, o Options) *Server {
	if o.Credits == 0 {
		o.Credits = 10_000_000
	}
	if o.Price == 0 {
		o.Price = CreditPrice
	}
	return &Server{market: m, front: front, key: key, options: o}
}

// Quotas are the published limits of jobs, and a guess for single checks.
func Quotas() map[string][]upstream.Window {
	return map[string][]upstream.Window{
		"single": {{Rate: 60, Per: time.Minute}},
		"create": {{Rate: 10, Per: time.Hour}, {Rate: 50, Per: 24 * time.Hour}},
	}
}

// Group implements the grouping of [upstream.Server].
func (s *Server) Group(r *http.Request) string {
	if p := read(r); p.text("key") != s.key {
		return ""
	}
	switch method(r) {
	case "single/check":
		return "single"
	case "jobs/create":
		return "create"
	}
	return ""
}

// method is the path below the version, of which three are served.
func method(r *http.Request) string {
	for _, version := range []string{"/v4.2/", "/v4.1/", "/v4/"} {
		if rest, ok := strings.CutPrefix(r.URL.Path, version); ok {
			return rest
		}
	}
	return ""
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	p := read(r)
	if p.size > mostBytes {
		http.Error(w, "request entity too large", http.StatusRequestEntityTooLarge)
		return
	}
	serve := map[string]func(params) answer{
		"single/check": s.check, "jobs/create": s.create, "jobs/status": s.status, "jobs/results": s.results,
		"jobs/search": s.search, "jobs/delete": s.remove, "account/info": s.account,
	}[method(r)]
	switch {
	case serve == nil:
		http.NotFound(w, r)
	case p.text("key") != s.key:
		reply(w, failure("auth_failure", "The key is not known"))
	default:
		reply(w, serve(p))
	}
}

// Throttled implements [upstream.Handler]: a success of HTTP, without a header.
func (s *Server) Throttled(w http.ResponseWriter, _ *http.Request) {
	reply(w, failure("throttle_triggered", "Too many requests"))
}

// Failed answers a server error as NeverBounce's gateway does, without JSON.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	http.Error(w, http.StatusText(status), status)
}

// answer is a body; without a status it is a success.
type answer map[string]any

func failure(status, message string) answer { return answer{"status": status, "message": message} }

func refused(message string) answer { return failure("general_failure", message) }

func reply(w http.ResponseWriter, out answer) {
	if out["status"] == nil {
		out["status"] = "success"
	}
	out["execution_time"] = 12
	raw, err := json.Marshal(out)
	if err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // the client may be gone
}

// params are the parameters of a request: those of query and form, or of a JSON
// body, which goes before them.
type params struct {
	size  int // of the body
	plain url.Values
	body  map[string]json.RawMessage
}

// read reads the parameters and leaves the request as it was.
func read(r *http.Request) params {
	raw, err := io.ReadAll(r.Body)
	if err != nil { // the front has read it whole
		return params{}
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	p := params{size: len(raw), plain: r.URL.Query()}
	if json.Unmarshal(raw, &p.body) == nil {
		return p
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return p
	}
	for name, values := range form {
		p.plain[name] = values
	}
	return p
}

// text returns a parameter as text, "" if it is missing or no text.
func (p params) text(name string) string {
	if raw, ok := p.body[name]; ok {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	return p.plain.Get(name)
}

// number returns a whole number, or the default if it is missing; ok is false
// for anything else.
func (p params) number(name string, def int) (n int, ok bool) {
	text := p.plain.Get(name)
	if raw, ok := p.body[name]; ok {
		text = strings.Trim(string(raw), `"`)
	}
	if text == "" {
		return def, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// flag returns a boolean, which in query and form is 1 or 0 only; ok is false
// for anything else.
func (p params) flag(name string) (on, ok bool) {
	if raw, given := p.body[name]; given {
		return string(raw) == "true", string(raw) == "true" || string(raw) == "false"
	}
	text := p.plain.Get(name)
	return text == "1", text == "" || text == "0" || text == "1"
}

// left is how many credits there are.
func (s *Server) left() int {
	bill := s.front.Bill().ByOp
	return s.options.Credits - bill[OpCheck].Charges - bill[OpJob].Charges
}

// charge takes a credit for an address, every time.
func (s *Server) charge(op, email string) error {
	return s.front.Charge(op, strings.ToLower(email), s.options.Price)
}

// noCredit is what an account without credit is taken to receive; the
// documentation does not say.
func noCredit() answer {
	return refused("Insufficient credit balance, please add credits to your account")
}

func (s *Server) account(params) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{"completed": 0, "under_review": 0, "queued": 0, "processing": 0}
	for _, j := range s.jobs {
		switch state := s.state(j); state {
		case "complete":
			counts["completed"]++
		case "under_review", "queued":
			counts[state]++
		case "running", "parsing":
			counts["processing"]++
		}
	}
	return answer{"credits_info": s.credits(), "job_counts": counts}
}

func (s *Server) credits() map[string]int {
	left := s.left()
	return map[string]int{
		"paid_credits_used": s.options.Credits - left, "free_credits_used": 0,
		"paid_credits_remaining": left, "free_credits_remaining": 0,
	}
}
