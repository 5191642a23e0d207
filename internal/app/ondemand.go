package app

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/pipeline/single"
	"github.com/messageai/sluice/internal/provider"
)

// onDemand builds the stage that enriches one prospect while a person waits, on
// every provider that answers questions about prospects.
func (p *parts) onDemand(all map[string]provider.Definition) (*single.Stage, error) {
	asked := map[string]provider.Definition{}
	for name, d := range all {
		if len(d.Offers) > 0 {
			asked[name] = d
		}
	}
	asked = single.Definitions(asked)
	sources, err := p.kit.enrichers(slices.Sorted(maps.Keys(asked)))
	if err != nil {
		return nil, err
	}
	for name, source := range sources {
		source.Definition = asked[name]
		sources[name] = source
	}
	s := &enrich.Stage{Store: p.store, Budget: p.budget(), Sources: sources, Log: p.log, Now: p.now, Mail: p.kit.mail()}
	return &single.Stage{Store: p.store, Ledger: p.store, Providers: asked, Enrich: s.Do, NewID: uuid.NewString, Now: p.now, Log: p.log}, nil
}
