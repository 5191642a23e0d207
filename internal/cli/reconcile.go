package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
)

type reconcileCommand struct {
	remote
	Save  string `help:"Write what the accounts say now to a file, before a run." placeholder:"FILE"`
	Since string `help:"Compare with what a file says that --save wrote, after a run." placeholder:"FILE"`
	JSON  bool   `name:"json" help:"Print one JSON object."`
}

// reading is what the accounts and our ledger say at one moment.
type reading struct {
	At        time.Time                  `json:"at"`
	Month     string                     `json:"month"`
	Providers map[string]providerReading `json:"providers"`
}

type providerReading struct {
	Balances []api.ProviderBalance `json:"balances,omitempty"`
	Settled  money.Micro           `json:"settledMicroUsd"` // this month, by our ledger
	Why      string                `json:"why,omitempty"`   // the account could not be read
}

// reconciled compares one provider's counters with our ledger.
type reconciled struct {
	Provider string      `json:"provider"`
	Credits  *float64    `json:"creditsUsed,omitempty"`
	Told     money.Micro `json:"toldMicroUsd"`    // what those cost by the price table
	Settled  money.Micro `json:"settledMicroUsd"` // what our ledger counts
	Verdict  string      `json:"verdict"`         // agrees, differs or cannot be compared
	Why      string      `json:"why,omitempty"`
}

// Verdicts of a comparison.
const (
	agrees       = "agrees"
	differs      = "differs"
	incomparable = "cannot be compared"
)

// Run reads the accounts, by the free calls that providers have for it.
func (r *reconcileCommand) Run(ctx context.Context, t terminal) error {
	if (r.Save == "") == (r.Since == "") {
		return fault.New(fault.InvalidInput, "cli.reconcile", "give --save FILE before a run, and --since FILE after it: most accounts tell totals, which only a difference can compare")
	}
	now, err := r.read(ctx)
	if err != nil {
		return err
	}
	if r.Save != "" {
		data, err := json.Marshal(now)
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.Save, data, 0o600); err != nil {
			return fault.New(fault.InvalidInput, "cli.reconcile", "the file "+r.Save+" cannot be written")
		}
		return r.print(t.out, nil)
	}
	data, err := os.ReadFile(r.Since)
	var before reading
	if err != nil || json.Unmarshal(data, &before) != nil || before.Month == "" {
		return fault.New(fault.InvalidInput, "cli.reconcile", "the file "+r.Since+" is none that --save wrote")
	}
	all, err := definitions()
	if err != nil {
		return err
	}
	out := reconcile(before, now, all)
	if err := r.print(t.out, out); err != nil {
		return err
	}
	for _, c := range out {
		if c.Verdict == differs {
			return exitError{exitFailure, "our ledger and an account differ: see above"}
		}
	}
	return nil
}

func (r *reconcileCommand) read(ctx context.Context) (reading, error) {
	list, err := r.list(ctx)
	now := reading{At: time.Now().UTC(), Month: time.Now().UTC().Format("2006-01"), Providers: map[string]providerReading{}}
	if err != nil {
		return now, err
	}
	for _, p := range list {
		if p.Key.State != "connected" || !canRead(p) {
			continue
		}
		said, err := r.change(ctx, http.MethodPost, p.Name, "test", nil)
		if err != nil {
			return now, err
		}
		of := providerReading{Balances: said.Balances, Settled: p.Key.SpentMicro}
		if !said.OK {
			of.Why = said.Kind + ": " + said.Detail
		}
		now.Providers[p.Name] = of
	}
	return now, nil
}

func canRead(p api.Provider) bool {
	for _, c := range p.Capabilities {
		if c == string(provider.CanReadAccount) {
			return true
		}
	}
	return false
}

// reconcile compares two readings. What the account used is the fall of what is
// left, or, where it tells no rest, the rise of what is used.
func reconcile(before, now reading, all map[string]provider.Definition) []reconciled {
	out := []reconciled{}
	for _, name := range slices.Sorted(maps.Keys(now.Providers)) {
		n, b := now.Providers[name], before.Providers[name]
		c := reconciled{Provider: name, Settled: n.Settled - b.Settled, Verdict: incomparable}
		used, counted := usedBetween(counterOf(name, b.Balances), counterOf(name, n.Balances))
		price := creditPrice(all[name])
		_, known := before.Providers[name]
		switch {
		case n.Why != "":
			c.Why = n.Why
		case !known || b.Why != "":
			c.Why = "the account was not read before"
		case before.Month != now.Month:
			c.Why = "the month has changed in between: our ledger counts by month"
		case !counted:
			c.Why = "the account tells no credits, only rates of calls or nothing"
		case price == 0:
			c.Why = "the price table has no single price of a credit"
		case used < 0:
			c.Why = "credits were bought or reset in between"
		default:
			c.Credits, c.Told, c.Verdict = &used, money.Micro(math.Round(used*float64(price))), agrees
			if diff := c.Settled - c.Told; math.Abs(float64(diff)) > used { // each call's price is rounded up to a millionth

				c.Verdict = differs
				c.Why = "somebody else uses the account, or the plan's credit costs something else than the price table says"
				if c.Settled > c.Told {
					c.Why = "answers that were lost count as paid with us; or the provider counts later"
				}
			}
		}
		out = append(out, c)
	}
	return out
}

// counterOf is the counter of an account that our ledger counts, too: credits
// that calls use up. nil: the account tells none.
func counterOf(name string, balances []api.ProviderBalance) *api.ProviderBalance {
	counter := map[string]string{
		"apollo": "lead_credit", "hunter": "credits", "lusha": "credits", "neverbounce": "paid_credits", "zerobounce": "Credits", "zoominfo": "uniqueID",
	}[name]
	i := slices.IndexFunc(balances, func(b api.ProviderBalance) bool { return b.Name == counter })
	if i < 0 {
		return nil
	}
	return &balances[i]
}

// usedBetween is how many credits an account used between two readings: what
// more is used, or, where it tells only what is left, what less there is.
func usedBetween(before, now *api.ProviderBalance) (float64, bool) {
	switch {
	case before == nil || now == nil:
		return 0, false
	case now.Used > 0 || now.Limit > 0:
		return now.Used - before.Used, true
	}
	return before.Left - now.Left, true
}

// creditPrice is what a credit costs: the same for all operations of a provider.
func creditPrice(d provider.Definition) money.Micro {
	var price money.Micro
	for _, p := range d.Prices.Operations {
		switch {
		case p.Unit == 0:
		case price == 0:
			price = p.Unit
		case price != p.Unit:
			return 0
		}
	}
	return price
}

func (r *reconcileCommand) print(w io.Writer, all []reconciled) error {
	if r.JSON {
		if r.Save != "" {
			return json.NewEncoder(w).Encode(map[string]string{"saved": r.Save})
		}
		return json.NewEncoder(w).Encode(map[string][]reconciled{"providers": all})
	}
	if r.Save != "" {
		_, err := fmt.Fprintf(w, "Saved. After the run: sluice provider reconcile --since %s\n", r.Save)
		return err
	}
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 2, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "provider\tcredits\ttheir count\tour ledger\t")
	for _, c := range all {
		credits, told := "", ""
		if c.Credits != nil {
			credits, told = fmt.Sprintf("%.1f", *c.Credits), c.Told.String()
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s%s\n", c.Provider, credits, told, c.Settled, c.Verdict, because(c.Why))
	}
	_ = tw.Flush() // a strings.Builder does not fail
	_, err := io.WriteString(w, b.String())
	return err
}
