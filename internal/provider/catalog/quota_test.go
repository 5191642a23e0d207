package catalog_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/sandbox"
)

// tally is what transport saw of a provider's answers.
type tally struct {
	mu    sync.Mutex
	kinds map[fault.Kind]int
	all   int
}

func (t *tally) add(kind fault.Kind, _ time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kinds[kind]++
	t.all++
}

// worker is one process: the adapter of a provider on a limiter of its own, which
// shares its slots with the other processes.
func worker(t *testing.T, name string, shared *slots, key string, network http.RoundTripper, seen *tally) any {
	t.Helper()
	for _, e := range catalog.All() {
		d := e.Definition
		if d.Name != name {
			continue
		}
		var groups []transport.Group
		for _, q := range d.Quotas {
			groups = append(groups, transport.Group{Name: q.Group, Operations: q.Operations, Quota: ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}})
		}
		client, err := transport.New(transport.Options{
			Name: d.Name, BaseURL: d.BaseURL, Hosts: d.Hosts, Auth: d.Auth, SecretFields: d.SecretFields, Classify: e.Classify, Groups: groups,
			Secret: func(context.Context, bool) (transport.Secret, error) {
				secret := map[string]string{}
				for _, field := range d.SecretFields {
					secret[field] = key
				}
				return transport.Secret{Fields: secret}, nil
			},
			RoundTripper: network, Limiter: ratelimit.New(shared, ratelimit.Options{}), Answered: seen.add,
		})
		if err != nil {
			t.Fatal(err)
		}
		built, err := e.Build(provider.Deps{Transport: client, Now: time.Now, Settings: provider.Settings{}})
		if err != nil {
			t.Fatal(err)
		}
		return built
	}
	t.Fatalf("no provider %s", name)
	return nil
}

// stranger is somebody whom no provider knows: what is asked makes no difference
// to the rate, and a miss is cheap.
func stranger(n int) domain.Prospect {
	return domain.Prospect{
		Person:  domain.Person{FirstName: "Una", LastName: fmt.Sprintf("Known%d", n)},
		Company: domain.Company{Name: fmt.Sprintf("Nowhere %d", n), Domain: fmt.Sprintf("nowhere%d.example", n)},
		Contact: domain.Contact{Email: fmt.Sprintf("una@nowhere%d.example", n)},
	}
}

func person(ctx context.Context, a any, n int) error {
	_, err := a.(provider.PersonEnricher).EnrichPeople(ctx, []domain.Prospect{stranger(n)})
	return err
}

func company(ctx context.Context, a any, n int) error {
	_, err := a.(provider.CompanyEnricher).EnrichCompanies(ctx, []domain.Prospect{stranger(n)})
	return err
}

func address(ctx context.Context, a any, n int) error {
	p := stranger(n)
	_, err := a.(provider.EmailFinder).FindEmail(ctx, provider.EmailQuery{FirstName: p.Person.FirstName, LastName: p.Person.LastName, Domain: p.Company.Domain})
	return err
}

func verdict(ctx context.Context, a any, n int) error {
	_, err := a.(provider.EmailVerifier).VerifyEmails(ctx, []string{stranger(n).Contact.Email})
	return err
}

// The quotas that bind bulk work at each provider, as declared, and how long the
// test asks for all that it can get.
var binding = []struct {
	provider, group string
	ask             func(ctx context.Context, adapter any, n int) error
	lasts           time.Duration
}{
	{"apollo", "match", person, 5 * time.Minute},
	{"apollo", "organizations", company, 5 * time.Minute},
	{"hunter", "finder", address, 5 * time.Minute},
	{"hunter", "verifier", verdict, 5 * time.Minute},
	{"clearbit", "person", person, 5 * time.Minute},
	{"clearbit", "company", company, 5 * time.Minute},
	{"lusha", "api", person, 2 * time.Minute},
	{"zoominfo", "all", person, time.Hour},
	{"neverbounce", "single", verdict, 30 * time.Minute},
	{"zerobounce", "validate", verdict, 2 * time.Second},
}

func quotaOf(t *testing.T, name, group string) ratelimit.Quota {
	t.Helper()
	for _, e := range catalog.All() {
		for _, q := range e.Definition.Quotas {
			if e.Definition.Name == name && q.Group == group {
				return ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}
			}
		}
	}
	t.Fatalf("no quota %s of %s", group, name)
	return ratelimit.Quota{}
}

// Several workers ask for all that they can get while a person asks now and
// then, over the simulators' own windows: 95 % of the declared quota is used,
// nobody is ever told that we are too fast, and the person does not wait.
func TestBindingQuotasAreUsedAndPeopleDoNotWait(t *testing.T) {
	t.Parallel()
	for _, c := range binding {
		t.Run(c.provider+" "+c.group, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, err := sandbox.New(sandbox.Options{Seed: 5, People: 200})
				if err != nil {
					t.Fatal(err)
				}
				q := quotaOf(t, c.provider, c.group)
				_, share := q.Lanes()
				shared, seen := &slots{next: map[string]time.Time{}}, &tally{kinds: map[fault.Kind]int{}}
				ctx, cancel := context.WithTimeout(t.Context(), c.lasts)
				defer cancel()
				var all sync.WaitGroup
				for w := range 4 {
					adapter := worker(t, c.provider, shared, s.Key(c.provider), s.RoundTripper(), seen)
					for i := range 8 {
						all.Go(func() {
							for n := w*8 + i; ctx.Err() == nil; n += 32 {
								patiently(ctx, func() error { return c.ask(ctx, adapter, n) })
							}
						})
					}
				}
				var longest time.Duration
				asked := 0
				all.Go(func() {
					adapter := worker(t, c.provider, shared, s.Key(c.provider), s.RoundTripper(), seen)
					every := max(share.Interval(), time.Second)
					for n := -1; sleep(ctx, every) && time.Until(deadlineOf(ctx)) > 2*time.Second; n-- {
						began := time.Now()
						if err := c.ask(ratelimit.Interactive(ctx), adapter, -n+1_000_000); fault.Is(err, fault.RateLimited) {
							t.Errorf("a person is refused: %v", err)
						}
						longest, asked = max(longest, time.Since(began)), asked+1
					}
				})
				all.Wait()
				want := float64(q.Rate) * float64(c.lasts) / float64(q.Per)
				used := float64(seen.all) / want
				t.Logf("%.2f %% of the declared quota, longest wait of a person %v (%d calls)", used*100, longest, asked)
				if used < 0.95 {
					t.Errorf("%.1f %% of the declared quota was used, %d calls", used*100, seen.all)
				}
				if longest >= 2*time.Second {
					t.Errorf("a person waited for %v", longest)
				}
				if n := seen.kinds[fault.RateLimited]; n > 0 {
					t.Errorf("%d of %d answers say that we are too fast", n, seen.all)
				}
				if seen.kinds[""]+seen.kinds[fault.Unavailable] == 0 {
					t.Errorf("answers %v: the test asks nonsense", seen.kinds)
				}
			})
		})
	}
}

// patiently makes a call and, if the limiter refuses, waits as it says.
func patiently(ctx context.Context, call func() error) {
	for ctx.Err() == nil {
		err := call()
		if !fault.Is(err, fault.RateLimited) {
			return
		}
		sleep(ctx, fault.RetryAfter(err))
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func deadlineOf(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return end
}

// says is a network that gives one answer, and counts how often.
type says struct {
	status int
	header map[string]string
	body   string

	mu    sync.Mutex
	asked int
}

// RoundTrip implements http.RoundTripper.
func (a *says) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r, ContentLength: -1}
	if strings.HasSuffix(r.URL.Path, "/token") { // ZoomInfo's log-in
		answer.StatusCode, answer.Body = http.StatusOK, io.NopCloser(strings.NewReader(`{"access_token":"at","token_type":"Bearer","expires_in":3600}`))
		return answer, nil
	}
	for name, value := range a.header {
		answer.Header.Set(name, value)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	return answer, nil
}

// Each provider says in its own way that we are too fast, and for how long. Once
// it has, no other worker asks before that time, and no person either.
func TestResetSignalsKeepEverybodyAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		provider string
		ask      func(ctx context.Context, adapter any, n int) error
		says     *says
		wait     time.Duration
	}{
		"apollo: Retry-After":                {"apollo", person, &says{status: 429, header: map[string]string{"Retry-After": "37"}, body: `{"message":"The maximum number of api calls allowed"}`}, 37 * time.Second},
		"apollo: no header":                  {"apollo", company, &says{status: 429}, time.Minute},
		"hunter: 403":                        {"hunter", address, &says{status: 403, body: `{"errors":[{"id":"rate_limit_reached","code":403,"details":"slow down"}]}`}, time.Minute},
		"hunter: 403, verifier":              {"hunter", verdict, &says{status: 403}, time.Minute},
		"clearbit: time of the reset":        {"clearbit", person, &says{status: 429, header: map[string]string{"X-RateLimit-Reset": strconv.Itoa(946684800 + 25)}}, 26 * time.Second},
		"clearbit: no header":                {"clearbit", company, &says{status: 429}, time.Minute},
		"lusha: the hour is used up":         {"lusha", person, &says{status: 429, header: map[string]string{"x-hourly-requests-left": "0", "x-minute-requests-left": "0"}}, time.Hour},
		"lusha: the day is used up":          {"lusha", person, &says{status: 429, header: map[string]string{"x-daily-requests-left": "0"}}, 24 * time.Hour},
		"lusha: a second's limit":            {"lusha", company, &says{status: 429}, time.Second},
		"zoominfo: Retry-After":              {"zoominfo", person, &says{status: 429, header: map[string]string{"Retry-After": "1800", "X-Ratelimit-Rejected-Bucket": "hour"}, body: `{"errors":[{"code":"ZI0004"}]}`}, 30 * time.Minute},
		"neverbounce: a success of HTTP":     {"neverbounce", verdict, &says{status: 200, body: `{"status":"throttle_triggered","message":"Too many requests"}`}, 2 * time.Minute},
		"zerobounce: single":                 {"zerobounce", verdict, &says{status: 429, body: `{"Message":"Too many requests"}`}, 10 * time.Second},
		"zerobounce: batch, ten minutes off": {"zerobounce", verdicts, &says{status: 429}, 10 * time.Minute},
		"zerobounce: shielded":               {"zerobounce", verdict, &says{status: 403}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared, seen := &slots{next: map[string]time.Time{}}, &tally{kinds: map[fault.Kind]int{}}
				one := worker(t, c.provider, shared, "k", c.says, seen)
				other := worker(t, c.provider, shared, "k", c.says, seen)
				if err := c.ask(t.Context(), one, 1); !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != c.wait {
					t.Errorf("who was told: %v, again after %v, want RateLimited after %v", err, fault.RetryAfter(err), c.wait)
				}
				early := c.wait - time.Millisecond
				if c.wait > 5*time.Second { // else the limiter waits by itself
					time.Sleep(c.wait - 6*time.Second)
					early = 6 * time.Second
					for who, ctx := range map[string]context.Context{"a worker": t.Context(), "a person": ratelimit.Interactive(t.Context())} {
						if err := c.ask(ctx, other, 2); !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 6*time.Second {
							t.Errorf("%s shortly before: %v, again after %v, want RateLimited after 6s", who, err, fault.RetryAfter(err))
						}
					}
				}
				if c.says.asked != 1 {
					t.Errorf("the provider was asked %d times, want once", c.says.asked)
				}
				time.Sleep(early)
				_ = c.ask(t.Context(), other, 3) // the same answer
				if c.says.asked != 2 {
					t.Errorf("after its time the provider was asked %d times, want twice", c.says.asked)
				}
			})
		})
	}
}

func verdicts(ctx context.Context, a any, n int) error {
	_, err := a.(provider.EmailVerifier).VerifyEmails(ctx, []string{stranger(n).Contact.Email, stranger(n + 1).Contact.Email})
	return err
}
