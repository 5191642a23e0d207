package zoominfo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
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

// CreditPrice is what one credit costs; ZoomInfo publishes no price.
const CreditPrice money.Micro = 1_000_000

// TokenLife is how long an access token is good, as in the documentation's example.
const TokenLife = 1000 * time.Second

// The operations under which is charged.
const (
	OpContact    = "contact"
	OpCompany    = "company"
	OpTechnology = "technology"
	OpIntent     = "intent"
)

// Options of the simulator. The zero value works.
type Options struct {
	Credits int         // of the contract, by month; zero: ten million
	Price   money.Micro // of one credit; zero: [CreditPrice]
	Denied  []string    // output fields that the account may not have
}

// Server is the simulator. Make one with [New].
type Server struct {
	market  *market.Market
	source  *market.Source
	front   *upstream.Server
	key     string
	options Options
	mux     *http.ServeMux
	results market.Results
	topics  []string

	mu     sync.Mutex
	issued int
	tokens map[string]time.Time // until when they are good
}

// New returns the simulator, which accepts the key as client id and as client
// secret.
func New(m *market.Market, front *upstream.Server, key string, o Options) *Server {
	s := &Server{market: m, source: m.Source("zoominfo"), front: front, key: key, options: o, mux: http.NewServeMux(), tokens: map[string]time.Time{}}
	if s.options.Credits == 0 {
		s.options.Credits = 10_000_000
	}
	if s.options.Price == 0 {
		s.options.Price = CreditPrice
	}
	s.topics = Topics(m)
	s.mux.HandleFunc("POST /gtm/data/v1/contacts/search", s.searchContacts)
	s.mux.HandleFunc("POST /gtm/data/v1/companies/search", s.searchCompanies)
	s.mux.HandleFunc("POST /gtm/data/v1/contacts/enrich", s.enrichContacts)
	s.mux.HandleFunc("POST /gtm/data/v1/companies/enrich", s.enrichCompanies)
	s.mux.HandleFunc("POST /gtm/data/v1/companies/technologies/enrich", s.technologies)
	s.mux.HandleFunc("POST /gtm/data/v1/intent/enrich", s.intent)
	s.mux.HandleFunc("GET /gtm/data/v1/lookup/intent-topics", s.lookupTopics)
	s.mux.HandleFunc("GET /gtm/data/v1/users/usage", s.usage)
	return s
}

// Quotas are the limits of the Builder package, per account (contract, rate limits).
func Quotas() map[string][]upstream.Window {
	return map[string][]upstream.Window{
		"all": {{Rate: 5, Per: time.Second}, {Rate: 10_800, Per: time.Hour}, {Rate: 129_600, Per: 24 * time.Hour}},
	}
}

const tokenPath = "/gtm/oauth/v1/token" //nolint:gosec // a path

// Group implements the grouping of [upstream.Server]: all calls with a good token
// share one limit; others count against none.
func (s *Server) Group(r *http.Request) string {
	if r.URL.Path == tokenPath || !s.good(r) {
		return ""
	}
	return "all"
}

// good reports whether the request carries a token that has not ended.
func (s *Server) good(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok && time.Now().Before(s.tokens[token])
}

// Revoke ends all tokens that were issued.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Issued is how many tokens were given.
func (s *Server) Issued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	agent := r.UserAgent()
	switch {
	case agent == "" || strings.HasPrefix(agent, "Go-http-client/") || strings.HasPrefix(agent, "python-requests/"):
		http.Error(w, "Access denied", http.StatusForbidden) // the gateway, before the API
		return
	case r.URL.Path == tokenPath:
		s.token(w, r)
		return
	case !s.good(r):
		platform(w, http.StatusUnauthorized, "ZI0001", "Your session has expired. Please provide a valid token and try again.", false)
		return
	}
	s.limitHeaders(w, r)
	switch {
	case r.Header.Get("Accept") != mediaType:
		refuse(w, http.StatusNotAcceptable, "PFAPI0003", "The media type is not acceptable")
	case r.Method == http.MethodPost && r.Header.Get("Content-Type") != mediaType:
		refuse(w, http.StatusUnsupportedMediaType, "PFAPI0003", "The media type is not supported")
	default:
		s.mux.ServeHTTP(w, r)
	}
}

const mediaType = "application/vnd.api+json"

// token is the OAuth 2 token endpoint for client credentials. Credentials in the
// body are ignored when there is an Authorization header.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, code string) { reply(w, "application/json", status, map[string]string{"error": code}) }
	body, err := io.ReadAll(r.Body)
	form, formErr := url.ParseQuery(string(body))
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	switch {
	case r.Method != http.MethodPost:
		fail(http.StatusMethodNotAllowed, "invalid_request")
	case err != nil || formErr != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		fail(http.StatusBadRequest, "invalid_request")
	case form.Get("grant_type") != "client_credentials":
		fail(http.StatusBadRequest, "unsupported_grant_type")
	case id != s.key || secret != s.key:
		fail(http.StatusUnauthorized, "invalid_client")
	case form.Has("scope") && !granted(form.Get("scope")):
		fail(http.StatusBadRequest, "invalid_scope")
	default:
		s.mu.Lock()
		s.issued++
		token := fmt.Sprintf("eyJraWQiOi.%016x.%d", draw(s.key), s.issued)
		s.tokens[token] = time.Now().Add(TokenLife)
		s.mu.Unlock()
		reply(w, "application/json", http.StatusOK, map[string]any{
			"access_token": token, "token_type": "Bearer", "expires_in": int(TokenLife.Seconds()), "scope": scopes,
		})
	}
}

const scopes = "api:data:contact api:data:company api:data:intent api:data:lookup"

// granted: asking for a scope that the app lacks fails the request.
func granted(wanted string) bool {
	for scope := range strings.FieldsSeq(wanted) {
		if !strings.Contains(" "+scopes+" ", " "+scope+" ") {
			return false
		}
	}
	return true
}

// Throttled implements [upstream.Handler].
func (s *Server) Throttled(w http.ResponseWriter, r *http.Request) {
	s.limitHeaders(w, r)
	limits := upstream.LimitsOf(r)
	for _, u := range limits.Windows {
		if u.Rate > 0 && u.Used >= u.Rate {
			w.Header().Set("X-Ratelimit-Rejected-Bucket", strings.ToLower(windowName(u.Per)))
		}
	}
	wait := max(time.Second, limits.RetryAfter)
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	platform(w, http.StatusTooManyRequests, "ZI0004", "You have exceeded the rate limit for this resource. Please try again later.", true)
}

// Failed answers a failure of the provider in its own form.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	refuse(w, status, "PFAPI0007", "Internal Server Error")
}

func windowName(per time.Duration) string {
	switch {
	case per <= time.Second:
		return "Second"
	case per <= time.Hour:
		return "Hour"
	}
	return "Day"
}

func (s *Server) limitHeaders(w http.ResponseWriter, r *http.Request) {
	for _, u := range upstream.LimitsOf(r).Windows {
		w.Header().Set("X-Ratelimit-Limit-"+windowName(u.Per), strconv.Itoa(u.Rate))
		w.Header().Set("X-Ratelimit-Remaining-"+windowName(u.Per), strconv.Itoa(u.Left()))
	}
}

// document reads {"data":{"type","attributes"}} into attributes and refuses what
// the endpoint does not know.
func document(w http.ResponseWriter, r *http.Request, kind string, attributes any) bool {
	var body struct {
		Data struct {
			Type       string          `json:"type"`
			Attributes json.RawMessage `json:"attributes"`
		} `json:"data"`
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = strict(raw, &body)
	}
	if err == nil && body.Data.Type != kind {
		err = errors.New("type must be " + kind)
	}
	if err == nil {
		err = strict(body.Data.Attributes, attributes)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "PFAPI0003", "There is invalid field(s) in the request")
		return false
	}
	return true
}

func strict(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	d.UseNumber()
	return d.Decode(into)
}

// refuse answers in the envelope of the API.
func refuse(w http.ResponseWriter, status int, code, title string) {
	reply(w, mediaType, status, map[string]any{
		"title": http.StatusText(status), "detail": "One or more errors",
		"errors": []any{map[string]any{"id": "b1f2", "code": code, "status": strconv.Itoa(status), "title": title}},
	})
}

// platform answers in the envelope of the platform before it.
func platform(w http.ResponseWriter, status int, code, message string, retryable bool) {
	reply(w, "application/json", status, map[string]any{
		"error": map[string]any{"code": code, "message": message, "status": status, "requestId": "req_1", "retryable": retryable},
	})
}

func reply(w http.ResponseWriter, kind string, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client may be gone
}

// draw is a number that depends on a text.
func draw(text string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, text) // a hash never fails
	x := h.Sum64()
	return x ^ x>>29
}
