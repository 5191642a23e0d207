package pinecone

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// record is one version of a vector. Records are replaced, never changed.
type record struct {
	id       string
	values   []float32
	inverse  float32 // 1 / length
	metadata map[string]any
	gone     bool // a deletion
	seen     time.Time
	older    *record // the version before, for as long as this one is invisible
}

// namespace is the vectors of one tenant.
type namespace struct {
	records map[string]*record
	bytes   int // of the newest versions
}

// visible returns the version that reads see at a time; nil if none.
func (r *record) visible(now time.Time) *record {
	for v := r; v != nil; v = v.older {
		if !v.seen.After(now) {
			if v.gone {
				return nil
			}
			return v
		}
	}
	return nil
}

// bytes is the billed size: id, four bytes a number, and metadata with eight
// bytes a number (Pinecone: understanding cost).
func (r *record) bytes() int {
	if r == nil || r.gone {
		return 0
	}
	n := len(r.id) + 4*len(r.values)
	for k, v := range r.metadata {
		n += len(k)
		switch v := v.(type) {
		case string:
			n += len(v)
		case bool:
			n++
		case []any:
			for _, s := range v {
				n += len(s.(string))
			}
		default:
			n += 8
		}
	}
	return n
}

// put makes next the newest version. What nobody can see any more is forgotten.
func (ns *namespace) put(next *record, now time.Time) {
	current := ns.records[next.id]
	ns.bytes += next.bytes() - current.bytes()
	for v := current; v != nil; v = v.older {
		if !v.seen.After(now) {
			v.older = nil
		}
	}
	if next.seen.After(now) {
		next.older = current
	} else if next.gone {
		delete(ns.records, next.id)
		return
	}
	ns.records[next.id] = next
}

// sweep drops deletions that have become visible.
func (ns *namespace) sweep(now time.Time) {
	for id, r := range ns.records {
		if r.gone && !r.seen.After(now) {
			delete(ns.records, id)
		}
	}
}

// entry is one journal record: what one call changed. Vectors are kept as
// base64 of little-endian floats.
type entry struct {
	Namespace string   `json:"ns"`
	Put       []saved  `json:"put,omitempty"`
	Deleted   []string `json:"del,omitempty"`
}

type saved struct {
	ID       string         `json:"id"`
	Values   string         `json:"v"`
	Metadata map[string]any `json:"m,omitempty"`
}

// commit journals and applies new versions of vectors in one namespace.
func (s *Server) commit(name string, records []*record, now time.Time) error {
	if s.opts.Journal != nil {
		if err := s.opts.Journal.Append(service, entryOf(name, records)); err != nil {
			return errInternal
		}
	}
	s.apply(name, records, now)
	return nil
}

func entryOf(name string, records []*record) entry {
	e := entry{Namespace: name}
	for _, r := range records {
		if r.gone {
			e.Deleted = append(e.Deleted, r.id)
		} else {
			e.Put = append(e.Put, saved{ID: r.id, Values: pack(r.values), Metadata: r.metadata})
		}
	}
	return e
}

func (s *Server) apply(name string, records []*record, now time.Time) {
	ns := s.namespaces[name]
	if ns == nil {
		ns = &namespace{records: map[string]*record{}}
		s.namespaces[name] = ns
	}
	for _, r := range records {
		ns.put(r, now)
	}
}

func (s *Server) restore() error {
	if s.opts.Journal == nil {
		return nil
	}
	for i, raw := range s.opts.Journal.Past(service) {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("restore pinecone: record %d: %w", i, err)
		}
		var records []*record
		for _, p := range e.Put {
			values, err := unpack(p.Values)
			if err != nil {
				return fmt.Errorf("restore pinecone: record %d: %w", i, err)
			}
			records = append(records, newRecord(p.ID, values, p.Metadata, time.Time{}))
		}
		for _, id := range e.Deleted {
			records = append(records, &record{id: id, gone: true})
		}
		s.apply(e.Namespace, records, time.Now())
	}
	return nil
}

func newRecord(id string, values []float32, metadata map[string]any, seen time.Time) *record {
	return &record{id: id, values: values, inverse: inverse(values), metadata: metadata, seen: seen}
}

// inverse returns 1 / length, 0 for a vector without direction.
func inverse(v []float32) float32 {
	d := float64(dot(v, v))
	if !(d > 0) || math.IsInf(d, 1) {
		return 0
	}
	return float32(1 / math.Sqrt(d))
}

func dot(x, y []float32) float32 {
	y = y[:len(x)]
	var a, b, c, d float32 // four sums, so that one addition does not wait for the last
	n := len(x) &^ 3
	for i := 0; i < n; i += 4 {
		a += x[i] * y[i]
		b += x[i+1] * y[i+1]
		c += x[i+2] * y[i+2]
		d += x[i+3] * y[i+3]
	}
	for i := n; i < len(x); i++ {
		a += x[i] * y[i]
	}
	return a + b + c + d
}

func pack(v []float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func unpack(s string) ([]float32, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(raw)%4 != 0 {
		return nil, fmt.Errorf("damaged vector: %w", err)
	}
	v := make([]float32, 0, len(raw)/4)
	for four := range slices.Chunk(raw, 4) {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(four)))
	}
	return v, nil
}
