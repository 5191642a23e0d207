package apollo

import (
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// defaultCredit is what a credit costs: unconfirmed, see the package comment.
const defaultCredit money.Micro = 20_000

// Definition declares Apollo.
func Definition() provider.Definition {
	return provider.Definition{
		Name:         "apollo",
		DisplayName:  "Apollo.io",
		Docs:         "https://docs.apollo.io/reference",
		Capabilities: []provider.Capability{provider.CanDiscover, provider.CanFindPeople, provider.CanEnrichPerson},
		Auth:         transport.Auth{Kind: transport.AuthHeader, Name: "X-Api-Key"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.apollo.io/api/v1",
		Quotas: []provider.Quota{
			{
				Group: "search", Operations: []string{provider.OpDiscover, provider.OpFindPeople}, Rate: 190, Per: time.Minute, Burst: 10,
				Note: "200 a minute; 400 to 6,000 an hour by plan and source (docs.apollo.io, 2026-07)",
			},
			{
				Group: "match", Operations: []string{provider.OpEnrichPerson}, Rate: 980, Per: time.Minute, Burst: 20,
				Note: "1,000 a minute on paid plans (docs.apollo.io, 2026-07)",
			},
		},
		Prices: prices(defaultCredit),
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "https://www.apollo.io/terms of 2025-11-04; retention and resale unconfirmed, 2026-11",
		},
		Status:     provider.Active,
		RepeatFree: false,
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
		return money.Table{}, fault.New(fault.InvalidInput, "apollo.new", "the setting credit_microusd must be a whole number of micro-dollars such as 20000")
	}
	return prices(money.Micro(n)), nil
}

func prices(credit money.Micro) money.Table {
	free := money.Price{Units: 1, Per: "call"}
	return money.Table{
		Date: "2026-08-13", Source: "vendor documentation as read in 2026-11; price of a credit unconfirmed",
		Operations: map[string]money.Price{
			provider.OpDiscover:     free,
			provider.OpFindPeople:   free,
			provider.OpEnrichPerson: {Unit: credit, Units: 1, Per: "credit"},
		},
	}
}

// Client asks Apollo. Safe for concurrent use.
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

// Classify reads Apollo's error codes where they say more than the status.
func Classify(op string, resp *transport.Response) error {
	if resp.Status < 400 || resp.Status >= 500 {
		return transport.DefaultClassify(op, resp)
	}
	code := errorCode(resp)
	switch {
	case strings.Contains(code, "CREDIT") && resp.Status != 401:
		return resp.Fault(fault.QuotaExhausted, "the credits are used up; buy more or use another provider")
	case strings.Contains(code, "RATE_LIMIT"):
		return resp.Fault(fault.RateLimited, "the provider asks us to slow down")
	case strings.HasPrefix(code, "AUTH.AUTHENTICATION."):
		return resp.Fault(fault.Unauthenticated, "the provider refused the key; put a valid one into its secret")
	}
	return transport.DefaultClassify(op, resp)
}

// errorCode returns the machine-readable code of an error in upper case, the
// new form first; "" if the body has none.
func errorCode(resp *transport.Response) string {
	var w wireError
	if resp.Decode(&w) != nil {
		return ""
	}
	if w.Details.Code != "" {
		return strings.ToUpper(w.Details.Code)
	}
	return strings.ToUpper(w.Code)
}
