package hunter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// ReadAccount implements [provider.AccountReader]. The balances are those that
// the plan has: credits, or searches and verifications.
func (c *Client) ReadAccount(ctx context.Context) (provider.Account, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, transport.Request{Op: provider.OpReadAccount, Method: "GET", Path: "/account", Idempotent: true})
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	account, err := parseAccount(resp)
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	account.Usage = c.usage(provider.OpReadAccount, 0, asked)
	return account, nil
}

func parseAccount(resp *transport.Response) (provider.Account, error) {
	var w wireAccount
	if err := resp.Decode(&w); err != nil {
		return provider.Account{}, err
	}
	if w.Data == nil {
		return provider.Account{}, resp.Fault(fault.BadResponse, "the answer holds no account")
	}
	account := provider.Account{Plan: value(w.Data.Plan)}
	reset, _ := time.Parse(time.DateOnly, value(w.Data.Reset)) // zero: not told
	for _, name := range slices.Sorted(maps.Keys(w.Data.Requests)) {
		n := w.Data.Requests[name]
		account.Balances = append(account.Balances, provider.Balance{
			Name: name, Limit: n.Available, Used: n.Used, Left: max(0, n.Available-n.Used), ResetsAt: reset,
		})
	}
	return account, nil
}
