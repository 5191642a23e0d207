package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/messageai/sluice/internal/config"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/store"
)

// stored names whose data a command reads: a team's of a deployed stack, or
// practice mode's.
type stored struct {
	Team  string `help:"Team, of a deployed stack, read with the AWS credentials of the environment; without it practice mode is meant."`
	Stage string `default:"dev" help:"Stage that was deployed."`
	State string `help:"Folder of practice mode's state; default is the demo's." placeholder:"DIR"`
}

// with lends f the store, and the team whose data it is about.
func (s stored) with(ctx context.Context, f func(s *store.Store, team string) error) error {
	if s.Team == "" {
		return s.practice(ctx, nil, func(w *practice.World) error { return f(w.Store, practice.Team) })
	}
	return s.deployed(ctx, func(cfg aws.Config, opts store.Options) error { return f(store.New(cfg, opts), s.Team) })
}

// deployed lends f the account, and the names of what the stage has there.
func (s stored) deployed(ctx context.Context, f func(cfg aws.Config, opts store.Options) error) error {
	d := deployment{Team: s.Team, Stage: s.Stage}
	cfg, err := d.account(ctx)
	if err != nil {
		return err
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return d.refusal(err)
	}
	opts := tables(s.Stage)
	opts.Control, opts.Prospects = "sluice-"+s.Stage+"-control", "sluice-"+s.Stage+"-prospects"
	opts.Bucket = "sluice-" + s.Stage + "-runs-" + aws.ToString(who.Account)
	return d.refusal(f(cfg, opts))
}

// practice lends f practice mode's world; enrichers are the providers that get a
// key beyond the usual ones.
func (s stored) practice(ctx context.Context, enrichers []string, f func(w *practice.World) error) error {
	dir, err := stateDir(s.State)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "world")
	if _, err := os.Stat(path); err != nil {
		return fault.New(fault.NotFound, "cli.stored", "practice mode has no state in "+dir+": run \"sluice demo\" first, or give --team for a deployed stack")
	}
	opts := practice.Options{Seed: 11, Generous: true, StateDir: path, Parameters: workerParameters(), Enrichers: enrichers}
	if last, err := (&demoCommand{Resume: true}).session(dir); err == nil {
		opts.Seed, opts.People = last.Seed, marketSize(last.Prospects)
	}
	world, err := practice.Open(ctx, opts)
	if err != nil {
		return err
	}
	return errors.Join(f(world), world.Close())
}

// definitions are those of all providers, with the prices of the customer's own
// plans, as functions read them from the same variables.
func definitions() (map[string]provider.Definition, error) {
	env := config.Environ()
	all := map[string]provider.Definition{}
	for _, e := range catalog.All() {
		d, err := e.For(env.Provider(e.Definition.Name))
		if err != nil {
			return nil, err
		}
		all[d.Name] = d
	}
	return all, nil
}

// idle refuses what must not happen while a run of the team is on.
func idle(ctx context.Context, s *store.Store, team string) error {
	all, err := s.Campaigns(ctx, team)
	if err != nil {
		return err
	}
	for _, c := range all {
		run, err := s.Run(ctx, domain.Ref{Team: team, Campaign: c.ID, Run: c.RunID})
		if err != nil {
			return err
		}
		if !run.Status.Ended() {
			return fault.New(fault.Conflict, "cli.idle", "the campaign "+c.ID+" is still "+string(run.Status)+": a worker that takes over must find what was paid for; wait until it has ended")
		}
	}
	return nil
}
