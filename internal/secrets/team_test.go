package secrets_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/secrets"
)

// record is the teams' keys in memory. Reads that need not be fresh see what
// was written a second ago.
type record struct {
	mu     sync.Mutex
	writes []written
	reads  int
	broken bool
	slow   time.Duration
}

type written struct {
	team, provider string
	key            domain.ProviderKey
	at             time.Time
}

func (r *record) ProviderKeys(ctx context.Context, team string, fresh bool) (map[string]domain.ProviderKey, error) {
	r.mu.Lock()
	slow := r.slow
	r.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.broken {
		return nil, errors.New("no answer")
	}
	keys := map[string]domain.ProviderKey{}
	for _, w := range r.writes {
		if w.team == team && (fresh || time.Since(w.at) >= time.Second) {
			keys[w.provider] = w.key
		}
	}
	return keys, nil
}

func (r *record) SetProviderKey(ctx context.Context, team, provider string, was *domain.ProviderKey, next domain.ProviderKey) error {
	keys, err := r.ProviderKeys(ctx, team, true)
	if err != nil {
		return err
	}
	if was != nil && was.Version != keys[provider].Version {
		return fault.New(fault.Conflict, "record", "another was first")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, written{team, provider, next, time.Now()})
	return nil
}

// office is several processes on one Secrets Manager and one record.
type office struct {
	record
	aws   aws.Config
	calls reads
}

func (o *office) process() *secrets.Store {
	return secrets.New(o.aws, "sluice/test", &o.record, time.Now)
}

func inOffice(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		s, err := localaws.New(t.Context(), localaws.Options{Dir: fstest.MapFS{}, Template: []byte(stack), Faults: &o.calls})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		if o.aws, err = s.Config(""); err != nil {
			t.Fatal(err)
		}
		test(t, o)
	})
}

func key(t *testing.T, s *secrets.Store, team string) secrets.Key {
	t.Helper()
	k, err := s.Key(domain.InTeam(t.Context(), team), "hunter", false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func put(t *testing.T, s *secrets.Store, team, value string) {
	t.Helper()
	known, err := s.Known(t.Context(), team)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), team, "hunter", known["hunter"], map[string]string{"apiKey": value}, true); err != nil {
		t.Fatal(err)
	}
}

var fallback = secrets.Key{Fields: map[string]string{"apiKey": "first", "account": "a1"}}

func own(value string) secrets.Key {
	return secrets.Key{Fields: map[string]string{"apiKey": value}, Account: "acme"}
}

func TestATeamsKeyGoesBeforeTheDeployments(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		s := o.process()
		put(t, s, "acme", "own")
		time.Sleep(time.Second)
		for team, want := range map[string]secrets.Key{"acme": own("own"), "rival": fallback, "": fallback} {
			if diff := cmp.Diff(want, key(t, s, team)); diff != "" {
				t.Errorf("key of %q (-want +got):\n%s", team, diff)
			}
		}
	})
}

// Keys change in one process and are used in others: what they use is looked at
// at every moment of the time after.
func TestAChangeHoldsEverywhereWithinTenSeconds(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		admin, workers := o.process(), []*secrets.Store{o.process(), o.process(), o.process()}
		settle := func(change func(), old, want secrets.Key) {
			t.Helper()
			change()
			changed := time.Now()
			for time.Since(changed) < time.Minute {
				for i, w := range workers {
					time.Sleep(time.Duration(i+1) * 70 * time.Millisecond)
					got := key(t, w, "acme")
					if cmp.Equal(got, want) {
						continue
					}
					if after := time.Since(changed); after > 10*time.Second || !cmp.Equal(got, old) {
						t.Fatalf("worker %d still has %+v after %s, want %+v", i, got, after, want)
					}
				}
			}
		}
		settle(func() { put(t, admin, "acme", "one") }, fallback, own("one"))
		settle(func() { put(t, admin, "acme", "two") }, own("one"), own("two"))
		settle(func() {
			if err := admin.Revoke(t.Context(), "acme", "hunter"); err != nil {
				t.Fatal(err)
			}
		}, own("two"), secrets.Key{Fields: map[string]string{}, Account: "acme", Revoked: true})
		settle(func() { put(t, admin, "acme", "three") }, secrets.Key{Fields: map[string]string{}, Account: "acme", Revoked: true}, own("three"))
	})
}

func TestLookingCostsOneReadEveryFewSeconds(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		put(t, o.process(), "acme", "own")
		time.Sleep(time.Second)
		s := o.process()
		o.record.reads, o.calls.n = 0, 0
		for range 600 {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { key(t, s, "acme") })
			}
			wg.Wait()
			time.Sleep(100 * time.Millisecond)
		}
		if o.record.reads > 16 || o.calls.n != 1 {
			t.Errorf("a minute of use cost %d reads of the record and %d of the secret, want at most 16 and 1", o.record.reads, o.calls.n)
		}
	})
}

// Without the record nobody knows whether a key was revoked.
func TestNoKeyIsUsedBlindly(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*record){
		"broken": func(r *record) { r.broken = true },
		"slow":   func(r *record) { r.slow = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inOffice(t, func(t *testing.T, o *office) {
				put(t, o.process(), "acme", "own")
				time.Sleep(time.Second)
				s := o.process()
				key(t, s, "acme")
				o.record.mu.Lock()
				fail(&o.record)
				o.record.mu.Unlock()
				used := 0
				for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(100 * time.Millisecond) {
					_, err := s.Key(domain.InTeam(t.Context(), "acme"), "hunter", false)
					if err == nil {
						used++
					}
					if after := time.Since(began); after > 9*time.Second && !fault.Is(err, fault.Unavailable) {
						t.Fatalf("after %s without the record: %v, want Unavailable", after, err)
					}
				}
				if used == 0 {
					t.Error("a moment without the record stops everything")
				}
			})
		})
	}
}

func TestARefusedKeyIsLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		admin, s := o.process(), o.process()
		put(t, admin, "acme", "one")
		time.Sleep(time.Second)
		key(t, s, "acme")
		time.Sleep(time.Second)
		put(t, admin, "acme", "two")
		k, err := s.Key(domain.InTeam(t.Context(), "acme"), "hunter", true)
		if diff := cmp.Diff(own("two"), k); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestTheRevokedKeyHasNoLabel(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		s := o.process()
		put(t, s, "acme", "leaked")
		if err := s.Revoke(t.Context(), "acme", "hunter"); err != nil {
			t.Fatal(err)
		}
		client := secretsmanager.NewFromConfig(o.aws)
		for _, stage := range []string{"AWSCURRENT", "AWSPREVIOUS"} {
			got, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("sluice/test/teams/acme/hunter"), VersionStage: &stage})
			if err != nil || *got.SecretString != "{}" {
				t.Errorf("%s after a revoke: %v, %v; want an empty object", stage, got, err)
			}
		}
		if err := s.Revoke(t.Context(), "rival", "hunter"); err != nil {
			t.Errorf("a team without a key revokes: %v", err)
		}
		time.Sleep(time.Second)
		if k := key(t, s, "rival"); !k.Revoked || len(k.Fields) > 0 {
			t.Errorf("a team that revoked still has %+v", k)
		}
	})
}

func TestAChangeThatWasCutOffIsFinishedByItsRepetition(t *testing.T) {
	t.Parallel()
	inOffice(t, func(t *testing.T, o *office) {
		s := o.process()
		put(t, s, "acme", "one")
		was, err := s.Known(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		o.record.broken = true
		if _, err := s.Put(t.Context(), "acme", "hunter", was["hunter"], map[string]string{"apiKey": "two"}, true); err == nil {
			t.Fatal("a change that could not be recorded is no error")
		}
		o.record.broken = false
		time.Sleep(time.Minute)
		if k := key(t, o.process(), "acme"); !cmp.Equal(k, own("one")) {
			t.Errorf("half a change gives %+v", k)
		}
		put(t, s, "acme", "two")
		time.Sleep(time.Second)
		if k := key(t, o.process(), "acme"); !cmp.Equal(k, own("two")) {
			t.Errorf("after the repetition: %+v", k)
		}
		_, err = s.Put(t.Context(), "acme", "hunter", was["hunter"], map[string]string{"apiKey": "three"}, true)
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a change of what is not there any more = %v, want Conflict", err)
		}
	})
}
