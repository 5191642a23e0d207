package neverbounce_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/neverbounce"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/sandbox/market"
	simulated "github.com/messageai/sluice/internal/sandbox/neverbounce"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// slots is a limiter store in memory.
type slots struct {
	mu   sync.Mutex
	next map[string]time.Time
}

func (s *slots) Advance(_ context.Context, key string, floor, horizon time.Time, inc time.Duration) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, start, ok := ratelimit.Advance(s.next[key], floor, horizon, inc)
	s.next[key] = stored
	return start, ok, nil
}

func (s *slots) Push(_ context.Context, key string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(s.next[key]) {
		s.next[key] = until
	}
	return nil
}

// world is the adapter over the simulator, at the declared rates.
type world struct {
	market *market.Market
	front  *upstream.Server
	client *neverbounce.Client

	mu      sync.Mutex
	spent   money.Micro
	kinds   map[fault.Kind]int // of all attempts
	refused int                // attempts that the provider called too fast
}

func connect(t *testing.T, o simulated.Options) *world {
	t.Helper()
	m, err := market.New(market.Options{Seed: 5, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{market: m, kinds: map[fault.Kind]int{}}
	if w.front, err = upstream.New("neverbounce", upstream.Config{Seed: 5, Quotas: simulated.Quotas()}); err != nil {
		t.Fatal(err)
	}
	w.front.Use(simulated.New(m, w.front, "a key", o))
	d := neverbounce.Definition()
	var groups []transport.Group
	for _, q := range d.Quotas {
		groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
	}
	client, err := transport.New(transport.Options{
		Name: d.Name, BaseURL: d.BaseURL, Auth: d.Auth, SecretFields: d.SecretFields, Classify: neverbounce.Classify, Groups: groups,
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": "a key"}}, nil
		},
		RoundTripper: w.front, Limiter: ratelimit.New(&slots{next: map[string]time.Time{}}, ratelimit.Options{}),
		Observe: func(_ context.Context, e transport.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.kinds[e.Kind]++
			if e.Kind == fault.RateLimited && e.Status != 0 {
				w.refused++
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.client, err = neverbounce.New(provider.Deps{Transport: client, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	return w
}

// insist calls until the answer is final: waiting costs nothing, and what was
// surely not done may be asked again.
func (w *world) insist(call func() error) error {
	for {
		err := call()
		if !fault.Is(err, fault.RateLimited, fault.Unavailable) {
			return err
		}
		time.Sleep(max(fault.RetryAfter(err), time.Second))
	}
}

func (w *world) book(v provider.Verification) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spent += v.Usage.Cost
}

// addresses are n different ones, good and bad.
func (w *world) addresses(n int) []string {
	var out []string
	for p := 0; len(out) < n; p++ {
		for _, email := range []string{w.market.Email(p), w.market.OldEmail(p)} {
			if email != "" && len(out) < n {
				out = append(out, email)
			}
		}
	}
	return out
}

// fits reports whether a verdict is what a mail server can show.
func (w *world) fits(email string, v provider.Verification) bool {
	box := w.market.Mailbox(email)
	switch v.Status {
	case domain.EmailSafe:
		return box.Domain && !box.CatchAll // one in many is wrong about the mailbox
	case domain.EmailRisky:
		return box.CatchAll || box.Role
	case domain.EmailInvalid:
		return !box.Domain || !box.Exists && !box.CatchAll
	default:
		return v.Status == domain.EmailUnknown
	}
}

// verifyList takes a list through a job, whatever is lost on the way.
func (w *world) verifyList(ctx context.Context, name string, emails []string) error {
	var list []provider.JobAddress
	for i, email := range emails {
		list = append(list, provider.JobAddress{ID: fmt.Sprint("row-", i), Email: email})
	}
	id := ""
	for id == "" {
		err := w.insist(func() (err error) { id, err = w.client.StartJob(ctx, name, list); return err })
		if fault.Is(err, fault.Unclear, fault.BadResponse) {
			err = w.insist(func() (err error) { id, err = w.client.FindJob(ctx, name); return again(err) })
		}
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	for state := provider.JobRunning; state == provider.JobRunning; time.Sleep(20 * time.Second) {
		if err := w.insist(func() error {
			job, err := w.client.Job(ctx, id)
			state = job.State
			return again(err)
		}); err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		if state != provider.JobRunning && state != provider.JobComplete {
			return fmt.Errorf("the job is %s", state)
		}
	}
	seen := 0
	for page, more := 1, true; more; page++ {
		if err := w.insist(func() error {
			verdicts, further, err := w.client.JobVerdicts(ctx, id, page)
			for ours, v := range verdicts {
				var at int
				if _, err := fmt.Sscanf(ours, "row-%d", &at); err != nil || !w.fits(emails[at], v) {
					return fmt.Errorf("verdict %+v of %s", v, ours)
				}
				w.book(v)
				seen++
			}
			more = further
			return again(err)
		}); err != nil {
			return fmt.Errorf("page %d: %w", page, err)
		}
	}
	if seen != len(emails) {
		return fmt.Errorf("%d verdicts on %d addresses", seen, len(emails))
	}
	err := w.insist(func() error { return again(w.client.DeleteJob(ctx, id)) })
	if fault.Is(err, fault.InvalidInput) {
		err = nil // it was gone already: the first answer was lost
	}
	return err
}

// again makes an unreadable answer to a free question one to be asked again.
func again(err error) error {
	if fault.Is(err, fault.BadResponse) {
		return fault.New(fault.Unavailable, "test", "ask again")
	}
	return err
}

// campaign checks 300 addresses one by one and 1,500 in twelve jobs.
func (w *world) campaign(t *testing.T, tolerate func(error) bool) {
	t.Helper()
	emails := w.addresses(1800)
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(20)
	for i := range 12 {
		g.Go(func() error {
			return w.verifyList(ctx, fmt.Sprint("list-", i), emails[300+125*i:425+125*i])
		})
	}
	for _, email := range emails[:300] {
		g.Go(func() error {
			err := w.insist(func() error {
				verdicts, err := w.client.VerifyEmails(ctx, []string{email})
				for _, v := range verdicts {
					w.book(v)
					if !w.fits(email, v) {
						return fmt.Errorf("verdict %+v", v)
					}
				}
				return err
			})
			if err != nil && tolerate(err) {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestDeclaredQuotasAndPricesHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, simulated.Options{})
		w.campaign(t, func(error) bool { return false })
		want := upstream.Bill{Total: 1800 * 8_000, ByOp: map[string]upstream.OpBill{
			"verify_email": {Charges: 300, Total: 300 * 8_000}, "verify_in_bulk": {Charges: 1500, Total: 1500 * 8_000},
		}}
		if diff := cmp.Diff(want, w.front.Bill()); diff != "" || w.spent != want.Total {
			t.Errorf("booked %v, charged (-want +got):\n%s", w.spent, diff)
		}
		if w.refused != 0 {
			t.Errorf("the provider said %d times that we are too fast", w.refused)
		}
		account, err := w.client.ReadAccount(t.Context())
		if err != nil || account.Balances[0].Used != 1800 || account.Balances[0].Left != 10_000_000-1800 {
			t.Errorf("account %+v, %v", account, err)
		}
	})
}

func TestFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, simulated.Options{})
		w.front.Dial().Set(upstream.Faults{Throttle: 0.05, Error: 0.05, Slow: 0.03, Truncate: 0.05, WrongType: 0.05, Lost: 0.05, SlowBy: 30 * time.Second})
		w.campaign(t, func(err error) bool { return fault.Is(err, fault.Unclear, fault.BadResponse) })
		for _, kind := range []fault.Kind{fault.RateLimited, fault.Unclear, fault.BadResponse, fault.Unavailable} {
			if w.kinds[kind] == 0 {
				t.Errorf("no %s among %v: the faults did not show", kind, w.kinds)
			}
		}
		bill := w.front.Bill()
		if bill.Repeated > 0 || w.spent > bill.Total {
			t.Errorf("booked %v; bill %+v", w.spent, bill)
		}
		if got := bill.ByOp["verify_in_bulk"].Charges; got != 1500 {
			t.Errorf("%d of 1500 addresses in jobs were charged", got)
		}
	})
}

func TestOutageAndEmptyAccountChargeNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, simulated.Options{Credits: 1})
		start := func() error {
			_, err := w.client.StartJob(t.Context(), "list", []provider.JobAddress{{ID: "1", Email: "a@x.example"}, {ID: "2", Email: "b@x.example"}})
			return err
		}
		w.front.Dial().SetOutage(true)
		if err := start(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("outage: %v, want Unavailable", err)
		}
		w.front.Dial().SetOutage(false)
		if err := start(); fault.KindOf(err) != fault.QuotaExhausted {
			t.Errorf("a job without credit: %v, want QuotaExhausted", err)
		}
		if got := w.front.Bill().Total; got != 0 {
			t.Errorf("charged %v", got)
		}
	})
}

func TestJobsThatDoNotComplete(t *testing.T) {
	t.Parallel()
	for end, want := range map[string]provider.JobState{"under_review": provider.JobHeld, "failed": provider.JobFailed} {
		synctest.Test(t, func(t *testing.T) {
			w := connect(t, simulated.Options{EndAs: end})
			id, err := w.client.StartJob(t.Context(), "list", []provider.JobAddress{{ID: "1", Email: "a@x.example"}})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			got, err := w.client.Job(t.Context(), id)
			if diff := cmp.Diff(provider.Job{State: want, Reason: end, Of: 1}, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
