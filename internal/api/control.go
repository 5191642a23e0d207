package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// CampaignChange pauses or resumes a campaign's run.
type CampaignChange struct {
	Status string   `json:"status" enum:"paused,running"`
	CapUSD *float64 `json:"capUsd,omitempty" doc:"A new spending cap for the run"`
}

func (s *server) registerControl(a huma.API) {
	huma.Register(a, huma.Operation{
		OperationID: "change-campaign", Method: http.MethodPatch, Path: base + "/campaigns/{campaignId}",
		Summary: "Pause or resume a campaign's run, or raise its cap",
	}, func(ctx context.Context, in *struct {
		ID   string `path:"campaignId"`
		Body CampaignChange
	},
	) (*campaignOutput, error) {
		if err := s.change(ctx, in.ID, in.Body); err != nil {
			return nil, s.problem(ctx, err)
		}
		status, err := s.campaignStatus(ctx, in.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &campaignOutput{status}, nil
	})
}

func (s *server) change(ctx context.Context, id string, in CampaignChange) error {
	c, err := s.Campaigns.Campaign(ctx, teamOf(ctx), id)
	if err != nil {
		return err
	}
	ref := domain.Ref{Team: c.Team, Campaign: c.ID, Run: c.RunID}
	run, err := s.Campaigns.Run(ctx, ref)
	if err != nil {
		return err
	}
	if run.Status.Ended() {
		return errEnded
	}
	if in.CapUSD != nil {
		limit, err := capOf(*in.CapUSD)
		if err != nil {
			return err
		}
		if err := s.Campaigns.RaiseCap(ctx, ref, limit); err != nil {
			return err
		}
	}
	if in.Status == string(domain.RunPaused) {
		err := s.Campaigns.SetRunStatus(ctx, ref, domain.RunPaused, "paused by a person", domain.RunRunning, domain.RunPaused)
		return ended(err)
	}
	if err := s.Campaigns.SetRunStatus(ctx, ref, domain.RunRunning, "", domain.RunPaused, domain.RunRunning); err != nil {
		return ended(err)
	}
	// The status was changed first: a worker that parks a message after this
	// reads it, sees that the run goes on, and takes its message back.
	return s.unpark(ctx, ref)
}

var errEnded = fault.New(fault.Conflict, "api.change", "the run has ended; there is nothing to pause, resume or pay for")

func ended(err error) error {
	if fault.Is(err, fault.Conflict) {
		return errEnded
	}
	return err
}

// unpark sends every message that waited for the run to its queue. A message
// is sent before it is removed: if this is cut short, it may come twice, but
// is never lost.
func (s *server) unpark(ctx context.Context, ref domain.Ref) error {
	parked, err := s.Campaigns.Parked(ctx, ref)
	if err != nil {
		return err
	}
	for _, p := range parked {
		if err := s.Machine.Send(ctx, p.Queue, []byte(p.Body), 0); err != nil {
			return err
		}
		if _, err := s.Campaigns.Unpark(ctx, ref, p.ID); err != nil {
			return err
		}
	}
	return nil
}
