package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	"github.com/messageai/sluice/internal/store"
)

type drillCommand struct {
	Outage outageCommand `cmd:"" help:"Run a campaign twice in practice mode, the second time with a provider that fails in the middle, and compare."`
}

type outageCommand struct {
	Provider  string        `arg:"" help:"Enrichment provider that fails: apollo, clearbit, hunter, lusha, zerobounce or zoominfo."`
	For       time.Duration `help:"How long it is down; without it, to the end of the run."`
	Prospects int           `default:"300" help:"How many prospects to discover at most."`
	Seed      uint64        `default:"11" help:"Seed of the synthetic market."`
	Latency   time.Duration `default:"20ms" help:"How long simulated providers take to answer."`
	JSON      bool          `name:"json" help:"Print one JSON object and nothing else."`
}

// drilled is what one of the two runs came to.
type drilled struct {
	status api.CampaignStatus
	took   time.Duration
	rows   map[string]domain.Row    // with an end, by prospect
	twice  int                      // prospects with more than one end
	ended  map[string]time.Duration // when the chunk of a prospect had its end, by prospect
}

// outageReport compares the two runs.
type outageReport struct {
	Provider       string                      `json:"provider"`
	Seed           uint64                      `json:"seed"`
	DownAfterCalls int                         `json:"downAfterCalls"`    // of the provider's in the first run
	DownFor        float64                     `json:"downForSeconds"`    // zero: to the end
	Status         string                      `json:"status"`            // of the run with the outage
	Rows           int                         `json:"rows"`              // discovered
	CoverageKept   float64                     `json:"coverageKept"`      // share of the values found without the outage
	Coverage       map[domain.Field]coverage   `json:"coverage"`          // rows with a value, by field that was wanted
	ExtraCost      money.Micro                 `json:"extraCostMicroUsd"` // below zero: less was bought
	Cost           money.Micro                 `json:"costMicroUsd"`      // of the run without the outage
	ByProvider     map[string]money.Micro      `json:"extraByProvider"`
	RowsDelayed    int                         `json:"rowsDelayed"`
	RowsWithout    int                         `json:"rowsWithout"` // that it had answered, and that went on without it
	RowsLost       int                         `json:"rowsLost"`    // without exactly one end, or failed
	Leads          struct{ Without, With int } `json:"-"`
	ExtraSeconds   float64                     `json:"extraSeconds"`
}

type coverage struct {
	Without int `json:"without"` // rows with a value in the run without the outage
	With    int `json:"with"`
}

// Run runs the drill.
func (o *outageCommand) Run(ctx context.Context, t terminal) error {
	hosts, fields, err := o.of()
	if err != nil {
		return err
	}
	say := func(format string, args ...any) {
		if !o.JSON {
			_, _ = fmt.Fprintf(t.err, format, args...)
		}
	}
	say("1 of 2: %d prospects with every provider up ...\n", o.Prospects)
	calm := &outage{hosts: hosts, after: -1}
	before, err := o.campaign(ctx, t, calm, fields)
	if err != nil {
		return err
	}
	calls := int(calm.asked.Load())
	if calls == 0 {
		return fault.New(fault.InvalidInput, "cli.drill", o.Provider+" was not asked about any of these prospects: try another --seed, or more --prospects")
	}
	say("2 of 2: the same, and %s fails after %d of its %d calls ...\n", o.Provider, calls/2, calls)
	storm := &outage{hosts: hosts, after: int64(calls / 2), lasts: o.For}
	after, err := o.campaign(ctx, t, storm, fields)
	if err != nil {
		return err
	}
	r := o.compare(before, after, fields)
	r.DownAfterCalls = calls / 2
	if o.JSON {
		err = json.NewEncoder(t.out).Encode(r)
	} else {
		err = r.print(t.out)
	}
	if err == nil && r.RowsLost > 0 {
		return exitError{exitFailure, fmt.Sprintf("%d rows were lost: this is a bug, please report it", r.RowsLost)}
	}
	return err
}

// of returns the provider's hosts, and the fields that the campaign wants: those
// that every campaign wants and those that the provider gives.
func (o *outageCommand) of() (map[string]bool, []domain.Field, error) {
	var names []string
	for _, e := range catalog.All() {
		d := e.Definition
		gives := givenBy(d)
		if len(gives) == 0 || d.Name == "neverbounce" { // NeverBounce checks lists, in jobs: no run waits for it
			continue
		}
		names = append(names, d.Name)
		if d.Name != o.Provider {
			continue
		}
		hosts := map[string]bool{}
		for _, base := range append(slices.Collect(maps.Values(d.Hosts)), d.BaseURL) {
			u, err := url.Parse(base)
			if err != nil {
				return nil, nil, fmt.Errorf("read base URL of %s: %w", d.Name, err)
			}
			hosts[u.Hostname()] = true
		}
		fields := slices.DeleteFunc(domain.Fields(), func(f domain.Field) bool {
			return !slices.Contains(domain.DefaultFields(), f) && !slices.Contains(gives, f)
		})
		return hosts, fields, nil
	}
	return nil, nil, fault.New(fault.InvalidInput, "cli.drill", fmt.Sprintf("no run asks %q to enrich anybody; use one of %s", o.Provider, strings.Join(names, ", ")))
}

func givenBy(d provider.Definition) []domain.Field {
	var fields []domain.Field
	for _, offer := range d.Offers {
		if !offer.Interactive {
			fields = append(fields, offer.Gives...)
		}
	}
	return fields
}

// outage switches a provider off after so many calls about prospects that are
// being enriched: discovery is over by then. Below zero it only counts them.
type outage struct {
	hosts map[string]bool
	after int64
	lasts time.Duration
	dial  *upstream.Dial

	enriching atomic.Bool
	asked     atomic.Int64
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Do implements aws.HTTPClient.
func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// wrap notices the first step of the workers that enrich.
func (o *outage) wrap(function string, next aws.HTTPClient) aws.HTTPClient {
	if function != "enrich" {
		return next
	}
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		o.enriching.Store(true)
		return next.Do(r)
	})
}

func (o *outage) outside(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if o.enriching.Load() && o.hosts[r.URL.Hostname()] {
			if n := o.asked.Add(1); o.after >= 0 && n == o.after+1 {
				o.dial.SetOutage(true)
				if o.lasts > 0 {
					time.AfterFunc(o.lasts, func() { o.dial.SetOutage(false) })
				}
			}
		}
		return next.RoundTrip(r)
	})
}

// campaign runs the sample campaign with every provider connected, and the
// provider of the drill asked first: so its outage hurts most.
func (o *outageCommand) campaign(ctx context.Context, t terminal, gate *outage, fields []domain.Field) (out drilled, err error) {
	world, err := practice.Open(ctx, practice.Options{
		Seed: o.Seed, People: marketSize(o.Prospects), Latency: o.Latency, Generous: true, Enrichers: practice.Enrichers(),
		Parameters: workerParameters(), Wrap: gate.wrap, Outside: gate.outside,
	})
	if err != nil {
		return out, err
	}
	defer func() {
		if cerr := world.Close(); err == nil {
			err = cerr
		}
	}()
	gate.dial = world.Sandbox.Faults(o.Provider)
	c := client{api: world.API(), key: practice.Key}
	world.Start()
	var icp domain.ICP
	if err := json.Unmarshal(sampleICP, &icp); err != nil {
		return out, fmt.Errorf("read sample ICP: %w", err)
	}
	if err := c.call(ctx, "POST", "/api/v1/prospecting/icps", icp, nil); err != nil {
		return out, err
	}
	request := api.CampaignRequest{ICPID: icp.ID, Name: "Outage drill", Platforms: []string{"apollo", "googleplaces"}}
	request.Options.MaxProspects = o.Prospects
	request.Options.Enrich = &api.EnrichRequest{Order: "fixed", Providers: []string{o.Provider}}
	for _, name := range strings.Split("apollo,hunter,zerobounce,lusha,zoominfo,clearbit", ",") {
		if name != o.Provider {
			request.Options.Enrich.Providers = append(request.Options.Enrich.Providers, name)
		}
	}
	for _, f := range fields {
		request.Options.Enrich.Fields = append(request.Options.Enrich.Fields, string(f))
	}
	var started api.CampaignStarted
	if err := c.call(ctx, "POST", "/api/v1/prospecting/campaigns", request, &started); err != nil {
		return out, err
	}
	return o.watch(ctx, t, world, c, started)
}

// watch follows a run to its end and notes when each chunk had its own.
func (o *outageCommand) watch(ctx context.Context, t terminal, world *practice.World, c client, started api.CampaignStarted) (drilled, error) {
	out := drilled{rows: map[string]domain.Row{}, ended: map[string]time.Duration{}}
	ref := domain.Ref{Team: practice.Team, Campaign: started.CampaignID, Run: started.RunID}
	chunks := map[string]time.Duration{}
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := c.call(ctx, "GET", "/api/v1/prospecting/campaigns/"+started.CampaignID, nil, &out.status); err != nil {
			return out, err
		}
		ledger, err := world.Store.Ledger(ctx, ref)
		if err != nil {
			return out, err
		}
		out.took = time.Since(began)
		for name, chunk := range ledger.Chunks {
			if _, noted := chunks[name]; chunk.Counts != nil && !noted {
				chunks[name] = out.took
			}
		}
		if t.live() && !o.JSON {
			_, _ = fmt.Fprint(t.err, "\r\x1b[K"+line(out.status, o.Prospects, out.took))
		}
		if now := domain.RunStatus(out.status.Status); now.Ended() || now == domain.RunPaused {
			break
		}
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-timer.C:
		}
		timer.Reset(max(pollEvery, time.Since(began)/20)) // an outage is looked at less and less often
	}
	if t.live() && !o.JSON {
		_, _ = fmt.Fprint(t.err, "\r\x1b[K")
	}
	for name, at := range chunks {
		rows, err := world.Store.Rows(ctx, practice.Team, store.StepKey(ref.Run, name, store.StepConverted))
		if fault.Is(err, fault.NotFound) {
			continue // it gave up: its rows have no end
		}
		if err != nil {
			return out, err
		}
		for _, row := range rows {
			id := row.Prospect.ID
			if _, there := out.rows[id]; there {
				out.twice++
			}
			out.rows[id], out.ended[id] = row, at
		}
	}
	return out, nil
}

// answered reports that a provider has answered a question about a row.
func answered(row domain.Row, name string) bool {
	return slices.ContainsFunc(row.Calls, func(c domain.Call) bool { return c.Provider == name && c.Asked() })
}

// late is after how long a row counts as delayed: two runs of one seed differ by
// less.
const late = time.Second

func (o *outageCommand) compare(before, after drilled, fields []domain.Field) outageReport {
	r := outageReport{
		Provider: o.Provider, Seed: o.Seed, DownFor: o.For.Seconds(), Status: after.status.Status, Rows: before.status.Rows.In,
		Coverage: map[domain.Field]coverage{}, ByProvider: map[string]money.Micro{}, RowsLost: after.twice,
		Cost: before.status.Spend.SettledMicroUSD, ExtraCost: after.status.Spend.SettledMicroUSD - before.status.Spend.SettledMicroUSD,
		ExtraSeconds: (after.took - before.took).Round(time.Second / 10).Seconds(),
	}
	for name, spent := range before.status.Spend.ByProvider {
		r.ByProvider[name] -= spent
	}
	for name, spent := range after.status.Spend.ByProvider {
		r.ByProvider[name] += spent
	}
	maps.DeleteFunc(r.ByProvider, func(_ string, m money.Micro) bool { return m == 0 })
	had, kept := 0, 0
	for _, f := range fields {
		n := coverage{count(before.rows, f), count(after.rows, f)}
		r.Coverage[f] = n
		had, kept = had+n.Without, kept+n.With
	}
	if had > 0 {
		r.CoverageKept = float64(kept) / float64(had)
	}
	for id, was := range before.rows {
		row, there := after.rows[id]
		if there && answered(was, o.Provider) && !answered(row, o.Provider) {
			r.RowsWithout++
		}
		switch {
		case !there || !row.State.Final() || row.State == domain.Failed:
			r.RowsLost++
		case after.ended[id] > before.ended[id]+late:
			r.RowsDelayed++
		}
	}
	r.Leads.Without, r.Leads.With = before.status.Progress.Converted, after.status.Progress.Converted
	return r
}

// count is how many rows have a value for a field.
func count(rows map[string]domain.Row, f domain.Field) int {
	n := 0
	for _, row := range rows {
		if known(row.Prospect, f) {
			n++
		}
	}
	return n
}

func known(p domain.Prospect, f domain.Field) bool {
	switch f {
	case domain.FieldPerson:
		return p.HasPerson()
	case domain.FieldEmail:
		return p.Contact.Email != ""
	case domain.FieldEmailStatus:
		return p.Contact.EmailStatus != domain.EmailUnchecked
	case domain.FieldPhone:
		return p.Contact.Phone != ""
	case domain.FieldTitle:
		return p.Person.Title != ""
	case domain.FieldCompany:
		return p.Company.Industry != ""
	case domain.FieldTechnology:
		return len(p.Company.Technologies) > 0
	case domain.FieldIntent:
		return slices.ContainsFunc(p.Signals, func(s domain.Signal) bool { return s.Kind == "intent" })
	}
	return false
}

func (r outageReport) print(w io.Writer) error {
	var b strings.Builder
	until := "until the end of the run"
	if r.DownFor > 0 {
		until = "for " + time.Duration(r.DownFor*float64(time.Second)).String()
	}
	fmt.Fprintf(&b, "Practice mode: invented people, simulated providers (seed %d). %s was down from its call %d on, %s.\n\n", r.Seed, r.Provider, r.DownAfterCalls+1, until)
	tw := tabwriter.NewWriter(&b, 2, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "  coverage kept\t%.1f%%\tof the values found with %s up\n", r.CoverageKept*100, r.Provider)
	fmt.Fprintf(tw, "  extra cost\t%s\ton top of %s\n", signed(r.ExtraCost), r.Cost)
	fmt.Fprintf(tw, "  rows delayed\t%d\tof %d; the run took %.1f s longer\n", r.RowsDelayed, r.Rows, max(0, r.ExtraSeconds))
	fmt.Fprintf(tw, "  rows without it\t%d\twhich %s had answered\n", r.RowsWithout, r.Provider)
	fmt.Fprintf(tw, "  rows lost\t%d\tthe run is %s\n", r.RowsLost, r.Status)
	fmt.Fprintf(tw, "  leads\t%d\tinstead of %d\n", r.Leads.With, r.Leads.Without)
	_ = tw.Flush() // a strings.Builder does not fail
	b.WriteString("\nRows with a value\n")
	tw = tabwriter.NewWriter(&b, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "  \tup\tdown\t")
	for _, f := range domain.Fields() {
		if n, wanted := r.Coverage[f]; wanted {
			fmt.Fprintf(tw, "  %s\t%d\t%d\t\n", f, n.Without, n.With)
		}
	}
	_ = tw.Flush() // a strings.Builder does not fail
	for _, name := range slices.Sorted(maps.Keys(r.ByProvider)) {
		fmt.Fprintf(&b, "%s %s\n", name, signed(r.ByProvider[name]))
	}
	b.WriteString("\nPractice mode waits about two minutes for a provider that is down; a deployed stack up to three quarters of an hour, unless\nthe parameter OutagePatience of template.yaml says otherwise.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// signed prints a difference of money.
func signed(m money.Micro) string {
	if m < 0 {
		return "-" + (-m).String()
	}
	return "+" + m.String()
}
