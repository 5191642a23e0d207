package lusha

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// ReadAccount implements [provider.AccountReader]: the credits, and the calls of
// each window that the plan limits.
func (c *Client) ReadAccount(ctx context.Context) (provider.Account, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, transport.Request{Op: provider.OpReadAccount, Method: http.MethodGet, Path: "/v3/account/usage", Idempotent: true})
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

func parseAccount(resp *transport.Response) (provider.Account, error) {
	var w struct {
		Credits *struct {
			Total     float64 `json:"total"`
			Used      float64 `json:"used"`
			Remaining float64 `json:"remaining"`
		} `json:"credits"`
		RateLimits map[string]wireWindow `json:"rateLimits"`
		Plan       struct {
			Category string `json:"category"`
		} `json:"plan"`
	}
	if err := resp.Decode(&w); err != nil {
		return provider.Account{}, err
	}
	if w.Credits == nil {
		return provider.Account{}, resp.Fault(fault.BadResponse, "the answer holds no credits")
	}
	account := provider.Account{Plan: w.Plan.Category, Balances: []provider.Balance{
		{Name: "credits", Limit: w.Credits.Total, Used: w.Credits.Used, Left: w.Credits.Remaining},
	}}
	for _, name := range []string{"minute", "hourly", "daily"} {
		window, told := w.RateLimits[name]
		if !told || window.Limit == nil { // a window that the plan does not limit comes empty
			continue
		}
		b := provider.Balance{Name: name, Limit: *window.Limit, Used: window.Used, Left: window.Remaining}
		if at, err := time.Parse(time.RFC3339, window.ResetsAt); err == nil {
			b.ResetsAt = at.UTC()
		}
		account.Balances = append(account.Balances, b)
	}
	return account, nil
}

type wireWindow struct {
	Limit     *float64 `json:"limit"`
	Used      float64  `json:"used"`
	Remaining float64  `json:"remaining"`
	ResetsAt  string   `json:"resetsAt"`
}
