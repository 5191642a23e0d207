package sim_test

import (
	"slices"
	"strings"
	"testing"
)

// shrink makes a scenario that fails as small as it can with so many runs:
// without events, campaigns and settings that the failure does not need. fails
// says whether a smaller one still fails.
func shrink(s scenario, runs int, fails func(scenario) bool) scenario {
	still := func(smaller scenario) bool {
		if runs == 0 {
			return false
		}
		runs--
		if !fails(smaller) {
			return false
		}
		s = smaller
		return true
	}
	for {
		before := s.line()
		for part := max(1, len(s.Events)/2); ; part /= 2 { // larger parts first: most events do not matter
			for from := 0; from < len(s.Events); {
				smaller := s
				smaller.Events = slices.Delete(slices.Clone(s.Events), from, min(from+part, len(s.Events)))
				if !still(smaller) {
					from += part
				}
			}
			if part <= 1 {
				break
			}
		}
		for i := len(s.Campaigns) - 1; i >= 0 && len(s.Campaigns) > 1; i-- {
			still(s.without(i))
		}
		for _, simpler := range simpler() {
			smaller := s
			smaller.Campaigns, smaller.Events = slices.Clone(s.Campaigns), slices.Clone(s.Events)
			if simpler(&smaller); smaller.line() != s.line() {
				still(smaller)
			}
		}
		for i, e := range s.Events {
			for e.times() > 1 {
				smaller := s
				smaller.Events = slices.Clone(s.Events)
				if e.Times--; e.Times == 1 {
					e.Times = 0
				}
				if smaller.Events[i] = e; !still(smaller) {
					break
				}
			}
		}
		if runs == 0 || s.line() == before {
			return s
		}
	}
}

// without leaves a campaign out.
func (s scenario) without(i int) scenario {
	s.Campaigns, s.Events = slices.Delete(slices.Clone(s.Campaigns), i, i+1), slices.Clone(s.Events)
	for n := range s.Campaigns {
		if c := &s.Campaigns[n]; c.After == i+1 {
			c.After = 0
		} else if c.After > i+1 {
			c.After--
		}
	}
	for n := range s.Events {
		if e := &s.Events[n]; slices.Contains([]string{doPause, doStop, doRotate, doRevoke, doShut}, e.Do) && e.Who > i {
			e.Who--
		}
	}
	return s
}

// simpler are the ways to make a scenario simpler other than by leaving out.
func simpler() []func(*scenario) {
	all := []func(*scenario){
		func(s *scenario) { s.Latency = 0 },
		func(s *scenario) { s.Paced = false },
		func(s *scenario) { s.OpenAI = false },
		func(s *scenario) { s.Listed = 0 },
		func(s *scenario) { s.Known = 0 },
		func(s *scenario) { s.Tables = tempo{} },
		func(s *scenario) { s.Tables.Writes, s.Tables.Reads = 0, 0 },
		func(s *scenario) { s.Tables.Transaction = 0 },
		func(s *scenario) { s.Tables.Expiry = 0 },
		func(s *scenario) { s.Listed /= 2 },
		func(s *scenario) { s.Enrichers = nil },
		func(s *scenario) { s.Enrichers = s.Enrichers[:max(0, len(s.Enrichers)-1)] },
		func(s *scenario) { s.Credits = nil },
	}
	for _, change := range []func(*campaign){
		func(c *campaign) { c.Platforms = c.Platforms[:1] },
		func(c *campaign) { c.Platforms = c.Platforms[len(c.Platforms)-1:] },
		func(c *campaign) { c.Max = max(1, c.Max/2) },
		func(c *campaign) { c.Max = max(1, c.Max*3/4) },
		func(c *campaign) {
			if !c.Bare { // nothing to pay for, so no cap to begin with
				c.Caps = nil
			}
		},
		func(c *campaign) { c.Caps = c.Caps[:min(1, len(c.Caps))] },
		func(c *campaign) { c.Hold, c.Manual = false, 0 },
		func(c *campaign) { c.Manual = min(c.Manual, 1) },
		func(c *campaign) { c.Bare = false; c.Caps = nil },
		func(c *campaign) { c.Again = 0 },
		func(c *campaign) { c.Fields = nil },
		func(c *campaign) { c.From = nil },
		func(c *campaign) { c.Retry = 0 },
		func(c *campaign) { c.After = 0 },
		func(c *campaign) { c.Team = 0 },
	} {
		for i := range 2 {
			all = append(all, func(s *scenario) {
				if i < len(s.Campaigns) {
					change(&s.Campaigns[i])
				}
			})
		}
	}
	return all
}

// A failure that needs two of twenty events, one campaign of two and a little
// of one setting is shrunk to exactly that.
func TestAFailureIsShrunkToWhatItNeeds(t *testing.T) {
	t.Parallel()
	s := draw(7)
	s.Listed, s.Paced = 9, true
	s.Campaigns = []campaign{{Max: 77, Platforms: []string{"googleplaces"}, Again: 2}, {Max: 200, Platforms: []string{"apollo", "googleplaces"}, Caps: []float64{1, 2}, After: 1}}
	s.Events = nil
	for i := range 20 {
		s.Events = append(s.Events, event{Do: doKillAfter, In: "enrich", Nth: i + 1, Times: 5})
	}
	s.Events[4].Do = doPause
	tried := 0
	got := shrink(s, 500, func(s scenario) bool {
		tried++
		last := s.Campaigns[len(s.Campaigns)-1]
		has := func(n, times int) bool {
			return slices.ContainsFunc(s.Events, func(e event) bool { return e.Nth == n && e.times() >= times })
		}
		return last.Max >= 50 && slices.Contains(last.Platforms, "googleplaces") && has(5, 1) && has(16, 3)
	})
	want := scenario{
		Seed: 7, People: s.People, Campaigns: []campaign{{Max: 50, Platforms: []string{"googleplaces"}}},
		Events: []event{{Do: doPause, In: "enrich", Nth: 5}, {Do: doKillAfter, In: "enrich", Nth: 16, Times: 3}},
	}
	if last := got.Campaigns[0].Max; last < 50 || last > 66 {
		t.Errorf("shrunk to %d prospects, want 50 or little more", last)
	}
	got.Campaigns[0].Max = 50
	if got.line() != want.line() {
		t.Errorf("shrunk to\n%s\nwant\n%s", got, want)
	}
	if tried > 200 {
		t.Errorf("shrinking took %d runs", tried)
	}
	if kept := shrink(s, 3, func(scenario) bool { return false }); kept.line() != s.line() {
		t.Error("a scenario of which nothing can be left out was changed")
	}
}

// What a failed seed prints is what runs again.
func TestAScenarioIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		s := draw(seed)
		again, err := parse(s.line())
		if err != nil || again.line() != s.line() || again.String() != s.String() {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, err, s.line(), again.line())
		}
	}
	if _, err := parse(`{"seed":1,"sede":2}`); err == nil || !strings.Contains(err.Error(), "sede") {
		t.Errorf("a misspelt field gives %v", err)
	}
}
