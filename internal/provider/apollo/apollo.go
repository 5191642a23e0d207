package apollo

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

// defaultCredit is what a credit costs: unconfirmed, see the package comment.
const defaultCredit money.Micro = 20_000

// maxBatch is the most people or companies of one bulk call.
const maxBatch = 10

const everythingElse = "200 a minute and 400 an hour, 600 on the top plan (docs.apollo.io, 2026-07)"

// Definition declares Apollo.
func Definition() provider.Definition {
	return provider.Definition{
		Name:        "apollo",
		DisplayName: "Apollo.io",
		Docs:        "https://docs.apollo.io/reference",
		Capabilities: []provider.Capability{
			provider.CanDiscover, provider.CanFindCompanies, provider.CanFindPeople, provider.CanEnrichPerson, provider.CanEnrichCompany,
			provider.CanReadAccount, provider.CanAddToSequence,
		},
		Auth:         transport.Auth{Kind: transport.AuthHeader, Name: "X-Api-Key"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.apollo.io/api/v1",
		Offers: map[string]provider.Offer{
			provider.OpFindPeople: {Gives: []domain.Field{domain.FieldPerson}, By: []provider.Identity{provider.ByDomain}},
			provider.OpEnrichPerson: {
				Gives: []domain.Field{domain.FieldEmail, domain.FieldTitle, domain.FieldCompany, domain.FieldTechnology},
				By:    []provider.Identity{provider.ByID, provider.ByEmail, provider.ByProfile, provider.ByNameAtDomain},
				Batch: maxBatch,
			},
			provider.OpEnrichCompany: {
				Gives: []domain.Field{domain.FieldCompany, domain.FieldTechnology}, By: []provider.Identity{provider.ByDomain}, Batch: maxBatch,
			},
		},
		Quotas: []provider.Quota{
			{
				Group: "search", Operations: []string{provider.OpDiscover, provider.OpFindPeople}, Rate: 49_800, Per: 24 * time.Hour, Burst: 150,
				Note: "50,000 a day, 6,000 an hour and 200 a minute (third-party catalogue, 2026-08); less on some plans",
			},
			{
				Group: "match", Operations: []string{provider.OpEnrichPerson}, Rate: 990, Per: time.Minute, Burst: 10,
				Note: "1,000 a minute on paid plans (docs.apollo.io, 2026-07)",
			},
			{
				Group: "organizations", Operations: []string{provider.OpEnrichCompany}, Rate: 990, Per: time.Minute, Burst: 10,
				Note: "1,000 a minute on paid plans (docs.apollo.io, 2026-07)",
			},
			// The hour is what binds: 397 and a burst of 3 stay below 400.
			{Group: "companies", Operations: []string{provider.OpFindCompanies}, Rate: 397, Per: time.Hour, Burst: 3, Note: everythingElse},
			{Group: "sequences", Operations: []string{provider.OpAddToSequence}, Rate: 397, Per: time.Hour, Burst: 3, Note: everythingElse},
			{Group: "account", Operations: []string{provider.OpReadAccount}, Rate: 380, Per: time.Hour, Burst: 15, Note: everythingElse},
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
	free, paid := money.Price{Units: 1, Per: "call"}, money.Price{Unit: credit, Units: 1, Per: "credit"}
	return money.Table{
		Date: "2026-08-13", Source: "vendor documentation as read in 2026-11; price of a credit unconfirmed",
		Operations: map[string]money.Price{
			provider.OpDiscover:      free,
			provider.OpFindPeople:    free,
			provider.OpReadAccount:   free,
			provider.OpAddToSequence: free,
			provider.OpEnrichPerson:  paid,
			provider.OpEnrichCompany: paid,
			provider.OpFindCompanies: paid,
		},
	}
}

// Client asks Apollo. Safe for concurrent use.
type Client struct {
	transport  transport.Doer
	definition provider.Definition // with the prices of the customer's plan
	now        func() time.Time
}

// New makes a client. The error is about the settings.
func New(d provider.Deps) (*Client, error) {
	table, err := Prices(d.Settings)
	if err != nil {
		return nil, err
	}
	definition := Definition()
	definition.Prices = table
	return &Client{transport: d.Transport, definition: definition, now: d.Now}, nil
}

// usage is what credits cost, of a call that was asked at that time.
func (c *Client) usage(op string, credits float64, asked time.Time) provider.Usage {
	return provider.Usage{Op: op, Cost: c.definition.Prices.Operations[op].For(credits), Took: c.now().Sub(asked)}
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
