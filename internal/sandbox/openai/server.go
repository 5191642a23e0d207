package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
)

// Options configure a [Server]. The zero value accepts any non-empty key and
// has no budget.
type Options struct {
	Key    string // accepted bearer token; empty: any but the empty one
	Limits Limits
	// Budget is what may be spent before every further call is refused with
	// insufficient_quota. Zero: no end.
	Budget money.Micro
	// Charge books the price of an answered call before the answer is sent; key
	// is a hash of what was asked. An error is answered with a 500.
	Charge func(op, key string, amount money.Micro) error
}

// Server is the simulated API. It is an [http.Handler] and safe for concurrent use.
type Server struct {
	opts   Options
	models map[string]*model
	words  *lexicon

	mu       sync.Mutex
	requests bucket
	tokens   bucket
	spent    money.Micro
	serial   int
}

// New returns the API. The error is reserved for options that cannot be used.
func New(opts Options) (*Server, error) {
	if opts.Budget < 0 {
		return nil, fmt.Errorf("openai: budget %s is negative", opts.Budget)
	}
	now := time.Now()
	return &Server{
		opts: opts, models: models(), words: newLexicon(),
		requests: newBucket(opts.Limits.Requests, 5_000, now), tokens: newBucket(opts.Limits.Tokens, 5_000_000, now),
	}, nil
}

// Embed returns the vector that the API gives a text under a model, and nil for
// an unknown model: the truth for tests.
func (s *Server) Embed(modelName, text string) []float32 {
	m := s.models[modelName]
	if m == nil {
		return nil
	}
	return (&embedder{model: m, words: s.words}).vector(text, m.dims)
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.serial++
	w.Header().Set("X-Request-Id", fmt.Sprintf("req_%016x", s.serial))
	s.mu.Unlock()
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || token == "" || s.opts.Key != "" && token != s.opts.Key:
		fail(w, http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: "+redact(token)+".")
		return
	case !strings.HasSuffix(r.URL.Path, "/embeddings"):
		fail(w, http.StatusNotFound, "invalid_request_error", "", fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.URL.Path))
		return
	case r.Method != http.MethodPost:
		fail(w, http.StatusMethodNotAllowed, "invalid_request_error", "", "Not allowed to "+r.Method+" on this endpoint.")
		return
	}
	req, refused := s.parse(r)
	if refused != nil {
		refused.write(w)
		return
	}
	if !s.admit(w, req) {
		return
	}
	body := s.answer(req)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Openai-Processing-Ms", strconv.Itoa(1+req.tokens/1000))
	_, _ = w.Write(body) // the client may be gone
}

// admit applies the rate limits and the budget and books the price. It has
// answered if it returns false.
func (s *Server) admit(w http.ResponseWriter, req *request) bool {
	price := s.price(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.requests.refill(now)
	s.tokens.refill(now)
	wait := max(s.requests.wait(1), s.tokens.wait(float64(req.tokens)))
	switch {
	case s.opts.Budget > 0 && s.spent+price > s.opts.Budget:
		exhausted(w)
		return false
	case wait > 0:
		s.headers(w)
		throttle(w, req.model.name, wait)
		return false
	}
	if s.opts.Charge != nil {
		if err := s.opts.Charge("embed", req.key, price); err != nil {
			fail(w, http.StatusInternalServerError, "server_error", "", "The server had an error while processing your request.")
			return false
		}
	}
	s.requests.take(1)
	s.tokens.take(float64(req.tokens))
	s.spent += price
	s.headers(w)
	return true
}

// price is by the token, rounded up to a whole micro-dollar.
func (s *Server) price(req *request) money.Micro {
	return money.Micro((int64(req.tokens)*req.model.price + 999_999) / 1_000_000)
}

func (s *Server) headers(w http.ResponseWriter) {
	s.requests.header(w.Header(), "Requests")
	s.tokens.header(w.Header(), "Tokens")
}

// answer writes the body by hand: a vector is 1536 numbers.
func (s *Server) answer(req *request) []byte {
	e := embedder{model: req.model, words: s.words}
	n := req.count()
	buf := make([]byte, 0, 200+n*(req.dims*6+80))
	buf = append(buf, `{"object":"list","data":[`...)
	var raw []byte
	for k := range n {
		i := (k + n/2) % n // out of order, which the API allows
		var v []float32
		if req.texts != nil {
			v = e.vector(req.texts[i], req.dims)
		} else {
			v = e.tokenVector(req.ids[i], req.dims)
		}
		if k > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, `{"object":"embedding","index":`...)
		buf = strconv.AppendInt(buf, int64(i), 10)
		buf = append(buf, `,"embedding":`...)
		if req.base64 {
			raw = raw[:0]
			for _, x := range v {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
			buf = append(buf, '"')
			buf = base64.StdEncoding.AppendEncode(buf, raw)
			buf = append(buf, '"', '}')
			continue
		}
		for j, x := range v {
			if j == 0 {
				buf = append(buf, '[')
			} else {
				buf = append(buf, ',')
			}
			buf = strconv.AppendFloat(buf, float64(x), 'g', -1, 32)
		}
		buf = append(buf, ']', '}')
	}
	return fmt.Appendf(buf, `],"model":%q,"usage":{"prompt_tokens":%d,"total_tokens":%d}}`, req.model.name, req.tokens, req.tokens)
}

// Throttled answers with OpenAI's 429 for a rate limit.
func (s *Server) Throttled(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.headers(w)
	s.mu.Unlock()
	throttle(w, "text-embedding-3-small", time.Second)
}

// Exhausted answers with OpenAI's 429 for an account without credit: the code
// is null and there is no Retry-After, since waiting does not help.
func (s *Server) Exhausted(w http.ResponseWriter, _ *http.Request) { exhausted(w) }

// Failed answers a 5xx in OpenAI's form.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	fail(w, status, "server_error", "", "The server had an error while processing your request. Sorry about that!")
}

func throttle(w http.ResponseWriter, modelName string, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	fail(w, http.StatusTooManyRequests, "requests", "rate_limit_exceeded",
		fmt.Sprintf("Rate limit reached for %s. Please try again in %s.", modelName, wait.Round(time.Millisecond)))
}

func exhausted(w http.ResponseWriter) {
	fail(w, http.StatusTooManyRequests, "insufficient_quota", "", "You exceeded your current quota, please check your plan and billing details.")
}

// fail writes OpenAI's error form: all four members are always there, an empty
// code is null.
func fail(w http.ResponseWriter, status int, kind, code, message string) {
	refusal{status: status, kind: kind, code: code, message: message}.write(w)
}

// refusal is an error answer.
type refusal struct {
	status              int
	kind, code, message string
	param               string
}

func (f refusal) write(w http.ResponseWriter) {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	// A failed write means that the caller is gone.
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"message": f.message, "type": f.kind, "param": orNull(f.param), "code": orNull(f.code),
	}})
}

// redact shows a key the way OpenAI does in its message.
func redact(key string) string {
	if len(key) < 12 {
		return "****"
	}
	return key[:3] + strings.Repeat("*", len(key)-7) + key[len(key)-4:]
}
