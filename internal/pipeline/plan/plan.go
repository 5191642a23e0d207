// Package plan is the stage that prepares a run before any money is spent on
// prospects: it resolves what to look for, fits the calibration of the
// semantic score, opens the budget and splits the discovery into shards. It
// imports budget, domain, fault, provider, scoring and store; never another stage.
package plan

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// Store is what the stage needs of the store.
type Store interface {
	Campaign(ctx context.Context, team, id string) (domain.Campaign, error)
	ICP(ctx context.Context, team, id string) (domain.ICP, error)
	OpenSpend(ctx context.Context, ref domain.Ref, limit money.Micro) error
	PlanRun(ctx context.Context, ref domain.Ref, planned int) error
	PutProfile(ctx context.Context, team, run string, profile any) error
	PutPlan(ctx context.Context, run string, lines []any) error
	Learned(ctx context.Context, team string) (domain.Experiences, error)
}

// Stage plans runs. Repeating a plan changes nothing.
type Stage struct {
	Store      Store
	Budget     budget.Budget
	Embedder   provider.Embedder
	EmbedPrice money.Price // per million tokens
	Embeds     string      // name of the embedder's provider
	Sources    map[string]provider.Definition
	Enrichers  []string // that may be asked, in the fixed order
	CRMs       []string // to push to
	Keys       waterfall.Keys
	Queues     map[string]string // URL by name: "discover-apollo", "enrich-hunter", "push-hubspot"
}

// Input is what the run is started with.
type Input struct{ domain.Ref }

// Target is a provider that the state machine sends chunks to.
type Target struct {
	Provider string `json:"provider"`
	Queue    string `json:"queue"` // URL
}

// Output is what the state machine works with.
type Output struct {
	domain.Ref
	PlanKey             string   `json:"planKey"`
	ChunkPrefix         string   `json:"chunkPrefix"`
	Waterfall           []Target `json:"waterfall"`
	CRMs                []Target `json:"crms"`
	DiscoverConcurrency int      `json:"discoverConcurrency"`
	ChunkConcurrency    int      `json:"chunkConcurrency"`
}

// Concurrency of the two maps. Chunks in work bound the backlog in front of a
// provider, so that the time-outs of the state machine are safe.
const (
	discoverConcurrency = 8
	chunkConcurrency    = 16
)

// Run plans a run.
func (s *Stage) Run(ctx context.Context, in Input) (Output, error) {
	campaign, err := s.Store.Campaign(ctx, in.Team, in.Campaign)
	if err != nil {
		return Output{}, err
	}
	icp, err := s.Store.ICP(ctx, in.Team, campaign.ICPID)
	if err != nil {
		return Output{}, err
	}
	if err := s.Store.OpenSpend(ctx, in.Ref, campaign.Options.Cap); err != nil {
		return Output{}, err
	}
	query := Resolve(campaign.Criteria, icp)
	shards, err := s.shards(campaign, query)
	if err != nil {
		return Output{}, err
	}
	profile := domain.RunProfile{
		ICP: icp, Options: campaign.Options, Sources: campaign.Sources, Query: query,
		ListShards: store.ListShards(campaign.Options.MaxProspects),
	}
	if campaign.Options.AutoEnrich {
		if profile.Enrich, err = s.enrich(ctx, campaign); err != nil {
			return Output{}, err
		}
	}
	// A cap that does not even allow the calibration is met where it hurts less:
	// the run scores without meaning and pauses at its first paid question.
	if err := s.calibrate(ctx, in.Ref, &profile); err != nil && !fault.Is(err, fault.CapReached) {
		return Output{}, fmt.Errorf("calibrate: %w", err)
	}
	if err := s.Store.PutProfile(ctx, in.Team, in.Run, profile); err != nil {
		return Output{}, err
	}
	lines := make([]any, len(shards))
	planned := 0
	for i, sh := range shards {
		lines[i] = sh
		planned += sh.MaxRows
	}
	if err := s.Store.PutPlan(ctx, in.Run, lines); err != nil {
		return Output{}, err
	}
	out := Output{
		Ref: in.Ref, PlanKey: store.PlanKey(in.Run), ChunkPrefix: store.ChunkPrefix(in.Run),
		Waterfall: []Target{}, CRMs: []Target{},
		DiscoverConcurrency: discoverConcurrency, ChunkConcurrency: chunkConcurrency,
	}
	if out.Waterfall, err = s.targets("enrich", profile.Enrich.Providers); err != nil {
		return Output{}, err
	}
	if campaign.Options.AutoConvert {
		if out.CRMs, err = s.targets("push", s.CRMs); err != nil {
			return Output{}, err
		}
	}
	return out, s.Store.PlanRun(ctx, in.Ref, planned)
}

// enrich resolves what is bought and where: at providers that have a key. Unless the campaign fixes the
// order, it is what was learned so far, and stays that for the whole run.
func (s *Stage) enrich(ctx context.Context, c domain.Campaign) (domain.EnrichPlan, error) {
	want := c.Options.Enrich
	if len(want.Providers) == 0 {
		want.Providers = s.Enrichers
	}
	connected, err := waterfall.Connected(ctx, want.Providers, s.Sources, s.Keys)
	if err != nil {
		return domain.EnrichPlan{}, err
	}
	want.Providers = connected
	known, err := s.Store.Learned(ctx, c.Team)
	if err != nil {
		return domain.EnrichPlan{}, err
	}
	return waterfall.PlanOf(want, c.Sources, s.Sources, known), nil
}

func (s *Stage) targets(verb string, names []string) ([]Target, error) {
	targets := make([]Target, 0, len(names))
	for _, name := range names {
		url := s.Queues[verb+"-"+name]
		if url == "" {
			return nil, fault.New(fault.Internal, "plan.targets", "no queue "+verb+"-"+name+" is configured; the template sets SLUICE_QUEUE_*")
		}
		targets = append(targets, Target{Provider: name, Queue: url})
	}
	return targets, nil
}

// Resolve fills what the campaign's criteria leave open from the ICP.
func Resolve(c domain.Criteria, icp domain.ICP) domain.SearchQuery {
	or := func(own, fallback []string) []string {
		if len(own) > 0 {
			return own
		}
		return fallback
	}
	place := icp.Demographics.Location
	if place == "" {
		place = icp.Firmographics.Geography
	}
	var places []string
	for part := range strings.SplitSeq(place, ",") {
		if part = strings.TrimSpace(part); part != "" {
			places = append(places, part)
		}
	}
	return domain.SearchQuery{
		Titles: or(c.Titles, icp.Demographics.JobTitles), Sizes: or(c.Sizes, icp.Firmographics.CompanySize),
		Locations: or(c.Locations, places), Industries: or(c.Industries, icp.Firmographics.Industry),
	}
}

// Shares of a run's prospects by kind of source: place search brings companies
// without people, so it gets the smaller part where there is a people search.
const placesShare = 5 // one in five

// Limits of one query at a source.
const (
	apolloPage     = 100
	apolloMaxPages = 500
	placesMaxRows  = 60  // three pages of twenty
	placesSearches = 25  // of one shard
	shardMinRows   = 500 // a chunk: a shard of several is a multiple of it
	shardMaxRows   = 5_000
)

// shards splits the discovery so that the rows of all shards together are at
// most the campaign's maximum.
func (s *Stage) shards(c domain.Campaign, q domain.SearchQuery) ([]domain.DiscoverShard, error) {
	var out []domain.DiscoverShard
	rest := c.Options.MaxProspects
	if slices.Contains(c.Sources, "googleplaces") {
		share := rest
		if len(c.Sources) > 1 {
			share = rest / placesShare
		}
		places := placesShards(q, share)
		for _, sh := range places {
			rest -= sh.MaxRows
		}
		out = append(out, places...)
	}
	if slices.Contains(c.Sources, "apollo") {
		out = append(out, apolloShards(q, rest)...)
	}
	for i := range out {
		sh := &out[i]
		sh.ID = fmt.Sprintf("s%04d", i)
		sh.MaxPrice = s.Sources[sh.Source].Prices.Operations[provider.OpDiscover].Max()
		if sh.Queue = s.Queues["discover-"+sh.Source]; sh.Queue == "" {
			return nil, fault.New(fault.InvalidInput, "plan.shards", "there is no discovery through "+sh.Source+" in this deployment")
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.InvalidInput, "plan.shards", "nothing to discover: none of the campaign's platforms can search for what it asks")
	}
	return out, nil
}

// placesShards splits a place search into one search per industry and place. A
// shard makes many of them, since each brings few rows and neighbouring ones
// bring the same companies: one worker fills whole chunks and sees the repeats
// in the same order every time.
func placesShards(q domain.SearchQuery, rows int) []domain.DiscoverShard {
	var searches []string
	for _, industry := range q.Industries {
		for _, place := range q.Locations {
			searches = append(searches, industry+" in "+place)
		}
	}
	var out []domain.DiscoverShard
	for batch := range slices.Chunk(searches, placesSearches) {
		share := min(rows, len(batch)*placesMaxRows)
		if share == 0 {
			break
		}
		rows -= share
		out = append(out, domain.DiscoverShard{Source: "googleplaces", Query: q, Searches: batch, MaxRows: share})
	}
	return out
}

// apolloShards splits a people search by page ranges, and where one search can
// not reach all rows, by place and title, and then by size of the company.
func apolloShards(q domain.SearchQuery, rows int) []domain.DiscoverShard {
	const most = apolloPage * apolloMaxPages // that one search reaches
	queries := []domain.SearchQuery{q}
	if rows > most {
		queries = split(queries, q.Locations, func(part *domain.SearchQuery, place []string) { part.Locations = place })
		queries = split(queries, q.Titles, func(part *domain.SearchQuery, title []string) { part.Titles = title })
	}
	if rows > most*len(queries) {
		queries = split(queries, q.Sizes, func(part *domain.SearchQuery, size []string) { part.Sizes = size })
	}
	var out []domain.DiscoverShard
	for i, part := range queries {
		share := min(rows/(len(queries)-i), most)
		rows -= share
		size := min(max(1, share/16/shardMinRows)*shardMinRows, shardMaxRows)
		for from := 0; from < share; from += size {
			out = append(out, domain.DiscoverShard{
				Source: "apollo", Query: part, From: strconv.Itoa(from/apolloPage + 1), MaxRows: min(size, share-from),
			})
		}
	}
	return out
}

// split makes of each query one for each of the values; none are no restriction.
func split(queries []domain.SearchQuery, values []string, restrict func(*domain.SearchQuery, []string)) []domain.SearchQuery {
	if len(values) == 0 {
		return queries
	}
	var out []domain.SearchQuery
	for _, part := range queries {
		for _, value := range values {
			restrict(&part, []string{value})
			out = append(out, part)
		}
	}
	return out
}
