package replay

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
	"github.com/messageai/sluice/internal/waterfall"
)

// neverAsked is the outcome of a question to which nobody has the answer: the
// run never put it, or the answer may not be used any more.
const neverAsked fault.Kind = "unknown"

// mostTurns is where the state machine ends a chunk's waterfall.
const mostTurns = 40

// chunk is one chunk on its way through the waterfall.
type chunk struct {
	*play
	ref    domain.Ref
	rows   []domain.Row
	base   []domain.Row
	report *Report

	plan    *waterfall.Waterfall
	holders waterfall.Holders
	known   map[string]waterfall.Recorded // answers by question
	taken   []string                      // people whom others hold
	billed  map[string]bool               // questions
	mail    map[string]email.Mail         // what the DNS said, by domain
}

// turn is one of the run, with what it used.
type turn struct {
	store.Turn
	record waterfall.Record
	gone   bool // it used answers, of which the record was deleted
}

// enrich plays the waterfall, and returns the providers that were given up.
func (x *chunk) enrich(ctx context.Context, c store.Chunk) ([]task.Skip, error) {
	turns, err := x.turns(ctx, c)
	if err != nil {
		return nil, err
	}
	x.plan = waterfall.New(x.profile.Enrich, x.Providers, map[string]string{})
	x.plan.Explore = waterfall.Explores(x.rows)
	if x.changed {
		return x.again(turns), nil
	}
	x.plan.Turn(x.rows)
	for _, t := range turns {
		x.asItWas(t)
	}
	return x.givenUp(turns), nil
}

// turns reads what the chunk's turns used.
func (x *chunk) turns(ctx context.Context, c store.Chunk) ([]turn, error) {
	var turns []turn
	now := x.Now()
	counted := map[string]bool{}
	for _, t := range c.Turns {
		next := turn{Turn: t}
		found, err := x.Store.Record(ctx, x.ref, t.Step, &next.record)
		if err != nil {
			return nil, err
		}
		if next.gone = !found && t.Cache.Questions > 0; next.gone {
			x.report.expired(t.Cache.Questions)
		}
		for _, rec := range next.record.Answers {
			if !counted[rec.Key] { // a later turn may have used it again
				counted[rec.Key] = true
				x.report.paid(t.Provider, rec)
			}
			if !rec.Usable(now) {
				x.report.expired(1)
				continue
			}
			if _, known := x.known[rec.Key]; !known {
				x.known[rec.Key] = rec
			}
		}
		x.taken = append(x.taken, next.record.Taken...)
		turns = append(turns, next)
	}
	return turns, nil
}

// asItWas gives the rows what they got in one turn of the run, in the same
// order, as long as the waterfall asks the same.
func (x *chunk) asItWas(t turn) {
	x.holders = waterfall.Holders{}
	skipped := skippedOf(t.Skipped)
	kind, gaveUp := skipped[t.Provider]
	delete(skipped, t.Provider)
	x.plan.Out = skipped
	if t.gone {
		x.answer(t.Provider, gaveUp)
	}
	checks := t.record.Checks
	for answers, rec := range t.record.Answers {
		for ; len(checks) > 0 && checks[0].After <= answers; checks = checks[1:] {
			checks[0].Again(x.plan, x.rows)
		}
		given := rec.Given()
		usable := rec.Usable(x.Now())
		for n, i := range rec.Rows {
			step, more := x.plan.Next(&x.rows[i])
			if !more || step.Provider != t.Provider || x.key(step.Provider, step.Op, waterfall.About(&x.rows[i], step)) != rec.Key {
				continue // the rules have changed since; the hash shows it
			}
			if n > 0 {
				given = given.Again()
			}
			if !usable {
				x.unknown(rec.Key, i, step)
				continue
			}
			x.bill(t.Provider, rec)
			x.give(i, step, given)
		}
	}
	for _, check := range checks {
		check.Again(x.plan, x.rows)
	}
	for i := range t.record.Suppressed {
		x.suppress(i)
	}
	if gaveUp {
		x.plan.GiveUp(x.rows, t.Provider, kind)
	}
	x.plan.Turn(x.rows)
}

// again plays the waterfall as it would have gone: what the run never asked is
// taken to bring nothing.
func (x *chunk) again(turns []turn) []task.Skip {
	failed := map[string]string{}
	for _, t := range turns {
		for _, s := range t.Skipped {
			failed[s.Provider] = s.Error
		}
		for i := range t.record.Suppressed {
			x.suppress(i)
		}
		for _, check := range t.record.Checks {
			maps.Copy(x.mail, check.Mail)
		}
	}
	var skips []task.Skip
	for n := 0; n < mostTurns; n++ {
		name := x.plan.Turn(x.rows)
		if name == "" {
			break
		}
		x.holders = waterfall.Holders{}
		kind, gaveUp := failed[name]
		x.answer(name, gaveUp)
		if gaveUp {
			x.plan.GiveUp(x.rows, name, kind)
			skips = append(skips, task.Skip{Provider: name, Error: kind})
		}
	}
	return skips
}

// answer gives the rows every answer of a provider that is known. To what is
// not, the answer is unknown, unless the provider was given up in the run.
func (x *chunk) answer(name string, gaveUp bool) {
	for {
		x.check()
		waiting := x.plan.Waiting(x.rows, name, func(op string, p domain.Prospect) string { return x.key(name, op, p) })
		progress := false
		for _, key := range waiting.Keys {
			rec, known := x.known[key]
			if !known && gaveUp {
				continue
			}
			progress = true
			given := rec.Given()
			for n, i := range waiting.Rows[key] {
				step, more := x.plan.Next(&x.rows[i])
				if !more {
					continue
				}
				if n > 0 {
					given = given.Again()
				}
				if !known {
					x.unknown(key, i, step)
					continue
				}
				x.bill(name, rec)
				x.give(i, step, given)
			}
		}
		if !progress {
			return
		}
	}
}

// check gives the rows what the DNS told the run about their addresses.
func (x *chunk) check() {
	for i := range x.rows {
		if host, ok := x.plan.Doubt(&x.rows[i]); ok {
			x.plan.Check(&x.rows[i], host, x.mail[host], time.Time{})
		}
	}
}

func (x *chunk) key(name, op string, p domain.Prospect) string {
	d := x.Providers[name]
	return budget.Question(name, op, waterfall.Identity(d, op, p, x.profile.Query.Titles)...)
}

// give is what the stage does with an answer, without the claim of a person: who
// was somebody else's then is that now.
func (x *chunk) give(i int, step waterfall.Step, a waterfall.Answer) {
	row := &x.rows[i]
	x.plan.Apply(row, step, a)
	if !a.Found || step.Op != provider.OpFindPeople {
		return
	}
	person := domain.ProspectID(x.ref.Team, step.Provider, row.Prospect.Refs[step.Provider])
	if slices.Contains(x.taken, person) || !x.holders.Hold(person, row.Prospect.ID) {
		waterfall.Taken(row)
	}
}

// unknown gives a row the answer that nobody knows.
func (x *chunk) unknown(key string, i int, step waterfall.Step) {
	row := &x.rows[i]
	if !x.billed[key] {
		x.billed[key] = true
		first := !slices.ContainsFunc(row.Calls, func(c domain.Call) bool { return c.Field == step.Field && c.Asked() })
		x.report.unknown(step, x.Providers[step.Provider].Prices.Operations[step.Op].Max(),
			x.stats.Price(step.Provider, step.Field, waterfall.SegmentOf(row.Prospect), first))
	}
	x.plan.Apply(row, step, waterfall.Answer{Failed: neverAsked})
}

// bill counts what an answer cost the run, once.
func (x *chunk) bill(name string, rec waterfall.Recorded) {
	if !x.billed[rec.Key] {
		x.billed[rec.Key] = true
		x.report.bill(name, rec)
	}
}

func (x *chunk) suppress(i int) {
	if row := &x.rows[i]; row.State == domain.InWork {
		waterfall.Suppress(row)
	}
}

// givenUp are the providers of which the score stage was told that they were
// given up. One that the state machine gave up after the last turn is known by
// the rows that name it alone.
func (x *chunk) givenUp(turns []turn) []task.Skip {
	var skips []task.Skip
	if len(turns) > 0 {
		for _, s := range turns[len(turns)-1].Skipped {
			skips = append(skips, task.Skip{Provider: s.Provider, Error: s.Error})
		}
	}
	for _, name := range x.profile.Enrich.Providers {
		if slices.ContainsFunc(skips, func(s task.Skip) bool { return s.Provider == name }) {
			continue
		}
		for i := range x.rows {
			row := &x.rows[i]
			if row.State != domain.InWork || row.Missing["email"] != "" || row.Prospect.Contact.Email != "" {
				continue
			}
			if kind, ok := strings.CutPrefix(x.base[i].Missing["email"], name+": "); ok {
				skips = append(skips, task.Skip{Provider: name, Error: kind})
				break
			}
		}
	}
	return skips
}
