package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
)

// Alert says that a share of a cap was spent.
type Alert struct {
	Percent int         `json:"percent"`
	Cap     money.Micro `json:"capMicroUsd"` // of which
	At      time.Time   `json:"at"`
}

// alertPrefix begins the attributes with the last alert of each percentage,
// "<cap> <milliseconds>": a cap that was raised can be used up to the same share
// again.
const alertPrefix = "alert"

// AlertRun records that a percentage of a run's cap was spent. first is false if
// that is known already.
func (s *Store) AlertRun(ctx context.Context, ref domain.Ref, percent int, limit money.Micro) (first bool, err error) {
	return s.alert(ctx, spendPK(ref.Run), percent, limit)
}

// AlertMonth does the same for the team's month.
func (s *Store) AlertMonth(ctx context.Context, team string, percent int, limit money.Micro) (first bool, err error) {
	return s.alert(ctx, s.budgetPK(team), percent, limit)
}

func (s *Store) alert(ctx context.Context, pk string, percent int, limit money.Micro) (bool, error) {
	name := alertPrefix + strconv.Itoa(percent)
	prefix := strconv.FormatInt(int64(limit), 10) + " "
	lost, err := s.updateSpend(ctx, pk, "SET "+name+" = :alert", "attribute_not_exists("+name+") OR NOT begins_with("+name+", :cap)",
		item{":alert": str(prefix + strconv.FormatInt(s.opts.Now().UnixMilli(), 10)), ":cap": str(prefix)})
	return !lost && err == nil, failure("store.alert", err)
}

// alertsOf are the alerts of an item whose cap is the present one.
func alertsOf(it item) []Alert {
	var all []Alert
	for name := range it {
		number, ok := strings.CutPrefix(name, alertPrefix)
		percent, err := strconv.Atoi(number)
		limit, at, two := strings.Cut(textOf(it, name), " ")
		if !ok || err != nil || !two || limit != strconv.FormatInt(intOf(it, "cap"), 10) {
			continue
		}
		if ms, err := strconv.ParseInt(at, 10, 64); err == nil {
			all = append(all, Alert{Percent: percent, Cap: money.Micro(intOf(it, "cap")), At: time.UnixMilli(ms).UTC()})
		}
	}
	slices.SortFunc(all, func(a, b Alert) int { return a.Percent - b.Percent })
	return all
}

// Month reads what a team has spent this month; a zero Cap is none.
func (s *Store) Month(ctx context.Context, team string) (Spend, error) {
	month, _, err := s.month(ctx, team)
	if month.Cap >= unlimited {
		month.Cap = 0
	}
	return month, failure("store.month", err)
}
