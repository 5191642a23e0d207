package domain

import (
	"encoding/json"

	"github.com/messageai/sluice/internal/money"
)

// RunProfile is what a run's stages need to know and must not change under
// them: it is written once, by the plan.
type RunProfile struct {
	ICP        ICP      `json:"icp"`
	Options    Options  `json:"options"`
	Sources    []string `json:"sources"`
	ListShards int      `json:"listShards"`
	// Lens is the ICP as the embedding model sees it (a scoring.Lens): empty if
	// the run scores without meaning.
	Lens  json.RawMessage `json:"lens,omitempty"`
	Query SearchQuery     `json:"query"`
	// Enrich is what is bought, and where; nothing if it names no field.
	Enrich EnrichPlan `json:"enrich,omitzero"`
}

// SearchQuery is what a campaign looks for, resolved from its criteria and ICP.
type SearchQuery struct {
	Titles     []string `json:"titles,omitempty"`
	Sizes      []string `json:"sizes,omitempty"`
	Locations  []string `json:"locations,omitempty"`
	Industries []string `json:"industries,omitempty"`
}

// DiscoverShard is one line of a run's plan: what one worker discovers.
type DiscoverShard struct {
	ID       string      `json:"id"`
	Source   string      `json:"source"`
	Queue    string      `json:"queue"` // URL
	Query    SearchQuery `json:"query"`
	Searches []string    `json:"searches,omitempty"` // made one after the other; none: Query alone
	From     string      `json:"from,omitempty"`     // cursor of the first page
	MaxRows  int         `json:"maxRows"`
	MaxPrice money.Micro `json:"maxPrice,omitempty"` // of one page
}
