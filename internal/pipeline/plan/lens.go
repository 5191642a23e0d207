package plan

import (
	"context"
	"encoding/json"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/scoring"
)

// calibrate embeds the ICP and a background of unrelated texts, so that the
// run's scores mean the same with every embedding model.
func (s *Stage) calibrate(ctx context.Context, ref domain.Ref, profile *domain.RunProfile) error {
	var wanted []string
	for _, t := range scoring.ProfileTexts(profile.ICP) {
		wanted = append(wanted, t.Text)
	}
	if len(wanted) == 0 || s.Embedder == nil {
		return nil
	}
	ideals, background := scoring.IdealTexts(profile.ICP), scoring.BackgroundTexts()
	texts := append(append(append([]string{}, wanted...), ideals...), background...)
	limit := s.EmbedPrice.For(scoring.MostTokens(texts) / 1e6)
	ref.Chunk = "plan"
	var vectors [][]float32
	err := s.Budget.Spend(ctx, ref, s.Embeds, limit, func(ctx context.Context) (cost money.Micro, err error) {
		out, usage, err := s.Embedder.Embed(ctx, texts)
		vectors = out
		return usage.Cost, err
	})
	if err != nil {
		return err
	}
	if len(vectors) != len(texts) {
		return fault.New(fault.BadResponse, "plan.calibrate", "the embedder answered for another number of texts than were sent")
	}
	lens, err := scoring.NewLens(s.Embedder.Model(), profile.ICP, vectors[:len(wanted)], vectors[len(wanted):len(wanted)+len(ideals)], vectors[len(wanted)+len(ideals):])
	if err != nil {
		return err
	}
	profile.Lens, err = json.Marshal(lens)
	return err
}
