package score

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/waterfall"
)

// release gives back the claims of people whom no row has. A provider that was
// given up for the chunk may have found somebody at a company before: its worker
// claimed the person and was killed, and so was everyone after it, so that the
// rows go on without. Who it was is in the cache. Left alone, the claim would
// keep the person from every other chunk and campaign for months. A worker of it
// may still be there, or its message in the queue: the state machine gives up when
// it is not told that the message was taken. So enrichment is ended first, which
// waits for the one and stops the other.
func (s *Stage) release(ctx context.Context, in Input, rows []domain.Row, titles []string) error {
	if len(in.Skipped) == 0 {
		return nil
	}
	if err := s.Store.EndEnriching(ctx, in.Ref); err != nil {
		return err
	}
	held := map[string]bool{}
	for _, row := range rows {
		for _, id := range row.Prospect.ClaimIDs(in.Team) {
			held[id] = true
		}
	}
	for _, skip := range in.Skipped {
		questions := found(s.Enrichers[skip.Provider], rows, titles)
		if len(questions) == 0 {
			continue
		}
		answers, err := s.Store.Answers(ctx, in.Team, questions, true)
		if err != nil {
			return err
		}
		for _, question := range questions {
			raw, known := answers[question]
			if !known {
				continue
			}
			var a waterfall.Answer
			if err := json.Unmarshal(raw, &a); err != nil {
				return fault.Wrap(fault.Internal, "score.release", err)
			}
			if !a.Found || a.Prospect == nil {
				continue
			}
			if person := domain.ProspectID(in.Team, skip.Provider, a.Prospect.ProfileID); !held[person] {
				if err := s.Store.ReleaseProspect(ctx, in.Ref, person); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// found are the questions by which a provider may have found people for rows,
// also for those that have somebody now: whom the next provider found.
func found(d provider.Definition, rows []domain.Row, titles []string) (questions []string) {
	if _, finds := d.Offers[provider.OpFindPeople]; !finds {
		return nil
	}
	for _, row := range rows {
		if d.Identity(provider.OpFindPeople, row.Prospect) == "" {
			continue
		}
		q := budget.Question(d.Name, provider.OpFindPeople, waterfall.Identity(d, provider.OpFindPeople, row.Prospect, titles)...)
		if !slices.Contains(questions, q) { // branches of one company ask the same
			questions = append(questions, q)
		}
	}
	return questions
}
