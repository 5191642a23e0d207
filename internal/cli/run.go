package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/listing"
)

type runCommand struct {
	ICP     string            `name:"icp" required:"" help:"The ICP, a JSON file." placeholder:"FILE"`
	Input   string            `required:"" help:"Your list, a CSV file; - reads standard input." placeholder:"FILE"`
	Out     string            `default:"leads.csv" help:"Where leads go; review, rejected, duplicate and bad rows go beside it." placeholder:"FILE"`
	Map     map[string]string `help:"Say which column holds a field, for example email=\"Work Email\"; may be repeated." placeholder:"FIELD=COLUMN"`
	Country string            `help:"Country of phone numbers that name none, such as US." placeholder:"CODE"`
	JSON    bool              `name:"json" help:"Print the row counts as one JSON object."`
}

// Run scores the list.
func (r *runCommand) Run(ctx context.Context, t terminal) error {
	icp, err := readICP(r.ICP)
	if err != nil {
		return err
	}
	opts := listing.Options{ICP: icp, InputPath: r.Input, Out: r.Out, Map: r.Map, Country: r.Country, Now: time.Now().UTC()}
	if r.Input == "-" {
		opts.InputPath, opts.Input = "", t.in
	}
	began := time.Now()
	if t.live() && !r.JSON {
		opts.Progress = func(p listing.Progress) {
			share := ""
			if p.Size > 0 {
				share = fmt.Sprintf("%3.0f%%  ", float64(p.Bytes)/float64(p.Size)*100)
			}
			_, _ = fmt.Fprintf(t.err, "\r\x1b[K%s%d rows, %.0f rows/s", share, p.Rows, float64(p.Rows)/time.Since(began).Seconds())
		}
	}
	result, err := listing.Run(ctx, opts)
	if opts.Progress != nil {
		_, _ = fmt.Fprint(t.err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if r.JSON {
		return json.NewEncoder(t.out).Encode(map[string]any{"rows": rowsOf(result.Counts, 0), "files": result.Files, "notes": result.Notes, "model": result.Model})
	}
	return r.print(t, result, time.Since(began))
}

func (r *runCommand) print(t terminal, result listing.Result, took time.Duration) error {
	c := result.Counts
	for _, note := range result.Notes {
		_, _ = fmt.Fprintln(t.err, "note:", note)
	}
	for _, line := range []struct {
		name string
		n    int
		file string
	}{
		{"leads", c.Qualified, result.Files.Leads},
		{"review", c.Review, result.Files.Review},
		{"rejected", c.Rejected, result.Files.Rejected},
		{"duplicates", c.Duplicate, result.Files.Duplicates},
		{"bad rows", c.Failed, result.Files.Bad},
	} {
		if _, err := fmt.Fprintf(t.out, "%-10s %8d  %s\n", line.name, line.n, line.file); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(t.out, "%d rows in %.1f s, every one in exactly one file. Scored without keys by the built-in model %s.\nWhy did a row score what it scored?  sluice lead why ID --receipts %s\n",
		c.In, took.Seconds(), result.Model, result.Files.Receipts)
	return err
}

// readICP reads an ICP from a JSON file.
func readICP(path string) (domain.ICP, error) {
	bad := func(message string) (domain.ICP, error) {
		return domain.ICP{}, fault.New(fault.InvalidInput, "cli.icp", message)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return bad("the ICP file " + path + " cannot be read; give a JSON file with --icp")
	}
	var icp domain.ICP
	if err := json.Unmarshal(data, &icp); err != nil {
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return bad(fmt.Sprintf("%s is not valid JSON (at byte %d)", path, e.Offset))
		}
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return bad(fmt.Sprintf("%s: the field %s must not be a %s", path, e.Field, e.Value))
		}
		return bad(path + " is not an ICP")
	}
	return icp, icp.Validate()
}
