// Package discover is the stage that pages through a source and writes the
// prospects nobody claimed before as chunks. It imports budget, domain, fault,
// provider, store and task; never another stage.
package discover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

// ChunkRows is the most rows in a chunk.
const ChunkRows = 500

// claimsAtOnce bounds the conditional writes that one worker has in flight.
const claimsAtOnce = 16

// Store is what the stage needs of the store.
type Store interface {
	ShardProgress(ctx context.Context, ref domain.Ref) (store.Shard, error)
	SaveShard(ctx context.Context, ref domain.Ref, owner string, sh store.Shard) error
	ClaimProspect(ctx context.Context, ref domain.Ref, prospectID string) (store.Claim, error)
	MoveClaim(ctx context.Context, ref domain.Ref, prospectID, from string) error
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Run(ctx context.Context, ref domain.Ref) (domain.Run, error)
	Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error)
	PutAnswer(ctx context.Context, team, question string, answer any, life time.Duration) error
}

// Stage discovers shards.
type Stage struct {
	Store   Store
	Budget  budget.Budget
	Sources map[string]provider.Discoverer
	Now     func() time.Time
}

// Output is what the state machine is told about a shard.
type Output struct {
	Rows   int `json:"rows"`
	Chunks int `json:"chunks"`
}

// Step names the step in the ledger.
func Step(task.Message) string { return store.StepDiscover }

// Do discovers one shard, or what is left of it.
func (s *Stage) Do(ctx context.Context, job task.Job) (any, error) {
	var shard domain.DiscoverShard
	if err := json.Unmarshal(job.Shard, &shard); err != nil {
		return nil, fault.Wrap(fault.InvalidInput, "discover.shard", err)
	}
	source := s.Sources[shard.Source]
	if source == nil {
		return nil, fault.New(fault.InvalidInput, "discover.source", "there is no source "+shard.Source)
	}
	progress, err := s.Store.ShardProgress(ctx, job.Ref)
	if err != nil {
		return nil, err
	}
	if progress.Source == "" {
		progress.Source, progress.Cursor = shard.Source, shard.From
	}
	w := &worker{Stage: s, job: job, shard: shard, source: source, progress: progress, first: len(progress.Chunks), written: map[string]bool{}, read: map[string]bool{}}
	err = w.run(ctx)
	if !w.purse.left { // what this attempt bought is settled, however it ended
		err = errors.Join(err, w.settle(context.WithoutCancel(ctx), 0))
	}
	if err != nil {
		return nil, err
	}
	return Output{Rows: w.progress.Seen, Chunks: len(w.progress.Chunks)}, nil
}

// worker is one attempt at a shard.
type worker struct {
	*Stage
	job      task.Job
	shard    domain.DiscoverShard
	source   provider.Discoverer
	progress store.Shard
	first    int             // number of the first chunk that this attempt writes
	written  map[string]bool // prospects in chunks of this attempt, and in those that it read
	read     map[string]bool // chunks of earlier attempts
	rows     []domain.Row    // of the chunk in work
	tail     store.Shard     // progress as of the end of rows
	purse    purse
}

func (w *worker) run(ctx context.Context) error {
	w.tail = w.progress
	for !w.progress.Done {
		if w.tail.Seen >= w.shard.MaxRows {
			break
		}
		page, err := w.page(ctx)
		if fault.Is(err, fault.CapReached) { // it may be long until there is money: longer than pages are kept
			return errors.Join(err, w.flush(ctx, false))
		}
		if err != nil {
			return err
		}
		if err := w.take(ctx, page); err != nil {
			return err
		}
		w.tail.Cursor, w.tail.Offset = page.Next, 0
		if page.Next == "" {
			w.tail.Search++
			w.tail.Cursor = w.shard.From
		}
		if w.tail.Search >= max(1, len(w.shard.Searches)) || w.tail.Seen >= w.shard.MaxRows {
			break
		}
		if err := w.stopIfPaused(ctx); err != nil {
			return err
		}
	}
	return w.flush(ctx, true)
}

// stopIfPaused ends this attempt at a page boundary when the run was paused;
// the message comes again and is parked.
func (w *worker) stopIfPaused(ctx context.Context) error {
	run, err := w.Store.Run(ctx, w.job.Ref)
	if err != nil || run.Status == domain.RunRunning {
		return err
	}
	if w.purse.left {
		// Pages after this one may have been bought under what was left: it
		// cannot be told here how many.
		if err := w.settle(ctx, w.purse.open.Max); err != nil {
			return err
		}
	}
	if err := w.flush(ctx, false); err != nil {
		return err
	}
	return &fault.Error{Kind: fault.RateLimited, Op: "discover.page", Message: "the run is paused", RetryAfter: time.Second}
}

// take claims the page's prospects from the saved offset on and adds the new
// ones to the chunk in work, writing chunks as they fill.
func (w *worker) take(ctx context.Context, page provider.Page) error {
	found := page.Prospects[min(w.tail.Offset, len(page.Prospects)):]
	found = found[:min(len(found), w.shard.MaxRows-w.tail.Seen)]
	for len(found) > 0 {
		// A claim names its chunk, so claims are made only for rows that surely
		// belong to the chunk in work.
		batch := found[:min(len(found), ChunkRows-len(w.rows))]
		found = found[len(batch):]
		fresh, err := w.claim(ctx, batch)
		if err != nil {
			return err
		}
		for i, p := range batch {
			w.tail.Seen++
			w.tail.Offset++
			if !fresh[i] {
				w.tail.Duplicates++
				continue
			}
			w.rows = append(w.rows, domain.Row{Prospect: p, State: domain.Queued})
		}
		if len(w.rows) == ChunkRows {
			if err := w.flush(ctx, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes the chunk in work, if it has rows, and then the progress: a
// worker that is killed in between writes the same chunk again.
func (w *worker) flush(ctx context.Context, done bool) error {
	if len(w.rows) > 0 {
		name := store.ChunkName(w.shard.ID, len(w.progress.Chunks))
		if err := w.Store.PutRows(ctx, w.job.Team, store.ChunkKey(w.job.Run, name), w.rows); err != nil {
			return fmt.Errorf("write chunk: %w", err)
		}
		for _, r := range w.rows {
			w.written[r.Prospect.ID] = true
		}
		w.tail.Chunks = append(w.tail.Chunks, len(w.rows))
	}
	w.tail.Done = w.tail.Done || done
	// Before the shard moves on: whoever takes over does not see these pages
	// again. A killed worker would have come here, too, before it asked for more.
	if err := w.settle(ctx, 0); err != nil {
		return err
	}
	if err := w.Store.SaveShard(ctx, w.job.Ref, w.job.Owner, w.tail); err != nil {
		return err
	}
	w.progress, w.rows = w.tail, nil
	return nil
}
