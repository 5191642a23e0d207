package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

// Spend is what a run has spent and may still spend.
type Spend struct {
	Cap        money.Micro            // the most it may spend
	Free       money.Micro            // not yet reserved
	Settled    money.Micro            // spent for certain
	ByProvider map[string]money.Micro // Settled, by provider
	Alerts     []Alert                // about this cap, the smallest share first
}

// Reserved returns what is set aside for calls whose price is not yet known.
func (s Spend) Reserved() money.Micro { return s.Cap - s.Free - s.Settled }

func spendPK(run string) string { return "RUN#" + run }

// OpenSpend gives a run its cap; a repetition changes nothing.
func (s *Store) OpenSpend(ctx context.Context, ref domain.Ref, limit money.Micro) error {
	err := s.put(ctx, s.opts.Ledger, spendPK(ref.Run), "SPEND", map[string]int64{"cap": int64(limit), "room": int64(limit), "settled": 0}, notExists)
	if _, lost := conditionFailed(err); lost {
		err = nil
	}
	return failure("store.open_spend", err)
}

// RaiseCap sets a run's cap to limit, which must not be below what is already
// committed (fault Conflict). A run whose plan has not opened its spend yet gets
// it with this cap, which then holds against the plan's.
func (s *Store) RaiseCap(ctx context.Context, ref domain.Ref, limit money.Micro) error {
	now, err := s.Spend(ctx, ref)
	if err != nil {
		return err
	}
	update, condition := "SET cap = :cap, room = :cap, settled = :zero", notExists
	values := item{":cap": num(int64(limit)), ":zero": num(0)}
	if now.Cap > 0 {
		delta := limit - now.Cap
		update, condition = "SET cap = :cap, room = room + :delta", "cap = :was AND room >= :low"
		values = item{":cap": num(int64(limit)), ":delta": num(int64(delta)), ":was": num(int64(now.Cap)), ":low": num(int64(max(0, -delta)))}
	}
	lost, err := s.updateSpend(ctx, spendPK(ref.Run), update, condition, values)
	if !lost {
		return failure("store.raise_cap", err)
	}
	if committed := now.Cap - now.Free; limit < committed {
		return fault.New(fault.Conflict, "store.raise_cap", "the cap cannot go below what is already spent or reserved, "+committed.String())
	}
	return fault.New(fault.Conflict, "store.raise_cap", "the run's spend changed at this moment; try again")
}

// updateSpend changes an item that reservations change in transactions. It is a
// transaction itself, so that a conflict with one of them is tried again. lost
// is true if the condition did not hold.
func (s *Store) updateSpend(ctx context.Context, pk, update, condition string, values item) (lost bool, err error) {
	reasons, err := s.transact(ctx, []types.TransactWriteItem{{Update: &types.Update{
		TableName: &s.opts.Ledger, Key: key(pk, "SPEND"),
		UpdateExpression: &update, ConditionExpression: &condition, ExpressionAttributeValues: values,
	}}})
	return lostAt(reasons, 0), err
}

// Spend reads a run's spend.
func (s *Store) Spend(ctx context.Context, ref domain.Ref) (Spend, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), "SPEND"), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return Spend{}, failure("store.spend", err)
	}
	return spendOf(out.Item), nil
}

func spendOf(it item) Spend {
	spend := Spend{
		Cap: money.Micro(intOf(it, "cap")), Free: money.Micro(intOf(it, "room")), Settled: money.Micro(intOf(it, "settled")),
		ByProvider: map[string]money.Micro{}, Alerts: alertsOf(it),
	}
	for name := range it {
		if provider, ok := strings.CutPrefix(name, "p_"); ok {
			spend.ByProvider[provider] = money.Micro(intOf(it, name))
		}
	}
	return spend
}

// Reservation is money set aside before paid calls are made, and the questions
// it was set aside for, in the order in which they are asked.
type Reservation struct {
	ID        string // unique within the run: "<chunk>/<provider>/<attempt>"
	Provider  string
	Max       money.Micro // the most that the calls can cost
	Questions []byte      // [QuestionSize] bytes each
	Mail      []byte      // short hashes of what the DNS had said when the questions were chosen; see pipeline/enrich
	Open      bool
	Presumed  bool        // its run was over before it was settled: it is counted at Max
	Actual    money.Micro // once settled
	// Prepaid are those of the questions whose answers were lost after they may have
	// been charged, though the provider repeats them for nothing. Settling keeps them.
	Prepaid []byte
}

// Left is what is known of the reservations of a chunk and provider.
type Left struct {
	Open    *Reservation // that a killed worker never settled, or the run's end presumed to be spent; nil: none
	Made    int          // how many there are; zero: nothing was asked yet
	Prepaid []byte       // of all that are settled
}

// QuestionSize is the length of a question's short hash within a reservation. Two of
// a chunk's 500 questions share theirs in one chunk of 30,000, which matters only if
// the worker is killed with one of them out: then one answer is counted twice.
const QuestionSize = 4

func reservationPK(run string) string { return "RUN#" + run + "#RESV" }

// Reserve sets r.Max aside under the run's cap and the team's month, in one
// transaction. Too little left is a fault CapReached; a reservation of that id
// that exists already is a fault Conflict.
func (s *Store) Reserve(ctx context.Context, ref domain.Ref, r Reservation) error {
	for {
		reasons, err := s.transact(ctx, s.reserveItems(ref, r))
		if err != nil {
			return failure("store.reserve", err)
		}
		switch {
		case reasons == nil:
			return nil
		case lostAt(reasons, 2):
			return fault.New(fault.Conflict, "store.reserve", "this reservation exists already")
		case lostAt(reasons, 0) && intOf(reasons[0].Item, "runover") == 1:
			return fault.New(fault.Conflict, "store.reserve", "the run is over; nothing more is bought for it")
		case lostAt(reasons, 0):
			return fault.New(fault.CapReached, "store.reserve", "the run's spending cap is reached; raise it with PATCH {\"status\":\"running\",\"capUsd\":...} to go on")
		case lostAt(reasons, 1) && len(reasons[1].Item) == 0:
			if err := s.openBudget(ctx, ref.Team); err != nil {
				return failure("store.reserve", err)
			}
		case lostAt(reasons, 1):
			return fault.New(fault.CapReached, "store.reserve", "the team's budget for this month is used up; raise it with \"sluice team budget\" and resume within seven days, after which what waits is given up")
		}
	}
}

func (s *Store) reserveItems(ref domain.Ref, r Reservation) []types.TransactWriteItem {
	take := func(pk, condition string) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{
			TableName: &s.opts.Ledger, Key: key(pk, "SPEND"),
			UpdateExpression: aws.String("SET room = room - :max"), ConditionExpression: &condition,
			ExpressionAttributeValues:           item{":max": num(int64(r.Max))},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}}
	}
	month := s.budgetPK(ref.Team) // once: it changes at midnight
	it := key(reservationPK(ref.Run), r.ID)
	it["provider"], it["max"], it["open"] = str(r.Provider), num(int64(r.Max)), num(1)
	it["month"] = str(month)
	if len(r.Questions) > 0 {
		it["questions"] = bin(r.Questions)
	}
	if len(r.Mail) > 0 {
		it["mail"] = bin(r.Mail)
	}
	return []types.TransactWriteItem{
		take(spendPK(ref.Run), "room >= :max AND attribute_not_exists(runover)"),
		take(month, "room >= :max"),
		{Put: &types.Put{TableName: &s.opts.Ledger, Item: it, ConditionExpression: aws.String(notExists)}},
	}
}

// Settle closes a reservation at what the calls really cost and gives the rest
// back. Settling twice changes nothing, except that it puts right what
// [Store.SettleOpen] presumed.
func (s *Store) Settle(ctx context.Context, ref domain.Ref, r Reservation, actual money.Micro) error {
	for {
		closed, state, err := s.settleOnce(ctx, ref, r, actual)
		if err != nil || closed || state != "open" {
			return failure("store.settle", err)
		}
		// It was not open any more: settled before, or presumed at this moment.
		presumed, err := s.presumed(ctx, ref, r.ID)
		if err != nil || !presumed {
			return failure("store.settle", err)
		}
	}
}

func (s *Store) presumed(ctx context.Context, ref domain.Ref, id string) (bool, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.opts.Ledger, Key: key(reservationPK(ref.Run), id), ConsistentRead: aws.Bool(true),
		ProjectionExpression: aws.String("presumed"),
	})
	if err != nil {
		return false, err
	}
	return intOf(out.Item, "presumed") == 1, nil
}

func (s *Store) settleOnce(ctx context.Context, ref domain.Ref, r Reservation, actual money.Micro) (closed bool, state string, err error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.opts.Ledger, Key: key(reservationPK(ref.Run), r.ID), ConsistentRead: aws.Bool(true),
		ProjectionExpression: aws.String("#month, presumed"), ExpressionAttributeNames: map[string]string{"#month": "month"},
	})
	if err != nil {
		return false, "", err
	}
	c := closing{month: textOf(out.Item, "month"), state: "open", update: "SET actual = :actual REMOVE #state, questions, mail"}
	if len(r.Prepaid) > 0 {
		c.update, c.prepaid = "SET actual = :actual, prepaid = :prepaid REMOVE #state, questions, mail", r.Prepaid
	}
	if intOf(out.Item, "presumed") == 1 {
		c.state, c.counted = "presumed", r.Max
	}
	closed, err = s.closeReservation(ctx, ref, r, actual, c)
	return closed, c.state, err
}

// SettleOpen settles every reservation that a run left open at its full amount:
// nobody can tell any more which of its calls were made. A worker that is still
// alive puts it right when it settles, or one that takes its chunk up again. From
// then on nothing can be reserved until [Store.RetryRun]: a reservation of a dying
// worker that is on its way would stay open for good.
func (s *Store) SettleOpen(ctx context.Context, ref domain.Ref) error {
	if _, err := s.updateSpend(ctx, spendPK(ref.Run), "SET runover = :one", "attribute_exists(pk)", item{":one": num(1)}); err != nil {
		return failure("store.settle_open", err)
	}
	err := s.query(ctx, s.opts.Ledger, reservationPK(ref.Run), "", func(it item) error {
		if intOf(it, "open") != 1 {
			return nil
		}
		r := Reservation{ID: textOf(it, "sk"), Provider: textOf(it, "provider"), Max: money.Micro(intOf(it, "max"))}
		_, err := s.closeReservation(ctx, ref, r, r.Max, closing{
			month: textOf(it, "month"), state: "open", update: "SET actual = :actual, presumed = #state REMOVE #state",
		})
		return err
	})
	return failure("store.settle_open", err)
}

// closing is how a reservation is closed.
type closing struct {
	month   string      // key of the budget from which the money was set aside
	state   string      // attribute that must be there: without it somebody else was first
	counted money.Micro // settled already
	update  string      // of the reservation
	prepaid []byte      // that the update keeps
}

// closeReservation reports whether it closed the reservation: not if it is not in
// the state any more.
func (s *Store) closeReservation(ctx context.Context, ref domain.Ref, r Reservation, actual money.Micro, c closing) (closed bool, err error) {
	settle := func(pk string) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{
			TableName: &s.opts.Ledger, Key: key(pk, "SPEND"),
			UpdateExpression:          aws.String("SET room = room + :back, settled = settled + :more ADD #p :more"),
			ExpressionAttributeNames:  map[string]string{"#p": "p_" + r.Provider},
			ExpressionAttributeValues: item{":back": num(int64(r.Max - actual)), ":more": num(int64(actual - c.counted))},
		}}
	}
	of := callsOf{ref.Team, r.Provider}
	month, made := settle(c.month), s.calls.take(of)
	if made > 0 {
		month.Update.UpdateExpression = aws.String(*month.Update.UpdateExpression + ", #n :made")
		month.Update.ExpressionAttributeNames["#n"] = callsPrefix + r.Provider
		month.Update.ExpressionAttributeValues[":made"] = num(made)
	}
	values := item{":actual": num(int64(actual))}
	if len(c.prepaid) > 0 {
		values[":prepaid"] = bin(c.prepaid)
	}
	reasons, err := s.transact(ctx, []types.TransactWriteItem{
		settle(spendPK(ref.Run)),
		month,
		{Update: &types.Update{
			TableName: &s.opts.Ledger, Key: key(reservationPK(ref.Run), r.ID),
			UpdateExpression: &c.update, ConditionExpression: aws.String("attribute_exists(#state)"),
			ExpressionAttributeNames:  map[string]string{"#state": c.state},
			ExpressionAttributeValues: values,
		}},
	})
	if err != nil || reasons != nil { // nothing was written
		s.calls.add(of, made)
	}
	return err == nil && reasons == nil, err
}

// Reserved reads what the reservations of a chunk and provider have left.
func (s *Store) Reserved(ctx context.Context, ref domain.Ref, provider string) (left Left, err error) {
	err = s.query(ctx, s.opts.Ledger, reservationPK(ref.Run), ref.Chunk+"/"+provider+"/", func(it item) error {
		left.Made++
		left.Prepaid = append(left.Prepaid, bytesOf(it, "prepaid")...)
		if intOf(it, "open") == 1 || intOf(it, "presumed") == 1 {
			left.Open = &Reservation{ID: textOf(it, "sk"), Provider: provider, Max: money.Micro(intOf(it, "max")), Questions: bytesOf(it, "questions"), Mail: bytesOf(it, "mail"), Open: intOf(it, "open") == 1, Presumed: intOf(it, "presumed") == 1}
		}
		return nil
	})
	return left, failure("store.reserved", err)
}

// transact runs a write transaction. reasons is nil after a success; if a condition
// did not hold, it has one cancellation reason per item. Conflicts with other
// transactions are retried a few times; that they go on, or that a partition is
// throttled, is an error, for nothing was written.
func (s *Store) transact(ctx context.Context, items []types.TransactWriteItem) (reasons []types.CancellationReason, err error) {
	for attempt := range 10 {
		_, err = s.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok {
			return nil, err
		}
		reasons = canceled.CancellationReasons
		conflict := false
		for _, r := range reasons {
			conflict = conflict || aws.ToString(r.Code) == "TransactionConflict"
		}
		if !conflict {
			break
		}
		if err := sleep(ctx, time.Duration(rand.Int64N(int64(20*time.Millisecond)<<min(attempt, 5)))); err != nil { //nolint:gosec // jitter needs no secrecy
			return nil, err
		}
	}
	var codes []string
	for i := range reasons {
		if lostAt(reasons, i) {
			return reasons, nil
		}
		codes = append(codes, aws.ToString(reasons[i].Code))
	}
	return nil, errors.New("the ledger is busy: " + strings.Join(codes, ", "))
}

func lostAt(reasons []types.CancellationReason, i int) bool {
	return i < len(reasons) && aws.ToString(reasons[i].Code) == "ConditionalCheckFailed"
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
