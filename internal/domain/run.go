package domain

import (
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

// Campaign is the standing intent: whom to look for, where, and how much of it.
type Campaign struct {
	ID        string    `json:"id"`
	Team      string    `json:"team"`
	Name      string    `json:"name"`
	ICPID     string    `json:"icpId"`
	Sources   []string  `json:"sources"` // "apollo", "googleplaces"
	Criteria  Criteria  `json:"criteria"`
	Options   Options   `json:"options"`
	RunID     string    `json:"runId"` // the latest run
	CreatedAt time.Time `json:"createdAt"`
}

// Criteria narrow the search beyond the ICP. Empty lists take the ICP's.
type Criteria struct {
	Titles     []string `json:"titles,omitempty"`
	Sizes      []string `json:"sizes,omitempty"`
	Locations  []string `json:"locations,omitempty"`
	Industries []string `json:"industries,omitempty"`
}

// Options bound a campaign.
type Options struct {
	MaxProspects int         `json:"maxProspects"`
	AutoEnrich   bool        `json:"autoEnrich"`
	AutoConvert  bool        `json:"autoConvert"`
	Thresholds   Thresholds  `json:"thresholds"`
	Cap          money.Micro `json:"cap"` // the most that one run may spend at providers
	Enrich       Enrich      `json:"enrich,omitzero"`
}

// Thresholds turn a fit score into a state. They mean what they say: a review
// threshold of zero rejects nobody.
type Thresholds struct {
	Convert float64 `json:"convert"` // at or above: qualified
	Review  float64 `json:"review"`  // at or above, below Convert: review
}

// DefaultThresholds are used by a campaign without its own.
func DefaultThresholds() Thresholds { return Thresholds{Convert: 0.75, Review: 0.60} }

// Validate reports thresholds that cannot be meant, as a fault InvalidInput.
func (t Thresholds) Validate() error {
	if !(t.Convert > 0 && t.Convert <= 1) || !(t.Review >= 0 && t.Review <= t.Convert) {
		return fault.New(fault.InvalidInput, "domain.thresholds",
			"the conversion threshold (minMatchScore) must be above 0 and at most 1, the review threshold (reviewScore) between 0 and that")
	}
	return nil
}

// State returns the state of a row with this fit score.
func (t Thresholds) State(score float64) State {
	switch {
	case score >= t.Convert:
		return Qualified
	case score >= t.Review:
		return Review
	}
	return Rejected
}

// MaxProspectsLimit is the largest run that one campaign may ask for.
const MaxProspectsLimit = 1_000_000

// Validate reports the first thing that makes the campaign unusable.
func (c Campaign) Validate() error {
	bad := func(message string) error { return fault.New(fault.InvalidInput, "domain.campaign", message) }
	switch {
	case c.Name == "":
		return bad("the campaign has no name")
	case c.ICPID == "":
		return bad("icpId is missing: create an ICP first and give its id")
	case len(c.Sources) == 0:
		return bad("platforms is empty: name at least one source, for example \"apollo\"")
	case c.Options.MaxProspects < 1 || c.Options.MaxProspects > MaxProspectsLimit:
		return bad("options.maxProspects must be between 1 and 1000000")
	case c.Options.Cap < 0: // zero is a run that asks nobody for money
		return bad("the spending cap is below zero: set options.capUsd to the most that a run may cost")
	}
	return c.Options.Thresholds.Validate()
}

// RunStatus is where a run stands.
type RunStatus string

// The statuses of a run.
const (
	RunRunning   RunStatus = "running"
	RunPaused    RunStatus = "paused" // by a person or at the cap; resumable
	RunCompleted RunStatus = "completed"
	RunPartial   RunStatus = "partial" // done, but some rows failed or a CRM refused some
	RunFailed    RunStatus = "failed"
	RunCancelled RunStatus = "cancelled" // its execution was stopped by hand
)

// Ended reports whether nothing more happens in this status.
func (s RunStatus) Ended() bool {
	return s == RunCompleted || s == RunPartial || s == RunFailed || s == RunCancelled
}

// Run is one execution of a campaign.
type Run struct {
	ID         string    `json:"id"`
	Team       string    `json:"team"`
	CampaignID string    `json:"campaignId"`
	Status     RunStatus `json:"status"`
	Reason     string    `json:"reason,omitempty"` // why it is paused, partial, failed or cancelled
	StartedAt  time.Time `json:"startedAt"`
	EndedAt    time.Time `json:"endedAt,omitzero"`
	Planned    int       `json:"planned"` // rows that discovery may bring at most
	Totals     *Totals   `json:"totals,omitempty"`
	Attempt    int       `json:"attempt,omitempty"` // how often what failed was run again
}

// Totals are the sums over a run's ledger.
type Totals struct {
	Rows      Counts               `json:"rows"`
	Enriched  int                  `json:"enriched"`
	Converted int                  `json:"converted"`
	Verified  int                  `json:"verified"`           // rows with an address that a verifier found safe
	BySource  map[string]int       `json:"bySource,omitempty"` // rows discovered
	CRM       map[string]PushTally `json:"crm,omitempty"`
	// Cache is what answers of earlier runs and of other chunks have saved, by provider.
	Cache map[string]CacheTally `json:"cache,omitempty"`
}

// PushTally counts what a push did in one CRM.
type PushTally struct {
	Created    int `json:"created"`
	Updated    int `json:"updated"`
	Skipped    int `json:"skipped"`
	Conflicts  int `json:"conflicts"`
	Rejected   int `json:"rejected"`
	Verified   int `json:"verified"`
	Missing    int `json:"missing"`
	Duplicates int `json:"duplicates"`
}

// Plus returns the sum of two tallies.
func (a PushTally) Plus(b PushTally) PushTally {
	return PushTally{
		Created: a.Created + b.Created, Updated: a.Updated + b.Updated, Skipped: a.Skipped + b.Skipped,
		Conflicts: a.Conflicts + b.Conflicts, Rejected: a.Rejected + b.Rejected, Verified: a.Verified + b.Verified,
		Missing: a.Missing + b.Missing, Duplicates: a.Duplicates + b.Duplicates,
	}
}

// Ref names a chunk of a run. Team comes from the token that started the run.
type Ref struct {
	Team     string `json:"team"`
	Campaign string `json:"campaignId"`
	Run      string `json:"runId"`
	Chunk    string `json:"chunk,omitempty"` // "s003-0012": shard and number
}

// Lead is a prospect that was converted: the record that goes to CRMs.
type Lead struct {
	ID         string    `json:"id"`
	Team       string    `json:"team"`
	ProspectID string    `json:"prospectId"`
	CampaignID string    `json:"campaignId"`
	RunID      string    `json:"runId"`
	Chunk      string    `json:"chunk"`
	Score      float64   `json:"score"`
	CreatedAt  time.Time `json:"createdAt"`
}
