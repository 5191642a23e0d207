package transport_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
)

// arrived is a request as the provider saw it.
type arrived struct {
	Method, URL, Body string
	Header            http.Header
	At                time.Time
}

// upstream is the provider: it answers from a function; n is the number of the request, from one.
type upstream struct {
	reply func(n int, r *http.Request) (*http.Response, error)

	mu   sync.Mutex
	seen []arrived
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	u.seen = append(u.seen, arrived{r.Method, r.URL.String(), string(body), r.Header.Clone(), time.Now()})
	n := len(u.seen)
	u.mu.Unlock()
	return u.reply(n, r)
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}

// always answers every request alike.
func always(status int, body string, header ...string) func(int, *http.Request) (*http.Response, error) {
	return func(int, *http.Request) (*http.Response, error) { return answer(status, body, header...), nil }
}

// answer makes a response; header holds names and values in turn.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// bench is a client of an upstream, with its events and log.
type bench struct {
	up     *upstream
	client *transport.Client
	log    bytes.Buffer

	mu     sync.Mutex
	events []transport.Event
}

const secretKey = "sk-9b1c2d3e"

func newBench(t *testing.T, reply func(int, *http.Request) (*http.Response, error), change ...func(*transport.Options)) *bench {
	t.Helper()
	b := &bench{up: &upstream{reply: reply}}
	opts := transport.Options{
		Name: "acme", BaseURL: "https://api.acme.example/v2", Auth: transport.Auth{Kind: transport.AuthHeader, Name: "X-Key"},
		SecretFields: []string{"apiKey"}, SecretName: "prod/providers/acme",
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": secretKey}}, nil
		},
		RoundTripper: b.up, Logger: slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(_ context.Context, e transport.Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
		},
		Rand: func() float64 { return 0.5 },
	}
	for _, c := range change {
		c(&opts)
	}
	client, err := transport.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	b.client = client
	return b
}

// get is a plain idempotent call.
func get() transport.Request {
	return transport.Request{Op: "read", Method: "GET", Path: "/things", Idempotent: true}
}

// buy is a call that must not be repeated.
func buy() transport.Request {
	return transport.Request{Op: "buy", Method: "POST", Path: "/things", Body: map[string]int{"n": 1}}
}

// limits is a limiter store in memory.
type limits struct {
	mu   sync.Mutex
	next map[string]time.Time
}

func (l *limits) Advance(_ context.Context, key string, floor, horizon time.Time, inc time.Duration) (time.Time, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stored, start, ok := ratelimit.Advance(l.next[key], floor, horizon, inc)
	l.next[key] = stored
	return start, ok, nil
}

func (l *limits) Push(_ context.Context, key string, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.next[key]) {
		l.next[key] = until
	}
	return nil
}

func withLimiter(groups ...transport.Group) func(*transport.Options) {
	return func(o *transport.Options) {
		o.Limiter, o.Groups = ratelimit.New(&limits{next: map[string]time.Time{}}, ratelimit.Options{}), groups
	}
}

// records is a breaker store in memory.
type records struct {
	mu  sync.Mutex
	all map[string]breaker.Record
}

func (r *records) Load(_ context.Context, key string) (breaker.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[key], nil
}

func (r *records) Save(_ context.Context, key string, record breaker.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[key].Version != record.Version-1 {
		return fault.New(fault.Conflict, "records.save", "another version")
	}
	r.all[key] = record
	return nil
}

func withBreaker(o *transport.Options) {
	o.Breaker = breaker.New(&records{all: map[string]breaker.Record{}}, breaker.Options{})
}
