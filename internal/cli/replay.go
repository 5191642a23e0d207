package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/replay"
	"github.com/messageai/sluice/internal/store"
)

type replayCommand struct {
	RunID string   `arg:"" name:"run" help:"Id of the run, as \"sluice demo --json\" and the API name it."`
	With  []string `sep:"none" help:"What to change: icp=FILE, order=a,b,c or weights=FILE; may be repeated. Without it the run's own result is computed again." placeholder:"WHAT"`
	stored
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Run computes a run again, without asking any provider.
func (r *replayCommand) Run(ctx context.Context, t terminal) error {
	change, err := changeOf(r.With)
	if err != nil {
		return err
	}
	all, err := definitions()
	if err != nil {
		return err
	}
	var report replay.Report
	err = r.with(ctx, func(s *store.Store, team string) (err error) {
		report, err = (&replay.Replay{Store: s, Providers: all, Now: time.Now}).Run(ctx, domain.Ref{Team: team, Run: r.RunID}, change)
		return err
	})
	if err != nil {
		return err
	}
	if r.JSON {
		return json.NewEncoder(t.out).Encode(report)
	}
	return printReplay(t.out, report)
}

// changeOf reads the values of --with.
func changeOf(with []string) (replay.Change, error) {
	var c replay.Change
	bad := func(message string) (replay.Change, error) {
		return replay.Change{}, fault.New(fault.InvalidInput, "cli.replay", "--with: "+message)
	}
	for _, w := range with {
		what, value, ok := strings.Cut(w, "=")
		if !ok || value == "" {
			return bad("say icp=FILE, order=a,b,c or weights=FILE")
		}
		switch what {
		case "icp":
			icp, err := readICP(value)
			if err != nil {
				return c, err
			}
			c.ICP = &icp
		case "weights":
			data, err := os.ReadFile(value)
			if err != nil {
				return bad("the file " + value + " cannot be read")
			}
			c.Weights = &domain.Weights{}
			if err := json.Unmarshal(data, c.Weights); err != nil {
				if e, ok := errors.AsType[*json.SyntaxError](err); ok {
					return bad(fmt.Sprintf("%s is not valid JSON (at byte %d)", value, e.Offset))
				}
				return bad(value + ` does not hold weights, such as {"demographics":0.4,"firmographics":0.3,"psychographics":0.2,"activity":0.1}`)
			}
		case "order":
			c.Order = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
			if len(c.Order) == 0 {
				return bad("order names no provider")
			}
		default:
			return bad("there is no " + what + " to change; say icp=FILE, order=a,b,c or weights=FILE")
		}
	}
	return c, nil
}

func printReplay(w io.Writer, r replay.Report) error {
	var b strings.Builder
	what := "with nothing changed"
	if len(r.Changed) > 0 {
		what = "with another " + strings.Join(r.Changed, " and ")
	}
	fmt.Fprintf(&b, "Run %s %s: nobody was asked, nothing was paid or written.\n\n", r.RunID, what)
	tw := tabwriter.NewWriter(&b, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\tthe run\treplay\t")
	run, now := r.Rows.Run, r.Rows.Replay
	for _, line := range []struct {
		name     string
		was, now int
	}{
		{"rows", run.In, now.In},
		{"qualified", run.Qualified, now.Qualified},
		{"review", run.Review, now.Review},
		{"rejected", run.Rejected, now.Rejected},
		{"duplicate", run.Duplicate, now.Duplicate},
		{"suppressed", run.Suppressed, now.Suppressed},
		{"failed", run.Failed, now.Failed},
	} {
		fmt.Fprintf(tw, "%s\t%d\t%d\t\n", line.name, line.was, line.now)
	}
	_ = tw.Flush() // a strings.Builder does not fail
	fmt.Fprintf(&b, "\nLeads: %d kept, %d gained, %d lost\n", r.Leads.Kept, len(r.Leads.Gained), len(r.Leads.Lost))
	fmt.Fprintln(&b, "\nEnrichment")
	tw = tabwriter.NewWriter(&b, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\tthe run\treplay\tnever asked\texpected\tat most\t")
	for _, name := range slices.Sorted(maps.Keys(r.Spend)) {
		s := r.Spend[name]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%s\t%s\t\n", name, s.Run, s.Replay, s.Unknown, s.Expected, s.Highest)
	}
	_ = tw.Flush()
	for _, u := range r.Unknown {
		fmt.Fprintf(&b, "%s was never asked to %s for %d of these: taken to bring nothing, about %s, at most %s\n",
			u.Provider, strings.ReplaceAll(u.Op, "_", " "), u.Questions, u.Expected, u.Highest)
	}
	if r.Expired > 0 {
		fmt.Fprintf(&b, "%d answers may not be used any more, by the providers' terms: taken as never asked\n", r.Expired)
	}
	if r.WithoutMeaning > 0 {
		fmt.Fprintf(&b, "%d rows are scored with less meaning than in the run: their texts would have to be embedded\n", r.WithoutMeaning)
	}
	for _, chunk := range slices.Sorted(maps.Keys(r.NotReplayed)) {
		fmt.Fprintf(&b, "chunk %s is left out: %s\n", chunk, r.NotReplayed[chunk])
	}
	verdict := "differs from the run's, " + r.RunHash
	if r.Same {
		verdict = "the same as the run's"
	}
	fmt.Fprintf(&b, "\nResult %s, %s\n", r.Hash, verdict)
	_, err := io.WriteString(w, b.String())
	return err
}
