package market

import (
	"slices"
	"sync"
)

// maxResults is how many searches a [Results] remembers.
const maxResults = 256

// Results remembers the ordered hits of searches, so that the second page of a
// search needs no scan of the market. The zero value is ready and safe for
// concurrent use.
type Results struct {
	mu    sync.Mutex
	byKey map[string]*result
	order []string // oldest first
}

type result struct {
	once sync.Once
	hits []Hit
}

// Hit is one profile of a result.
type Hit struct {
	Entity int    // person or company
	N      int    // which profile of it
	Score  int    // higher comes first
	Order  uint64 // breaks ties
}

// Of returns the hits of the search with that key, best first; find runs if
// they are not remembered, in any order.
func (r *Results) Of(key string, find func() []Hit) []Hit {
	r.mu.Lock()
	if r.byKey == nil {
		r.byKey = map[string]*result{}
	}
	found := r.byKey[key]
	if found == nil {
		if len(r.order) >= maxResults {
			delete(r.byKey, r.order[0])
			r.order = slices.Delete(r.order, 0, 1)
		}
		found = &result{}
		r.byKey[key] = found
		r.order = append(r.order, key)
	}
	r.mu.Unlock()
	found.once.Do(func() {
		found.hits = find()
		slices.SortFunc(found.hits, func(a, b Hit) int {
			switch {
			case a.Score != b.Score:
				return b.Score - a.Score
			case a.Order < b.Order:
				return -1
			case a.Order > b.Order:
				return 1
			}
			return a.Entity - b.Entity
		})
	})
	return found.hits
}
