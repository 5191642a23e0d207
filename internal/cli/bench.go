package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/practice"
)

type benchCommand struct {
	Prospects int    `default:"10000" help:"How many prospects to run."`
	Seed      uint64 `default:"11" help:"Seed of the synthetic market."`
	JSON      bool   `name:"json" help:"Print one JSON object."`
}

// Run measures one campaign at zero provider latency, in memory.
func (b *benchCommand) Run(ctx context.Context, t terminal) error {
	world, err := practice.Open(ctx, practice.Options{Seed: b.Seed, People: marketSize(b.Prospects), Generous: true})
	if err != nil {
		return err
	}
	err = b.measure(ctx, t, world)
	return errors.Join(err, world.Close())
}

func (b *benchCommand) measure(ctx context.Context, t terminal, world *practice.World) error {
	world.Start()
	c := client{api: world.API(), key: practice.Key}
	before := world.Stack.Meter().Read()
	began := time.Now()
	started, err := (&demoCommand{Prospects: b.Prospects}).start(ctx, c)
	if err != nil {
		return err
	}
	status, err := follow(ctx, t, c, started.CampaignID, b.Prospects, b.JSON)
	if err != nil {
		return err
	}
	elapsed := time.Since(began)
	aws := world.Stack.Meter().Read().Sub(before)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if !status.Rows.Balanced || status.Status != "completed" {
		return fmt.Errorf("the benchmark's run is %s (%s) and balanced is %t", status.Status, status.Reason, status.Rows.Balanced)
	}
	n := float64(status.Rows.In)
	counts := map[string]float64{}
	for _, u := range meter.Units() {
		counts[u.String()] = aws.Count(u) / n
	}
	if b.JSON {
		return json.NewEncoder(t.out).Encode(map[string]any{
			"prospects": status.Rows.In, "elapsedSeconds": elapsed.Seconds(), "prospectsPerMinute": n / elapsed.Minutes(),
			"perProspect": counts, "usdPerMillionProspects": aws.MicroUSD() / n, "pricesFrom": meter.PriceDate,
			"goMemoryMB": memory.Sys >> 20, "cpus": runtime.NumCPU(),
		})
	}
	return printBench(t, status, elapsed, aws, memory.Sys>>20)
}

func printBench(t terminal, status api.CampaignStatus, elapsed time.Duration, aws meter.Reading, megabytes uint64) error {
	n := float64(status.Rows.In)
	tw := tabwriter.NewWriter(t.out, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "prospects\t%d\t\n", status.Rows.In)
	fmt.Fprintf(tw, "seconds\t%.1f\t\n", elapsed.Seconds())
	fmt.Fprintf(tw, "prospects/min\t%.0f\t\n", n/elapsed.Minutes())
	fmt.Fprintf(tw, "Go memory MB\t%d\t\n", megabytes)
	fmt.Fprintf(tw, "\tper prospect\t$ per million\t\n")
	for _, u := range meter.Units() {
		fmt.Fprintf(tw, "%s\t%.4f\t%.3f\t\n", u, aws.Count(u)/n, aws.CostMicroUSD(u)/n)
	}
	fmt.Fprintf(tw, "AWS in all\t\t%.2f\t\n", aws.MicroUSD()/n)
	return tw.Flush()
}
