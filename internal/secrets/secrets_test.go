package secrets_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/secrets"
)

const stack = `
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Hunter:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: sluice/test/providers/hunter, SecretString: '{"apiKey":"first","account":"a1"}'}
`

// reads counts the calls to Secrets Manager, slows them and lets them fail.
type reads struct {
	mu     sync.Mutex
	n      int
	broken bool
}

func (r *reads) BeforeCall(_ context.Context, _, operation, _ string) localaws.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := localaws.Fault{}
	if operation == "GetSecretValue" {
		r.n++
		f.Delay = time.Millisecond
	}
	if r.broken {
		f.Mishap = localaws.ServerError
	}
	return f
}

func inBubble(t *testing.T, test func(t *testing.T, s *secrets.Store, r *reads, put func(value string))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &reads{}
		s, err := localaws.New(t.Context(), localaws.Options{Dir: fstest.MapFS{}, Template: []byte(stack), Faults: r})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		cfg, err := s.Config("")
		if err != nil {
			t.Fatal(err)
		}
		test(t, secrets.New(cfg, "sluice/test", &record{}, time.Now), r, func(value string) {
			_, err := secretsmanager.NewFromConfig(cfg).PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
				SecretId: aws.String("sluice/test/providers/hunter"), SecretString: &value,
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestASecretIsReadOnceInTenMinutes(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *secrets.Store, r *reads, put func(string)) {
		key := func(refresh bool) string {
			t.Helper()
			got, err := s.Fields(t.Context(), "hunter", refresh)
			if err != nil {
				t.Fatal(err)
			}
			return got["apiKey"]
		}
		got, err := s.Fields(t.Context(), "hunter", false)
		if diff := cmp.Diff(map[string]string{"apiKey": "first", "account": "a1"}, got); diff != "" || err != nil {
			t.Errorf("%v; fields (-want +got):\n%s", err, diff)
		}
		put(`{"apiKey":"second"}`)
		time.Sleep(9 * time.Minute)
		if k := key(false); k != "first" || r.n != 1 {
			t.Errorf("within ten minutes the key is %q after %d reads", k, r.n)
		}
		if k := key(true); k != "second" || r.n != 2 {
			t.Errorf("a refresh gives %q after %d reads", k, r.n)
		}
		put(`{"apiKey":"third"}`)
		time.Sleep(10 * time.Minute)
		if k := key(false); k != "third" || r.n != 3 {
			t.Errorf("after ten minutes the key is %q after %d reads", k, r.n)
		}
	})
}

func TestCallersAtTheSameTimeShareOneRead(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *secrets.Store, r *reads, _ func(string)) {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := s.Fields(t.Context(), "hunter", false); err != nil || got["apiKey"] != "first" {
					t.Errorf("fields = %v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if r.n != 1 {
			t.Errorf("%d reads for 20 callers, want 1", r.n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(time.Hour)
		if _, err := s.Fields(ctx, "hunter", false); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a caller that gave up gets %v, want Unavailable", err)
		}
	})
}

func TestASecretThatDoesNotExistIsEmpty(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *secrets.Store, _ *reads, _ func(string)) {
		if got, err := s.Fields(t.Context(), "apollo", false); err != nil || len(got) != 0 {
			t.Errorf("fields = %v, %v; want none, since the provider is not connected", got, err)
		}
		if got := s.Name("apollo"); got != "sluice/test/providers/apollo" {
			t.Errorf("name = %s", got)
		}
	})
}

func TestAMalformedSecretIsNamedButNotQuoted(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *secrets.Store, _ *reads, put func(string)) {
		for _, value := range []string{`sk_private`, `["sk_private"]`, `{"apiKey":{"deep":"sk_private"}}`, `null and sk_private`} {
			put(value)
			_, err := s.Fields(t.Context(), "hunter", true)
			if !fault.Is(err, fault.Unauthenticated) || !strings.Contains(err.Error(), "sluice/test/providers/hunter") || strings.Contains(err.Error(), "sk_private") {
				t.Errorf("fields of a malformed secret = %v", err)
			}
		}
		put(`{"apiKey":"good"}`)
		if got, err := s.Fields(t.Context(), "hunter", false); err != nil || got["apiKey"] != "good" {
			t.Errorf("after it was put right: %v, %v", got, err)
		}
	})
}

func TestAnOutageIsUnavailableAndNotRemembered(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *secrets.Store, r *reads, _ func(string)) {
		r.broken = true
		if _, err := s.Fields(t.Context(), "hunter", false); !fault.Is(err, fault.Unavailable) {
			t.Errorf("fields = %v, want Unavailable", err)
		}
		r.broken = false
		if got, err := s.Fields(t.Context(), "hunter", false); err != nil || got["apiKey"] != "first" {
			t.Errorf("after the outage: %v, %v", got, err)
		}
	})
}
