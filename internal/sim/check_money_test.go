package sim_test

import (
	"cmp"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/sandbox/apollo"
	"github.com/messageai/sluice/internal/waterfall"
)

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
				w.fail(thatBooksBalance, "campaign %d: reservation %s was never settled", r.number, it.text("sk"))
			}
			closed += it.number("actual")
			if it.number("actual") > it.number("max") {
				w.fail(thatBooksBalance, "campaign %d: reservation %s of %s was settled at %s", r.number, it.text("sk"), it.number("max"), it.number("actual"))
			}
		}
		b := t.book("RUN#" + r.ref.Run)
		if b == nil {
			continue // planning failed before it opened the books
		}
		limit, room, settled := b.number("cap"), b.number("room"), b.number("settled")
		if limit != room+settled+open || settled != closed || room < 0 {
			w.fail(thatBooksBalance, "campaign %d: of %s are %s free, %s settled, %s set aside; its reservations were settled at %s", r.number, limit, room, settled, open, closed)
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
			w.fail(thatBooksBalance, "%s: the months' budgets have lost %s, the runs have settled %s", team, used, sum)
		}
	}
}

// checkBills compares what is settled with what the providers charged.
func (w *world) checkBills(all []chunk) {
	settled := map[string]money.Micro{}
	for _, r := range w.runs {
		for provider, sum := range r.last.Spend.ByProvider {
			settled[provider] += sum
		}
	}
	for provider, bill := range w.Sandbox.Bills() {
		switch {
		case bill.Total > settled[provider]:
			w.fail(thatBillsAreSettled, "%s charged %s, only %s is settled", provider, bill.Total, settled[provider])
		// Apollo charges an account once for a person; two teams of one account
		// count both what they asked for.
		case bill.Total < settled[provider] && w.director.exact() && !w.troubled() && !w.rivals():
			w.fail(thatBillsAreSettled, "%s charged %s, yet %s is settled", provider, bill.Total, settled[provider])
		}
		// A page of places or a batch of embeddings whose answer was lost has to
		// be bought again: without it the run could not go on. A person's data
		// never is; two teams each buy their own.
		if provider == "googleplaces" || provider == "openai" {
			continue
		}
		charges := 0
		for _, op := range bill.ByOp {
			charges += op.Charges
		}
		if bill.Repeated > metTwice(all, provider)+spelledTwice(all, provider) && (!w.rivals() || 2*bill.Repeated > charges) {
			w.fail(thatNothingIsBoughtTwice, "%s charged %d times for what it had charged before, of %d times", provider, bill.Repeated, charges)
		}
	}
	if w.rivals() {
		w.checkShared(all)
	}
}

// metTwice is how many people the provider may have been asked about twice: by its
// own id, and by name, since somebody else had found them at their company. Nobody
// can know before the second answer that they are the same.
func metTwice(all []chunk, provider string) (n int) {
	type person struct {
		team int
		ref  string
	}
	holders, strangers := map[person]map[string]bool{}, map[person]bool{}
	for _, c := range all {
		for _, row := range slices.Concat(c.final, c.given) {
			who := person{c.run.Team, row.Prospect.Refs[provider]}
			if who.ref == "" {
				// Whom it was asked about by name, and what was lost with the answer.
				if slices.ContainsFunc(row.Calls, func(call domain.Call) bool { return call.Provider == provider && call.Outcome == domain.CallUnclear }) {
					n++
				}
				continue
			}
			if holders[who] == nil {
				holders[who] = map[string]bool{}
			}
			holders[who][row.Prospect.ID] = true
			for _, finder := range []string{"apollo", "hunter", "zoominfo"} {
				strangers[who] = strangers[who] || finder != provider && row.Prospect.Refs[finder] != ""
			}
		}
	}
	for who, ids := range holders {
		if strangers[who] {
			n += len(ids) - 1
		}
	}
	return n
}

// spelledTwice is how many companies the provider may have been asked about twice:
// by two spellings of the name ("Twinmode Systems", "TWINMODE SYSTEMS - Bristol
// Office"), or by name and by domain. That they are one company is what the answer
// tells.
func spelledTwice(all []chunk, provider string) (n int) {
	type question struct {
		team       int
		op, domain string
	}
	spellings := map[question]map[string]bool{}
	for _, c := range all {
		asked := map[string]string{} // what a row's company went by, by prospect id
		for _, row := range c.found {
			asked[row.Prospect.ID] = cmp.Or(row.Prospect.Company.Domain, normalize.CompanyKey(row.Prospect.Company.Name))
		}
		for _, row := range slices.Concat(c.final, c.given) {
			for _, call := range row.Calls {
				if call.Provider != provider || !waterfall.AboutCompany(call.Op) || row.Prospect.Company.Domain == "" {
					continue
				}
				q := question{c.run.Team, call.Op, row.Prospect.Company.Domain}
				if spellings[q] == nil {
					spellings[q] = map[string]bool{}
				}
				spellings[q][asked[row.Prospect.ID]] = true
			}
		}
	}
	for _, names := range spellings {
		n += len(names) - 1
	}
	return n
}

// checkShared checks that each of two teams bought each person once.
func (w *world) checkShared(all []chunk) {
	front, err := w.Sandbox.Server("apollo", nil)
	if err != nil {
		w.fail(thatItWorks, "apollo: %v", err)
		return
	}
	buyers, lost := map[string][2]bool{}, [2]bool{}
	for _, c := range all {
		// Whom a company's row was asked about is not told by rows that were given
		// up before the answer was in them, nor by those of a turn whose workers all
		// died: their team may have bought anybody once.
		lost[c.run.Team] = lost[c.run.Team] || c.final == nil || w.director.storm("enrich")
		for _, row := range slices.Concat(c.final, c.given) {
			if ref := row.Prospect.Refs["apollo"]; ref != "" {
				who := buyers[ref]
				who[c.run.Team] = true
				buyers[ref] = who
			}
		}
	}
	for ref, who := range buyers {
		may := 0
		for team := range who {
			if who[team] || lost[team] {
				may++
			}
		}
		if n := front.Charged(apollo.OpMatch, ref); n > may {
			w.fail(thatNothingIsBoughtTwice, "apollo charged %d times for a person whom %d teams know", n, may)
		}
	}
}
