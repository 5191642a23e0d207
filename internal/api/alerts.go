package api

import (
	"context"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// Alert says that a share of a cap is spent.
type Alert struct {
	Scope string `json:"scope" enum:"run,month" doc:"The run's cap, or what the team may spend in this month"`
	store.Alert
}

// alerts are what was told about a run's cap and its team's month. They are
// made where money is settled, package budget says how.
func (s *server) alerts(ctx context.Context, run store.Spend) ([]Alert, error) {
	out := []Alert{}
	for _, a := range run.Alerts {
		out = append(out, Alert{"run", a})
	}
	month, err := s.Team.Month(ctx, teamOf(ctx))
	for _, a := range month.Alerts {
		out = append(out, Alert{"month", a})
	}
	return out, err
}

// UnitCosts are what a run's rows have cost, in what a business buys: all that
// is settled, discovery and embeddings too, over how many there are. Without
// any there is none.
type UnitCosts struct {
	PerRow             *money.Micro `json:"perRowMicroUsd,omitempty"`
	PerVerifiedContact *money.Micro `json:"perVerifiedContactMicroUsd,omitempty" doc:"Per row with an address that a verifier found safe"`
	PerQualifiedLead   *money.Micro `json:"perQualifiedLeadMicroUsd,omitempty"`
}

func unitCosts(settled money.Micro, t domain.Totals) UnitCosts {
	per := func(n int) *money.Micro {
		if n == 0 {
			return nil
		}
		share := settled / money.Micro(n)
		return &share
	}
	return UnitCosts{PerRow: per(t.Rows.In), PerVerifiedContact: per(t.Verified), PerQualifiedLead: per(t.Rows.Qualified)}
}
