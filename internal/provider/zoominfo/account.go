package zoominfo

import (
	"context"
	"fmt"
	"net/http"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// ReadAccount implements [provider.AccountReader]: the counters of the contract.
func (c *Client) ReadAccount(ctx context.Context) (provider.Account, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, transport.Request{
		Op: provider.OpReadAccount, Method: "GET", Path: "/data/v1/users/usage",
		Header: http.Header{"Accept": {mediaType}}, Idempotent: true,
	})
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	account, err := parseUsage(resp)
	if err != nil {
		return provider.Account{}, fmt.Errorf("read account: %w", err)
	}
	account.Usage = c.usage(provider.OpReadAccount, 0, asked)
	return account, nil
}

func parseUsage(resp *transport.Response) (provider.Account, error) {
	var w struct {
		Data []struct {
			Attributes struct {
				Usage []struct {
					Type  string  `json:"limitType"`
					Limit float64 `json:"totalLimit"`
					Used  float64 `json:"currentUsage"`
					Left  float64 `json:"usageRemaining"`
				} `json:"usage"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := resp.Decode(&w); err != nil {
		return provider.Account{}, err
	}
	var account provider.Account
	for _, r := range w.Data {
		for _, u := range r.Attributes.Usage {
			account.Balances = append(account.Balances, provider.Balance{Name: u.Type, Limit: u.Limit, Used: u.Used, Left: u.Left})
		}
	}
	if len(account.Balances) == 0 {
		return provider.Account{}, resp.Fault(fault.BadResponse, "the answer holds no counters")
	}
	return account, nil
}
