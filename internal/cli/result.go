package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/scoring"
)

// result is what a demo ends with.
type result struct {
	status  api.CampaignStatus
	elapsed time.Duration
	aws     meter.Reading
	seed    uint64
	truth   practice.Truth
	best    []best
	held    int // rows that wait because the run is paused
}

type best struct {
	id, name, title, company string
	fit                      float64
	reasons                  []string
}

// measure compares the result with the market's truth and fetches the best leads.
func (r *result) measure(ctx context.Context, c client, w *practice.World) error {
	if domain.RunStatus(r.status.Status) == domain.RunPaused {
		r.held = r.status.Rows.Queued + r.status.Rows.InWork
	}
	var icp domain.ICP
	if err := c.call(ctx, "GET", "/api/v1/prospecting/icps/"+r.status.ICPID, nil, &icp); err != nil {
		return err
	}
	var err error
	if r.truth, err = w.Measure(ctx, r.status.CampaignID, r.status.RunID, icp); err != nil {
		return err
	}
	var page api.ProspectPage
	if err := c.call(ctx, "GET", "/api/v1/prospecting/campaigns/"+r.status.CampaignID+"/prospects?status=converted&limit=10", nil, &page); err != nil {
		return err
	}
	for _, p := range page.Prospects {
		var row domain.Row
		if err := c.call(ctx, "GET", "/api/v1/prospecting/prospects/"+p.ID, nil, &row); err != nil {
			return err
		}
		b := best{id: p.ID, name: p.Name, title: row.Prospect.Person.Title, company: p.CompanyName, fit: p.ICPMatchScore}
		if row.Score != nil {
			b.reasons = scoring.Reasons(*row.Score)
		}
		r.best = append(r.best, b)
	}
	return nil
}

type jsonRows struct {
	In         int  `json:"in"`
	Qualified  int  `json:"qualified"`
	Review     int  `json:"review"`
	Rejected   int  `json:"rejected"`
	Duplicate  int  `json:"duplicate"`
	Suppressed int  `json:"suppressed"`
	Failed     int  `json:"failed"`
	Held       int  `json:"held"`
	Balanced   bool `json:"balanced"`
}

func rowsOf(c domain.Counts, held int) jsonRows {
	r := jsonRows{
		In: c.In, Qualified: c.Qualified, Review: c.Review, Rejected: c.Rejected, Duplicate: c.Duplicate,
		Suppressed: c.Suppressed, Failed: c.Failed, Held: c.Held + held,
	}
	r.Balanced = r.In == r.Qualified+r.Review+r.Rejected+r.Duplicate+r.Suppressed+r.Failed+r.Held
	return r
}

func (r *result) json(w io.Writer) error {
	requests := func(units ...meter.Unit) float64 {
		sum := 0.0
		for _, u := range units {
			sum += r.aws.Count(u)
		}
		return sum
	}
	byProvider := r.status.Spend.ByProvider
	if byProvider == nil {
		byProvider = map[string]money.Micro{}
	}
	enc := json.NewEncoder(w)
	return enc.Encode(map[string]any{
		"status": r.status.Status,
		"reason": r.status.Reason,
		"rows":   rowsOf(r.status.Rows.Counts, r.held),
		"spend": map[string]any{
			"capMicroUsd": r.status.Spend.CapMicroUSD, "settledMicroUsd": r.status.Spend.SettledMicroUSD, "byProvider": byProvider, "cache": r.status.Spend.Cache,
			"perRowMicroUsd": r.status.Spend.PerRow, "perVerifiedContactMicroUsd": r.status.Spend.PerVerifiedContact, "perQualifiedLeadMicroUsd": r.status.Spend.PerQualifiedLead,
		},
		"crm":   r.status.CRM,
		"truth": r.truth,
		"aws": map[string]any{
			"writeUnits": r.aws.Count(meter.WriteUnits), "readUnits": r.aws.Count(meter.ReadUnits),
			"stateTransitions": r.aws.Count(meter.StateTransitions), "sqsRequests": r.aws.Count(meter.SQSRequests),
			"lambdaInvocations": r.aws.Count(meter.LambdaRequests), "s3Requests": requests(meter.S3Reads, meter.S3Writes),
			"usdPerMillionProspects": r.perMillion(), "pricesFrom": meter.PriceDate,
		},
		"campaignId":         r.status.CampaignID,
		"runId":              r.status.RunID,
		"alerts":             r.status.Alerts,
		"elapsedSeconds":     r.elapsed.Seconds(),
		"prospectsPerMinute": float64(r.status.Rows.In) / r.elapsed.Minutes(),
	})
}

// perMillion is the AWS list price in dollars for a million prospects.
func (r *result) perMillion() float64 {
	if r.status.Rows.In == 0 {
		return 0
	}
	return r.aws.MicroUSD() / float64(r.status.Rows.In)
}

func (r *result) print(w io.Writer) error {
	var b strings.Builder
	rows := rowsOf(r.status.Rows.Counts, r.held)
	fmt.Fprintf(&b, "\nPractice mode: invented people, simulated providers (seed %d). Nothing was paid and nobody was contacted.\n", r.seed)
	fmt.Fprintf(&b, "\n%s: %s%s, %d prospects in %.1f s\n\n", r.status.Name, r.status.Status, because(r.status.Reason), rows.In, r.elapsed.Seconds())
	r.printFunnel(&b, rows)
	r.printBest(&b)
	r.printMoney(&b)
	r.printCRM(&b)
	if len(r.best) > 0 {
		fmt.Fprintf(&b, "\nWhy did %s score %.2f?\n  sluice lead why %s\n", r.best[0].name, r.best[0].fit, r.best[0].id)
	}
	if domain.RunStatus(r.status.Status) == domain.RunPaused {
		fmt.Fprintf(&b, "\nThe run is paused and loses nothing. Go on with a higher cap:\n  sluice demo --resume --cap %.0f\n", r.status.Spend.CapMicroUSD.Dollars()*2+1)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

func (r *result) printFunnel(b *strings.Builder, rows jsonRows) {
	const width = 30
	bar := func(name string, n int) {
		share := 0
		if rows.In > 0 {
			share = (n*width + rows.In - 1) / rows.In
		}
		fmt.Fprintf(b, "  %-11s %6d  %s\n", name, n, strings.Repeat("▇", share))
	}
	bar("discovered", rows.In)
	for _, s := range []struct {
		name string
		n    int
	}{
		{"qualified", rows.Qualified},
		{"review", rows.Review},
		{"rejected", rows.Rejected},
		{"duplicate", rows.Duplicate},
		{"suppressed", rows.Suppressed},
		{"failed", rows.Failed},
		{"held", rows.Held},
	} {
		if s.n > 0 || s.name == "qualified" {
			bar(s.name, s.n)
		}
	}
	balance := "every row is in exactly one state"
	if !rows.Balanced {
		balance = "THE ROWS DO NOT BALANCE: this is a bug, please report it"
	}
	fmt.Fprintf(b, "  %s\n", balance)
	fmt.Fprintf(b, "\nAgainst the truth of the market: precision %.0f%%, recall %.0f%%, e-mail for %.0f%% of leads, %.1f%% would bounce\n",
		r.truth.PrecisionAtConvert*100, r.truth.RecallAtConvert*100, r.truth.EmailCoverage*100, r.truth.BounceRate*100)
}

func (r *result) printBest(b *strings.Builder) {
	if len(r.best) == 0 {
		return
	}
	b.WriteString("\nBest leads\n")
	for i, l := range r.best {
		fmt.Fprintf(b, "  %2d. %.2f  %s, %s at %s\n", i+1, l.fit, l.name, l.title, l.company)
		for _, reason := range l.reasons[:min(2, len(l.reasons))] {
			fmt.Fprintf(b, "            %s\n", reason)
		}
	}
}

func (r *result) printMoney(b *strings.Builder) {
	spend := r.status.Spend
	fmt.Fprintf(b, "\nSpent at providers: %s of at most %s\n", spend.SettledMicroUSD, spend.CapMicroUSD)
	tw := tabwriter.NewWriter(b, 2, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(spend.ByProvider)) {
		fmt.Fprintf(tw, "  %s\t%s\n", name, spend.ByProvider[name])
	}
	_ = tw.Flush() // a strings.Builder does not fail
	for _, name := range slices.Sorted(maps.Keys(spend.Cache)) {
		if c := spend.Cache[name]; c.Hits > 0 {
			fmt.Fprintf(b, "  %d of %d questions to %s were answered from the cache, which saved %s\n", c.Hits, c.Questions, name, c.Saved)
		}
	}
	for _, per := range []struct {
		cost *money.Micro
		what string
	}{{spend.PerRow, "row"}, {spend.PerVerifiedContact, "verified contact"}, {spend.PerQualifiedLead, "qualified lead"}} {
		if per.cost != nil {
			fmt.Fprintf(b, "  %s per %s\n", *per.cost, per.what)
		}
	}
	for _, a := range r.status.Alerts {
		of := "the run's cap"
		if a.Scope == "month" {
			of = "what the team may spend this month,"
		}
		fmt.Fprintf(b, "  Alert: %d%% of %s %s is spent\n", a.Percent, of, a.Cap)
	}
	fmt.Fprintf(b, "\nAWS for this run, by the list prices of %s: $%.2f per million prospects\n", meter.PriceDate, r.perMillion())
	n := max(float64(r.status.Rows.In), 1)
	fmt.Fprintf(b, "  per prospect: %.2f write units, %.2f read units, %.3f state transitions; %.0f Lambda invocations in all\n",
		r.aws.Count(meter.WriteUnits)/n, r.aws.Count(meter.ReadUnits)/n, r.aws.Count(meter.StateTransitions)/n, r.aws.Count(meter.LambdaRequests))
}

func (r *result) printCRM(b *strings.Builder) {
	for _, name := range slices.Sorted(maps.Keys(r.status.CRM)) {
		t := r.status.CRM[name]
		fmt.Fprintf(b, "\n%s: %d created, %d updated, %d skipped, %d in conflict; read back: %d of %d there once, %d missing, %d twice\n",
			name, t.Created, t.Updated, t.Skipped, t.Conflicts, t.Verified, t.Verified+t.Missing+t.Duplicates, t.Missing, t.Duplicates)
	}
}
