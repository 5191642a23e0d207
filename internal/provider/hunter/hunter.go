package hunter

import (
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// defaultCredit is what a credit costs on the Starter plan, 2026-05.
const defaultCredit money.Micro = 24_500

// Credits that one call can use.
const (
	creditsPerAddress = 1
	creditsPerCheck   = 0.5
)

// Definition declares Hunter.
func Definition() provider.Definition {
	return provider.Definition{
		Name:         "hunter",
		DisplayName:  "Hunter",
		Docs:         "https://hunter.io/api-documentation/v2",
		Capabilities: []provider.Capability{provider.CanFindEmail, provider.CanVerifyEmail},
		Auth:         transport.Auth{Kind: transport.AuthHeader, Name: "X-API-KEY"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.hunter.io/v2",
		Quotas: []provider.Quota{
			{
				Group: "finder", Operations: []string{provider.OpFindEmail}, Rate: 490, Per: time.Minute, Burst: 6,
				Note: "15 a second and 500 a minute (third-party catalogue, 2026-05)",
			},
			{
				Group: "verifier", Operations: []string{provider.OpVerifyEmail}, Rate: 294, Per: time.Minute, Burst: 4,
				Note: "10 a second and 300 a minute (third-party catalogue, 2026-05)",
			},
		},
		Prices: prices(defaultCredit),
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "https://hunter.io/api-documentation/v2 (451 duty); retention unconfirmed, 2026-11",
		},
		Status:     provider.Active,
		RepeatFree: true,
	}
}

// Prices returns the price table for the customer's own price of a credit, the
// setting credit_microusd.
func Prices(s provider.Settings) (money.Table, error) {
	text := s["credit_microusd"]
	if text == "" {
		return prices(defaultCredit), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return money.Table{}, fault.New(fault.InvalidInput, "hunter.new", "the setting credit_microusd must be a whole number of micro-dollars such as 24500")
	}
	return prices(money.Micro(n)), nil
}

func prices(credit money.Micro) money.Table {
	return money.Table{
		Date: "2026-05-25", Source: "vendor documentation as read in 2026-11",
		Operations: map[string]money.Price{
			provider.OpFindEmail:   {Unit: credit, Units: creditsPerAddress, Per: "credit"},
			provider.OpVerifyEmail: {Unit: credit, Units: creditsPerCheck, Per: "credit"},
		},
	}
}

// Client asks Hunter. Safe for concurrent use.
type Client struct {
	transport transport.Doer
	prices    money.Table
	now       func() time.Time
}

// New makes a client. The error is about the settings.
func New(d provider.Deps) (*Client, error) {
	table, err := Prices(d.Settings)
	if err != nil {
		return nil, err
	}
	return &Client{transport: d.Transport, prices: table, now: d.Now}, nil
}

// usage is what one answer cost, from the moment it was asked.
func (c *Client) usage(op string, units float64, asked time.Time) provider.Usage {
	return provider.Usage{Op: op, Cost: c.prices.Operations[op].For(units), Took: c.now().Sub(asked)}
}

// Waits that Hunter does not state.
const (
	pendingWait    = 5 * time.Second
	mailServerWait = 5 * time.Minute
)

// Classify is Hunter's own meaning of statuses; see the package comment.
func Classify(op string, resp *transport.Response) error {
	switch resp.Status {
	case 202:
		return after(pendingWait, resp.Fault(fault.Unavailable, "the check is still running; ask again"))
	case 222:
		return after(mailServerWait, resp.Fault(fault.Unavailable, "the remote mail server gave no clear answer; ask again later"))
	case 403:
		return resp.Fault(fault.RateLimited, "the provider asks us to slow down")
	case 404:
		if op == provider.OpFindEmail {
			return nil
		}
	case 429:
		if planUsedUp(resp) {
			return resp.Fault(fault.QuotaExhausted, "the plan's credits are used up until the billing period ends; raise the plan or use another provider")
		}
	}
	return transport.DefaultClassify(op, resp)
}

func after(wait time.Duration, e *fault.Error) error {
	if e.RetryAfter == 0 {
		e.RetryAfter = wait
	}
	return e
}

func planUsedUp(resp *transport.Response) bool {
	var w wireErrors
	if resp.Decode(&w) != nil {
		return false
	}
	for _, e := range w.Errors {
		details := strings.ToLower(e.Details)
		if strings.Contains(details, "plan") || strings.Contains(details, "billing") {
			return true
		}
	}
	return false
}
