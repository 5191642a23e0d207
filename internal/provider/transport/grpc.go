package transport

import (
	"context"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/messageai/sluice/internal/fault"
)

// GRPCOptions returns dial options for a vendor's gRPC SDK: every unary call
// goes the same way as [Client.Do], with limiter, breaker, time limit, key and
// metering, and its error is a fault. call says what a method
// ("/VectorService/Query") is. Streams are refused: nothing limits them.
func (c *Client) GRPCOptions(call func(method string) Call) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(c.unary(call)),
		grpc.WithChainStreamInterceptor(func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, grpc.Streamer, ...grpc.CallOption) (grpc.ClientStream, error) {
			return nil, c.internal("grpc", "streams are not supported; they would pass the limiter by")
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(int(c.opts.BodyCap))),
		grpc.WithDisableRetry(), // the quick retry is ours, and counted
		grpc.WithUserAgent(userAgent),
	}
}

func (c *Client) unary(call func(string) Call) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		what := call(method)
		return c.run(ctx, what.Op, what.Idempotent, func(ctx context.Context, key credential) (int, error) {
			err := invoke(c.withKey(ctx, key.value), method, req, reply, conn, opts...)
			st := status.Convert(err)
			return httpStatus(st.Code()), c.grpcFault(ctx, what, st)
		})
	}
}

// withKey sets the key among the outgoing metadata, over the SDK's own.
func (c *Client) withKey(ctx context.Context, key string) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		md = metadata.MD{}
	}
	md = md.Copy()
	switch c.opts.Auth.Kind {
	case AuthHeader:
		md.Set(c.opts.Auth.Name, key)
	case AuthBearer, AuthClientCredentials:
		md.Set("authorization", "Bearer "+key)
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// grpcFault maps a gRPC status. Nothing of its message is kept, but whether it
// speaks of a monthly allowance: Pinecone answers RESOURCE_EXHAUSTED both for
// too fast and for used up (vendor documentation as read in 2026-11).
func (c *Client) grpcFault(ctx context.Context, call Call, st *status.Status) error {
	e := &fault.Error{Op: c.opts.Name + "." + call.Op, Provider: c.opts.Name, RetryAfter: retryInfo(st)}
	switch st.Code() {
	case codes.OK:
		return nil
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		e.Kind, e.Message = fault.InvalidInput, "the provider did not accept the request"
	case codes.NotFound:
		e.Kind, e.Message = fault.NotFound, "the provider has no such record"
	case codes.AlreadyExists, codes.Aborted:
		e.Kind, e.Message = fault.Conflict, "the provider holds a newer or another record"
	case codes.Unauthenticated:
		e.Kind, e.Message = fault.Unauthenticated, "the provider refused the key; put a valid one into its secret"
	case codes.PermissionDenied:
		e.Kind, e.Message = fault.Forbidden, "the key may not do this; check its scopes and the plan"
	case codes.ResourceExhausted:
		e.Kind, e.Message = fault.RateLimited, "the provider asks us to slow down"
		if strings.Contains(strings.ToLower(st.Message()), "month") {
			e.Kind, e.Message = fault.QuotaExhausted, "the provider's monthly allowance is used up"
		}
	case codes.Unimplemented, codes.DataLoss:
		e.Kind, e.Message = fault.BadResponse, "the provider does not speak the version of the API that we do"
	default: // Unavailable, Internal, Unknown, DeadlineExceeded, Canceled
		e.Kind, e.Message, e.Err = fault.Unavailable, "no complete answer from the provider", ctx.Err()
		acted(e, call.Idempotent)
	}
	e.Message += " (" + st.Code().String() + ")"
	return e
}

func retryInfo(st *status.Status) time.Duration {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}

// httpStatus is the HTTP status that google.rpc.Code documents for a code;
// zero where there was no answer.
func httpStatus(code codes.Code) int {
	switch code {
	case codes.OK:
		return http.StatusOK
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.NotFound:
		return http.StatusNotFound
	case codes.AlreadyExists, codes.Aborted:
		return http.StatusConflict
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded, codes.Canceled:
		return 0
	default:
		return http.StatusInternalServerError
	}
}
