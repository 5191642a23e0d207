package scoring

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// leastConfidence is the share of the score that must rest on known values
// before anything is converted without a person's look: one matching field is
// no lead.
const leastConfidence = 0.50

// Decide returns the state that a prospect's receipt leads to, Qualified, Review
// or Rejected, and why, if it is not for the score alone. What is unknown never
// rejects a prospect and never qualifies one.
func Decide(p domain.Prospect, r domain.Receipt, t domain.Thresholds) (state domain.State, why string) {
	state = t.State(r.Score)
	switch {
	case r.Confidence == 0:
		return domain.Review, "Nothing is known yet of what the ICP asks for: " + strings.Join(r.Unknown, ", ")
	case state != domain.Rejected && !p.HasPerson():
		return domain.Review, "No person found yet: the score is of the company alone"
	case state == domain.Qualified && r.Confidence < leastConfidence:
		return domain.Review, "Too little is known to qualify it (" + strconv.FormatFloat(100*r.Confidence, 'f', 0, 64) + " % of the score)"
	}
	return state, ""
}

// Hopeless reports whether a prospect cannot reach review however its unknown
// fields turn out, so that no money should be spent on it.
func Hopeless(r domain.Receipt, t domain.Thresholds) bool { return r.Upper < t.Review }

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
