package pinecone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
	_ "github.com/pinecone-io/go-pinecone/v5/pinecone" // registers the messages of VectorService
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

// Journal keeps what must survive a killed process.
type Journal interface {
	Append(service string, record any) error
	Past(service string) []json.RawMessage
}

// service is this simulator's name in the journal.
const service = "pinecone"

// Options configure a [Server]. The zero value is an empty cosine index of 1536
// dimensions named "prospects" that accepts any non-empty key and forgets at
// exit.
type Options struct {
	Key       string // accepted API key; empty: any but the empty one
	Index     string // the index's name
	Dimension int
	// Lag is how long a write stays invisible to queries, fetches and lists.
	// Zero: 2 s; negative: none.
	Lag time.Duration
	// Unlimited switches the limits on calls per second off.
	Unlimited bool
	// WriteUnits and ReadUnits are what the plan allows a month; zero: no end.
	WriteUnits, ReadUnits int
	// Charge books the price of an answered call before the answer is sent; key
	// is a hash of what was asked. An error fails the call.
	Charge  func(op, key string, amount money.Micro) error
	Journal Journal
	// Around, if set, is called for every data-plane call that was
	// authenticated, with the method's name ("Upsert"). It runs the call with do
	// and may delay it, leave it out, or return an error in place of an answer
	// whose effect took place.
	Around func(ctx context.Context, method string, do func() error) error
}

// host is where the index claims to be: an address reserved for documentation.
const host = "192.0.2.53:443"

// Server is the simulated index. It is safe for concurrent use.
type Server struct {
	opts     Options
	listener *bufconn.Listener
	grpc     *grpc.Server
	served   sync.WaitGroup

	mu         sync.RWMutex
	namespaces map[string]*namespace
	month      string
	writeUnits int
	readUnits  int

	rateMu sync.Mutex
	recent map[string][]time.Time // calls of the last second by kind and namespace
}

// New restores the index from the journal and starts serving on an in-memory
// listener; [Server.Close] stops it.
func New(opts Options) (*Server, error) {
	if opts.Index == "" {
		opts.Index = "prospects"
	}
	if opts.Dimension == 0 {
		opts.Dimension = 1536
	}
	if opts.Dimension < 1 || opts.Dimension > 20_000 {
		return nil, fmt.Errorf("pinecone: dimension %d is not within 1 to 20000", opts.Dimension)
	}
	switch {
	case opts.Lag == 0:
		opts.Lag = 2 * time.Second
	case opts.Lag < 0:
		opts.Lag = 0
	}
	s := &Server{
		opts: opts, listener: bufconn.Listen(1 << 20),
		namespaces: map[string]*namespace{}, recent: map[string][]time.Time{},
	}
	if err := s.restore(); err != nil {
		return nil, err
	}
	methods, err := s.methods()
	if err != nil {
		return nil, err
	}
	s.grpc = grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		return s.serve(stream, methods)
	}))
	s.served.Go(func() {
		// Serve ends with an error only when the listener was closed by Close.
		_ = s.grpc.Serve(s.listener)
	})
	return s, nil
}

// Close ends all connections and waits for the server's goroutines.
func (s *Server) Close() {
	s.grpc.Stop()
	s.served.Wait()
}

// Host is the index host to configure in a client: plain text, an IP literal.
func (s *Server) Host() string { return "http://" + host }

// Dialer returns a function for grpc.WithContextDialer that connects to the
// index whatever the address.
func (s *Server) Dialer() func(ctx context.Context, addr string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) { return s.listener.DialContext(ctx) }
}

// serve runs one call.
func (s *Server) serve(stream grpc.ServerStream, methods map[string]method) error {
	full, _ := grpc.MethodFromServerStream(stream)
	name, ours := strings.CutPrefix(full, "/VectorService/")
	m, known := methods[name]
	if !ours || !known {
		return status.Errorf(codes.Unimplemented, "unknown method %s", full)
	}
	if err := s.authenticate(stream.Context()); err != nil {
		return err
	}
	in := m.in.New()
	if err := stream.RecvMsg(in.Interface()); err != nil {
		return err
	}
	out := m.out.New()
	do := func() error { return m.run(in, out) }
	var err error
	if s.opts.Around != nil {
		err = s.opts.Around(stream.Context(), name, do)
	} else {
		err = do()
	}
	if err != nil {
		return err
	}
	return stream.SendMsg(out.Interface())
}

// authenticate checks key and version as Pinecone does before anything else.
func (s *Server) authenticate(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	one := func(name string) string {
		if v := md.Get(name); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	return s.admit(one("api-key"), one("x-pinecone-api-version"))
}

func (s *Server) admit(key, version string) error {
	if key == "" || s.opts.Key != "" && key != s.opts.Key {
		return status.Error(codes.Unauthenticated, "Invalid API Key")
	}
	if version != "2025-10" && version != "2026-04" {
		return status.Errorf(codes.InvalidArgument, "X-Pinecone-Api-Version header is required and must name a supported version, got %q", version)
	}
	return nil
}

// ThrottledError is the gRPC form of a refusal by rate.
func (s *Server) ThrottledError() error {
	return status.Error(codes.ResourceExhausted, "Too many requests. Retry the request with exponential back-off.")
}

// ServeHTTP answers control-plane calls: GET /indexes and GET /indexes/{name}.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.admit(r.Header.Get("Api-Key"), r.Header.Get("X-Pinecone-Api-Version")); err != nil {
		code, name := http.StatusUnauthorized, "UNAUTHENTICATED"
		if status.Code(err) == codes.InvalidArgument {
			code, name = http.StatusBadRequest, "INVALID_ARGUMENT"
		}
		refuse(w, code, name, status.Convert(err).Message())
		return
	}
	name, one := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/"), "/indexes/")
	switch {
	case r.Method != http.MethodGet || !one && r.URL.Path != "/indexes":
		refuse(w, http.StatusNotFound, "NOT_FOUND", "unknown operation")
	case !one:
		answer(w, http.StatusOK, map[string]any{"indexes": []any{s.describe()}})
	case name != s.opts.Index:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "Resource "+name+" not found")
	default:
		answer(w, http.StatusOK, s.describe())
	}
}

func (s *Server) describe() map[string]any {
	return map[string]any{
		"name": s.opts.Index, "metric": "cosine", "dimension": s.opts.Dimension, "vector_type": "dense",
		"host": s.Host(), "deletion_protection": "disabled", "status": map[string]any{"ready": true, "state": "Ready"},
		"spec": map[string]any{"serverless": map[string]any{
			"cloud": "aws", "region": "us-east-1",
			"read_capacity": map[string]any{"mode": "OnDemand", "status": map[string]any{"state": "Ready"}},
		}},
	}
}

// Throttled answers a control-plane call with Pinecone's 429.
func (s *Server) Throttled(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Too many requests")
}

func refuse(w http.ResponseWriter, code int, name, message string) {
	answer(w, code, map[string]any{"status": code, "error": map[string]any{"code": name, "message": message}})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

// errInternal is what a client sees when the journal or the bill fails.
var errInternal = status.Error(codes.Internal, "internal error")

// errDescriptors is a mismatch with the vendor's client.
var errDescriptors = errors.New("pinecone: the vendor's client does not register VectorService's messages")
