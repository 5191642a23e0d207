package score

import (
	"context"
	"encoding/json"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/scoring"
)

// Meaning is what is kept of a chunk's embeddings before anything is scored with
// them, so that a worker that takes over does not buy them again. The vectors
// themselves are a hundred times larger and serve look-alike search only.
type Meaning struct {
	Batch   string               `json:"batch"`   // names the model and the texts
	Cosines []map[string]float64 `json:"cosines"` // of each row, by criterion; nil for a row without text
}

// see returns what the embedding model says about each row, and the vectors it
// gave: none if the meaning was kept by an earlier attempt. At the spending cap
// rows are scored without meaning rather than not at all: the receipt then says
// that it is unknown.
func (s *Stage) see(ctx context.Context, ref domain.Ref, rows []domain.Row, run domain.RunProfile) ([]scoring.Semantic, [][]float32, error) {
	seen, vectors := make([]scoring.Semantic, len(rows)), make([][]float32, len(rows))
	if s.Embedder == nil || len(run.Lens) == 0 {
		return seen, vectors, nil
	}
	var lens scoring.Lens
	if err := json.Unmarshal(run.Lens, &lens); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, "score.lens", err)
	}
	var texts []string
	var of []int
	for i := range rows {
		if rows[i].State != domain.InWork {
			continue
		}
		if text := scoring.ProspectText(rows[i].Prospect); text != "" {
			texts, of = append(texts, text), append(of, i)
		}
	}
	if len(texts) == 0 {
		return seen, vectors, nil
	}
	kept := Meaning{Batch: budget.Question(s.Embeds, provider.OpEmbed, append([]string{lens.Model}, texts...)...)}
	known, err := s.known(ctx, ref, &kept)
	if err != nil {
		return nil, nil, err
	}
	if known {
		for i, cosines := range kept.Cosines {
			if cosines != nil {
				seen[i] = scoring.Semantic{Model: lens.Model, Cosine: cosines, Calibration: lens.Calibration}
			}
		}
		return seen, vectors, nil
	}
	limit := s.EmbedPrice.For(scoring.MostTokens(texts) / 1e6)
	var out [][]float32
	err = s.Budget.Spend(ctx, ref, s.Embeds, limit, func(ctx context.Context) (cost money.Micro, err error) {
		var usage provider.Usage
		if out, usage, err = s.Embedder.Embed(ctx, texts); err != nil || len(out) != len(texts) {
			return usage.Cost, err
		}
		kept.Cosines = make([]map[string]float64, len(rows))
		for n, i := range of {
			vectors[i], seen[i] = out[n], lens.See(out[n])
			kept.Cosines[i] = seen[i].Cosine
		}
		if limit > 0 { // what is free is simply asked again
			err = s.Store.PutMeaning(ctx, ref, kept)
		}
		return usage.Cost, err
	})
	if fault.Is(err, fault.CapReached, fault.QuotaExhausted, fault.Unauthenticated) {
		s.Log.WarnContext(ctx, "scored without meaning", "run", ref.Run, "chunk", ref.Chunk, "kind", string(fault.KindOf(err)))
		return seen, vectors, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if len(out) != len(texts) {
		return nil, nil, fault.New(fault.BadResponse, "score.see", "the embedder answered for another number of texts than were sent")
	}
	return seen, vectors, nil
}

// known reads what an earlier attempt kept of the batch that m names, and
// settles what that attempt may have left open, at its full amount.
func (s *Stage) known(ctx context.Context, ref domain.Ref, m *Meaning) (bool, error) {
	var earlier Meaning
	found, err := s.Store.Meaning(ctx, ref, &earlier)
	if err != nil || !found || earlier.Batch != m.Batch {
		return false, err
	}
	*m = earlier
	left, err := s.Budget.Recover(ctx, ref, s.Embeds)
	if err != nil || left.Open == nil {
		return true, err
	}
	return true, s.Budget.Ledger.Settle(ctx, ref, *left.Open, left.Open.Max)
}
