package finalize

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// Reopened is what the state machine works with when a run is tried again: the
// same as after a plan, for the chunks that failed alone.
type Reopened struct {
	domain.Ref
	Attempt          int      `json:"attempt"`
	ChunkPrefix      string   `json:"chunkPrefix"`
	Waterfall        []Target `json:"waterfall"`
	CRMs             []Target `json:"crms"`
	ChunkConcurrency int      `json:"chunkConcurrency"`
	Chunks           int      `json:"chunks"`
	Gone             int      `json:"gone,omitempty"` // chunks that cannot be run again: their rows have expired
}

// Of a run that is tried again.
const (
	chunkConcurrency = 16 // as in the first attempt
	reopenedAtOnce   = 16 // chunks that are taken up at once
	keptFor          = "the rows of a run are kept for 90 days"
)

// reopen takes up every chunk that can be run again: its rows are put where the
// state machine looks for them, and then its failure is forgotten. Whoever is
// cut off in between does the same again, and a chunk that was taken up already
// is left as it is.
func (s *Stage) reopen(ctx context.Context, in Input) (*Reopened, error) {
	// First of all: the end of an attempt that the run does not know is ignored,
	// and the run would stay open if anything else failed for good.
	if err := s.Store.RetryRun(ctx, in.Ref, in.Attempt); err != nil {
		return nil, err
	}
	ledger, err := s.Store.Ledger(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	var profile domain.RunProfile
	err = s.Store.Profile(ctx, in.Team, in.Run, &profile)
	expired := fault.Is(err, fault.NotFound) // and no chunk can do without it
	if err != nil && !expired {
		return nil, err
	}
	crms := []string{}
	for _, crm := range in.CRMs {
		crms = append(crms, crm.Name)
	}
	out := &Reopened{
		Ref: in.Ref, Attempt: in.Attempt, ChunkPrefix: store.RetryPrefix(in.Run, in.Attempt), ChunkConcurrency: chunkConcurrency,
		Waterfall: []Target{}, CRMs: slices.Concat([]Target{}, in.CRMs),
	}
	for _, t := range in.Waterfall {
		if slices.Contains(profile.Enrich.Providers, t.Name) {
			out.Waterfall = append(out.Waterfall, t)
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reopenedAtOnce)
	var taken, gone atomic.Int64
	for _, c := range ledger.Again(crms, in.Attempt) {
		if c.Attempt == in.Attempt {
			taken.Add(1)
			continue
		}
		if expired {
			gone.Add(1)
			continue
		}
		g.Go(func() error {
			found, err := s.takeUp(gctx, in, c)
			switch {
			case found:
				taken.Add(1)
			case err == nil:
				gone.Add(1)
			}
			return err
		})
	}
	err = g.Wait()
	out.Chunks, out.Gone = int(taken.Load()), int(gone.Load())
	return out, err
}

// takeUp puts a chunk's rows where they are looked for, and reopens it. It
// returns false if its rows are gone.
func (s *Stage) takeUp(ctx context.Context, in Input, c store.Chunk) (bool, error) {
	ref := in.Ref
	ref.Chunk = c.Name
	converted := c.Counts != nil && c.Failure == ""
	doc := c.Doc
	var err error
	switch {
	case converted:
		doc = store.StepKey(in.Run, c.Name, store.StepConverted)
	case doc == "":
		if doc, err = s.Store.LastDoc(ctx, ref); err != nil {
			return false, err
		}
	}
	rows, err := s.Store.Rows(ctx, in.Team, doc)
	if fault.Is(err, fault.NotFound) {
		// Without rows the chunk keeps what it counts.
		s.Log.WarnContext(ctx, "a chunk cannot be run again: its rows are gone", "run", in.Run, "chunk", c.Name)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := s.Store.PutRows(ctx, in.Team, store.RetryKey(in.Run, c.Name, in.Attempt), rows); err != nil {
		return false, err
	}
	return true, s.Store.ReopenChunk(ctx, ref, in.Attempt, converted)
}

// requestID is what Lambda puts before the cause of a crash: with it no two
// causes would be the same.
var requestID = regexp.MustCompile(`^RequestId: [0-9a-f-]+ (Error: )?`)

// words are what the one who gave up said, without what no person can read.
func (f Failure) words() string {
	var thrown struct {
		Message string `json:"errorMessage"`
	}
	said := f.Cause
	if json.Unmarshal([]byte(f.Cause), &thrown) == nil {
		said = thrown.Message
	}
	const most = 200
	text := []rune(requestID.ReplaceAllString(said, ""))
	return string(text[:min(len(text), most)])
}
