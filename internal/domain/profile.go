package domain

import "github.com/messageai/sluice/internal/money"

// RunProfile is what a run's stages need to know and must not change under
// them: it is written once, by the plan.
type RunProfile struct {
	ICP         ICP         `json:"icp"`
	Options     Options     `json:"options"`
	Sources     []string    `json:"sources"`
	ListShards  int         `json:"listShards"`
	Model       string      `json:"model"`       // embedding model
	Wanted      [][]float32 `json:"wanted"`      // vectors of the ICP's texts
	Calibration Calibration `json:"calibration"` // of Model for this ICP
	Query       SearchQuery `json:"query"`
}

// Calibration maps a raw cosine of one embedding model and one ICP to 0..1. It
// is fitted on a background of unrelated texts.
type Calibration struct {
	Model  string  `json:"model"`
	Sample int     `json:"sample"` // texts in the background
	Median float64 `json:"median"`
	MAD    float64 `json:"mad"` // median absolute deviation
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
	Keywords []string    `json:"keywords,omitempty"`
	From     string      `json:"from,omitempty"` // cursor of the first page
	MaxRows  int         `json:"maxRows"`
	MaxPrice money.Micro `json:"maxPrice,omitempty"` // of one page
}
