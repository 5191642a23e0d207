package zerobounce

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// opBatch is [provider.OpVerifyEmail] for several addresses in one call, which
// has a quota of its own.
const opBatch = "verify_batch"

// mostAddresses is the batch that every source allows.
const mostAddresses = 100

// bulkHost is the key of the host for batches.
const bulkHost = "bulk"

// defaultCredit is what a credit is taken to cost: unconfirmed, see the package
// comment.
const defaultCredit money.Micro = 20_000

// Definition declares ZeroBounce.
func Definition() provider.Definition {
	return provider.Definition{
		Name:         "zerobounce",
		DisplayName:  "ZeroBounce",
		Docs:         "https://www.zerobounce.net/docs/email-validation-api-quickstart",
		Capabilities: []provider.Capability{provider.CanVerifyEmail, provider.CanReadAccount},
		Auth:         transport.Auth{Kind: transport.AuthParameter, Name: "api_key"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.zerobounce.net/v2",
		Hosts:        map[string]string{bulkHost: "https://bulkapi.zerobounce.net/v2"},
		Offers: map[string]provider.Offer{
			provider.OpVerifyEmail: {
				Gives: []domain.Field{domain.FieldEmailStatus}, By: []provider.Identity{provider.ByEmail}, Batch: mostAddresses,
			},
		},
		Quotas: []provider.Quota{
			{
				Group: "validate", Operations: []string{provider.OpVerifyEmail}, Rate: 79_000, Per: 10 * time.Second, Burst: 800,
				Note: "80,000 in ten seconds (third-party catalogue, 2026-08)",
			},
			{
				Group: "batch", Operations: []string{opBatch}, Rate: 5, Per: time.Minute, Burst: 1,
				Note: "5 or 30 a minute, sources disagree (official page and third-party catalogue, 2026-08); a block of ten minutes after that",
			},
			{
				Group: "account", Operations: []string{provider.OpReadAccount}, Rate: 60, Per: time.Hour, Burst: 3,
				Note: "our choice, below the 200 bad keys an hour that block it for a day (third-party catalogue, 2026-08)",
			},
		},
		Prices: prices(defaultCredit),
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "https://www.zerobounce.net/docs/email-list-validation/deleting-your-data; what we may keep unconfirmed, 2026-11",
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
		return money.Table{}, fault.New(fault.InvalidInput, "zerobounce.new", "the setting credit_microusd must be a whole number of micro-dollars such as 20000")
	}
	return prices(money.Micro(n)), nil
}

func prices(credit money.Micro) money.Table {
	return money.Table{
		Date: "2026-08-13", Source: "vendor documentation as read in 2026-11; price of a credit unconfirmed",
		Operations: map[string]money.Price{
			provider.OpVerifyEmail: {Unit: credit, Units: 1, Per: "address that is not unknown"},
			opBatch:                {Unit: credit, Units: mostAddresses, Per: "address that is not unknown"},
			provider.OpReadAccount: {Units: 1, Per: "call"},
		},
	}
}

// Client asks ZeroBounce. Safe for concurrent use.
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

// errKeyOrCredits is the cause of a fault that ZeroBounce's one message for two
// things leaves open. It is Unauthenticated until [Client.explain] knows better,
// so that a rotated key is read again.
var errKeyOrCredits = errors.New("the provider has one message for a bad key and for an empty balance")

// Waits that ZeroBounce does not state.
const (
	shieldWait = time.Hour
	batchWait  = 10 * time.Minute
)

// Classify is ZeroBounce's own meaning of answers; see the package comment.
func Classify(op string, resp *transport.Response) error {
	switch status := resp.Status; {
	case status >= 200 && status < 300:
		return success(op, resp)
	case status == 400 && complaint(resp).keyOrCredits():
		return ambiguous(resp)
	case status == 403:
		return after(shieldWait, resp.Fault(fault.RateLimited, "the provider's traffic protection keeps us away"))
	case status == 429 && op == opBatch:
		return after(batchWait, resp.Fault(fault.RateLimited, "the provider asks us to slow down"))
	case (status == 520 || status == 524) && op != provider.OpReadAccount:
		return resp.Fault(fault.Unclear, "the provider's gateway lost its backend; the check may have been done")
	}
	return transport.DefaultClassify(op, resp)
}

func after(wait time.Duration, e *fault.Error) error {
	if e.RetryAfter == 0 {
		e.RetryAfter = wait
	}
	return e
}

func ambiguous(resp *transport.Response) error {
	e := resp.Fault(fault.Unauthenticated, "the provider refused the key or the credits are used up; check the key and the balance")
	e.Err = errKeyOrCredits
	return e
}

// success finds the errors among the answers with a good status.
func success(op string, resp *transport.Response) error {
	switch op {
	case provider.OpReadAccount:
		var w wireCredits
		if err := resp.Decode(&w); err != nil {
			return err
		}
		if w.Credits == badKey {
			return resp.Fault(fault.Unauthenticated, "the provider refused the key; put a valid one into its secret")
		}
		if _, ok := w.left(); ok {
			return nil
		}
		return w.fault(resp)
	case opBatch:
		var w wireBatch
		if err := resp.Decode(&w); err != nil {
			return err
		}
		if len(w.Verdicts) > 0 {
			return nil
		}
		return w.fault(resp)
	default:
		var w wireVerdict
		if err := resp.Decode(&w); err != nil {
			return err
		}
		if w.Status != "" {
			return nil
		}
		return w.fault(resp)
	}
}

// fault is what an answer without a result means.
func (w wireComplaint) fault(resp *transport.Response) error {
	switch {
	case w.keyOrCredits():
		return ambiguous(resp)
	case w.text() != "":
		return resp.Fault(fault.BadResponse, "the provider answered with an error that it does not document")
	}
	return resp.Fault(fault.BadResponse, "the answer holds neither a result nor an error")
}

// fault is what a batch without verdicts means: nothing wrong with the call if
// each address has an error of its own.
func (w wireBatch) fault(resp *transport.Response) error {
	own, refused := 0, 0
	for _, e := range w.Errors {
		if e.keyOrCredits() {
			refused++
		}
		if !e.all() {
			own++
		}
	}
	switch {
	case len(w.Errors) == 0:
		return w.wireComplaint.fault(resp)
	case refused == len(w.Errors):
		return ambiguous(resp)
	case own == len(w.Errors):
		return nil
	}
	return resp.Fault(fault.BadResponse, "the provider answered with an error that it does not document")
}

// keyOrCredits reports whether a complaint is about the key or the balance.
func (w wireComplaint) keyOrCredits() bool {
	message := strings.ToLower(w.text())
	return strings.Contains(message, "api key") || strings.Contains(message, "credits")
}
