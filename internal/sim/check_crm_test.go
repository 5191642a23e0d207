package sim_test

import (
	"context"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/pipeline/push"
)

// lead is who should be in the CRM.
type lead struct {
	row     domain.Row
	chunk   *chunk
	team    int
	manual  bool
	receipt push.Result
	pushed  bool // there is a receipt
}

// checkCRM compares the CRM with the leads and their receipts: each lead is
// there once, as its row says, and nobody else is.
func (w *world) checkCRM(ctx context.Context, all []chunk, t tables) {
	leads := w.leads(ctx, all, t)
	times := map[string]int{}
	for _, c := range w.HubSpot.Contacts() {
		id := c.Properties["sluice_lead_id"]
		if w.checkTheirs(c); id == "" && w.known[c.ID] != nil {
			continue
		}
		times[id]++
		l, ok := leads[id]
		switch {
		case !ok:
			w.fail(thatCRMIsOneToOne, "the CRM holds %q, who is no lead", id)
			continue
		case l.pushed && l.receipt.RecordID != "" && l.receipt.RecordID != c.ID:
			w.fail(thatReceiptsProve, "lead %s is record %s, its receipt says %s", id, c.ID, l.receipt.RecordID)
		}
		w.checkRecord(c, l)
	}
	for id, n := range times {
		if n > 1 {
			w.fail(thatCRMIsOneToOne, "lead %s is in the CRM %d times", id, n)
		}
	}
	for _, d := range w.HubSpot.DuplicateContacts("email") {
		w.fail(thatCRMIsOneToOne, "one address is in the CRM %d times", len(d.IDs))
	}
	for id, l := range leads {
		refused := l.pushed && (l.receipt.Rejected != "" || l.receipt.Action == push.Conflict)
		switch {
		case times[id] > 0 && !l.pushed && !w.unfinished(l):
			w.fail(thatReceiptsProve, "lead %s is in the CRM without a receipt", id)
		case times[id] > 0 || refused || w.unfinished(l):
		case w.mayNotContact(l.row.Prospect, l.team, func(listing) bool { return true }):
		default:
			w.fail(thatCRMIsOneToOne, "lead %s is not in the CRM", id)
		}
		switch {
		case l.pushed && !refused && !l.receipt.Verified:
			w.fail(thatReceiptsProve, "the receipt of lead %s does not prove that it is in the CRM, where it is %d times", id, times[id])
		case l.pushed && l.receipt.Verified && times[id] != 1:
			w.fail(thatReceiptsProve, "lead %s was verified once, and is in the CRM %d times", id, times[id])
		}
	}
	w.checkCompanies(leads)
}

// unfinished reports whether the push of a lead was given up, and that was said:
// the chunk has no result of that CRM and its run did not complete, which something
// must have caused, or, for a push that a person asked for and nobody reports on,
// its workers had reason to give up until the message was a dead letter.
func (w *world) unfinished(l lead) bool {
	if l.manual {
		return w.director.storm("push-hubspot") || w.director.ill("hubspot")
	}
	_, done := l.chunk.ledger.CRM["hubspot"]
	switch domain.RunStatus(l.chunk.run.last.Status) {
	case domain.RunCompleted:
		return false
	case domain.RunPartial:
		return !done && w.usedUp([]string{"convert", "push-hubspot", machine, "reap"}, "hubspot")
	default: // it was stopped, or failed as a whole
		return !done
	}
}

// leads are everybody who became one, by the rows and by hand.
func (w *world) leads(ctx context.Context, all []chunk, t tables) map[string]lead {
	out := map[string]lead{}
	for i := range all {
		c := &all[i]
		ref := c.run.ref
		var receipt push.Receipt
		if _, err := w.Store.Receipts(ctx, ref.Team, ref.Run, "hubspot", c.name, &receipt); err != nil {
			w.fail(thatReceiptsProve, "receipts of chunk %s: %v", c.name, err)
		}
		held := map[string]domain.Row{} // who would become which lead by hand
		for _, row := range c.final {
			held[row.Prospect.ID] = row
			if row.LeadID == "" {
				continue
			}
			if other, twice := out[row.LeadID]; twice {
				w.fail(thatLeadsAreOne, "prospects %s and %s are both lead %s", other.row.Prospect.ID, row.Prospect.ID, row.LeadID)
			}
			result, pushed := receipt.Outcomes[row.LeadID]
			out[row.LeadID] = lead{row: row, chunk: c, team: c.run.Team, receipt: result, pushed: pushed}
			if !t.hasLead(ref.Team, row.LeadID) {
				w.fail(thatLeadsAreOne, "lead %s of chunk %s is not in the team's leads", row.LeadID, c.name)
			}
		}
		for _, it := range t.core {
			id, ok := strings.CutPrefix(it.text("pk"), "LEAD#"+ref.Team+"#")
			if !ok || !c.run.Hold {
				continue
			}
			l, err := it.lead()
			if err != nil {
				w.fail(thatLeadsAreOne, "lead %s: %v", id, err)
			}
			row, here := held[l.ProspectID]
			if !here || l.RunID != ref.Run {
				continue
			}
			var manual push.Receipt
			found, err := w.Store.Receipts(ctx, ref.Team, ref.Run, "hubspot", c.name+"-"+id, &manual)
			if err != nil {
				w.fail(thatReceiptsProve, "receipt of lead %s: %v", id, err)
			}
			result, pushed := manual.Outcomes[id]
			out[id] = lead{row: row, chunk: c, team: c.run.Team, manual: true, receipt: result, pushed: found && pushed}
		}
	}
	return out
}

// grace is how long a worker that has read the do-not-contact list may work on.
const grace = 2 * time.Minute

// mayNotContact reports whether a prospect is on the team's list by one of the
// entries that count.
func (w *world) mayNotContact(p domain.Prospect, team int, counts func(listing) bool) bool {
	_, mail, _ := strings.Cut(p.Contact.Email, "@")
	for _, l := range w.listed {
		if l.team != team || !counts(l) {
			continue
		}
		for _, value := range []string{mail, p.Company.Domain, p.Person.ProfileURL} {
			if value != "" && strings.EqualFold(value, l.value) {
				return true
			}
		}
	}
	return false
}

// checkSuppressed checks that nothing is paid for or pushed about somebody on
// the do-not-contact list.
func (w *world) checkSuppressed(all []chunk) {
	if len(w.listed) == 0 {
		return
	}
	pushed := map[string]time.Time{}
	for _, c := range w.HubSpot.Contacts() {
		if id := c.Properties["sluice_lead_id"]; id != "" {
			pushed[id] = c.Created
		}
	}
	for _, c := range all {
		known := map[string]domain.Prospect{}
		for _, row := range c.found {
			known[row.Prospect.ID] = row.Prospect
		}
		for _, row := range c.final {
			id := row.LeadID
			if id == "" {
				id = domain.LeadID(c.run.ref.Team, row.Prospect)
			}
			if created, there := pushed[id]; there && w.mayNotContact(row.Prospect, c.run.Team, func(l listing) bool { return l.first || created.Sub(l.since) > grace }) {
				w.fail(thatListIsKept, "lead %s was pushed though on the do-not-contact list", id)
			}
			if !w.mayNotContact(known[row.Prospect.ID], c.run.Team, func(l listing) bool { return l.first }) {
				continue
			}
			for _, call := range row.Calls {
				if call.Cost > 0 {
					w.fail(thatListIsKept, "%s was paid for prospect %s, who was on the do-not-contact list before", call.Provider, row.Prospect.ID)
				}
			}
			if row.LeadID != "" {
				w.fail(thatListIsKept, "prospect %s, who was on the do-not-contact list before, became a lead", row.Prospect.ID)
			}
		}
	}
}

// hasLead reports whether the team's leads have an id.
func (t tables) hasLead(team, id string) bool {
	for _, it := range t.core {
		if it.text("pk") == "LEAD#"+team+"#"+id {
			return true
		}
	}
	return false
}
