package enrich

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

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
		before, done := c.queue(i)
		g.Go(func() error {
			defer close(done)
			select {
			case <-before:
			case <-ctx.Done():
			}
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
	case c.pending > 0 && c.skipped == nil:
		return &fault.Error{Kind: fault.RateLimited, Op: "enrich.ask", Message: "the provider is still working on some answers", RetryAfter: c.pending}
	}
	return nil
}

// queue puts a row behind the rows begun before it that start with the same
// question, so that which of them gets the person found does not depend on time.
func (c *chunk) queue(i int) (before <-chan struct{}, done chan struct{}) {
	q, _ := c.next(&c.rows[i])
	last, done := c.line[q.key], make(chan struct{})
	c.line[q.key] = done
	if last == nil {
		last = make(chan struct{})
		close(last)
	}
	return last, done
}

// askRow asks what there is to ask about one row. It returns true if the row
// has to wait for an answer that the provider is working on.
func (c *chunk) askRow(ctx context.Context, i int) (bool, error) {
	row := &c.rows[i]
	for {
		q, more := c.next(row)
		if !more || c.stopped() || outOfTime(ctx) {
			return false, nil
		}
		switch err := c.ask(ctx, row, q); {
		case err == nil:
		case q.op == opVerify && fault.Is(err, fault.Unavailable) && fault.RetryAfter(err) > rowWait:
			// A chunk does not wait for one row's mail server; a later run asks again.
			a := answer{Failed: fault.Unavailable}
			if _, err := c.Store.PutFirstAnswer(ctx, c.ref.Team, q.key, a, unavailableLife); err != nil {
				c.stop()
				return true, err
			}
			q.apply(row, a)
		case fault.Is(err, fault.Unavailable) && fault.RetryAfter(err) > 0 && fault.RetryAfter(err) <= rowWait:
			c.postpone(fault.RetryAfter(err)) // the provider works on it: this row alone waits
			return true, nil
		case outOfTime(ctx) && !c.hasLost():
			return false, nil // the caller says so
		default:
			c.stop()
			return false, err
		}
	}
}

func outOfTime(ctx context.Context) bool { return ctx.Err() != nil }

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
	a.shareOrigin()
	if c.isPrepaid(q.key) {
		a.Cost = 0
	}
	// Kept before it is used, and even if the deadline has passed: it is paid for.
	keep, cancel := budget.Keeping(ctx)
	defer cancel()
	a, err = c.keep(keep, q, a)
	c.mu.Lock()
	c.lost = c.lost || err != nil
	c.cost += a.Cost
	c.answers[q.key] = a
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.apply(ctx, row, q, a)
}

// keep writes an answer to the cache. If another chunk asked the same at the
// same time and was first, its answer counts: a provider whose repeats are free
// charged only one of the two, and of the others the cache keeps both charges.
func (c *chunk) keep(ctx context.Context, q question, a answer) (answer, error) {
	raw, err := c.Store.PutFirstAnswer(ctx, c.ref.Team, q.key, a, c.answerLife())
	if err != nil || raw == nil {
		return a, err
	}
	var first answer
	if err := json.Unmarshal(raw, &first); err != nil {
		return a, fault.Wrap(fault.Internal, "enrich.keep", err)
	}
	if c.source.Definition.RepeatFree && first.Cost > 0 && first.Order != a.Order {
		a.Cost = 0
	}
	switch better := a.Found && !first.Found; {
	case first.Order == a.Order:
		return a, nil // our own write, whose confirmation was lost
	case a.Cost == 0 && !better:
		first.Order, first.Cost, first.Also, first.Cached = a.Order, 0, nil, true
		return first, nil
	}
	both := a
	if first.Found && !a.Found {
		both = first
		both.Order, both.Cost = a.Order, a.Cost
	}
	both.Also = maps.Clone(first.Also)
	if both.Also == nil {
		both.Also = map[string]money.Micro{}
	}
	both.Also[first.Order] += first.Cost
	return both, c.Store.PutAnswer(ctx, c.ref.Team, q.key, both, c.answerLife())
}

func (c *chunk) isPrepaid(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.prepaid[key]
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
			c.fail()
			return err
		}
	}
	q.apply(row, a)
	if q.op == opPeople && a.Found {
		if err := c.claimPerson(ctx, row); err != nil {
			c.fail()
			return err
		}
	}
	return nil
}

// fail notes that a failure is our own and not the provider's.
func (c *chunk) fail() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = true
}

// claimPerson makes the person who was found for a company ours, so that the
// same person discovered elsewhere, or found for another branch of the company,
// is neither paid for nor pushed twice.
func (c *chunk) claimPerson(ctx context.Context, row *domain.Row) error {
	name := c.source.Definition.Name
	person := domain.ProspectID(c.ref.Team, name, row.Prospect.Refs[name])
	claim, err := c.Store.ClaimProspect(ctx, c.ref, person)
	if err != nil {
		return err
	}
	if claim.Run != c.ref.Run || claim.Chunk != c.ref.Chunk || !c.holds(row, person) {
		row.State, row.Reason = domain.Duplicate, "the person found at this company is already a prospect"
	}
	return nil
}

// holds reports whether the row is the chunk's only one for the person.
func (c *chunk) holds(row *domain.Row, person string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	holder, taken := c.held[person]
	if !taken {
		c.held[person] = row.Prospect.ID
		return true
	}
	return holder == row.Prospect.ID
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
