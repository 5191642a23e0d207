package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"strconv"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// abandoned is a chunk that was given up: its rows have no record in the lists,
// only what its last step left in S3.
type abandoned struct {
	doc    string // key of its rows
	rows   int    // that failed
	all    bool   // every row counts as failed, however far it came
	reason string
}

// abandonedChunk tells whether a chunk was given up: by the state machine, or
// because its run is over and it has no end.
func abandonedChunk(run domain.Run, name string, rows int, c store.Chunk) (abandoned, bool) {
	switch {
	case c.Failure != "":
		return abandoned{doc: cmp.Or(c.Doc, store.ChunkKey(run.ID, name)), rows: c.Counts.Failed, reason: "its chunk ended early: " + c.Failure}, true
	case c.Counts == nil && run.Status.Ended():
		return abandoned{doc: store.ChunkKey(run.ID, name), rows: rows, all: true, reason: "the run ended before its chunk was done: " + run.Reason}, true
	}
	return abandoned{}, false
}

// read returns the rows of the chunk that failed.
func (s *server) read(ctx context.Context, team string, a abandoned) ([]domain.Row, error) {
	rows, err := s.Prospects.Rows(ctx, team, a.doc)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	var out []domain.Row
	for _, row := range rows {
		if a.all || row.State.Abandoned() == domain.Failed {
			row.State, row.Reason = domain.Failed, a.reason
			out = append(out, row)
		}
	}
	return out, err
}

// failedRows returns the failed rows of a chunk that was never converted, or a
// fault Conflict if it may still be.
func (s *server) failedRows(ctx context.Context, ref domain.Ref) ([]domain.Row, error) {
	run, err := s.Campaigns.Run(ctx, ref)
	if err != nil {
		return nil, err
	}
	ledger, err := s.Campaigns.Ledger(ctx, ref)
	if err != nil {
		return nil, err
	}
	a, over := abandonedChunk(run, ref.Chunk, 0, ledger.Chunks[ref.Chunk])
	if !over {
		return nil, fault.New(fault.Conflict, "api.find", "the prospect is still being worked on; try again when its campaign has scored it")
	}
	return s.read(ctx, ref.Team, a)
}

// listFailed is a page of the failed rows of a campaign's latest run, chunk by
// chunk. Only the chunks on the page are read.
func (s *server) listFailed(ctx context.Context, c domain.Campaign, in listInput) (ProspectPage, error) {
	page := ProspectPage{Prospects: []ProspectSummary{}, Pagination: Pagination{Page: in.Page, Limit: in.Limit}}
	skip, err := offsetOf(in)
	if err != nil || in.MinScore > 0 { // they have no score
		return page, err
	}
	ref := domain.Ref{Team: c.Team, Campaign: c.ID, Run: c.RunID}
	run, err := s.Campaigns.Run(ctx, ref)
	if err != nil {
		return page, err
	}
	ledger, err := s.Campaigns.Ledger(ctx, ref)
	if err != nil {
		return page, err
	}
	end := skip + in.Limit
	for _, sh := range ledger.Shards {
		for n, rows := range sh.Chunks {
			name := store.ChunkName(sh.ID, n)
			a, over := abandonedChunk(run, name, rows, ledger.Chunks[name])
			if !over {
				continue
			}
			from := page.Pagination.Total // of this chunk's first row
			page.Pagination.Total += a.rows
			if from >= end || from+a.rows <= skip {
				continue
			}
			failed, err := s.read(ctx, c.Team, a)
			if err != nil {
				return page, err
			}
			for i := max(0, skip-from); i < min(len(failed), end-from); i++ {
				summary := prospectOf(store.ListedOf(failed[i]))
				summary.Reason = failed[i].Reason
				page.Prospects = append(page.Prospects, summary)
			}
		}
	}
	if end < page.Pagination.Total {
		page.Pagination.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return page, nil
}

// offsetOf is how many failed rows come before a page.
func offsetOf(in listInput) (int, error) {
	if in.Cursor == "" {
		return (in.Page - 1) * in.Limit, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err == nil {
		if n, err := strconv.ParseUint(string(raw), 10, 31); err == nil {
			return int(n), nil
		}
	}
	return 0, fault.New(fault.InvalidInput, "api.list", "the cursor is not one that this list gave out; leave it away for the first page")
}
