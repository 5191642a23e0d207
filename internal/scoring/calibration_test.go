package scoring_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/scoring"
)

// TestScalesAgree is goal S5 of the quality research: the same ranking data in
// the raw scales of two models gives the same calibrated scores.
func TestScalesAgree(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	ada := func(relevance float64) float64 { return 0.70 + 0.20*relevance }
	small := func(relevance float64) float64 { return 0.05 + 0.55*relevance }
	clamp := func(x float64) float64 { return min(max(x, 0), 1) }
	var unrelated, ideal, all []float64
	for range 800 {
		unrelated = append(unrelated, clamp(0.2+0.07*rng.NormFloat64()))
	}
	for range 40 {
		ideal = append(ideal, clamp(0.85+0.05*rng.NormFloat64()))
	}
	for range 500 {
		all = append(all, rng.Float64())
	}
	scaled := func(f func(float64) float64, noise float64, in []float64) []float64 {
		out := make([]float64, len(in))
		for i, x := range in {
			out[i] = f(x) + noise*(f(1)-f(0))*rng.NormFloat64()
		}
		return out
	}
	for _, ideals := range [][]float64{ideal, nil} {
		a, err := scoring.NewFit("ada", scaled(ada, 0.005, unrelated), scaled(ada, 0.005, ideals))
		if err != nil {
			t.Fatal(err)
		}
		s, err := scoring.NewFit("small", scaled(small, 0.005, unrelated), scaled(small, 0.005, ideals))
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for _, x := range all {
			worst = max(worst, math.Abs(a.Score(ada(x))-s.Score(small(x))))
		}
		if worst > 0.05 {
			t.Errorf("the scales differ by up to %.3f", worst)
		}
		for name, pair := range map[string][2]float64{
			"ada":   {a.Score(ada(median(unrelated))), a.Score(ada(median(ideal)))},
			"small": {s.Score(small(median(unrelated))), s.Score(small(median(ideal)))},
		} {
			if pair[0] > 0.10 || pair[1] < 0.90 {
				t.Errorf("%s: unrelated %.3f, ideal %.3f; want <= 0.10 and >= 0.90", name, pair[0], pair[1])
			}
		}
	}
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

func TestFitRefuses(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 10))
	good := make([]float64, 600)
	for i := range good {
		good[i] = rng.Float64()
	}
	flat := slices.Repeat([]float64{0.5}, 600)
	nan := append(slices.Clone(good), math.NaN())
	for name, background := range map[string][]float64{"too few": good[:scoring.MinBackground-1], "flat": flat, "no number": nan, "none": nil} {
		if _, err := scoring.NewFit("m", background, nil); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Most texts alike, as a sparse embedder gives: the mean deviation steps in.
	sparse := append(slices.Repeat([]float64{0}, 400), good[:200]...)
	if fit, err := scoring.NewFit("m", sparse, nil); err != nil || fit.Score(0) > 0.10 {
		t.Errorf("sparse: %v, unrelated %v", err, fit.Score(0))
	}
}

func TestModelsDoNotMix(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	p := full("CTO", "Software", "US")
	sem := b.lens.See(b.embedder.Vector(scoring.ProspectText(p)))
	sem.Model = "text-embedding-3-small"
	r := scoring.Score(p, b.profile, sem, now)
	if c := r.Criteria[6]; c.Known || c.Name != scoring.CriterionPsychographics || r.Model != "" {
		t.Errorf("a cosine of one model was read with the calibration of another: %+v", c)
	}
	if _, err := scoring.Compare(r, b.score(p)); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("scores of two models were compared: %v", err)
	}
	better, err := scoring.Compare(b.score(p), b.score(full("Nurse", "Retail", "US")))
	if err != nil || better != 1 {
		t.Errorf("Compare = %d, %v", better, err)
	}
	other := b.score(p)
	other.ICPVersion++
	if _, err := scoring.Compare(other, b.score(p)); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("scores for two versions of an ICP were compared: %v", err)
	}
}

func TestTitleByMeaning(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	score := func(p domain.Prospect) domain.Criterion { return b.score(p).Criteria[0] }
	wizard := domain.Prospect{Person: domain.Person{Title: "Kubernetes wizard"}}
	got := score(wizard)
	if got.Match <= 0 || got.Match > 0.70 || got.Cosine == nil {
		t.Errorf("a title outside the tables: %+v", got)
	}
	// A title of a known other function is not lifted by its surroundings.
	seller := domain.Prospect{Person: domain.Person{Title: "VP Sales"}, Company: domain.Company{Description: "engineering engineers CTO VP Engineering"}}
	if got := score(seller); got.Match > 0.1 || got.Cosine != nil {
		t.Errorf("a seller among engineers: %+v", got)
	}
	// A rank in a field of its own completes the title.
	ranked := domain.Prospect{Person: domain.Person{Title: "Software Engineering", Seniority: "vp"}}
	if got := score(ranked); got.Match < 0.9 {
		t.Errorf("engineering with the rank vp: %+v", got)
	}
}
