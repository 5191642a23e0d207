package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/waterfall"
)

// EnrichRequest is what a campaign wants to be bought about its prospects.
type EnrichRequest struct {
	Fields    []string `json:"fields,omitempty" doc:"person, email, email status, title, company, phone, technologies, intent; default: person, email, email status"`
	Providers []string `json:"providers,omitempty" doc:"Who may be asked, in your order; default: all that are connected"`
	Order     string   `json:"order,omitempty" enum:"learned,fixed" doc:"learned (default): cheapest per validated value for each kind of prospect; fixed: as given"`
	Guesses   *int     `json:"guesses,omitempty" minimum:"0" maximum:"5" doc:"How many addresses may be guessed from the pattern of the domain for a person whom no finder knows; each is checked by a verifier and used only if it is safe; default: 2"`
}

// enrichOf reads what a campaign wants to be bought.
func enrichOf(in *EnrichRequest) (domain.Enrich, error) {
	if in == nil {
		return domain.Enrich{}, nil
	}
	out := domain.Enrich{Providers: in.Providers, Fixed: in.Order == "fixed", Guesses: in.Guesses}
	for _, name := range in.Fields {
		if !slices.Contains(domain.Fields(), domain.Field(name)) {
			return out, fault.New(fault.InvalidInput, "api.enrich", fmt.Sprintf("enrich.fields: there is no field %s; use %s", quote(name), listOf(domain.Fields())))
		}
		out.Fields = append(out.Fields, domain.Field(name))
	}
	return out, nil
}

func listOf[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// enrichPlan is what the campaign's next run would buy, and where: the
// providers that have a key.
func (s *server) enrichPlan(ctx context.Context, c domain.Campaign) (domain.EnrichPlan, error) {
	if !c.Options.AutoEnrich {
		return domain.EnrichPlan{}, nil
	}
	want := c.Options.Enrich
	if len(want.Providers) == 0 {
		want.Providers = s.Waterfall
	}
	connected, err := waterfall.Connected(ctx, want.Providers, s.Providers, s.Keys)
	if err != nil {
		return domain.EnrichPlan{}, err
	}
	want.Providers = connected
	known, err := s.Team.Learned(ctx, c.Team)
	if err != nil {
		return domain.EnrichPlan{}, err
	}
	return waterfall.PlanOf(want, c.Sources, s.Providers, known), nil
}

// Price is what a campaign costs at its providers.
type Price struct {
	ExpectedMicroUSD  money.Micro            `json:"expectedMicroUsd"`
	WorstCaseMicroUSD money.Micro            `json:"worstCaseMicroUsd"`
	CapMicroUSD       money.Micro            `json:"capMicroUsd" doc:"The run pauses rather than pass this"`
	ByProvider        map[string]money.Micro `json:"byProvider" doc:"Worst case"`
	Expected          map[string]money.Micro `json:"expectedByProvider" doc:"What it usually is: from the price tables, and from what earlier runs have taught"`
	PricesFrom        string                 `json:"pricesFrom" doc:"Date of the oldest price table used"`
	Dates             map[string]string      `json:"priceDates" doc:"Date of each provider's price table"`
	worst             money.Micro
}

// enrichedShare is about the part of the prospects that is not rejected before
// anything is bought about it.
const enrichedShare = 0.8

// icpTexts is about how many texts the calibration of an ICP embeds.
const icpTexts = 1000

// priceOf adds up the highest price of everything that a campaign may ask, and
// what it can be expected to be.
func (s *server) priceOf(ctx context.Context, c domain.Campaign) (Price, error) {
	p := Price{ByProvider: map[string]money.Micro{}, Expected: map[string]money.Micro{}, Dates: map[string]string{}}
	n := money.Micro(max(c.Options.MaxProspects, 0))
	add := func(name string, worst, expected money.Micro) {
		d := s.Providers[name]
		if worst <= 0 {
			return
		}
		p.ByProvider[name] += worst
		p.Expected[name] += min(expected, worst)
		p.worst += worst
		p.ExpectedMicroUSD += min(expected, worst)
		p.Dates[name] = d.Prices.Date
		if p.PricesFrom == "" || d.Prices.Date < p.PricesFrom {
			p.PricesFrom = d.Prices.Date
		}
	}
	for _, source := range c.Sources {
		// A page of the smallest source brings twenty rows; a search brings a page,
		// however few rows are on it.
		page := s.Providers[source].Prices.Operations[provider.OpDiscover].Max()
		add(source, page*(n/20+searchesAtMost), page*(n/20+1))
	}
	plan, err := s.enrichPlan(ctx, c)
	if err != nil {
		return p, err
	}
	known, err := s.Team.Learned(ctx, c.Team)
	if err != nil {
		return p, err
	}
	expected := waterfall.Stats{Providers: s.Providers, Known: waterfall.Widen(known)}.ExpectAll(plan)
	w := waterfall.New(plan, s.Providers, nil)
	for _, name := range plan.Providers {
		add(name, w.Highest(&domain.Row{State: domain.InWork}, name)*n, money.Micro(float64(expected[name]*n)*enrichedShare))
	}
	if d, ok := s.Providers[s.Embedder]; ok {
		embed := d.Prices.Operations[provider.OpEmbed].For(float64(scoring.MaxText) * float64(c.Options.MaxProspects+icpTexts) / 1e6)
		add(s.Embedder, embed, embed/4) // texts are shorter than they may be
	}
	p.WorstCaseMicroUSD, p.CapMicroUSD = p.worst, c.Options.Cap
	if p.CapMicroUSD == 0 {
		p.CapMicroUSD = p.worst
	}
	return p, nil
}

// estimate says when rows more prospects will be done: the provider whose
// quota takes longest decides.
func (s *server) estimate(c domain.Campaign, from time.Time, rows int) time.Time {
	longest := time.Duration(0)
	if c.Options.AutoEnrich {
		names := c.Options.Enrich.Providers
		if len(names) == 0 {
			names = s.Waterfall
		}
		fields := c.Options.Enrich.Fields
		if len(fields) == 0 {
			fields = domain.DefaultFields()
		}
		for _, name := range names {
			longest = max(longest, s.takes(s.Providers[name], fields, rows))
		}
	}
	return from.Add(longest + 30*time.Second).Truncate(time.Second)
}

// takes is how long a provider's quotas let questions about so many rows take.
func (s *server) takes(d provider.Definition, fields []domain.Field, rows int) time.Duration {
	longest := time.Duration(0)
	for _, op := range slices.Sorted(maps.Keys(d.Offers)) {
		offer := d.Offers[op]
		if offer.Interactive || !slices.ContainsFunc(offer.Gives, func(f domain.Field) bool { return f != domain.FieldPerson && slices.Contains(fields, f) }) {
			continue
		}
		for _, q := range d.Quotas {
			if q.Rate > 0 && slices.Contains(q.Operations, op) {
				longest = max(longest, time.Duration(float64(q.Per)/float64(q.Rate)*float64(rows)/float64(d.BatchOf(op))))
			}
		}
	}
	return longest
}
