// Command compare runs the behaviour cases on another implementation and
// compares it with what the local stack does, which testdata keeps. It prints a
// line per operation and fails on a difference that docs/localaws.md does not
// decide, be it another place in a case that has one or an operation that the
// partner does not have, and on a decision about a difference that is gone.
//
//	go run ./internal/localaws/parity/compare dynalite dynamodb http://127.0.0.1:4567
//	go run ./internal/localaws/parity/compare moto sqs,dynamodb/TransactWriteItems http://127.0.0.1:5000
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

func run(ctx context.Context, out io.Writer, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: compare PARTNER SERVICE[/OPERATION][,...] URL, from the repository's root")
	}
	c := parity.Comparison{Partner: args[0], Of: strings.Split(args[1], ","), Cases: suites.Cases(), Kept: map[string]parity.Observation{}}
	text, err := os.ReadFile("docs/localaws.md")
	if err != nil {
		return err
	}
	if c.Decided, err = parity.Differences(string(text)); err != nil {
		return fmt.Errorf("docs/localaws.md: %w", err)
	}
	for _, name := range c.Of {
		service, _, _ := strings.Cut(name, "/")
		kept, err := load(service)
		if err != nil {
			return err
		}
		maps.Copy(c.Kept, kept)
	}
	c.Config = aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(args[2]), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
	}
	operations, wrong := c.Run(ctx)
	show(out, c.Partner, operations)
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %d faults\n%s", c.Partner, len(wrong), strings.Join(wrong, "\n"))
	}
	return nil
}

func load(service string) (map[string]parity.Observation, error) {
	data, err := os.ReadFile(filepath.Join("internal/localaws/parity/suites/testdata", service+".json"))
	if err != nil {
		return nil, err
	}
	var kept map[string]parity.Observation
	return kept, json.Unmarshal(data, &kept)
}

func show(out io.Writer, partner string, table map[string]parity.Tally) {
	_, _ = fmt.Fprintf(out, "%-48s %6s %10s %15s\n", "on "+partner, "same", "different", "not comparable")
	total := parity.Tally{}
	for _, op := range slices.SortedFunc(maps.Keys(table), cmp.Compare[string]) {
		t := table[op]
		_, _ = fmt.Fprintf(out, "%-48s %6d %10d %15d\n", op, t[parity.Same], t[parity.Different], t[parity.NotComparable])
		for v, n := range t {
			total[v] += n
		}
	}
	_, _ = fmt.Fprintf(out, "%-48s %6d %10d %15d\n", "all", total[parity.Same], total[parity.Different], total[parity.NotComparable])
}
