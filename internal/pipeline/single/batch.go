package single

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

// Batch takes a job's chunks from queue to queue: where a run has its state
// machine, each turn sends the message of the next.
type Batch struct {
	Store  Store
	Enrich func(ctx context.Context, job task.Job) (any, error)
	Send   func(ctx context.Context, queueURL string, body []byte, delay time.Duration) error
	Queues map[string]string // URL by name
}

// turns is how many turns a chunk has at most, as in the state machine.
const turns = 40

// Do does one turn of a chunk; a run's chunks pass unchanged.
func (b *Batch) Do(ctx context.Context, job task.Job) (any, error) {
	output, err := b.Enrich(ctx, job)
	if job.Campaign != store.JobCampaign {
		return output, err
	}
	if err != nil {
		if fault.Is(err, fault.RateLimited, fault.CircuitOpen, fault.QuotaExhausted, fault.Unavailable, fault.Unclear, fault.BadResponse, fault.Conflict) {
			return nil, err // the worker waits, or asks again
		}
		step := store.JobStep{Doc: job.Doc, Failure: string(fault.KindOf(err)) + ": " + fault.Message(err)}
		return b.end(ctx, job, step) // what earlier turns brought counts
	}
	var o struct {
		Doc     string      `json:"doc"`
		Next    string      `json:"next"`
		Skipped []task.Skip `json:"skipped"`
	}
	text, err := json.Marshal(output)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "batch.read", err)
	}
	step := store.JobStep{Doc: o.Doc}
	if queue := b.Queues["enrich-"+o.Next]; o.Next != "" && queue != "" && job.Turn+1 < turns {
		step.Next = o.Next
		// Before this turn is finished: if this worker dies in between, the message
		// comes twice, and the ledger knows the turn that was done.
		next := task.Message{Ref: job.Ref, Doc: o.Doc, Provider: o.Next, Turn: job.Turn + 1, Skipped: o.Skipped, Retry: task.Retries, Queue: queue}
		body, err := json.Marshal(next)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, "batch.next", err)
		}
		return step, b.Send(ctx, queue, body, time.Second)
	}
	return b.end(ctx, job, step)
}

// end makes what a chunk has brought part of its prospects.
func (b *Batch) end(ctx context.Context, job task.Job, step store.JobStep) (any, error) {
	rows, err := b.Store.Rows(ctx, job.Team, step.Doc)
	if err != nil {
		return nil, err
	}
	var enriched []string
	for _, row := range rows {
		if slices.ContainsFunc(row.Calls, func(c domain.Call) bool { return c.Outcome == domain.CallFound }) {
			enriched = append(enriched, row.Prospect.ID)
		}
	}
	step.Enriched = len(enriched)
	return step, b.Store.AddLater(ctx, job.Team, step.Doc, enriched)
}

// Known is a prospect as a job asks about it: what is known is not asked again.
// It loses the name of its source, under whose ids only its own run may ask
// without looking who else does.
func Known(p domain.Prospect) domain.Row {
	p.Refs = maps.Clone(p.Refs)
	if p.Refs == nil {
		p.Refs = map[string]string{}
	}
	if p.Source != "" && p.Refs[p.Source] == "" {
		p.Refs[p.Source] = p.ProfileID
	}
	p.Source, p.ProfileID = "", ""
	return domain.Row{Prospect: p, State: domain.InWork}
}
