// Package catalog is the list of all adapters, and the only one: whatever needs
// to know them (configuration, plans, documentation) reads it here. Adding a
// provider is one folder and one line in [All].
//
// It imports provider, transport, money and every adapter.
package catalog

import (
	"fmt"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/apollo"
	"github.com/messageai/sluice/internal/provider/clearbit"
	"github.com/messageai/sluice/internal/provider/googleplaces"
	"github.com/messageai/sluice/internal/provider/hubspot"
	"github.com/messageai/sluice/internal/provider/hunter"
	"github.com/messageai/sluice/internal/provider/lusha"
	"github.com/messageai/sluice/internal/provider/neverbounce"
	"github.com/messageai/sluice/internal/provider/openai"
	"github.com/messageai/sluice/internal/provider/pinecone"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/provider/zerobounce"
	"github.com/messageai/sluice/internal/provider/zoominfo"
)

// Entry is one adapter.
type Entry struct {
	Definition provider.Definition
	Classify   transport.Classify               // nil: transport.DefaultClassify
	Build      func(provider.Deps) (any, error) // nil: [VectorIndexes] has it
	// Prices returns the price table where it depends on the customer's plan;
	// nil if it does not.
	Prices func(provider.Settings) (money.Table, error)
	// Offers returns what can be asked where it depends on the settings; nil if it
	// does not.
	Offers func(provider.Settings) map[string]provider.Offer
}

// For returns the definition with what the customer's own plan offers, at its prices. What
// is reserved before a call must be computed from these, or an expensive plan
// would be charged more than was reserved.
func (e Entry) For(s provider.Settings) (provider.Definition, error) {
	d := e.Definition
	if e.Offers != nil {
		d.Offers = e.Offers(s)
	}
	if e.Prices == nil {
		return d, nil
	}
	table, err := e.Prices(s)
	if err != nil {
		return provider.Definition{}, fmt.Errorf("prices of %s: %w", d.Name, err)
	}
	d.Prices = table
	return d, nil
}

// All returns every adapter, by name.
func All() []Entry {
	return []Entry{
		{Definition: apollo.Definition(), Classify: apollo.Classify, Build: build(apollo.New), Prices: apollo.Prices},
		{Definition: clearbit.Definition(), Classify: clearbit.Classify, Build: build(clearbit.New), Prices: clearbit.Prices},
		{Definition: googleplaces.Definition(), Classify: googleplaces.Classify, Build: build(googleplaces.New)},
		{Definition: hubspot.Definition(), Classify: hubspot.Classify, Build: build(hubspot.New)},
		{Definition: hunter.Definition(), Classify: hunter.Classify, Build: build(hunter.New), Prices: hunter.Prices},
		{Definition: lusha.Definition(), Classify: lusha.Classify, Build: build(lusha.New), Prices: lusha.Prices},
		{Definition: neverbounce.Definition(), Classify: neverbounce.Classify, Build: build(neverbounce.New), Prices: neverbounce.Prices},
		{Definition: openai.Definition(), Classify: openai.Classify, Build: build(openai.New), Prices: openai.Prices},
		{Definition: pinecone.Definition()}, // built by [VectorIndexes]
		{Definition: zerobounce.Definition(), Classify: zerobounce.Classify, Build: build(zerobounce.New), Prices: zerobounce.Prices},
		{Definition: zoominfo.Definition(), Classify: zoominfo.Classify, Build: build(zoominfo.New), Prices: zoominfo.Prices, Offers: zoominfo.Offers},
	}
}

// VectorIndexes returns the adapters of vector indexes. They are apart since
// every function reaches All, and the linker would keep their client's gRPC in
// each of them: 0.3 MB zipped that only the function which scores needs.
func VectorIndexes() []Entry {
	return []Entry{{Definition: pinecone.Definition(), Build: build(pinecone.New)}}
}

// build forgets the type of an adapter's constructor. A failed one gives nil,
// not a nil pointer in an interface.
func build[T any](construct func(provider.Deps) (*T, error)) func(provider.Deps) (any, error) {
	return func(d provider.Deps) (any, error) {
		client, err := construct(d)
		if err != nil {
			return nil, err
		}
		return client, nil
	}
}
