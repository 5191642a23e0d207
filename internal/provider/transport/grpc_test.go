package transport_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
)

// service is a gRPC provider; n is the number of the call, from one.
type service struct {
	health.UnimplementedHealthServer
	calls atomic.Int64
	check func(ctx context.Context, n int64) error
}

func (s *service) Check(ctx context.Context, _ *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	if err := s.check(ctx, s.calls.Add(1)); err != nil {
		return nil, err
	}
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}, nil
}

// dial connects a client of the service through the bench's transport.
func dial(t *testing.T, b *bench, s *service, call transport.Call) health.HealthClient {
	t.Helper()
	wire := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	health.RegisterHealthServer(server, s)
	served := make(chan error, 1)
	go func() { served <- server.Serve(wire) }()
	opts := append(b.client.GRPCOptions(func(method string) transport.Call {
		if method != health.Health_Check_FullMethodName {
			t.Errorf("method %s", method)
		}
		return call
	}),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return wire.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///acme", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return health.NewHealthClient(conn)
}

func TestGRPCStatuses(t *testing.T) {
	t.Parallel()
	throttled, err := status.New(codes.ResourceExhausted, "too fast").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		answer error
		call   transport.Call
		kind   fault.Kind
		wait   time.Duration
		status int
		sent   int64
	}{
		"fine":               {nil, transport.Call{Op: "query"}, "", 0, 200, 1},
		"bad argument":       {status.Error(codes.InvalidArgument, "hush"), transport.Call{Op: "query"}, fault.InvalidInput, 0, 400, 1},
		"wrong key":          {status.Error(codes.Unauthenticated, "hush"), transport.Call{Op: "query"}, fault.Unauthenticated, 0, 401, 1},
		"forbidden":          {status.Error(codes.PermissionDenied, "hush"), transport.Call{Op: "query"}, fault.Forbidden, 0, 403, 1},
		"not found":          {status.Error(codes.NotFound, "hush"), transport.Call{Op: "query"}, fault.NotFound, 0, 404, 1},
		"exists":             {status.Error(codes.AlreadyExists, "hush"), transport.Call{Op: "query"}, fault.Conflict, 0, 409, 1},
		"too fast":           {throttled.Err(), transport.Call{Op: "query", Idempotent: true}, fault.RateLimited, 7 * time.Second, 429, 1},
		"too fast, no hint":  {status.Error(codes.ResourceExhausted, "hush"), transport.Call{Op: "query"}, fault.RateLimited, 10 * time.Second, 429, 1},
		"month used up":      {status.Error(codes.ResourceExhausted, "the limit for this Month is reached"), transport.Call{Op: "query"}, fault.QuotaExhausted, 0, 429, 1},
		"unknown method":     {status.Error(codes.Unimplemented, "hush"), transport.Call{Op: "query"}, fault.BadResponse, 0, 501, 1},
		"down":               {status.Error(codes.Unavailable, "hush"), transport.Call{Op: "query", Idempotent: true}, fault.Unavailable, 0, 503, 2},
		"down, not repeated": {status.Error(codes.Unavailable, "hush"), transport.Call{Op: "query"}, fault.Unclear, 0, 503, 1},
		"broken":             {status.Error(codes.Internal, "hush"), transport.Call{Op: "query", Idempotent: true}, fault.Unavailable, 0, 500, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil, withLimiter(transport.Group{Name: "all", Operations: []string{"query"}, Quota: ratelimit.Quota{Rate: 100, Per: 10 * time.Second, Burst: 5}}))
				s := &service{check: func(ctx context.Context, _ int64) error {
					md, _ := metadata.FromIncomingContext(ctx)
					if diff := cmp.Diff([]string{secretKey}, md.Get("x-key")); diff != "" {
						t.Errorf("key (-want +got):\n%s", diff)
					}
					return test.answer
				}}
				client := dial(t, b, s, test.call)
				ctx := metadata.AppendToOutgoingContext(t.Context(), "x-key", "what the SDK was given")
				_, err := client.Check(ctx, &health.HealthCheckRequest{})
				if fault.KindOf(err) != test.kind || fault.RetryAfter(err) != test.wait || s.calls.Load() != test.sent {
					t.Errorf("%v after %v and %d calls, want %q after %v and %d", err, fault.RetryAfter(err), s.calls.Load(), test.kind, test.wait, test.sent)
				}
				last := b.events[len(b.events)-1]
				if last.Status != test.status || last.Kind != test.kind || last.Op != "query" {
					t.Errorf("event %+v, want status %d", last, test.status)
				}
				if err != nil {
					b.discreet(t, err)
				}
			})
		})
	}
}

func TestGRPCAccessToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		b := newBench(t, i.answer, withLogin)
		s := &service{check: func(ctx context.Context, n int64) error {
			md, _ := metadata.FromIncomingContext(ctx)
			if n == 1 {
				return status.Error(codes.Unauthenticated, "the token has ended")
			}
			if diff := cmp.Diff([]string{"Bearer at-2"}, md.Get("authorization")); diff != "" {
				t.Errorf("authorization (-want +got):\n%s", diff)
			}
			return nil
		}}
		_, err := dial(t, b, s, transport.Call{Op: "query"}).Check(t.Context(), &health.HealthCheckRequest{})
		if err != nil || s.calls.Load() != 2 || i.counts() != [2]int{2, 0} {
			t.Errorf("%v after %d calls and %v", err, s.calls.Load(), i.counts())
		}
	})
}

func (b *bench) discreet(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{"hush", secretKey} {
		if text := err.Error() + b.log.String(); strings.Contains(text, secret) {
			t.Errorf("%q shows in %s", secret, text)
		}
	}
}

// A gRPC call that hangs ends with the transport's time limit, and one without
// key is not made.
func TestGRPCLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, func(o *transport.Options) { o.Timeout = 5 * time.Second })
		s := &service{check: func(ctx context.Context, _ int64) error { <-ctx.Done(); return ctx.Err() }}
		began := time.Now()
		_, err := dial(t, b, s, transport.Call{Op: "query"}).Check(t.Context(), &health.HealthCheckRequest{})
		if !fault.Is(err, fault.Unclear) || time.Since(began) != 5*time.Second {
			t.Errorf("hanging call: %v after %v, want Unclear after 5s", err, time.Since(began))
		}

		b = newBench(t, nil, func(o *transport.Options) {
			o.Secret = func(context.Context, bool) (transport.Secret, error) {
				return transport.Secret{Fields: map[string]string{}}, nil
			}
		})
		s = &service{check: func(context.Context, int64) error { return nil }}
		_, err = dial(t, b, s, transport.Call{Op: "query"}).Check(t.Context(), &health.HealthCheckRequest{})
		if !fault.Is(err, fault.Unauthenticated) || s.calls.Load() != 0 {
			t.Errorf("no key: %v after %d calls, want Unauthenticated and none", err, s.calls.Load())
		}
		stream, err := dial(t, b, s, transport.Call{Op: "query"}).Watch(t.Context(), &health.HealthCheckRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		if !fault.Is(err, fault.Internal) {
			t.Errorf("stream: %v, want Internal", err)
		}
	})
}
