package enrich

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/waterfall"
)

// kinds of questions in the order in which a provider's waves ask them.
func kinds() []string {
	return []string{
		provider.OpFindPeople, provider.OpEnrichPerson, provider.OpFindEmail, provider.OpVerifyEmail,
		provider.OpEnrichCompany, provider.OpFindPhone, provider.OpFindTechnologies, provider.OpFindIntent,
	}
}

// wave is questions of one kind that are asked under one reservation.
type wave struct {
	*chunk
	order     string // name of the reservation
	questions []question

	answers map[int]answer // by question; none: it was not answered for good
	repeats []question     // that may have been charged, and whose repetition is free
	cost    money.Micro
	lost    bool // an answer could not be kept
	ours    bool // the failure is not the provider's
}

// result is what came of one call about the questions from..to.
type result struct {
	answers map[int]answer
	repeats []question
	waiting []string      // keys of questions whose answers the provider is working on
	wait    time.Duration // for the longest of them
	skipped error         // the provider is of no use any more
	err     error
	lost    bool
	cost    money.Micro
}

// ask puts the questions, a few at once, in order. After the first failure that
// concerns the provider and not a question, no further one is asked; those that
// are out are awaited, since they may be charged.
//
// At every moment at most [chunk.room] questions are asked and not answered for
// good: settleLost counts on it. So one that the provider is still working on
// keeps its place, unless the provider does not charge for repeats.
func (w *wave) ask(ctx context.Context) error {
	w.answers = map[int]answer{}
	batch := w.source.Definition.BatchOf(w.questions[0].op)
	free, out := w.room(w.questions[0].op), 0
	results := make(chan result)
	var errs []error
	for at := 0; ; {
		n := min(batch, len(w.questions)-at)
		if n > 0 && n <= free && len(errs) == 0 && w.skipped == nil && ctx.Err() == nil {
			from := at
			at += n
			free -= n
			out++
			go func() { results <- w.call(ctx, from, from+n) }()
			continue
		}
		if out == 0 {
			break
		}
		r := <-results
		out--
		free += len(r.answers)
		if w.source.Definition.RepeatFree || r.err != nil || r.skipped != nil {
			free += len(r.waiting)
		}
		w.collect(r, &errs)
	}
	switch {
	case len(errs) > 0:
		return errors.Join(errs...)
	case ctx.Err() != nil && w.skipped == nil:
		// Out of time, not out of luck: what was answered is in the cache.
		return &fault.Error{Kind: fault.RateLimited, Op: "enrich.ask", Message: "the worker's time is over; the next one continues", RetryAfter: time.Second}
	}
	return nil
}

// room is how many questions may be out at once.
func (c *chunk) room(op string) int { return max(questionsOut, c.source.Definition.BatchOf(op)) }

func (w *wave) collect(r result, errs *[]error) {
	for i, a := range r.answers {
		w.answers[i] = a
	}
	w.cost += r.cost
	w.repeats = append(w.repeats, r.repeats...)
	w.lost = w.lost || r.lost
	w.pending = max(w.pending, r.wait)
	for _, key := range r.waiting {
		w.waiting[key] = true
	}
	if r.skipped != nil {
		w.skipped = r.skipped
	}
	if r.err != nil {
		*errs = append(*errs, r.err)
	}
	w.ours = w.ours || r.lost
}

// call asks the questions from..to in one call and keeps what was answered.
func (w *wave) call(ctx context.Context, from, to int) result {
	questions := w.questions[from:to]
	began := w.Now()
	answers, faults, err := w.askProvider(ctx, questions[0].op, questions)
	took := w.Now().Sub(began).Milliseconds()
	if to-from > 1 && fault.Is(err, fault.InvalidInput, fault.Blocked, fault.NotFound) {
		// One of them spoils the call for all: nothing was charged, so find it.
		middle := (from + to) / 2
		return w.call(ctx, from, middle).plus(w.call(ctx, middle, to))
	}
	if err != nil {
		answers, faults = make([]answer, to-from), slices.Repeat([]error{err}, to-from)
	}
	r := result{answers: map[int]answer{}}
	for i := range questions {
		a, ok := w.judge(&r, questions[i], answers[i], faults[i])
		if lost := w.source.Definition.RepeatFree && fault.MayHaveActed(faults[i]); lost && !ok {
			r.repeats = append(r.repeats, questions[i])
		} else if lost { // nobody will ask again
			a.Cost = questions[i].price.Max()
		}
		if !ok && (!a.Queued || w.isPrepaid(questions[i])) {
			continue
		}
		a.TookMS, a.Order, a.At = took, w.order, w.Now().Unix()
		a.ShareOrigin()
		if w.isPrepaid(questions[i]) {
			a.Cost = 0
		}
		r.answers[from+i] = a
	}
	w.keepAll(ctx, &r)
	return r
}

func (r result) plus(o result) result {
	for i, a := range o.answers {
		r.answers[i] = a
	}
	r.waiting, r.wait, r.cost, r.lost = append(r.waiting, o.waiting...), max(r.wait, o.wait), r.cost+o.cost, r.lost || o.lost
	r.repeats = append(r.repeats, o.repeats...)
	r.err = errors.Join(r.err, o.err)
	if r.skipped == nil {
		r.skipped = o.skipped
	}
	return r
}

// judge decides what a fault of one question means. It returns false if there
// is no answer to give; what is kept then is at most that it is queued.
func (w *wave) judge(r *result, q question, a answer, err error) (answer, bool) {
	kind, wait := fault.KindOf(err), fault.RetryAfter(err)
	switch kind {
	case "":
		return a, true
	case fault.Unclear, fault.BadResponse:
		// An answer that cannot be read may have been charged like any other.
		return unclear(q.price.Max()), true
	case fault.NotFound, fault.InvalidInput:
		return failed(kind, a.Cost), true
	case fault.Blocked:
		return answer{Answer: waterfall.Answer{Blocked: true, Cost: a.Cost}}, true
	case fault.QuotaExhausted, fault.Unauthenticated, fault.Forbidden:
		r.skipped = err
		return answer{}, false
	case fault.Unavailable:
		switch {
		case wait <= 0:
			r.err = err
		case q.op == provider.OpVerifyEmail && wait > rowWait, !w.patient:
			// A chunk does not wait for one row's mail server; a later run asks again.
			return failed(kind, a.Cost), true
		default:
			r.waiting = append(r.waiting, q.key)
			r.wait = max(r.wait, wait)
			if w.source.Definition.RepeatFree && a.Cost > 0 {
				return answer{Queued: true, Answer: waterfall.Answer{Cost: a.Cost}}, false
			}
			return answer{}, false
		}
	default:
		r.err = err
	}
	return answer{}, false
}
