package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// Store is what lists need of the store.
type Store interface {
	Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error)
	PutAnswer(ctx context.Context, team, question string, answer any, life time.Duration) error
	Record(ctx context.Context, ref domain.Ref, step string, record any) (found bool, err error)
	PutRecord(ctx context.Context, ref domain.Ref, step string, record any) error
	OpenSpend(ctx context.Context, ref domain.Ref, limit money.Micro) error
	Spend(ctx context.Context, ref domain.Ref) (store.Spend, error)
	RaiseCap(ctx context.Context, ref domain.Ref, limit money.Micro) error
	Begin(ctx context.Context, ref domain.Ref, step, owner string, until time.Time) (done map[string]json.RawMessage, err error)
	Finish(ctx context.Context, ref domain.Ref, step, owner string, output any) error
	Release(ctx context.Context, ref domain.Ref, step, owner string) error
}

// Mail asks the DNS whether a domain takes mail; package email/mx does.
type Mail interface {
	Mail(ctx context.Context, domain string) email.Mail
}

// Verifier verifies lists. All fields but Wait are required.
type Verifier struct {
	Store      Store
	Budget     budget.Budget
	Definition provider.Definition // of the provider that has the jobs
	Jobs       provider.BulkVerifier
	// Others are verifiers whose answers in the cache count, too.
	Others []provider.Definition
	Mail   Mail
	Now    func() time.Time
	NewID  func() string
	// Wait is how long a job may take before the caller gets an error Unavailable,
	// and can come again later; zero: an hour.
	Wait time.Duration
}

// most is how many addresses one job may have (NeverBounce: third-party
// catalogue, 2026-08).
const most = 100_000

// domainsAtOnce is how many domains the DNS is asked about at the same time.
const domainsAtOnce = 16

// List is addresses to verify, with what is known about each.
type List struct {
	v     *Verifier
	team  string
	id    string
	facts map[string]*email.Facts // by key, what is known
	ask   []string                // keys that only the provider can tell about, sorted
	Free  int                     // addresses about which syntax, lists or the DNS say enough
	Known int                     // addresses about which the cache has a verdict
	Twice int                     // lines that repeat another
}

// key is what lines about one mailbox have in common.
func key(address string) string {
	if a, err := email.Parse(strings.TrimSpace(address)); err == nil {
		if lead, ok := a.Lead(); ok {
			return lead
		}
	}
	return strings.ToLower(strings.TrimSpace(address))
}

// Prepare finds out, without paying, what is known about the addresses.
func (v *Verifier) Prepare(ctx context.Context, team string, addresses []string) (*List, error) {
	l := &List{v: v, team: team, facts: map[string]*email.Facts{}}
	for _, address := range addresses {
		k := key(address)
		if l.facts[k] != nil {
			l.Twice++
			continue
		}
		l.facts[k] = &email.Facts{Address: k}
	}
	all := slices.Sorted(maps.Keys(l.facts))
	l.id = domain.ID("v_", append([]string{team, v.Definition.Name}, all...)...)
	if err := l.lookUp(ctx, all); err != nil {
		return nil, err
	}
	l.askDNS(ctx, all)
	for _, k := range all {
		switch f := l.facts[k]; {
		case len(f.Verdicts) > 0:
			l.Known++
		case email.Judge(*f, v.Now()).Status != domain.EmailUnchecked:
			l.Free++
		default:
			l.ask = append(l.ask, k)
		}
	}
	if len(l.ask) > most {
		return nil, fault.New(fault.InvalidInput, "bulk.prepare", fmt.Sprintf("%d addresses are left to verify, and a job takes %d: split the list", len(l.ask), most))
	}
	return l, nil
}

// Ask is how many addresses the provider has to be asked about.
func (l *List) Ask() int { return len(l.ask) }

// Price is the most that this costs.
func (l *List) Price() money.Micro { return l.v.price() * money.Micro(len(l.ask)) }

func (v *Verifier) price() money.Micro {
	return v.Definition.Prices.Operations[provider.OpVerifyInBulk].Max()
}

// Judge says what is known about an address of the list now.
func (l *List) Judge(address string) email.Judgement {
	f := l.facts[key(address)]
	if f == nil {
		f = &email.Facts{Address: address}
	}
	return email.Judge(*f, l.v.Now())
}

// askDNS asks about the domain of every address without a verdict.
func (l *List) askDNS(ctx context.Context, all []string) {
	byHost := map[string][]*email.Facts{}
	for _, k := range all {
		a, err := email.Parse(k)
		if f := l.facts[k]; err == nil && len(f.Verdicts) == 0 && email.Judge(*f, l.v.Now()).Status == domain.EmailUnchecked {
			byHost[a.Domain] = append(byHost[a.Domain], f)
		}
	}
	var g errgroup.Group
	g.SetLimit(domainsAtOnce)
	for host, facts := range byHost {
		g.Go(func() error {
			said := email.MailUnknown
			if l.v.Mail != nil {
				said = l.v.Mail.Mail(ctx, host)
			}
			for _, f := range facts {
				f.Mail = said
			}
			return nil
		})
	}
	_ = g.Wait() // it cannot fail
}

// question is the name of an address's verdict in the team's cache, the same
// that the waterfall has for it.
func question(d provider.Definition, address string) string {
	p := domain.Prospect{Contact: domain.Contact{Email: address}}
	return budget.Question(d.Name, provider.OpVerifyEmail, waterfall.Identity(d, provider.OpVerifyEmail, p, nil)...)
}

// lookUp takes the verdicts that the cache has, of any verifier.
func (l *List) lookUp(ctx context.Context, all []string) error {
	for _, d := range append([]provider.Definition{l.v.Definition}, l.v.Others...) {
		names := make([]string, len(all))
		for i, k := range all {
			names[i] = question(d, k)
		}
		found, err := l.v.Store.Answers(ctx, l.team, names, true)
		if err != nil {
			return err
		}
		for i, k := range all {
			raw, ok := found[names[i]]
			if !ok {
				continue
			}
			var a waterfall.Answer
			if err := json.Unmarshal(raw, &a); err != nil {
				return fault.Wrap(fault.Internal, "bulk.look_up", err)
			}
			if a.Found { // else it is being asked, or was not answered
				l.hear(k, d.Name, a)
			}
		}
	}
	return nil
}

func (l *List) hear(k, by string, a waterfall.Answer) {
	f := l.facts[k]
	f.Verdicts = append(f.Verdicts, email.Verdict{By: by, Status: a.Status, Reason: a.Reason, At: time.Unix(a.At, 0).UTC()})
	f.CatchAll = f.CatchAll || email.SaysCatchAll(a.Reason)
}

// ref is where one purchase for the list is in the ledger. A list whose verdicts
// have expired is bought again, under another number.
func (l *List) ref(number int) domain.Ref {
	return store.JobRef(l.team, fmt.Sprintf("%s-%d", l.id, number), "list")
}
