package enrich

import (
	"sync"
	"time"

	"github.com/messageai/sluice/internal/waterfall"
)

// Memory keeps answers about companies in the process, in front of the cache:
// many of a worker's rows are at the same companies. It holds at most twice as
// many answers as it is made for, each for a minute, so that what is forgotten
// in the cache is soon forgotten here. Safe for concurrent use.
type Memory struct {
	size int
	now  func() time.Time

	mu    sync.Mutex
	young map[string]memory
	old   map[string]memory
}

type memory struct {
	answer answer
	until  time.Time
}

// memoryLife is how long an answer is kept in the process.
const memoryLife = time.Minute

// NewMemory makes a memory for about size answers.
func NewMemory(size int, now func() time.Time) *Memory {
	return &Memory{size: size, now: now, young: map[string]memory{}}
}

func (m *Memory) get(key string) (answer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held, ok := m.young[key]
	if !ok {
		held, ok = m.old[key]
	}
	return held.answer, ok && m.now().Before(held.until)
}

func (m *Memory) put(key string, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= m.size {
		m.young, m.old = map[string]memory{}, m.young
	}
	m.young[key] = memory{a, m.now().Add(memoryLife)}
}

// remembered returns an answer that this process has seen. Only a chunk's first
// attempt may use it: a later one must see what the earlier one was charged,
// which only the cache knows.
func (c *chunk) remembered(key, op string) (answer, bool) {
	if c.Memory == nil || c.begun || !waterfall.AboutCompany(op) {
		return answer{}, false
	}
	return c.Memory.get(c.ref.Team + "/" + key)
}

// remember keeps an answer from the cache. One that may be used only for
// minutes is not worth it.
func (c *chunk) remember(key, op string, a answer) {
	if c.Memory != nil && waterfall.AboutCompany(op) && a.Failed == "" {
		c.Memory.put(c.ref.Team+"/"+key, a)
	}
}
