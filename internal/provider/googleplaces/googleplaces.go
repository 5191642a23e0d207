package googleplaces

import (
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// keep is how long anything but a place id may be held.
const keep = 30 * 24 * time.Hour

// Definition declares Google Places.
func Definition() provider.Definition {
	return provider.Definition{
		Name:         "googleplaces",
		DisplayName:  "Google Places",
		Docs:         "https://developers.google.com/maps/documentation/places/web-service",
		Capabilities: []provider.Capability{provider.CanDiscover, provider.CanEnrichCompany},
		Auth:         transport.Auth{Kind: transport.AuthHeader, Name: "X-Goog-Api-Key"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://places.googleapis.com",
		Offers: map[string]provider.Offer{
			provider.OpEnrichCompany: {Gives: []domain.Field{domain.FieldCompany}, By: []provider.Identity{provider.ByID}},
		},
		Quotas: []provider.Quota{
			{
				Group: "search", Operations: []string{provider.OpDiscover}, Rate: 595, Per: time.Minute, Burst: 5,
				Note: "600 a minute and method: unconfirmed, the project's number is in the Cloud console",
			},
			{
				Group: "details", Operations: []string{provider.OpEnrichCompany}, Rate: 595, Per: time.Minute, Burst: 5,
				Note: "600 a minute and method: unconfirmed, the project's number is in the Cloud console",
			},
		},
		Prices: money.Table{
			Date: "2026-06-30", Source: "vendor documentation as read in 2026-11: Enterprise tier, first volume tier, US",
			Operations: map[string]money.Price{
				provider.OpDiscover:      {Unit: 35_000, Units: 1, Per: "call"},
				provider.OpEnrichCompany: {Unit: 20_000, Units: 1, Per: "call"},
			},
		},
		Terms: provider.Terms{
			MayStore: false, StoreFor: keep, MayScore: true, MayExport: false, MayJoin: true, KeepIDs: true,
			Source: "https://developers.google.com/maps/documentation/places/web-service/policies, 2026-11; joining unconfirmed",
		},
		Status:     provider.Active,
		RepeatFree: false,
	}
}

// Client asks Google Places. Safe for concurrent use.
type Client struct {
	transport transport.Doer
	prices    money.Table
	now       func() time.Time
}

// New makes a client. It has no settings, so the error is always nil.
func New(d provider.Deps) (*Client, error) {
	return &Client{transport: d.Transport, prices: Definition().Prices, now: d.Now}, nil
}

// usage is what one call cost. Calls are charged, whatever they find.
func (c *Client) usage(op string, calls float64, asked time.Time) provider.Usage {
	return provider.Usage{Op: op, Cost: c.prices.Operations[op].For(calls), Took: c.now().Sub(asked)}
}

// Classify reads google.rpc.Status where it says more than the HTTP status.
func Classify(op string, resp *transport.Response) error {
	switch resp.Status {
	case 400:
		if reason, _ := errorInfo(resp); reason == "API_KEY_INVALID" {
			return resp.Fault(fault.Unauthenticated, "the provider refused the key; put a valid one into its secret")
		}
	case 404:
		if op == provider.OpEnrichCompany {
			return nil // the id is gone: nothing found
		}
	case 429:
		if _, limit := errorInfo(resp); strings.HasSuffix(limit, "PerDay") {
			return resp.Fault(fault.QuotaExhausted, "the project's calls of the day are used up; raise the daily quota in the Cloud console or wait until tomorrow")
		}
	}
	return transport.DefaultClassify(op, resp)
}

// errorInfo returns reason and quota limit of an error, "" if it has none.
func errorInfo(resp *transport.Response) (reason, limit string) {
	var w wireError
	if resp.Decode(&w) != nil {
		return "", ""
	}
	for _, d := range w.Error.Details {
		if d.Reason != "" {
			return d.Reason, d.Metadata["quota_limit"]
		}
	}
	return "", ""
}
