package sim_test

import (
	"context"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// check proves the promises after everything has come to rest.
func (w *world) check(ctx context.Context) {
	tables, err := w.scan(ctx)
	if err != nil {
		w.fail(thatItWorks, "look into the tables: %v", err)
		return
	}
	var all []chunk
	for _, r := range w.runs {
		if r.ref.Run == "" {
			continue
		}
		w.checkEnd(ctx, r)
		all = append(all, w.checkRows(ctx, r, tables)...)
	}
	w.checkClaims(all, tables)
	w.checkMoney(tables)
	w.checkBills(all)
	w.checkCRM(ctx, all, tables)
	w.checkSuppressed(all)
	w.checkAsked(ctx, all)
	w.checkTeams(ctx)
	w.checkRest(ctx, tables)
	w.checkSeen(ctx, tables)
}

// chunk is a chunk of a run as it was discovered and as it ended.
type chunk struct {
	run    *run
	name   string
	ledger store.Chunk
	found  []domain.Row
	final  []domain.Row // nil if it did not come to its conversion
	given  []domain.Row // as they were when the chunk was given up, if it was
}

// checkEnd checks how a run ended.
func (w *world) checkEnd(ctx context.Context, r *run) {
	status := domain.RunStatus(r.last.Status)
	d := w.director
	switch {
	case !status.Ended(): // was told already
	case len(d.fired()) == 0 && w.scenario.Tables == tempo{} && status != domain.RunCompleted && !w.rivals():
		w.fail(thatRunsEnd, "campaign %d is %s though nothing went wrong: %s", r.number, status, r.last.Reason)
	case status == domain.RunCancelled && r.stopped.IsZero():
		w.fail(thatRunsEnd, "campaign %d is cancelled, and nobody stopped it", r.number)
	// A run fails as a whole if the steps that it has only one of are given up;
	// what happens to a chunk or a source makes it partial.
	case status == domain.RunFailed && !d.storm("plan", "finalize", machine) && !(w.scenario.OpenAI && d.ill("openai")):
		w.fail(thatRunsEnd, "campaign %d failed: %s", r.number, r.last.Reason)
	}
	if r.last.Spend.ReservedMicroUSD != 0 {
		w.fail(thatBooksBalance, "campaign %d ended with %s reserved", r.number, r.last.Spend.ReservedMicroUSD)
	}
	parked, err := w.Store.Parked(ctx, r.ref)
	if err != nil || len(parked) > 0 {
		w.fail(thatNothingIsLeft, "campaign %d left %d parked messages (%v)", r.number, len(parked), err)
	}
}

// rivals reports whether two teams share the account at the CRM: there a person
// can be the lead of one of them only, and the other is told so.
func (w *world) rivals() bool {
	return slices.ContainsFunc(w.runs, func(r *run) bool { return r.Team != w.runs[0].Team })
}

// checkRows counts the rows of a run again, from what it wrote.
func (w *world) checkRows(ctx context.Context, r *run, tables tables) []chunk {
	ledger, err := w.Store.Ledger(ctx, r.ref)
	if err != nil {
		w.fail(thatItWorks, "read ledger: %v", err)
		return nil
	}
	var all []chunk
	var sum domain.Counts
	known := map[string]bool{}
	for _, sh := range ledger.Shards {
		w.checkShard(r, sh)
		sum.In += sh.Seen
		sum.Duplicate += sh.Duplicates
		written := 0
		for n, rows := range sh.Chunks {
			written += rows
			c := chunk{run: r, name: store.ChunkName(sh.ID, n), ledger: ledger.Chunks[store.ChunkName(sh.ID, n)]}
			known[c.name] = true
			if c.found, err = w.Store.Rows(ctx, r.ref.Team, store.ChunkKey(r.ref.Run, c.name)); err != nil || len(c.found) != rows {
				w.fail(thatRowsCount, "chunk %s has %d rows, its shard says %d (%v)", c.name, len(c.found), rows, err)
			}
			sum = sum.Plus(w.checkChunk(ctx, &c))
			all = append(all, c)
		}
		sum.Failed += max(0, sh.Seen-sh.Duplicates-written) // claimed, never written
	}
	for key := range tables.objects {
		// A worker that dies between the two leaves an object that the next one
		// writes again; if no next one comes that far, it stays.
		if name, ok := strings.CutPrefix(key, store.ChunkPrefix(r.ref.Run)); ok && !known[name] && !w.brokeOff(ledger) {
			w.fail(thatRowsCount, "chunk %s was written, but no shard knows it", name)
		}
	}
	if got := r.last.Rows.Counts; domain.RunStatus(r.last.Status).Ended() && got != sum {
		w.fail(thatRowsCount, "campaign %d counts %+v, its rows are %+v", r.number, got, sum)
	}
	return all
}

// checkShard checks that a source was read to its end, unless something kept it.
func (w *world) checkShard(r *run, sh store.Shard) {
	if status := domain.RunStatus(r.last.Status); status != domain.RunCompleted && status != domain.RunPartial {
		return
	}
	if !sh.Done && !w.usedUp([]string{"discover", machine, "reap"}, sh.Source) {
		w.fail(thatRunsEnd, "%s was not read to its end, and nothing kept it", sh.ID)
	}
}

// checkGivenUp checks that a chunk came to its end, unless something used its
// attempts up.
func (w *world) checkGivenUp(c *chunk) {
	if status := domain.RunStatus(c.run.last.Status); status != domain.RunCompleted && status != domain.RunPartial {
		return
	}
	if c.ledger.Counts != nil && c.ledger.Failure == "" || w.usedUp([]string{"score", "convert", "finalize", machine}, "openai") {
		return
	}
	w.fail(thatRunsEnd, "chunk %s was given up (%s: %s), and nothing can have used its attempts up", c.name, c.ledger.Failure, c.ledger.Cause)
}

// brokeOff reports whether a source could not be read to its end.
func (w *world) brokeOff(l store.Ledger) bool {
	return slices.ContainsFunc(l.Shards, func(sh store.Shard) bool { return !sh.Done })
}

// checkChunk counts the final rows of a chunk; In is left out.
func (w *world) checkChunk(ctx context.Context, c *chunk) (sum domain.Counts) {
	rows, err := w.Store.Rows(ctx, c.run.ref.Team, store.StepKey(c.run.ref.Run, c.name, store.StepConverted))
	if err != nil && !fault.Is(err, fault.NotFound) {
		w.fail(thatRowsCount, "chunk %s: %v", c.name, err)
	}
	w.checkGivenUp(c)
	if c.ledger.Counts == nil {
		return domain.Counts{Failed: len(c.found)}
	}
	if c.ledger.Failure != "" {
		// Nobody keeps the rows of a step that has not been finished: those that
		// its chunk was given up with may be those before it, or none.
		if c.given, err = w.Store.Rows(ctx, c.run.ref.Team, c.ledger.Doc); err != nil && !fault.Is(err, fault.NotFound) {
			w.fail(thatRowsCount, "chunk %s: %v", c.name, err)
		}
		sum = *c.ledger.Counts
		if sum.In != len(c.found) {
			w.fail(thatRowsCount, "chunk %s failed with %d rows, it was discovered with %d", c.name, sum.In, len(c.found))
		}
		w.checkGiven(c)
		sum.In = 0
		return sum
	}
	c.final = rows
	found := map[string]bool{}
	for _, row := range c.found {
		found[row.Prospect.ID] = true
	}
	for _, row := range rows {
		if err := sum.Add(row.State, 1); err != nil || !row.State.Final() {
			w.fail(thatRowsCount, "chunk %s ended with a row that is %s (%v)", c.name, row.State, err)
		}
		if row.State != domain.Qualified && row.State != domain.Review && row.State != domain.Rejected && row.Reason == "" {
			w.fail(thatRowsCount, "chunk %s: a row is %s without a reason", c.name, row.State)
		}
		if !found[row.Prospect.ID] {
			w.fail(thatRowsCount, "chunk %s ended with prospect %s, who was not in it or is in it twice", c.name, row.Prospect.ID)
		}
		delete(found, row.Prospect.ID)
	}
	if len(found) > 0 {
		w.fail(thatRowsCount, "chunk %s lost %d rows", c.name, len(found))
	}
	return sum
}

// checkGiven counts the rows that a chunk was given up with again: what had not
// been decided on has failed, and so has who qualified and did not become a lead.
func (w *world) checkGiven(c *chunk) {
	if c.given == nil {
		return
	}
	sum := domain.Counts{In: len(c.given)}
	for _, row := range c.given {
		state := row.State
		if !state.Final() || state == domain.Qualified {
			state = domain.Failed
		}
		if err := sum.Add(state, 1); err != nil {
			w.fail(thatRowsCount, "chunk %s was given up with a row that is %s", c.name, row.State)
		}
	}
	if sum != *c.ledger.Counts {
		w.fail(thatRowsCount, "chunk %s was given up with %+v, and counts %+v", c.name, sum, *c.ledger.Counts)
	}
}

// checkClaims checks that each prospect of a team is in one chunk, the one that
// claimed it.
func (w *world) checkClaims(all []chunk, t tables) {
	holder, found := map[string]string{}, map[string]bool{}
	for _, c := range all {
		for _, row := range c.found {
			p, here := row.Prospect, c.run.ref.Run+"/"+c.name
			if want := domain.ProspectID(c.run.ref.Team, p.Source, p.ProfileID); p.ID != want {
				w.fail(thatClaimsHold, "prospect %s in %s is not of that team", p.ID, here)
			}
			if other := holder[p.ID]; other != "" {
				w.fail(thatClaimsHold, "prospect %s is in %s and in %s", p.ID, other, here)
			}
			holder[p.ID] = here
		}
		for _, row := range slices.Concat(c.found, c.final) { // enrichment claims the people whom it finds
			found[c.run.ref.Run+"/"+c.name] = c.final != nil
			found[row.Prospect.ID+c.run.ref.Run+"/"+c.name] = true
			for provider, ref := range row.Prospect.Refs {
				found[domain.ProspectID(c.run.ref.Team, provider, ref)+c.run.ref.Run+"/"+c.name] = true
			}
		}
	}
	for _, it := range t.prospects {
		_, id, claim := strings.Cut(strings.TrimPrefix(it.text("pk"), "CLAIM#"), "#")
		here := it.text("run") + "/" + it.text("chunk")
		if it.text("sk") == "CLAIM" && claim && found[here] && !found[id+here] {
			w.fail(thatClaimsHold, "prospect %s was claimed for %s and is not there", id, here)
		}
	}
}
