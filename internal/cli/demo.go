package cli

import (
	"context"
	_ "embed" // the sample ICP
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
)

//go:embed sample-icp.json
var sampleICP []byte

type demoCommand struct {
	Prospects int           `default:"300" help:"How many prospects to discover at most."`
	Seed      uint64        `default:"11" help:"Seed of the synthetic market; the same seed gives the same result."`
	Cap       string        `help:"The most that the run may spend, in dollars; default is the worst-case price." placeholder:"USD"`
	JSON      bool          `name:"json" help:"Print one JSON object and nothing else."`
	Resume    bool          `help:"Continue the run that was interrupted last."`
	State     string        `help:"Folder that outlives the process." placeholder:"DIR"`
	Latency   time.Duration `default:"20ms" help:"How long simulated providers take to answer."`
	Connect   []string      `default:"apollo,hunter" help:"Enrichment providers that have a key, of apollo, clearbit, hunter, lusha, neverbounce, zerobounce and zoominfo; or all." placeholder:"NAMES"`

	given []string // flags of the command line
}

// AfterApply notes which flags were given: those of a run that is resumed are
// decided already.
func (d *demoCommand) AfterApply(k *kong.Context) error {
	for _, p := range k.Path {
		if p.Flag != nil {
			d.given = append(d.given, p.Flag.Name)
		}
	}
	return nil
}

// decided refuses a flag that would change a run which is resumed.
func (d *demoCommand) decided(s session) error {
	for _, flag := range []struct {
		name      string
		want, has any
	}{
		{"prospects", d.Prospects, s.Prospects},
		{"seed", d.Seed, s.Seed},
		{"latency", d.Latency, s.Latency},
	} {
		if slices.Contains(d.given, flag.name) && flag.want != flag.has {
			return fault.New(fault.InvalidInput, "cli.resume", fmt.Sprintf("--%s cannot change on --resume, the run goes on with %v: leave it out, or start anew without --resume", flag.name, flag.has))
		}
	}
	return nil
}

// session is what a demo must remember to be resumed.
type session struct {
	Seed       uint64        `json:"seed"`
	Prospects  int           `json:"prospects"`
	Latency    time.Duration `json:"latency"`
	CampaignID string        `json:"campaignId"`
	Started    time.Time     `json:"started"`
}

// Run runs the demo.
func (d *demoCommand) Run(ctx context.Context, t terminal) error {
	dir, err := stateDir(d.State)
	if err != nil {
		return err
	}
	s, err := d.session(dir)
	if err != nil {
		return err
	}
	connected, err := connected(d.Connect)
	if err != nil {
		return err
	}
	world, err := practice.Open(ctx, practice.Options{
		Seed: s.Seed, Enrichers: connected, People: marketSize(s.Prospects), Latency: s.Latency, Generous: true, StateDir: filepath.Join(dir, "world"),
		Parameters: workerParameters(), Fresh: !d.Resume,
	})
	if err != nil {
		return err
	}
	err = d.play(ctx, t, world, dir, s)
	return errors.Join(err, world.Close())
}

// connected reads the names of simulated providers that have a key.
func connected(names []string) ([]string, error) {
	if slices.Equal(names, []string{"all"}) {
		return practice.Enrichers(), nil
	}
	for _, name := range names {
		if !slices.Contains(practice.Enrichers(), name) {
			return nil, fault.New(fault.InvalidInput, "cli.connect", fmt.Sprintf("--connect: there is no enrichment provider %q; use all, or some of %s", name, strings.Join(practice.Enrichers(), ", ")))
		}
	}
	return names, nil
}

// workerParameters shorten the time after which a killed worker's step may be
// taken over, and for which a chunk waits for a provider that is down: on a
// laptop it is the same person who waits.
func workerParameters() map[string]string {
	return map[string]string{"WorkerTimeout": "15", "WorkerVisibility": "90", "OutagePatience": "5"}
}

// marketSize is a market in which the search finds enough: one in forty fits what
// it looks for, one in seven where it takes in all that is near.
func marketSize(prospects int) int {
	return min(max(20_000, min(prospects*40, 2_000_000), prospects*8), 8_000_000)
}

func (d *demoCommand) play(ctx context.Context, t terminal, world *practice.World, dir string, s session) error {
	c := client{api: world.API(), key: practice.Key}
	world.Start()
	if s.CampaignID == "" {
		started, err := d.start(ctx, c)
		if err != nil {
			return err
		}
		s.CampaignID, s.Started = started.CampaignID, time.Now()
		if err := s.save(dir); err != nil {
			return err
		}
	} else if err := d.goOn(ctx, c, s); err != nil {
		return err
	}
	meterBefore := world.Stack.Meter().Read()
	began := time.Now()
	status, err := follow(ctx, t, c, s.CampaignID, s.Prospects, d.JSON)
	if err != nil {
		return err
	}
	r := result{status: status, elapsed: time.Since(began), aws: world.Stack.Meter().Read().Sub(meterBefore), seed: s.Seed}
	if err := r.measure(ctx, c, world); err != nil {
		return err
	}
	if d.JSON {
		err = r.json(t.out)
	} else {
		err = r.print(t.out)
	}
	return errors.Join(err, unfinished(status))
}

// unfinished turns a run that did not complete into the exit code for it.
func unfinished(s api.CampaignStatus) error {
	switch domain.RunStatus(s.Status) {
	case domain.RunPaused:
		return exitError{exitCap, "the run is paused: " + s.Reason}
	case domain.RunPartial:
		return exitError{exitPartial, "the run finished, but not all of it: " + s.Reason}
	case domain.RunFailed:
		return exitError{exitFailure, "the run failed: " + s.Reason}
	case domain.RunCancelled:
		return exitError{exitFailure, "the run was cancelled: " + s.Reason}
	case domain.RunCompleted, domain.RunRunning:
	}
	return nil
}

// start creates the ICP, the do-not-contact list and the campaign.
func (d *demoCommand) start(ctx context.Context, c client) (api.CampaignStarted, error) {
	var started api.CampaignStarted
	var icp domain.ICP
	if err := json.Unmarshal(sampleICP, &icp); err != nil {
		return started, fmt.Errorf("read sample ICP: %w", err)
	}
	if err := c.call(ctx, "POST", "/api/v1/prospecting/icps", icp, nil); err != nil {
		return started, err
	}
	request := api.CampaignRequest{ICPID: icp.ID, Name: "Enterprise SaaS decision makers", Platforms: []string{"apollo", "googleplaces"}}
	request.Options.MaxProspects = d.Prospects
	if d.Cap != "" {
		limit, err := parseCap(d.Cap)
		if err != nil {
			return started, err
		}
		request.Options.CapUSD = &limit
	}
	return started, c.call(ctx, "POST", "/api/v1/prospecting/campaigns", request, &started)
}

func parseCap(text string) (float64, error) {
	amount, err := money.Parse(text)
	if err != nil {
		return 0, fault.New(fault.InvalidInput, "cli.cap", "--cap: "+err.Error())
	}
	return amount.Dollars(), nil
}

// goOn resumes a run that was paused; one that was killed goes on by itself. A
// new cap holds in either case.
func (d *demoCommand) goOn(ctx context.Context, c client, s session) error {
	path := "/api/v1/prospecting/campaigns/" + s.CampaignID
	change := api.CampaignChange{Status: string(domain.RunRunning)}
	if d.Cap != "" {
		limit, err := parseCap(d.Cap)
		if err != nil {
			return err
		}
		change.CapUSD = &limit
		return c.call(ctx, "PATCH", path, change, nil)
	}
	var status api.CampaignStatus
	if err := c.call(ctx, "GET", path, nil, &status); err != nil || status.Status != string(domain.RunPaused) {
		return err
	}
	return c.call(ctx, "PATCH", path, change, nil)
}

// session reads the interrupted session, or describes a new one.
func (d *demoCommand) session(dir string) (session, error) {
	path := filepath.Join(dir, "session.json")
	var s session
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if d.Resume {
		if err != nil || s.CampaignID == "" {
			return s, fault.New(fault.NotFound, "cli.resume", "there is no interrupted demo in "+dir+"; start one with \"sluice demo\"")
		}
		return s, d.decided(s)
	}
	if d.Prospects < 1 || d.Prospects > domain.MaxProspectsLimit {
		return s, fault.New(fault.InvalidInput, "cli.demo", "--prospects must be between 1 and 1000000")
	}
	if d.Cap != "" {
		if limit, err := parseCap(d.Cap); err != nil {
			return s, err
		} else if limit <= 0 {
			return s, fault.New(fault.InvalidInput, "cli.cap", "--cap is zero, so no provider could be asked: give the most that the run may cost")
		}
	}
	return session{Seed: d.Seed, Prospects: d.Prospects, Latency: d.Latency}, nil
}

func (s session) save(dir string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "session.json"), data, 0o600)
}

// stateDir is where practice mode keeps its state.
func stateDir(flag string) (string, error) {
	dir := flag
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fault.New(fault.InvalidInput, "cli.state", "this machine names no folder for caches; give one with --state DIR")
		}
		dir = filepath.Join(cache, "sluice", "demo")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fault.New(fault.InvalidInput, "cli.state", "the state folder cannot be made; give another with --state DIR")
	}
	return dir, nil
}
