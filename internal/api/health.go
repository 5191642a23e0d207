package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/health"
)

// Health is what the API needs of the store to tell how providers are.
type Health interface {
	Health(ctx context.Context, provider string) (before, hour health.Counts, err error)
}

// Breakers opens and closes circuit breakers by hand, each for the account whose
// key the context's team uses.
type Breakers interface {
	State(ctx context.Context, provider string) (breaker.Record, error)
	Open(ctx context.Context, provider, reason, by string) error
	Close(ctx context.Context, provider, reason, by string) error
}

// ProviderHealth is how a provider is.
type ProviderHealth struct {
	Provider string       `json:"provider"`
	Hour     HealthSpan   `json:"lastHour"`
	Day      HealthSpan   `json:"lastDay"`
	Trend    string       `json:"trend" enum:"up,down,steady,unknown" doc:"The last hour beside the 23 before it: up is healthier; unknown: too few calls to tell"`
	Breaker  BreakerState `json:"breaker"`
}

// HealthSpan sums up the calls of a time, of all teams and workers. The last
// minute of a worker may be missing.
type HealthSpan struct {
	Calls      int     `json:"calls"`
	ErrorShare float64 `json:"errorShare" doc:"0 to 1: no answer, a 5xx, or nonsense"`
	P95MS      int64   `json:"p95Ms" doc:"95 % of the answers took at most this, to the next half as much again; 0: nobody asked"`
	Throttled  int     `json:"throttled" doc:"Answers that we are too fast"`
}

// BreakerState is the position of a circuit breaker.
type BreakerState struct {
	State  string     `json:"state" enum:"closed,open,half-open"`
	Manual bool       `json:"manual" doc:"A person opened it, and only a person closes it"`
	Reason string     `json:"reason,omitempty"`
	By     string     `json:"by,omitempty" doc:"Name of the API key with which somebody opened or closed it by hand"`
	At     *time.Time `json:"at,omitempty"`
	Until  *time.Time `json:"until,omitempty" doc:"When one that opened by itself is tried again"`
}

// BreakerChange opens or closes a breaker.
type BreakerChange struct {
	State  string `json:"state" enum:"open,closed"`
	Reason string `json:"reason" minLength:"3" maxLength:"200" doc:"For whoever wonders later; no personal data"`
}

func spanOf(c health.Counts) HealthSpan {
	return HealthSpan{Calls: c.Calls, ErrorShare: c.ErrorShare(), P95MS: c.P95().Milliseconds(), Throttled: c.Throttled}
}

func breakerOf(r breaker.Record) BreakerState {
	out := BreakerState{State: string(r.State), Manual: r.Manual(), Reason: r.Reason, By: r.By}
	if r.State == "" {
		out.State = string(breaker.Closed)
	}
	if !r.At.IsZero() {
		out.At = &r.At
	}
	if !r.Until.IsZero() {
		out.Until = &r.Until
	}
	return out
}

func (s *server) registerHealth(a huma.API) {
	type listOutput struct {
		Body struct {
			Providers []ProviderHealth `json:"providers"`
		}
	}
	huma.Register(a, huma.Operation{
		OperationID: "list-provider-health", Method: http.MethodGet, Path: "/api/v1/health/providers",
		Summary: "Read how the providers are, and where they are going",
	}, func(ctx context.Context, _ *struct{}) (*listOutput, error) {
		out := &listOutput{}
		out.Body.Providers = []ProviderHealth{}
		for _, name := range slices.Sorted(maps.Keys(s.Providers)) {
			h, err := s.healthOf(ctx, name)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			out.Body.Providers = append(out.Body.Providers, h)
		}
		return out, nil
	})
	type oneInput struct {
		Name string `path:"provider"`
	}
	type oneOutput struct{ Body ProviderHealth }
	huma.Register(a, huma.Operation{
		OperationID: "get-provider-health", Method: http.MethodGet, Path: "/api/v1/health/providers/{provider}", Summary: "Read how one provider is",
	}, func(ctx context.Context, in *oneInput) (*oneOutput, error) {
		h, err := s.healthOf(ctx, in.Name)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &oneOutput{h}, nil
	})
	type breakerInput struct {
		Name string `path:"provider"`
		Body BreakerChange
	}
	huma.Register(a, huma.Operation{
		OperationID: "set-breaker", Method: http.MethodPut, Path: "/api/v1/health/providers/{provider}/breaker",
		Summary: "Suspend all calls to a provider, or let them through again",
	}, func(ctx context.Context, in *breakerInput) (*oneOutput, error) {
		if err := s.setBreaker(ctx, in.Name, in.Body); err != nil {
			return nil, s.problem(ctx, err)
		}
		h, err := s.healthOf(ctx, in.Name)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &oneOutput{h}, nil
	})
}

func (s *server) healthOf(ctx context.Context, name string) (ProviderHealth, error) {
	if _, ok := s.Providers[name]; !ok {
		return ProviderHealth{}, fault.New(fault.NotFound, "api.health", "there is no provider "+quote(name)+" here")
	}
	before, hour, err := s.Health.Health(ctx, name)
	if err != nil {
		return ProviderHealth{}, err
	}
	r, err := s.Breakers.State(ctx, name)
	return ProviderHealth{
		Provider: name, Hour: spanOf(hour), Day: spanOf(before.Plus(hour)), Trend: string(health.TrendOf(before, hour)), Breaker: breakerOf(r),
	}, err
}

func (s *server) setBreaker(ctx context.Context, name string, in BreakerChange) error {
	if _, ok := s.Providers[name]; !ok {
		return fault.New(fault.NotFound, "api.breaker", "there is no provider "+quote(name)+" here")
	}
	set := s.Breakers.Close
	if in.State == string(breaker.Open) {
		set = s.Breakers.Open
	}
	return set(ctx, name, strings.TrimSpace(in.Reason), callerOf(ctx))
}
