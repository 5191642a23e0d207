package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/practice"
)

type retryCommand struct {
	ID    string `arg:"" name:"run" optional:"" help:"Id of the run, or of its campaign; without it, the last demo's."`
	List  bool   `help:"Only show what failed, by cause, and what to do about it."`
	API   string `name:"api" env:"SLUICE_API_URL" help:"Base URL of the API of a deployed stack, with SLUICE_API_KEY; without it the demo is meant." placeholder:"URL"`
	State string `help:"Folder of the demo's state." placeholder:"DIR"`
	JSON  bool   `name:"json" help:"Print one JSON object and nothing else."`
}

// retried is what a retry ends with: the failures as they were, and the run
// after they were run again.
type retried struct {
	api.Failures
	After *api.CampaignStatus `json:"after,omitempty"`
}

// Run runs what failed of a run again.
func (r *retryCommand) Run(ctx context.Context, t terminal) error {
	if r.API != "" {
		return r.remote(ctx, t)
	}
	dir, err := stateDir(r.State)
	if err != nil {
		return err
	}
	s, err := (&demoCommand{Resume: true}).session(dir)
	if err != nil {
		return fault.New(fault.NotFound, "cli.retry", "there is no run to try again: start one with \"sluice demo\", or name a deployed stack with --api")
	}
	world, err := practice.Open(ctx, practice.Options{
		Seed: s.Seed, People: marketSize(s.Prospects), Latency: s.Latency, Generous: true, StateDir: filepath.Join(dir, "world"),
		Parameters: workerParameters(),
	})
	if err != nil {
		return err
	}
	world.Start()
	c := client{api: world.API(), key: practice.Key}
	return errors.Join(r.again(ctx, t, c, s.CampaignID, s.Prospects), world.Close())
}

// remote does so in a deployed stack.
func (r *retryCommand) remote(ctx context.Context, t terminal) error {
	c, err := remote{API: r.API}.client()
	if err != nil {
		return err
	}
	var all api.CampaignList
	if err := c.call(ctx, "GET", campaignsPath, nil, &all); err != nil {
		return err
	}
	for _, campaign := range all.Campaigns {
		var f api.Failures
		if campaign.CampaignID != r.ID {
			if err := c.call(ctx, "GET", campaignsPath+"/"+campaign.CampaignID+"/failures", nil, &f); err != nil {
				return err
			}
		}
		if r.ID == campaign.CampaignID || r.ID == f.RunID {
			return r.again(ctx, t, c, campaign.CampaignID, 0)
		}
	}
	return fault.New(fault.NotFound, "cli.retry", "your team has no campaign with this id, and none whose latest run has it")
}

const campaignsPath = "/api/v1/prospecting/campaigns"

func (r *retryCommand) again(ctx context.Context, t terminal, c client, campaign string, planned int) error {
	path := campaignsPath + "/" + campaign
	var out retried
	if err := c.call(ctx, "GET", path+"/failures", nil, &out.Failures); err != nil {
		return err
	}
	if r.ID != "" && r.ID != out.RunID && r.ID != out.CampaignID {
		return fault.New(fault.NotFound, "cli.retry", fmt.Sprintf("the last demo's run is %s, of campaign %s; there is no other here", out.RunID, out.CampaignID))
	}
	if !r.List {
		out.Failures = api.Failures{}
		if err := c.call(ctx, "POST", path+"/retry", nil, &out.Failures); err != nil {
			return err
		}
		if out.Again > 0 {
			status, err := follow(ctx, t, c, campaign, planned, r.JSON)
			if err != nil {
				return err
			}
			out.After = &status
		}
	}
	var err error
	if r.JSON {
		err = json.NewEncoder(t.out).Encode(out)
	} else {
		err = out.print(t.out)
	}
	if out.After != nil {
		err = errors.Join(err, unfinished(*out.After))
	}
	return err
}

func (r retried) print(w io.Writer) error {
	var b strings.Builder
	if len(r.Groups) == 0 {
		fmt.Fprintf(&b, "Nothing failed: run %s is %s.\n", r.RunID, r.Status)
		_, err := io.WriteString(w, b.String())
		return err
	}
	tw := tabwriter.NewWriter(&b, 2, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "what\twhere\tkind\tchunks\trows\tagain")
	for _, g := range r.Groups {
		again := "no"
		if g.Retried {
			again = "yes"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%s\n", g.What, g.Where, g.Kind, g.Chunks, g.Rows, again)
	}
	_ = tw.Flush() // a strings.Builder does not fail
	for _, g := range r.Groups {
		fmt.Fprintf(&b, "\n%s: %s\n  %s\n", g.What, cmp.Or(g.Cause, "no further cause is known"), g.Advice)
	}
	switch {
	case r.After != nil:
		rows := r.After.Rows
		fmt.Fprintf(&b, "\n%d chunks were run again; the run is %s%s.\n%d rows: %d qualified, %d review, %d rejected, %d duplicate, %d suppressed, %d failed. Spent %s in all.\n",
			r.Again, r.After.Status, because(r.After.Reason), rows.In, rows.Qualified, rows.Review, rows.Rejected, rows.Duplicate, rows.Suppressed, rows.Failed, r.After.Spend.SettledMicroUSD)
	case r.Again == 0:
		b.WriteString("\nNothing of it can be run again.\n")
	default:
		fmt.Fprintf(&b, "\n%d chunks can be run again: sluice run retry %s\n", r.Again, r.RunID)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
