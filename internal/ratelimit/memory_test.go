package ratelimit_test

import (
	"context"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/ratelimit"
)

// memory is a store shared by the processes of a test.
type memory struct {
	mu     sync.Mutex
	next   map[string]time.Time
	booked map[string]map[string]time.Time // by key and share
	writes int
	err    error // if set, every call fails with it
}

func newMemory() *memory {
	return &memory{next: map[string]time.Time{}, booked: map[string]map[string]time.Time{}}
}

func (m *memory) AdvanceShare(_ context.Context, key, share string, lead, floor, horizon time.Time, inc time.Duration) (time.Time, int, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return time.Time{}, 0, false, m.err
	}
	m.writes++
	if m.booked[key] == nil {
		m.booked[key] = map[string]time.Time{}
	}
	booked := m.booked[key]
	stored, start, ok := ratelimit.AdvanceShare(m.next[key], booked[share], lead, floor, horizon, inc)
	m.next[key] = stored
	if ok {
		booked[share] = stored
	}
	shares := 0
	for _, until := range booked {
		if until.After(floor) {
			shares++
		}
	}
	return start, shares, ok, nil
}

func (m *memory) Advance(_ context.Context, key string, floor, horizon time.Time, inc time.Duration) (time.Time, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return time.Time{}, false, m.err
	}
	m.writes++
	stored, start, ok := ratelimit.Advance(m.next[key], floor, horizon, inc)
	m.next[key] = stored
	return start, ok, nil
}

func (m *memory) Push(_ context.Context, key string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil && until.After(m.next[key]) {
		m.next[key] = until
	}
	return m.err
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

// journal is when calls were let through.
type journal struct {
	mu    sync.Mutex
	calls []time.Time
}

func (j *journal) add(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, at)
}

// most returns the most calls in any window of that length, start included and
// end excluded.
func (j *journal) most(window time.Duration) int {
	most, from := 0, 0
	for i, at := range j.calls { // in the order of time
		for !j.calls[from].After(at.Add(-window)) {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}
