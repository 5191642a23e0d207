package push_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/pipeline/push"
	"github.com/messageai/sluice/internal/store"
)

// Wherever a push is cut off and one of its people asks not to be contacted
// then: nothing more is written about them, and what was written has a receipt.
func TestWhatWasWrittenBeforeSomebodySaidNoHasItsReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := suppression(t, "ann2@x.example")
		clean := newWorld(ann(1, nil), ann(2, nil))
		if _, err := clean.push(t); err != nil {
			t.Fatal(err)
		}
		written := 0
		for at := 1; at <= clean.calls; at++ {
			for _, late := range []bool{false, true} {
				w := newWorld(ann(1, nil), ann(2, nil))
				w.strike, w.late = at, late
				_, _ = w.push(t) // it dies
				w.strike, w.list = 0, list
				held := len(w.contacts)
				got, err := w.push(t)
				if err != nil {
					t.Fatal(err)
				}
				id := domain.LeadID("acme", w.rows[1].Prospect)
				result, receipted := w.receipt(t, chunk).Outcomes[id]
				if held < 2 {
					if receipted || len(w.contacts) != 1 || got.Tally != (domain.PushTally{Created: 1, Verified: 1}) {
						t.Errorf("cut off at call %d, late %t: receipt %+v, %d contacts, %+v; nobody may be written who said no", at, late, result, len(w.contacts), got.Tally)
					}
					continue
				}
				written++
				result.RecordID = ""
				if diff := cmp.Diff(push.Result{Action: push.Create, Created: true, Verified: true, Stopped: true}, result); diff != "" || got.Tally != (domain.PushTally{Created: 2, Verified: 2}) {
					t.Errorf("cut off at call %d, late %t: %+v; receipt (-want +got):\n%s", at, late, got.Tally, diff)
				}
			}
		}
		if written == 0 {
			t.Error("no push was cut off after it had written")
		}
	})
}

// suppression is a do-not-contact list as the store makes it.
func suppression(t *testing.T, values ...string) *store.Suppression {
	t.Helper()
	stack, err := localaws.New(t.Context(), localaws.Options{Dir: sluice.Deploy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg, err := stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(cfg, store.Options{Core: stack.Output("CoreTable"), KeyID: stack.Output("DataKey")})
	for _, v := range values {
		if err := s.Suppress(t.Context(), "acme", v); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Suppression(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return list
}
