package neverbounce

import (
	"context"
	"fmt"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// ReadAccount implements [provider.AccountReader]. Paid credits do not expire,
// so that no balance has a date.
func (c *Client) ReadAccount(ctx context.Context) (provider.Account, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, accountRequest())
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	account, err := parseAccount(resp)
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	account.Usage = provider.Usage{Op: provider.OpReadAccount, Took: c.now().Sub(asked)}
	return account, nil
}

func accountRequest() transport.Request {
	return transport.Request{Op: provider.OpReadAccount, Method: "POST", Path: "/account/info", Body: struct{}{}, Idempotent: true}
}

func parseAccount(resp *transport.Response) (provider.Account, error) {
	var w wireAccount
	if err := resp.Decode(&w); err != nil {
		return provider.Account{}, err
	}
	if w.Credits == nil {
		return provider.Account{}, resp.Fault(fault.BadResponse, "the answer holds no credits")
	}
	return provider.Account{Balances: []provider.Balance{
		{Name: "paid_credits", Used: w.Credits.PaidUsed, Left: w.Credits.PaidLeft},
		{Name: "free_credits", Used: w.Credits.FreeUsed, Left: w.Credits.FreeLeft},
	}}, nil
}
