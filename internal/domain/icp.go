package domain

import "github.com/messageai/sluice/internal/fault"

// ICP is an Ideal Customer Profile: the persona that prospects are scored
// against. The JSON form is the public one.
type ICP struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	Version        int            `json:"version,omitempty"` // raised by every change; zero is the first
	Demographics   Demographics   `json:"demographics"`
	Firmographics  Firmographics  `json:"firmographics"`
	Psychographics Psychographics `json:"psychographics"`
	Behaviors      Behaviors      `json:"behaviors"`
	Weights        *Weights       `json:"weights,omitempty"` // nil: [DefaultWeights]
}

// Demographics describe the person.
type Demographics struct {
	JobTitles []string `json:"jobTitles,omitempty"`
	AgeRange  string   `json:"ageRange,omitempty"` // kept for display; age is never inferred or scored
	Location  string   `json:"location,omitempty"` // countries or regions, comma-separated
	Education string   `json:"education,omitempty"`
}

// Firmographics describe the person's company.
type Firmographics struct {
	Industry    []string `json:"industry,omitempty"`
	CompanySize []string `json:"companySize,omitempty"` // employee ranges: "51-200", "1000+"
	Revenue     string   `json:"revenue,omitempty"`     // "$10M-$100M ARR"
	Geography   string   `json:"geography,omitempty"`   // countries or regions, comma-separated
}

// Psychographics describe what moves the person; matched by meaning.
type Psychographics struct {
	PainPoints  []string `json:"painPoints,omitempty"`
	Goals       []string `json:"goals,omitempty"`
	Motivations []string `json:"motivations,omitempty"`
	Values      []string `json:"values,omitempty"`
}

// Behaviors describe when and how they buy.
type Behaviors struct {
	BuyingTriggers    []string `json:"buyingTriggers,omitempty"`
	DecisionProcess   string   `json:"decisionProcess,omitempty"`
	PreferredChannels []string `json:"preferredChannels,omitempty"`
	Influencers       []string `json:"influencers,omitempty"`
}

// Weights are the shares of the four parts of the fit score. They are
// normalised by their sum before use.
type Weights struct {
	Demographics   float64 `json:"demographics"`
	Firmographics  float64 `json:"firmographics"`
	Psychographics float64 `json:"psychographics"`
	Activity       float64 `json:"activity"`
}

// DefaultWeights are used by an ICP without its own.
func DefaultWeights() Weights {
	return Weights{Demographics: 0.30, Firmographics: 0.25, Psychographics: 0.25, Activity: 0.20}
}

// Validate reports the first thing that makes the ICP unusable.
func (icp ICP) Validate() error {
	bad := func(message string) error { return fault.New(fault.InvalidInput, "domain.icp", message) }
	switch {
	case icp.Name == "":
		return bad("the ICP has no name; give it one, for example \"Enterprise SaaS Decision Maker\"")
	case len(icp.Demographics.JobTitles) == 0 && len(icp.Firmographics.Industry) == 0 &&
		len(icp.Firmographics.CompanySize) == 0 && icp.Demographics.Location == "" && icp.Firmographics.Geography == "":
		return bad("the ICP names no job title, industry, company size or place; add at least one, or every prospect would score the same")
	}
	if w := icp.Weights; w != nil {
		sum := 0.0
		for _, part := range []float64{w.Demographics, w.Firmographics, w.Psychographics, w.Activity} {
			if !(part >= 0 && part <= 1e6) { // also refuses NaN
				return bad("the ICP's weights must be numbers of zero or more")
			}
			sum += part
		}
		if sum == 0 {
			return bad("the ICP's weights are all zero; give at least one part a weight")
		}
	}
	return nil
}
