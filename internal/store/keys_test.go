package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/store"
)

func TestKeysOfManyProvidersChangeAtOnceAndOneOnlyInTurn(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx, none := t.Context(), &domain.ProviderKey{}
		want := map[string]domain.ProviderKey{}
		var wg sync.WaitGroup
		for i := range 5 {
			name := fmt.Sprint("p", i)
			key := domain.ProviderKey{Version: "v", Fingerprint: name, Verified: true, ChangedAt: time.Unix(1e9, 0).UTC()}
			want[name] = key
			wg.Go(func() {
				if err := s.SetProviderKey(ctx, "acme", name, none, key); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, fresh := range []bool{true, false} {
			got, err := s.ProviderKeys(ctx, "acme", fresh)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		if got, err := s.ProviderKeys(ctx, "rival", true); err != nil || len(got) > 0 {
			t.Errorf("another team has %v, %v", got, err)
		}
		old := want["p1"]
		if err := s.SetProviderKey(ctx, "acme", "p1", &old, domain.ProviderKey{Version: "v2"}); err != nil {
			t.Error(err)
		}
		if err := s.SetProviderKey(ctx, "acme", "p1", &old, domain.ProviderKey{Version: "v3"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("the second of two changes of one key = %v, want Conflict", err)
		}
		if err := s.SetProviderKey(ctx, "acme", "p1", nil, domain.ProviderKey{}); err != nil {
			t.Errorf("a revoke in spite of changes: %v", err)
		}
		if got, err := s.ProviderKeys(ctx, "acme", true); err != nil || !got["p1"].Revoked() || got["p2"].Revoked() {
			t.Errorf("after the revoke: %v, %v", got, err)
		}
	})
}

// A count costs no write: it waits for a settlement, which may have to be
// repeated, and is written once.
func TestCallsAreWrittenWithWhatTheyCost(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 1000); err != nil {
			t.Fatal(err)
		}
		r := store.Reservation{ID: "c1/hunter/0", Provider: "hunter", Max: 300}
		if err := s.Reserve(ctx, ref("c1"), r); err != nil {
			t.Fatal(err)
		}
		count := func(team, provider string, n int) {
			for range n {
				s.CountCall(team, provider)
			}
		}
		usage := func(when string, want store.Usage) {
			t.Helper()
			got, month, err := s.UsageByProvider(ctx, "acme")
			if diff := cmp.Diff(want, got["hunter"]); diff != "" || month != "2000-01" || err != nil {
				t.Errorf("%s: %v, %s (-want +got):\n%s", when, err, month, diff)
			}
		}
		count("acme", "hunter", 7)
		count("acme", "apollo", 3)
		count("rival", "hunter", 5)
		usage("before anything is settled", store.Usage{})
		if err := s.Settle(ctx, ref("c1"), r, 120); err != nil {
			t.Fatal(err)
		}
		usage("settled", store.Usage{Calls: 7, Settled: 120})
		count("acme", "hunter", 2)
		if err := s.Settle(ctx, ref("c1"), r, 120); err != nil { // was settled: changes nothing
			t.Fatal(err)
		}
		usage("settled again", store.Usage{Calls: 7, Settled: 120})
		next := store.Reservation{ID: "c1/hunter/1", Provider: "hunter", Max: 300}
		if err := s.Reserve(ctx, ref("c1"), next); err != nil {
			t.Fatal(err)
		}
		if err := s.Settle(ctx, ref("c1"), next, 0); err != nil {
			t.Fatal(err)
		}
		usage("what could not be written comes with the next", store.Usage{Calls: 9, Settled: 120})
		spend, err := s.Spend(ctx, ref(""))
		if diff := cmp.Diff(map[string]money.Micro{"hunter": 120}, spend.ByProvider); diff != "" || err != nil {
			t.Errorf("the run's spend: %v (-want +got):\n%s", err, diff)
		}
	})
}

// A token belongs to the account whose secret it was asked for with.
func TestTokensOfAccountsAreApart(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx, tokens := t.Context(), store.Tokens{Store: s}
		for _, account := range []string{"acme", ""} {
			if err := tokens.Save(ctx, account, "zoominfo/1", transport.Token{Version: 1, Value: "of " + account}); err != nil {
				t.Fatal(err)
			}
		}
		for account, want := range map[string]string{"acme": "of acme", "": "of ", "rival": ""} {
			got, err := tokens.Load(ctx, account, "zoominfo/1")
			if err != nil || got.Value != want {
				t.Errorf("token of %q = %q, %v; want %q", account, got.Value, err, want)
			}
		}
		if err := tokens.Save(ctx, "acme", "zoominfo/1", transport.Token{Version: 1, Value: "late"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("two workers renew at once: %v, want Conflict for one", err)
		}
	})
}
