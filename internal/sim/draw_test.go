package sim_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/waterfall"
)

// draw makes the scenario of a seed: mostly small and mildly disturbed, now
// and then large or stormy.
func draw(seed uint64) scenario {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	s := scenario{Seed: seed, People: 250 + r.IntN(900)}
	if chance(r, 0.3) {
		s.Latency = span(time.Duration(1+r.IntN(1500)) * time.Millisecond)
	}
	s.Paced, s.OpenAI = chance(r, 0.12), chance(r, 0.05)
	if chance(r, 0.3) {
		s.Listed = 5 + r.IntN(40)
	}
	if chance(r, 0.25) {
		s.Known = 20 + r.IntN(s.People/2)
	}
	if chance(r, 0.12) {
		s.Tables = drawTempo(r)
	}
	if chance(r, 0.15) {
		s.Tables.Stale = span(time.Duration(1+r.IntN(5000)) * time.Millisecond)
	}
	if chance(r, 0.3) {
		s.Enrichers = slices.Clone(waterfalls[pick(r, 4, 3, 3, 2, 1)])
	}
	if chance(r, 0.08) {
		s.Credits = map[string]int{pickOf(r, s.enrichers()): r.IntN(40)}
	}
	s.Campaigns = drawCampaigns(r)
	if with(func(c campaign) bool { return slices.Contains(c.Fields, "intent") })(s) && !slices.Contains(s.Enrichers, knowsIntent) {
		s.Enrichers = append(slices.Clone(s.enrichers()), knowsIntent)
	}
	if slices.ContainsFunc(s.Campaigns, func(c campaign) bool { return c.Team != s.Campaigns[0].Team }) {
		// Two teams that share one CRM cannot both have a person who was in it before:
		// what the first of them writes there, the second must leave alone.
		s.Known = 0
	}
	s.Events = drawEvents(r, len(s.Campaigns), s.enrichers())
	if slices.ContainsFunc(s.Campaigns, func(c campaign) bool { return c.Team != s.Campaigns[0].Team }) {
		// A circuit is an account's. A team that shuts it and then takes a key of its own
		// opens that one's again, and the other team would have to open the first.
		changes := func(of string) bool {
			return slices.ContainsFunc(s.Events, func(e event) bool { return (e.Do == doRotate || e.Do == doRevoke) && e.Of == of })
		}
		s.Events = slices.DeleteFunc(s.Events, func(e event) bool { return e.Do == doShut && changes(e.Of) })
	}
	if all := s.Campaigns; len(all) == 2 && all[0].Team == all[1].Team && !all[0].Bare && slices.Contains(s.enrichers(), "hunter") && chance(r, 0.35) {
		// Whom Hunter finds at companies, it finds under ids of its own:
		// the next campaign discovers some of them at Apollo, as other prospects.
		all[0].Platforms, all[1].Platforms = []string{"googleplaces"}, []string{"apollo"}
		all[0].From = []string{"hunter"}
	}
	known := definitions()
	for i := range s.Campaigns { // what nobody gives is refused
		c := &s.Campaigns[i]
		from := c.From
		if len(from) == 0 {
			from = s.enrichers()
		}
		c.Fields = slices.DeleteFunc(slices.Clone(c.Fields), func(field string) bool {
			return !slices.ContainsFunc(from, func(name string) bool { return waterfall.Gives(known[name], domain.Field(field)) })
		})
	}
	return s
}

// waterfalls are providers that teams have connected, other than apollo and
// hunter: with cheaper verifiers, without repeats that are free, by batches alone,
// and everybody.
var waterfalls = [][]string{
	{"apollo", "hunter", "zerobounce"},
	{"apollo", "zerobounce"},
	{"apollo", "lusha", "hunter", "clearbit"},
	{"apollo", "hunter", "zoominfo", "neverbounce"},
	{"apollo", "clearbit", "hunter", "lusha", "neverbounce", "zerobounce", "zoominfo"},
}

// enrichers are the providers of the waterfall.
func (s scenario) enrichers() []string {
	if len(s.Enrichers) == 0 {
		return []string{"apollo", "hunter"}
	}
	return s.Enrichers
}

// definitions are those of all providers, by name.
func definitions() map[string]provider.Definition {
	all := map[string]provider.Definition{}
	for _, e := range catalog.All() {
		all[e.Definition.Name] = e.Definition
	}
	return all
}

func pickOf(r *rand.Rand, names []string) string { return names[r.IntN(len(names))] }

// drawTempo draws how slowly DynamoDB serves. The product has no secondary
// index, so that none can be late.
func drawTempo(r *rand.Rand) (t tempo) {
	if chance(r, 0.6) {
		t.Writes = float64(60 + r.IntN(400))
		t.Reads = 3 * t.Writes
	}
	if chance(r, 0.6) {
		t.Transaction = span(time.Duration(1+r.IntN(60)) * time.Millisecond)
	}
	if chance(r, 0.5) {
		t.Expiry = 1 // as fast as can be
	}
	return t
}

// drawLarge makes a campaign of 2,000 prospects with mishaps all along it.
func drawLarge(seed uint64) scenario {
	r := rand.New(rand.NewPCG(seed, 0x1a46e))
	s := scenario{Seed: seed, People: 20_000, Campaigns: []campaign{{Platforms: []string{"apollo", "googleplaces"}, Max: 2_000}}}
	paused := false
	for range 2 {
		for _, e := range drawEvents(r, 1, s.enrichers()) {
			if e.Do == doPause && paused {
				continue // the end of one pause would be the end of the other
			}
			paused = paused || e.Do == doPause
			if e.Nth > 0 { // a large campaign makes more calls than a small one
				e.Nth = 1 + (e.Nth-1)*(1+r.IntN(25))
			}
			s.Events = append(s.Events, e)
		}
	}
	return s
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func drawCampaigns(r *rand.Rand) []campaign {
	n := 1
	if chance(r, 0.25) {
		n = 2
	}
	rivals := n == 2 && chance(r, 0.4)
	var all []campaign
	for i := range n {
		c := campaign{Max: 12 + r.IntN(30)}
		switch {
		case chance(r, 0.004):
			c.Max = 600 + r.IntN(1000)
		case chance(r, 0.02):
			c.Max = 260 + r.IntN(340)
		case chance(r, 0.12):
			c.Max = 60 + r.IntN(120)
		}
		c.Platforms = [][]string{{"apollo", "googleplaces"}, {"apollo"}, {"googleplaces"}}[pick(r, 6, 3, 1)]
		if rivals {
			c.Team = i
		}
		if i > 0 && chance(r, 0.5) {
			c.After = i
		}
		if i > 0 && !rivals && chance(r, 0.5) {
			c.Max += all[0].Max + 40 // finds the same people, and others behind them
		}
		if chance(r, 0.25) {
			c.Caps = []float64{0.3 + 2*r.Float64()}
			if chance(r, 0.5) {
				c.Caps = append(c.Caps, c.Caps[0]+r.Float64())
			}
		}
		if chance(r, 0.2) {
			c.Hold, c.Manual = true, 1+r.IntN(4)
		}
		if chance(r, 0.06) {
			c.Bare, c.Caps = true, []float64{5}
		}
		if chance(r, 0.2) {
			c.Again = 1 + r.IntN(2)
		}
		if chance(r, 0.2) {
			c.Fields = [][]string{aboutCompanies, {"person", "phone", "email"}, {"email"}}[pick(r, 3, 1, 1)]
		}
		if chance(r, 0.5) {
			c.Retry = 1 + r.IntN(2)
		}
		all = append(all, c)
	}
	if n == 2 && !rivals && chance(r, 0.25) { // at once, and about the same companies
		all[1].After, all[1].Platforms, all[0].Fields, all[1].Fields = 0, all[0].Platforms, aboutCompanies, aboutCompanies
	}
	return all
}

// aboutCompanies are fields of which some are the same for all who work there.
var aboutCompanies = []string{"person", "email", "email status", "company", "intent"}

// knowsIntent is the provider that is asked about companies for their own sake.
const knowsIntent = "zoominfo"

// pick returns an index, drawn by weight.
func pick(r *rand.Rand, weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := r.IntN(sum)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	return 0
}

// places are where calls can be hit: the function, what it calls, and how many
// such calls a small campaign makes, about.
var places = []struct {
	weight   int
	function string
	call     string
	calls    int
}{
	{2, "plan", "", 10},
	{4, "discover", "", 60},
	{2, "discover", "dynamodb.PutItem", 40},
	{2, "discover", "dynamodb.UpdateItem", 6},
	{2, "discover", "s3", 4},
	{1, "discover", "dynamodb.TransactWriteItems", 4},
	{8, "enrich", "", 150},
	{4, "enrich", "dynamodb.PutItem", 70},
	{4, "enrich", "dynamodb.TransactWriteItems", 6},
	{3, "enrich", "dynamodb.UpdateItem", 8},
	{4, "enrich", "api.apollo.io", 40},
	{4, "enrich", "api.hunter.io", 40},
	{1, "enrich", "states", 4},
	{1, "enrich", "sqs", 3},
	{3, "score", "", 12},
	{4, "convert", "", 50},
	{2, "convert", "dynamodb.PutItem", 40},
	{5, "push-hubspot", "", 20},
	{4, "push-hubspot", "api.hubapi.com", 12},
	{2, "push-hubspot", "s3", 5},
	{2, "push-hubspot", "dynamodb", 6},
	{1, "push-hubspot", "states", 2},
	{2, "finalize", "", 5},
	{1, "reap", "", 2},
	{3, "api", "", 40},
	{1, "api", "dynamodb.PutItem", 4},
	{1, "api", "states", 1},
	{3, machine, "sqs.SendMessage", 8},
	{2, machine, "lambda.Invoke", 8},
}

var queues = []string{"discover-apollo", "discover-googleplaces", "push-hubspot"} // and those of enrichers

func drawEvents(r *rand.Rand, campaigns int, enrichers []string) (all []event) {
	if chance(r, 0.05) {
		return nil // nothing goes wrong: then everything must be exact
	}
	place := func(besides ...string) event {
		weights := make([]int, len(places))
		for i, p := range places {
			if !slices.Contains(besides, p.function) {
				weights[i] = p.weight
			}
		}
		p := places[pick(r, weights...)]
		return event{In: p.function, Call: p.call, Nth: 1 + r.IntN(p.calls*campaigns)}
	}
	calls := r.IntN(7)
	switch {
	case chance(r, 0.2):
		calls = 0 // only people and queues
	case chance(r, 0.12):
		calls += 8 + r.IntN(40) // a storm
	}
	for range calls {
		e := place()
		e.Do = []string{doThrottle, doError, doKillBefore, doKillAfter, doLose, doDelay}[pick(r, 2, 2, 4, 6, 5, 1)]
		if e.In == machine && (e.Do == doKillBefore || e.Do == doKillAfter) {
			e.Do = doLose // it has no worker to kill
		}
		switch {
		case e.Do == doDelay:
			e.For = span(time.Duration(1+r.IntN(90)) * time.Second)
		case chance(r, 0.12):
			e.Times = 2 + r.IntN(7)
		}
		all = append(all, e)
	}
	for range r.IntN(5) {
		in := pickOf(r, queues)
		if chance(r, 0.5) {
			in = "enrich-" + pickOf(r, enrichers)
		}
		e := event{In: in, Nth: 1 + r.IntN(4), Do: doCopy, Times: 1 + r.IntN(2)}
		switch {
		case chance(r, 0.5):
			e.Do, e.Times, e.For = doLate, 0, span(time.Duration(1+r.IntN(600))*time.Second)
		case chance(r, 0.5): // when the first one was handled, or the run is over
			e.For = span(time.Duration(1+r.IntN(7200)) * time.Second)
		}
		all = append(all, e)
	}
	// What people do while the API serves them would wait for itself.
	if chance(r, 0.25) {
		e := place("api", machine)
		e.Do, e.Who, e.For = doPause, r.IntN(campaigns), span(time.Duration(1+r.IntN(1200))*time.Second)
		all = append(all, e)
	}
	for range pick(r, 4, 2, 1) {
		e := place("api", machine)
		e.Do, e.Who = doSuppress, r.IntN(60)
		all = append(all, e)
	}
	if chance(r, 0.06) {
		e := place("api", "reap", machine)
		e.Do, e.Who, e.Times = doStop, r.IntN(campaigns), pick(r, 3, 0, 1, 1)
		if all = append(all, e); chance(r, 0.2) {
			all = append(all, event{Do: doKillBefore, In: "finalize", Nth: 1, Times: 3}) // its event is lost
		}
	}
	if chance(r, 0.04) {
		// A worker that dies wherever it comes: its provider is given up for the chunk.
		all = append(all, event{Do: doKillAfter, In: "enrich", Call: []string{"s3", "dynamodb.TransactWriteItems"}[r.IntN(2)], Nth: 2 + r.IntN(6), Times: 30 + r.IntN(60)})
	}
	if chance(r, 0.03) {
		e := place("api", "reap", machine)
		e.Do = doRestart
		all = append(all, e)
	}
	if chance(r, 0.1) {
		for range 1 + r.IntN(2) {
			e := place("api", "reap", machine)
			e.Do, e.Who, e.Of = []string{doRotate, doRotate, doRevoke}[r.IntN(3)], r.IntN(campaigns), pickOf(r, keyed(enrichers))
			all = append(all, e)
		}
	}
	if chance(r, 0.06) {
		e := place("api", "reap", machine)
		e.Do, e.Who, e.For = doShut, r.IntN(campaigns), span(time.Duration(1+r.IntN(3600))*time.Second)
		e.Of = pickOf(r, append(slices.Clone(enrichers), "hubspot"))
		all = append(all, e)
	}
	if chance(r, 0.3) {
		all = append(all, drawIllness(r, []float64{1, 3}[pick(r, 4, 1)], enrichers)...)
	}
	// Two mishaps of one call exclude one another: the first one stays.
	type where struct {
		in, call string
		nth      int
	}
	taken := map[where]bool{}
	return slices.DeleteFunc(all, func(e event) bool {
		at := where{e.In, e.Call, e.Nth}
		double := e.Nth > 0 && taken[at]
		taken[at] = true
		return double
	})
}

// keyed are the providers whose key is one word, so that a team's own can stand
// for it; zoominfo gives out tokens.
func keyed(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "zoominfo" })
}

// drawIllness draws what providers do wrong, and how much of it.
func drawIllness(r *rand.Rand, degree float64, enrichers []string) (all []event) {
	ill := append([]string{"apollo", "hunter", "googleplaces", "hubspot", "openai"}, enrichers...)
	slices.Sort(ill)
	for _, provider := range slices.Compact(ill) {
		if chance(r, 0.5) {
			continue
		}
		for i, kind := range []string{"throttle", "error", "slow", "truncate", "wrong type", "lost"} {
			if chance(r, 0.6) {
				continue
			}
			e := event{Do: doIll + kind, In: provider, Share: degree * []float64{0.08, 0.08, 0.05, 0.03, 0.03, 0.04}[i] * r.Float64()}
			if kind == "slow" {
				e.For = span(time.Duration(1+r.IntN(30)) * time.Second)
			}
			all = append(all, e)
		}
	}
	return all
}
