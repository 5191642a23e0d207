package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/listing"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/scoring"
)

type whyCommand struct {
	ID       string `arg:"" help:"Id of a prospect of the last demo, or of a row that \"sluice run\" wrote."`
	Receipts string `help:"Receipts file of a \"sluice run\"; default is leads.receipts.jsonl.gz if it is there." placeholder:"FILE"`
	State    string `help:"Folder of the demo's state." placeholder:"DIR"`
	JSON     bool   `name:"json" help:"Print the receipt as JSON."`
}

// usualReceipts is where "sluice run" writes receipts if --out is not given.
const usualReceipts = "leads.receipts.jsonl.gz"

// Run prints a receipt.
func (w *whyCommand) Run(ctx context.Context, t terminal) error {
	row, err := w.row(ctx)
	if err != nil {
		return err
	}
	if row.Score == nil {
		return fault.New(fault.NotFound, "cli.why", fmt.Sprintf("%s was never scored: it is %s (%s)", w.ID, row.State, row.Reason))
	}
	if w.JSON {
		enc := json.NewEncoder(t.out)
		enc.SetIndent("", "  ")
		return enc.Encode(row.Score)
	}
	return printReceipt(t.out, row)
}

func (w *whyCommand) row(ctx context.Context) (domain.Row, error) {
	path := w.Receipts
	if path == "" && !strings.HasPrefix(w.ID, "p_") {
		path = usualReceipts
	}
	if path != "" {
		return listing.Why(path, w.ID)
	}
	var row domain.Row
	if _, err := os.Stat(usualReceipts); err == nil {
		if row, err := listing.Why(usualReceipts, w.ID); err == nil {
			return row, nil
		}
	}
	dir, err := stateDir(w.State)
	if err != nil {
		return row, err
	}
	s, err := (&demoCommand{Resume: true}).session(dir)
	if err != nil {
		return row, fault.New(fault.NotFound, "cli.why", "there is no demo to ask about; run \"sluice demo\" first, or give --receipts FILE of a \"sluice run\"")
	}
	world, err := practice.Open(ctx, practice.Options{
		Seed: s.Seed, People: marketSize(s.Prospects), Generous: true, StateDir: filepath.Join(dir, "world"), Parameters: workerParameters(),
	})
	if err != nil {
		return row, err
	}
	err = client{api: world.API(), key: practice.Key}.call(ctx, "GET", "/api/v1/prospecting/prospects/"+w.ID, nil, &row)
	if cerr := world.Close(); err == nil {
		err = cerr
	}
	return row, err
}

// printReceipt prints a receipt for a person.
func printReceipt(w io.Writer, row domain.Row) error {
	r := row.Score
	var b strings.Builder
	fmt.Fprintf(&b, "%s scores %.4f (%s): %s\n", row.Prospect.ID, r.Score, row.State, firstOr(scoring.Reasons(*r), "nothing is known"))
	fmt.Fprintf(&b, "%.0f%% of the weight rests on known values; if all unknowns turned out perfect: %.4f\n\n", r.Confidence*100, r.Upper)
	tw := tabwriter.NewWriter(&b, 2, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "  criterion\tweight\tmatch\tpoints\tvalue\twanted\tevidence\tsource")
	for _, c := range r.Criteria {
		if !c.Known {
			fmt.Fprintf(tw, "  %s\t%.3f\t?\t\tunknown\t%s\t\t\n", c.Name, c.Weight, short(c.Wanted))
			continue
		}
		fmt.Fprintf(tw, "  %s\t%.3f\t%.2f\t%.4f\t%s\t%s\t%s\t%s\n", c.Name, c.Weight, c.Match, c.Points, short(c.Value), short(c.Wanted), short(c.Evidence), c.Source)
	}
	_ = tw.Flush() // a strings.Builder does not fail
	if n := r.Nearest; n != nil {
		fmt.Fprintf(&b, "\nSmallest change that crosses %.2f: %s from %.2f to %.2f\n", n.Threshold, n.Criterion, n.From, n.To)
	}
	if len(r.Unknown) > 0 {
		fmt.Fprintf(&b, "Worth knowing next: %s\n", strings.Join(r.Unknown, ", "))
	}
	fmt.Fprintf(&b, "Recomputed from this receipt: %.4f (%s, model %s)\n", scoring.Recompute(*r), r.Algorithm, orNone(r.Model))
	printCalls(&b, row)
	_, err := io.WriteString(w, b.String())
	return err
}

// printCalls prints a row's enrichment log: who was asked for what, what came of
// it, what it cost and how long it took.
func printCalls(b *strings.Builder, row domain.Row) {
	if len(row.Calls) == 0 {
		return
	}
	b.WriteString("\nEnrichment log\n")
	tw := tabwriter.NewWriter(b, 2, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "  provider\tendpoint\tfor\tstatus\tcost\ttook\tfrom")
	var sum money.Micro
	for _, c := range row.Calls {
		from, took := "provider", (time.Duration(c.TookMS) * time.Millisecond).String()
		if c.Cached {
			from, took = "cache", ""
		}
		sum += c.Cost
		fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Provider, c.Op, c.Field, c.Outcome, c.Cost, took, from)
	}
	_ = tw.Flush() // a strings.Builder does not fail
	fmt.Fprintf(b, "  %s in all\n", sum)
	printEmail(b, row)
	for _, field := range slices.Sorted(maps.Keys(row.Missing)) {
		fmt.Fprintf(b, "  No %s: %s\n", field, row.Missing[field])
	}
}

// printEmail prints how far the address can be trusted, who said what about it,
// and what was put aside.
func printEmail(b *strings.Builder, row domain.Row) {
	if f := row.Email; f != nil && len(f.Reasons) > 0 {
		fmt.Fprintf(b, "  The address is %s (%.2f): %s\n", row.Prospect.Contact.EmailStatus, f.Confidence, strings.Join(f.Reasons, "; "))
	}
	for _, o := range row.Others {
		if o.Field != "contact.email" {
			continue
		}
		fmt.Fprintf(b, "  Another address, of %s, was not taken: %s\n", orNone(o.Source), o.Why)
		for _, v := range o.Verdicts {
			fmt.Fprintf(b, "    %s: %s %s\n", v.By, v.Status, v.Reason)
		}
	}
	if row.Email == nil {
		return
	}
	for _, g := range row.Email.Guesses {
		said := "no verifier was asked"
		if g.Status != domain.EmailUnchecked {
			said = g.By + " says " + string(g.Status)
		}
		fmt.Fprintf(b, "  Guessed from the pattern of the domain (%.2f): %s\n", g.Chance, said)
	}
}

func firstOr(list []string, or string) string {
	if len(list) == 0 {
		return or
	}
	return list[0]
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// short cuts a cell so that a table fits a screen.
func short(s string) string {
	const limit = 44
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:limit-1]) + "…"
}
