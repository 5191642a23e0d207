package scoring

import (
	"math"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/domain"
)

// Score computes the fit of a prospect to a profile. Sem may be zero: then the
// semantic criteria are unknown. Now dates the receipt and ages the signals.
func Score(p domain.Prospect, profile *Profile, sem Semantic, now time.Time) domain.Receipt {
	r := domain.Receipt{
		Algorithm: Algorithm, ICPID: profile.icpID, ICPVersion: profile.icpVersion, At: now,
		Criteria: make([]domain.Criterion, len(profile.criteria)),
	}
	if sem.usable() {
		r.Model = sem.Model
	}
	for i := range profile.criteria {
		c := &profile.criteria[i]
		line := &r.Criteria[i]
		line.Name, line.Part, line.Weight, line.Wanted = c.name, c.part, c.weight, c.wanted
		profile.compare(line, r.Criteria[:i], &p, sem, now)
		line.Match = min(max(line.Match, 0), 1)
		if !line.Known {
			line.Match = 0
			continue
		}
		if from, ok := p.Provenance[c.field]; ok && line.Source == "" {
			line.Source, line.FetchedAt = from.Source, from.FetchedAt
		}
		if line.Source == "" {
			line.Source, line.FetchedAt = p.Source, p.SeenAt
		}
	}
	total(r.Criteria, -1, 0, false, true, &r.Score)
	total(r.Criteria, -1, 0, true, false, &r.Upper)
	r.Upper = max(r.Upper, r.Score) // the two differ by rounding if nothing is unknown
	r.Confidence = confidence(r.Criteria)
	r.Unknown = profile.unknown(r.Criteria)
	r.Nearest = Nearest(r, profile.thresholds)
	return r
}

// Recompute returns the score that follows from the weights and matches of a
// receipt's criteria. It equals the receipt's Score bit for bit, also after a
// round trip through JSON.
func Recompute(r domain.Receipt) float64 {
	var score float64
	total(r.Criteria, -1, 0, false, false, &score)
	return score
}

// partNames gives the order in which parts are summed.
var partNames = [...]string{PartDemographics, PartFirmographics, PartPsychographics, PartActivity}

func partIndex(name string) int { return max(0, slices.Index(partNames[:], name)) }

// total sums the points of criteria. The weight of an unknown criterion is
// spread over the known ones of its part, and that of a part without any known
// one over the other parts. Every product is rounded to float64 before it is
// added, so that processors which fuse the two agree with those that do not.
//
// If override is not negative, that criterion counts as known with the given
// match. If optimistic, unknown criteria count as perfect. If write, the points
// are stored in the criteria.
func total(criteria []domain.Criterion, override int, match float64, optimistic, write bool, score *float64) {
	var weight, known [len(partNames)]float64
	for i := range criteria {
		part := partIndex(criteria[i].Part)
		weight[part] += criteria[i].Weight
		if criteria[i].Known || optimistic || i == override {
			known[part] += criteria[i].Weight
		}
	}
	whole := 0.0
	for part := range partNames {
		if known[part] > 0 {
			whole += weight[part]
		}
	}
	sum := 0.0
	for i := range criteria {
		c := &criteria[i]
		points := 0.0
		if m := c.Match; c.Known || optimistic || i == override {
			switch {
			case i == override:
				m = match
			case !c.Known:
				m = 1
			}
			part := partIndex(c.Part)
			effective := float64(c.Weight/known[part]) * float64(weight[part]/whole)
			points = float64(float64(effective) * m)
		}
		if write {
			c.Points = points
		}
		sum += points
	}
	*score = min(sum, 1)
}

func confidence(criteria []domain.Criterion) float64 {
	known, whole := 0.0, 0.0
	for i := range criteria {
		whole += criteria[i].Weight
		if criteria[i].Known {
			known += criteria[i].Weight
		}
	}
	if known == 0 {
		return 0
	}
	return min(known/whole, 1)
}

// unknown names the fields to buy next, by the weight that they would settle.
func (p *Profile) unknown(criteria []domain.Criterion) []string {
	var at []int
	for i := range criteria {
		if !criteria[i].Known {
			at = append(at, i)
		}
	}
	slices.SortStableFunc(at, func(a, b int) int {
		switch {
		case criteria[a].Weight > criteria[b].Weight:
			return -1
		case criteria[a].Weight < criteria[b].Weight:
			return 1
		}
		return 0
	})
	var fields []string
	for _, i := range at {
		fields = append(fields, p.criteria[i].field)
	}
	return fields
}

// Nearest returns the smallest change of a single criterion that lifts the
// receipt over the next threshold; nil if it is above all of them or if no
// single change suffices.
func Nearest(r domain.Receipt, t domain.Thresholds) *domain.Change {
	threshold := t.Review
	if r.Score >= t.Review {
		threshold = t.Convert
	}
	if r.Score >= threshold {
		return nil
	}
	var best *domain.Change
	for i := range r.Criteria {
		c := &r.Criteria[i]
		var low, high float64
		total(r.Criteria, i, 0, false, false, &low)
		total(r.Criteria, i, 1, false, false, &high)
		if high < threshold || high <= low {
			continue
		}
		to := max((threshold-low)/(high-low), c.Match)
		// The division may round to just below the threshold.
		for step := math.Nextafter(1, 2) - 1; to < 1; step *= 2 {
			var reached float64
			if total(r.Criteria, i, to, false, false, &reached); reached >= threshold {
				break
			}
			to += step
		}
		change := domain.Change{Criterion: c.Name, From: c.Match, To: min(to, 1), Threshold: threshold}
		if best == nil || change.To-change.From < best.To-best.From {
			best = &change
		}
	}
	return best
}
