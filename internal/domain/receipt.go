package domain

import "time"

// Receipt is the record from which a fit score can be recomputed, bit for bit,
// and explained. Score = sum of Points over Criteria, where an unknown
// criterion's weight is spread over the known ones of the same part and then
// over the known parts.
type Receipt struct {
	Algorithm  string      `json:"algorithm"` // name and version of the scoring rules
	ICPID      string      `json:"icpId"`
	ICPVersion int         `json:"icpVersion"`
	Model      string      `json:"model,omitempty"` // embedding model behind the semantic criteria
	Score      float64     `json:"score"`           // 0..1
	Confidence float64     `json:"confidence"`      // share of the weight that rests on known values, 0..1
	Upper      float64     `json:"upper"`           // the score if every unknown turned out perfect
	Criteria   []Criterion `json:"criteria"`
	Unknown    []string    `json:"unknown,omitempty"` // fields to buy next, most valuable first
	// Nearest is the smallest single change that would cross the next threshold.
	Nearest *Change   `json:"nearest,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Criterion is one line of a receipt.
type Criterion struct {
	Name      string    `json:"name"`   // "title", "industry", "size", ...
	Part      string    `json:"part"`   // demographics, firmographics, psychographics, activity
	Weight    float64   `json:"weight"` // share of the whole score, 0..1
	Match     float64   `json:"match"`  // 0..1
	Points    float64   `json:"points"` // what it added to the score
	Known     bool      `json:"known"`
	Value     string    `json:"value,omitempty"`    // the prospect's value; no contact data
	Wanted    string    `json:"wanted,omitempty"`   // the ICP's value
	Evidence  string    `json:"evidence,omitempty"` // how value and wanted were compared
	Source    string    `json:"source,omitempty"`
	FetchedAt time.Time `json:"fetchedAt,omitzero"`
	Cosine    *float64  `json:"cosine,omitempty"` // raw similarity, before calibration
}

// Change is a hypothetical change of one criterion.
type Change struct {
	Criterion string  `json:"criterion"`
	From      float64 `json:"from"` // its match now
	To        float64 `json:"to"`   // the match that is needed
	Threshold float64 `json:"threshold"`
}

// Quality is trust in the data of a prospect.
type Quality struct {
	Score  float64  `json:"score"`            // 0..1
	Losses []string `json:"losses,omitempty"` // each point lost has a named reason
}
