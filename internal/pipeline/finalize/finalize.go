// Package finalize is the stage that ends a chunk that failed and a run that is
// over, and takes up what failed when a run is tried again: it makes every row
// accounted for. It imports domain and store; never another stage.
package finalize

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// Store is what the stage needs of the store.
type Store interface {
	Ledger(ctx context.Context, ref domain.Ref) (store.Ledger, error)
	EndRun(ctx context.Context, ref domain.Ref, status domain.RunStatus, reason string, totals domain.Totals) error
	FailChunk(ctx context.Context, ref domain.Ref, c store.Chunk) error
	RetryRun(ctx context.Context, ref domain.Ref, attempt int) error
	LastDoc(ctx context.Context, ref domain.Ref) (string, error)
	ReopenChunk(ctx context.Context, ref domain.Ref, attempt int, converted bool) error
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Profile(ctx context.Context, team, run string, profile any) error
	Run(ctx context.Context, ref domain.Ref) (domain.Run, error)
	SettleOpen(ctx context.Context, ref domain.Ref) error
	DropParked(ctx context.Context, ref domain.Ref) error
	Learn(ctx context.Context, ref domain.Ref, seen domain.Experiences) error
}

// Watch tells what a run has spent, where that is to be told.
type Watch interface {
	Look(ctx context.Context, ref domain.Ref)
}

// Stage finalizes runs and failed chunks. Repeating it changes nothing.
type Stage struct {
	Store Store
	Watch Watch
	Log   *slog.Logger
}

// Input is what the state machine sends: with a chunk it ends that chunk, with
// reopen it takes up what failed, else it ends the run. With a detail it is
// EventBridge that sends it: the execution is gone.
type Input struct {
	domain.Ref
	Attempt   int      `json:"attempt,omitempty"` // at the run; zero: the first
	Reopen    bool     `json:"reopen,omitempty"`
	Doc       string   `json:"doc,omitempty"`
	Failure   *Failure `json:"failure,omitempty"`
	Gone      int      `json:"gone,omitempty"`      // chunks that could not be run again, see Reopened
	Waterfall []Target `json:"waterfall,omitempty"` // that chunks may be sent to
	CRMs      []Target `json:"crms,omitempty"`      // that the run's leads go to
	Detail    *Stopped `json:"detail,omitempty"`
}

// Target is a provider that the state machine sends chunks to.
type Target struct {
	Name  string `json:"provider"`
	Queue string `json:"queue,omitempty"` // URL
}

// Failure is why the state machine gave up.
type Failure struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// Output is what the state machine answers in the end, or works with when a run
// is tried again.
type Output struct {
	Status domain.RunStatus `json:"status,omitempty"`
	Totals *domain.Totals   `json:"totals,omitempty"`
	*Reopened
}

// Run ends a chunk or a run.
func (s *Stage) Run(ctx context.Context, in Input) (Output, error) {
	switch {
	case in.Detail != nil:
		return s.stopped(ctx, *in.Detail)
	case in.Chunk != "":
		return Output{}, s.failChunk(ctx, in)
	case in.Reopen:
		reopened, err := s.reopen(ctx, in)
		return Output{Reopened: reopened}, err
	}
	if run, err := s.Store.Run(ctx, in.Ref); err != nil || run.Attempt != in.Attempt {
		return Output{Status: run.Status}, err // the end of an attempt that another has followed
	}
	var status domain.RunStatus
	var reason string
	if in.Failure != nil {
		status, reason = domain.RunFailed, "the state machine ended with "+in.Failure.Error
	}
	// A step whose workers were killed until its message became a dead letter
	// leaves money set aside.
	if err := s.Store.SettleOpen(ctx, in.Ref); err != nil {
		return Output{}, err
	}
	s.Watch.Look(ctx, in.Ref)
	out, err := s.end(ctx, in, status, reason)
	if err != nil {
		return Output{}, err
	}
	// A message may have come twice, and one of the two been parked while the
	// other was worked on.
	return out, s.Store.DropParked(ctx, in.Ref)
}

// end sums the ledger and ends the run; without a status the ledger decides.
func (s *Stage) end(ctx context.Context, in Input, status domain.RunStatus, reason string) (Output, error) {
	ledger, err := s.Store.Ledger(ctx, in.Ref)
	if err != nil {
		return Output{}, err
	}
	totals := ledger.Totals(true)
	if status == "" {
		status, reason = outcome(in.CRMs, ledger, totals)
	}
	if in.Gone > 0 && reason != "" {
		reason += fmt.Sprintf("; chunks that could not be run again: %d, since %s", in.Gone, keptFor)
	}
	if !totals.Rows.Balanced() {
		status, reason = domain.RunFailed, fmt.Sprintf("the run does not balance: %+v; this is a bug, please report it", totals.Rows)
		s.Log.ErrorContext(ctx, "run does not balance", "run", in.Run)
	}
	seen := domain.Experiences{}
	for _, c := range ledger.Chunks {
		seen.Add(c.Seen)
	}
	if err := s.Store.Learn(ctx, in.Ref, seen); err != nil {
		return Output{}, err
	}
	if err := s.Store.EndRun(ctx, in.Ref, status, reason, totals); err != nil {
		return Output{}, err
	}
	s.Log.InfoContext(ctx, "run ended", "run", in.Run, "status", string(status), "rows", totals.Rows.In)
	return Output{Status: status, Totals: &totals}, nil
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
	c := store.Chunk{Name: in.Chunk, Counts: &domain.Counts{In: len(rows)}, Failure: "unknown", Doc: doc}
	if in.Failure != nil {
		c.Failure, c.Cause = in.Failure.Error, in.Failure.words()
	}
	for _, row := range rows {
		if err := c.Counts.Add(row.State.Abandoned(), 1); err != nil {
			return err
		}
		if len(row.Calls) > 0 {
			c.Enriched++
		}
		if row.Prospect.Contact.EmailStatus == domain.EmailSafe {
			c.Verified++
		}
	}
	return s.Store.FailChunk(ctx, in.Ref, c)
}
