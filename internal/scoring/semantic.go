package scoring

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Semantic is what an embedding model says about one prospect. The zero value
// says nothing.
type Semantic struct {
	Model       string
	Cosine      map[string]float64 // raw, by criterion
	Calibration *Calibration
}

// Calibration maps the raw cosines of one embedding model against one ICP to
// 0..1. Raw cosines mean nothing by themselves: unrelated texts have 0.75 with
// one model and 0.1 with another.
type Calibration struct {
	Model string         `json:"model"`
	Fits  map[string]Fit `json:"fits"` // by criterion
}

// Fit is the map of one criterion: sigmoid((cosine - Median - K*MAD) / T).
type Fit struct {
	Model  string  `json:"model"`
	N      int     `json:"n"`      // size of the background sample
	Median float64 `json:"median"` // of the background's cosines
	MAD    float64 `json:"mad"`    // median absolute deviation from it
	K      float64 `json:"k"`
	T      float64 `json:"t"`
}

// MinBackground is the least number of unrelated texts that a fit may rest on.
const MinBackground = 500

// The anchors of a fit: what the middle of the background and the lower quarter
// of the ideals become.
const (
	unrelatedTarget = 0.05
	idealTarget     = 0.95
)

// NewFit fits the map to the cosines of unrelated texts and, if there are any,
// of ideal ones. Without ideals the scale comes from the spread of the
// background alone. Too small a background, or one without any spread, is a
// fault InvalidInput.
func NewFit(model string, background, ideals []float64) (Fit, error) {
	if len(background) < MinBackground {
		return Fit{}, fault.New(fault.InvalidInput, "scoring.fit",
			fmt.Sprintf("a calibration needs the similarities of at least %d unrelated texts, not %d", MinBackground, len(background)))
	}
	f := Fit{Model: model, N: len(background), Median: quantile(background, 0.5)}
	deviations := make([]float64, len(background))
	for i, c := range background {
		if math.IsNaN(c) || math.IsInf(c, 0) {
			return Fit{}, fault.New(fault.InvalidInput, "scoring.fit", "a similarity in the background is no number")
		}
		deviations[i] = math.Abs(c - f.Median)
	}
	f.MAD = quantile(deviations, 0.5)
	if f.MAD == 0 { // more than half of the texts share one value
		for _, d := range deviations {
			f.MAD += d / float64(len(deviations))
		}
	}
	if f.MAD < 1e-9 {
		return Fit{}, fault.New(fault.InvalidInput, "scoring.fit", "all texts are equally similar to this ICP: the model cannot tell them apart")
	}
	// An ICP so general that its ideals hardly stand out keeps the distance that
	// noise demands.
	distance := leastDistance * f.MAD
	if len(ideals) > 0 {
		distance = max(distance, quantile(ideals, 0.25)-f.Median)
	}
	low, high := math.Log(1/unrelatedTarget-1), math.Log(idealTarget/(1-idealTarget))
	f.T = distance / (low + high)
	f.K = f.T * low / f.MAD
	return f, nil
}

// leastDistance between unrelated and ideal, in deviations of the background:
// six put one in some thousand unrelated texts above the middle.
const leastDistance = 6

// Score maps a raw cosine to 0..1.
func (f Fit) Score(cosine float64) float64 {
	return 1 / (1 + math.Exp(-(cosine-f.Median-f.K*f.MAD)/f.T))
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func (s Semantic) usable() bool {
	return s.Model != "" && s.Calibration != nil && s.Calibration.Model == s.Model
}

// match returns the calibrated similarity of a criterion. Cosines of one model
// are never read with the calibration of another.
func (s Semantic) match(criterion string) (match, cosine float64, evidence string, ok bool) {
	switch {
	case s.Model == "" || s.Calibration == nil:
		return 0, 0, "no text was compared", false
	case s.Calibration.Model != s.Model:
		return 0, 0, "the calibration is for another embedding model", false
	}
	cosine, has := s.Cosine[criterion]
	fit, fitted := s.Calibration.Fits[criterion]
	if !has || !fitted || fit.Model != s.Model || math.IsNaN(cosine) {
		return 0, 0, "no text was compared", false
	}
	return fit.Score(cosine), cosine, "similarity " + decimal(cosine) + " where unrelated texts have " + decimal(fit.Median) +
		" (" + strconv.Itoa(fit.N) + " of them)", true
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }

// Lens is an ICP as one embedding model sees it: the vectors of its texts and
// their calibration. It can be stored as JSON and is immutable after [NewLens].
type Lens struct {
	Model       string               `json:"model"`
	Vectors     map[string][]float32 `json:"vectors"` // by criterion
	Calibration *Calibration         `json:"calibration"`
}

// NewLens builds a lens from the vectors of [ProfileTexts], [IdealTexts] and
// [BackgroundTexts], in their orders, all of unit length and by the same model.
func NewLens(model string, icp domain.ICP, profile, ideals, background [][]float32) (*Lens, error) {
	texts := ProfileTexts(icp)
	if len(texts) != len(profile) {
		return nil, fault.New(fault.InvalidInput, "scoring.lens",
			fmt.Sprintf("the ICP has %d texts, but there are %d vectors for them", len(texts), len(profile)))
	}
	l := &Lens{Model: model, Vectors: map[string][]float32{}, Calibration: &Calibration{Model: model, Fits: map[string]Fit{}}}
	for i, text := range texts {
		unrelated, err := cosines(profile[i], background)
		if err != nil {
			return nil, err
		}
		ideal, err := cosines(profile[i], ideals)
		if err != nil {
			return nil, err
		}
		fit, err := NewFit(model, unrelated, ideal)
		if err != nil {
			return nil, fmt.Errorf("calibrate %s: %w", text.Criterion, err)
		}
		l.Vectors[text.Criterion], l.Calibration.Fits[text.Criterion] = profile[i], fit
	}
	return l, nil
}

// See returns what the model says about the prospect whose text has this
// vector; nil or a zero vector says nothing.
func (l *Lens) See(vector []float32) Semantic {
	if l == nil || isZero(vector) {
		return Semantic{}
	}
	s := Semantic{Model: l.Model, Calibration: l.Calibration, Cosine: make(map[string]float64, len(l.Vectors))}
	for criterion, reference := range l.Vectors {
		if len(reference) == len(vector) {
			s.Cosine[criterion] = dot(reference, vector)
		}
	}
	return s
}

func isZero(v []float32) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

func cosines(reference []float32, vectors [][]float32) ([]float64, error) {
	out := make([]float64, len(vectors))
	for i, v := range vectors {
		if len(v) != len(reference) {
			return nil, fault.New(fault.InvalidInput, "scoring.lens", "vectors of different lengths: they come from different models")
		}
		out[i] = dot(reference, v)
	}
	return out, nil
}

func dot(a, b []float32) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32 // four sums run in parallel on one core
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return float64(s0) + float64(s1) + float64(s2) + float64(s3)
}
