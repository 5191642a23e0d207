package domain

import (
	"fmt"
	"slices"

	"github.com/messageai/sluice/internal/money"
)

// State is where a row of a run stands. Every row that came in is in exactly
// one state at every moment.
type State string

// The states of a row. The first two are transient.
const (
	Queued     State = "queued"     // discovered, no stage has taken it yet
	InWork     State = "in work"    // inside a chunk that is being processed
	Qualified  State = "qualified"  // at or above the conversion threshold
	Review     State = "review"     // a person should look
	Rejected   State = "rejected"   // below the review threshold
	Duplicate  State = "duplicate"  // another row holds the same person or profile
	Suppressed State = "suppressed" // on the do-not-contact list, or law or terms forbid it
	Failed     State = "failed"     // could not be processed; the reason says why
	Held       State = "held"       // waits for a decision or for money; can be resumed
)

// Final reports whether a row in this state is done with.
func (s State) Final() bool { return s != Queued && s != InWork && s != Held }

// Abandoned is the state of a row whose chunk is given up: what had an end keeps
// it, and qualified is an end only once it is a lead.
func (s State) Abandoned() State {
	if !s.Final() || s == Qualified {
		return Failed
	}
	return s
}

// Row is one prospect on its way through a run.
type Row struct {
	Prospect Prospect `json:"prospect"`
	State    State    `json:"state"`
	Reason   string   `json:"reason,omitempty"` // why it is in this state, for a person
	Prescore *Receipt `json:"prescore,omitempty"`
	Score    *Receipt `json:"score,omitempty"`
	Quality  *Quality `json:"quality,omitempty"`
	LeadID   string   `json:"leadId,omitempty"` // set when converted
	Calls    []Call   `json:"calls,omitempty"`  // the enrichment log
	// Missing names fields that could not be bought, and why.
	Missing map[string]string `json:"missing,omitempty"`
	// Others are values that were not taken; Confirmed are the further sources that
	// say the same as the value taken, by field ("person.title").
	Others    []Other             `json:"others,omitempty"`
	Confirmed map[string][]string `json:"confirmed,omitempty"`
	Email     *EmailFacts         `json:"email,omitempty"` // nil: nothing but the address and its status
}

// Other is a value of a field that was not taken.
type Other struct {
	Field   string `json:"field"`
	Value   string `json:"value"`
	Source  string `json:"source,omitempty"`
	Why     string `json:"why"`
	Refused bool   `json:"refused,omitempty"` // it is wrong, not only different
	// Verdicts are those on an address.
	Verdicts []EmailVerdict `json:"verdicts,omitempty"`
}

// Confirm notes that a source says the same about a field as the row does.
func (r *Row) Confirm(field, source string) {
	if slices.Contains(r.Confirmed[field], source) {
		return
	}
	if r.Confirmed == nil {
		r.Confirmed = map[string][]string{}
	}
	r.Confirmed[field] = append(r.Confirmed[field], source)
}

// Call is one line of a row's enrichment log.
type Call struct {
	Provider   string      `json:"provider"`
	Op         string      `json:"op"`              // key of the provider's price table
	Field      Field       `json:"field,omitempty"` // what it was asked for
	Outcome    string      `json:"outcome"`         // one of the Call constants, or a fault kind
	Cost       money.Micro `json:"cost"`
	Confidence float64     `json:"confidence,omitempty"` // of the address that it brought, 0..1, where the provider says
	TookMS     int64       `json:"tookMs,omitempty"`
	Cached     bool        `json:"cached,omitempty"`
}

// The outcomes of calls that are no faults.
const (
	CallFound   = "found"
	CallNone    = "none"
	CallUnclear = "unclear" // may have been charged, the answer was lost
	CallSkipped = "skipped" // the provider could not be asked
)

// Asked reports whether the provider answered, be it with nothing.
func (c Call) Asked() bool { return c.Outcome == CallFound || c.Outcome == CallNone }

// Counts is the number of rows by state. It balances when the sum over all
// states equals In.
type Counts struct {
	In         int `json:"in"`
	Queued     int `json:"queued,omitempty"`
	InWork     int `json:"inWork,omitempty"`
	Qualified  int `json:"qualified"`
	Review     int `json:"review"`
	Rejected   int `json:"rejected"`
	Duplicate  int `json:"duplicate"`
	Suppressed int `json:"suppressed"`
	Failed     int `json:"failed"`
	Held       int `json:"held"`
}

// Add counts n rows in state s. It does not change In. An unknown state is an
// error, so that no row is ever counted nowhere.
func (c *Counts) Add(s State, n int) error {
	switch s {
	case Queued:
		c.Queued += n
	case InWork:
		c.InWork += n
	case Qualified:
		c.Qualified += n
	case Review:
		c.Review += n
	case Rejected:
		c.Rejected += n
	case Duplicate:
		c.Duplicate += n
	case Suppressed:
		c.Suppressed += n
	case Failed:
		c.Failed += n
	case Held:
		c.Held += n
	default:
		return fmt.Errorf("count rows: unknown state %q", s)
	}
	return nil
}

// Plus returns the sum of two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{
		In: c.In + d.In, Queued: c.Queued + d.Queued, InWork: c.InWork + d.InWork,
		Qualified: c.Qualified + d.Qualified, Review: c.Review + d.Review, Rejected: c.Rejected + d.Rejected,
		Duplicate: c.Duplicate + d.Duplicate, Suppressed: c.Suppressed + d.Suppressed, Failed: c.Failed + d.Failed, Held: c.Held + d.Held,
	}
}

// Balanced reports whether every row that came in is in exactly one state.
func (c Counts) Balanced() bool {
	return c.In == c.Queued+c.InWork+c.Qualified+c.Review+c.Rejected+c.Duplicate+c.Suppressed+c.Failed+c.Held
}
