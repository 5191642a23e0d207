package hubspot

import (
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// The operations.
const (
	opProperties = "properties"
	opRead       = "read"
	opUpsert     = "upsert"
	opUpdate     = "update"
	opAssociate  = "associate"
)

// Definition declares HubSpot.
func Definition() provider.Definition {
	free := money.Price{Units: 1, Per: "call"}
	return provider.Definition{
		Name:         "hubspot",
		DisplayName:  "HubSpot",
		Docs:         "https://developers.hubspot.com/docs/api-reference",
		Capabilities: []provider.Capability{provider.CanPush},
		Auth:         transport.Auth{Kind: transport.AuthBearer},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.hubapi.com",
		Quotas: []provider.Quota{{
			Group: "api", Operations: []string{opProperties, opRead, opUpsert, opUpdate, opAssociate},
			Rate: 98, Per: 10 * time.Second, Burst: 2,
			Note: "service key on Free and Starter, usage guidelines 2026; 190 on Professional and above (vendor documentation as read in 2026-11)",
		}},
		Prices: money.Table{
			Date: "2026-11-22", Source: "vendor documentation as read in 2026-11: calls are limited, not priced",
			Operations: map[string]money.Price{opProperties: free, opRead: free, opUpsert: free, opUpdate: free, opAssociate: free},
		},
		// The account is the customer's own: what it holds is theirs.
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "the customer's own CRM data",
		},
		Status:     provider.Active,
		RepeatFree: true,
	}
}
