// Package score is the stage that scores a chunk, twice: before enrichment
// with what is already known, so that no money is spent on a prospect that
// cannot qualify however its unknowns turn out, and after it for the record. It
// imports budget, domain, fault, provider, quality, scoring and store; never
// another stage.
//
// The first pass uses no embeddings: what a search result says is too little
// to compare by meaning, and an unknown counts as perfect there.
package score

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
	"github.com/messageai/sluice/internal/waterfall"
)

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Profile(ctx context.Context, team, run string, profile any) error
	Meaning(ctx context.Context, ref domain.Ref, meaning any) (found bool, err error)
	PutMeaning(ctx context.Context, ref domain.Ref, meaning any) error
	Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error)
	EndEnriching(ctx context.Context, ref domain.Ref) error
	ReleaseProspect(ctx context.Context, ref domain.Ref, prospectID string) error
}

// Stage scores chunks. Repeating a chunk gives the same scores.
type Stage struct {
	Store      Store
	Budget     budget.Budget
	Embedder   provider.Embedder // nil: no semantic part
	EmbedPrice money.Price
	Embeds     string               // name of the embedder's provider
	Index      provider.VectorIndex // nil: vectors are not kept
	Enrichers  map[string]provider.Definition
	Now        func() time.Time
	Log        *slog.Logger
}

// Phases of the stage.
const (
	Prescore = "prescore"
	Score    = "score"
)

// Input is what the state machine sends.
type Input struct {
	domain.Ref
	Doc     string      `json:"doc"`
	Phase   string      `json:"phase"`
	Skipped []task.Skip `json:"skipped,omitempty"` // enrichers that were given up for this chunk
}

// Output is what the state machine is told.
type Output struct {
	Doc  string `json:"doc"`
	Next string `json:"next"` // after Prescore: the provider to enrich with first; "" for none
}

// Run scores one chunk.
func (s *Stage) Run(ctx context.Context, in Input) (Output, error) {
	rows, err := s.Store.Rows(ctx, in.Team, in.Doc)
	if err != nil {
		return Output{}, err
	}
	var run domain.RunProfile
	if err := s.Store.Profile(ctx, in.Team, in.Run, &run); err != nil {
		return Output{}, err
	}
	profile, err := scoring.Compile(run.ICP)
	if err != nil {
		return Output{}, err
	}
	thresholds := run.Options.Thresholds
	profile = profile.WithThresholds(thresholds)
	step := store.StepPrescored
	switch in.Phase {
	case Prescore:
		First(rows, profile, thresholds, s.Now())
	case Score:
		step = store.StepScored
		if err := s.release(ctx, in, rows, run.Query.Titles); err != nil {
			return Output{}, err
		}
		if err := s.score(ctx, in, rows, run, profile, thresholds); err != nil {
			return Output{}, err
		}
	default:
		return Output{}, fault.New(fault.InvalidInput, "score.phase", "phase must be prescore or score")
	}
	doc := store.StepKey(in.Run, in.Chunk, step)
	out := Output{Doc: doc}
	if in.Phase == Prescore {
		w := waterfall.New(run.Enrich, s.Enrichers, nil)
		w.Explore = waterfall.Explores(rows)
		out.Next = w.Turn(rows)
	}
	return out, s.Store.PutRows(ctx, in.Team, doc, rows)
}

func (s *Stage) score(ctx context.Context, in Input, rows []domain.Row, run domain.RunProfile, profile *scoring.Profile, t domain.Thresholds) error {
	seen, vectors, err := s.see(ctx, in.Ref, rows, run)
	if err != nil {
		return err
	}
	Final(rows, seen, profile, t, in.Skipped, s.Now())
	s.keep(ctx, in.Ref, rows, vectors)
	return nil
}

// keep puts the vectors of what was scored into the team's namespace of the
// index, for look-alike search. No contact data goes with them.
func (s *Stage) keep(ctx context.Context, ref domain.Ref, rows []domain.Row, vectors [][]float32) {
	if s.Index == nil {
		return
	}
	var batch []provider.Vector
	for i := range rows {
		if vectors[i] == nil || rows[i].Score == nil {
			continue
		}
		batch = append(batch, provider.Vector{ID: rows[i].Prospect.ID, Values: vectors[i], Metadata: map[string]any{
			"campaign": ref.Campaign, "state": string(rows[i].State), "fit": rows[i].Score.Score,
		}})
	}
	if len(batch) == 0 {
		return
	}
	if _, err := s.Index.Upsert(ctx, ref.Team, batch); err != nil {
		// Look-alike search is a convenience; rows that were paid for are not.
		s.Log.WarnContext(ctx, "vectors not kept", "run", ref.Run, "chunk", ref.Chunk, "kind", string(fault.KindOf(err)))
	}
}
