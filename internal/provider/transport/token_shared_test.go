package transport_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

// tokens is a token store in memory with conditional writes.
type tokens struct {
	mu     sync.Mutex
	all    map[string]transport.Token
	load   error
	save   error
	leases int
}

func (s *tokens) Load(_ context.Context, account, key string) (transport.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[account+"/"+key], s.load
}

func (s *tokens) Save(ctx context.Context, account, key string, token transport.Token) error {
	key = account + "/" + key
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.save != nil {
		return s.save
	}
	if s.all[key].Version != token.Version-1 {
		return fault.New(fault.Conflict, "tokens.save", "another version")
	}
	if s.all == nil {
		s.all = map[string]transport.Token{}
	}
	if !token.LeasedUntil.IsZero() {
		s.leases++
	}
	s.all[key] = token
	return nil
}

// only returns the one token and its key.
func (s *tokens) only(t *testing.T) (string, transport.Token) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := slices.Collect(maps.Keys(s.all))
	if len(keys) != 1 {
		t.Fatalf("tokens %v, want one", keys)
	}
	return keys[0], s.all[keys[0]]
}

// workers are processes that share a store.
func workers(t *testing.T, n int, i *issuer, s *tokens) []*bench {
	t.Helper()
	all := make([]*bench, n)
	for k := range all {
		all[k] = newBench(t, i.answer, withLogin, func(o *transport.Options) {
			o.Tokens = s
			o.Secret = func(context.Context, bool) (transport.Secret, error) {
				return transport.Secret{Fields: map[string]string{"clientId": clientID, "clientSecret": clientSecret}, Account: "team-7"}, nil
			}
		})
	}
	return all
}

// together lets every worker make a call at the same time.
func together(t *testing.T, all []*bench) {
	t.Helper()
	var group sync.WaitGroup
	for _, b := range all {
		group.Go(func() { b.do(t, "") })
	}
	group.Wait()
}

func TestWorkersShareOneToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, s := &issuer{delay: time.Second}, &tokens{}
		all := workers(t, 20, i, s)
		began := time.Now()
		together(t, all)
		if diff := cmp.Diff([2]int{1, 20}, i.counts()); diff != "" || time.Since(began) > 1250*time.Millisecond {
			t.Errorf("after %v; requests (-want +got):\n%s", time.Since(began), diff)
		}
		key, got := s.only(t)
		if !strings.HasPrefix(key, "team-7/acme/") || strings.Contains(key, clientID) || strings.Contains(key, clientSecret) {
			t.Errorf("key %q, want account, provider and no secret", key)
		}
		want := transport.Token{Version: 2, Value: "at-1", UseUntil: began.Add(941 * time.Second)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}

		i.revoke("at-1") // everybody hears it; one renews
		together(t, all)
		if diff := cmp.Diff([2]int{2, 60}, i.counts()); diff != "" {
			t.Errorf("revoked: requests (-want +got):\n%s", diff)
		}
		time.Sleep(16 * time.Minute) // it ends; one renews
		together(t, all)
		if diff := cmp.Diff([2]int{3, 80}, i.counts()); diff != "" || s.leases != 3 {
			t.Errorf("ended, %d leases: requests (-want +got):\n%s", s.leases, diff)
		}
	})
}

// A worker that died while it fetched the token holds the others up for as long
// as its lease.
func TestLeaseOfADeadWorkerEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, s := &issuer{}, &tokens{}
		all := workers(t, 2, i, s)
		all[0].do(t, "")
		key, token := s.only(t)
		began := time.Now()
		token.LeasedUntil, token.UseUntil = began.Add(12*time.Second), began
		s.all[key] = token
		all[1].do(t, "")
		if diff := cmp.Diff([2]int{2, 2}, i.counts()); diff != "" || time.Since(began) != 12*time.Second {
			t.Errorf("after %v; requests (-want +got):\n%s", time.Since(began), diff)
		}

		s.all[key] = transport.Token{Version: 9, LeasedUntil: time.Now().Add(12 * time.Second)}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		b := workers(t, 1, i, s)[0]
		began = time.Now()
		if _, err := b.client.Do(ctx, get()); !fault.Is(err, fault.Unavailable) || time.Since(began) != 2*time.Second {
			t.Errorf("without time: %v after %v, want Unavailable after 2s", err, time.Since(began))
		}
	})
}

// Who could not get a token gives the lease back at once, even if its own time
// is over, and leaves what was stored.
func TestFailedRenewalGivesTheLeaseBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, s := &issuer{delay: time.Second}, &tokens{}
		all := workers(t, 2, i, s)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := all[0].client.Do(ctx, get()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("without time: %v, want Unavailable", err)
		}
		if _, got := s.only(t); got != (transport.Token{Version: 2}) {
			t.Errorf("stored %+v, want no lease", got)
		}
		began := time.Now()
		all[1].do(t, "")
		if took := time.Since(began); took != time.Second {
			t.Errorf("the next worker took %v, want 1s", took)
		}
	})
}

func TestTokenStoreFails(t *testing.T) {
	t.Parallel()
	broken := fault.New(fault.Unavailable, "store.tokens", "the table is down")
	for _, s := range []*tokens{{load: broken}, {save: broken}} {
		i := &issuer{}
		workers(t, 1, i, s)[0].do(t, fault.Unavailable)
		if diff := cmp.Diff([2]int{0, 0}, i.counts()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	}

	// A token that could be had but not stored is used all the same.
	s := &tokens{}
	i := &issuer{reply: func(int) *http.Response {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.save = broken
		return nil
	}}
	b := workers(t, 1, i, s)[0]
	b.do(t, "")
	b.do(t, "")
	if diff := cmp.Diff([2]int{1, 2}, i.counts()); diff != "" {
		t.Errorf("not stored: requests (-want +got):\n%s", diff)
	}
	if text := b.log.String(); !strings.Contains(text, "access token not shared") || strings.Contains(text, "at-1") {
		t.Errorf("log %s: want a warning without the token", text)
	}
}
