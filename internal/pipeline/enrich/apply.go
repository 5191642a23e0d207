package enrich

import (
	"context"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/waterfall"
)

// applyAll gives the wave's answers to the rows, in the rows' order, so that
// which of them gets a person found does not depend on who answered first.
func (w *wave) applyAll(ctx context.Context) error {
	waiting := w.waitingRows()
	for i, q := range w.questions {
		if a, ok := w.answers[i]; ok {
			w.kept[q.key] = a
			if err := w.give(ctx, q, waiting.Rows[q.key], a, a.Answer); err != nil {
				return err
			}
		}
	}
	return nil
}

// give gives an answer to the rows that wait for it, and records it. It was
// bought once, for the first of them.
func (c *chunk) give(ctx context.Context, q question, rows []int, a answer, given waterfall.Answer) error {
	given.Now = c.record(q, rows, a, given)
	for n, row := range rows {
		if n > 0 {
			given = given.Again()
		}
		if err := c.apply(ctx, row, given); err != nil {
			return err
		}
	}
	return nil
}

// apply gives an answer to a row that waits for it.
func (c *chunk) apply(ctx context.Context, i int, a waterfall.Answer) error {
	row := &c.rows[i]
	step, more := c.plan.Next(row)
	if !more {
		return nil
	}
	if a.Blocked {
		if err := c.block(ctx, waterfall.About(row, step)); err != nil {
			return err
		}
	}
	c.plan.Apply(row, step, a)
	if a.Found && step.Op == provider.OpFindPeople {
		return c.claimPerson(ctx, row)
	}
	return nil
}

// claimPerson makes the person who was found for a company ours, so that the
// same person discovered elsewhere, or found for another branch of the company,
// is neither paid for nor pushed twice.
func (c *chunk) claimPerson(ctx context.Context, row *domain.Row) error {
	person := domain.ProspectID(c.ref.Team, c.name, row.Prospect.Refs[c.name])
	claim, err := c.Store.ClaimProspect(ctx, c.ref, person)
	if err != nil {
		return err
	}
	switch {
	case claim.Run != c.ref.Run || claim.Chunk != c.ref.Chunk:
		c.used.Taken = append(c.used.Taken, person)
	case c.holders.Hold(person, row.Prospect.ID):
		return nil
	}
	waterfall.Taken(row)
	return nil
}

// block keeps somebody who asked a provider to forget them from being
// contacted by anybody.
func (c *chunk) block(ctx context.Context, p domain.Prospect) error {
	for _, value := range []string{p.Contact.Email, p.Person.ProfileURL} {
		if value == "" {
			continue
		}
		if err := c.Store.Suppress(ctx, c.ref.Team, value); err != nil {
			return err
		}
	}
	return nil
}
