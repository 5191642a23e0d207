package pinecone

import (
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// The operations.
const (
	opUpsert = "upsert"
	opQuery  = "query"
	opDelete = "delete"
)

// The limits of one request.
const (
	maxVectors = 1000
	maxBytes   = 2<<20 - 64<<10 // of 2 MB, with room for what is not counted
	maxIDs     = 1000
	maxTopK    = 10_000
)

// million is how many read or write units the price list counts by.
const million = 1_000_000

// Definition declares Pinecone.
func Definition() provider.Definition {
	second := func(op, note string) provider.Quota {
		return provider.Quota{Group: op, Operations: []string{op}, Rate: 80, Per: time.Second, Burst: 20, Note: note}
	}
	return provider.Definition{
		Name:         "pinecone",
		DisplayName:  "Pinecone",
		Docs:         "https://docs.pinecone.io/reference/api",
		Capabilities: []provider.Capability{provider.CanIndexVectors},
		Auth:         transport.Auth{Kind: transport.AuthHeader, Name: "Api-Key"},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.pinecone.io",
		Quotas: []provider.Quota{
			second(opUpsert, "per namespace; taken as per key, which is stricter (vendor documentation as read in 2026-11; Limits)"),
			second(opQuery, "per namespace; taken as per key, which is stricter"),
			second(opDelete, "per namespace; taken as per key, which is stricter"),
		},
		Prices: money.Table{
			Date: "2026-11-22", Source: "vendor documentation as read in 2026-11, Price: Standard plan, upper end of what is reported",
			Operations: map[string]money.Price{
				opUpsert: {Unit: 4_500_000, Units: float64(writeUnits(2<<20)) / million, Per: "1M write units"},
				opDelete: {Unit: 4_500_000, Units: float64(writeUnits(0)) / million, Per: "1M write units"},
				// One unit for each GB of the namespace; nobody keeps more than ten.
				opQuery: {Unit: 18_000_000, Units: 10.0 / million, Per: "1M read units"},
			},
		},
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "the customer's own data in the customer's own index",
		},
		Status: provider.Active,
	}
}

// writeUnits is what a write costs: one unit a KB, at least five a request.
func writeUnits(bytes int) int { return max(5, (bytes+1023)/1024) }
