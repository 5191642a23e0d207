package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// Failures is what of a campaign's latest run did not end as it should have,
// grouped by cause.
type Failures struct {
	CampaignID string         `json:"campaignId"`
	RunID      string         `json:"runId"`
	Status     string         `json:"status"`
	Attempt    int            `json:"attempt" doc:"How often what failed was run again"`
	Groups     []FailureGroup `json:"groups" doc:"The largest first"`
	Again      int            `json:"chunksToRunAgain" doc:"What POST .../retry runs again; as an answer to it, what is run again"`
}

// FailureGroup is what failed for one cause.
type FailureGroup struct {
	What    string `json:"what" enum:"chunk gave up,chunk never ended,leads not pushed,leads refused,discovery broke off,dead letter"`
	Where   string `json:"where,omitempty" doc:"The provider, where it is one"`
	Kind    string `json:"kind,omitempty" doc:"docs/errors.md lists the kinds"`
	Cause   string `json:"cause,omitempty"`
	Chunks  int    `json:"chunks"`
	Rows    int    `json:"rows" doc:"Rows that failed, or leads that a CRM has not got"`
	Retried bool   `json:"retried" doc:"POST .../retry runs these chunks again"`
	Advice  string `json:"advice" doc:"What to do first"`
}

func (s *server) registerRetry(a huma.API) {
	type input struct {
		ID string `path:"campaignId"`
	}
	type output struct{ Body Failures }
	register := func(op huma.Operation, do func(context.Context, string) (Failures, error)) {
		huma.Register(a, op, func(ctx context.Context, in *input) (*output, error) {
			f, err := do(ctx, in.ID)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return &output{f}, nil
		})
	}
	register(huma.Operation{
		OperationID: "list-failures", Method: http.MethodGet, Path: base + "/campaigns/{campaignId}/failures",
		Summary: "List what of a campaign's latest run failed, by cause",
	}, s.failures)
	register(huma.Operation{
		OperationID: "retry-campaign", Method: http.MethodPost, Path: base + "/campaigns/{campaignId}/retry",
		Summary: "Run the chunks that failed again, from where their rows are",
	}, s.retry)
}

// latest is what is known about a campaign's latest run.
func (s *server) latest(ctx context.Context, campaign string) (domain.Ref, domain.Run, store.Ledger, error) {
	c, err := s.Campaigns.Campaign(ctx, teamOf(ctx), campaign)
	if err != nil {
		return domain.Ref{}, domain.Run{}, store.Ledger{}, err
	}
	ref := domain.Ref{Team: c.Team, Campaign: c.ID, Run: c.RunID}
	run, err := s.Campaigns.Run(ctx, ref)
	if err != nil {
		return ref, run, store.Ledger{}, err
	}
	ledger, err := s.Campaigns.Ledger(ctx, ref)
	return ref, run, ledger, err
}

func (s *server) failures(ctx context.Context, campaign string) (Failures, error) {
	_, run, ledger, err := s.latest(ctx, campaign)
	return s.failuresOf(run, ledger), err
}

// retry starts an execution over what failed. The execution comes first: it
// reopens the run itself, so that a request cut off here has either no effect
// or all of it. Two requests at once start one execution.
func (s *server) retry(ctx context.Context, campaign string) (Failures, error) {
	ref, run, ledger, err := s.latest(ctx, campaign)
	if err != nil {
		return Failures{}, err
	}
	if !run.Status.Ended() {
		return Failures{}, fault.New(fault.Conflict, "api.retry", "the run is "+string(run.Status)+": only what is left of a run that has ended can be run again")
	}
	f := s.failuresOf(run, ledger)
	if f.Again == 0 {
		return f, nil
	}
	// The profile is the oldest of the objects that an attempt works on: without
	// it there is nothing to run again, and the run is left as it is.
	var profile domain.RunProfile
	if err := s.Campaigns.Profile(ctx, ref.Team, ref.Run, &profile); err != nil {
		if fault.Is(err, fault.NotFound) {
			return f, fault.New(fault.NotFound, "api.retry", "the rows of a run are kept for 90 days, and those of this one are gone: start a new run of the campaign")
		}
		return f, err
	}
	input := struct {
		domain.Ref
		Attempt   int      `json:"attempt"`
		Waterfall []target `json:"waterfall"`
		CRMs      []target `json:"crms"`
	}{ref, run.Attempt + 1, s.targets("enrich-", s.Waterfall), s.targets("push-", s.CRMs)}
	if err := s.Machine.Start(ctx, s.StateMachine, fmt.Sprintf("%s-%d", run.ID, input.Attempt), input); err != nil {
		return f, err
	}
	// The execution does so, too; here, so that whoever asks next sees it.
	if err := s.Campaigns.RetryRun(ctx, ref, input.Attempt); err != nil && !fault.Is(err, fault.Conflict) {
		return f, err
	}
	f.Attempt, f.Status = input.Attempt, string(domain.RunRunning)
	return f, nil
}

// target is a provider that the state machine sends chunks to.
type target struct {
	Provider string `json:"provider"`
	Queue    string `json:"queue"`
}

func (s *server) targets(prefix string, names []string) []target {
	out := []target{}
	for _, name := range names {
		out = append(out, target{name, s.Queues[prefix+name]})
	}
	return out
}

// failuresOf groups what failed. Chunks and rows of different groups may be the
// same ones: a dead letter is often why a chunk gave up.
func (s *server) failuresOf(run domain.Run, l store.Ledger) Failures {
	groups := map[FailureGroup]*FailureGroup{}
	add := func(g FailureGroup, chunks, rows int) {
		if groups[g] == nil {
			kept := g
			groups[g] = &kept
		}
		groups[g].Chunks += chunks
		groups[g].Rows += rows
	}
	for _, sh := range l.Shards {
		written := 0
		for n, rows := range sh.Chunks {
			written += rows
			c := l.Chunks[store.ChunkName(sh.ID, n)]
			switch {
			case c.Failure != "":
				add(FailureGroup{What: "chunk gave up", Kind: c.Failure, Cause: c.Cause, Retried: true}, 1, c.Counts.Failed)
			case c.Counts == nil && run.Status.Ended():
				add(FailureGroup{What: "chunk never ended", Cause: run.Reason, Retried: true}, 1, rows)
			}
			for _, crm := range s.CRMs {
				tally, pushed := c.CRM[crm]
				if c.Converted > 0 && !pushed && run.Status.Ended() {
					add(FailureGroup{What: "leads not pushed", Where: crm, Retried: true}, 1, c.Converted)
				}
				if lost := tally.Missing + tally.Rejected; lost > 0 {
					add(FailureGroup{What: "leads refused", Where: crm}, 1, lost)
				}
			}
			for name := range c.DeadLetters {
				add(FailureGroup{What: "dead letter", Where: name, Kind: string(fault.Internal)}, 1, 0)
			}
		}
		if run.Status.Ended() && !sh.Done {
			add(FailureGroup{What: "discovery broke off", Where: sh.Source}, 0, max(0, sh.Seen-sh.Duplicates-written))
		}
	}
	out := Failures{CampaignID: run.CampaignID, RunID: run.ID, Status: string(run.Status), Attempt: run.Attempt, Groups: []FailureGroup{}}
	for g := range maps.Values(groups) {
		g.Advice = g.advice()
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(a, b FailureGroup) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(b.Chunks, a.Chunks), cmp.Compare(a.What+a.Where+a.Kind+a.Cause, b.What+b.Where+b.Kind+b.Cause))
	})
	if run.Status.Ended() {
		out.Again = len(l.Again(s.CRMs, run.Attempt+1))
	}
	return out
}

// advice is what a person should do about a group before anything is run again.
func (g FailureGroup) advice() string {
	switch g.What {
	case "leads refused":
		return "read the push receipts: the CRM said why; correct the lead or the CRM's rules and convert the prospect again"
	case "discovery broke off":
		return "look at the source's status page; what is missing is found by the campaign's next run"
	case "dead letter":
		return "a worker could not handle a message: look for it in the logs; rows that went on without " + g.Where + " say so under missing, and can be enriched again one by one"
	case "leads not pushed":
		return "check that " + g.Where + " can be reached with its key, then retry"
	case "chunk never ended":
		return "retry"
	}
	switch fault.Kind(g.Kind) {
	case fault.Unavailable, fault.CircuitOpen, fault.RateLimited, fault.Unclear, "States.Timeout":
		return "look at the status page of the provider that the cause names; retry when it is well"
	case fault.QuotaExhausted:
		return "buy credits or wait until the quota is reset, then retry"
	case fault.CapReached:
		return "retry, and raise the cap when the run pauses"
	case fault.Unauthenticated, fault.Forbidden:
		return "put a valid key with the needed rights into the provider's secret, then retry"
	case fault.InvalidInput, fault.NotFound:
		return "correct what the cause names, then retry"
	default:
		return "look for the chunk in the logs; retry once the cause is mended"
	}
}
