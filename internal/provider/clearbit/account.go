package clearbit

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// ReadAccount implements [provider.AccountReader]: whether the key is good, and
// how much of the minute's rate is left. Plan and lookups used are told nowhere.
func (c *Client) ReadAccount(ctx context.Context) (provider.Account, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, accountRequest())
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	if resp.Status == http.StatusOK {
		// Nobody expects a record, but a page of something else is not Clearbit.
		if err := resp.Decode(&struct{}{}); err != nil {
			return provider.Account{}, fmt.Errorf("read account: %w", err)
		}
	}
	return provider.Account{Balances: balances(resp), Usage: c.usage(provider.OpReadAccount, asked)}, nil
}

// accountRequest is a company lookup that names no company.
func accountRequest() transport.Request {
	return transport.Request{Op: provider.OpReadAccount, Method: "GET", Host: hostCompany, Path: "/v2/companies/find", Idempotent: true}
}

func balances(resp *transport.Response) []provider.Balance {
	limit, err := strconv.ParseUint(resp.Header.Get("X-Ratelimit-Limit"), 10, 32)
	if err != nil {
		return nil
	}
	left, err := strconv.ParseUint(resp.Header.Get("X-Ratelimit-Remaining"), 10, 32)
	if err != nil || left > limit {
		return nil
	}
	at, _ := resetsAt(resp)
	return []provider.Balance{{Name: "minute", Limit: float64(limit), Used: float64(limit - left), Left: float64(left), ResetsAt: at}}
}
