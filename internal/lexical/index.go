package lexical

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
)

// Index is an exact vector index in memory: every query looks at every vector,
// which is fast enough up to some 200,000 of them. The zero value is empty and
// ready; it is safe for concurrent use. Metadata is not kept.
type Index struct {
	mu         sync.RWMutex
	namespaces map[string]*namespace
}

// namespace keeps vectors in a slice, so that a query runs over memory in
// order, and finds them by id for replacement.
type namespace struct {
	ids     []string
	vectors [][]float32
	at      map[string]int
}

// Upsert adds vectors or replaces those of the same id. Within a namespace all
// must have one length.
func (x *Index) Upsert(_ context.Context, name string, vectors []provider.Vector) (provider.Usage, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.namespaces == nil {
		x.namespaces = make(map[string]*namespace)
	}
	ns := x.namespaces[name]
	if ns == nil {
		ns = &namespace{at: make(map[string]int)}
		x.namespaces[name] = ns
	}
	for _, v := range vectors {
		switch {
		case v.ID == "" || len(v.Values) == 0:
			return provider.Usage{}, fault.New(fault.InvalidInput, "lexical.upsert", "a vector needs an id and values")
		case len(ns.vectors) > 0 && len(ns.vectors[0]) != len(v.Values):
			return provider.Usage{}, fault.New(fault.InvalidInput, "lexical.upsert", "vectors of different lengths cannot share a namespace; use one per embedding model")
		}
		values := slices.Clone(v.Values)
		if at, ok := ns.at[v.ID]; ok {
			ns.vectors[at] = values
			continue
		}
		ns.at[v.ID] = len(ns.ids)
		ns.ids, ns.vectors = append(ns.ids, v.ID), append(ns.vectors, values)
	}
	return provider.Usage{Op: "upsert"}, nil
}

// Nearest returns up to k ids by falling similarity; equally near ones by id.
func (x *Index) Nearest(ctx context.Context, name string, vector []float32, k int) ([]provider.Neighbour, provider.Usage, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	usage := provider.Usage{Op: "query"}
	ns := x.namespaces[name]
	if ns == nil || k <= 0 || len(ns.ids) == 0 {
		return nil, usage, ctx.Err()
	}
	if len(vector) != len(ns.vectors[0]) {
		return nil, usage, fault.New(fault.InvalidInput, "lexical.nearest", "the query has another length than the vectors of the namespace; embed it with the same model")
	}
	best := make([]provider.Neighbour, 0, min(k, len(ns.ids))+1)
	for i, v := range ns.vectors {
		hit := provider.Neighbour{ID: ns.ids[i], Score: Dot(vector, v)}
		if len(best) == k && byRank(best[k-1], hit) < 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, hit, byRank)
		best = slices.Insert(best, at, hit)
		if len(best) > k {
			best = best[:k]
		}
	}
	return best, usage, ctx.Err()
}

func byRank(a, b provider.Neighbour) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
}

// Delete removes vectors; an id that is not there is no error.
func (x *Index) Delete(_ context.Context, name string, ids []string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	ns := x.namespaces[name]
	if ns == nil {
		return nil
	}
	for _, id := range ids {
		at, ok := ns.at[id]
		if !ok {
			continue
		}
		last := len(ns.ids) - 1
		ns.ids[at], ns.vectors[at] = ns.ids[last], ns.vectors[last]
		ns.at[ns.ids[at]] = at
		ns.ids, ns.vectors = ns.ids[:last], ns.vectors[:last]
		delete(ns.at, id)
	}
	return nil
}

// Dot returns the scalar product of two vectors of one length: the cosine, if
// both have unit length.
func Dot(a, b []float32) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32 // four sums run in parallel on one core
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return float64(s0) + float64(s1) + float64(s2) + float64(s3)
}
