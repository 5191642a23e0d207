package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/bench"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/practice"
)

// Where the figures are kept and shown, from the repository's root.
const (
	benchRecord = "bench/results.json"
	benchPage   = "bench/README.md"
	readme      = "README.md"
)

// benchTolerance is by what share a count may change before the gate shuts: the
// order in which workers run moves some by a percent.
const benchTolerance = 0.03

type benchCommand struct {
	Prospects int    `default:"10000" help:"How many prospects to run."`
	Seed      uint64 `default:"11" help:"Seed of the synthetic market."`
	JSON      bool   `name:"json" help:"Print one JSON object."`
	Keep      bool   `help:"Keep the result in bench/results.json and the tables (from the repository's root)."`
	Gate      bool   `help:"Fail if a count is another one than the kept one of this size."`
	Items     bool   `help:"Show which function makes which DynamoDB call on which kind of item."`
	Profile   string `help:"Write the processor profile into a file for go tool pprof." placeholder:"FILE"`
	StateDir  string `help:"Folder for stored objects; default: memory. For runs that do not fit."`
}

// Run measures one campaign at zero provider latency.
func (b *benchCommand) Run(ctx context.Context, t terminal) error {
	p := newProbe(b.Items)
	world, err := practice.Open(ctx, practice.Options{
		Seed: b.Seed, People: marketSize(b.Prospects), Generous: true, StateDir: b.StateDir, Fresh: true, Wrap: p.wrap, Outside: p.outside,
		Logger: slog.New(slog.NewJSONHandler(p, nil)),
	})
	if err != nil {
		return err
	}
	result, err := b.measure(ctx, world, p)
	if err := errors.Join(err, world.Close()); err != nil {
		return err
	}
	if p.items != nil {
		if _, err := fmt.Fprintln(t.out, p.items.table(result.Prospects)); err != nil {
			return err
		}
	}
	return b.report(t, result)
}

func (b *benchCommand) measure(ctx context.Context, world *practice.World, p *probe) (r bench.Result, err error) {
	world.Start()
	c := client{api: world.API(), key: practice.Key}
	before := world.Stack.Meter().Read()
	if err := p.start(); err != nil {
		return r, err
	}
	started, err := (&demoCommand{Prospects: b.Prospects}).start(ctx, c)
	if err == nil {
		err = b.wait(ctx, world)
	}
	used, perr := p.stop(b.Profile)
	if err := errors.Join(err, perr); err != nil {
		return r, err
	}
	billed := world.Stack.Meter().Read().Sub(before)
	var status api.CampaignStatus
	if err := c.call(ctx, "GET", "/api/v1/prospecting/campaigns/"+started.CampaignID, nil, &status); err != nil {
		return r, err
	}
	if !status.Rows.Balanced || status.Status != "completed" {
		return r, fmt.Errorf("the benchmark's run is %s (%s) and balanced is %t", status.Status, status.Reason, status.Rows.Balanced)
	}
	n := float64(status.Rows.In)
	r = bench.Result{
		Prospects: status.Rows.In, Seed: b.Seed, Date: time.Now().UTC().Format(time.DateOnly), CPUs: runtime.NumCPU(),
		Seconds: used.elapsed.Seconds(), PerMinute: n / used.elapsed.Minutes(), CPUMicroseconds: used.cpu.Seconds() * 1e6 / n,
		Stages: map[string]float64{}, PeakMemoryMB: int(used.peak >> 20), PerProspect: map[string]float64{}, USD: map[string]float64{},
	}
	for stage, d := range used.stages {
		r.Stages[stage] = d.Seconds() * 1e6 / n
	}
	for _, u := range meter.Units() {
		if u == meter.SQSIdlePolls {
			continue // part of a deployment's fixed cost, whether there is a campaign or not
		}
		r.PerProspect[u.String()], r.USD[u.String()] = billed.Count(u)/n, billed.CostMicroUSD(u)/n
	}
	r.PerSandbox, r.MostReadKB = p.perSandbox(), p.mostRead()
	ledger, err := world.Store.Ledger(ctx, domain.Ref{Team: practice.Team, Campaign: started.CampaignID, Run: started.RunID})
	if err != nil {
		return r, err
	}
	r.OwnP95 = ownP95(used.enrich, ledger.Chunks)
	answers, err := answerUnits(ctx, world)
	if err != nil {
		return r, err
	}
	r.AnswerUnits = answers / n
	r.AnswerUSD = r.USD[meter.WriteUnits.String()] * answers / billed.Count(meter.WriteUnits)
	gbms := meter.LambdaGBMilliseconds.String()
	modelled := p.modelled(world, used) / n
	r.USD[gbms] *= modelled / r.PerProspect[gbms]
	r.MeasuredGBMilliseconds, r.PerProspect[gbms] = r.PerProspect[gbms], modelled
	stored, err := keptBy(ctx, world)
	r.StoredMB = int(stored.bytes >> 20)
	logged := float64(p.logged.Load())
	r.PerProspect[bench.StoredBytes], r.USD[bench.StoredBytes] = float64(stored.bytes)/n, stored.dollars/n*1e6
	r.PerProspect[bench.LogBytes], r.USD[bench.LogBytes] = logged/n, logged/1e9*meter.LogsWritten/n*1e6
	return r, err
}

// wait waits for the execution to end. It asks the state machine, which is
// free, and not the API, which would be part of the bill.
func (b *benchCommand) wait(ctx context.Context, world *practice.World) error {
	cfg, err := world.Stack.Config("")
	if err != nil {
		return err
	}
	states := sfn.NewFromConfig(cfg)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		list, err := states.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(world.Stack.Output("StateMachine"))})
		if err != nil {
			return err
		}
		if len(list.Executions) == 1 && list.Executions[0].Status != types.ExecutionStatusRunning {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (b *benchCommand) report(t terminal, r bench.Result) error {
	record, err := bench.Load(benchRecord)
	if err != nil {
		return err
	}
	now := bench.Record{PricesFrom: meter.PriceDate, Runs: []bench.Result{r}}
	if b.JSON {
		err = json.NewEncoder(t.out).Encode(r)
	} else {
		_, err = fmt.Fprintf(t.out, "%s\n%s", now.Table(), now.StageTable())
	}
	if err == nil && b.Gate {
		err = gate(record, r)
	}
	if err == nil && b.Keep {
		record.PricesFrom = now.PricesFrom
		record.Put(r)
		err = keep(record)
	}
	return err
}

func gate(record bench.Record, r bench.Result) error {
	worse, better, err := record.Changed(r, benchTolerance)
	if err == nil && len(worse) > 0 {
		err = fmt.Errorf("worse than %s; write the new figures with make bench if that is meant:\n%s", benchRecord, strings.Join(worse, "\n"))
	}
	if len(better) > 0 {
		err = errors.Join(err, fmt.Errorf("better than %s: write it with make bench, so that it stays so:\n%s", benchRecord, strings.Join(better, "\n")))
	}
	return err
}

// keep writes the record and the tables that show it.
func keep(record bench.Record) error {
	if err := record.Save(benchRecord); err != nil {
		return err
	}
	tables := "AWS list prices of " + record.PricesFrom + ".\n\n" + record.Table()
	for _, place := range []struct{ page, text string }{{readme, tables}, {benchPage, tables + "\n" + record.StageTable()}} {
		page, err := os.ReadFile(place.page)
		if err != nil {
			return err
		}
		text, err := bench.Replace(string(page), "figures", "\n"+place.text+"\n")
		if err != nil {
			return fmt.Errorf("%s: %w", place.page, err)
		}
		if err := os.WriteFile(place.page, []byte(text), 0o644); err != nil { //nolint:gosec // documentation is for everybody
			return err
		}
	}
	return nil
}
