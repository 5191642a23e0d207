package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/messageai/sluice/internal/app"
	"github.com/messageai/sluice/internal/bulk"
	"github.com/messageai/sluice/internal/config"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/listing"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

type emailVerifyCommand struct {
	File   string        `arg:"" help:"The list: CSV with a line of headings."`
	Column string        `help:"Heading of the column with the addresses; default: email, e-mail, email address or mail."`
	Out    string        `help:"Where the list goes with the verdicts; default: <file>.verified.csv." placeholder:"FILE"`
	Buy    bool          `help:"Have the provider verify what is not known, at up to the price that is shown without this."`
	CapUSD float64       `name:"cap" help:"Buy nothing if it can cost more than so many dollars." placeholder:"USD"`
	Wait   time.Duration `default:"1h" help:"How long to wait for the provider. Whoever comes later with the same list goes on and pays nothing twice."`
	stored
	JSON bool `name:"json" help:"Print one JSON object."`
}

// checkedList is what came of a list.
type checkedList struct {
	Lines  int            `json:"lines"`
	Twice  int            `json:"repeated"`
	Free   int            `json:"free"`  // needed no verifier
	Known  int            `json:"known"` // the cache had a verdict
	Asked  int            `json:"forTheProvider"`
	Worst  money.Micro    `json:"worstCaseMicroUsd"`
	Bought bool           `json:"bought"`
	Status map[string]int `json:"byStatus"`
	Out    string         `json:"out,omitempty"`
	At     string         `json:"provider"`
}

// Run verifies a list.
func (e *emailVerifyCommand) Run(ctx context.Context, t terminal) error {
	table, column, err := e.read()
	if err != nil {
		return err
	}
	if e.Team == "" {
		return e.practice(ctx, []string{"apollo", "hunter", "neverbounce"}, func(w *practice.World) error {
			v, err := w.Lists()
			if err != nil {
				return err
			}
			return e.verify(ctx, t, v, practice.Team, table, column)
		})
	}
	return e.deployed(ctx, func(cfg aws.Config, opts store.Options) error {
		env := config.Environ()
		for name, value := range map[string]string{
			"SLUICE_STAGE": e.Stage, "SLUICE_TABLE_CORE": opts.Core, "SLUICE_TABLE_PROSPECTS": opts.Prospects, "SLUICE_TABLE_LEDGER": opts.Ledger,
			"SLUICE_TABLE_CONTROL": opts.Control, "SLUICE_BUCKET": opts.Bucket, "SLUICE_SECRET_PREFIX": "sluice/" + e.Stage,
		} {
			env[name] = value
		}
		v, err := app.Lists(env, cfg, app.Outside{})
		if err != nil {
			return err
		}
		return e.verify(ctx, t, v, e.Team, table, column)
	})
}

// read returns the list, headings first, and the column of the addresses.
func (e *emailVerifyCommand) read() (table [][]string, column int, err error) {
	data, err := os.ReadFile(e.File)
	if err != nil {
		return nil, 0, fault.New(fault.NotFound, "cli.email", "the file "+e.File+" cannot be read")
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	if table, err = r.ReadAll(); err != nil || len(table) == 0 {
		return nil, 0, fault.New(fault.InvalidInput, "cli.email", "the file "+e.File+" is not CSV with a line of headings")
	}
	wanted := []string{strings.ToLower(e.Column)}
	if e.Column == "" {
		wanted = []string{"email", "e-mail", "email address", "e-mail address", "email_address", "mail"}
	}
	column = slices.IndexFunc(table[0], func(heading string) bool {
		return slices.Contains(wanted, strings.ToLower(strings.TrimSpace(heading)))
	})
	if column < 0 {
		return nil, 0, fault.New(fault.InvalidInput, "cli.email", "no column of "+e.File+" has the heading "+strings.Join(wanted, ", ")+"; name it with --column")
	}
	return table, column, nil
}

func (e *emailVerifyCommand) verify(ctx context.Context, t terminal, v *bulk.Verifier, team string, table [][]string, column int) error {
	ctx = domain.InTeam(ctx, team)
	v.Wait = e.Wait
	var addresses []string
	for _, line := range table[1:] {
		if column < len(line) && strings.TrimSpace(line[column]) != "" {
			addresses = append(addresses, listing.Unguarded(strings.TrimSpace(line[column])))
		}
	}
	l, err := v.Prepare(ctx, team, addresses)
	if err != nil {
		return err
	}
	out := checkedList{
		Lines: len(addresses), Twice: l.Twice, Free: l.Free, Known: l.Known, Asked: l.Ask(), Worst: l.Price(), Bought: e.Buy, Status: map[string]int{}, At: v.Definition.DisplayName,
	}
	if e.CapUSD > 0 && out.Worst > money.Micro(e.CapUSD*float64(money.Dollar)) {
		return fault.New(fault.CapReached, "cli.email", fmt.Sprintf("to verify %d addresses can cost %s, more than --cap: nothing was bought", out.Asked, out.Worst))
	}
	if e.Buy {
		if err := l.Buy(ctx); err != nil {
			return err
		}
	}
	if out.Out, err = e.write(l, table, column, out.Status); err != nil {
		return err
	}
	return out.print(t, e.JSON)
}

// write adds the verdicts to the list.
func (e *emailVerifyCommand) write(l *bulk.List, table [][]string, column int, counts map[string]int) (string, error) {
	path := e.Out
	if path == "" {
		path = strings.TrimSuffix(e.File, filepath.Ext(e.File)) + ".verified.csv"
	}
	width := 0
	for _, line := range table {
		width = max(width, len(line))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for i, line := range table {
		line = append(slices.Clone(line), make([]string, width-len(line))...)
		for k, cell := range line {
			line[k] = listing.Guarded(listing.Unguarded(cell))
		}
		more := []string{"email_status", "email_confidence", "email_reason"}
		if i > 0 {
			more = []string{"", "", ""}
			if address := listing.Unguarded(strings.TrimSpace(table[i][min(column, len(table[i])-1)])); column < len(table[i]) && address != "" {
				j := l.Judge(address)
				status := string(j.Status)
				if status == "" {
					status = "unchecked"
				}
				counts[status]++
				more = []string{status, strconv.FormatFloat(j.Confidence, 'f', 2, 64), strings.Join(j.Reasons, "; ")}
			}
		}
		if err := w.Write(append(line, more...)); err != nil {
			return "", fmt.Errorf("write list: %w", err)
		}
	}
	w.Flush() // into memory, which does not fail
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return "", fault.New(fault.InvalidInput, "cli.email", "the file "+path+" cannot be written")
	}
	return path, nil
}

func (c checkedList) print(t terminal, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(t.out).Encode(c)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d addresses, %d of them repeated: %d need no verifier (syntax, lists, DNS), %d have a verdict in the cache\n", c.Lines, c.Twice, c.Free, c.Known)
	switch {
	case c.Asked > 0 && c.Bought:
		fmt.Fprintf(&b, "%d were verified by %s for at most %s\n", c.Asked, c.At, c.Worst)
	case c.Asked > 0:
		fmt.Fprintf(&b, "%d are left for %s, at most %s: add --buy\n", c.Asked, c.At, c.Worst)
	}
	for _, status := range []string{"safe", "risky", "invalid", "unknown", "unchecked"} {
		if n := c.Status[status]; n > 0 {
			fmt.Fprintf(&b, "  %-9s %d\n", status, n)
		}
	}
	fmt.Fprintf(&b, "Written to %s\n", c.Out)
	_, err := fmt.Fprint(t.out, b.String())
	return err
}
