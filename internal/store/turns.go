package store

import (
	"encoding/json"
	"slices"

	"github.com/messageai/sluice/internal/domain"
)

// Turn is one turn of a chunk at a provider of the waterfall that has ended, as
// its step answered.
type Turn struct {
	Step     string            `json:"-"` // see [EnrichStep]
	Number   int               `json:"-"` // from 0; those that failed are left out
	Provider string            `json:"-"`
	Doc      string            `json:"doc"`
	Skipped  []Skipped         `json:"skipped"` // providers that were given up so far
	Cache    domain.CacheTally `json:"cache"`
}

// Skipped is a provider that was given up for a chunk, and the kind of fault.
type Skipped struct {
	Provider string `json:"provider"`
	Error    string `json:"error"`
}

// turned reads the turns of a chunk from what its steps answered.
func (c *Chunk) turned(it item) {
	for step, answer := range answersOf(it) {
		n, provider, ok := turnOf(step)
		t := Turn{Step: step, Number: n, Provider: provider}
		if !ok || json.Unmarshal(answer, &t) != nil {
			continue
		}
		c.Turns = append(c.Turns, t)
	}
	slices.SortFunc(c.Turns, func(a, b Turn) int { return a.Number - b.Number })
}

func addTurns(t *domain.Totals, turns []Turn) {
	for _, turn := range turns {
		if t.Cache == nil {
			t.Cache = map[string]domain.CacheTally{}
		}
		t.Cache[turn.Provider] = t.Cache[turn.Provider].Plus(turn.Cache)
	}
}
