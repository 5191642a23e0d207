package pinecone

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func byID(a, b *record) int { return strings.Compare(a.id, b.id) }

// hit is a record with its similarity.
type hit struct {
	*record
	score float32
}

// better orders hits by falling similarity, ties by id.
func better(a, b hit) int {
	return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.id, b.id))
}

// hits is a heap with the worst hit on top.
type hits []hit

func (h hits) Len() int           { return len(h) }
func (h hits) Less(i, j int) bool { return better(h[i], h[j]) > 0 }
func (h hits) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *hits) Push(x any)        { *h = append(*h, x.(hit)) }
func (h *hits) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func (s *Server) query(in, out protoreflect.Message) error {
	name, now := namespaceOf(in), time.Now()
	if err := s.rate("query", name, 100); err != nil {
		return err
	}
	vector, id, k := floats(in, "vector"), text(in, "id"), number(in, "top_k")
	switch {
	case (len(vector) > 0) == (id != ""):
		return bad("A query takes either a vector or an id")
	case k < 1 || k > maxTopK:
		return bad("top_k must be 1 to %d", maxTopK)
	case has(in, "sparse_vector") || in.Get(field(in, "queries")).List().Len() > 0:
		return bad("Index configuration does not support sparse values")
	}
	if len(vector) > 0 {
		if err := s.checkValues(vector); err != nil {
			return err
		}
	}
	matches, err := compileFilter(object(in, "filter"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	ns := s.namespaces[name]
	units := 1
	if ns != nil {
		units = max(1, (ns.bytes+1<<30-1)>>30) // one a GB of the namespace
	}
	err = s.bill("query", in, units, false)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, h := range s.nearest(name, vector, id, k, matches, now) {
		match := out.Mutable(field(out, "matches")).List().AppendMutable().Message()
		set(match, "id", h.id)
		set(match, "score", h.score)
		if err := show(match, h.record, flag(in, "include_values"), flag(in, "include_metadata")); err != nil {
			return err
		}
	}
	set(out, "namespace", text(in, "namespace"))
	usage(out, units)
	if n := size(out); n > maxAnswer {
		return bad("The result has %d bytes; at most %d are returned. Ask for fewer or without values", n, maxAnswer)
	}
	return nil
}

// nearest compares the vector, or the one of id, with everything visible.
func (s *Server) nearest(name string, vector []float32, id string, k int, matches predicate, now time.Time) []hit {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ns := s.namespaces[name]
	if ns == nil {
		return nil
	}
	if id != "" {
		r := ns.records[id].visible(now)
		if r == nil {
			return nil
		}
		vector = r.values
	}
	length := inverse(vector)
	var best hits
	for _, r := range ns.records {
		v := r.visible(now)
		if v == nil || !matches(v.metadata) {
			continue
		}
		h := hit{record: v, score: dot(vector, v.values) * length * v.inverse}
		switch {
		case len(best) < k:
			heap.Push(&best, h)
		case better(h, best[0]) < 0:
			best[0] = h
			heap.Fix(&best, 0)
		}
	}
	slices.SortFunc(best, better)
	return best
}

// show fills the parts of a record that were asked for.
func show(m protoreflect.Message, r *record, values, metadata bool) error {
	if values {
		setFloats(m, "values", r.values)
	}
	if metadata && len(r.metadata) > 0 {
		if err := setObject(m, "metadata", r.metadata); err != nil {
			return errInternal
		}
	}
	return nil
}

// fetch reads vectors by id; unknown ids are absent.
func (s *Server) fetch(in, out protoreflect.Message) error {
	name, now, ids := namespaceOf(in), time.Now(), texts(in, "ids")
	if err := s.rate("fetch", "", 100); err != nil {
		return err
	}
	if len(ids) == 0 || len(ids) > maxIDs {
		return bad("A fetch takes 1 to %d ids", maxIDs)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*record
	if ns := s.namespaces[name]; ns != nil {
		for _, id := range ids {
			if r := ns.records[id].visible(now); r != nil {
				found = append(found, r)
			}
		}
	}
	units := max(1, (len(found)+9)/10)
	if err := s.bill("fetch", in, units, false); err != nil {
		return err
	}
	vectors := out.Mutable(field(out, "vectors")).Map()
	for _, r := range found {
		v := vectors.NewValue()
		set(v.Message(), "id", r.id)
		if err := show(v.Message(), r, true, true); err != nil {
			return err
		}
		vectors.Set(protoreflect.ValueOfString(r.id).MapKey(), v)
	}
	set(out, "namespace", text(in, "namespace"))
	usage(out, units)
	return nil
}

// list pages through ids in order; the token is the last id of a page.
func (s *Server) list(in, out protoreflect.Message) error {
	name, now := namespaceOf(in), time.Now()
	if err := s.rate("list", "", 200); err != nil {
		return err
	}
	limit := 100
	if has(in, "limit") {
		limit = number(in, "limit")
	}
	if limit < 1 || limit > 100 {
		return bad("limit must be 1 to 100")
	}
	prefix, after := text(in, "prefix"), text(in, "pagination_token")
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.bill("list", in, 1, false); err != nil {
		return err
	}
	var ids []string
	if ns := s.namespaces[name]; ns != nil {
		for id, r := range ns.records {
			if id > after && strings.HasPrefix(id, prefix) && r.visible(now) != nil {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	if len(ids) > limit {
		ids = ids[:limit]
		set(out.Mutable(field(out, "pagination")).Message(), "next", ids[limit-1])
	}
	for _, id := range ids {
		set(out.Mutable(field(out, "vectors")).List().AppendMutable().Message(), "id", id)
	}
	set(out, "namespace", text(in, "namespace"))
	usage(out, 1)
	return nil
}

func (s *Server) stats(in, out protoreflect.Message) error {
	if err := s.rate("stats", "", 100); err != nil {
		return err
	}
	if object(in, "filter") != nil {
		return bad("Serverless indexes do not support describing index stats with a filter")
	}
	counts := s.Counts()
	total := 0
	summaries := out.Mutable(field(out, "namespaces")).Map()
	for name, n := range counts {
		v := summaries.NewValue()
		set(v.Message(), "vector_count", uint32(n)) //nolint:gosec // counts
		summaries.Set(protoreflect.ValueOfString(name).MapKey(), v)
		total += n
	}
	set(out, "dimension", uint32(s.opts.Dimension)) //nolint:gosec // at most 20,000
	set(out, "total_vector_count", uint32(total))   //nolint:gosec // counts
	set(out, "metric", "cosine")
	set(out, "vector_type", "dense")
	return nil
}

// Counts returns the number of visible vectors by namespace.
func (s *Server) Counts() map[string]int {
	now := time.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts := map[string]int{}
	for name, ns := range s.namespaces {
		n := 0
		for _, r := range ns.records {
			if r.visible(now) != nil {
				n++
			}
		}
		if n > 0 {
			counts[name] = n
		}
	}
	return counts
}
