package sim_test

import (
	"context"
	"slices"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/waterfall"
)

// checkAsked checks that enrichment happens: of a row that was scored, every
// question of its run's waterfall was asked, but for those of a provider that was
// given up for the chunk. Whether one was given up is not believed to the product:
// something must have happened that can use its attempts up.
func (w *world) checkAsked(ctx context.Context, all []chunk) {
	known := definitions()
	plans := map[*run]domain.RunProfile{}
	for _, c := range all {
		if status := domain.RunStatus(c.run.last.Status); c.final == nil || status != domain.RunCompleted && status != domain.RunPartial {
			continue
		}
		profile, read := plans[c.run]
		if !read {
			if err := w.Store.Profile(ctx, c.run.ref.Team, c.run.ref.Run, &profile); err != nil {
				w.fail(thatItWorks, "read profile: %v", err)
				return
			}
			plans[c.run] = profile
		}
		plan := waterfall.New(profile.Enrich, known, map[string]string{})
		plan.Explore = waterfall.Explores(c.found)
		for _, row := range c.final {
			if row.Score == nil { // it was decided on before anything was bought
				continue
			}
			row.State = domain.InWork
			for {
				step, more := plan.Next(&row)
				if !more {
					break
				}
				if !w.mayGiveUp(step.Provider) {
					w.fail(thatRowsAreEnriched, "chunk %s: %s was not asked about a row (%s), and nothing kept it", c.name, step.Provider, step.Op)
					return
				}
				plan.Out[step.Provider] = "given up"
			}
		}
	}
}

// mayGiveUp reports whether something happened for which chunks go on without an
// enricher.
func (w *world) mayGiveUp(name string) bool {
	if _, scarce := w.scenario.Credits[name]; scarce {
		return true
	}
	return w.usedUp([]string{"enrich", machine, "reap"}, name) ||
		slices.ContainsFunc(w.director.fired(), func(e event) bool { return e.Do == doRotate && e.Of == name })
}
