package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// CampaignRequest asks for a campaign.
type CampaignRequest struct {
	ICPID          string          `json:"icpId" doc:"ICP to score against"`
	Name           string          `json:"name" maxLength:"200"`
	Platforms      []string        `json:"platforms" doc:"Sources to discover in: apollo, googleplaces"`
	SearchCriteria SearchCriteria  `json:"searchCriteria,omitempty" doc:"Narrows the search; what is left out comes from the ICP"`
	Options        CampaignOptions `json:"options,omitempty"`
}

// SearchCriteria narrow the search, by the network that people think in.
type SearchCriteria struct {
	LinkedIn *PeopleCriteria   `json:"linkedin,omitempty" doc:"People criteria; used with every people search"`
	Facebook *AudienceCriteria `json:"facebook,omitempty" doc:"Audience criteria; kept, but no source of this version can use them"`
}

// PeopleCriteria say whom to search for.
type PeopleCriteria struct {
	Titles      []string `json:"titles,omitempty"`
	CompanySize []string `json:"companySize,omitempty" doc:"Employee ranges such as 51-200"`
	Location    string   `json:"location,omitempty"`
	Industries  []string `json:"industries,omitempty"`
}

// AudienceCriteria describe an advertising audience.
type AudienceCriteria struct {
	AgeRange  []int    `json:"ageRange,omitempty"`
	Interests []string `json:"interests,omitempty"`
}

// CampaignOptions bound a campaign.
type CampaignOptions struct {
	MaxProspects  int            `json:"maxProspects,omitempty" default:"1000" doc:"1 to 1000000"`
	AutoEnrich    *bool          `json:"autoEnrich,omitempty" doc:"Buy missing data; default true"`
	AutoConvert   *bool          `json:"autoConvert,omitempty" doc:"Turn qualified prospects into leads and push them; default true"`
	MinMatchScore *float64       `json:"minMatchScore,omitempty" doc:"Fit score from which a prospect qualifies; default 0.75"`
	ReviewScore   *float64       `json:"reviewScore,omitempty" doc:"Fit score from which a person should look; default 0.60"`
	Enrich        *EnrichRequest `json:"enrich,omitempty" doc:"What is bought, and from whom"`
	CapUSD        *float64       `json:"capUsd,omitempty" doc:"The most that a run may spend at providers; default is the worst-case price that the plan shows"`
}

// CampaignStarted answers a new campaign.
type CampaignStarted struct {
	CampaignID          string    `json:"campaignId"`
	Status              string    `json:"status"`
	EstimatedCompletion time.Time `json:"estimatedCompletion"`
	RunID               string    `json:"runId"`
	Price               Price     `json:"price"`
	Warnings            []string  `json:"warnings,omitempty"`
}

// CampaignStatus answers how a campaign stands.
type CampaignStatus struct {
	CampaignID          string                      `json:"campaignId"`
	Name                string                      `json:"name"`
	ICPID               string                      `json:"icpId"`
	Status              string                      `json:"status"`
	Reason              string                      `json:"reason,omitempty"`
	Progress            Progress                    `json:"progress"`
	Platforms           map[string]PlatformProgress `json:"platforms"`
	StartedAt           time.Time                   `json:"startedAt"`
	EndedAt             *time.Time                  `json:"endedAt,omitempty"`
	EstimatedCompletion time.Time                   `json:"estimatedCompletion"`
	RunID               string                      `json:"runId"`
	Rows                RowCounts                   `json:"rows"`
	Spend               SpendStatus                 `json:"spend"`
	CRM                 map[string]domain.PushTally `json:"crm"`
	Attempt             int                         `json:"attempt,omitempty" doc:"How often what failed was run again"`
	Alerts              []Alert                     `json:"alerts" doc:"Shares of the run's cap, and of the team's month, that are spent"`
}

// Progress counts prospects by how far they came.
type Progress struct {
	Discovered int `json:"discovered"`
	Enriched   int `json:"enriched"`
	Qualified  int `json:"qualified"`
	Converted  int `json:"converted"`
	Verified   int `json:"verified" doc:"With an address that a verifier found safe"`
}

// PlatformProgress is how far one source has come.
type PlatformProgress struct {
	Discovered int    `json:"discovered"`
	Status     string `json:"status" enum:"active,done"`
}

// RowCounts are the rows by state, and whether they balance.
type RowCounts struct {
	domain.Counts
	Balanced bool `json:"balanced"`
}

// SpendStatus is what a run has spent.
type SpendStatus struct {
	CapMicroUSD      money.Micro            `json:"capMicroUsd"`
	SettledMicroUSD  money.Micro            `json:"settledMicroUsd"`
	ReservedMicroUSD money.Micro            `json:"reservedMicroUsd"`
	ByProvider       map[string]money.Micro `json:"byProvider"`
	// Cache is what answers of earlier runs and other chunks have saved.
	Cache map[string]domain.CacheTally `json:"cache,omitempty"`
	UnitCosts
}

type campaignOutput struct{ Body CampaignStatus }

func (s *server) registerCampaigns(a huma.API) {
	type startOutput struct{ Body CampaignStarted }
	type input struct {
		Key  string `header:"Idempotency-Key"`
		Body CampaignRequest
	}
	huma.Register(a, huma.Operation{
		OperationID: "create-campaign", Method: http.MethodPost, Path: base + "/campaigns", DefaultStatus: http.StatusCreated,
		Summary: "Create a campaign and start its first run",
	}, func(ctx context.Context, in *input) (*startOutput, error) {
		started, err := idempotent(ctx, s, "create-campaign", in.Key, in.Body, func(newID func() string) (CampaignStarted, error) { return s.startCampaign(ctx, in.Body, newID) })
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &startOutput{started}, nil
	})
	type priceOutput struct{ Body Price }
	huma.Register(a, huma.Operation{
		OperationID: "plan-campaign", Method: http.MethodPost, Path: base + "/campaigns/plan", Summary: "Say what a campaign would cost, without starting it",
	}, func(ctx context.Context, in *input) (*priceOutput, error) {
		c, err := s.campaignOf(ctx, in.Body)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		price, err := s.priceOf(ctx, c)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &priceOutput{price}, nil
	})
	huma.Register(a, huma.Operation{
		OperationID: "get-campaign", Method: http.MethodGet, Path: base + "/campaigns/{campaignId}", Summary: "Read how a campaign stands",
	}, func(ctx context.Context, in *struct {
		ID string `path:"campaignId"`
	},
	) (*campaignOutput, error) {
		status, err := s.campaignStatus(ctx, in.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &campaignOutput{status}, nil
	})
	type listOutput struct{ Body CampaignList }
	huma.Register(a, huma.Operation{
		OperationID: "list-campaigns", Method: http.MethodGet, Path: base + "/campaigns", Summary: "List the team's campaigns",
	}, func(ctx context.Context, _ *struct{}) (*listOutput, error) {
		campaigns, err := s.Campaigns.Campaigns(ctx, teamOf(ctx))
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		out := &listOutput{}
		out.Body.Campaigns = make([]CampaignSummary, len(campaigns))
		for i, c := range campaigns {
			out.Body.Campaigns[i] = CampaignSummary{CampaignID: c.ID, Name: c.Name, ICPID: c.ICPID, Platforms: c.Sources, CreatedAt: c.CreatedAt}
		}
		return out, nil
	})
	s.registerControl(a)
	s.registerRetry(a)
}

// CampaignList is a team's campaigns.
type CampaignList struct {
	Campaigns []CampaignSummary `json:"campaigns"`
}

// CampaignSummary is a campaign in a list.
type CampaignSummary struct {
	CampaignID string    `json:"campaignId"`
	Name       string    `json:"name"`
	ICPID      string    `json:"icpId"`
	Platforms  []string  `json:"platforms"`
	CreatedAt  time.Time `json:"createdAt"`
}

// campaignOf turns a request into a campaign of the caller's team, and refuses
// one that could not run.
func (s *server) campaignOf(ctx context.Context, in CampaignRequest) (domain.Campaign, error) {
	or := func(v *bool) bool { return v == nil || *v }
	thresholds := domain.DefaultThresholds()
	if in.Options.MinMatchScore != nil {
		thresholds.Convert = *in.Options.MinMatchScore
		thresholds.Review = min(thresholds.Review, thresholds.Convert)
	}
	if in.Options.ReviewScore != nil {
		thresholds.Review = *in.Options.ReviewScore
	}
	c := domain.Campaign{
		Team: teamOf(ctx), Name: in.Name, ICPID: in.ICPID, Sources: in.Platforms, CreatedAt: s.Now().UTC(),
		Options: domain.Options{
			MaxProspects: in.Options.MaxProspects, AutoEnrich: or(in.Options.AutoEnrich), AutoConvert: or(in.Options.AutoConvert), Thresholds: thresholds,
		},
	}
	if p := in.SearchCriteria.LinkedIn; p != nil {
		c.Criteria = domain.Criteria{Titles: p.Titles, Sizes: p.CompanySize, Industries: p.Industries}
		if p.Location != "" {
			c.Criteria.Locations = []string{p.Location}
		}
	}
	enrich, err := enrichOf(in.Options.Enrich)
	if err != nil {
		return c, err
	}
	c.Options.Enrich = enrich
	price, err := s.priceOf(ctx, c)
	if err != nil {
		return c, err
	}
	c.Options.Cap = price.worst
	if in.Options.CapUSD != nil {
		limit, err := capOf(*in.Options.CapUSD)
		if err != nil {
			return c, err
		}
		c.Options.Cap = limit
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	if _, err := s.Campaigns.ICP(ctx, c.Team, c.ICPID); err != nil {
		return c, err
	}
	return c, s.connected(ctx, c)
}

// warnings say what of a request is not used.
func (in CampaignRequest) warnings() []string {
	if in.SearchCriteria.Facebook == nil {
		return nil
	}
	return []string{"searchCriteria.facebook is not used: none of the campaign's platforms can search by it"}
}

// searchesAtMost is how many searches of a place source one shard makes; the
// price of their last pages is part of the worst case.
const searchesAtMost = 25

// maxCap is the largest cap, in dollars.
const maxCap = 1e9

// capOf reads a cap in dollars.
func capOf(dollars float64) (money.Micro, error) {
	if !(dollars > 0 && dollars <= maxCap) {
		return 0, fault.New(fault.InvalidInput, "api.cap", "capUsd must be above zero and at most a billion: it is the spending cap, the most that a run may cost")
	}
	return money.Micro(dollars * float64(money.Dollar)), nil
}

// connected refuses a campaign that needs a provider without a key.
func (s *server) connected(ctx context.Context, c domain.Campaign) error {
	needs := append([]string{}, c.Sources...)
	for _, source := range c.Sources {
		if s.Queues["discover-"+source] == "" {
			return fault.New(fault.InvalidInput, "api.connected", "platforms: there is no source "+quote(source)+" here; use apollo or googleplaces")
		}
	}
	for _, name := range c.Options.Enrich.Providers {
		if !slices.Contains(s.Waterfall, name) {
			return fault.New(fault.InvalidInput, "api.connected", "enrich.providers: "+quote(name)+" enriches nobody here; use "+listOf(s.Waterfall))
		}
		needs = append(needs, name)
	}
	if c.Options.AutoConvert {
		needs = append(needs, s.CRMs...)
	}
	if d, ok := s.Providers[s.Embedder]; ok {
		needs = append(needs, d.Name)
	}
	for _, name := range needs {
		d, ok := s.Providers[name]
		if !ok || len(d.SecretFields) == 0 {
			continue
		}
		fields, err := s.Keys.Fields(ctx, name, false)
		if err != nil {
			return err
		}
		if fields[d.SecretFields[0]] == "" {
			return fault.New(fault.InvalidInput, "api.connected", fmt.Sprintf(
				"%s is not connected: give your team a key with \"sluice provider connect %s\", put {%q:\"...\"} into the secret %s for all teams, or leave %s out of the campaign", d.DisplayName, name, d.SecretFields[0], s.Keys.Name(name), name))
		}
	}
	if !c.Options.AutoEnrich {
		return nil
	}
	plan, err := s.enrichPlan(ctx, c)
	if err != nil {
		return err
	}
	if len(plan.Providers) == 0 {
		return fault.New(fault.InvalidInput, "api.connected", "no provider that could enrich has a key: connect one of "+listOf(s.Waterfall)+", or set autoEnrich to false")
	}
	return s.given(c.Options.Enrich.Fields, plan.Providers)
}

// given refuses fields that were asked for by name and that none of the providers
// of a campaign gives: nobody should find out from empty columns.
func (s *server) given(fields []domain.Field, providers []string) error {
	giving := func(names []string, field domain.Field) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !waterfall.Gives(s.Providers[name], field) })
	}
	for _, field := range fields {
		if len(giving(providers, field)) > 0 {
			continue
		}
		message := fmt.Sprintf("enrich.fields: none of %s gives %s: leave it out", listOf(providers), field)
		if others := giving(s.Waterfall, field); len(others) > 0 {
			message = fmt.Sprintf("enrich.fields: none of %s gives %s: use %s, or leave it out", listOf(providers), field, strings.Join(others, " or "))
		}
		return fault.New(fault.InvalidInput, "api.connected", message)
	}
	return nil
}

func quote(name string) string {
	if len(name) > 40 {
		name = name[:40] + "..."
	}
	return fmt.Sprintf("%q", name)
}

// startCampaign checks a campaign, writes it and starts its run. A repetition of a
// request that was cut off in between finishes what is written, whatever has
// changed since: a key that was revoked must not hide a run that has started.
func (s *server) startCampaign(ctx context.Context, in CampaignRequest, newID func() string) (CampaignStarted, error) {
	id, runID := newID(), newID()
	c, err := s.Campaigns.Campaign(ctx, teamOf(ctx), id)
	if fault.Is(err, fault.NotFound) {
		if c, err = s.campaignOf(ctx, in); err != nil {
			return CampaignStarted{}, err
		}
		c.ID, c.RunID = id, runID
		err = s.Campaigns.PutCampaign(ctx, c)
	}
	if err != nil {
		return CampaignStarted{}, err
	}
	price, err := s.priceOf(ctx, c)
	if err != nil {
		return CampaignStarted{}, err
	}
	ref := domain.Ref{Team: c.Team, Campaign: c.ID, Run: c.RunID}
	run := domain.Run{ID: c.RunID, Team: c.Team, CampaignID: c.ID, Status: domain.RunRunning, StartedAt: s.Now().UTC(), Planned: c.Options.MaxProspects}
	if err := s.Campaigns.CreateRun(ctx, run); err != nil {
		return CampaignStarted{}, err
	}
	if err := s.Machine.Start(ctx, s.StateMachine, c.RunID, ref); err != nil {
		return CampaignStarted{}, err
	}
	return CampaignStarted{
		CampaignID: c.ID, RunID: c.RunID, Status: string(domain.RunRunning), EstimatedCompletion: s.estimate(c, run.StartedAt, c.Options.MaxProspects),
		Price: price, Warnings: in.warnings(),
	}, nil
}

func (s *server) campaignStatus(ctx context.Context, id string) (CampaignStatus, error) {
	c, err := s.Campaigns.Campaign(ctx, teamOf(ctx), id)
	if err != nil {
		return CampaignStatus{}, err
	}
	ref := domain.Ref{Team: c.Team, Campaign: c.ID, Run: c.RunID}
	run, err := s.Campaigns.Run(ctx, ref)
	if err != nil {
		return CampaignStatus{}, err
	}
	ledger, err := s.Campaigns.Ledger(ctx, ref)
	if err != nil {
		return CampaignStatus{}, err
	}
	totals := ledger.Totals(run.Status.Ended())
	out := CampaignStatus{
		CampaignID: c.ID, Name: c.Name, ICPID: c.ICPID, Status: string(run.Status), Reason: run.Reason, RunID: run.ID,
		Progress: Progress{
			Discovered: totals.Rows.In, Enriched: totals.Enriched, Qualified: totals.Rows.Qualified, Converted: totals.Converted, Verified: totals.Verified,
		},
		Platforms: platforms(c, ledger, totals), StartedAt: run.StartedAt, CRM: totals.CRM,
		Rows: RowCounts{Counts: totals.Rows, Balanced: totals.Rows.Balanced()},
		Spend: SpendStatus{
			CapMicroUSD: ledger.Spend.Cap, SettledMicroUSD: ledger.Spend.Settled, ReservedMicroUSD: ledger.Spend.Reserved(), ByProvider: ledger.Spend.ByProvider, Cache: totals.Cache, UnitCosts: unitCosts(ledger.Spend.Settled, totals),
		},
		Attempt: run.Attempt,
	}
	if out.Alerts, err = s.alerts(ctx, ledger.Spend); err != nil {
		return CampaignStatus{}, err
	}
	if out.Spend.CapMicroUSD == 0 { // the plan has not opened the budget yet
		out.Spend.CapMicroUSD = c.Options.Cap
	}
	if run.Status.Ended() {
		out.EndedAt, out.EstimatedCompletion = &run.EndedAt, run.EndedAt
	} else {
		open := run.Planned - (totals.Rows.In - totals.Rows.Queued - totals.Rows.InWork)
		out.EstimatedCompletion = s.estimate(c, s.Now().UTC(), max(open, 0))
	}
	return out, nil
}

func platforms(c domain.Campaign, l store.Ledger, t domain.Totals) map[string]PlatformProgress {
	out := map[string]PlatformProgress{}
	for _, source := range c.Sources {
		out[source] = PlatformProgress{Discovered: t.BySource[source], Status: "active"}
	}
	open := map[string]bool{}
	seen := map[string]bool{}
	for _, sh := range l.Shards {
		seen[sh.Source] = true
		open[sh.Source] = open[sh.Source] || !sh.Done
	}
	for source, p := range out {
		if seen[source] && !open[source] {
			p.Status = "done"
			out[source] = p
		}
	}
	return out
}
