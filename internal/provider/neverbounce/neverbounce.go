package neverbounce

import (
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// The adapter's own operations.
const (
	opReadJob   = "read_job"
	opDeleteJob = "delete_job"
)

// defaultCredit is what a credit costs when a thousand are bought, 2026-08-13.
const defaultCredit money.Micro = 8_000

// defaultPage is the page of results that every source allows.
const defaultPage = 100

// Definition declares NeverBounce.
func Definition() provider.Definition {
	return provider.Definition{
		Name:        "neverbounce",
		DisplayName: "NeverBounce",
		Docs:        "https://developers.neverbounce.com/reference",
		Capabilities: []provider.Capability{
			provider.CanVerifyEmail, provider.CanVerifyInBulk, provider.CanReadAccount,
		},
		Auth:         transport.Auth{Kind: transport.AuthParameter, Name: "key"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.neverbounce.com/v4.2",
		Offers: map[string]provider.Offer{
			// For interactive use: lists must go through jobs.
			provider.OpVerifyEmail: {Interactive: true, Gives: []domain.Field{domain.FieldEmailStatus}, By: []provider.Identity{provider.ByEmail}, Batch: 1},
		},
		Quotas: []provider.Quota{
			{
				Group: "single", Operations: []string{provider.OpVerifyEmail}, Rate: 30, Per: time.Minute, Burst: 3,
				Note: "unpublished; our choice, as the check is for addresses that people type",
			},
			{
				Group: "start", Operations: []string{provider.OpVerifyInBulk}, Rate: 48, Per: 24 * time.Hour, Burst: 3,
				Note: "50 jobs a day, 10 an hour, 10 at once (third-party catalogue, 2026-08)",
			},
			{
				Group: "free", Operations: []string{opReadJob, opDeleteJob, provider.OpReadAccount}, Rate: 120, Per: time.Minute, Burst: 5,
				Note: "unpublished; our choice",
			},
		},
		Prices: prices(defaultCredit),
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "https://developers.neverbounce.com/reference; retention unconfirmed, 2026-11",
		},
		Status:     provider.Active,
		RepeatFree: false,
	}
}

// Prices returns the price table for the customer's own price of a credit, the
// setting credit_microusd.
func Prices(s provider.Settings) (money.Table, error) {
	n, ok := number(s.Or("credit_microusd", strconv.Itoa(int(defaultCredit))), 0, 1_000_000_000)
	if !ok {
		return money.Table{}, fault.New(fault.InvalidInput, "neverbounce.new", "the setting credit_microusd must be a whole number of micro-dollars such as 8000")
	}
	return prices(money.Micro(n)), nil
}

func prices(credit money.Micro) money.Table {
	free := money.Price{Units: 1, Per: "call"}
	return money.Table{
		Date: "2026-08-13", Source: "third-party catalogue of the vendor's plans as read in 2026-08",
		Operations: map[string]money.Price{
			provider.OpVerifyEmail:  {Unit: credit, Units: 1, Per: "address"},
			provider.OpVerifyInBulk: {Unit: credit, Units: 1, Per: "address"},
			provider.OpReadAccount:  free,
			opReadJob:               free,
			opDeleteJob:             free,
		},
	}
}

func number(text string, least, most int64) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= least && n <= most
}

// Client asks NeverBounce. Safe for concurrent use.
type Client struct {
	transport transport.Doer
	prices    money.Table
	page      int64 // results of one page
	now       func() time.Time
}

// New makes a client. The error is about the settings.
func New(d provider.Deps) (*Client, error) {
	table, err := Prices(d.Settings)
	if err != nil {
		return nil, err
	}
	page, ok := number(d.Settings.Or("results_per_page", strconv.Itoa(defaultPage)), 1, 1000)
	if !ok {
		return nil, fault.New(fault.InvalidInput, "neverbounce.new", "the setting results_per_page must be a whole number from 1 to 1000")
	}
	return &Client{transport: d.Transport, prices: table, page: page, now: d.Now}, nil
}

// cost is the price of one verification.
func (c *Client) cost(op string) money.Micro { return c.prices.Operations[op].For(1) }

// throttleWait is how long we stay away; NeverBounce does not say.
const throttleWait = 2 * time.Minute

// Classify is NeverBounce's own meaning of answers: the field status of a 200
// decides. See the package comment.
func Classify(op string, resp *transport.Response) error {
	switch {
	case resp.Status == 413:
		return resp.Fault(fault.InvalidInput, "the list is too large; split it into jobs below 25 MB")
	case resp.Status < 200 || resp.Status > 299:
		return transport.DefaultClassify(op, resp)
	}
	var w wireEnvelope
	if err := resp.Decode(&w); err != nil {
		return err
	}
	switch w.Status {
	case "success":
		return nil
	case "":
		return resp.Fault(fault.BadResponse, "the answer does not say whether it is a success")
	case "auth_failure":
		return resp.Fault(fault.Unauthenticated, "the provider refused the key; put a valid one into its secret")
	case "bad_referrer":
		return resp.Fault(fault.Forbidden, "the account does not take calls from here; allow this caller in the account's settings")
	case "throttle_triggered":
		e := resp.Fault(fault.RateLimited, "the provider asks us to slow down")
		if e.RetryAfter == 0 {
			e.RetryAfter = throttleWait
		}
		return e
	case "temp_unavail":
		return resp.Fault(fault.Unavailable, "the provider is not available for the moment")
	case "general_failure":
		if w.unpaid() {
			return resp.Fault(fault.QuotaExhausted, "the credits are used up; buy more or use another provider")
		}
		return resp.Fault(fault.InvalidInput, "the provider did not accept the request")
	}
	return resp.Fault(fault.Unavailable, "the provider failed in a way that it does not document")
}

// unpaid reports whether a failure is about money.
func (w wireEnvelope) unpaid() bool {
	message := strings.ToLower(w.Message)
	for _, word := range []string{"credit", "balance", "payment"} {
		if strings.Contains(message, word) {
			return true
		}
	}
	return false
}
