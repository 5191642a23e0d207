package enrich

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// leaseWait is after how long a chunk looks again for an answer that another
// one is buying.
const leaseWait = 5 * time.Second

// claim holds the questions against other workers, so that the same is never
// bought twice at once: whoever comes second waits for the answer. Questions
// that nobody else can be asking, that are free, or that the provider does not
// charge twice need no lease. It returns those that are to be asked; for the
// others there is an answer by now, or they wait.
func (c *chunk) claim(ctx context.Context, questions []question) ([]question, error) {
	me := c.ref.Run + "/" + c.ref.Chunk
	var mine []question
	for _, q := range questions {
		if c.source.Definition.RepeatFree || q.price.Max() == 0 || c.exclusive(q.op, q.about) {
			mine = append(mine, q)
			continue
		}
		raw, err := c.Store.PutFirstAnswer(ctx, c.ref.Team, q.key, answer{Asking: me}, leaseLife)
		if err != nil {
			return nil, err
		}
		q.leased = true
		if raw == nil {
			mine = append(mine, q)
			continue
		}
		var there answer
		if err := json.Unmarshal(raw, &there); err != nil {
			return nil, fault.Wrap(fault.Internal, "enrich.claim", err)
		}
		switch there.Asking {
		case me: // an earlier attempt's, whose reservation is settled
			mine = append(mine, q)
		case "":
			c.known[q.key] = raw
		default:
			c.waiting[q.key] = true
			c.pending = max(c.pending, leaseWait)
		}
	}
	return mine, nil
}

// release lets others ask what was claimed and is not answered, unless the
// provider is working on it.
func (c *chunk) release(ctx context.Context, questions []question, answered map[int]answer) error {
	for i, q := range questions {
		if _, ok := answered[i]; ok || !q.leased || c.waiting[q.key] {
			continue
		}
		if err := c.Store.DropAnswer(ctx, c.ref.Team, q.key); err != nil {
			return err
		}
	}
	return nil
}

// keepAll writes answers to the cache, before they are used and even if the
// deadline has passed: they are paid for.
func (w *wave) keepAll(ctx context.Context, r *result) {
	ctx, cancel := budget.Keeping(ctx)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(questionsOut)
	var mu sync.Mutex
	for i, a := range maps.Clone(r.answers) { // those at work change it
		g.Go(func() error {
			kept, err := w.keep(ctx, w.questions[i], a)
			mu.Lock()
			defer mu.Unlock()
			r.cost += kept.Cost
			r.answers[i] = kept
			if err != nil {
				r.lost = true
				delete(r.answers, i)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		r.err = errors.Join(r.err, err)
	}
}

// keep writes one answer. If another chunk asked the same at the same time and
// was first, its answer counts: a provider whose repeats are free charged only
// one of the two, and of the others the cache keeps both charges.
func (c *chunk) keep(ctx context.Context, q question, a answer) (answer, error) {
	life := c.life(a)
	if a.Failed == fault.Unavailable {
		life = unavailableLife
	}
	if q.leased {
		return a, c.Store.PutAnswer(ctx, c.ref.Team, q.key, a, life)
	}
	raw, err := c.Store.PutFirstAnswer(ctx, c.ref.Team, q.key, a, life)
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
	case first.Order == a.Order && first.Asking == "":
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
	if first.Order != "" {
		both.Also[first.Order] += first.Cost
	}
	return both, c.Store.PutAnswer(ctx, c.ref.Team, q.key, both, life)
}

// replay applies every answer that the cache has, until each row is at a
// question that was never answered.
func (c *chunk) replay(ctx context.Context) error {
	for {
		var names []string
		waiting := c.waitingRows()
		for _, key := range waiting.order {
			if _, known := c.known[key]; !known {
				names = append(names, key)
			}
		}
		found, err := c.Store.Answers(ctx, c.ref.Team, names, c.begun)
		if err != nil {
			return err
		}
		maps.Copy(found, c.known)
		clear(c.known)
		progress := false
		for _, key := range waiting.order {
			raw, ok := found[key]
			if !ok {
				continue
			}
			var a answer
			if err := json.Unmarshal(raw, &a); err != nil {
				return fault.Wrap(fault.Internal, "enrich.replay", err)
			}
			if a.Asking != "" {
				continue
			}
			progress = true
			c.bought[a.Order] += a.Cost
			for order, cost := range a.Also {
				c.bought[order] += cost
			}
			a.Cost, a.Cached, a.TookMS = 0, true, 0
			for _, i := range waiting.rows[key] {
				if err := c.apply(ctx, &c.rows[i], a); err != nil {
					return err
				}
			}
		}
		if !progress {
			return nil
		}
	}
}

// agenda is the questions that rows wait for, in the order of the rows.
type agenda struct {
	order []string         // keys
	rows  map[string][]int // by key
	ops   map[string]string
}

// waitingRows are the rows whose next question goes to this provider, without
// those whose answer is being worked on.
func (c *chunk) waitingRows() agenda {
	out := agenda{rows: map[string][]int{}, ops: map[string]string{}}
	for i := range c.rows {
		step, more := c.plan.Next(&c.rows[i])
		if !more || step.Provider != c.name {
			continue
		}
		key := c.key(step.Op, c.rows[i].Prospect)
		if c.waiting[key] {
			continue
		}
		if len(out.rows[key]) == 0 {
			out.order, out.ops[key] = append(out.order, key), step.Op
		}
		out.rows[key] = append(out.rows[key], i)
	}
	return out
}

// wave returns the questions to ask now: all of one kind, each once.
func (c *chunk) wave() []question {
	waiting := c.waitingRows()
	for _, op := range kinds() {
		var questions []question
		for _, key := range waiting.order {
			if waiting.ops[key] == op {
				about := c.rows[waiting.rows[key][0]].Prospect
				questions = append(questions, question{op: op, key: key, price: c.source.Definition.Prices.Operations[op], about: about})
			}
		}
		if len(questions) > 0 {
			return questions
		}
	}
	return nil
}

// settleLost closes what a killed worker left open. It asked the questions of
// its reservation in order, with at most [chunk.room] out: so of those without
// an answer only that many, the first, can have been asked.
func (c *chunk) settleLost(ctx context.Context, left store.Reservation) error {
	open := map[string]question{} // by short name
	for _, q := range c.unanswered() {
		open[string(budget.Short(q.key))] = q
	}
	order := c.ref.Run + "/" + left.ID
	spent := c.bought[order]
	var lost []question
	for name := range slices.Chunk(left.Questions, store.QuestionSize) {
		q, waits := open[string(name)]
		if !waits {
			continue
		}
		if len(lost) == c.room(q.op) {
			break
		}
		lost = append(lost, q)
	}
	for _, q := range lost {
		cost := q.price.Max()
		if cost == 0 || c.prepaid[q.key] {
			continue
		}
		spent += cost
		if c.source.Definition.RepeatFree {
			c.prepaid[q.key] = true // asked again, at no further cost
			continue
		}
		q.leased = !c.exclusive(q.op, q.about)
		if _, err := c.keep(ctx, q, answer{Unclear: true, Cost: cost, Order: order}); err != nil {
			return err
		}
	}
	if err := c.Budget.Ledger.Settle(ctx, c.ref, left, min(spent, left.Max)); err != nil {
		return err
	}
	return c.replay(ctx) // gives every row that waits for a lost answer its end
}

// unanswered are the questions of all kinds that rows wait for.
func (c *chunk) unanswered() []question {
	waiting := c.waitingRows()
	var out []question
	for _, key := range waiting.order {
		op := waiting.ops[key]
		out = append(out, question{op: op, key: key, price: c.source.Definition.Prices.Operations[op], about: c.rows[waiting.rows[key][0]].Prospect})
	}
	return out
}
