package lusha

import (
	"net/http"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// batch is the most that one call may ask about (OpenAPI, 2026-11).
const batch = 100

// Definition declares Lusha.
func Definition() provider.Definition {
	people := []provider.Identity{provider.ByID, provider.ByEmail, provider.ByProfile, provider.ByNameAtDomain, provider.ByNameAtCompany}
	return provider.Definition{
		Name:         "lusha",
		DisplayName:  "Lusha",
		Docs:         "https://docs.lusha.com/api-reference/overview",
		Capabilities: []provider.Capability{provider.CanEnrichPerson, provider.CanFindPhone, provider.CanEnrichCompany, provider.CanReadAccount},
		Auth:         transport.Auth{Kind: transport.AuthHeader, Name: "api_key"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.lusha.com",
		Offers: map[string]provider.Offer{
			provider.OpEnrichPerson: {Gives: []domain.Field{domain.FieldEmail, domain.FieldTitle}, By: people, Batch: batch},
			provider.OpFindPhone:    {Gives: []domain.Field{domain.FieldPhone}, By: people, Batch: batch},
			provider.OpEnrichCompany: {
				Gives: []domain.Field{domain.FieldCompany, domain.FieldTechnology},
				By:    []provider.Identity{provider.ByDomain, provider.ByCompanyName}, Batch: batch,
			},
		},
		Quotas: []provider.Quota{
			{
				Group: "api", Operations: []string{provider.OpEnrichPerson, provider.OpFindPhone, provider.OpEnrichCompany}, Rate: 25, Per: time.Second, Burst: 1,
				Note: "25 a second for the account, spaced evenly; limits per minute, hour and day depend on the plan (docs.lusha.com/rate-limiting, 2026-11)",
			},
			{
				Group: "account", Operations: []string{provider.OpReadAccount}, Rate: 5, Per: time.Minute, Burst: 1,
				Note: "5 a minute (docs.lusha.com/rate-limiting, 2026-11)",
			},
		},
		Prices: defaultRates().table(),
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "https://www.lusha.com/legal/terms_and_conditions of 2025-11 (internal use); retention after the contract unconfirmed, 2026-11",
		},
		Status: provider.Active,
		// A reveal is not charged twice, but the search in the same call is.
		RepeatFree: false,
	}
}

// rates are how many credits things cost, and what a credit costs.
type rates struct {
	credit                        money.Micro
	search, email, phone, company int64
}

func defaultRates() rates {
	return rates{credit: 100_000, search: 1, email: 1, phone: 5, company: 1}
}

// table holds the highest price of one prospect, which is also the highest of a
// call about one: the unconfirmed minimum of a credit is not above it.
func (r rates) table() money.Table {
	price := func(reveal int64) money.Price {
		return money.Price{Unit: r.credit, Units: float64(max(r.search+reveal, 1)), Per: "credit"}
	}
	return money.Table{
		Date: "2026-11-22", Source: "vendor documentation as read in 2026-11; price of a credit unconfirmed",
		Operations: map[string]money.Price{
			provider.OpEnrichPerson:  price(r.email),
			provider.OpFindPhone:     price(r.phone),
			provider.OpEnrichCompany: price(r.company),
			provider.OpReadAccount:   {Units: 1, Per: "call"},
		},
	}
}

// Prices returns the price table for the customer's own plan, from the settings
// credit_microusd, search_credits, email_credits, phone_credits and
// company_credits.
func Prices(s provider.Settings) (money.Table, error) {
	r, err := readRates(s)
	if err != nil {
		return money.Table{}, err
	}
	return r.table(), nil
}

func readRates(s provider.Settings) (rates, error) {
	r := defaultRates()
	credit := int64(r.credit)
	for _, setting := range []struct {
		name string
		to   *int64
		most int64
	}{
		{"credit_microusd", &credit, 1_000_000_000},
		{"search_credits", &r.search, 1000},
		{"email_credits", &r.email, 1000},
		{"phone_credits", &r.phone, 1000},
		{"company_credits", &r.company, 1000},
	} {
		text := s[setting.name]
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > setting.most {
			return rates{}, fault.New(fault.InvalidInput, "lusha.new", "the setting "+setting.name+" must be a whole number from 0 to "+strconv.FormatInt(setting.most, 10))
		}
		*setting.to = n
	}
	r.credit = money.Micro(credit)
	return r, nil
}

// Client asks Lusha. Safe for concurrent use.
type Client struct {
	transport  transport.Doer
	definition provider.Definition
	rates      rates
	now        func() time.Time
}

// New makes a client. The error is about the settings.
func New(d provider.Deps) (*Client, error) {
	r, err := readRates(d.Settings)
	if err != nil {
		return nil, err
	}
	return &Client{transport: d.Transport, definition: Definition(), rates: r, now: d.Now}, nil
}

// statusClientClosed is a proxy's word for a request that was given up.
const statusClientClosed = 499

// Classify is Lusha's own meaning of statuses; see the package comment.
func Classify(op string, resp *transport.Response) error {
	switch resp.Status {
	case http.StatusForbidden:
		return resp.Fault(fault.Forbidden, "the account is not active, has no access to version 3 of the API, or its plan lacks this; ask Lusha's support")
	case http.StatusTooManyRequests:
		e := resp.Fault(fault.RateLimited, "the provider asks us to slow down")
		if e.RetryAfter == 0 {
			e.RetryAfter = windowWait(resp)
		}
		return e
	case statusClientClosed:
		return resp.Fault(fault.Unavailable, "the provider gave the request up")
	}
	return transport.DefaultClassify(op, resp)
}

// windowWait is how long the longest window that is used up still lasts; zero if
// the headers show none, which leaves the wait to the declared quota.
func windowWait(resp *transport.Response) time.Duration {
	usedUp := func(window string) bool {
		left, err := strconv.Atoi(resp.Header.Get("x-" + window + "-requests-left"))
		return err == nil && left <= 0
	}
	at := resp.At.UTC()
	switch {
	case usedUp("daily"):
		return max(at.Truncate(24*time.Hour).Add(24*time.Hour).Sub(at), time.Minute)
	case usedUp("hourly"):
		return max(at.Truncate(time.Hour).Add(time.Hour).Sub(at), time.Minute)
	case usedUp("minute"):
		return time.Minute
	}
	return 0
}
