package enrich

import (
	"context"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
)

// applyAll gives the wave's answers to the rows, in the rows' order, so that
// which of them gets a person found does not depend on who answered first.
func (w *wave) applyAll(ctx context.Context) error {
	waiting := w.waitingRows()
	for i, q := range w.questions {
		a, ok := w.answers[i]
		if !ok {
			continue
		}
		for n, row := range waiting.rows[q.key] {
			if n > 0 { // bought once
				a.Cost, a.Cached, a.TookMS = 0, true, 0
			}
			if err := w.apply(ctx, &w.rows[row], a); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply gives an answer to a row that waits for it.
func (c *chunk) apply(ctx context.Context, row *domain.Row, a answer) error {
	step, more := c.plan.Next(row)
	if !more {
		return nil
	}
	if a.Blocked {
		if err := c.block(ctx, row); err != nil {
			return err
		}
	}
	call := domain.Call{Provider: c.name, Op: step.Op, Field: step.Field, Outcome: domain.CallNone, Cost: a.Cost, TookMS: a.TookMS, Cached: a.Cached}
	delete(row.Missing, string(step.Field))
	switch {
	case a.Found:
		call.Outcome = domain.CallFound
	case a.Unclear:
		call.Outcome = domain.CallUnclear
		miss(row, step.Field, c.name+": the answer was lost after it may have been charged; not asked again")
	case a.Blocked:
		call.Outcome = string(fault.Blocked)
		row.State, row.Reason = domain.Suppressed, "the person asked "+c.name+" not to be processed"
	case a.Failed != "":
		call.Outcome = string(a.Failed)
		miss(row, step.Field, c.name+": "+string(a.Failed))
	default:
		miss(row, step.Field, c.name+": no match")
	}
	row.Calls = append(row.Calls, call)
	if !a.Found {
		return nil
	}
	if step.Op == provider.OpVerifyEmail {
		verdict(row, c.name, a.Status)
		return nil
	}
	c.origin(&a)
	if row.Prospect.HasPerson() && !aboutPeople(step.Op) {
		p := *a.Prospect // it is about the employer: its id is not the person's
		p.ProfileID, p.Person = "", domain.Person{}
		a.Prospect = &p
	}
	merge(row, c.name, a)
	if step.Op == provider.OpFindPeople {
		return c.claimPerson(ctx, row)
	}
	if !c.plan.Settled(row, step.Field) {
		miss(row, step.Field, c.name+": no match")
	}
	return nil
}

func aboutPeople(op string) bool {
	return slices.Contains([]string{provider.OpFindPeople, provider.OpEnrichPerson, provider.OpFindEmail, provider.OpFindPhone}, op)
}

// origin says until when the values of an answer may be kept, where the
// adapter did not.
func (c *chunk) origin(a *answer) {
	if a.Origin != nil {
		return
	}
	o := domain.Provenance{Source: c.name, FetchedAt: a.Prospect.SeenAt}
	if t := c.source.Definition.Terms; t.StoreFor > 0 {
		o.ExpiresAt = o.FetchedAt.Add(t.StoreFor)
	}
	a.Origin = &o
}

// verdict notes what a verifier says about the row's address. One that would
// bounce is put aside, so that the waterfall goes on to look for another.
func verdict(row *domain.Row, name string, status domain.EmailStatus) {
	c := &row.Prospect.Contact
	if status != domain.EmailInvalid {
		c.EmailStatus = status
		return
	}
	refuse(row, name+": it would bounce")
}

// refuse puts the row's address aside.
func refuse(row *domain.Row, why string) {
	p := &row.Prospect
	row.Others = append(row.Others, domain.Other{
		Field: "contact.email", Value: p.Contact.Email, Source: p.Provenance["contact.email"].Source, Why: why, Refused: true,
	})
	p.Contact.Email, p.Contact.EmailStatus = "", domain.EmailUnchecked
	delete(p.Provenance, "contact.email")
	miss(row, domain.FieldEmail, why)
}

// refused reports whether an address was put aside before.
func refused(row *domain.Row, email string) bool {
	for _, o := range row.Others {
		if o.Refused && strings.EqualFold(o.Value, email) {
			return true
		}
	}
	return false
}

func miss(row *domain.Row, field domain.Field, why string) {
	if row.Missing == nil {
		row.Missing = map[string]string{}
	}
	row.Missing[string(field)] = why
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
	if claim.Run != c.ref.Run || claim.Chunk != c.ref.Chunk || !c.holds(row, person) {
		row.State, row.Reason = domain.Duplicate, "the person found at this company is already a prospect"
	}
	return nil
}

// holds reports whether the row is the chunk's only one for the person.
func (c *chunk) holds(row *domain.Row, person string) bool {
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
