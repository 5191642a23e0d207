package sim_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/apollo"
	"github.com/messageai/sluice/internal/store"
)

// check proves the promises after everything has come to rest.
func (w *world) check(ctx context.Context) {
	tables, err := w.scan(ctx)
	if err != nil {
		w.fail("look into the tables: %v", err)
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
	w.checkTeams(ctx, tables)
	w.checkPrivacy(ctx, tables)
}

// chunk is a chunk of a run as it was discovered and as it ended.
type chunk struct {
	run    *run
	name   string
	ledger store.Chunk
	found  []domain.Row
	final  []domain.Row // nil if it did not come to its conversion
}

// checkEnd checks how a run ended.
func (w *world) checkEnd(ctx context.Context, r *run) {
	status := domain.RunStatus(r.last.Status)
	switch {
	case !status.Ended(): // was told already
	case len(w.director.fired()) == 0 && status != domain.RunCompleted && !w.rivals():
		w.fail("campaign %d is %s though nothing went wrong: %s", r.number, status, r.last.Reason)
	case status == domain.RunFailed && !w.director.stormy():
		w.fail("campaign %d failed: %s", r.number, r.last.Reason)
	}
	if r.last.Spend.ReservedMicroUSD != 0 {
		w.fail("campaign %d ended with %s reserved", r.number, r.last.Spend.ReservedMicroUSD)
	}
	parked, err := w.Store.Parked(ctx, r.ref)
	if err != nil || len(parked) > 0 {
		w.fail("campaign %d left %d parked messages (%v)", r.number, len(parked), err)
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
		w.fail("read ledger: %v", err)
		return nil
	}
	var all []chunk
	var sum domain.Counts
	known := map[string]bool{}
	for _, sh := range ledger.Shards {
		sum.In += sh.Seen
		sum.Duplicate += sh.Duplicates
		written := 0
		for n, rows := range sh.Chunks {
			written += rows
			c := chunk{run: r, name: store.ChunkName(sh.ID, n), ledger: ledger.Chunks[store.ChunkName(sh.ID, n)]}
			known[c.name] = true
			if c.found, err = w.Store.Rows(ctx, r.ref.Team, store.ChunkKey(r.ref.Run, c.name)); err != nil || len(c.found) != rows {
				w.fail("chunk %s has %d rows, its shard says %d (%v)", c.name, len(c.found), rows, err)
			}
			sum = sum.Plus(w.checkChunk(ctx, &c))
			all = append(all, c)
		}
		sum.Failed += max(0, sh.Seen-sh.Duplicates-written) // claimed, never written
	}
	for _, key := range tables.objects {
		if name, ok := strings.CutPrefix(key, store.ChunkPrefix(r.ref.Run)); ok && !known[name] && !w.director.stormy() {
			w.fail("chunk %s was written, but no shard knows it", name)
		}
	}
	if got := r.last.Rows.Counts; domain.RunStatus(r.last.Status).Ended() && got != sum {
		w.fail("campaign %d counts %+v, its rows are %+v", r.number, got, sum)
	}
	return all
}

// checkChunk counts the final rows of a chunk; In is left out.
func (w *world) checkChunk(ctx context.Context, c *chunk) (sum domain.Counts) {
	rows, err := w.Store.Rows(ctx, c.run.ref.Team, store.StepKey(c.run.ref.Run, c.name, store.StepConverted))
	if err != nil && !fault.Is(err, fault.NotFound) {
		w.fail("chunk %s: %v", c.name, err)
	}
	if c.ledger.Counts == nil {
		return domain.Counts{Failed: len(c.found)}
	}
	if c.ledger.Failure != "" {
		sum = *c.ledger.Counts
		if sum.In != len(c.found) {
			w.fail("chunk %s failed with %d rows, it was discovered with %d", c.name, sum.In, len(c.found))
		}
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
			w.fail("chunk %s ended with a row that is %s (%v)", c.name, row.State, err)
		}
		if row.State != domain.Qualified && row.State != domain.Review && row.State != domain.Rejected && row.Reason == "" {
			w.fail("chunk %s: a row is %s without a reason", c.name, row.State)
		}
		if !found[row.Prospect.ID] {
			w.fail("chunk %s ended with prospect %s, who was not in it or is in it twice", c.name, row.Prospect.ID)
		}
		delete(found, row.Prospect.ID)
	}
	if len(found) > 0 {
		w.fail("chunk %s lost %d rows", c.name, len(found))
	}
	return sum
}

// checkClaims checks that each prospect of a team is in one chunk, the one that
// claimed it.
func (w *world) checkClaims(all []chunk, t tables) {
	holder, found := map[string]string{}, map[string]bool{}
	for _, c := range all {
		for _, row := range c.found {
			p, here := row.Prospect, c.run.ref.Run+"/"+c.name
			if want := domain.ProspectID(c.run.ref.Team, p.Source, p.ProfileID); p.ID != want {
				w.fail("prospect %s in %s is not of that team", p.ID, here)
			}
			if other := holder[p.ID]; other != "" {
				w.fail("prospect %s is in %s and in %s", p.ID, other, here)
			}
			holder[p.ID] = here
		}
		for _, row := range slices.Concat(c.found, c.final) { // enrichment claims the people whom it finds
			found[c.run.ref.Run+"/"+c.name] = c.final != nil
			found[row.Prospect.ID+c.run.ref.Run+"/"+c.name] = true
			found[domain.ProspectID(c.run.ref.Team, "apollo", row.Prospect.Refs["apollo"])+c.run.ref.Run+"/"+c.name] = true
		}
	}
	for _, it := range t.prospects {
		_, id, claim := strings.Cut(strings.TrimPrefix(it.text("pk"), "CLAIM#"), "#")
		here := it.text("run") + "/" + it.text("chunk")
		if it.text("sk") == "CLAIM" && claim && found[here] && !found[id+here] {
			w.fail("prospect %s was claimed for %s and is not there", id, here)
		}
	}
}

// checkMoney checks the books: what a run may spend is free, spent, or set
// aside by a reservation that is open, and in the end none is.
func (w *world) checkMoney(t tables) {
	spent := map[string]money.Micro{} // by team
	for _, r := range w.runs {
		if r.ref.Run == "" {
			continue
		}
		var open, closed money.Micro
		for _, it := range t.ledger {
			if it.text("pk") != "RUN#"+r.ref.Run+"#RESV" {
				continue
			}
			if it.number("open") == 1 {
				open += it.number("max")
				w.fail("campaign %d: reservation %s was never settled", r.number, it.text("sk"))
			}
			closed += it.number("actual")
			if it.number("actual") > it.number("max") {
				w.fail("campaign %d: reservation %s of %s was settled at %s", r.number, it.text("sk"), it.number("max"), it.number("actual"))
			}
		}
		b := t.book("RUN#" + r.ref.Run)
		if b == nil {
			continue // planning failed before it opened the books
		}
		limit, room, settled := b.number("cap"), b.number("room"), b.number("settled")
		if limit != room+settled+open || settled != closed || room < 0 {
			w.fail("campaign %d: of %s are %s free, %s settled, %s set aside; its reservations were settled at %s", r.number, limit, room, settled, open, closed)
		}
		spent[r.ref.Team] += settled
	}
	for team, sum := range spent {
		var used money.Micro
		for _, it := range t.ledger {
			if strings.HasPrefix(it.text("pk"), "BUDGET#"+team+"#") {
				used += it.number("cap") - it.number("room")
			}
		}
		if used != sum {
			w.fail("%s: the months' budgets have lost %s, the runs have settled %s", team, used, sum)
		}
	}
}

// checkBills compares what is settled with what the providers charged.
func (w *world) checkBills(all []chunk) {
	settled := map[string]money.Micro{}
	var caps money.Micro
	for _, r := range w.runs {
		caps += r.last.Spend.CapMicroUSD
		for provider, sum := range r.last.Spend.ByProvider {
			settled[provider] += sum
		}
	}
	var charged money.Micro
	for provider, bill := range w.Sandbox.Bills() {
		charged += bill.Total
		switch {
		case bill.Total > settled[provider]:
			w.fail("%s charged %s, only %s is settled", provider, bill.Total, settled[provider])
		case bill.Total < settled[provider] && w.director.exact() && !w.rivals():
			w.fail("%s charged %s, yet %s is settled", provider, bill.Total, settled[provider])
		}
		// A page of places or a batch of embeddings whose answer was lost has to
		// be bought again: without it the run could not go on. A person's data
		// never is; two teams each buy their own.
		if (provider == "apollo" || provider == "hunter") && bill.Repeated > 0 && !w.rivals() {
			w.fail("%s charged %d times for what it had charged before", provider, bill.Repeated)
		}
	}
	if charged > caps {
		w.fail("the providers charged %s, the caps allow %s", charged, caps)
	}
	if w.rivals() {
		w.checkShared(all)
	}
}

// checkShared checks that each team bought each person once. Whom a team knows is
// not told by chunks that failed.
func (w *world) checkShared(all []chunk) {
	if slices.ContainsFunc(all, func(c chunk) bool { return c.final == nil }) {
		return
	}
	front, err := w.Sandbox.Server("apollo", nil)
	if err != nil {
		w.fail("apollo: %v", err)
		return
	}
	buyers := map[string][]int{}
	for _, c := range all {
		for _, row := range c.final {
			if ref := row.Prospect.Refs["apollo"]; ref != "" && !slices.Contains(buyers[ref], c.run.Team) {
				buyers[ref] = append(buyers[ref], c.run.Team)
			}
		}
	}
	for ref, who := range buyers {
		if n := front.Charged(apollo.OpMatch, ref); n > len(who) {
			w.fail("%s", fmt.Sprintf("apollo charged %d times for a person whom %d teams know", n, len(who)))
		}
	}
}
