package discover

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
)

// claim makes each prospect of the batch ours and says which were new.
func (w *worker) claim(ctx context.Context, batch []domain.Prospect) ([]bool, error) {
	ref := w.job.Ref
	ref.Chunk = store.ChunkName(w.shard.ID, len(w.progress.Chunks))
	fresh := make([]bool, len(batch))
	seen := map[string]bool{}
	for _, r := range w.rows {
		seen[r.Prospect.ID] = true
	}
	var mu sync.Mutex
	strays := map[int]string{} // chunk that was to have the prospect, by place in the batch
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(claimsAtOnce)
	for i := range batch {
		p := &batch[i]
		p.ID = domain.ProspectID(ref.Team, p.Source, p.ProfileID)
		p.SeenAt = w.Now().UTC()
		if p.Refs == nil {
			p.Refs = map[string]string{p.Source: p.ProfileID}
		}
		if seen[p.ID] || w.written[p.ID] {
			continue
		}
		seen[p.ID] = true
		g.Go(func() error {
			claim, err := w.Store.ClaimProspect(gctx, ref, p.ID)
			if err != nil || claim.Run != ref.Run {
				return err
			}
			switch n := w.number(claim.Chunk); {
			case n >= w.first:
				fresh[i] = true // by this attempt, or by one that was killed before it could write
			case n >= 0:
				mu.Lock()
				strays[i] = claim.Chunk
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, from := range strays {
		var err error
		if fresh[i], err = w.fetch(ctx, ref, batch[i].ID, from); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// number is the number of a chunk of this shard that is written or in work; -1
// for any other.
func (w *worker) number(chunk string) int {
	for n := range len(w.progress.Chunks) + 1 {
		if chunk == store.ChunkName(w.shard.ID, n) {
			return n
		}
	}
	return -1
}

// fetch takes a prospect over that was claimed for a chunk which an earlier
// attempt wrote, if it is not in there: whoever claimed it was killed, and the
// run was paused, and the chunk closed, before the next one came that far.
func (w *worker) fetch(ctx context.Context, ref domain.Ref, id, from string) (bool, error) {
	if !w.read[from] {
		rows, err := w.Store.Rows(ctx, ref.Team, store.ChunkKey(ref.Run, from))
		if err != nil {
			return false, err
		}
		for _, r := range rows {
			w.written[r.Prospect.ID] = true
		}
		w.read[from] = true
	}
	if w.written[id] {
		return false, nil
	}
	return true, w.Store.MoveClaim(ctx, ref, id, from)
}
