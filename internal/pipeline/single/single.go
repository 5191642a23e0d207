// Package single enriches one prospect while a person waits: every provider that
// the person names is asked for what it knows, one beside the other. It drives
// the enrich stage, so that it reserves, asks, keeps and settles exactly as a run
// does, under the same names in the cache; it imports domain, fault, money,
// provider, store, task and waterfall, never another stage.
//
// What one prospect is asked on demand is a run of its own in the ledger, always
// the same one: what a killed worker left open there, the next request closes.
package single

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
	"github.com/messageai/sluice/internal/waterfall"
)

// Store is what the stage needs of the store.
type Store interface {
	Rows(ctx context.Context, team, key string) ([]domain.Row, error)
	PutRows(ctx context.Context, team, key string, rows []domain.Row) error
	PutProfile(ctx context.Context, team, run string, profile any) error
	AddLater(ctx context.Context, team, key string, prospectIDs []string) error
}

// Ledger is what the stage needs of the ledger.
type Ledger interface {
	OpenSpend(ctx context.Context, ref domain.Ref, limit money.Micro) error
	Spend(ctx context.Context, ref domain.Ref) (store.Spend, error)
	RaiseCap(ctx context.Context, ref domain.Ref, limit money.Micro) error
	Begin(ctx context.Context, ref domain.Ref, step, owner string, until time.Time) (map[string]json.RawMessage, error)
	Release(ctx context.Context, ref domain.Ref, step, owner string) error
}

// Stage enriches single prospects. All fields are required.
type Stage struct {
	Store     Store
	Ledger    Ledger
	Providers map[string]provider.Definition // that Enrich can ask
	// Enrich asks one provider about a chunk: the enrich stage.
	Enrich func(ctx context.Context, job task.Job) (any, error)
	NewID  func() string
	Now    func() time.Time
	Log    *slog.Logger
}

// Request says what to ask, and whom.
type Request struct {
	Ref       domain.Ref      // of the prospect's campaign
	Prospect  domain.Prospect // as it is known
	Providers []string
	Fields    []domain.Field // none: e-mail, title, company
	Verify    bool           // the e-mail address, where a provider can
}

// Result is what came of it.
type Result struct {
	Answers map[string]domain.Row // by provider that was asked: what it brought is what has provenance
	Missing []Missing
	Cost    money.Micro
}

// Missing is something that was asked for and is not there.
type Missing struct {
	Provider string
	Field    domain.Field // "": all of it
	Why      string
	After    time.Duration // it may be worth asking again then; zero: not told
}

// Definitions are those of the providers for a person who looks at one prospect:
// what is offered to people only is open, too.
func Definitions(all map[string]provider.Definition) map[string]provider.Definition {
	out := make(map[string]provider.Definition, len(all))
	for name, d := range all {
		d.Offers = maps.Clone(d.Offers)
		for op, offer := range d.Offers {
			offer.Interactive = false
			d.Offers[op] = offer
		}
		out[name] = d
	}
	return out
}

// leaseTime is how long one request may take; the API's function ends earlier.
const leaseTime = 40 * time.Second

// Do asks the providers. A prospect that is being asked about at this moment is
// a fault Conflict; whatever goes wrong at a provider is in the result.
func (s *Stage) Do(ctx context.Context, r Request) (Result, error) {
	ref := r.Ref
	ref.Run, ref.Chunk = domain.ID("now_", ref.Team, r.Prospect.ID), "single"
	owner := s.NewID()
	if _, err := s.Ledger.Begin(ctx, ref, "single", owner, s.Now().Add(leaseTime)); err != nil {
		if fault.Is(err, fault.Conflict) {
			return Result{}, &fault.Error{Kind: fault.Conflict, Op: "single.begin", Message: "this prospect is being enriched at this moment by another request; repeat yours when that is done", RetryAfter: fault.RetryAfter(err)}
		}
		return Result{}, err
	}
	before, err := s.Ledger.Spend(ctx, ref)
	if err != nil {
		return Result{}, errors.Join(err, s.Ledger.Release(context.WithoutCancel(ctx), ref, "single", owner))
	}
	out, err := s.ask(ctx, ref, r)
	if err == nil { // what was charged, also by calls whose answer came to nothing
		var after store.Spend
		after, err = s.Ledger.Spend(context.WithoutCancel(ctx), ref)
		out.Cost = after.Settled - before.Settled
	}
	if rerr := s.Ledger.Release(context.WithoutCancel(ctx), ref, "single", owner); err == nil {
		err = rerr
	}
	return out, err
}

func (s *Stage) ask(ctx context.Context, ref domain.Ref, r Request) (Result, error) {
	fields := r.Fields
	if len(fields) == 0 {
		fields = []domain.Field{domain.FieldEmail, domain.FieldTitle, domain.FieldCompany}
	}
	if r.Verify {
		fields = append(slices.Clone(fields), domain.FieldEmailStatus)
	}
	plan := domain.EnrichPlan{Fields: fields, Providers: r.Providers}
	if err := s.Store.PutProfile(ctx, ref.Team, ref.Run, domain.RunProfile{Enrich: plan}); err != nil {
		return Result{}, err
	}
	out := Result{Answers: map[string]domain.Row{}}
	// In rounds: what one provider brings, a name or an address, may be what
	// another needs to be asked by. Who only verifies comes last.
	const rounds = 3
	left := slices.Clone(r.Providers)
	for round := range rounds {
		if ctx.Err() != nil {
			break
		}
		rows, later := map[string]domain.Row{}, []string(nil)
		for _, name := range left {
			row := s.question(name, fields, r)
			if verifies := onlyVerifies(s.Providers[name]); verifies && round < rounds-1 || !s.canAsk(&row, name, fields) {
				later = append(later, name)
			} else {
				rows[name] = row
			}
		}
		left = later
		if len(rows) == 0 {
			continue
		}
		if err := s.open(ctx, ref, plan, rows); err != nil {
			return out, err
		}
		if err := s.askAll(ctx, ref, r.Providers, rows, &out); err != nil {
			return out, err
		}
		for _, name := range slices.Sorted(maps.Keys(rows)) {
			identify(&r.Prospect, out.Answers[name].Prospect)
		}
	}
	for _, name := range left {
		why := s.whyNot(name, fields)
		if ctx.Err() != nil {
			why = "RateLimited: the time of the request was over before it could be asked; ask again, what was answered is kept"
		}
		out.Missing = append(out.Missing, Missing{Provider: name, Why: why})
	}
	return out, nil
}

// identify adds to a prospect what it may be known by.
func identify(p *domain.Prospect, got domain.Prospect) {
	for _, field := range []struct {
		to   *string
		from string
	}{
		{&p.Person.FirstName, got.Person.FirstName},
		{&p.Person.LastName, got.Person.LastName},
		{&p.Person.ProfileURL, got.Person.ProfileURL},
		{&p.Company.Name, got.Company.Name},
		{&p.Company.Domain, got.Company.Domain},
		{&p.Contact.Email, got.Contact.Email},
	} {
		if *field.to == "" {
			*field.to = field.from
		}
	}
}

func onlyVerifies(d provider.Definition) bool {
	_, verifies := d.Offers[provider.OpVerifyEmail]
	return verifies && len(d.Offers) == 1
}

// question is the prospect as it is put to a provider: without what the provider
// shall say itself, and without a trace of who else said what.
func (s *Stage) question(name string, fields []domain.Field, r Request) domain.Row {
	p, d := Known(r.Prospect).Prospect, s.Providers[name]
	p.Provenance, p.Signals = nil, nil
	gives := func(f domain.Field) bool {
		for _, offer := range d.Offers {
			if slices.Contains(fields, f) && slices.Contains(offer.Gives, f) {
				return true
			}
		}
		return false
	}
	if gives(domain.FieldTitle) {
		p.Person.Title = ""
	}
	if gives(domain.FieldCompany) {
		p.Company.Employees, p.Company.Industry = 0, ""
	}
	if gives(domain.FieldPhone) {
		p.Contact.Phone = ""
	}
	if gives(domain.FieldTechnology) {
		p.Company.Technologies = nil
	}
	if gives(domain.FieldEmailStatus) {
		p.Contact.EmailStatus = domain.EmailUnchecked
	}
	without := p
	without.Contact.Email, without.Contact.EmailStatus = "", domain.EmailUnchecked
	for op, offer := range d.Offers {
		if op != provider.OpFindPeople && slices.Contains(fields, domain.FieldEmail) && slices.Contains(offer.Gives, domain.FieldEmail) && d.Identity(op, without) != "" {
			p = without // it can find the address by itself
			break
		}
	}
	return domain.Row{Prospect: p, State: domain.InWork}
}

// canAsk reports whether there is something that the provider can be asked about
// the row.
func (s *Stage) canAsk(row *domain.Row, name string, fields []domain.Field) bool {
	w := waterfall.New(domain.EnrichPlan{Fields: fields, Providers: []string{name}}, s.Providers, nil)
	_, more := w.Next(row)
	return more
}

// whyNot says why a provider was not asked.
func (s *Stage) whyNot(name string, fields []domain.Field) string {
	for _, offer := range s.Providers[name].Offers {
		if slices.ContainsFunc(offer.Gives, func(f domain.Field) bool { return f != domain.FieldPerson && slices.Contains(fields, f) }) {
			return "it cannot be asked about this prospect: what is known (name, company, domain, e-mail, profile) is not enough for it"
		}
	}
	return "it offers none of what was asked for"
}

// open sets aside what the questions can cost at most.
func (s *Stage) open(ctx context.Context, ref domain.Ref, plan domain.EnrichPlan, rows map[string]domain.Row) error {
	w := waterfall.New(plan, s.Providers, nil)
	var worst money.Micro
	for name, row := range rows {
		worst += w.Highest(&row, name)
	}
	if worst == 0 {
		worst = 1 // a free question needs a ledger, too
	}
	if err := s.Ledger.OpenSpend(ctx, ref, worst); err != nil {
		return err
	}
	spend, err := s.Ledger.Spend(ctx, ref)
	if err != nil || spend.Free >= worst {
		return err
	}
	return s.Ledger.RaiseCap(ctx, ref, spend.Cap-spend.Free+worst)
}

// askAll asks the providers about their rows, one beside the other.
func (s *Stage) askAll(ctx context.Context, ref domain.Ref, all []string, rows map[string]domain.Row, out *Result) error {
	type reply struct {
		row domain.Row
		err error
	}
	replies := make(map[string]*reply, len(rows))
	var g errgroup.Group
	for name, row := range rows {
		got := &reply{}
		replies[name] = got
		g.Go(func() error {
			got.row, got.err = s.askOne(ctx, ref, name, all, row)
			return nil
		})
	}
	_ = g.Wait() // no error: each reply has its own
	var noMoney error
	for _, name := range slices.Sorted(maps.Keys(replies)) {
		got := replies[name]
		if fault.Is(got.err, fault.CapReached) {
			noMoney = got.err
		}
		if got.err != nil {
			s.Log.WarnContext(ctx, "provider not asked to the end", "provider", name, "kind", fault.KindOf(got.err), "error", got.err)
			out.Missing = append(out.Missing, Missing{Provider: name, Why: reason(got.err), After: fault.RetryAfter(got.err)})
			continue
		}
		out.Answers[name] = got.row
		for _, field := range slices.Sorted(maps.Keys(got.row.Missing)) {
			out.Missing = append(out.Missing, Missing{Provider: name, Field: domain.Field(field), Why: strings.TrimPrefix(got.row.Missing[field], name+": ")})
		}
	}
	if len(out.Answers) > 0 { // what was paid for is told
		return nil
	}
	return noMoney
}

// reason is what a fault means to somebody who waits.
func reason(err error) string {
	switch kind := fault.KindOf(err); kind {
	case fault.RateLimited:
		return "RateLimited: its rate is used up, or its answer takes longer than a request may; ask again later, what was answered is kept"
	case fault.Internal:
		return "Internal: something went wrong on our side; the log has the details"
	default:
		return string(kind) + ": " + fault.Message(err)
	}
}

// askOne asks one provider, and waits for it as long as there is time.
func (s *Stage) askOne(ctx context.Context, ref domain.Ref, name string, all []string, row domain.Row) (domain.Row, error) {
	ref.Chunk = name
	doc := store.StepKey(ref.Run, name, "asked")
	if err := s.Store.PutRows(ctx, ref.Team, doc, []domain.Row{row}); err != nil {
		return row, err
	}
	m := task.Message{Ref: ref, Doc: doc, Provider: name, Retry: task.Retries}
	for _, other := range all {
		if other != name {
			m.Skipped = append(m.Skipped, task.Skip{Provider: other, Error: "not asked here"})
		}
	}
	for {
		output, err := s.Enrich(ctx, task.Job{Message: m, Step: store.EnrichStep(0, name), Last: true})
		if err == nil {
			return s.read(ctx, ref, output)
		}
		wait := fault.RetryAfter(err)
		if end, ok := ctx.Deadline(); !fault.Is(err, fault.RateLimited) || wait <= 0 || !ok || s.Now().Add(wait+2*time.Second).After(end) {
			return row, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return row, err
		}
	}
}

// read returns the row that the enrich stage left.
func (s *Stage) read(ctx context.Context, ref domain.Ref, output any) (domain.Row, error) {
	var o struct {
		Doc string `json:"doc"`
	}
	text, err := json.Marshal(output)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return domain.Row{}, fault.Wrap(fault.Internal, "single.read", err)
	}
	rows, err := s.Store.Rows(ctx, ref.Team, o.Doc)
	if err == nil && len(rows) != 1 {
		err = fault.New(fault.Internal, "single.read", "one row was asked about and others came back")
	}
	if err != nil {
		return domain.Row{}, err
	}
	return rows[0], nil
}
