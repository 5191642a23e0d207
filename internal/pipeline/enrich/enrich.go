// Package enrich is the stage that buys what is still unknown about a chunk's
// prospects from one provider: the state machine runs it once per provider of
// the waterfall. It imports budget, domain, fault, provider, store and task;
// never another stage.
//
// Money: before the first call the highest price of the chunk is reserved;
// every answer is kept in the cache before anything else happens; after the
// last call the real price is settled. A worker that is killed leaves at most
// [rowsAtOnce] questions whose answer was lost. They are not asked again, unless the
// provider does not charge for repeats, but counted as spent and named in the
// row, so nothing is ever paid twice.
package enrich

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

// rowsAtOnce is how many rows one worker has questions out for.
const rowsAtOnce = 8

// rowWait is the longest that a chunk waits for an answer about one row.
const rowWait = time.Minute

// unavailableLife is how long a row is spared a question that cannot be
// answered now.
const unavailableLife = 15 * time.Minute

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Profile(ctx context.Context, team, run string, profile any) error
	Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error)
	PutAnswer(ctx context.Context, team, question string, answer any, life time.Duration) error
	PutFirstAnswer(ctx context.Context, team, question string, answer any, life time.Duration) (earlier json.RawMessage, err error)
	Suppression(ctx context.Context, team string) (*store.Suppression, error)
	Suppress(ctx context.Context, team, value string) error
	ClaimProspect(ctx context.Context, ref domain.Ref, prospectID string) (store.Claim, error)
}

// Source is one provider of the waterfall with the capabilities it has; the
// others are nil.
type Source struct {
	Definition provider.Definition
	People     provider.PersonFinder
	Person     provider.PersonEnricher
	Emails     provider.EmailFinder
	Verifier   provider.EmailVerifier
}

// Stage enriches chunks.
type Stage struct {
	Store   Store
	Budget  budget.Budget
	Sources map[string]Source
	Log     *slog.Logger
	Now     func() time.Time
}

// Output is what the state machine is told.
type Output struct {
	Doc string `json:"doc"` // key of the rows after this step
}

// Step names the step in the ledger: one per provider.
func Step(m task.Message) string { return store.StepEnriched + "-" + m.Provider }

// Do enriches one chunk with one provider.
func (s *Stage) Do(ctx context.Context, job task.Job) (any, error) {
	source, ok := s.Sources[job.Provider]
	if !ok {
		return nil, fault.New(fault.InvalidInput, "enrich.source", "there is no enricher "+job.Provider)
	}
	var profile domain.RunProfile
	if err := s.Store.Profile(ctx, job.Team, job.Run, &profile); err != nil {
		return nil, err
	}
	rows, err := s.Store.Rows(ctx, job.Team, newest(job, profile.Waterfall))
	if err != nil {
		return nil, err
	}
	list, err := s.Store.Suppression(ctx, job.Team)
	if err != nil {
		return nil, err
	}
	c := &chunk{
		Stage: s, ref: job.Ref, last: job.Last, source: source, rows: rows, query: profile.Query, list: list,
		bought: map[string]money.Micro{}, asking: map[string]chan struct{}{}, answers: map[string]answer{}, prepaid: map[string]bool{},
		held: map[string]string{}, line: map[string]chan struct{}{},
	}
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	doc := store.StepKey(job.Run, job.Chunk, Step(job.Message))
	if err := s.Store.PutRows(ctx, job.Team, doc, c.rows); err != nil {
		return nil, err
	}
	return Output{Doc: doc}, nil
}

// newest returns the key of the chunk's rows as the provider before this one in
// the waterfall left them: one that was skipped left none.
func newest(job task.Job, waterfall []string) string {
	key := job.Doc
	for _, earlier := range waterfall[:max(0, slices.Index(waterfall, job.Provider))] {
		var out Output
		answer := job.Done[Step(task.Message{Provider: earlier})]
		if err := json.Unmarshal(answer, &out); err == nil && out.Doc != "" {
			key = out.Doc
		}
	}
	return key
}

// chunk is one attempt at a chunk.
type chunk struct {
	*Stage
	ref    domain.Ref
	last   bool // there is no further attempt if the provider stays unavailable
	source Source
	rows   []domain.Row
	query  domain.SearchQuery
	list   *store.Suppression

	mu      sync.Mutex
	cost    money.Micro              // of this attempt
	bought  map[string]money.Micro   // cost of cached answers by the reservation they were bought under
	skipped error                    // why the provider is of no use for the rest of the chunk
	lost    bool                     // an answer could not be kept
	halted  bool                     // a question failed: ask no further ones
	failed  bool                     // by something of ours
	pending time.Duration            // until answers that the provider works on are ready
	asking  map[string]chan struct{} // by question: two rows never ask the same at once
	answers map[string]answer        // of this attempt
	prepaid map[string]bool          // questions that a settled reservation paid for
	order   string                   // reservation of this attempt
	begun   bool                     // questions may have been asked before this attempt
	held    map[string]string        // prospect by the person whom it claimed
	line    map[string]chan struct{} // by first question: closed when the last row begun with it is done
}

// run answers what it can from the cache, reserves for the rest and asks.
func (c *chunk) run(ctx context.Context) error {
	name := c.source.Definition.Name
	left, made, err := c.Budget.Recover(ctx, c.ref, name)
	if err != nil {
		return err
	}
	c.begun = made > 0
	// What was paid for is applied before anybody is suppressed, or its price
	// would be forgotten.
	if err := c.replay(ctx); err != nil {
		return err
	}
	if left != nil {
		if err := c.settleLost(ctx, *left); err != nil {
			return err
		}
	}
	for i := range c.rows {
		if err := c.suppress(&c.rows[i]); err != nil {
			return err
		}
	}
	var open []int // rows with a question that the cache does not answer
	for i := range c.rows {
		if _, more := c.next(&c.rows[i]); more {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return nil
	}
	r, capErr := c.reserve(ctx, budget.ID(c.ref, name, made), open)
	if capErr != nil && len(r.Questions) == 0 {
		return capErr
	}
	all := open
	open = open[:len(r.Questions)/store.QuestionSize]
	c.order = c.ref.Run + "/" + r.ID
	askErr := c.askAll(ctx, open)
	if c.lost {
		// An answer was paid for and could not be kept. The reservation stays
		// open, so that the next attempt counts that question as asked.
		return askErr
	}
	// The money is spent even if the deadline has passed.
	if err := c.Budget.Ledger.Settle(context.WithoutCancel(ctx), c.ref, r, c.cost); err != nil {
		return errors.Join(askErr, err)
	}
	if c.last && !c.failed && fault.Is(askErr, fault.Unavailable, fault.Unclear, fault.BadResponse) {
		// What was bought counts; the rest of the chunk goes on without.
		c.skipped, askErr = askErr, nil
	}
	if askErr == nil && c.skipped != nil {
		c.markSkipped(all)
	}
	if askErr == nil && c.skipped == nil {
		return capErr // the rest of the chunk waits for money
	}
	return askErr
}

// reserve sets the highest price of the open rows aside. Where the cap does not
// allow all of them, it takes the leading half, and so on: the error is then
// CapReached all the same, and the reservation says which rows it is for.
func (c *chunk) reserve(ctx context.Context, id string, open []int) (store.Reservation, error) {
	var capErr error
	for n := len(open); n > 0; n /= 2 {
		r := store.Reservation{ID: id, Provider: c.source.Definition.Name}
		for _, i := range open[:n] {
			r.Max += c.highestPrice(&c.rows[i])
			r.Questions = append(r.Questions, budget.Short(c.rows[i].Prospect.ID)...)
		}
		err := c.Budget.Ledger.Reserve(ctx, c.ref, r)
		if err == nil {
			return r, capErr
		}
		if capErr = err; !fault.Is(err, fault.CapReached) {
			break
		}
	}
	return store.Reservation{}, capErr
}

// markSkipped names in each row that was not finished why the provider gave
// nothing.
func (c *chunk) markSkipped(open []int) {
	for _, i := range open {
		if q, more := c.next(&c.rows[i]); more {
			miss(&c.rows[i], q.wants, c.source.Definition.Name+": "+string(fault.KindOf(c.skipped)))
		}
	}
}

// suppress takes a row out before anything is paid for it.
func (c *chunk) suppress(row *domain.Row) error {
	if row.State != domain.InWork {
		return nil
	}
	has, err := c.list.HasAny(row.Prospect)
	if has {
		row.State, row.Reason = domain.Suppressed, "on the team's do-not-contact list"
	}
	return err
}

// answerLife is how long an answer may be kept. Where the terms forbid
// keeping, it is kept for the run only, so that it is not paid for twice.
func (c *chunk) answerLife() time.Duration {
	const day = 24 * time.Hour
	switch t := c.source.Definition.Terms; {
	case !t.MayStore:
		return day
	case t.StoreFor == 0:
		return 30 * day
	default:
		return min(t.StoreFor, 30*day)
	}
}
