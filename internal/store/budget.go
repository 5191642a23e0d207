package store

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

// unlimited is the monthly budget of a team that set none.
const unlimited = 1_000_000_000 * money.Dollar

// Budget is what a team may spend at providers in a month, and has spent.
type Budget struct {
	Month    string      `json:"month"`         // YYYY-MM, UTC
	Limit    money.Micro `json:"limitMicroUsd"` // zero: none
	Settled  money.Micro `json:"settledMicroUsd"`
	Reserved money.Micro `json:"reservedMicroUsd"`
}

func (s *Store) budgetPK(team string) string {
	return "BUDGET#" + team + "#" + s.opts.Now().UTC().Format("2006-01")
}

// budgetLimit returns the limit that a team has set.
func (s *Store) budgetLimit(ctx context.Context, team string) (money.Micro, error) {
	var t struct {
		Limit int64 `dynamodbav:"limit"`
	}
	found, err := s.get(ctx, s.opts.Core, "TEAM#"+team, "BUDGET", &t)
	if !found {
		return unlimited, err
	}
	return money.Micro(t.Limit), err
}

// openBudget makes this month's budget of a team from its limit, if it is the
// first reservation of the month.
func (s *Store) openBudget(ctx context.Context, team string) error {
	limit, err := s.budgetLimit(ctx, team)
	if err != nil {
		return err
	}
	err = s.put(ctx, s.opts.Ledger, s.budgetPK(team), "SPEND", map[string]int64{"cap": int64(limit), "room": int64(limit), "settled": 0}, notExists)
	if _, lost := conditionFailed(err); lost {
		return nil
	}
	return err
}

// SetBudget sets what a team may spend in a month, this one included; zero
// takes the limit away. A limit below what is committed already lets nothing
// more be spent this month.
func (s *Store) SetBudget(ctx context.Context, team string, limit money.Micro) error {
	if limit == 0 {
		limit = unlimited
	}
	if err := s.put(ctx, s.opts.Core, "TEAM#"+team, "BUDGET", map[string]int64{"limit": int64(limit)}, ""); err != nil {
		return failure("store.set_budget", err)
	}
	month, found, err := s.month(ctx, team)
	if err != nil || !found {
		return failure("store.set_budget", err) // the month's first reservation takes the new limit
	}
	lost, err := s.updateSpend(ctx, s.budgetPK(team), "SET cap = :cap, room = room + :delta", "cap = :was",
		item{":cap": num(int64(limit)), ":delta": num(int64(limit - month.Cap)), ":was": num(int64(month.Cap))})
	if lost {
		return fault.New(fault.Conflict, "store.set_budget", "somebody else set the budget at this moment; look at it and try again")
	}
	return failure("store.set_budget", err)
}

// Budget reads a team's budget and what of it is spent this month.
func (s *Store) Budget(ctx context.Context, team string) (Budget, error) {
	b := Budget{Month: s.opts.Now().UTC().Format("2006-01")}
	limit, err := s.budgetLimit(ctx, team)
	if err != nil {
		return b, failure("store.budget", err)
	}
	if limit < unlimited {
		b.Limit = limit
	}
	month, _, err := s.month(ctx, team)
	b.Settled, b.Reserved = month.Settled, month.Reserved()
	return b, failure("store.budget", err)
}

// month reads this month's spend of a team; found is false before its first
// reservation.
func (s *Store) month(ctx context.Context, team string) (spend Spend, found bool, err error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.opts.Ledger, Key: key(s.budgetPK(team), "SPEND"), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return Spend{}, false, err
	}
	return spendOf(out.Item), len(out.Item) > 0, nil
}
