package budget_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

var ref = domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: "s0001-00002"}

// ledger is a run's money in memory.
type ledger struct {
	room         money.Micro
	reservations []store.Reservation
	failSettle   error
}

func (l *ledger) Reserve(ctx context.Context, _ domain.Ref, r store.Reservation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.room < r.Max {
		return fault.New(fault.CapReached, "test.reserve", "the cap is reached")
	}
	l.room -= r.Max
	r.Open = true
	l.reservations = append(l.reservations, r)
	return nil
}

func (l *ledger) Settle(ctx context.Context, _ domain.Ref, r store.Reservation, actual money.Micro) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.failSettle != nil {
		return l.failSettle
	}
	for i := range l.reservations {
		if have := &l.reservations[i]; have.ID == r.ID && have.Open {
			have.Open, have.Actual = false, actual
			l.room += have.Max - actual
		}
	}
	return nil
}

func (l *ledger) Reserved(context.Context, domain.Ref, string) (store.Left, error) {
	left := store.Left{Made: len(l.reservations)}
	for _, r := range l.reservations {
		if r.Open {
			left.Open = &r
		}
	}
	return left, nil
}

func costs(c money.Micro, err error) func(context.Context) (money.Micro, error) {
	return func(context.Context) (money.Micro, error) { return c, err }
}

func TestACallIsReservedThenSettledAtItsPrice(t *testing.T) {
	t.Parallel()
	l := &ledger{room: 100}
	b := budget.Budget{Ledger: l}
	err := b.Spend(t.Context(), ref, "openai", 60, func(context.Context) (money.Micro, error) {
		if l.room != 40 {
			t.Errorf("while the call is out %s are free, want %s", l.room, money.Micro(40))
		}
		return 25, nil
	})
	want := []store.Reservation{{ID: "s0001-00002/openai/0", Provider: "openai", Max: 60, Actual: 25}}
	if diff := cmp.Diff(want, l.reservations); diff != "" || err != nil || l.room != 75 {
		t.Errorf("%v, %s free; reservations (-want +got):\n%s", err, l.room, diff)
	}
}

func TestACallThatFailsIsSettledAllTheSame(t *testing.T) {
	t.Parallel()
	l := &ledger{room: 100}
	cause := fault.New(fault.Unavailable, "test.call", "half of it came")
	if err := (budget.Budget{Ledger: l}).Spend(t.Context(), ref, "openai", 60, costs(10, cause)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Spend = %v, want the call's error", err)
	}
	if l.room != 90 || l.reservations[0].Open {
		t.Errorf("%s free, reservation %+v; want what was charged settled", l.room, l.reservations[0])
	}
}

func TestACallThatMayHaveBeenChargedIsSettledInFull(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.Unclear, fault.BadResponse} {
		l := &ledger{room: 100}
		cause := fault.New(kind, "test.call", "the answer is not to be had")
		if err := (budget.Budget{Ledger: l}).Spend(t.Context(), ref, "openai", 60, costs(0, cause)); !fault.Is(err, kind) {
			t.Errorf("Spend = %v, want the call's error", err)
		}
		if l.room != 40 || l.reservations[0].Open {
			t.Errorf("%s: %s free, reservation %+v; want all of it settled", kind, l.room, l.reservations[0])
		}
	}
}

// The deadline passes while the call is out: the money is spent nevertheless.
func TestACallThatOutlivesItsDeadlineIsSettled(t *testing.T) {
	t.Parallel()
	l := &ledger{room: 100}
	ctx, cancel := context.WithCancel(t.Context())
	err := budget.Budget{Ledger: l}.Spend(ctx, ref, "openai", 60, func(ctx context.Context) (money.Micro, error) {
		cancel()
		return 60, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || l.room != 40 || l.reservations[0].Open {
		t.Errorf("Spend = %v, %s free, reservation %+v", err, l.room, l.reservations[0])
	}
}

func TestAtTheCapNoCallIsMade(t *testing.T) {
	t.Parallel()
	l := &ledger{room: 59}
	err := budget.Budget{Ledger: l}.Spend(t.Context(), ref, "openai", 60, func(context.Context) (money.Micro, error) {
		t.Error("the call was made")
		return 0, nil
	})
	if !fault.Is(err, fault.CapReached) || l.room != 59 {
		t.Errorf("Spend = %v, %s free; want CapReached and nothing taken", err, l.room)
	}
}

// What a killed worker left open may have been charged in full.
func TestWhatAKilledWorkerLeftIsSettledInFull(t *testing.T) {
	t.Parallel()
	l := &ledger{room: 200}
	b := budget.Budget{Ledger: l}
	l.failSettle = errors.New("the worker is dead")
	if err := b.Spend(t.Context(), ref, "openai", 60, costs(5, nil)); err == nil {
		t.Fatal("a settlement that failed is no error")
	}
	l.failSettle = nil
	if err := b.Spend(t.Context(), ref, "openai", 60, costs(7, nil)); err != nil {
		t.Fatal(err)
	}
	want := []store.Reservation{
		{ID: "s0001-00002/openai/0", Provider: "openai", Max: 60, Actual: 60},
		{ID: "s0001-00002/openai/1", Provider: "openai", Max: 60, Actual: 7},
	}
	if diff := cmp.Diff(want, l.reservations); diff != "" || l.room != 133 {
		t.Errorf("%s free; reservations (-want +got):\n%s", l.room, diff)
	}
}

func TestAFreeCallNeedsNoReservation(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	called := false
	err := budget.Budget{Ledger: l}.Spend(t.Context(), ref, "apollo", 0, func(context.Context) (money.Micro, error) {
		called = true
		return 0, nil
	})
	if err != nil || !called || len(l.reservations) != 0 {
		t.Errorf("Spend = %v, called %t, reservations %v", err, called, l.reservations)
	}
}

func TestQuestionsAreToldApart(t *testing.T) {
	t.Parallel()
	same := budget.Question("hunter", "email", "ann", "lee", "x.example")
	if got := budget.Question("hunter", "email", "ann", "lee", "x.example"); got != same {
		t.Errorf("the same question is %s and %s", same, got)
	}
	for _, other := range []string{
		budget.Question("apollo", "email", "ann", "lee", "x.example"),
		budget.Question("hunter", "verify", "ann", "lee", "x.example"),
		budget.Question("hunter", "email", "annlee", "", "x.example"),
		budget.Question("hunter", "email", "ann", "lee"),
		budget.Question("hunter", "email", "ann", "lee", "x.example", ""),
	} {
		if other == same {
			t.Errorf("two questions share the name %s", same)
		}
	}
	if n := len(budget.Short(same)); n != store.QuestionSize {
		t.Errorf("a short name has %d bytes, want %d", n, store.QuestionSize)
	}
}
