package hunter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// defaultCredit is what a credit costs on the Starter plan, 2026-05.
const defaultCredit money.Micro = 24_500

// Credits that one call can use.
const (
	creditsPerAddress  = 1
	creditsPerCheck    = 0.5
	addressesPerCredit = 10 // of a domain search, or part of ten
)

// Addresses of one domain search: by default as many as one credit buys, which
// is also the most on the free plan.
const (
	defaultAddresses = 10
	mostAddresses    = 100
)

// Definition declares Hunter.
func Definition() provider.Definition {
	return provider.Definition{
		Name:         "hunter",
		DisplayName:  "Hunter",
		Docs:         "https://hunter.io/api-documentation/v2",
		Capabilities: []provider.Capability{provider.CanFindPeople, provider.CanFindEmail, provider.CanVerifyEmail, provider.CanReadAccount},
		Auth:         transport.Auth{Kind: transport.AuthHeader, Name: "X-API-KEY"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.hunter.io/v2",
		Offers: map[string]provider.Offer{
			provider.OpFindPeople: {
				Gives: []domain.Field{domain.FieldPerson, domain.FieldEmail, domain.FieldEmailStatus, domain.FieldTitle, domain.FieldCompany, domain.FieldTechnology},
				By:    []provider.Identity{provider.ByDomain},
			},
			provider.OpFindEmail:   {Gives: []domain.Field{domain.FieldEmail}, By: []provider.Identity{provider.ByNameAtDomain}},
			provider.OpVerifyEmail: {Gives: []domain.Field{domain.FieldEmailStatus}, By: []provider.Identity{provider.ByEmail}},
		},
		Quotas: []provider.Quota{
			{
				Group: "finder", Operations: []string{provider.OpFindEmail, provider.OpFindPeople}, Rate: 494, Per: time.Minute, Burst: 6,
				Note: "15 a second and 500 a minute, taken as shared with the domain search (third-party catalogue, 2026-05)",
			},
			{
				Group: "verifier", Operations: []string{provider.OpVerifyEmail}, Rate: 297, Per: time.Minute, Burst: 4,
				Note: "10 a second and 300 a minute (third-party catalogue, 2026-05)",
			},
			{
				Group: "account", Operations: []string{provider.OpReadAccount}, Rate: 490, Per: time.Minute, Burst: 6,
				Note: "none documented; as the finder's",
			},
		},
		Prices: prices(defaultCredit, defaultAddresses),
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "https://hunter.io/api-documentation/v2 (451 duty); retention unconfirmed, 2026-11",
		},
		Status:     provider.Active,
		RepeatFree: true,
	}
}

// Prices returns the price table for the customer's own settings:
// credit_microusd is the price of a credit, domain_search_addresses the most
// addresses of one domain search, ten of which are a credit.
func Prices(s provider.Settings) (money.Table, error) {
	credit, err := number(s, "credit_microusd", int(defaultCredit), 0, 1_000_000_000)
	if err != nil {
		return money.Table{}, err
	}
	addresses, err := number(s, "domain_search_addresses", defaultAddresses, 1, mostAddresses)
	if err != nil {
		return money.Table{}, err
	}
	return prices(money.Micro(credit), addresses), nil
}

// number reads a whole number among the settings.
func number(s provider.Settings, key string, def, least, most int) (int, error) {
	text := s[key]
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fault.New(fault.InvalidInput, "hunter.new", fmt.Sprintf("the setting %s must be a whole number from %d to %d such as %d", key, least, most, def))
	}
	return n, nil
}

func prices(credit money.Micro, addresses int) money.Table {
	return money.Table{
		Date: "2026-05-25", Source: "vendor documentation as read in 2026-11",
		Operations: map[string]money.Price{
			provider.OpFindPeople:  {Unit: credit, Units: creditsOf(addresses), Per: "credit"},
			provider.OpFindEmail:   {Unit: credit, Units: creditsPerAddress, Per: "credit"},
			provider.OpVerifyEmail: {Unit: credit, Units: creditsPerCheck, Per: "credit"},
			provider.OpReadAccount: {Units: 1, Per: "call"},
		},
	}
}

// creditsOf is what a domain search that returns so many addresses costs.
func creditsOf(addresses int) float64 {
	return float64((addresses + addressesPerCredit - 1) / addressesPerCredit)
}

// Client asks Hunter. Safe for concurrent use.
type Client struct {
	transport transport.Doer
	prices    money.Table
	addresses int // of one domain search, at most
	now       func() time.Time
}

// New makes a client. The error is about the settings.
func New(d provider.Deps) (*Client, error) {
	table, err := Prices(d.Settings)
	if err != nil {
		return nil, err
	}
	addresses, err := number(d.Settings, "domain_search_addresses", defaultAddresses, 1, mostAddresses)
	if err != nil {
		return nil, err
	}
	return &Client{transport: d.Transport, prices: table, addresses: addresses, now: d.Now}, nil
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
		if op == provider.OpFindEmail || op == provider.OpFindPeople {
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
