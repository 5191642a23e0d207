package transport_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
)

type owner struct{}

// of makes a call for an owner.
func of(ctx context.Context, account string) context.Context {
	return context.WithValue(ctx, owner{}, account)
}

// safe holds the key of each owner; the owner comes with the context.
type safe struct {
	mu        sync.Mutex
	keys      map[string]transport.Secret
	refreshes int
}

func (s *safe) put(account string, k transport.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[account] = k
}

func (s *safe) secret(ctx context.Context, refresh bool) (transport.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refresh {
		s.refreshes++
	}
	account, _ := ctx.Value(owner{}).(string)
	return s.keys[account], nil
}

func keyOf(account, value string) transport.Secret {
	return transport.Secret{Fields: map[string]string{"apiKey": value}, Account: account}
}

func sentKeys(u *upstream) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []string
	for _, r := range u.seen {
		out = append(out, r.Header.Get("X-Key"))
	}
	return out
}

// Quotas, failures and tokens are an account's, so their keys follow the key.
func TestLimiterAndBreakerFollowTheKey(t *testing.T) {
	t.Parallel()
	s := &safe{keys: map[string]transport.Secret{"acme-corp": keyOf("acme-corp", "k1"), "rival": keyOf("", "k2")}}
	stored, tripped := &limits{next: map[string]time.Time{}}, &records{all: map[string]breaker.Record{}}
	guard := breaker.New(tripped, breaker.Options{})
	b := newBench(t, func(_ int, r *http.Request) (*http.Response, error) {
		if r.Header.Get("X-Key") == "k1" {
			return answer(500, ""), nil
		}
		return answer(200, "{}"), nil
	}, func(o *transport.Options) {
		o.Secret, o.Breaker = s.secret, guard
		o.Limiter = ratelimit.New(stored, ratelimit.Options{})
		o.Groups = []transport.Group{{Name: "all", Operations: []string{"buy"}, Quota: ratelimit.Quota{Rate: 10_000, Per: time.Second, Burst: 1000}}}
	})
	for range 12 {
		_, _ = b.client.Do(of(t.Context(), "acme-corp"), buy())
	}
	_, blocked := b.client.Do(of(t.Context(), "acme-corp"), buy())
	_, fine := b.client.Do(of(t.Context(), "rival"), buy())
	if !fault.Is(blocked, fault.CircuitOpen) || fine != nil {
		t.Errorf("one account fails: it gets %v, another %v; want an open breaker for it alone", blocked, fine)
	}
	if tripped.all[transport.BreakerKey("acme", "acme-corp")].State != breaker.Open || len(tripped.all) != 1 {
		t.Errorf("breakers %v", tripped.all)
	}
	if diff := cmp.Diff([]string{"acme/acme-corp/all", "acme/all"}, bulkKeys(stored)); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

// bulkKeys are the limiter's keys without those of the lane for people.
func bulkKeys(l *limits) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(l.next)), func(k string) bool { return k[len(k)-4:] != "/all" })
}

// What waited for its turn leaves with the key of that moment, or not at all.
func TestAKeyRevokedDuringTheWaitIsNotSent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then transport.Secret
		sent []string
		kind fault.Kind
	}{
		"revoked":                  {transport.Secret{Account: "a", Missing: "it was revoked"}, []string{"old"}, fault.Unauthenticated},
		"rotated":                  {keyOf("a", "new"), []string{"old", "new"}, ""},
		"of another account since": {keyOf("", "shared"), []string{"old", "shared"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &safe{keys: map[string]transport.Secret{"": keyOf("a", "old")}}
				b := newBench(t, always(200, "{}"), withBreaker, withLimiter(transport.Group{
					Name: "all", Operations: []string{"buy"}, Quota: ratelimit.Quota{Rate: 1, Per: 4 * time.Second, Burst: 1},
				}), func(o *transport.Options) { o.Secret = s.secret })
				if _, err := b.client.Do(t.Context(), buy()); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(2*time.Second, func() { s.put("", test.then) })
				_, err := b.client.Do(t.Context(), buy())
				if fault.KindOf(err) != test.kind {
					t.Errorf("after the wait: %v, want %q", err, test.kind)
				}
				if diff := cmp.Diff(test.sent, sentKeys(b.up)); diff != "" {
					t.Errorf("keys sent (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestARetryTakesTheKeyOfItsMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &safe{keys: map[string]transport.Secret{"": keyOf("a", "old")}}
		b := newBench(t, func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				s.put("", transport.Secret{Account: "a"})
				return answer(503, ""), nil
			}
			return answer(200, "{}"), nil
		}, func(o *transport.Options) { o.Secret = s.secret })
		if _, err := b.client.Do(t.Context(), get()); !fault.Is(err, fault.Unauthenticated) || b.up.count() != 1 {
			t.Errorf("%v after %d requests, want no second request without a key", err, b.up.count())
		}
	})
}

// A key that may not do something may have been replaced by one that may.
func TestAForbiddenCallLooksForANewKeyOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fresh string
		sent  []string
		kind  fault.Kind
	}{"the same": {"old", []string{"old"}, fault.Forbidden}, "another": {"new", []string{"old", "new"}, ""}} {
		s := &safe{keys: map[string]transport.Secret{"": keyOf("a", "old")}}
		b := newBench(t, func(_ int, r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Key") == "old" {
				s.put("", keyOf("a", test.fresh))
				return answer(403, ""), nil
			}
			return answer(200, "{}"), nil
		}, func(o *transport.Options) { o.Secret = s.secret })
		_, err := b.client.Do(t.Context(), buy())
		if diff := cmp.Diff(test.sent, sentKeys(b.up)); diff != "" || fault.KindOf(err) != test.kind || s.refreshes != 1 {
			t.Errorf("%s: %v, %d refreshes; keys sent (-want +got):\n%s", name, err, s.refreshes, diff)
		}
	}
}

// What a token may not do, a new token may not do either.
func TestAForbiddenCallKeepsItsToken(t *testing.T) {
	t.Parallel()
	i := &issuer{}
	b := newBench(t, func(n int, r *http.Request) (*http.Response, error) {
		if _, _, login := r.BasicAuth(); login {
			return i.answer(n, r)
		}
		return answer(403, ""), nil
	}, withLogin)
	for range 3 {
		if _, err := b.client.Do(t.Context(), get()); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a forbidden call = %v", err)
		}
	}
	if got := b.up.count(); got != 4 {
		t.Errorf("%d requests for three forbidden calls, want three and one for the token", got)
	}
}
