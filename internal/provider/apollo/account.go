package apollo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// endpoints are those of which the usage is told: the ones that this adapter
// calls.
const endpoints = "mixed_people/api_search mixed_companies/search people/match people/bulk_match organizations/enrich organizations/bulk_enrich emailer_campaigns/add_contact_ids"

// ReadAccount implements [provider.AccountReader]: credits and, where the key
// may see it, the usage of the endpoints. A key that may see neither is still a
// good key if its profile can be read; then there are no balances.
func (c *Client) ReadAccount(ctx context.Context) (provider.Account, error) {
	asked := c.now()
	var account provider.Account
	resp, err := c.transport.Do(ctx, accountRequest("POST", "/usage_stats/credit_usage_stats"))
	if fault.Is(err, fault.Forbidden) {
		// Keys are limited to a list of endpoints; the profile needs none.
		_, err = c.transport.Do(ctx, accountRequest("GET", "/users/api_profile"))
		if err != nil {
			return provider.Account{}, fmt.Errorf("read profile: %w", err)
		}
		return provider.Account{Usage: c.usage(provider.OpReadAccount, 0, asked)}, nil
	}
	if err != nil {
		return provider.Account{}, fmt.Errorf("read credits: %w", err)
	}
	if account.Balances, err = parseCredits(resp); err != nil {
		return provider.Account{}, fmt.Errorf("read credits: %w", err)
	}
	resp, err = c.transport.Do(ctx, accountRequest("POST", "/usage_stats/api_usage_stats"))
	if err != nil && !fault.Is(err, fault.Forbidden) {
		return provider.Account{}, fmt.Errorf("read usage: %w", err)
	}
	if err == nil {
		calls, err := parseUsage(resp)
		if err != nil {
			return provider.Account{}, fmt.Errorf("read usage: %w", err)
		}
		account.Balances = append(account.Balances, calls...)
	}
	account.Usage = c.usage(provider.OpReadAccount, 0, asked)
	return account, nil
}

func accountRequest(method, path string) transport.Request {
	return transport.Request{Op: provider.OpReadAccount, Method: method, Path: path, Idempotent: true}
}

// parseCredits returns the credits of the cycle, by name. A kind of credit that
// the plan does not have is all zeros and left out: it is not used up.
func parseCredits(resp *transport.Response) ([]provider.Balance, error) {
	var w wireCredits
	if err := resp.Decode(&w); err != nil {
		return nil, err
	}
	if w.Stats == nil {
		return nil, resp.Fault(fault.BadResponse, "the answer holds no credits")
	}
	var out []provider.Balance
	for _, name := range slices.Sorted(maps.Keys(w.Stats)) {
		if n := w.Stats[name]; n != (wireCounter{}) {
			b := n.balance(name)
			b.ResetsAt, _ = date(w.Cycle.End)
			out = append(out, b)
		}
	}
	return out, nil
}

// parseUsage returns the calls made in each limited window, by endpoint and
// window. The keys of the answer are strings that hold a JSON array, controller
// and action.
func parseUsage(resp *transport.Response) ([]provider.Balance, error) {
	var w map[string]json.RawMessage
	if err := resp.Decode(&w); err != nil {
		return nil, err
	}
	known := strings.Fields(endpoints)
	var out []provider.Balance
	for key, raw := range w {
		var parts []string
		if json.Unmarshal([]byte(key), &parts) != nil {
			continue // not an endpoint
		}
		name := strings.TrimPrefix(strings.Join(parts, "/"), "api/v1/")
		if !slices.Contains(known, name) {
			continue
		}
		var windows map[string]wireCounter
		if json.Unmarshal(raw, &windows) != nil {
			return nil, resp.Fault(fault.BadResponse, "the usage of an endpoint is not counted by windows")
		}
		for window, n := range windows {
			if n.Limit > 0 { // without a limit there is nothing to be left over
				out = append(out, n.balance(name+" "+window))
			}
		}
	}
	slices.SortFunc(out, func(a, b provider.Balance) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
