// Package budget is how paid calls are made: their highest price is reserved
// under the run's cap before, their real price is settled after. It imports
// domain, fault, money and store's reservation type; it makes no provider call
// itself.
package budget

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// Ledger is what a budget needs of the store.
type Ledger interface {
	Reserve(ctx context.Context, ref domain.Ref, r store.Reservation) error
	Settle(ctx context.Context, ref domain.Ref, r store.Reservation, actual money.Micro) error
	Reserved(ctx context.Context, ref domain.Ref, provider string) (store.Left, error)
}

// Budget makes paid calls under a ledger.
type Budget struct{ Ledger Ledger }

// Recover looks for what earlier workers left of this chunk and provider.
func (b Budget) Recover(ctx context.Context, ref domain.Ref, provider string) (store.Left, error) {
	return b.Ledger.Reserved(ctx, ref, provider)
}

// ID names the reservation of a chunk and provider that follows made others.
func ID(ref domain.Ref, provider string, made int) string {
	return fmt.Sprintf("%s/%s/%d", ref.Chunk, provider, made)
}

// Spend reserves limit, makes the call and settles what it says it cost, also
// if it failed half-way; a failure that may have been charged settles at limit.
// What a killed worker left open is settled at its full amount first: it may
// have been charged.
func (b Budget) Spend(ctx context.Context, ref domain.Ref, provider string, limit money.Micro, call func(ctx context.Context) (money.Micro, error)) error {
	if limit <= 0 {
		_, err := call(ctx)
		return err
	}
	left, err := b.Recover(ctx, ref, provider)
	if err != nil {
		return err
	}
	if left.Open != nil {
		if err := b.Ledger.Settle(ctx, ref, *left.Open, left.Open.Max); err != nil {
			return err
		}
	}
	r := store.Reservation{ID: ID(ref, provider, left.Made), Provider: provider, Max: limit}
	if err := b.Ledger.Reserve(ctx, ref, r); err != nil {
		return err
	}
	cost, err := call(ctx)
	if fault.Is(err, fault.Unclear, fault.BadResponse) {
		cost = limit // an answer that was lost or cannot be read may have been charged
	}
	// Settle even if the call's deadline has passed: the money is spent.
	return errors.Join(err, b.Ledger.Settle(context.WithoutCancel(ctx), ref, r, cost))
}

// keepTime is how long an answer that was paid for may take to be kept after
// the worker's time is over.
const keepTime = 3 * time.Second

// Keeping returns the context in which an answer that was paid for is kept: it
// lasts a moment, also if ctx has ended.
func Keeping(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), keepTime)
}

// Question returns the name of a question to a provider within a team's cache:
// the same person asked for in the same way has the same name.
func Question(provider, op string, identity ...string) string {
	h := sha256.New()
	for _, part := range append([]string{provider, op}, identity...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return string(fmt.Appendf(nil, "%x", h.Sum(nil)[:16]))
}

// Short returns the few bytes of a question that a reservation keeps.
func Short(question string) []byte {
	sum := sha256.Sum256([]byte(question))
	return sum[:store.QuestionSize]
}
