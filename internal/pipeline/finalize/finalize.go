// Package finalize is the stage that ends a chunk that failed and a run that is
// over: it makes every row accounted for. It imports domain and store; never
// another stage.
package finalize

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// Store is what the stage needs of the store.
type Store interface {
	Ledger(ctx context.Context, ref domain.Ref) (store.Ledger, error)
	EndRun(ctx context.Context, ref domain.Ref, status domain.RunStatus, reason string, totals domain.Totals) error
	FailChunk(ctx context.Context, ref domain.Ref, c store.Chunk) error
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
}

// Stage finalizes runs and failed chunks. Repeating it changes nothing.
type Stage struct {
	Store Store
	Log   *slog.Logger
}

// Input is what the state machine sends. With a chunk it ends that chunk, else
// the run.
type Input struct {
	domain.Ref
	Doc     string   `json:"doc,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
	CRMs    []CRM    `json:"crms,omitempty"` // that the run's leads go to
}

// CRM is one target of the run's push.
type CRM struct {
	Name string `json:"provider"`
}

// Failure is why the state machine gave up.
type Failure struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// Output is what the state machine answers in the end.
type Output struct {
	Status domain.RunStatus `json:"status,omitempty"`
	Totals *domain.Totals   `json:"totals,omitempty"`
}

// Run ends a chunk or a run.
func (s *Stage) Run(ctx context.Context, in Input) (Output, error) {
	if in.Chunk != "" {
		return Output{}, s.failChunk(ctx, in)
	}
	ledger, err := s.Store.Ledger(ctx, in.Ref)
	if err != nil {
		return Output{}, err
	}
	totals := ledger.Totals(true)
	status, reason := outcome(in, ledger, totals)
	if !totals.Rows.Balanced() {
		status, reason = domain.RunFailed, fmt.Sprintf("the run does not balance: %+v; this is a bug, please report it", totals.Rows)
		s.Log.ErrorContext(ctx, "run does not balance", "run", in.Run)
	}
	if err := s.Store.EndRun(ctx, in.Ref, status, reason, totals); err != nil {
		return Output{}, err
	}
	s.Log.InfoContext(ctx, "run ended", "run", in.Run, "status", string(status), "rows", totals.Rows.In)
	return Output{Status: status, Totals: &totals}, nil
}

func outcome(in Input, l store.Ledger, t domain.Totals) (domain.RunStatus, string) {
	if in.Failure != nil {
		return domain.RunFailed, "the state machine ended with " + in.Failure.Error
	}
	for _, sh := range l.Shards {
		if !sh.Done {
			return domain.RunPartial, strings.TrimSpace("a source could not be read to its end: shard " + sh.ID + " " + sh.Source)
		}
	}
	for crm, tally := range t.CRM {
		if tally.Missing > 0 || tally.Rejected > 0 {
			return domain.RunPartial, fmt.Sprintf("%s refused or lost %d leads; see the push receipts", crm, tally.Missing+tally.Rejected)
		}
	}
	for _, c := range l.Chunks {
		if c.Failure != "" {
			return domain.RunPartial, "a chunk ended early: " + c.Failure
		}
		for _, crm := range in.CRMs {
			if _, pushed := c.CRM[crm.Name]; c.Converted > 0 && !pushed {
				return domain.RunPartial, "some leads were not pushed to " + crm.Name + "; convert them again to push them"
			}
		}
	}
	if t.Rows.Failed > 0 {
		return domain.RunPartial, fmt.Sprintf("%d rows failed", t.Rows.Failed)
	}
	return domain.RunCompleted, ""
}

// failChunk counts the rows of a chunk that the state machine gave up on: those
// that had an end keep it, the rest failed.
func (s *Stage) failChunk(ctx context.Context, in Input) error {
	doc := in.Doc
	if doc == "" {
		doc = store.ChunkKey(in.Run, in.Chunk)
	}
	rows, err := s.Store.Rows(ctx, in.Team, doc)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	c := store.Chunk{Name: in.Chunk, Counts: &domain.Counts{In: len(rows)}, Failure: "unknown"}
	if in.Failure != nil {
		c.Failure = in.Failure.Error
	}
	for _, row := range rows {
		state := row.State
		if !state.Final() || state == domain.Qualified { // qualified is an end only once converted
			state = domain.Failed
		}
		if err := c.Counts.Add(state, 1); err != nil {
			return err
		}
		if len(row.Calls) > 0 {
			c.Enriched++
		}
	}
	return s.Store.FailChunk(ctx, in.Ref, c)
}
