package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

type teamBudgetCommand struct {
	deployment
	Limit string `help:"The most that all runs of the team may spend at providers in a calendar month (UTC), in dollars; none takes the limit away. Without it the budget is shown." placeholder:"USD"`
	JSON  bool   `name:"json" help:"Print one JSON object."`
}

// Run sets or shows a team's monthly budget, with the AWS credentials of the
// environment: an API key of the team must not be able to lift its own limit.
func (b *teamBudgetCommand) Run(ctx context.Context, t terminal) error {
	var limit money.Micro // zero: none
	if b.Limit != "" && b.Limit != "none" {
		var err error
		if limit, err = money.Parse(b.Limit); err != nil || limit == 0 {
			return fault.New(fault.InvalidInput, "cli.budget", "--limit wants dollars above zero such as 500 or 99.50, or none")
		}
	}
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	if b.Limit != "" {
		if err := s.SetBudget(ctx, b.Team, limit); err != nil {
			return b.refusal(err)
		}
	}
	now, err := s.Budget(ctx, b.Team)
	if err != nil {
		return b.refusal(err)
	}
	if b.JSON {
		return json.NewEncoder(t.out).Encode(now)
	}
	of := "no limit"
	if now.Limit > 0 {
		of = "of at most " + now.Limit.String() + " a month"
	}
	_, err = fmt.Fprintf(t.out, "%s: %s spent and %s reserved in %s, %s\n", b.Team, now.Settled, now.Reserved, now.Month, of)
	return err
}
