package zerobounce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// ReadAccount implements [provider.AccountReader]: the balance only.
// Pay-as-you-go credits do not expire, so that it has no date.
func (c *Client) ReadAccount(ctx context.Context) (provider.Account, error) {
	asked := c.now()
	left, err := c.credits(ctx)
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	return provider.Account{
		Balances: []provider.Balance{{Name: "Credits", Left: float64(left)}},
		Usage:    provider.Usage{Op: provider.OpReadAccount, Took: c.now().Sub(asked)},
	}, nil
}

func creditsRequest() transport.Request {
	return transport.Request{Op: provider.OpReadAccount, Method: "GET", Path: "/getcredits", Idempotent: true}
}

func (c *Client) credits(ctx context.Context) (int, error) {
	resp, err := c.transport.Do(ctx, creditsRequest())
	if err != nil {
		return 0, err
	}
	return parseCredits(resp)
}

func parseCredits(resp *transport.Response) (int, error) {
	var w wireCredits
	if err := resp.Decode(&w); err != nil {
		return 0, err
	}
	left, ok := w.left()
	if !ok {
		return 0, resp.Fault(fault.BadResponse, "the answer holds no balance")
	}
	return left, nil
}

// topUpWait is after what time to ask again when key and balance are good in
// spite of what was said: somebody has just bought credits.
const topUpWait = time.Minute

// explain finds out what a fault about the key or the balance is about, for a
// call that needed so many credits. While the balance cannot be read it stays
// what it is.
func (c *Client) explain(ctx context.Context, err error, need int) error {
	if !errors.Is(err, errKeyOrCredits) {
		return err
	}
	left, readErr := c.credits(ctx)
	e, ok := errors.AsType[*fault.Error](err)
	if readErr != nil || !ok { // with a bad key this is Unauthenticated, too
		return err
	}
	told := &fault.Error{Op: e.Op, Provider: e.Provider}
	if left < need {
		told.Kind, told.Message = fault.QuotaExhausted, "the credits are used up; buy more or use another provider"
	} else {
		told.Kind, told.Message, told.RetryAfter = fault.Unavailable, "the provider refused a call that it has credits for; ask again", topUpWait
	}
	return told
}
