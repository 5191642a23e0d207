// Package convert is the stage that turns qualified rows into leads, one per
// person, and writes the final record of every row. It imports domain and
// store; never another stage.
package convert

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// leadsAtOnce bounds the conditional writes in flight.
const leadsAtOnce = 16

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	Profile(ctx context.Context, team, run string, profile any) error
	ClaimLead(ctx context.Context, l domain.Lead) (domain.Lead, error)
	KeepClaims(ctx context.Context, ref domain.Ref, prospectIDs []string) error
	PutListed(ctx context.Context, ref domain.Ref, shards int, listed []store.Listed) error
	SaveChunk(ctx context.Context, ref domain.Ref, c store.Chunk) error
	Suppression(ctx context.Context, team string) (*store.Suppression, error)
}

// Stage converts chunks. Repeating a chunk changes nothing.
type Stage struct {
	Store Store
	Now   func() time.Time
}

// Input is what the state machine sends.
type Input struct {
	domain.Ref
	Doc string `json:"doc"`
}

// Output is what the state machine is told.
type Output struct {
	Doc   string `json:"doc"`
	Leads int    `json:"leads"`
}

// Run converts one chunk.
func (s *Stage) Run(ctx context.Context, in Input) (Output, error) {
	rows, err := s.Store.Rows(ctx, in.Team, in.Doc)
	if err != nil {
		return Output{}, err
	}
	doc := store.StepKey(in.Run, in.Chunk, store.StepConverted)
	if leads := leadsOf(rows); leads > 0 { // it was converted before its run was tried again: only its push is missing
		return Output{Doc: doc, Leads: leads}, nil
	}
	var profile domain.RunProfile
	if err := s.Store.Profile(ctx, in.Team, in.Run, &profile); err != nil {
		return Output{}, err
	}
	if err := s.suppress(ctx, in.Team, rows); err != nil {
		return Output{}, err
	}
	if profile.Options.AutoConvert {
		if err := s.claimLeads(ctx, in.Ref, rows); err != nil {
			return Output{}, err
		}
	}
	listed := make([]store.Listed, len(rows))
	chunk := store.Chunk{Name: in.Chunk, Counts: &domain.Counts{In: len(rows)}, Seen: waterfall.Observe(rows)}
	var keep []string
	var leads []domain.Row
	for i := range rows {
		listed[i] = store.ListedOf(rows[i])
		if err := chunk.Counts.Add(rows[i].State, 1); err != nil {
			return Output{}, err
		}
		if len(rows[i].Calls) > 0 {
			chunk.Enriched++
		}
		if rows[i].Prospect.Contact.EmailStatus == domain.EmailSafe {
			chunk.Verified++
		}
		if rows[i].LeadID != "" {
			chunk.Converted++
			leads = append(leads, rows[i])
			keep = append(keep, rows[i].Prospect.ClaimIDs(in.Team)...)
		}
	}
	if len(leads) > 0 {
		if err := s.Store.PutRows(ctx, in.Team, store.LeadsKey(in.Run, in.Chunk), leads); err != nil {
			return Output{}, err
		}
	}
	if err := s.Store.PutListed(ctx, in.Ref, profile.ListShards, listed); err != nil {
		return Output{}, err
	}
	if err := s.Store.PutRows(ctx, in.Team, doc, rows); err != nil {
		return Output{}, err
	}
	if err := s.Store.SaveChunk(ctx, in.Ref, chunk); err != nil {
		return Output{}, err
	}
	// Last: whoever did not become a lead may be discovered again.
	return Output{Doc: doc, Leads: chunk.Converted}, s.Store.KeepClaims(ctx, in.Ref, keep)
}

// leadsOf counts the leads among rows: before a chunk is converted there is none.
func leadsOf(rows []domain.Row) int {
	n := 0
	for i := range rows {
		if rows[i].LeadID != "" {
			n++
		}
	}
	return n
}

// suppress takes out whom the team must not contact: an address may have been
// found, or the list changed, since the row was enriched.
func (s *Stage) suppress(ctx context.Context, team string, rows []domain.Row) error {
	list, err := s.Store.Suppression(ctx, team)
	if err != nil {
		return err
	}
	for i := range rows {
		if s := rows[i].State; s != domain.Qualified && s != domain.Review {
			continue
		}
		has, err := list.HasAny(rows[i].Prospect)
		if err != nil {
			return err
		}
		if has {
			rows[i].State, rows[i].Reason = domain.Suppressed, "on the team's do-not-contact list"
		}
	}
	return nil
}

// claimLeads makes each qualified row a lead, unless the same person is one
// already.
func (s *Stage) claimLeads(ctx context.Context, ref domain.Ref, rows []domain.Row) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(leadsAtOnce)
	first := map[string]int{} // within the chunk the earlier row wins, whatever the order of writes
	for i := range rows {
		row := &rows[i]
		if row.State != domain.Qualified {
			continue
		}
		lead := NewLead(ref, *row, s.Now())
		if lead.ID == "" {
			Unidentified(row)
			continue
		}
		if _, taken := first[lead.ID]; taken {
			Duplicate(row)
			continue
		}
		first[lead.ID] = i
		g.Go(func() error {
			held, err := s.Store.ClaimLead(ctx, lead)
			if err != nil {
				return err
			}
			if held.ProspectID != lead.ProspectID {
				Duplicate(row)
				return nil
			}
			row.LeadID = lead.ID
			return nil
		})
	}
	return g.Wait()
}

// Unidentified puts a row whose person nothing identifies before a person's eyes.
func Unidentified(row *domain.Row) {
	row.State, row.Reason = domain.Review, "fits, but nothing identifies the person: no e-mail, no profile, no full name with a domain"
}

// Duplicate ends a row whose person is a lead by another prospect.
func Duplicate(row *domain.Row) {
	row.State, row.Reason = domain.Duplicate, "another prospect of the same person is already a lead"
}

// NewLead returns the lead that a row becomes; its ID is "" if nothing
// identifies the person.
func NewLead(ref domain.Ref, row domain.Row, now time.Time) domain.Lead {
	lead := domain.Lead{
		ID: domain.LeadID(ref.Team, row.Prospect), Team: ref.Team, ProspectID: row.Prospect.ID,
		CampaignID: ref.Campaign, RunID: ref.Run, Chunk: ref.Chunk, CreatedAt: now.UTC(),
	}
	if row.Score != nil {
		lead.Score = row.Score.Score
	}
	return lead
}
