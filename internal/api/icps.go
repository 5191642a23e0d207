package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

const base = "/api/v1/prospecting"

func (s *server) registerICPs(a huma.API) {
	type icpOutput struct{ Body domain.ICP }
	huma.Register(a, huma.Operation{
		OperationID: "create-icp", Method: http.MethodPost, Path: base + "/icps", Summary: "Create an ICP", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, in *struct {
		Key  string `header:"Idempotency-Key"`
		Body domain.ICP
	},
	) (*icpOutput, error) {
		icp, err := idempotent(ctx, s, "create-icp", in.Key, in.Body, func(newID func() string) (domain.ICP, error) { return s.createICP(ctx, in.Body, newID) })
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &icpOutput{icp}, nil
	})
	huma.Register(a, huma.Operation{
		OperationID: "get-icp", Method: http.MethodGet, Path: base + "/icps/{icpId}", Summary: "Read an ICP",
	}, func(ctx context.Context, in *struct {
		ID string `path:"icpId"`
	},
	) (*icpOutput, error) {
		icp, err := s.Campaigns.ICP(ctx, teamOf(ctx), in.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &icpOutput{icp}, nil
	})
	type listOutput struct{ Body ICPList }
	huma.Register(a, huma.Operation{
		OperationID: "list-icps", Method: http.MethodGet, Path: base + "/icps", Summary: "List the team's ICPs",
	}, func(ctx context.Context, _ *struct{}) (*listOutput, error) {
		icps, err := s.Campaigns.ICPs(ctx, teamOf(ctx))
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		out := &listOutput{}
		out.Body.ICPs = icps
		return out, nil
	})
	type suppression struct{ Body Suppression }
	huma.Register(a, huma.Operation{
		OperationID: "suppress", Method: http.MethodPost, Path: base + "/suppressions", DefaultStatus: http.StatusNoContent,
		Summary: "Put somebody on the do-not-contact list: nothing is paid for or pushed about them any more",
	}, func(ctx context.Context, in *suppression) (*struct{}, error) {
		if err := s.Prospects.Suppress(ctx, teamOf(ctx), in.Body.Value); err != nil {
			return nil, s.problem(ctx, err)
		}
		return nil, nil
	})
	huma.Register(a, huma.Operation{
		OperationID: "unsuppress", Method: http.MethodDelete, Path: base + "/suppressions", DefaultStatus: http.StatusNoContent,
		Summary: "Take somebody off the do-not-contact list",
	}, func(ctx context.Context, in *suppression) (*struct{}, error) {
		if err := s.Prospects.Unsuppress(ctx, teamOf(ctx), in.Body.Value); err != nil {
			return nil, s.problem(ctx, err)
		}
		return nil, nil
	})
}

// ICPList is a team's ICPs.
type ICPList struct {
	ICPs []domain.ICP `json:"icps"`
}

// Suppression names somebody not to contact.
type Suppression struct {
	Value string `json:"value" minLength:"3" maxLength:"320" doc:"An e-mail address, a company's domain or a profile URL"`
}

func (s *server) createICP(ctx context.Context, icp domain.ICP, newID func() string) (domain.ICP, error) {
	if icp.ID == "" {
		icp.ID = newID()
	}
	if len(icp.ID) > 64 {
		return icp, fault.New(fault.InvalidInput, "api.create_icp", "the ICP's id is longer than 64 characters")
	}
	if err := icp.Validate(); err != nil {
		return icp, err
	}
	earlier, err := s.Campaigns.ICP(ctx, teamOf(ctx), icp.ID)
	switch {
	case err == nil:
		icp.Version = earlier.Version + 1
	case !fault.Is(err, fault.NotFound):
		return icp, err
	default:
		icp.Version = 1
	}
	return icp, s.Campaigns.PutICP(ctx, teamOf(ctx), icp)
}
