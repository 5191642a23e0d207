package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Scopes of an API key.
const (
	ScopeRead  = "read"
	ScopeWrite = "write"
)

// teamOf returns the team of the request's key. Every operation runs behind
// [server.authenticate], so there is one.
func teamOf(ctx context.Context) string { return domain.TeamOf(ctx) }

type callerKey struct{}

// callerOf returns the name of the request's key.
func callerOf(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// authenticate finds the team behind the request's API key and refuses a write
// with a key that may only read.
func (s *server) authenticate(a huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		secret := ctx.Header("X-Api-Key")
		if scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " "); strings.EqualFold(scheme, "Bearer") { // RFC 9110, 11.1
			secret = token
		}
		if secret == "" {
			s.refuse(a, ctx, fault.New(fault.Unauthenticated, "api.authenticate", "no API key: send it as \"Authorization: Bearer sk_...\""))
			return
		}
		k, err := s.Access.APIKeyOf(ctx.Context(), strings.TrimSpace(secret))
		if err != nil {
			s.refuse(a, ctx, err)
			return
		}
		scope := ScopeWrite
		if ctx.Method() == http.MethodGet {
			scope = ScopeRead
		}
		if !slices.Contains(k.Scopes, scope) {
			s.refuse(a, ctx, fault.New(fault.Forbidden, "api.authenticate", "this API key has no "+scope+" scope; use one that has"))
			return
		}
		next(huma.WithContext(ctx, context.WithValue(domain.InTeam(ctx.Context(), k.Team), callerKey{}, k.Name)))
	}
}

func (s *server) refuse(a huma.API, ctx huma.Context, err error) {
	p := s.problem(ctx.Context(), err)
	if p.GetStatus() == http.StatusUnauthorized {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="sluice"`)
	}
	_ = huma.WriteErr(a, ctx, p.GetStatus(), p.Error()) // a client that hung up is not our error
}

// statusOf maps what went wrong to what HTTP calls it.
func statusOf(kind fault.Kind) int {
	switch kind {
	case fault.InvalidInput:
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict, fault.CapReached:
		return http.StatusConflict
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Blocked:
		return http.StatusUnavailableForLegalReasons
	case fault.Unavailable, fault.Unclear, fault.CircuitOpen, fault.QuotaExhausted:
		return http.StatusServiceUnavailable
	case fault.BadResponse, fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// problem turns an error into a problem document, and logs those that are ours.
func (s *server) problem(ctx context.Context, err error) huma.StatusError {
	kind := fault.KindOf(err)
	status := statusOf(kind)
	if status >= http.StatusInternalServerError {
		s.Log.ErrorContext(ctx, "request failed", "kind", string(kind), "error", err)
	}
	p := huma.NewError(status, fault.Message(err))
	if after := fault.RetryAfter(err); after > 0 {
		withHeader := huma.ErrorWithHeaders(p, http.Header{"Retry-After": {strconv.Itoa(int(after.Seconds()) + 1)}})
		if e, ok := errors.AsType[huma.StatusError](withHeader); ok {
			return e
		}
	}
	return p
}

// idempotent runs a write once per Idempotency-Key; without a key it just runs.
// newID makes the ids of what is created: with a key each attempt gets the same
// ones, so that a repetition finishes what an attempt that was cut off began.
func idempotent[T any](ctx context.Context, s *server, operation, key string, request any, run func(newID func() string) (T, error)) (T, error) {
	var out T
	if key == "" {
		return run(s.NewID)
	}
	print, err := json.Marshal(request)
	if err != nil {
		return out, err
	}
	sum := sha256.Sum256(append([]byte(operation+"\n"), print...))
	answer, err := s.Access.Idempotent(ctx, teamOf(ctx), operation+"\n"+key, hex.EncodeToString(sum[:]), func(seed string) ([]byte, error) {
		n := 0
		made, err := run(func() string { n++; return domain.ID("", seed, strconv.Itoa(n)) })
		if err != nil {
			return nil, err
		}
		return json.Marshal(made)
	})
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(answer, &out)
}
