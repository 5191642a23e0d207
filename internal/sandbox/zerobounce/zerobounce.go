package zerobounce

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// CreditPrice is what one credit is taken to cost; ZeroBounce does not publish it.
const CreditPrice money.Micro = 20_000

// OpVerify is the operation under which verdicts are charged, one credit each,
// alone or in a batch.
const OpVerify = "verify_email"

// Options of the simulator. The zero value works.
type Options struct {
	Credits int         // bought in all; zero: ten million
	Price   money.Micro // of one credit; zero: [CreditPrice]
}

// Server is the simulator. Make one with [New].
type Server struct {
	market  *market.Market
	front   *upstream.Server
	key     string
	options Options

	mu        sync.Mutex
	asked     map[string]bool // greylisted addresses that were asked for
	batchesAt time.Time       // until when batches are blocked
	malformed shield
	badKeys   shield
	badReads  shield // of getcredits
}

// New returns the simulator, which accepts the key.
func New(m *market.Market, front *upstream.Server, key string, o Options) *Server {
	if o.Credits == 0 {
		o.Credits = 10_000_000
	}
	if o.Price == 0 {
		o.Price = CreditPrice
	}
	return &Server{
		market: m, front: front, key: key, options: o, asked: map[string]bool{},
		malformed: shield{most: 100, per: time.Minute, lasts: time.Hour},
		badKeys:   shield{most: 200, per: time.Hour, lasts: time.Hour},
		badReads:  shield{most: 200, per: time.Hour, lasts: 24 * time.Hour},
	}
}

// Hosts are the names under which the provider is reached: the default one, and
// that of batches.
func Hosts() []string { return []string{"api.zerobounce.net", bulkHost} }

const bulkHost = "bulkapi.zerobounce.net"

// Quotas are the published limits, the stricter ones where sources disagree.
func Quotas() map[string][]upstream.Window {
	return map[string][]upstream.Window{
		"validate": {{Rate: 80_000, Per: 10 * time.Second}},
		"batch":    {{Rate: 5, Per: time.Minute}},
	}
}

// The routes. Batches are on a host of their own, everything else on the others.
const (
	single  = "GET /v2/validate"
	batch   = "POST /v2/validatebatch"
	balance = "GET /v2/getcredits"
)

// route is what a request asks for, "" if the host has no such thing. A host
// that is none of ZeroBounce's, such as a loopback listener, has everything.
func route(r *http.Request) string {
	asks := r.Method + " " + r.URL.Path
	theirs := strings.HasSuffix(r.Host, ".zerobounce.net")
	switch asks {
	case single, balance:
		if r.Host != bulkHost {
			return asks
		}
	case batch:
		if r.Host == bulkHost || !theirs {
			return asks
		}
	}
	return ""
}

// Group implements the grouping of [upstream.Server].
func (s *Server) Group(r *http.Request) string {
	switch asks := route(r); {
	case asks == single && r.URL.Query().Get("api_key") == s.key:
		return "validate"
	case asks == batch && readBatch(r).Key == s.key:
		return "batch"
	}
	return ""
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asks := route(r)
	now := time.Now()
	bad := &s.badKeys
	if asks == balance {
		bad = &s.badReads
	}
	switch {
	case asks == "":
		http.NotFound(w, r)
		return
	case s.malformed.up(now), bad.up(now):
		http.Error(w, "Forbidden by API Shield", http.StatusForbidden)
		return
	case asks == batch && now.Before(s.batchesAt):
		tooFast(w)
		return
	}
	switch asks {
	case single:
		s.single(w, r)
	case batch:
		s.batch(w, readBatch(r))
	case balance:
		if r.URL.Query().Get("api_key") != s.key {
			s.badReads.strike(now)
			reply(w, http.StatusOK, object{"Credits": "-1"})
			return
		}
		reply(w, http.StatusOK, object{"Credits": strconv.Itoa(s.left())})
	}
}

// Throttled implements [upstream.Handler]. Whoever sends batches too fast is
// kept away for ten minutes.
func (s *Server) Throttled(w http.ResponseWriter, r *http.Request) {
	if route(r) == batch && upstream.LimitsOf(r).RetryAfter > 0 {
		s.mu.Lock()
		s.batchesAt = time.Now().Add(10 * time.Minute)
		s.mu.Unlock()
	}
	tooFast(w)
}

func tooFast(w http.ResponseWriter) {
	reply(w, http.StatusTooManyRequests, object{"Message": "Too many requests"})
}

// Failed answers a server error without JSON.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	http.Error(w, http.StatusText(status), status)
}

// shield counts bad requests and keeps everybody away after too many.
type shield struct {
	most       int // in
	per, lasts time.Duration

	opened, until time.Time
	count         int
}

func (s *shield) up(now time.Time) bool { return now.Before(s.until) }

func (s *shield) strike(now time.Time) {
	if now.Sub(s.opened) >= s.per {
		s.opened, s.count = now, 0
	}
	if s.count++; s.count >= s.most {
		s.until, s.count = now.Add(s.lasts), 0
	}
}

// question is the body of a batch.
type question struct {
	Key   string `json:"api_key"`
	Batch []struct {
		Email string  `json:"email_address"`
		IP    *string `json:"ip_address"`
	} `json:"email_batch"`
	Timeout *int `json:"timeout"`
}

// readBatch reads the body and leaves the request as it was. What cannot be read
// is empty.
func readBatch(r *http.Request) question {
	var q question
	raw, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if err != nil || json.Unmarshal(raw, &q) != nil {
		return question{}
	}
	return q
}

// keyOrBalance is the one message for a bad key and an empty balance.
const keyOrBalance = "Invalid API Key or your account ran out of credits"

// left is how many credits there are.
func (s *Server) left() int { return s.options.Credits - s.front.Bill().ByOp[OpVerify].Charges }

// malformedRequest answers a request that cannot be understood.
func (s *Server) malformedRequest(w http.ResponseWriter, body object) {
	s.malformed.strike(time.Now())
	reply(w, http.StatusBadRequest, body)
}

// admitted reports whether key and balance are good, and answers if not.
func (s *Server) admitted(w http.ResponseWriter, key string, refusal object) bool {
	switch {
	case key != s.key:
		s.badKeys.strike(time.Now())
	case s.left() > 0:
		return true
	}
	reply(w, http.StatusOK, refusal)
	return false
}

func (s *Server) single(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	email := strings.TrimSpace(q.Get("email"))
	switch {
	case !q.Has("api_key") || email == "" || !q.Has("ip_address"):
		s.malformedRequest(w, object{"error": "Missing parameter: api_key, email and ip_address are required"})
		return
	case !within(q.Get("timeout"), 3, 60):
		s.malformedRequest(w, object{"error": "Invalid timeout"})
		return
	case !s.admitted(w, q.Get("api_key"), object{"error": keyOrBalance}):
		return
	}
	v := s.verify(email)
	if err := s.charge(email, v); err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, http.StatusOK, v.whole())
}

func within(text string, least, most int) bool {
	if text == "" {
		return true
	}
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && n <= most
}

// mostAddresses is the stricter of the two published sizes of a batch.
const mostAddresses = 100

func (s *Server) batch(w http.ResponseWriter, q question) {
	switch {
	case len(q.Batch) == 0:
		s.malformedRequest(w, object{"message": []string{"email_batch is required"}})
		return
	case len(q.Batch) > mostAddresses:
		s.malformedRequest(w, object{"message": []string{"email_batch holds too many addresses"}})
		return
	case q.Timeout != nil && (*q.Timeout < 10 || *q.Timeout > 120):
		s.malformedRequest(w, object{"message": "Invalid timeout"})
		return
	}
	refusal := object{"email_batch": []object{}, "errors": []object{{"error": keyOrBalance, "email_address": "all"}}}
	if !s.admitted(w, q.Key, refusal) {
		return
	}
	verdicts, errors := []object{}, []object{}
	for i := len(q.Batch); i > 0; i-- { // in an order of its own
		email := q.Batch[i-1].Email
		switch {
		case strings.TrimSpace(email) == "" || q.Batch[i-1].IP == nil:
			errors = append(errors, object{"error": "email_address and ip_address are required", "email_address": email})
			continue
		case s.left() < 1:
			errors = append(errors, object{"error": keyOrBalance, "email_address": email})
			continue
		}
		v := s.verify(email)
		if err := s.charge(email, v); err != nil {
			http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
			return
		}
		verdicts = append(verdicts, v.short())
	}
	reply(w, http.StatusOK, object{"email_batch": verdicts, "errors": errors})
}

// charge takes a credit for a verdict, every time, unless it is unknown or on
// one of the vendor's test addresses.
func (s *Server) charge(email string, v verdict) error {
	if v.status == "unknown" || v.test {
		return nil
	}
	return s.front.Charge(OpVerify, strings.ToLower(email), s.options.Price)
}

type object = map[string]any

func reply(w http.ResponseWriter, status int, body object) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client may be gone
}
