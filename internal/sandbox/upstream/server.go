package upstream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/messageai/sluice/internal/money"
)

// maxBody is the largest request body that a simulator accepts.
const maxBody = 64 << 20

// Handler is one simulated provider. ServeHTTP answers on the provider's wire
// format and Throttled refuses a request in the provider's own way of saying
// "too fast", with what [LimitsOf] tells.
type Handler interface {
	http.Handler
	Throttled(w http.ResponseWriter, r *http.Request)
}

// grouper is what a [Handler] may add to say which limit a request counts
// against; "" is none, for example for a request with a wrong key. Without it
// all requests share the group "".
type grouper interface {
	Group(r *http.Request) string
}

// failer is what a [Handler] may add to answer 500 or 503 in the provider's
// own form.
type failer interface {
	Failed(w http.ResponseWriter, r *http.Request, status int)
}

// Config is the setting of a [Server]. The zero value has no latency, quota,
// fault or journal.
type Config struct {
	Seed    uint64
	Latency time.Duration       // of every answer
	Quotas  map[string][]Window // by group
	Faults  Faults
	Journal Journal
}

// Server stands in front of a simulated provider. It is safe for concurrent use.
type Server struct {
	name    string
	seed    uint64
	latency time.Duration
	dial    Dial
	quotas  quotas
	ledger  *ledger

	mu       sync.Mutex
	handler  Handler
	attempts map[uint64]uint32
	statuses map[int]int
	broken   int
}

// New returns a server without a handler and replays the provider's bill from
// the journal.
func New(name string, config Config) (*Server, error) {
	l, err := openLedger(name, config.Journal)
	if err != nil {
		return nil, err
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, name) // a hash never fails
	s := &Server{
		name: name, seed: mix(config.Seed ^ h.Sum64()), latency: config.Latency, ledger: l,
		quotas:   quotas{limits: config.Quotas, groups: map[string][]count{}},
		attempts: map[uint64]uint32{}, statuses: map[int]int{},
	}
	s.dial.Set(config.Faults)
	return s, nil
}

// Use sets the provider that answers. It is called once, before any request.
func (s *Server) Use(h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = h
}

// Dial is the provider's fault dial.
func (s *Server) Dial() *Dial { return &s.dial }

// Charge books an amount for an operation; key says what was bought, so that
// buying the same thing twice is seen. The charge is in the journal when
// Charge returns.
func (s *Server) Charge(op, key string, amount money.Micro) error {
	_, err := s.ledger.charge(op, key, amount, false)
	return err
}

// ChargeOnce is [Server.Charge] for providers that do not charge twice for the
// same thing; it reports whether it charged.
func (s *Server) ChargeOnce(op, key string, amount money.Micro) (bool, error) {
	return s.ledger.charge(op, key, amount, true)
}

// Charged returns how often the key was charged for the operation.
func (s *Server) Charged(op, key string) int { return s.ledger.chargedTimes(op, key) }

// Charges returns the number of charges for the operation in the present
// calendar month (UTC), which is the billing period of every simulated plan.
func (s *Server) Charges(op string) int { return s.ledger.count(op) }

// Bill returns what the provider has charged so far.
func (s *Server) Bill() Bill { return s.ledger.snapshot() }

// Usage returns the state of a group's quota windows.
func (s *Server) Usage(group string) []Usage { return s.quotas.peek(group, time.Now()) }

// Requests returns how many answers were sent in this process, by status; 0
// counts the requests that got none (outage, lost answer, caller gone).
func (s *Server) Requests() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := maps.Clone(s.statuses)
	if s.broken > 0 {
		counts[0] = s.broken
	}
	return counts
}

// Limits is what a [Handler] may tell its client about quotas.
type Limits struct {
	Windows    []Usage       // of the request's group, in the order of the configuration
	RetryAfter time.Duration // when throttled; zero if the fault dial did it
}

type limitsKey struct{}

// LimitsOf returns the limits that apply to the request.
func LimitsOf(r *http.Request) Limits {
	l, _ := r.Context().Value(limitsKey{}).(Limits)
	return l
}

// ServeHTTP implements [http.Handler]; a broken connection is
// [http.ErrAbortHandler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := s.answer(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	if a.cut {
		_, _ = w.Write(a.body.Bytes()[:a.body.Len()/2]) // the client may be gone
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(a.body.Bytes()) // the client may be gone
}

// RoundTrip implements [http.RoundTripper] in the caller's goroutine.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	// A handler sees the request as a server would; the caller's stays as it is.
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	sent := in.Body
	defer func() { _ = sent.Close() }() // a round tripper must close it; the error tells nothing
	in.RequestURI = in.URL.RequestURI()
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	in.URL = &url.URL{Path: in.URL.Path, RawPath: in.URL.RawPath, RawQuery: in.URL.RawQuery}
	a, err := s.answer(in)
	if err != nil {
		return nil, err
	}
	resp := &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, ContentLength: int64(a.body.Len()), Request: r,
	}
	if a.cut {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.body.Bytes()[:a.body.Len()/2]), brokenReader{}))
	} else {
		resp.Body = io.NopCloser(bytes.NewReader(a.body.Bytes()))
	}
	return resp, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// answer decides what happens to a request and lets it happen. An error means
// that the client sees no answer.
func (s *Server) answer(r *http.Request) (*recorded, error) {
	a, err := s.play(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.broken++
		return nil, err
	}
	s.statuses[a.status]++
	return a, nil
}

func (s *Server) play(r *http.Request) (*recorded, error) {
	s.mu.Lock()
	handler := s.handler
	s.mu.Unlock()
	if handler == nil {
		return nil, fmt.Errorf("sandbox: provider %s has no simulator mounted", s.name)
	}
	faults := s.dial.Faults()
	if faults.Outage {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("sandbox: read request: %w", err)
	}
	if len(body) > maxBody {
		return nil, errors.New("sandbox: request body over 64 MiB")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	what := none
	if faults != (Faults{SlowBy: faults.SlowBy}) {
		what = faults.strike(s.draw(r, body))
	}
	delay := s.latency
	if what == slow {
		delay += faults.slowBy()
	}
	group := ""
	g, grouped := handler.(grouper)
	if grouped {
		group = g.Group(r)
	}
	var limits Limits
	if !grouped || group != "" {
		limits.Windows, limits.RetryAfter = s.quotas.take(group, time.Now())
	}
	r = r.WithContext(context.WithValue(r.Context(), limitsKey{}, limits))
	a := &recorded{header: http.Header{}}
	switch {
	case limits.RetryAfter > 0 || what == throttled:
		handler.Throttled(a, r)
	case what == failed500:
		s.fail(a, r, handler, http.StatusInternalServerError)
	case what == failed503:
		s.fail(a, r, handler, http.StatusServiceUnavailable)
	default:
		handler.ServeHTTP(a, r)
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if err := pause(r.Context(), delay); err != nil {
		return nil, err
	}
	switch {
	case what == lost:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case what == truncated && a.body.Len() > 1:
		a.cut = true
	case what == wrongType:
		a.status = http.StatusOK
		a.header = http.Header{"Content-Type": {"text/html; charset=utf-8"}}
		a.body.Reset()
		a.body.WriteString("<!DOCTYPE html><html><body><h1>We will be right back</h1></body></html>")
	}
	return a, nil
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, h Handler, status int) {
	if f, ok := h.(failer); ok {
		f.Failed(w, r, status)
		return
	}
	http.Error(w, http.StatusText(status), status)
}

// draw is a number that depends on seed, provider, content of the request and
// how often that content was sent before.
func (s *Server) draw(r *http.Request, body []byte) uint64 {
	h := fnv.New64a()
	// Hashes never fail. Encode sorts the parameters.
	_, _ = io.WriteString(h, r.Method+" "+r.URL.Path+"?"+r.URL.Query().Encode()+"\n")
	_, _ = h.Write(body)
	content := h.Sum64()
	s.mu.Lock()
	attempt := s.attempts[content]
	s.attempts[content] = attempt + 1
	s.mu.Unlock()
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], attempt)
	_, _ = h.Write(n[:])
	return mix(mix(h.Sum64()) ^ s.seed)
}

func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// recorded is an answer before it is sent.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
	cut    bool // the body breaks off half way
}

func (a *recorded) Header() http.Header { return a.header }

func (a *recorded) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *recorded) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
