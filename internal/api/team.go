package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/store"
)

// registerTeam adds what a team may know of itself. Its budget is set by the
// account's owner, with "sluice team budget": a key of the team must not be able
// to lift its own limit.
func (s *server) registerTeam(a huma.API) {
	type budgetOutput struct{ Body store.Budget }
	huma.Register(a, huma.Operation{
		OperationID: "get-budget", Method: http.MethodGet, Path: "/api/v1/team/budget",
		Summary: "Read what the team may spend at providers this month, and has spent",
	}, func(ctx context.Context, _ *struct{}) (*budgetOutput, error) {
		b, err := s.Team.Budget(ctx, teamOf(ctx))
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &budgetOutput{b}, nil
	})
}
