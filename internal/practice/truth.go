package practice

import (
	"context"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// Truth is how a run compares with what is really so in the market.
type Truth struct {
	PrecisionAtConvert float64 `json:"precisionAtConvert"` // share of leads that truly fit
	RecallAtConvert    float64 `json:"recallAtConvert"`    // share of the discovered who truly fit that became leads
	EmailCoverage      float64 `json:"emailCoverage"`      // share of leads with an address
	BounceRate         float64 `json:"bounceRate"`         // share of leads' addresses that would bounce
	SafeCoverage       float64 `json:"safeCoverage"`       // share of leads with an address that is called safe
	SafeBounceRate     float64 `json:"safeBounceRate"`     // share of those that would bounce
}

// Measure reads every converted chunk of a run and compares it with the truth.
func (w *World) Measure(ctx context.Context, campaign, run string, icp domain.ICP) (Truth, error) {
	ref := domain.Ref{Team: Team, Campaign: campaign, Run: run}
	ledger, err := w.Store.Ledger(ctx, ref)
	if err != nil {
		return Truth{}, err
	}
	judge := w.Sandbox.Market().Judge(icp)
	var leads, right, fit, emails, bounces, safe, safeBounces int
	people := map[int]bool{} // who fits; duplicates of a person count once
	for name := range ledger.Chunks {
		rows, err := w.Store.Rows(ctx, Team, store.StepKey(run, name, store.StepConverted))
		if fault.Is(err, fault.NotFound) {
			continue // not converted yet, or ended early
		}
		if err != nil {
			return Truth{}, err
		}
		for _, row := range rows {
			source, id := row.Prospect.Source, row.Prospect.ProfileID
			if found := row.Prospect.Refs["apollo"]; source == "googleplaces" && found != "" {
				source, id = "apollo", found // the person found at the company
			}
			truth, known := judge.Truth(source, id)
			fits := known && truth.Fits && truth.PersonIndex >= 0
			if fits && !people[truth.PersonIndex] {
				people[truth.PersonIndex] = true
				fit++
			}
			if row.LeadID == "" {
				continue
			}
			leads++
			if fits {
				right++
			}
			c := row.Prospect.Contact
			if c.Email == "" {
				continue
			}
			called := c.EmailStatus == domain.EmailSafe
			emails++
			if called {
				safe++
			}
			if !w.Sandbox.Market().Deliverable(strings.ToLower(c.Email)) {
				bounces++
				if called {
					safeBounces++
				}
			}
		}
	}
	return Truth{
		PrecisionAtConvert: ratio(right, leads), RecallAtConvert: ratio(right, fit),
		EmailCoverage: ratio(emails, leads), BounceRate: ratio(bounces, emails),
		SafeCoverage: ratio(safe, leads), SafeBounceRate: ratio(safeBounces, safe),
	}, nil
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
