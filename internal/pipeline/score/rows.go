package score

import (
	"slices"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/quality"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/task"
)

// First scores queued rows with what is already known, rejects what cannot
// reach review and puts the rest in work. It is pure.
func First(rows []domain.Row, profile *scoring.Profile, t domain.Thresholds, now time.Time) {
	now = now.UTC()
	for i := range rows {
		row := &rows[i]
		if row.State != domain.Queued {
			continue
		}
		receipt := scoring.Score(row.Prospect, profile, scoring.Semantic{}, now)
		row.Prescore = &receipt
		row.State = domain.InWork
		if scoring.Hopeless(receipt, t) {
			row.State, row.Score = domain.Rejected, &receipt
			row.Reason = "cannot reach review even if everything unknown turned out perfect"
			q := quality.Score(row.Prospect, now)
			row.Quality = &q
		}
	}
}

// Final scores the rows in work for the record and decides on them. seen is what
// an embedding model says about each row. It is pure.
func Final(rows []domain.Row, seen []scoring.Semantic, profile *scoring.Profile, t domain.Thresholds, skipped []task.Skip, now time.Time) {
	now = now.UTC()
	for i := range rows {
		row := &rows[i]
		if row.State != domain.InWork {
			continue
		}
		receipt := scoring.Score(row.Prospect, profile, seen[i], now)
		row.Score = &receipt
		q := quality.Score(row.Prospect, now)
		row.Quality = &q
		row.State, row.Reason = scoring.Decide(row.Prospect, receipt, t)
		if row.Reason == "" { // then something is known
			row.Reason = scoring.Reasons(receipt)[0]
		}
		if row.State == domain.Qualified && noMailbox(row) {
			row.State, row.Reason = domain.Review, "fits, but the work address does not exist: the person may have left"
		}
		for _, sk := range skipped {
			if row.Missing == nil {
				row.Missing = map[string]string{}
			}
			if _, known := row.Missing["email"]; !known && row.Prospect.Contact.Email == "" {
				row.Missing["email"] = sk.Provider + ": " + sk.Error
			}
		}
	}
}

// noMailbox reports that the only addresses known of a person would bounce.
func noMailbox(row *domain.Row) bool {
	c := row.Prospect.Contact
	return c.EmailStatus == domain.EmailInvalid || c.Email == "" && slices.ContainsFunc(row.Others, func(o domain.Other) bool { return o.Refused })
}
