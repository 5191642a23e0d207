package openai

import (
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// The limits of one request, and what we use of them. The answer of a request
// must stay below transport's cap on bodies.
const (
	maxTexts     = 2048
	tokenLimit   = 300_000 // OpenAI's, of one request
	maxTokens    = 250_000 // ours, since tokens are estimated
	maxTextBytes = 24_000  // of one text; 8,000 of 8,192 tokens
	maxAnswer    = 6 << 20
)

// million is the unit of prices.
const million = 1_000_000

// model is what has to be known of an embedding model.
type model struct {
	dims    int
	shorten bool        // takes the parameter dimensions
	price   money.Micro // of a million tokens
}

// models are the models on offer, with prices of the vendor documentation as read in 2026-11
func models() map[string]model {
	return map[string]model{
		"text-embedding-3-small": {dims: 1536, shorten: true, price: 20_000},
		"text-embedding-3-large": {dims: 3072, shorten: true, price: 130_000},
		"text-embedding-ada-002": {dims: 1536, price: 100_000},
	}
}

const defaultModel = "text-embedding-3-small"

// Definition declares OpenAI, with the price of the default model; [Prices] has
// that of another.
func Definition() provider.Definition {
	return provider.Definition{
		Name:         "openai",
		DisplayName:  "OpenAI embeddings",
		Docs:         "https://platform.openai.com/docs/api-reference/embeddings",
		Capabilities: []provider.Capability{provider.CanEmbed},
		Auth:         transport.Auth{Kind: transport.AuthBearer},
		SecretFields: []string{"apiKey"},
		BaseURL:      "https://api.openai.com/v1",
		Quotas: []provider.Quota{{
			Group: "embeddings", Operations: []string{provider.OpEmbed}, Rate: 2980, Per: time.Minute, Burst: 20,
			Note: "requests a minute of usage tier 1; limits are read from the account page (vendor documentation as read in 2026-11)",
		}},
		Prices: prices(models()[defaultModel]),
		// Output belongs to the customer; the inputs are the customer's own texts.
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true,
			Source: "OpenAI terms of use: the customer owns the output; retention of inputs by contract (vendor documentation as read in 2026-11; Terms)",
		},
		Status: provider.Active,
	}
}

// Prices returns the price table for the model in the settings.
func Prices(s provider.Settings) (money.Table, error) {
	m, known := models()[s.Or("model", defaultModel)]
	if !known {
		return money.Table{}, fault.New(fault.InvalidInput, "openai.new",
			"the setting model must be text-embedding-3-small, text-embedding-3-large or text-embedding-ada-002")
	}
	return prices(m), nil
}

func prices(m model) money.Table {
	return money.Table{
		Date: "2026-11-22", Source: "vendor documentation as read in 2026-11",
		Operations: map[string]money.Price{
			provider.OpEmbed: {Unit: m.price, Units: float64(tokenLimit) / million, Per: "1M tokens"},
		},
	}
}
