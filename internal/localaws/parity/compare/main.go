// Command compare runs the behaviour cases on another implementation and
// compares it with what the local stack does, which testdata keeps. It prints a
// line per operation and fails on a difference that docs/localaws.md does not
// decide, be it another place in a case that has one, and on a decision about a
// difference that is gone.
//
//	go run ./internal/localaws/parity/compare dynalite dynamodb http://127.0.0.1:4567
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/messageai/sluice/internal/localaws/parity"
	"github.com/messageai/sluice/internal/localaws/parity/suites"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// tally counts the verdicts about one operation.
type tally map[parity.Verdict]int

func run(ctx context.Context, out io.Writer, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: compare PARTNER SERVICE[,SERVICE] URL, from the repository's root")
	}
	partner, services, url := args[0], strings.Split(args[1], ","), args[2]
	text, err := os.ReadFile("docs/localaws.md")
	if err != nil {
		return err
	}
	decided, err := parity.Differences(string(text))
	if err != nil {
		return fmt.Errorf("docs/localaws.md: %w", err)
	}
	open := map[string][]string{} // places decided, by case
	for _, d := range decided {
		service, _, _ := strings.Cut(d.Case, "/")
		if d.Partner == partner && slices.Contains(services, service) {
			open[d.Case] = d.Places
		}
	}
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
	}
	table := map[string]tally{}
	var wrong []string
	for _, service := range services {
		kept, err := load(service)
		if err != nil {
			return err
		}
		for n, c := range suites.Cases() {
			if c.Service != service {
				continue
			}
			prefix := fmt.Sprintf("p%d-%d", time.Now().UnixMilli()%1e9, n)
			verdict, places, detail := parity.Compare(kept[c.ID()], observe(ctx, cfg, prefix, c))
			op := c.Service + " " + c.Operation
			if table[op] == nil {
				table[op] = tally{}
			}
			table[op][verdict]++
			// What is decided is forgiven, neither more nor less.
			if !slices.Equal(places, open[c.ID()]) {
				wrong = append(wrong, fmt.Sprintf("%s\n\tdiffers at  %q\n\tdecided are %q\n\t%s", c.ID(), places, open[c.ID()], detail))
			}
			delete(open, c.ID())
		}
	}
	for _, id := range slices.Sorted(maps.Keys(open)) {
		wrong = append(wrong, id+": docs/localaws.md decides about a case that there is not")
	}
	show(out, partner, table)
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %d cases\n%s", partner, len(wrong), strings.Join(wrong, "\n"))
	}
	return nil
}

// observe gives a partner the time that a case with visibility time-outs needs.
func observe(ctx context.Context, cfg aws.Config, prefix string, c parity.Case) parity.Observation {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	o := parity.Observe(ctx, cfg, prefix, c)
	data, err := json.Marshal(o)
	if err != nil {
		return parity.Observation{Broken: err.Error()}
	}
	var plain parity.Observation
	if err := json.Unmarshal(data, &plain); err != nil {
		return parity.Observation{Broken: err.Error()}
	}
	return plain
}

func load(service string) (map[string]parity.Observation, error) {
	data, err := os.ReadFile(filepath.Join("internal/localaws/parity/suites/testdata", service+".json"))
	if err != nil {
		return nil, err
	}
	var kept map[string]parity.Observation
	return kept, json.Unmarshal(data, &kept)
}

func show(out io.Writer, partner string, table map[string]tally) {
	_, _ = fmt.Fprintf(out, "%-48s %6s %10s %15s\n", "on "+partner, "same", "different", "not comparable")
	total := tally{}
	for _, op := range slices.SortedFunc(maps.Keys(table), cmp.Compare[string]) {
		t := table[op]
		_, _ = fmt.Fprintf(out, "%-48s %6d %10d %15d\n", op, t[parity.Same], t[parity.Different], t[parity.NotComparable])
		for v, n := range t {
			total[v] += n
		}
	}
	_, _ = fmt.Fprintf(out, "%-48s %6d %10d %15d\n", "all", total[parity.Same], total[parity.Different], total[parity.NotComparable])
}
