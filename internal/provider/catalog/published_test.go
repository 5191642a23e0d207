package catalog_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/sandbox/apollo"
	"github.com/messageai/sluice/internal/sandbox/clearbit"
	"github.com/messageai/sluice/internal/sandbox/googleplaces"
	"github.com/messageai/sluice/internal/sandbox/hunter"
	"github.com/messageai/sluice/internal/sandbox/lusha"
	"github.com/messageai/sluice/internal/sandbox/neverbounce"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	"github.com/messageai/sluice/internal/sandbox/zerobounce"
	"github.com/messageai/sluice/internal/sandbox/zoominfo"
)

// published is what providers allow, by the simulators' own windows. Left out:
// what nobody publishes (NeverBounce's single check, Lusha's plans by the hour
// and day).
func published() map[[2]string][]upstream.Window {
	hubspot := []upstream.Window{{Rate: 100, Per: 10 * time.Second}} // Free and Starter
	return map[[2]string][]upstream.Window{
		{"apollo", "search"}:        apollo.Quotas()["search"],
		{"apollo", "match"}:         apollo.Quotas()["match"],
		{"apollo", "organizations"}: apollo.Quotas()["organizations"],
		{"apollo", "companies"}:     apollo.Quotas()["companies"],
		{"apollo", "sequences"}:     apollo.Quotas()["sequences"],
		{"hunter", "finder"}:        hunter.Quotas()["search"],
		{"hunter", "verifier"}:      hunter.Quotas()["verify"],
		{"clearbit", "person"}:      clearbit.Quotas()["person"],
		{"clearbit", "company"}:     clearbit.Quotas()["company"],
		{"clearbit", "prospector"}:  clearbit.Quotas()["prospector"],
		{"lusha", "api"}:            lusha.Quotas()["api"][:1],
		{"lusha", "account"}:        lusha.Quotas()["account"],
		{"zoominfo", "all"}:         zoominfo.Quotas()["all"],
		{"neverbounce", "start"}:    neverbounce.Quotas()["create"],
		{"zerobounce", "validate"}:  zerobounce.Quotas()["validate"],
		{"zerobounce", "batch"}:     zerobounce.Quotas()["batch"],
		{"googleplaces", "search"}:  googleplaces.Quotas()[googleplaces.OpSearch],
		{"googleplaces", "details"}: googleplaces.Quotas()[googleplaces.OpDetails],
		{"openai", "embeddings"}:    {{Rate: 3_000, Per: time.Minute}},
		{"hubspot", "api"}:          hubspot,
	}
}

// counter is a provider that only counts.
type counter struct{}

func (counter) ServeHTTP(http.ResponseWriter, *http.Request) {}

func (counter) Throttled(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusTooManyRequests)
}

// Bulk work that wants more than there is, from several workers whose calls take
// unequal times to arrive, over more than the longest window: of the quota that
// binds, as the provider publishes it, 95 % is used although a share is kept for
// people who do not come, and no call is one too many.
func TestPublishedQuotasAreUsedAndKept(t *testing.T) {
	t.Parallel()
	for name, windows := range published() {
		t.Run(name[0]+" "+name[1], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { useUp(t, quotaOf(t, name[0], name[1]), windows) })
		})
	}
}

func useUp(t *testing.T, q ratelimit.Quota, windows []upstream.Window) {
	t.Helper()
	front, err := upstream.New("counter", upstream.Config{Quotas: map[string][]upstream.Window{"": windows}})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(counter{})
	binds, lasts := 0.0, time.Duration(0) // calls a second
	for _, w := range windows {
		if w.Rate == 0 {
			continue
		}
		if rate := float64(w.Rate) / w.Per.Seconds(); binds == 0 || rate < binds {
			binds = rate
		}
		lasts = max(lasts, w.Per*21/20)
	}
	if lasts < time.Minute && binds < 1000 {
		lasts = time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	shared := &slots{next: map[string]time.Time{}}
	var all sync.WaitGroup
	for w := range 4 {
		l := ratelimit.New(shared, ratelimit.Options{})
		for i := range 2 {
			r := rand.New(rand.NewPCG(uint64(w), uint64(i)))
			all.Go(func() {
				for ctx.Err() == nil {
					if err := l.Wait(ctx, "k", q); err != nil {
						sleep(ctx, fault.RetryAfter(err))
						continue
					}
					late := time.Duration(r.IntN(15)) * time.Millisecond
					all.Go(func() {
						time.Sleep(late) // on its way
						call, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://counter.example/", nil)
						if err != nil {
							t.Error(err)
							return
						}
						if _, err := front.RoundTrip(call); err != nil {
							t.Error(err)
						}
					})
				}
			})
		}
	}
	all.Wait()
	got := front.Requests()
	used := float64(got[200]) / (binds * lasts.Seconds())
	t.Logf("%.1f %% of the published quota in %v, %d calls", used*100, lasts, got[200])
	if used < 0.95 {
		t.Errorf("%.1f %% of what the provider allows was used", used*100)
	}
	if got[429] > 0 {
		t.Errorf("%d of %d calls were one too many", got[429], got[200]+got[429])
	}
}
