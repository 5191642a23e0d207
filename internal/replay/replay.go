package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/pipeline/convert"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// Store is what a replay reads of the store.
type Store interface {
	Ledger(ctx context.Context, ref domain.Ref) (store.Ledger, error)
	Profile(ctx context.Context, team, run string, profile any) error
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	Record(ctx context.Context, ref domain.Ref, step string, record any) (found bool, err error)
	Meaning(ctx context.Context, ref domain.Ref, meaning any) (found bool, err error)
	Learned(ctx context.Context, team string) (domain.Experiences, error)
}

// Change is what is different from the run. The zero value changes nothing.
type Change struct {
	ICP     *domain.ICP
	Order   []string // of providers, as if the campaign had fixed it
	Weights *domain.Weights
}

func (c Change) none() bool { return c.ICP == nil && c.Order == nil && c.Weights == nil }

// Replay is how runs are computed again.
type Replay struct {
	Store     Store
	Providers map[string]provider.Definition // all there are, with the customer's prices
	Now       func() time.Time
	// Rows is shown the rows of each chunk as they come out; may be nil.
	Rows func(chunk string, rows []domain.Row)
}

// Run computes the run of ref's team again. A run without a plan is a fault
// NotFound, a change that cannot be meant InvalidInput.
func (r *Replay) Run(ctx context.Context, ref domain.Ref, change Change) (Report, error) {
	p, err := r.prepare(ctx, ref, change)
	if err != nil {
		return Report{}, err
	}
	// Who becomes a lead is known only when every chunk was seen: the first pass
	// collects who would, the second counts.
	for _, name := range p.names {
		rows, base, err := p.play(ctx, name, nil)
		if err != nil {
			return Report{}, fmt.Errorf("chunk %s: %w", name, err)
		}
		p.leads.collect(name, rows, base)
	}
	p.leads.resolve()
	report := newReport(ref.Run, change)
	now, before := sha256.New(), sha256.New()
	for _, name := range p.names {
		rows, base, err := p.play(ctx, name, &report)
		if err != nil {
			return Report{}, fmt.Errorf("chunk %s: %w", name, err)
		}
		if base == nil {
			continue
		}
		p.leads.convert(name, rows, base)
		if err := report.compare(base, rows); err != nil {
			return Report{}, err
		}
		if err := errorsOf(sum(before, name, base), sum(now, name, rows)); err != nil {
			return Report{}, err
		}
		if r.Rows != nil {
			r.Rows(name, rows)
		}
	}
	for _, sh := range p.ledger.Shards {
		report.discovered(sh)
	}
	report.Hash, report.RunHash = hex.EncodeToString(now.Sum(nil)), hex.EncodeToString(before.Sum(nil))
	report.Same = report.Hash == report.RunHash
	return report, nil
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// sum adds rows to a hash of results.
func sum(h hash.Hash, chunk string, rows []domain.Row) error {
	enc := json.NewEncoder(h)
	for _, row := range rows {
		if err := enc.Encode(struct {
			Chunk string     `json:"chunk"`
			Row   domain.Row `json:"row"`
		}{chunk, row}); err != nil {
			return err
		}
	}
	return nil
}

// play is one replay at work.
type play struct {
	*Replay
	ref     domain.Ref
	changed bool
	profile domain.RunProfile
	scorer  *scorer
	ledger  store.Ledger
	names   []string // of chunks, in order
	stats   waterfall.Stats
	leads   leads
}

func (r *Replay) prepare(ctx context.Context, ref domain.Ref, change Change) (*play, error) {
	p := &play{Replay: r, ref: ref, changed: !change.none()}
	if err := r.Store.Profile(ctx, ref.Team, ref.Run, &p.profile); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil, fault.New(fault.NotFound, "replay.profile", "there is no such run, or it is older than 90 days: what it worked on is gone")
		}
		return nil, err
	}
	var err error
	if p.ledger, err = r.Store.Ledger(ctx, ref); err != nil {
		return nil, err
	}
	for _, sh := range p.ledger.Shards {
		for n := range sh.Chunks {
			p.names = append(p.names, store.ChunkName(sh.ID, n))
		}
	}
	slices.Sort(p.names)
	known, err := r.Store.Learned(ctx, ref.Team)
	if err != nil {
		return nil, err
	}
	p.stats = waterfall.Stats{Providers: r.Providers, Known: waterfall.Widen(known)}
	if err := p.reorder(change.Order); err != nil {
		return nil, err
	}
	p.leads = leads{ref: ref, auto: p.profile.Options.AutoConvert, candidates: map[string][]candidate{}, owners: map[string]string{}}
	p.scorer, err = newScorer(p.profile, change)
	return p, err
}

// reorder fixes the order of providers, as a campaign does.
func (p *play) reorder(order []string) error {
	if order == nil {
		return nil
	}
	for _, name := range order {
		if len(p.Providers[name].Offers) == 0 {
			return fault.New(fault.InvalidInput, "replay.order", fmt.Sprintf("order: there is no enrichment provider %q", name))
		}
	}
	want := domain.Enrich{Fields: p.profile.Enrich.Fields, Providers: order, Fixed: true}
	p.profile.Enrich = waterfall.PlanOf(want, p.profile.Sources, p.Providers, nil)
	return nil
}

// play computes one chunk up to its decision. base is what the run made of it:
// nil if it made nothing. report may be nil.
func (p *play) play(ctx context.Context, name string, report *Report) (rows, base []domain.Row, err error) {
	ref := p.ref
	ref.Chunk = name
	c := p.ledger.Chunks[name]
	base, err = p.Store.Rows(ctx, ref.Team, store.StepKey(ref.Run, name, store.StepConverted))
	if c.Counts == nil || c.Failure != "" || fault.Is(err, fault.NotFound) {
		report.notReplayed(name, c)
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if rows, err = p.input(ctx, ref, c); err != nil {
		return nil, nil, err
	}
	if len(rows) != len(base) {
		return nil, nil, fault.New(fault.Internal, "replay.play", fmt.Sprintf("%d rows came in and %d came out", len(rows), len(base)))
	}
	first, final := times(base, p.Now())
	p.scorer.first(rows, first)
	x := &chunk{play: p, ref: ref, rows: rows, base: base, report: report, known: map[string]waterfall.Recorded{}, billed: map[string]bool{}, mail: map[string]email.Mail{}}
	skipped, err := x.enrich(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return rows, base, p.scorer.final(ctx, p.Store, ref, rows, base, skipped, final, report)
}

// input is the rows that the chunk began with: as discovered, or as they were
// when a run was tried again.
func (p *play) input(ctx context.Context, ref domain.Ref, c store.Chunk) ([]domain.Row, error) {
	for attempt := c.Attempt; attempt > 0; attempt-- {
		rows, err := p.Store.Rows(ctx, ref.Team, store.RetryKey(ref.Run, ref.Chunk, attempt))
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return nil, err
		case slices.ContainsFunc(rows, func(row domain.Row) bool { return !row.State.Final() }):
			return rows, nil
		}
	}
	return p.Store.Rows(ctx, ref.Team, store.ChunkKey(ref.Run, ref.Chunk))
}

// times are when the chunk was scored before and after enrichment, by its
// receipts: activity fades, so the same moment gives the same score.
func times(base []domain.Row, now time.Time) (first, final time.Time) {
	for _, row := range base {
		if row.Prescore != nil && (first.IsZero() || row.Prescore.At.After(first)) {
			first = row.Prescore.At
		}
		if row.Score != nil && row.Score.At.After(final) {
			final = row.Score.At
		}
	}
	if first.IsZero() {
		first = now
	}
	if final.IsZero() {
		final = first
	}
	return first, final
}

// leads decides who of those that qualify becomes a lead.
type leads struct {
	ref        domain.Ref
	auto       bool
	candidates map[string][]candidate // by lead, in the order of chunks and rows
	owners     map[string]string      // prospect by lead, of the run itself
}

type candidate struct {
	prospect string
	taken    bool // in the run it was the duplicate of another prospect's lead
}

// leadOf is the lead that a row would become; "" if it cannot be one.
func (l *leads) leadOf(chunk string, row domain.Row) string {
	if !l.auto || row.State != domain.Qualified {
		return ""
	}
	ref := l.ref
	ref.Chunk = chunk
	return convert.NewLead(ref, row, time.Time{}).ID
}

// collect notes who would become a lead, and who has.
func (l *leads) collect(chunk string, rows, base []domain.Row) {
	for i, row := range rows {
		if id := base[i].LeadID; id != "" {
			l.owners[id] = base[i].Prospect.ID
		}
		refused(&row, base[i])
		if id := l.leadOf(chunk, row); id != "" {
			taken := base[i].State == domain.Duplicate && domain.LeadID(l.ref.Team, base[i].Prospect) == id
			l.candidates[id] = append(l.candidates[id], candidate{row.Prospect.ID, taken})
		}
	}
}

// resolve leaves one candidate for each lead: whoever had it in the run, else
// the first. A lead that was somebody's before the run stays theirs.
func (l *leads) resolve() {
	for id, all := range l.candidates {
		owner, owned := l.owners[id]
		winner := all[0].prospect
		switch {
		case owned && slices.ContainsFunc(all, func(c candidate) bool { return c.prospect == owner }):
			winner = owner
		case !owned && slices.ContainsFunc(all, func(c candidate) bool { return c.taken }):
			winner = ""
		}
		l.candidates[id] = []candidate{{prospect: winner}}
	}
}

// convert gives the rows of a chunk the end that the run's last stage gives.
func (l *leads) convert(chunk string, rows, base []domain.Row) {
	for i := range rows {
		row := &rows[i]
		refused(row, base[i])
		if !l.auto || row.State != domain.Qualified {
			continue
		}
		switch id := l.leadOf(chunk, *row); {
		case id == "":
			convert.Unidentified(row)
		case l.candidates[id][0].prospect == row.Prospect.ID:
			row.LeadID = id
		default:
			convert.Duplicate(row)
		}
	}
}

// refused takes out whom the run found on the do-not-contact list in the end.
func refused(row *domain.Row, base domain.Row) {
	if (row.State == domain.Qualified || row.State == domain.Review) && base.State == domain.Suppressed && base.Score != nil {
		waterfall.Suppress(row)
	}
}

// skippedOf are the providers that were given up, by name.
func skippedOf(list []store.Skipped) map[string]string {
	out := map[string]string{}
	for _, s := range list {
		out[s.Provider] = s.Error
	}
	return out
}
