package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/pipeline/score"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/task"
)

// scorer scores the rows of a replay. What an embedding model said is taken from
// the run; only the built-in model, which is no provider, is asked again.
type scorer struct {
	profile    *scoring.Profile
	thresholds domain.Thresholds
	lens       *scoring.Lens     // nil: no meaning
	embed      *lexical.Embedder // nil: the model is a provider's
	lost       map[string]bool   // criteria whose text is not the run's
}

func newScorer(run domain.RunProfile, change Change) (*scorer, error) {
	icp := run.ICP
	if change.ICP != nil {
		icp = *change.ICP
	}
	if change.Weights != nil {
		icp.Weights = change.Weights
	}
	if err := icp.Validate(); err != nil {
		return nil, err
	}
	profile, err := scoring.Compile(icp)
	if err != nil {
		return nil, err
	}
	s := &scorer{profile: profile.WithThresholds(run.Options.Thresholds), thresholds: run.Options.Thresholds, lost: map[string]bool{}}
	if len(run.Lens) == 0 {
		return s, nil
	}
	s.lens = &scoring.Lens{}
	if err := json.Unmarshal(run.Lens, s.lens); err != nil {
		return nil, fault.Wrap(fault.Internal, "replay.lens", err)
	}
	if e := lexical.New(); e.Model() == s.lens.Model {
		s.embed = e
		return s, s.focus(icp)
	}
	had := map[string]string{}
	for _, text := range scoring.ProfileTexts(run.ICP) {
		had[text.Criterion] = text.Text
	}
	for _, text := range scoring.ProfileTexts(icp) {
		if had[text.Criterion] != text.Text {
			s.lost[text.Criterion] = true
		}
	}
	return s, nil
}

// focus fits the lens to the ICP, with the built-in model.
func (s *scorer) focus(icp domain.ICP) error {
	vectors := func(texts []string) [][]float32 {
		out := make([][]float32, len(texts))
		for i, text := range texts {
			out[i] = s.embed.Vector(text)
		}
		return out
	}
	var wanted []string
	for _, text := range scoring.ProfileTexts(icp) {
		wanted = append(wanted, text.Text)
	}
	if len(wanted) == 0 {
		s.lens = nil
		return nil
	}
	lens, err := scoring.NewLens(s.embed.Model(), icp, vectors(wanted), vectors(scoring.IdealTexts(icp)), vectors(scoring.BackgroundTexts()))
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	s.lens = lens
	return nil
}

func (s *scorer) first(rows []domain.Row, at time.Time) {
	score.First(rows, s.profile, s.thresholds, at)
}

// final scores the rows for the record. A row whose text is not the one that
// was embedded in the run is scored without meaning.
func (s *scorer) final(ctx context.Context, from Store, ref domain.Ref, rows, base []domain.Row, skipped []task.Skip, at time.Time, report *Report) error {
	seen := make([]scoring.Semantic, len(rows))
	var kept score.Meaning
	known := false
	if s.lens != nil && s.embed == nil {
		var err error
		if known, err = from.Meaning(ctx, ref, &kept); err != nil {
			return err
		}
	}
	for i, row := range rows {
		text := scoring.ProspectText(row.Prospect)
		if row.State != domain.InWork || text == "" || s.lens == nil {
			continue
		}
		switch {
		case s.embed != nil:
			seen[i] = s.lens.See(s.embed.Vector(text))
		case !known: // the run was scored without meaning, too
		case i < len(kept.Cosines) && kept.Cosines[i] != nil && text == scoring.ProspectText(base[i].Prospect):
			seen[i] = scoring.Semantic{Model: s.lens.Model, Cosine: s.without(kept.Cosines[i]), Calibration: s.lens.Calibration}
			if len(s.lost) > 0 {
				report.withoutMeaning()
			}
		default:
			report.withoutMeaning()
		}
	}
	score.Final(rows, seen, s.profile, s.thresholds, skipped, at)
	return nil
}

// without leaves out similarities with texts that the ICP does not have.
func (s *scorer) without(cosines map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for criterion, cosine := range cosines {
		if !s.lost[criterion] {
			out[criterion] = cosine
		}
	}
	return out
}
