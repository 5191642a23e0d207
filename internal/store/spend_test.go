package store_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// Money that a stopped run left set aside counts as spent, until a worker that
// is still alive says what it really spent.
func TestOpenReservationsAreSettledInFullAndPutRightByWhoKnows(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 1000); err != nil {
			t.Fatal(err)
		}
		alive := store.Reservation{ID: "c1/hunter/0", Provider: "hunter", Max: 300, Questions: []byte("abcdef")}
		dead := store.Reservation{ID: "c2/apollo/0", Provider: "apollo", Max: 200}
		done := store.Reservation{ID: "c3/apollo/0", Provider: "apollo", Max: 100}
		for _, r := range []store.Reservation{alive, dead, done} {
			if err := s.Reserve(ctx, ref("c"), r); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Settle(ctx, ref("c3"), done, 40); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.SettleOpen(ctx, ref("")); err != nil {
				t.Fatal(err)
			}
		}
		spent := func(hunter money.Micro) store.Spend {
			return store.Spend{
				Cap: 1000, Free: 1000 - hunter - 240, Settled: hunter + 240,
				ByProvider: map[string]money.Micro{"hunter": hunter, "apollo": 240},
			}
		}
		check := func(when string, want store.Spend) {
			t.Helper()
			got, err := s.Spend(ctx, ref(""))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", when, err, diff)
			}
		}
		check("settled in full", spent(300))
		for range 2 {
			if err := s.Settle(ctx, ref("c1"), alive, 120); err != nil {
				t.Fatal(err)
			}
		}
		check("put right", spent(120))
		if err := s.SettleOpen(ctx, ref("")); err != nil {
			t.Fatal(err)
		}
		check("nothing is open any more", spent(120))
	})
}

// A worker that settles while the run's end presumes: its word counts.
func TestAWorkerSettlesWhileTheRunEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		for n := range 60 {
			run := ref("")
			run.Run = fmt.Sprint("r", n)
			if err := s.OpenSpend(t.Context(), run, 1000); err != nil {
				t.Fatal(err)
			}
			r := store.Reservation{ID: "c1/hunter/0", Provider: "hunter", Max: 100}
			if err := s.Reserve(t.Context(), run, r); err != nil {
				t.Fatal(err)
			}
			var g errgroup.Group
			g.Go(func() error { return s.Settle(t.Context(), run, r, 10) })
			g.Go(func() error { return s.SettleOpen(t.Context(), run) })
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Spend(t.Context(), run); err != nil || got.Settled != 10 || got.Free != 990 {
				t.Errorf("run %d: %+v, %v; want 10 settled", n, got, err)
			}
		}
	})
}

// Which questions were paid for though their answers were lost is kept with the
// money, for whoever comes next.
func TestWhatWasPaidAheadIsKeptWithItsReservation(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 1000); err != nil {
			t.Fatal(err)
		}
		for i, prepaid := range []string{"", "abcdef", "ghijklmnopqr"} {
			r := store.Reservation{ID: fmt.Sprintf("c1/hunter/%d", i), Provider: "hunter", Max: 100, Questions: []byte("abcdefghijklmnopqr")}
			if err := s.Reserve(ctx, ref("c1"), r); err != nil {
				t.Fatal(err)
			}
			r.Prepaid = []byte(prepaid)
			for range 2 {
				if err := s.Settle(ctx, ref("c1"), r, 10); err != nil {
					t.Fatal(err)
				}
			}
		}
		left, err := s.Reserved(ctx, ref("c1"), "hunter")
		if diff := cmp.Diff(store.Left{Made: 3, Prepaid: []byte("abcdefghijklmnopqr")}, left); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestParkedMessagesOfAStoppedRunAreDropped(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		other := ref("")
		other.Run = "r2"
		for _, id := range []string{"m1", "m2"} {
			if err := s.Park(ctx, ref(""), id, "q", []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Park(ctx, other, "m3", "q", []byte("{}")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.DropParked(ctx, ref("")); err != nil {
				t.Fatal(err)
			}
		}
		if left, err := s.Parked(ctx, ref("")); err != nil || len(left) != 0 {
			t.Errorf("%d messages still wait, %v", len(left), err)
		}
		if kept, err := s.Parked(ctx, other); err != nil || len(kept) != 1 {
			t.Errorf("another run has %d messages left, %v; want its one", len(kept), err)
		}
	})
}

// A cap that comes before the plan has opened the run's spend is the run's cap.
func TestACapBeforeThePlanHolds(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.RaiseCap(ctx, ref(""), 700); err != nil {
			t.Fatal(err)
		}
		if err := s.OpenSpend(ctx, ref(""), 100); err != nil {
			t.Fatal(err)
		}
		if err := s.Reserve(ctx, ref("c"), store.Reservation{ID: "a", Provider: "x", Max: 650}); err != nil {
			t.Error(err)
		}
		if err := s.RaiseCap(ctx, ref(""), 600); !fault.Is(err, fault.Conflict) || !strings.Contains(fault.Message(err), "$0.00065") {
			t.Errorf("a cap below what is reserved = %v, want a Conflict that names it", err)
		}
		got, err := s.Spend(ctx, ref(""))
		if want := (store.Spend{Cap: 700, Free: 50, ByProvider: map[string]money.Micro{}}); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("spend = %+v, %v; want %+v", got, err, want)
		}
	})
}

// A team's budget holds over all its runs, from the moment it is set, and in
// each month anew.
func TestATeamsBudgetHoldsOverAllRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		n := 0
		reserve := func(run string, amount money.Micro) error {
			of := ref("c")
			of.Run = run
			if err := s.OpenSpend(ctx, of, money.Dollar); err != nil {
				t.Fatal(err)
			}
			n++
			return s.Reserve(ctx, of, store.Reservation{ID: fmt.Sprint("c/x/", n), Provider: "x", Max: amount})
		}
		set := func(limit money.Micro) {
			t.Helper()
			if err := s.SetBudget(ctx, "acme", limit); err != nil {
				t.Fatal(err)
			}
		}
		check := func(want store.Budget) {
			t.Helper()
			if got, err := s.Budget(ctx, "acme"); err != nil || got != want {
				t.Errorf("budget = %+v, %v; want %+v", got, err, want)
			}
		}
		check(store.Budget{Month: "2000-01"})
		set(100)
		check(store.Budget{Month: "2000-01", Limit: 100})
		if err := reserve("r1", 60); err != nil {
			t.Fatal(err)
		}
		if err := reserve("r2", 60); !fault.Is(err, fault.CapReached) || !strings.Contains(fault.Message(err), "sluice team budget") {
			t.Errorf("beyond the budget = %v, want CapReached and what to do", err)
		}
		set(120) // in the middle of the month
		if err := reserve("r2", 60); err != nil {
			t.Errorf("within the raised budget: %v", err)
		}
		set(50) // below what is committed
		check(store.Budget{Month: "2000-01", Limit: 50, Reserved: 120})
		if err := reserve("r1", 1); !fault.Is(err, fault.CapReached) {
			t.Errorf("beyond the lowered budget = %v", err)
		}
		set(0)
		if err := reserve("r1", 5000); err != nil {
			t.Errorf("without a limit: %v", err)
		}
		set(70)
		time.Sleep(31 * 24 * time.Hour)
		check(store.Budget{Month: "2000-02", Limit: 70})
		if err := reserve("r3", 70); err != nil {
			t.Errorf("in the next month: %v", err)
		}
	})
}

// busy lets the ledger cancel every transaction.
type busy struct {
	aws.HTTPClient
	code string
}

func (b busy) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") || b.code == "" {
		return b.HTTPClient.Do(r)
	}
	body := `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"` + b.code + `"}]}`
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// A transaction that was cancelled for a reason that is no condition has written
// nothing, and nobody is told that it had.
func TestABusyLedgerIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ThrottlingError", "TransactionConflict"} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			var ledger busy
			s := openWith(t, func(cfg *aws.Config) {
				ledger.HTTPClient = cfg.HTTPClient
				cfg.HTTPClient = &ledger
			})
			if err := errors.Join(
				s.OpenSpend(ctx, ref("c"), 1000), s.Reserve(ctx, ref("c"), store.Reservation{ID: "c/apollo/0", Provider: "apollo", Max: 300}),
			); err != nil {
				t.Fatal(err)
			}
			before, err := s.Spend(ctx, ref("c"))
			if err != nil {
				t.Fatal(err)
			}
			ledger.code = code
			for name, err := range map[string]error{
				"reserve":        s.Reserve(ctx, ref("c"), store.Reservation{ID: "c/apollo/1", Provider: "apollo", Max: 1}),
				"settle":         s.Settle(ctx, ref("c"), store.Reservation{ID: "c/apollo/0", Provider: "apollo", Max: 300}, 100),
				"settle open":    s.SettleOpen(ctx, ref("c")),
				"raise the cap":  s.RaiseCap(ctx, ref("c"), 2000),
				"set the budget": s.SetBudget(ctx, ref("c").Team, 5000),
			} {
				if !fault.Is(err, fault.Unavailable) {
					t.Errorf("%s: %s: %v, want Unavailable", code, name, err)
				}
			}
			if first, err := s.AlertRun(ctx, ref("c"), 50, 1000); first || !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s: alert: first %t, %v, want Unavailable", code, first, err)
			}
			ledger.code = ""
			after, err := s.Spend(ctx, ref("c"))
			if diff := cmp.Diff(before, after); diff != "" || err != nil {
				t.Errorf("%s: %v, (-before +after):\n%s", code, err, diff)
			}
		})
	}
}
