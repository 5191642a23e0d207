package hubspot

import (
	"net/http"
	"strconv"
	"time"
)

// Limits are the account's rate limits. Zero means the documented figure of a
// Professional account (vendor documentation as read in 2026-11), negative no limit.
type Limits struct {
	TenSecondly int // calls in any ten seconds; 190
	Daily       int // calls between two midnights, UTC; 625,000
	Search      int // searches a second; 5
}

func (l Limits) withDefaults() Limits {
	def := func(v, d int) int {
		if v == 0 {
			return d
		}
		return v
	}
	return Limits{TenSecondly: def(l.TenSecondly, 190), Daily: def(l.Daily, 625_000), Search: def(l.Search, 5)}
}

// The policy names of a 429.
const (
	policyDaily       = "DAILY"
	policyTenSecondly = "TEN_SECONDLY_ROLLING"
	policySecondly    = "SECONDLY"
)

const window = 10 * time.Second

// limiter counts calls. Refused calls are not counted.
type limiter struct {
	limits   Limits
	recent   []time.Time // within the window, oldest first
	searches []time.Time // within the last second
	day      time.Time
	today    int
}

// admit counts one call or says which limit forbids it.
func (l *limiter) admit(now time.Time, search bool) *failure {
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(l.day) {
		l.day, l.today = day, 0
	}
	l.recent = since(l.recent, now.Add(-window))
	l.searches = since(l.searches, now.Add(-time.Second))
	switch {
	case l.limits.Daily > 0 && l.today >= l.limits.Daily:
		return throttled(policyDaily)
	case l.limits.TenSecondly > 0 && len(l.recent) >= l.limits.TenSecondly:
		return throttled(policyTenSecondly)
	case search && l.limits.Search > 0 && len(l.searches) >= l.limits.Search:
		return throttled(policySecondly)
	}
	l.today++
	if l.limits.TenSecondly > 0 {
		l.recent = append(l.recent, now)
	}
	if search && l.limits.Search > 0 {
		l.searches = append(l.searches, now)
	}
	return nil
}

// since drops what is at or before cut from the front of times.
func since(times []time.Time, cut time.Time) []time.Time {
	n := 0
	for n < len(times) && !times[n].After(cut) {
		n++
	}
	return times[n:]
}

// headers states the limits as HubSpot does; an unlimited dimension is left out.
func (l *limiter) headers(h http.Header, now time.Time) {
	if l.limits.TenSecondly > 0 {
		left := l.limits.TenSecondly - len(since(l.recent, now.Add(-window)))
		h.Set("X-HubSpot-RateLimit-Max", strconv.Itoa(l.limits.TenSecondly))
		h.Set("X-HubSpot-RateLimit-Remaining", strconv.Itoa(max(left, 0)))
		h.Set("X-HubSpot-RateLimit-Interval-Milliseconds", strconv.FormatInt(window.Milliseconds(), 10))
	}
	if l.limits.Daily > 0 {
		h.Set("X-HubSpot-RateLimit-Daily", strconv.Itoa(l.limits.Daily))
		h.Set("X-HubSpot-RateLimit-Daily-Remaining", strconv.Itoa(max(l.limits.Daily-l.today, 0)))
	}
}
