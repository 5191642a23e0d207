package bulk_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	godiff "github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/hunter"
	"github.com/messageai/sluice/internal/waterfall"
)

// Whatever call goes wrong and however, the list is paid for once, its verdicts
// are kept, and the provider forgets it.
func TestNoCallCanBeTheOneThatMakesUsPayTwice(t *testing.T) {
	t.Parallel()
	play := func(plan func(n int, op string) mishap) (calls int) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.plan = plan
			w.buy(t, people(5))
			calls = w.calls
			l := w.buy(t, people(5)) // and what is done costs nothing
			w.proof(t, people(5), l)
			if t.Failed() {
				t.Log(w.log)
			}
		})
		return calls
	}
	all := play(nil)
	for at := range all {
		for _, what := range []mishap{killBefore, killAfter, refused, lost} {
			play(func(n int, _ string) mishap {
				if n == at {
					return what
				}
				return ""
			})
			for then := at + 1; then < at+12; then += 3 { // and once more on the way of who comes after
				play(func(n int, _ string) mishap {
					if n == at || n == then {
						return what
					}
					return ""
				})
			}
		}
	}
	if all < 15 {
		t.Errorf("a list took only %d calls: this proves nothing", all)
	}
}

// What is known is not asked about: bad lines, domains without mail, function
// mailboxes, verdicts in the cache, repetitions.
func TestOnlyWhatNobodyKnowsIsBought(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.dns["gone.example"] = email.MailNone
		known := domain.Prospect{Contact: domain.Contact{Email: "known@firm.example"}}
		d := hunter.Definition()
		raw, err := json.Marshal(waterfall.Answer{Found: true, Status: domain.EmailInvalid, Reason: "invalid", At: time.Now().Unix()})
		if err != nil {
			t.Fatal(err)
		}
		w.cache[budget.Question(d.Name, provider.OpVerifyEmail, waterfall.Identity(d, provider.OpVerifyEmail, known, nil)...)] = raw
		list := []string{"Ann@Firm.example", "ann@firm.example ", "no address", "ann@gone.example", "info@firm.example", "KNOWN@firm.example"}
		l, err := w.verifier().Prepare(t.Context(), "acme", list)
		if err != nil {
			t.Fatal(err)
		}
		if l.Ask() != 1 || l.Free != 3 || l.Known != 1 || l.Twice != 1 || l.Price() != price {
			t.Errorf("%d to ask, %d free, %d known, %d twice, %s", l.Ask(), l.Free, l.Known, l.Twice, l.Price())
		}
		if err := l.Buy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := godiff.Diff([]string{"ann@firm.example"}, slices.Sorted(maps.Keys(w.charged))); diff != "" {
			t.Errorf("bought (-want +got):\n%s", diff)
		}
		var got []domain.EmailStatus
		for _, a := range list {
			got = append(got, l.Judge(a).Status)
		}
		want := []domain.EmailStatus{domain.EmailSafe, domain.EmailSafe, domain.EmailInvalid, domain.EmailInvalid, domain.EmailRisky, domain.EmailInvalid}
		if diff := godiff.Diff(want, got); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
	})
}

// A provider that refuses has charged nothing; one whose job fails, what it says.
func TestWhatCameToNothingIsNotPaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.refuse = fault.New(fault.QuotaExhausted, "test.start", "no credit")
		l, err := w.verifier().Prepare(t.Context(), "acme", people(3))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Buy(t.Context()); !fault.Is(err, fault.QuotaExhausted) || w.settled != 0 || w.ledger[0].Open {
			t.Errorf("%v, settled %s, %+v", err, w.settled, w.ledger)
		}
		w.refuse = nil
		w.proof(t, people(3), w.buy(t, people(3)))

		w.ends = provider.JobHeld
		l, err = w.verifier().Prepare(t.Context(), "acme", []string{"bob@firm.example"})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Buy(t.Context()); !fault.Is(err, fault.Unavailable) || len(w.jobs) != 2 {
			t.Errorf("a job that is held: %v, %d jobs", err, len(w.jobs))
		}
		w.ends = provider.JobComplete
		l = w.buy(t, []string{"bob@firm.example"})
		if l.Judge("bob@firm.example").Status != domain.EmailSafe || len(w.jobs) != 2 {
			t.Errorf("it is not gone on with: %d jobs", len(w.jobs))
		}
	})
}
