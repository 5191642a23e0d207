package bulk

import (
	"context"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

const (
	poll = 15 * time.Second
	// settling is how long after its creation a job may be missing where jobs are
	// looked for. Our choice: nothing is published.
	settling = 2 * time.Minute
	// leaseTime is how long others wait for one who died.
	leaseTime = 5 * time.Minute
	keptLife  = 30 * 24 * time.Hour // of a verdict, where the terms state no limit
	keepers   = 8                   // verdicts that are written at the same time
)

// The steps of a purchase in the ledger and among the records.
const (
	stepVerify = "verify"
	stepState  = "job"
)

// state is a purchase as it is written down: before a job is created, and when
// it is.
type state struct {
	Name      string      `json:"name"`
	Addresses []string    `json:"addresses"` // by their place: our ids
	Price     money.Micro `json:"price"`     // of one
	Creating  time.Time   `json:"creating"`  // since when a job may be there
	JobID     string      `json:"jobId,omitempty"`
}

// purchase is one at work.
type purchase struct {
	*List
	ref   domain.Ref
	owner string
	state state
	until time.Time
	over  bool // finished, for good or not
	never bool // the provider has said that it created no job
}

// Buy has the provider verify what only it can tell, and waits for it. It goes
// on with what an earlier call for the same list left. Unavailable means that
// the job takes longer, or waits for a person at the provider: call again later.
func (l *List) Buy(ctx context.Context) error {
	wait := l.v.Wait
	if wait <= 0 {
		wait = time.Hour
	}
	p := &purchase{List: l, owner: l.v.NewID(), until: l.v.Now().Add(wait)}
	for number := 0; ; number++ {
		p.ref, p.over, p.state = l.ref(number), false, state{}
		done, err := l.v.Store.Begin(ctx, p.ref, stepVerify, p.owner, l.v.Now().Add(leaseTime))
		if err != nil {
			return err
		}
		if done[stepVerify] != nil {
			continue // bought before, and expired since
		}
		err = p.run(ctx)
		if !p.over {
			err = errors.Join(err, l.v.Store.Release(context.WithoutCancel(ctx), p.ref, stepVerify, p.owner))
		}
		if !errors.Is(err, errNever) {
			return err
		}
	}
}

// errNever says that an earlier call found that there would be no job, gave the
// money back and died.
var errNever = errors.New("this purchase came to nothing")

func (p *purchase) run(ctx context.Context) error {
	before, err := p.v.Budget.Recover(ctx, p.ref, p.v.Definition.Name)
	if err != nil {
		return err
	}
	left := before.Open
	if before.Made == 0 {
		if len(p.ask) == 0 {
			return nil // nothing to buy, and nothing left over
		}
		if left, err = p.reserve(ctx); err != nil {
			return err
		}
	} else if found, err := p.v.Store.Record(ctx, p.ref, stepState, &p.state); err != nil {
		return err
	} else if !found {
		return p.lost(ctx, left)
	}
	if p.state.JobID == "" && left == nil {
		return errors.Join(p.finish(ctx), errNever)
	}
	if err := p.create(ctx); err != nil {
		return p.refused(ctx, left, err)
	}
	job, err := p.await(ctx)
	if fault.Is(err, fault.InvalidInput) {
		return p.gone(ctx, left)
	}
	if err != nil {
		return err
	}
	cost := p.worst()
	if job.State == provider.JobFailed {
		cost = p.state.Price * money.Micro(min(job.Done, len(p.state.Addresses))) // what it says it has done
	} else if err := p.read(ctx); err != nil {
		return err
	}
	if err := p.settle(ctx, left, cost); err != nil {
		return err
	}
	// The provider shall not keep people longer than we need it to. A job that is
	// gone already is InvalidInput.
	if err := p.v.Jobs.DeleteJob(ctx, p.state.JobID); err != nil && !fault.Is(err, fault.InvalidInput) {
		return err
	}
	if err := p.finish(ctx); err != nil {
		return err
	}
	if job.State == provider.JobFailed {
		return fault.New(fault.BadResponse, "bulk.job", "the provider could not process the list, and nothing is known of it; its dashboard says why. The same list begins a new job")
	}
	return nil
}

// reserve writes down what will be handed over, and sets its price aside.
func (p *purchase) reserve(ctx context.Context) (*store.Reservation, error) {
	p.state = state{Name: "sluice-" + p.ref.Run, Addresses: p.ask, Price: p.v.price()}
	if err := p.v.Store.PutRecord(ctx, p.ref, stepState, p.state); err != nil {
		return nil, err
	}
	if err := p.v.Store.OpenSpend(ctx, p.ref, p.worst()); err != nil {
		return nil, err
	}
	// An earlier call that could not reserve may have opened it for a shorter list.
	spend, err := p.v.Store.Spend(ctx, p.ref)
	if err == nil && spend.Free < p.worst() {
		err = p.v.Store.RaiseCap(ctx, p.ref, spend.Cap-spend.Free+p.worst())
	}
	if err != nil {
		return nil, err
	}
	r := store.Reservation{ID: budget.ID(p.ref, p.v.Definition.Name, 0), Provider: p.v.Definition.Name, Max: p.worst()}
	return &r, p.v.Budget.Ledger.Reserve(ctx, p.ref, r)
}

func (p *purchase) worst() money.Micro { return p.state.Price * money.Micro(len(p.state.Addresses)) }

func (p *purchase) settle(ctx context.Context, left *store.Reservation, cost money.Micro) error {
	if left == nil { // an earlier call has
		return nil
	}
	return p.v.Budget.Ledger.Settle(context.WithoutCancel(ctx), p.ref, *left, min(cost, left.Max))
}

func (p *purchase) finish(ctx context.Context) error {
	p.over = true
	return p.v.Store.Finish(context.WithoutCancel(ctx), p.ref, stepVerify, p.owner, map[string]int{"addresses": len(p.state.Addresses)})
}

// gone ends a purchase whose job the provider does not know any more: we have
// deleted it, or somebody has on its dashboard, and it was charged.
func (p *purchase) gone(ctx context.Context, left *store.Reservation) error {
	if err := errors.Join(p.settle(ctx, left, p.worst()), p.finish(ctx)); err != nil || left == nil {
		return err
	}
	return fault.New(fault.NotFound, "bulk.job", "the provider does not know the job any more, whose verdicts were not read: somebody has deleted it there. It is counted as paid; the same list begins a new job")
}

// lost ends a purchase of which the record has expired: nobody knows what was
// handed over.
func (p *purchase) lost(ctx context.Context, left *store.Reservation) error {
	if left == nil {
		return errors.Join(p.finish(ctx), errNever)
	}
	if err := errors.Join(p.settle(ctx, left, left.Max), p.finish(ctx)); err != nil {
		return err
	}
	return fault.New(fault.NotFound, "bulk.job", "what an earlier call handed over was deleted a month after it: it is counted as paid; the same list begins a new job")
}

// refused gives the money back where the provider has said that it did not
// create a job, so that the next call begins anew.
func (p *purchase) refused(ctx context.Context, left *store.Reservation, err error) error {
	if !p.never {
		return err
	}
	return errors.Join(err, p.settle(ctx, left, 0), p.finish(ctx))
}

// create makes sure that there is one job. Before one is created, that it may be
// there is written down; after, its id. In between, whoever comes looks for it by
// its name, for as long as it may take to show.
func (p *purchase) create(ctx context.Context) error {
	for p.state.JobID == "" {
		first := p.state.Creating.IsZero()
		if !first {
			id, err := p.v.Jobs.FindJob(ctx, p.state.Name)
			if err != nil {
				return err
			}
			if id != "" {
				p.state.JobID = id
				break
			}
			if rest := p.state.Creating.Add(settling).Sub(p.v.Now()); rest > 0 {
				if err := p.pause(ctx, min(rest, poll)); err != nil {
					return err
				}
				continue
			}
		}
		p.state.Creating = p.v.Now().UTC()
		if err := p.v.Store.PutRecord(ctx, p.ref, stepState, p.state); err != nil {
			return err
		}
		lines := make([]provider.JobAddress, len(p.state.Addresses))
		for i, address := range p.state.Addresses {
			lines[i] = provider.JobAddress{ID: strconv.Itoa(i), Email: address}
		}
		id, err := p.v.Jobs.StartJob(ctx, p.state.Name, lines)
		if fault.Is(err, fault.Unclear, fault.BadResponse) {
			continue // it may be there
		}
		if err != nil {
			p.never = fault.Is(err, fault.InvalidInput, fault.QuotaExhausted, fault.Unauthenticated, fault.Forbidden)
			return err
		}
		p.state.JobID = id
	}
	return p.v.Store.PutRecord(context.WithoutCancel(ctx), p.ref, stepState, p.state)
}

// pause waits, and holds the lease.
func (p *purchase) pause(ctx context.Context, d time.Duration) error {
	if p.v.Now().Add(d).After(p.until) {
		return &fault.Error{Kind: fault.Unavailable, Op: "bulk.job", Message: "the job is not done yet; come again with the same list, it goes on and is not paid again", RetryAfter: d}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := p.v.Store.Begin(ctx, p.ref, stepVerify, p.owner, p.v.Now().Add(leaseTime))
	return err
}

// await returns the job when it has ended.
func (p *purchase) await(ctx context.Context) (provider.Job, error) {
	for {
		job, err := p.v.Jobs.Job(ctx, p.state.JobID)
		switch {
		case fault.Is(err, fault.Unavailable, fault.RateLimited):
		case err != nil:
			return job, err
		case job.State == provider.JobComplete || job.State == provider.JobFailed:
			return job, nil
		case job.State == provider.JobHeld:
			return job, &fault.Error{Kind: fault.Unavailable, Op: "bulk.job", Message: "the provider holds the job (" + job.Reason + ") until a person acts on its dashboard; come again with the same list then", RetryAfter: settling}
		}
		if err := p.pause(ctx, max(poll, fault.RetryAfter(err))); err != nil {
			return job, err
		}
	}
}

// kept is a verdict as the cache has it; see package enrich.
type kept struct {
	waterfall.Answer
	about []string
}

// Subjects implements store.Subjected.
func (k kept) Subjects() []string { return k.about }

// read takes the verdicts into the cache, page by page.
func (p *purchase) read(ctx context.Context) error {
	for page := 1; ; page++ {
		verdicts, more, err := p.v.Jobs.JobVerdicts(ctx, p.state.JobID, page)
		if err != nil {
			return err
		}
		var g errgroup.Group
		g.SetLimit(keepers)
		for id, v := range verdicts {
			i, err := strconv.Atoi(id)
			if err != nil || i < 0 || i >= len(p.state.Addresses) || v.Err != nil {
				continue // an address without a verdict stays unchecked
			}
			address := p.state.Addresses[i]
			a := waterfall.Answer{Found: true, Status: v.Status, Reason: v.Reason, Cost: p.state.Price, At: p.v.Now().Unix()}
			if p.facts[address] != nil { // the DNS may have changed its mind about what is asked
				p.hear(address, p.v.Definition.Name, a)
			}
			g.Go(func() error { return p.keep(ctx, address, a) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if !more {
			return nil
		}
		if _, err := p.v.Store.Begin(ctx, p.ref, stepVerify, p.owner, p.v.Now().Add(leaseTime)); err != nil {
			return err
		}
	}
}

func (p *purchase) keep(ctx context.Context, address string, a waterfall.Answer) error {
	life := keptLife
	t := p.v.Definition.Terms
	if t.StoreFor > 0 {
		life = min(life, t.StoreFor)
	}
	if !t.MayStore {
		return nil
	}
	about := domain.Prospect{Contact: domain.Contact{Email: address}}
	k := kept{Answer: a, about: waterfall.Subjects(p.v.Definition.Name, about, a)}
	return p.v.Store.PutAnswer(ctx, p.ref.Team, question(p.v.Definition, address), k, life)
}
