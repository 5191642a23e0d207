package upstream

import (
	"sync"
	"time"
)

// Window is one limit: Rate requests in Per, in fixed windows that open with
// the first request. Rate zero means that requests are counted but not limited.
type Window struct {
	Rate int
	Per  time.Duration
}

// Usage is the state of one [Window] after the request at hand.
type Usage struct {
	Window
	Used    int           // requests in the present window, this one included if it was let through
	ResetIn time.Duration // until the window ends
}

// Left is how many requests the window still takes; zero for an unlimited one.
func (u Usage) Left() int { return max(0, u.Rate-u.Used) }

// quotas counts requests by group. Each group has its own windows.
type quotas struct {
	mu     sync.Mutex
	limits map[string][]Window
	groups map[string][]count
}

type count struct {
	opened time.Time
	used   int
}

// take counts a request against every window of its group, or against none if
// one of them is full; wait is then the time until it can pass.
func (q *quotas) take(group string, now time.Time) (usage []Usage, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	windows, counts := q.roll(group, now)
	for i, w := range windows {
		if w.Rate > 0 && counts[i].used >= w.Rate {
			wait = max(wait, w.Per-now.Sub(counts[i].opened))
		}
	}
	if wait == 0 {
		for i := range counts {
			counts[i].used++
		}
	}
	return report(windows, counts, now), wait
}

// peek reports a group without counting anything.
func (q *quotas) peek(group string, now time.Time) []Usage {
	q.mu.Lock()
	defer q.mu.Unlock()
	windows, counts := q.roll(group, now)
	return report(windows, counts, now)
}

func (q *quotas) roll(group string, now time.Time) ([]Window, []count) {
	windows := q.limits[group]
	counts := q.groups[group]
	if counts == nil && len(windows) > 0 {
		counts = make([]count, len(windows))
		q.groups[group] = counts
	}
	for i, w := range windows {
		if counts[i].used == 0 || now.Sub(counts[i].opened) >= w.Per {
			counts[i] = count{opened: now}
		}
	}
	return windows, counts
}

func report(windows []Window, counts []count, now time.Time) []Usage {
	usage := make([]Usage, len(windows))
	for i, w := range windows {
		usage[i] = Usage{Window: w, Used: counts[i].used, ResetIn: w.Per - now.Sub(counts[i].opened)}
	}
	return usage
}
