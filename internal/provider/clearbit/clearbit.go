package clearbit

import (
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// defaultLookup is what a lookup costs: unconfirmed, see the package comment.
const defaultLookup money.Micro = 100_000

// keep is how long an answer may be held: unconfirmed, see the package comment.
const keep = 30 * 24 * time.Hour

// The further hosts; the base URL is that of people.
const (
	hostCompany    = "company"
	hostProspector = "prospector"
)

// Definition declares Clearbit.
func Definition() provider.Definition {
	const note = "600 a minute and API (headers of the live hosts, 2026-08)"
	return provider.Definition{
		Name:        "clearbit",
		DisplayName: "Clearbit",
		Docs:        "https://help.clearbit.com/hc/en-us",
		Capabilities: []provider.Capability{
			provider.CanFindPeople, provider.CanEnrichPerson, provider.CanEnrichCompany, provider.CanReadAccount,
		},
		Auth:         transport.Auth{Kind: transport.AuthBasic},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://person.clearbit.com",
		Hosts: map[string]string{
			hostCompany:    "https://company.clearbit.com",
			hostProspector: "https://prospector.clearbit.com",
		},
		Offers: map[string]provider.Offer{
			provider.OpFindPeople: {
				Gives: []domain.Field{domain.FieldPerson, domain.FieldEmail, domain.FieldTitle}, By: []provider.Identity{provider.ByDomain},
			},
			provider.OpEnrichPerson: {
				Gives: []domain.Field{domain.FieldTitle, domain.FieldCompany, domain.FieldTechnology}, By: []provider.Identity{provider.ByEmail},
			},
			provider.OpEnrichCompany: {
				Gives: []domain.Field{domain.FieldCompany, domain.FieldTechnology}, By: []provider.Identity{provider.ByDomain},
			},
		},
		Quotas: []provider.Quota{
			{Group: "person", Operations: []string{provider.OpEnrichPerson}, Rate: 595, Per: time.Minute, Burst: 5, Note: note},
			{
				Group: "company", Operations: []string{provider.OpEnrichCompany, provider.OpReadAccount},
				Rate: 595, Per: time.Minute, Burst: 5, Note: note,
			},
			{Group: "prospector", Operations: []string{provider.OpFindPeople}, Rate: 595, Per: time.Minute, Burst: 5, Note: note},
		},
		Prices: prices(defaultLookup),
		Terms: provider.Terms{
			MayStore: true, StoreFor: keep, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "the customer's contract, retention unconfirmed; 30 days chosen, 2026-11",
		},
		Status:     provider.Restricted,
		RepeatFree: true,
	}
}

// Prices returns the price table for the customer's own price of a lookup, the
// setting credit_microusd.
func Prices(s provider.Settings) (money.Table, error) {
	text := s["credit_microusd"]
	if text == "" {
		return prices(defaultLookup), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return money.Table{}, fault.New(fault.InvalidInput, "clearbit.new", "the setting credit_microusd must be a whole number of micro-dollars such as 100000")
	}
	return prices(money.Micro(n)), nil
}

func prices(lookup money.Micro) money.Table {
	counted := money.Price{Unit: lookup, Units: 1, Per: "lookup"}
	return money.Table{
		Date: "2026-11-22", Source: "assumed; prices are not published",
		Operations: map[string]money.Price{
			provider.OpFindPeople:    counted,
			provider.OpEnrichPerson:  counted,
			provider.OpEnrichCompany: counted,
			provider.OpReadAccount:   {Units: 1, Per: "call"},
		},
	}
}

// Client asks Clearbit. Safe for concurrent use.
type Client struct {
	transport transport.Doer
	prices    money.Table
	now       func() time.Time
	stored    bool // a queued person is asked for again as stored
}

// New makes a client. The error is about the settings.
func New(d provider.Deps) (*Client, error) {
	table, err := Prices(d.Settings)
	if err != nil {
		return nil, err
	}
	pending := d.Settings.Or("pending", "wait")
	if pending != "wait" && pending != "stored" {
		return nil, fault.New(fault.InvalidInput, "clearbit.new", "the setting pending must be wait or stored")
	}
	return &Client{transport: d.Transport, prices: table, now: d.Now, stored: pending == "stored"}, nil
}

// usage is what one answer cost, from the moment it was asked. A miss and a
// queued lookup are counted like an answer.
func (c *Client) usage(op string, asked time.Time) provider.Usage {
	return provider.Usage{Op: op, Cost: c.prices.Operations[op].For(1), Took: c.now().Sub(asked)}
}
