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
	"log/slog"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/quality"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/store"
)

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Profile(ctx context.Context, team, run string, profile any) error
	Meaning(ctx context.Context, ref domain.Ref, meaning any) (found bool, err error)
	PutMeaning(ctx context.Context, ref domain.Ref, meaning any) error
}

// Stage scores chunks. Repeating a chunk gives the same scores.
type Stage struct {
	Store      Store
	Budget     budget.Budget
	Embedder   provider.Embedder // nil: no semantic part
	EmbedPrice money.Price
	Embeds     string               // name of the embedder's provider
	Index      provider.VectorIndex // nil: vectors are not kept
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
	Doc     string    `json:"doc"`
	Phase   string    `json:"phase"`
	Skipped []Skipped `json:"skipped,omitempty"`
}

// Skipped is an enricher that the state machine gave up on for this chunk.
type Skipped struct {
	Provider string `json:"provider"`
	Error    string `json:"error"`
}

// Output is what the state machine is told.
type Output struct {
	Doc string `json:"doc"`
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
		s.prescore(rows, profile, thresholds)
	case Score:
		step = store.StepScored
		if err := s.score(ctx, in, rows, run, profile, thresholds); err != nil {
			return Output{}, err
		}
	default:
		return Output{}, fault.New(fault.InvalidInput, "score.phase", "phase must be prescore or score")
	}
	doc := store.StepKey(in.Run, in.Chunk, step)
	return Output{Doc: doc}, s.Store.PutRows(ctx, in.Team, doc, rows)
}

// prescore rejects what cannot reach review and puts the rest in work.
func (s *Stage) prescore(rows []domain.Row, profile *scoring.Profile, t domain.Thresholds) {
	now := s.Now().UTC()
	for i := range rows {
		row := &rows[i]
		if row.State != domain.Queued {
			continue
		}
		receipt := scoring.Score(row.Prospect, profile, scoring.Semantic{}, now)
		row.Prescore = &receipt
		row.State = domain.InWork
		if scoring.Hopeless(receipt, t) {
			row.State, row.Score = domain.Rejected, &receipt
			row.Reason = "cannot reach review even if everything unknown turned out perfect"
			q := quality.Score(row.Prospect, now)
			row.Quality = &q
		}
	}
}

func (s *Stage) score(ctx context.Context, in Input, rows []domain.Row, run domain.RunProfile, profile *scoring.Profile, t domain.Thresholds) error {
	seen, vectors, err := s.see(ctx, in.Ref, rows, run)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	for i := range rows {
		row := &rows[i]
		if row.State != domain.InWork {
			continue
		}
		receipt := scoring.Score(row.Prospect, profile, seen[i], now)
		row.Score = &receipt
		q := quality.Score(row.Prospect, now)
		row.Quality = &q
		row.State, row.Reason = scoring.Decide(row.Prospect, receipt, t)
		if row.Reason == "" { // then something is known
			row.Reason = scoring.Reasons(receipt)[0]
		}
		if row.State == domain.Qualified && row.Prospect.Contact.EmailStatus == domain.EmailInvalid {
			row.State, row.Reason = domain.Review, "fits, but the work address does not exist: the person may have left"
		}
		for _, sk := range in.Skipped {
			if row.Missing == nil {
				row.Missing = map[string]string{}
			}
			if _, known := row.Missing["email"]; !known && row.Prospect.Contact.Email == "" {
				row.Missing["email"] = sk.Provider + ": " + sk.Error
			}
		}
	}
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
