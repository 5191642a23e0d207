// Package enrich is the stage that buys what is still unknown about a chunk's
// prospects, one provider at a time: package waterfall says what to ask about
// which row, this one asks, and tells the state machine which provider is next.
// It imports budget, domain, fault, provider, store, task and waterfall; never
// another stage.
//
// Money: questions are asked in waves, all of one kind. Before a wave its
// highest price is reserved; every answer is kept in the cache before anything
// else happens; after the wave the real price is settled. A worker that is
// killed leaves a reservation that lists its questions in the order in which
// they were asked, of which at most [questionsOut] or one batch were out. They
// are counted as spent and not asked again, as the row says, so nothing is ever
// paid twice. Where the provider does not charge for repeats they are asked
// again, at nothing.
package enrich

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
	"github.com/messageai/sluice/internal/waterfall"
)

// questionsOut is how many questions one worker has out at a time, unless one
// batch of the provider holds more.
const questionsOut = 8

// rowWait is the longest that a chunk waits for a verifier's answer about one row.
const rowWait = time.Minute

// patience is how often a chunk comes again for answers that a provider is
// still working on.
const patience = 40

// OutagePatience is how often a chunk finds a provider down, or its circuit open,
// before it goes on without, unless the stage says otherwise: up to three quarters
// of an hour.
const OutagePatience = 12

// Lives of answers in the cache.
const (
	unavailableLife = 15 * time.Minute    // a row is spared a question that cannot be answered now
	missLife        = 7 * 24 * time.Hour  // what was free to ask may be asked again
	longestLife     = 30 * 24 * time.Hour // where the terms state no limit
	queuedLife      = 24 * time.Hour      // longer than anybody waits for an answer that is paid for
	runLife         = 24 * time.Hour      // where the terms forbid keeping: not paid twice by one run
	leaseLife       = 20 * time.Minute    // a question that somebody else asks at this moment
)

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Profile(ctx context.Context, team, run string, profile any) error
	Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error)
	PutAnswer(ctx context.Context, team, question string, answer any, life time.Duration) error
	PutFirstAnswer(ctx context.Context, team, question string, answer any, life time.Duration) (earlier json.RawMessage, err error)
	DropAnswer(ctx context.Context, team, question string) error
	Suppression(ctx context.Context, team string) (*store.Suppression, error)
	Suppress(ctx context.Context, team, value string) error
	ClaimProspect(ctx context.Context, ref domain.Ref, prospectID string) (store.Claim, error)
	PutRecord(ctx context.Context, ref domain.Ref, step string, record any) error
}

// Source is one provider of the waterfall. The adapter has the interfaces of
// the capabilities that the definition declares.
type Source struct {
	Definition provider.Definition
	Adapter    any
}

// Stage enriches chunks.
type Stage struct {
	Store   Store
	Budget  budget.Budget
	Sources map[string]Source
	Log     *slog.Logger
	Now     func() time.Time
	Memory  *Memory // of this process; nil: none
	Mail    Mail    // nil: the DNS is not asked
	// OutagePatience is how often a chunk finds a provider down before it goes on
	// without; zero: [OutagePatience].
	OutagePatience int
}

// Output is what the state machine is told.
type Output struct {
	Doc     string      `json:"doc"`  // key of the rows after this step
	Next    string      `json:"next"` // provider that is asked next; "" for none
	Skipped []task.Skip `json:"skipped"`
	// Cache is what looking into the cache first has saved; the run's totals take it
	// from the ledger.
	Cache domain.CacheTally `json:"cache"`
}

// Step names the step in the ledger. One provider may be asked several times
// about a chunk, after others.
func Step(m task.Message) string { return store.EnrichStep(m.Turn, m.Provider) }

// Do enriches one chunk with one provider.
func (s *Stage) Do(ctx context.Context, job task.Job) (any, error) {
	source, ok := s.Sources[job.Provider]
	if !ok {
		return nil, fault.New(fault.InvalidInput, "enrich.source", "there is no enricher "+job.Provider)
	}
	if _, over := job.Done[store.StepScored]; over {
		// The state machine had given the provider up before this message came: what
		// would be found now, no row would have.
		return nil, fault.New(fault.InvalidInput, "enrich.do", "the chunk went on without "+job.Provider)
	}
	var profile domain.RunProfile
	if err := s.Store.Profile(ctx, job.Team, job.Run, &profile); err != nil {
		return nil, err
	}
	rows, err := s.Store.Rows(ctx, job.Team, job.Doc)
	if err != nil {
		return nil, err
	}
	list, err := s.Store.Suppression(ctx, job.Team)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, skip := range job.Skipped {
		out[skip.Provider] = skip.Error
	}
	c := &chunk{
		Stage: s, ref: job.Ref, name: job.Provider, source: source, rows: rows, query: profile.Query, list: list,
		last: job.Last, sent: job.Hops+job.Retry > 0, patient: job.Hops < patience, down: job.Failures+job.Shut >= cmp.Or(s.OutagePatience, OutagePatience), plan: waterfall.New(profile.Enrich, s.definitions(), out),
		bought: map[string]money.Micro{}, prepaid: map[string]bool{}, holders: waterfall.Holders{}, used: waterfall.Record{Provider: job.Provider},
		known: map[string]json.RawMessage{}, waiting: map[string]bool{}, kept: map[string]answer{}, absent: map[string]bool{}, mail: newMail(),
	}
	c.plan.Explore = waterfall.Explores(rows)
	if err := c.run(ctx); err != nil {
		return nil, late(ctx, err)
	}
	next := c.plan.Turn(c.rows)
	if err := c.putRecord(ctx, Step(job.Message)); err != nil {
		return nil, err
	}
	doc := store.StepKey(job.Run, job.Chunk, Step(job.Message))
	if err := s.Store.PutRows(ctx, job.Team, doc, c.rows); err != nil {
		return nil, err
	}
	skipped := append([]task.Skip{}, job.Skipped...) // never null: the state machine appends to it
	if c.skipped != nil {
		skipped = append(skipped, task.Skip{Provider: job.Provider, Error: string(fault.KindOf(c.skipped))})
	}
	return Output{Doc: doc, Next: next, Skipped: skipped, Cache: c.tally}, nil
}

// late is the error of an attempt whose time is over: no failure, for what was
// answered is in the cache.
func late(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) || fault.Is(err, fault.RateLimited) {
		return err
	}
	return &fault.Error{Kind: fault.RateLimited, Op: "enrich.do", Message: "the worker's time is over; the next one continues", RetryAfter: time.Second, Err: err}
}

// definitions are those of all providers of the waterfall.
func (s *Stage) definitions() map[string]provider.Definition {
	all := make(map[string]provider.Definition, len(s.Sources))
	for name, source := range s.Sources {
		all[name] = source.Definition
	}
	return all
}

// chunk is one attempt at a chunk.
type chunk struct {
	*Stage
	ref     domain.Ref
	name    string // of the provider
	source  Source
	plan    *waterfall.Waterfall
	rows    []domain.Row
	query   domain.SearchQuery
	list    *store.Suppression
	last    bool // there is no further attempt if the provider stays unavailable
	patient bool // it may come again for answers that take their time
	down    bool // the provider has been down for so long that the chunk goes on without

	sent    bool                   // the message was sent before, so that another attempt may have been at it
	begun   bool                   // questions that cost money may have been asked before this attempt
	bought  map[string]money.Micro // cost of cached answers by the reservation they were bought under
	prepaid map[string]bool        // short names of questions that are paid for and have no answer
	holders waterfall.Holders      // of the people found
	used    waterfall.Record       // what the rows were given
	tally   domain.CacheTally
	mail    *mail                      // what the DNS said
	known   map[string]json.RawMessage // answers that came while this attempt was about to ask
	waiting map[string]bool            // questions that are being answered, by the provider or for another worker
	kept    map[string]answer          // answers that this attempt has kept in the cache
	absent  map[string]bool            // questions that the cache had no answer to when this attempt looked
	skipped error                      // why the provider is of no use for the rest of the chunk
	pending time.Duration              // until answers that the provider works on are ready
}

// run answers what it can from the cache and asks for the rest, wave by wave.
func (c *chunk) run(ctx context.Context) error {
	left, err := c.Budget.Recover(ctx, c.ref, c.name)
	if err != nil {
		return err
	}
	made := left.Made
	c.begun = made > 0
	for name := range slices.Chunk(left.Prepaid, store.QuestionSize) {
		c.prepaid[string(name)] = true
	}
	// What was paid for is applied before anybody is suppressed, or its price
	// would be forgotten; and as far as the DNS had been asked then, or questions
	// that are out would not be found.
	c.mail.recall(left.Open)
	if err := c.advance(ctx); err != nil {
		return err
	}
	if left.Open != nil {
		if err := c.settleLost(ctx, *left.Open); err != nil {
			return err
		}
		c.mail.forget()
		if err := c.advance(ctx); err != nil {
			return err
		}
	}
	for i := range c.rows {
		if err := c.suppress(i); err != nil {
			return err
		}
	}
	for {
		wanted := c.wave()
		if len(wanted) == 0 {
			return c.end()
		}
		questions, err := c.claim(ctx, wanted)
		if err != nil {
			return err
		}
		if len(questions) > 0 { // else others have answered, or are about to
			ask, next := c.buy, made+1
			if free(questions) { // without a reservation, which is what made counts
				ask, next = c.askFree, made
			}
			if err := ask(ctx, made, questions); err != nil {
				return err
			}
			made = next
		}
		if c.skipped != nil {
			c.plan.GiveUp(c.rows, c.name, string(fault.KindOf(c.skipped)))
			return nil //nolint:nilerr // the chunk goes on without the provider
		}
		if err := c.advance(ctx); err != nil {
			return err
		}
	}
}

// end is the end of an attempt that has asked everything it could.
func (c *chunk) end() error {
	if c.pending > 0 {
		return &fault.Error{Kind: fault.RateLimited, Op: "enrich.ask", Message: "some answers are still being worked on", RetryAfter: c.pending}
	}
	return nil
}

// buy asks the questions of one wave under one reservation and applies what
// was answered. Where the cap does not allow all of them, it takes the leading
// part: the error is then CapReached, after that part was bought.
func (c *chunk) buy(ctx context.Context, made int, questions []question) error {
	r, capErr := c.reserve(ctx, budget.ID(c.ref, c.name, made), questions)
	var noMoney error
	if c.ref.Campaign == store.JobCampaign && fault.Is(capErr, fault.CapReached) {
		// Nobody raises the cap of a job that is no run: it goes on without.
		noMoney, capErr = capErr, nil
	}
	if len(r.Questions) == 0 {
		c.skipped = noMoney
		return errors.Join(capErr, c.release(ctx, questions, nil))
	}
	w := &wave{chunk: c, order: c.ref.Run + "/" + r.ID, questions: questions[:len(r.Questions)/store.QuestionSize]}
	askErr := w.ask(ctx)
	if w.lost {
		// An answer was paid for and could not be kept. The reservation stays
		// open, so that the next attempt counts that question as asked.
		return askErr
	}
	cost := w.cost
	for _, q := range w.repeats {
		cost += c.payAhead(&r, q)
	}
	// The money is spent even if the deadline has passed.
	if err := c.Budget.Ledger.Settle(context.WithoutCancel(ctx), c.ref, r, cost); err != nil {
		return errors.Join(askErr, err)
	}
	if err := errors.Join(w.applyAll(ctx), c.release(context.WithoutCancel(ctx), questions, w.answers)); err != nil {
		return errors.Join(askErr, err)
	}
	if askErr = c.giveUp(w, askErr); askErr != nil {
		return askErr
	}
	if c.skipped == nil {
		c.skipped = noMoney
		return capErr // the rest of the chunk waits for money
	}
	return nil
}

// giveUp decides whether a wave's failure is the end of the provider for this
// chunk: what was bought counts, and the rest of the chunk goes on without.
func (c *chunk) giveUp(w *wave, err error) error {
	over := (c.last || c.down) && fault.Is(err, fault.Unavailable, fault.Unclear, fault.BadResponse) || c.down && fault.Is(err, fault.CircuitOpen)
	if err == nil || w.ours || !over {
		return err
	}
	c.skipped = err
	return nil
}

// free reports whether a wave can cost nothing.
func free(questions []question) bool {
	return !slices.ContainsFunc(questions, func(q question) bool { return q.price.Max() > 0 })
}

// askFree is buy for questions that cost nothing: there is nothing to reserve, to
// settle or to lose.
func (c *chunk) askFree(ctx context.Context, made int, questions []question) error {
	w := &wave{chunk: c, order: c.ref.Run + "/" + budget.ID(c.ref, c.name, made), questions: questions}
	err := w.ask(ctx)
	if applied := w.applyAll(ctx); applied != nil {
		return errors.Join(err, applied)
	}
	return c.giveUp(w, err)
}

// reserve sets the highest price of the questions aside. Where the cap does not
// allow all of them, it takes the leading half, and so on: the error is then
// CapReached all the same, and the reservation says which questions it is for.
func (c *chunk) reserve(ctx context.Context, id string, questions []question) (store.Reservation, error) {
	var capErr error
	for n := len(questions); n > 0; n /= 2 {
		r := store.Reservation{ID: id, Provider: c.name, Mail: c.mail.facts}
		for _, q := range questions[:n] {
			if !c.isPrepaid(q) {
				r.Max += q.price.Max()
			}
			r.Questions = append(r.Questions, budget.Short(q.key)...)
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

// suppress takes a row out before anything is paid for it.
func (c *chunk) suppress(i int) error {
	row := &c.rows[i]
	if row.State != domain.InWork {
		return nil
	}
	has, err := c.list.HasAny(row.Prospect)
	if has {
		waterfall.Suppress(row)
		c.recordSuppressed(i)
	}
	return err
}

// life is how long an answer may be kept. Where the terms forbid keeping, it
// is kept for the run only, so that it is not paid for twice. That somebody is
// not known is looked at again earlier, where asking was free.
func (c *chunk) life(a answer) time.Duration {
	life := longestLife
	switch t := c.source.Definition.Terms; {
	case !t.MayStore:
		return runLife
	case t.StoreFor > 0:
		life = min(t.StoreFor, longestLife)
	}
	if !a.Found && !a.Unclear && a.Cost == 0 {
		life = min(life, missLife)
	}
	return life
}
