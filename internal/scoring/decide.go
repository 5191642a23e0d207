package scoring

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Thresholds decide what becomes of a prospect. A zero field means its default.
type Thresholds struct {
	Convert float64 `json:"convert,omitempty"` // qualified at or above; default 0.75
	Review  float64 `json:"review,omitempty"`  // a person looks at or above; default 0.60, at most Convert
	// Confidence is the share of the score that must rest on known values
	// before anything is converted without a person; default 0.50. Below it a
	// high score goes to review: one matching field is no lead.
	Confidence float64 `json:"confidence,omitempty"`
}

// OrDefault fills in the defaults.
func (t Thresholds) OrDefault() Thresholds {
	if t.Convert == 0 {
		t.Convert = 0.75
	}
	if t.Review == 0 {
		t.Review = 0.60
	}
	if t.Confidence == 0 {
		t.Confidence = 0.50
	}
	t.Review = min(t.Review, t.Convert)
	return t
}

// Validate reports thresholds outside 0..1 and a review threshold above that of
// conversion.
func (t Thresholds) Validate() error {
	for _, v := range [...]float64{t.Convert, t.Review, t.Confidence} {
		if !(v >= 0 && v <= 1) {
			return fault.New(fault.InvalidInput, "scoring.thresholds", "a threshold must lie between 0 and 1")
		}
	}
	if t.Convert != 0 && t.Review > t.Convert {
		return fault.New(fault.InvalidInput, "scoring.thresholds", "the review threshold is above the conversion threshold; lower it")
	}
	return nil
}

// Decide returns the state that a receipt leads to: Qualified, Review or Rejected.
func Decide(r domain.Receipt, t Thresholds) domain.State {
	t = t.OrDefault()
	switch {
	case r.Score >= t.Convert && r.Confidence >= t.Confidence:
		return domain.Qualified
	case r.Score >= t.Review:
		return domain.Review
	}
	return domain.Rejected
}

// Hopeless reports whether a prospect cannot reach review however its unknown
// fields turn out, so that no money should be spent on it.
func Hopeless(r domain.Receipt, t Thresholds) bool { return r.Upper < t.OrDefault().Review }

// Compare orders two receipts by score, like [cmp.Compare]. Scores that were
// computed by other rules, for another ICP or with another embedding model are
// not comparable, which is a fault InvalidInput.
func Compare(a, b domain.Receipt) (int, error) {
	switch {
	case a.Algorithm != b.Algorithm:
		return 0, fault.New(fault.InvalidInput, "scoring.compare", "the scores come from different scoring rules; score both again")
	case a.ICPID != b.ICPID || a.ICPVersion != b.ICPVersion:
		return 0, fault.New(fault.InvalidInput, "scoring.compare", "the scores are for different ICPs or versions of one; score both again")
	case a.Model != b.Model:
		return 0, fault.New(fault.InvalidInput, "scoring.compare", "the scores rest on different embedding models; score both again with one")
	}
	return cmp.Compare(a.Score, b.Score), nil
}

// Reasons explains a receipt in short sentences, the strongest first: what
// speaks for the prospect by what it added, what speaks against it by what it
// cost.
func Reasons(r domain.Receipt) []string {
	type reason struct {
		text  string
		force float64
	}
	var reasons []reason
	known := 0.0
	for i := range r.Criteria {
		if r.Criteria[i].Known {
			known += r.Criteria[i].Weight
		}
	}
	for i := range r.Criteria {
		c := &r.Criteria[i]
		if !c.Known {
			continue
		}
		reasons = append(reasons, reason{sentence(c), c.Weight / known * math.Abs(c.Match-0.5)})
	}
	slices.SortStableFunc(reasons, func(a, b reason) int { return cmp.Compare(b.force, a.force) })
	var out []string
	for _, x := range reasons {
		out = append(out, x.text)
	}
	if len(r.Unknown) > 0 {
		out = append(out, "Not known: "+strings.Join(r.Unknown, ", "))
	}
	return out
}

func sentence(c *domain.Criterion) string {
	name := strings.ToUpper(c.Name[:1]) + c.Name[1:]
	switch c.Name {
	case CriterionPsychographics:
		degree := "speak strongly for the persona"
		switch {
		case c.Match < 0.35:
			degree = "are far from the persona"
		case c.Match < 0.65:
			degree = "are half-way to the persona"
		}
		return "Meaning: role and company (" + c.Value + ") " + degree
	case CriterionActivity:
		return name + ": " + c.Value + " is " + c.Evidence
	}
	return name + ": " + c.Value + " " + c.Evidence
}
