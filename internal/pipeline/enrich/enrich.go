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
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Profile(ctx context.Context, team, run string, profile any) error
	Answers(ctx context.Context, team string, questions []string) (map[string]json.RawMessage, error)
	PutAnswer(ctx context.Context, team, question string, answer any, life time.Duration) error
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
	rows, err := s.Store.Rows(ctx, job.Team, job.Doc)
	if err != nil {
		return nil, err
	}
	var profile domain.RunProfile
	if err := s.Store.Profile(ctx, job.Team, job.Run, &profile); err != nil {
		return nil, err
	}
	list, err := s.Store.Suppression(ctx, job.Team)
	if err != nil {
		return nil, err
	}
	c := &chunk{
		Stage: s, ref: job.Ref, source: source, rows: rows, query: profile.Query, list: list,
		bought: map[string]money.Micro{}, asking: map[string]chan struct{}{}, answers: map[string]answer{},
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

// chunk is one attempt at a chunk.
type chunk struct {
	*Stage
	ref    domain.Ref
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
	pending time.Duration            // until answers that the provider works on are ready
	asking  map[string]chan struct{} // by question: two rows never ask the same at once
	answers map[string]answer        // of this attempt
	order   string                   // reservation of this attempt
}

// run answers what it can from the cache, reserves for the rest and asks.
func (c *chunk) run(ctx context.Context) error {
	name := c.source.Definition.Name
	left, id, err := c.Budget.Recover(ctx, c.ref, name)
	if err != nil {
		return err
	}
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
	r := store.Reservation{ID: id, Provider: name}
	var open []int // rows with a question that the cache does not answer
	for i := range c.rows {
		if _, more := c.next(&c.rows[i]); more {
			open = append(open, i)
			r.Max += c.highestPrice(&c.rows[i])
			r.Questions = append(r.Questions, budget.Short(c.rows[i].Prospect.ID)...)
		}
	}
	if len(open) == 0 {
		return nil
	}
	if err := c.Budget.Ledger.Reserve(ctx, c.ref, r); err != nil {
		return err
	}
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
	if askErr == nil && c.skipped != nil {
		c.markSkipped(open)
	}
	return askErr
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
	for _, value := range []string{row.Prospect.Company.Domain, row.Prospect.Contact.Email} {
		has, err := c.list.Has(value)
		if err != nil {
			return err
		}
		if has {
			row.State, row.Reason = domain.Suppressed, "on the team's do-not-contact list"
			return nil
		}
	}
	return nil
}

// askAll asks for the open rows, a few at once, in order. After the first
// failure that concerns the provider and not the row, no further row is begun;
// questions that are out are awaited, since they may be charged.
//
// At every moment at most rowsAtOnce rows are begun and not answered for good:
// settleLost counts on it. So a row that has to wait keeps its place, unless
// the provider does not charge for repeats.
func (c *chunk) askAll(ctx context.Context, open []int) error {
	var g errgroup.Group
	places := make(chan struct{}, rowsAtOnce)
	full := make(chan struct{}) // closed when waiting rows hold every place
	waiting := 0
	hold := func() bool {
		if c.source.Definition.RepeatFree {
			return false
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if waiting++; waiting == rowsAtOnce {
			close(full)
		}
		return true
	}
begin:
	for _, i := range open {
		select {
		case places <- struct{}{}:
		case <-full:
			break begin
		}
		if c.stopped() || ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			waits, err := c.askRow(ctx, i)
			if !waits || !hold() {
				<-places
			}
			return err
		})
	}
	err := g.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil && c.skipped == nil:
		// Out of time, not out of luck: what was answered is in the cache.
		return &fault.Error{Kind: fault.RateLimited, Op: "enrich.ask", Message: "the worker's time is over; the next one continues", RetryAfter: time.Second}
	case waiting == rowsAtOnce && c.pending == 0 && c.skipped == nil:
		return &fault.Error{Kind: fault.RateLimited, Op: "enrich.ask", Message: "too many rows wait for a provider's answer", RetryAfter: rowWait}
	case c.pending > 0 && c.skipped == nil:
		return &fault.Error{Kind: fault.RateLimited, Op: "enrich.ask", Message: "the provider is still working on some answers", RetryAfter: c.pending}
	}
	return nil
}

// askRow asks what there is to ask about one row. waits is true if the row
// ends without an answer that the cache keeps.
func (c *chunk) askRow(ctx context.Context, i int) (waits bool, err error) {
	row := &c.rows[i]
	for {
		q, more := c.next(row)
		if !more || c.stopped() || ctx.Err() != nil {
			return waits, nil
		}
		switch err := c.ask(ctx, row, q); {
		case err == nil:
		case fault.Is(err, fault.Unavailable) && fault.RetryAfter(err) > rowWait:
			// A chunk does not wait for one row's mail server; nothing is kept,
			// so a later run asks again.
			waits = true
			q.apply(row, answer{Failed: fault.Unavailable})
		case fault.Is(err, fault.Unavailable) && fault.RetryAfter(err) > 0:
			c.postpone(fault.RetryAfter(err)) // the provider works on it: this row alone waits
			return true, nil
		case ctx.Err() != nil && !c.hasLost():
			return waits, nil //nolint:nilerr // out of time, which the caller says; the answer of this question was not charged or is in the cache
		default:
			c.stop()
			return waits, err
		}
	}
}

// postpone notes that a row's answer will be ready after d.
func (c *chunk) postpone(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = max(c.pending, d)
}

// stop lets no further question be asked.
func (c *chunk) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halted = true
}

func (c *chunk) hasLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

func (c *chunk) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.halted || c.skipped != nil
}

// ask puts one question to the provider, keeps the answer and applies it.
func (c *chunk) ask(ctx context.Context, row *domain.Row, q question) error {
	turn := c.turn(q.key)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if a, ok := c.answered(q.key); ok {
		a.Cost, a.Cached, a.TookMS = 0, true, 0
		return c.apply(ctx, row, q, a)
	}
	began := c.Now()
	a, err := q.call(ctx)
	a.TookMS = c.Now().Sub(began).Milliseconds()
	switch kind := fault.KindOf(err); kind {
	case "":
	case fault.Unclear, fault.BadResponse:
		// An answer that cannot be read may have been charged like any other.
		a = answer{Unclear: true, Cost: q.price.Max()}
	case fault.NotFound, fault.InvalidInput:
		a = answer{Failed: kind}
	case fault.Blocked:
		a = answer{Blocked: true}
	case fault.QuotaExhausted, fault.Unauthenticated, fault.Forbidden:
		c.mu.Lock()
		c.skipped = err
		c.mu.Unlock()
		c.Log.WarnContext(ctx, "provider skipped", "run", c.ref.Run, "chunk", c.ref.Chunk, "provider", c.source.Definition.Name, "op", q.op, "kind", kind)
		return nil
	default:
		return err
	}
	a.Order = c.order
	c.mu.Lock()
	c.cost += a.Cost
	c.answers[q.key] = a
	c.mu.Unlock()
	// Kept before it is used, and even if the deadline has passed: it is paid for.
	if err := c.Store.PutAnswer(context.WithoutCancel(ctx), c.ref.Team, q.key, a, c.answerLife()); err != nil {
		c.mu.Lock()
		c.lost = true
		c.mu.Unlock()
		return err
	}
	return c.apply(ctx, row, q, a)
}

// answered returns the answer that this attempt got to the same question for
// another row.
func (c *chunk) answered(key string) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[key]
	return a, ok
}

// turn returns what holds a place for the one who asks a question.
func (c *chunk) turn(key string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking[key] == nil {
		c.asking[key] = make(chan struct{}, 1)
	}
	return c.asking[key]
}

// use applies an answer from the cache; it costs nothing now.
func (c *chunk) use(ctx context.Context, row *domain.Row, q question, raw json.RawMessage) error {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return fault.Wrap(fault.Internal, "enrich.use", err)
	}
	a.Cost, a.Cached, a.TookMS = 0, true, 0
	return c.apply(ctx, row, q, a)
}

func (c *chunk) apply(ctx context.Context, row *domain.Row, q question, a answer) error {
	if a.Blocked {
		if err := c.block(ctx, row); err != nil {
			return err
		}
	}
	q.apply(row, a)
	if q.op == opPeople && a.Found {
		return c.claimPerson(ctx, row)
	}
	return nil
}

// claimPerson makes the person who was found for a company ours, so that the
// same person discovered elsewhere is neither paid for nor pushed twice.
func (c *chunk) claimPerson(ctx context.Context, row *domain.Row) error {
	name := c.source.Definition.Name
	claim, err := c.Store.ClaimProspect(ctx, c.ref, domain.ProspectID(c.ref.Team, name, row.Prospect.Refs[name]))
	if err != nil {
		return err
	}
	if claim.Run != c.ref.Run || claim.Chunk != c.ref.Chunk {
		row.State, row.Reason = domain.Duplicate, "the person found at this company is already a prospect"
	}
	return nil
}

// block keeps somebody who asked a provider to forget them from being
// contacted by anybody.
func (c *chunk) block(ctx context.Context, row *domain.Row) error {
	for _, value := range []string{row.Prospect.Contact.Email, row.Prospect.Person.ProfileURL} {
		if value == "" {
			continue
		}
		if err := c.Store.Suppress(ctx, c.ref.Team, value); err != nil {
			return err
		}
	}
	return nil
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

// replay applies every answer that the cache has, until each row is at a
// question that was never answered.
func (c *chunk) replay(ctx context.Context) error {
	for {
		var names []string
		at := map[string][]int{}
		for i := range c.rows {
			if q, more := c.next(&c.rows[i]); more {
				if len(at[q.key]) == 0 {
					names = append(names, q.key)
				}
				at[q.key] = append(at[q.key], i)
			}
		}
		found, err := c.Store.Answers(ctx, c.ref.Team, names)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		for key, raw := range found {
			var a answer
			if err := json.Unmarshal(raw, &a); err != nil {
				return fault.Wrap(fault.Internal, "enrich.replay", err)
			}
			c.bought[a.Order] += a.Cost
			for _, i := range at[key] {
				q, _ := c.next(&c.rows[i])
				if err := c.use(ctx, &c.rows[i], q, raw); err != nil {
					return err
				}
			}
		}
	}
}

// settleLost closes what a killed worker left open. Rows are begun in the
// order of the reservation, at most rowsAtOnce at a time, so only the first
// (answered + rowsAtOnce) can have a question out whose answer was lost.
func (c *chunk) settleLost(ctx context.Context, left store.Reservation) error {
	position := map[string]int{}
	for n := 0; n+store.QuestionSize <= len(left.Questions); n += store.QuestionSize {
		position[string(left.Questions[n:n+store.QuestionSize])] = n / store.QuestionSize
	}
	pending := map[int]int{} // position in the reservation -> row
	for i := range c.rows {
		pos, asked := position[string(budget.Short(c.rows[i].Prospect.ID))]
		if _, more := c.next(&c.rows[i]); asked && more {
			pending[pos] = i
		}
	}
	begun := len(position) - len(pending) + rowsAtOnce
	order := c.ref.Run + "/" + left.ID
	spent := c.bought[order]
	lost := map[string]bool{} // two rows may have asked the same
	for pos, i := range pending {
		q, _ := c.next(&c.rows[i])
		cost := q.price.Max()
		if pos >= begun || cost == 0 || lost[q.key] || c.source.Definition.RepeatFree {
			continue // never asked, free, the same answer, or asked again below and then charged once
		}
		lost[q.key] = true
		spent += cost
		if err := c.Store.PutAnswer(ctx, c.ref.Team, q.key, answer{Unclear: true, Cost: cost, Order: order}, c.answerLife()); err != nil {
			return err
		}
	}
	if err := c.Budget.Ledger.Settle(ctx, c.ref, left, min(spent, left.Max)); err != nil {
		return err
	}
	if len(lost) == 0 {
		return nil
	}
	return c.replay(ctx) // gives every row that waits for a lost answer its end
}
