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
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
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
			if !w.soldNow(ctx, w.questions[i], a) {
				a.Cost -= min(a.Cost, w.questions[i].price.Max()) // the rest is of records that nobody asked for
			}
			kept, err := w.keep(ctx, w.questions[i], a)
			mu.Lock()
			defer mu.Unlock()
			r.cost += kept.Cost
			r.answers[i] = kept
			if r.lost = r.lost || err != nil; err != nil || kept.Queued {
				delete(r.answers, i)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		r.err = errors.Join(r.err, err)
	}
}

// soldNow reports whether an answer was charged, as far as can be known: not if
// this team was sold its record before, in answer to another question. Of two that
// are asked at once the provider charges one and does not say which: whoever notes
// the record first books it, so that the sum is right. A note that cannot be made
// leaves the answer at its price.
func (c *chunk) soldNow(ctx context.Context, q question, a answer) bool {
	if a.sale.Record == "" || a.Cost == 0 {
		return true
	}
	note := answer{Order: a.Order + "/" + q.key, subjects: waterfall.Subjects(c.name, q.about, a.Answer)}
	raw, err := c.Store.PutFirstAnswer(ctx, c.ref.Team, budget.Question(c.name, "sale", q.op, a.sale.Record), note, a.sale.Free)
	if err != nil || raw == nil {
		return true
	}
	var first answer
	// The same order: our own note, whose confirmation was lost.
	return json.Unmarshal(raw, &first) != nil || first.Order == note.Order
}

// keep writes one answer. If another chunk asked the same at the same time and
// was first, its answer counts: a provider whose repeats are free charged only
// one of the two, and of the others the cache keeps both charges.
func (c *chunk) keep(ctx context.Context, q question, a answer) (answer, error) {
	life := c.life(a)
	switch {
	case a.Queued:
		life = queuedLife
	case a.Failed == fault.Unavailable:
		life = unavailableLife
	}
	a.subjects = waterfall.Subjects(c.name, q.about, a.Answer)
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
	if c.source.Definition.RepeatFree && first.worth() > 0 && first.Order != a.Order {
		a.Cost = 0
	}
	switch better := a.Found && !first.Found || first.Queued && !a.Queued; {
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
	both.subjects = waterfall.Subjects(c.name, q.about, both.Answer)
	return both, c.Store.PutAnswer(ctx, c.ref.Team, q.key, both, life)
}

// replay applies every answer that the cache has, until each row is at a
// question that was never answered.
func (c *chunk) replay(ctx context.Context) error {
	for {
		waiting := c.waitingRows()
		found, err := c.lookUp(ctx, waiting)
		if err != nil {
			return err
		}
		progress := false
		for _, key := range waiting.Keys {
			a, ok := found[key]
			if !ok {
				continue
			}
			progress = true
			c.bought[a.Order] += a.Cost
			for order, cost := range a.Also {
				c.bought[order] += cost
			}
			if err := c.give(ctx, c.question(waiting, key), waiting.Rows[key], a, a.Again()); err != nil {
				return err
			}
		}
		if !progress {
			return nil
		}
	}
}

// lookUp returns the answers that are there, in this process or in the cache.
// The cache is asked once for each question: what others answer in the meantime
// is met when the question is claimed or its answer is kept. Questions that are paid
// for and not claimed are worth the dearer read that misses nothing; and so are
// companies' people when an attempt a moment ago may have claimed whom it found.
func (c *chunk) lookUp(ctx context.Context, waiting waterfall.Agenda) (map[string]answer, error) {
	found := map[string]answer{}
	raws := map[string]json.RawMessage{}
	var names []string
	for _, key := range waiting.Keys {
		if raw, known := c.known[key]; known {
			raws[key] = raw
		} else if a, kept := c.kept[key]; kept {
			found[key] = a
		} else if a, known := c.remembered(key, waiting.Ops[key]); known {
			found[key] = a
		} else if !c.absent[key] {
			names = append(names, key)
		}
	}
	clear(c.known)
	latest := c.begun || slices.ContainsFunc(names, func(key string) bool {
		q := c.question(waiting, key)
		return c.sent && q.op == provider.OpFindPeople || !c.source.Definition.RepeatFree && q.price.Max() > 0 && c.exclusive(q.op, q.about)
	})
	cached, err := c.Store.Answers(ctx, c.ref.Team, names, latest)
	if err != nil {
		return nil, err
	}
	for _, key := range names {
		c.absent[key] = cached[key] == nil
	}
	maps.Copy(raws, cached)
	for key, raw := range raws {
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, fault.Wrap(fault.Internal, "enrich.look_up", err)
		}
		switch {
		case a.Asking != "":
			if q := c.question(waiting, key); c.exclusive(q.op, q.about) && !c.source.Definition.RepeatFree && a.Asking != c.ref.Run+"/"+c.ref.Chunk {
				// Not claimed, as nobody else should ask; a job does, about a run's prospect.
				c.waiting[key] = true
				c.pending = max(c.pending, leaseWait)
			}
			continue
		case a.Queued:
			c.absent[key] = true // and paid for
			c.prepaid[string(budget.Short(key))] = true
			c.bought[a.Order] += a.Cost
			continue
		}
		found[key] = a
		c.remember(key, waiting.Ops[key], a)
	}
	return found, nil
}

// waitingRows are the rows whose next question goes to this provider, without
// those whose answer is being worked on.
func (c *chunk) waitingRows() waterfall.Agenda {
	return c.plan.Waiting(c.rows, c.name, func(op string, p domain.Prospect) string {
		if key := c.key(op, p); !c.waiting[key] {
			return key
		}
		return ""
	})
}

// question is the one of this name that rows wait for.
func (c *chunk) question(waiting waterfall.Agenda, key string) question {
	op := waiting.Ops[key]
	return question{op: op, key: key, price: c.source.Definition.Prices.Operations[op], about: waiting.About[key]}
}

// wave returns the questions to ask now: all of one kind, each once.
func (c *chunk) wave() []question {
	waiting := c.waitingRows()
	for _, op := range kinds() {
		var questions []question
		for _, key := range waiting.Keys {
			if waiting.Ops[key] == op {
				questions = append(questions, c.question(waiting, key))
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
		if !waits || c.isPrepaid(q) {
			continue
		}
		if len(lost) == c.room(q.op) {
			break
		}
		lost = append(lost, q)
	}
	for _, q := range lost {
		if c.source.Definition.RepeatFree {
			spent += c.payAhead(&left, q)
			continue
		}
		cost := q.price.Max()
		if cost == 0 {
			continue
		}
		spent += cost
		q.leased = !c.exclusive(q.op, q.about)
		lostAnswer := unclear(cost)
		lostAnswer.Order, lostAnswer.At = order, c.Now().Unix()
		kept, err := c.keep(ctx, q, lostAnswer)
		if err != nil {
			return err
		}
		c.kept[q.key] = kept
	}
	if left.Presumed { // by now the cache may have forgotten some of its answers
		spent = left.Max
	}
	if err := c.Budget.Ledger.Settle(ctx, c.ref, left, min(spent, left.Max)); err != nil {
		return err
	}
	return c.replay(ctx) // gives every row that waits for a lost answer its end
}

// payAhead books a question whose answer was lost at its highest price, under
// the reservation that is about to be settled, and lets it be asked again at no
// further cost: its provider does not charge for repeats. Nobody knows whether it
// was charged, and the cap must hold until it is answered. It returns what that
// adds, which is nothing the second time.
func (c *chunk) payAhead(r *store.Reservation, q question) money.Micro {
	if q.price.Max() == 0 || c.isPrepaid(q) {
		return 0
	}
	short := budget.Short(q.key)
	c.prepaid[string(short)] = true
	r.Prepaid = append(r.Prepaid, short...)
	return q.price.Max()
}

// isPrepaid reports whether the question was paid for and its answer lost or in
// the provider's queue.
func (c *chunk) isPrepaid(q question) bool { return c.prepaid[string(budget.Short(q.key))] }

// unanswered are the questions of all kinds that rows wait for.
func (c *chunk) unanswered() []question {
	waiting := c.waitingRows()
	var out []question
	for _, key := range waiting.Keys {
		out = append(out, c.question(waiting, key))
	}
	return out
}
