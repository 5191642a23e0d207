// Package push is the stage that brings a chunk's leads into one CRM, in three
// steps: plan reads the CRM and computes the difference, apply writes exactly
// that, verify reads back and proves that each lead is there once. It imports
// compliance, domain, fault, provider, store and task; never another stage and
// no adapter.
//
// Every step can be repeated: records carry our ids, so a write whose answer
// was lost is found again by the next attempt's plan.
package push

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/compliance"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutReceipts(ctx context.Context, team, run, crm, chunk string, receipts any) error
	Receipts(ctx context.Context, team, run, crm, chunk string, receipts any) (bool, error)
	SavePush(ctx context.Context, ref domain.Ref, crm, lead string, tally domain.PushTally) error
	Suppression(ctx context.Context, team string) (*store.Suppression, error)
}

// Stage pushes to one CRM.
type Stage struct {
	Store     Store
	CRM       provider.CRM
	Name      string // of the CRM
	MayExport func(source string) bool
	Log       *slog.Logger
}

// Receipt is what is kept of the push of a chunk: its plan, what became of each
// contact, and the proof.
type Receipt struct {
	Plan     Plan              `json:"plan"`
	Outcomes map[string]Result `json:"outcomes"` // by lead id
	Tally    domain.PushTally  `json:"tally"`
}

// Result is what became of one lead.
type Result struct {
	RecordID string `json:"recordId,omitempty"`
	Action   Action `json:"action"` // what this push did with it, in all its attempts
	Created  bool   `json:"created,omitempty"`
	Rejected string `json:"rejected,omitempty"`
	Verified bool   `json:"verified"`
	// Stopped: the person came onto the do-not-contact list after an earlier
	// attempt had written the record. It is left as it was then.
	Stopped bool `json:"stopped,omitempty"`
}

// Output is what the state machine is told.
type Output struct {
	CRM   string           `json:"crm"`
	Tally domain.PushTally `json:"tally"`
}

// Step names the step in the ledger: one per CRM, and one per manual push.
func Step(m task.Message) string {
	if len(m.Leads) > 0 {
		return "push-" + m.Provider + "-" + m.Leads[0]
	}
	return "push-" + m.Provider
}

// Do pushes the leads of one chunk.
func (s *Stage) Do(ctx context.Context, job task.Job) (any, error) {
	rows, err := s.Store.Rows(ctx, job.Team, job.Doc)
	if err != nil {
		return nil, err
	}
	leads, stopped, err := s.leads(ctx, job, rows)
	if err != nil {
		return nil, err
	}
	var earlier Receipt
	if _, err := s.Store.Receipts(ctx, job.Team, job.Run, s.Name, receiptName(job), &earlier); err != nil {
		return nil, err
	}
	receipt := Receipt{Outcomes: map[string]Result{}}
	if len(leads) > 0 {
		if receipt, err = s.push(ctx, job, leads, earlier); err != nil {
			return nil, err
		}
	}
	if err := s.own(ctx, &receipt, stopped, earlier); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	receipt.count(earlier)
	return Output{CRM: s.Name, Tally: receipt.Tally}, s.save(ctx, job, receipt)
}

// save keeps the receipt and the tally.
func (s *Stage) save(ctx context.Context, job task.Job, r Receipt) error {
	if err := s.Store.PutReceipts(ctx, job.Team, job.Run, s.Name, receiptName(job), r); err != nil {
		return err
	}
	lead := ""
	if len(job.Leads) > 0 {
		lead = job.Leads[0]
	}
	return s.Store.SavePush(ctx, job.Ref, s.Name, lead, r.Tally)
}

func receiptName(job task.Job) string {
	if len(job.Leads) > 0 {
		return job.Chunk + "-" + job.Leads[0]
	}
	return job.Chunk
}

// lead is a row that is to be pushed.
type lead struct {
	id  string
	row domain.Row
}

// leads returns the rows to push, without what may not be passed on, and apart
// from them the ids of those on the do-not-contact list.
func (s *Stage) leads(ctx context.Context, job task.Job, rows []domain.Row) (out []lead, stopped []string, err error) {
	list, err := s.Store.Suppression(ctx, job.Team)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		id := row.LeadID
		if len(job.Leads) > 0 {
			id = domain.LeadID(job.Team, row.Prospect)
			if !slices.Contains(job.Leads, id) {
				continue
			}
		}
		if id == "" {
			continue
		}
		if stop, err := list.HasAny(row.Prospect); err != nil {
			return nil, nil, err
		} else if stop {
			stopped = append(stopped, id)
			continue
		}
		row.Prospect = compliance.Exportable(row.Prospect, s.MayExport)
		out = append(out, lead{id: id, row: row})
	}
	return out, stopped, nil
}

// own accounts for records that an earlier attempt wrote before their people
// came onto the do-not-contact list: nothing is written, but what is there has
// its receipt.
func (s *Stage) own(ctx context.Context, r *Receipt, stopped []string, earlier Receipt) error {
	meant := map[string]Change{}
	for _, c := range earlier.Plan.Contacts {
		if slices.Contains(stopped, c.ExternalID) {
			meant[c.ExternalID] = c
		}
	}
	if len(meant) == 0 {
		return nil
	}
	held, err := s.CRM.Contacts(ctx, slices.Sorted(maps.Keys(meant)), nil)
	if err != nil {
		return err
	}
	for _, record := range held {
		c, ours := meant[record.ExternalID]
		if !ours {
			continue
		}
		if _, twice := r.Outcomes[c.ExternalID]; twice {
			r.Tally.Duplicates++
			continue
		}
		r.Plan.Contacts = append(r.Plan.Contacts, Change{Action: Skip, ExternalID: c.ExternalID, RecordID: record.RecordID, Reason: "on the do-not-contact list since"})
		r.Outcomes[c.ExternalID] = Result{RecordID: record.RecordID, Action: Skip, Verified: true, Stopped: true}
		r.Tally.Verified++
	}
	return nil
}

func (s *Stage) push(ctx context.Context, job task.Job, leads []lead, earlier Receipt) (Receipt, error) {
	if err := s.CRM.Prepare(ctx); err != nil {
		return Receipt{}, fmt.Errorf("prepare: %w", err)
	}
	plan, err := s.plan(ctx, job.Team, leads)
	if err != nil {
		return Receipt{}, fmt.Errorf("plan: %w", err)
	}
	r := Receipt{Plan: plan, Outcomes: map[string]Result{}}
	if len(earlier.Plan.Contacts) == 0 {
		// Kept before anything is written, so that an attempt after a kill knows
		// which of the records that it finds were created by this push.
		if err := s.Store.PutReceipts(ctx, job.Team, job.Run, s.Name, receiptName(job), r); err != nil {
			return Receipt{}, err
		}
	}
	if err := s.apply(ctx, &r); err != nil {
		return Receipt{}, fmt.Errorf("apply: %w", err)
	}
	if err := s.verify(ctx, &r); err != nil {
		return Receipt{}, fmt.Errorf("verify: %w", err)
	}
	return r, nil
}

func (s *Stage) plan(ctx context.Context, team string, leads []lead) (Plan, error) {
	plan := Plan{Links: map[string]string{}}
	var contacts, companies []wanted
	var ids, emails, accounts []string
	for _, l := range leads {
		w := contactOf(l.id, l.row)
		contacts, ids = append(contacts, w), append(ids, w.externalID)
		if w.email != "" {
			emails = append(emails, w.email)
		}
		company, ok := companyOf(team, l.row)
		if !ok {
			continue
		}
		plan.Links[l.id] = company.externalID
		if !slices.Contains(accounts, company.externalID) { // colleagues share one
			companies, accounts = append(companies, company), append(accounts, company.externalID)
		}
	}
	held, err := s.CRM.Contacts(ctx, ids, emails)
	if err != nil {
		return plan, err
	}
	heldCompanies, err := s.CRM.Companies(ctx, accounts)
	if err != nil {
		return plan, err
	}
	plan.Contacts, plan.Companies = changes(contacts, held), changes(companies, heldCompanies)
	return plan, nil
}

// apply writes the plan: companies, contacts, links.
func (s *Stage) apply(ctx context.Context, r *Receipt) error {
	companies, _, err := s.write(ctx, r.Plan.Companies, s.CRM.ApplyCompanies)
	if err != nil {
		return err
	}
	contacts, rejected, err := s.write(ctx, r.Plan.Contacts, s.CRM.ApplyContacts)
	if err != nil {
		return err
	}
	var links []provider.Link
	for _, c := range r.Plan.Contacts {
		o := contacts[c.ExternalID]
		r.Outcomes[c.ExternalID] = Result{RecordID: o.RecordID, Action: c.Action, Created: o.Created, Rejected: rejected[c.ExternalID]}
		account, ok := companies[r.Plan.Links[c.ExternalID]]
		if ok && o.RecordID != "" && account.RecordID != "" && c.Action != Conflict {
			links = append(links, provider.Link{ContactID: o.RecordID, CompanyID: account.RecordID})
		}
	}
	if len(links) == 0 {
		return nil
	}
	return s.CRM.Associate(ctx, links)
}

// write carries out changes; a record that turns out to hold the key is
// adopted. It returns the outcome of every change by our id, and why the CRM
// refused some.
func (s *Stage) write(ctx context.Context, cs []Change, apply func(context.Context, []provider.Write) ([]provider.Outcome, error)) (map[string]provider.Outcome, map[string]string, error) {
	done, rejected := map[string]provider.Outcome{}, map[string]string{}
	for _, c := range cs {
		if c.RecordID != "" {
			done[c.ExternalID] = provider.Outcome{RecordID: c.RecordID}
		}
	}
	todo := writes(cs)
	const rounds = 3 // the write itself, an adoption, and one passing failure
	for round := 0; len(todo) > 0; round++ {
		if round == rounds {
			return nil, nil, fault.New(fault.Unavailable, "push.write", s.Name+" keeps refusing some records for passing reasons")
		}
		outcomes, err := apply(ctx, todo)
		if err != nil {
			return nil, nil, err
		}
		if len(outcomes) != len(todo) {
			return nil, nil, fault.New(fault.BadResponse, "push.write", s.Name+" answered for another number of records than were sent")
		}
		var again []provider.Write
		for i, o := range outcomes {
			w := todo[i]
			switch {
			case o.Rejected != "":
				rejected[w.ExternalID] = o.Rejected
			case o.Conflict != "":
				other, err := s.holder(ctx, w)
				if err != nil {
					return nil, nil, err
				}
				if other {
					rejected[w.ExternalID] = "the record that holds this key carries the id of another lead"
					continue
				}
				w.RecordID = o.Conflict
				again = append(again, w)
			case o.Retry != "":
				again = append(again, w)
			default:
				done[w.ExternalID] = o
			}
		}
		todo = again
	}
	return done, rejected, nil
}

// holder reports whether the contact that holds a write's e-mail belongs to
// another lead of ours: somebody wrote it since the plan was made.
func (s *Stage) holder(ctx context.Context, w provider.Write) (bool, error) {
	email := strings.ToLower(w.Fields[provider.FieldEmail])
	if email == "" {
		return false, nil
	}
	held, err := s.CRM.Contacts(ctx, nil, []string{email})
	if err != nil {
		return false, err
	}
	for _, r := range held {
		if r.ExternalID != "" && r.ExternalID != w.ExternalID {
			return true, nil
		}
	}
	return false, nil
}

// verify reads back and proves that each lead is there exactly once.
func (s *Stage) verify(ctx context.Context, r *Receipt) error {
	var ids []string
	for _, c := range r.Plan.Contacts {
		if c.Action != Conflict && r.Outcomes[c.ExternalID].Rejected == "" {
			ids = append(ids, c.ExternalID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	held, err := s.CRM.Contacts(ctx, ids, nil)
	if err != nil {
		return err
	}
	times := map[string]int{}
	for _, record := range held {
		times[record.ExternalID]++
	}
	for _, id := range ids {
		o := r.Outcomes[id]
		switch times[id] {
		case 0:
			r.Tally.Missing++
		case 1:
			o.Verified = true
			r.Tally.Verified++
		default:
			r.Tally.Duplicates++
		}
		r.Outcomes[id] = o
	}
	return nil
}

// count adds up what this push did in all its attempts. Each receipt keeps that,
// so however often a worker was killed: a record that an earlier attempt meant
// to create, and that is there now under our id, was created by this push, and
// one that it meant to change, and that needs no change any more, was changed.
func (r *Receipt) count(earlier Receipt) {
	before := map[string]Action{}
	for _, c := range earlier.Plan.Contacts {
		before[c.ExternalID] = c.Action
	}
	for id, o := range earlier.Outcomes {
		before[id] = o.Action
	}
	for id, o := range r.Outcomes {
		switch was := before[id]; {
		case o.Created || was == Create && (o.Action == Update || o.Action == Skip):
			o.Action, o.Created = Create, true
		case o.Action == Skip && (was == Update || was == Adopt):
			o.Action = was
		}
		r.Outcomes[id] = o
		switch {
		case o.Rejected != "":
			r.Tally.Rejected++
		case o.Action == Conflict:
			r.Tally.Conflicts++
		case o.Created:
			r.Tally.Created++
		case o.Action == Skip:
			r.Tally.Skipped++
		default:
			r.Tally.Updated++
		}
	}
}
