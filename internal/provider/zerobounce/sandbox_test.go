package zerobounce_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/provider/zerobounce"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	simulated "github.com/messageai/sluice/internal/sandbox/zerobounce"
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
	client *zerobounce.Client

	mu    sync.Mutex
	spent money.Micro
	free  int // verdicts that cost nothing
	kinds map[fault.Kind]int
}

func connect(t *testing.T, key string, o simulated.Options) *world {
	t.Helper()
	m, err := market.New(market.Options{Seed: 5, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{market: m, kinds: map[fault.Kind]int{}}
	if w.front, err = upstream.New("zerobounce", upstream.Config{Seed: 5, Quotas: simulated.Quotas()}); err != nil {
		t.Fatal(err)
	}
	w.front.Use(simulated.New(m, w.front, "a key", o))
	d := zerobounce.Definition()
	var groups []transport.Group
	for _, q := range d.Quotas {
		groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
	}
	client, err := transport.New(transport.Options{
		Name: d.Name, BaseURL: d.BaseURL, Hosts: d.Hosts, Auth: d.Auth, SecretFields: d.SecretFields, Classify: zerobounce.Classify, Groups: groups,
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": key}}, nil
		},
		RoundTripper: w.front, Limiter: ratelimit.New(&slots{next: map[string]time.Time{}}, ratelimit.Options{}),
		Observe: func(_ context.Context, e transport.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.kinds[e.Kind]++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.client, err = zerobounce.New(provider.Deps{Transport: client, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	return w
}

// verify asks until the answer is final and books what it cost.
func (w *world) verify(ctx context.Context, emails []string) error {
	for {
		verdicts, err := w.client.VerifyEmails(ctx, emails)
		if fault.Is(err, fault.RateLimited, fault.Unavailable) {
			time.Sleep(max(fault.RetryAfter(err), time.Second))
			continue
		}
		for i, v := range verdicts {
			if v.Err != nil || !w.fits(emails[i], v) {
				return fmt.Errorf("verdict %d: %+v", i, v)
			}
			w.mu.Lock()
			if w.spent += v.Usage.Cost; v.Usage.Cost == 0 {
				w.free++
			}
			w.mu.Unlock()
		}
		return err
	}
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
		return !box.Domain || !box.Exists && !box.CatchAll || v.Reason == "abuse"
	default:
		return v.Status == domain.EmailUnknown
	}
}

// campaign checks 400 addresses one by one and 2,000 in batches of a hundred.
func (w *world) campaign(t *testing.T, tolerate func(error) bool) {
	t.Helper()
	var emails []string
	for p := 0; len(emails) < 2400; p++ {
		for _, email := range []string{w.market.Email(p), w.market.OldEmail(p)} {
			if email != "" {
				emails = append(emails, email)
			}
		}
	}
	emails = emails[:2400]
	questions := slices.Collect(slices.Chunk(emails[:2000], 100))
	questions = slices.AppendSeq(questions, slices.Chunk(emails[2000:], 1))
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(20)
	for _, q := range questions {
		g.Go(func() error {
			if err := w.verify(ctx, q); err != nil && !tolerate(err) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestDeclaredQuotasAndPricesHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, "a key", simulated.Options{})
		began := time.Now()
		w.campaign(t, func(error) bool { return false })
		if bill := w.front.Bill(); w.spent != bill.Total || bill.Total == 0 || bill.Repeated > 0 {
			t.Errorf("booked %v; bill %+v", w.spent, bill)
		}
		if w.free == 0 || int(w.spent)/20_000+w.free != 2400 {
			t.Errorf("spent %v, %d free; want 2400 verdicts, some of them unknown and free", w.spent, w.free)
		}
		if n := w.front.Requests()[429]; n > 0 {
			t.Errorf("the provider said %d times that we are too fast", n)
		}
		if took := time.Since(began); took > 5*time.Minute {
			t.Errorf("20 batches took %v at 5 a minute", took)
		}
		left, err := w.client.ReadAccount(t.Context())
		if err != nil || left.Balances[0].Left != 10_000_000-float64(w.spent)/20_000 {
			t.Errorf("account %+v, %v", left, err)
		}
	})
}

func TestFaultsChargeNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, "a key", simulated.Options{})
		w.front.Dial().Set(upstream.Faults{Throttle: 0.05, Error: 0.05, Slow: 0.03, Truncate: 0.05, WrongType: 0.05, Lost: 0.05, SlowBy: 30 * time.Second})
		w.campaign(t, func(err error) bool {
			_, ours := errors.AsType[*fault.Error](err)
			return ours && fault.Is(err, fault.Unclear, fault.BadResponse)
		})
		for _, kind := range []fault.Kind{fault.RateLimited, fault.Unclear, fault.BadResponse, fault.Unavailable} {
			if w.kinds[kind] == 0 {
				t.Errorf("no %s among %v: the faults did not show", kind, w.kinds)
			}
		}
		if bill := w.front.Bill(); bill.Repeated > 0 || w.spent > bill.Total || w.spent == 0 {
			t.Errorf("booked %v; bill %+v", w.spent, bill)
		}
	})
}

func TestBadKeyAndEmptyBalanceAreToldApart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		key     string
		credits int
		want    fault.Kind
	}{
		"bad key":    {"another", 0, fault.Unauthenticated},
		"no credits": {"a key", 1, fault.QuotaExhausted},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := connect(t, test.key, simulated.Options{Credits: test.credits})
			ctx := t.Context()
			if test.credits > 0 { // the last credit ends in the middle of a list
				verdicts, err := w.client.VerifyEmails(ctx, []string{"a@nowhere.example", "b@nowhere.example"})
				if err != nil || fault.KindOf(verdicts[0].Err) != test.want || verdicts[1].Status != domain.EmailInvalid {
					t.Errorf("%s: %+v, %v", name, verdicts, err)
				}
			}
			charged := w.front.Bill().Total
			for _, emails := range [][]string{{"c@nowhere.example"}, {"d@nowhere.example", "e@nowhere.example"}} {
				time.Sleep(time.Minute) // batches have slots
				if _, err := w.client.VerifyEmails(ctx, emails); fault.KindOf(err) != test.want {
					t.Errorf("%s: %d addresses: %v, want %s", name, len(emails), err, test.want)
				}
			}
			if got := w.front.Bill().Total; got != charged {
				t.Errorf("%s: charged %v more", name, got-charged)
			}
		})
	}
}

func TestOutageChargesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, "a key", simulated.Options{})
		w.front.Dial().SetOutage(true)
		for _, emails := range [][]string{{"a@nowhere.example"}, {"a@nowhere.example", "b@nowhere.example"}} {
			if _, err := w.client.VerifyEmails(t.Context(), emails); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("%d addresses: %v, want Unavailable", len(emails), err)
			}
		}
		if got := w.front.Bill().Total; got != 0 {
			t.Errorf("charged %v", got)
		}
	})
}
