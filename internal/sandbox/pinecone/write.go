package pinecone

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/money"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Limits of one request (vendor documentation as read in 2026-11).
const (
	maxVectors = 1000
	maxBytes   = 2 << 20
	maxIDs     = 1000
	maxTopK    = 10_000
	maxAnswer  = 4 << 20
)

// Prices in micro-dollars for a million units, the upper ends of what the
// contract found for the Standard plan.
const (
	writeUnitPrice = 4_500_000
	readUnitPrice  = 18_000_000
)

func bad(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}

// namespaceOf names the namespace; the empty name is the default one.
func namespaceOf(in protoreflect.Message) string {
	if n := text(in, "namespace"); n != "" {
		return n
	}
	return "__default__"
}

// rate admits a call of a kind, or refuses it.
func (s *Server) rate(kind, scope string, perSecond int) error {
	if s.opts.Unlimited {
		return nil
	}
	s.rateMu.Lock()
	defer s.rateMu.Unlock()
	now, key := time.Now(), kind+"/"+scope
	recent := s.recent[key]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Second {
		recent = recent[1:]
	}
	if len(recent) >= perSecond {
		s.recent[key] = recent
		return s.ThrottledError()
	}
	s.recent[key] = append(recent, now)
	return nil
}

// bill counts units against the month's plan and books their price. It is
// called with the write lock held.
func (s *Server) bill(op string, in protoreflect.Message, units int, write bool) error {
	if month := time.Now().UTC().Format("2006-01"); month != s.month {
		s.month, s.writeUnits, s.readUnits = month, 0, 0
	}
	used, plan, price, name := &s.readUnits, s.opts.ReadUnits, int64(readUnitPrice), "read"
	if write {
		used, plan, price, name = &s.writeUnits, s.opts.WriteUnits, writeUnitPrice, "write"
	}
	if plan > 0 && *used+units > plan {
		return status.Errorf(codes.ResourceExhausted, "Request failed. You've reached your %s unit limit for the current month (%d). Upgrade your plan to continue.", name, plan)
	}
	if s.opts.Charge != nil {
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(in.Interface())
		if err != nil {
			return errInternal
		}
		sum := sha256.Sum256(data)
		amount := money.Micro((int64(units)*price + 999_999) / 1_000_000)
		if err := s.opts.Charge(op, hex.EncodeToString(sum[:16]), amount); err != nil {
			return errInternal
		}
	}
	*used += units
	return nil
}

// writeUnits is one unit per KB, at least five a request.
func writeUnits(bytes int) int { return max(5, (bytes+1023)/1024) }

func (s *Server) upsert(in, out protoreflect.Message) error {
	name := namespaceOf(in)
	if err := s.rate("upsert", name, 100); err != nil {
		return err
	}
	if n := size(in); n > maxBytes {
		return status.Errorf(codes.OutOfRange, "Error, message length too large: found %d bytes, the limit is: %d bytes", n, maxBytes)
	}
	list := in.Get(field(in, "vectors")).List()
	if list.Len() == 0 || list.Len() > maxVectors {
		return bad("An upsert takes 1 to %d vectors, got %d", maxVectors, list.Len())
	}
	now := time.Now()
	records := make([]*record, list.Len())
	bytes := 0
	for i := range records {
		r, err := s.readVector(list.Get(i).Message(), now.Add(s.opts.Lag))
		if err != nil {
			return err
		}
		records[i] = r
		bytes += r.bytes()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.bill("upsert", in, writeUnits(bytes), true); err != nil {
		return err
	}
	if err := s.commit(name, records, now); err != nil {
		return err
	}
	set(out, "upserted_count", uint32(len(records))) //nolint:gosec // at most maxVectors
	return nil
}

// readVector checks one vector of an upsert.
func (s *Server) readVector(m protoreflect.Message, seen time.Time) (*record, error) {
	r := newRecord(text(m, "id"), floats(m, "values"), object(m, "metadata"), seen)
	if err := checkID(r.id); err != nil {
		return nil, err
	}
	if has(m, "sparse_values") {
		return nil, bad("Index configuration does not support sparse values")
	}
	if err := s.checkValues(r.values); err != nil {
		return nil, err
	}
	return r, checkMetadata(r.metadata)
}

func checkID(id string) error {
	if len(id) == 0 || len(id) > 512 {
		return bad("Vector ID must be 1 to 512 characters long")
	}
	for i := range len(id) {
		if id[i] >= 0x80 {
			return bad("Vector ID must be ASCII")
		}
	}
	return nil
}

func (s *Server) checkValues(values []float32) error {
	if len(values) != s.opts.Dimension {
		return bad("Vector dimension %d does not match the dimension of the index %d", len(values), s.opts.Dimension)
	}
	for _, v := range values {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return bad("Vector values must be finite numbers")
		}
	}
	if inverse(values) == 0 {
		return bad("Dense vectors must contain at least one non-zero value")
	}
	return nil
}

// update changes the values or the metadata of one vector, or the metadata of
// all that a filter selects.
func (s *Server) update(in, out protoreflect.Message) error {
	name := namespaceOf(in)
	if err := s.rate("update", name, 100); err != nil {
		return err
	}
	id, filter, more := text(in, "id"), object(in, "filter"), object(in, "set_metadata")
	values := floats(in, "values")
	switch {
	case (id == "") == (filter == nil):
		return bad("An update takes either an id or a filter")
	case filter != nil && (len(values) > 0 || more == nil):
		return bad("An update by filter sets metadata only")
	case has(in, "sparse_values"):
		return bad("Index configuration does not support sparse values")
	}
	if len(values) > 0 {
		if err := s.checkValues(values); err != nil {
			return err
		}
	}
	matches, err := compileFilter(filter)
	if err != nil {
		return err
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var changed []*record
	bytes := 0
	for _, r := range s.selected(name, id, filter != nil, matches, now) {
		next := newRecord(r.id, r.values, map[string]any{}, now.Add(s.opts.Lag))
		if len(values) > 0 {
			next.values, next.inverse = values, inverse(values)
		}
		for k, v := range r.metadata {
			next.metadata[k] = v
		}
		for k, v := range more {
			next.metadata[k] = v
		}
		if err := checkMetadata(next.metadata); err != nil {
			return err
		}
		bytes += next.bytes()
		changed = append(changed, next)
	}
	if filter != nil {
		set(out, "matched_records", int32(len(changed))) //nolint:gosec // counts
		if flag(in, "dry_run") {
			return nil
		}
	}
	if err := s.bill("update", in, writeUnits(bytes), true); err != nil {
		return err
	}
	if len(changed) == 0 { // an unknown id is no error
		return nil
	}
	return s.commit(name, changed, now)
}

// selected returns the visible records of an id or of a filter, by id.
func (s *Server) selected(name, id string, byFilter bool, matches predicate, now time.Time) []*record {
	ns := s.namespaces[name]
	if ns == nil {
		return nil
	}
	if !byFilter {
		if r := ns.records[id]; r != nil && !r.gone {
			return []*record{r}
		}
		return nil
	}
	var list []*record
	for _, r := range ns.records {
		if v := r.visible(now); v != nil && matches(v.metadata) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, byID)
	return list
}

func (s *Server) delete(in, _ protoreflect.Message) error {
	name := namespaceOf(in)
	if err := s.rate("delete", name, 100); err != nil {
		return err
	}
	ids, filter, all := texts(in, "ids"), object(in, "filter"), flag(in, "delete_all")
	forms := 0
	for _, given := range []bool{len(ids) > 0, filter != nil, all} {
		if given {
			forms++
		}
	}
	if forms != 1 {
		return bad("A delete takes exactly one of ids, filter and deleteAll")
	}
	if len(ids) > maxIDs {
		return bad("A delete takes at most %d ids", maxIDs)
	}
	matches, err := compileFilter(filter)
	if err != nil {
		return err
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	ns := s.namespaces[name]
	if ns == nil {
		return status.Error(codes.NotFound, "Namespace not found")
	}
	if len(ids) == 0 {
		for _, r := range s.selected(name, "", true, matches, now) {
			ids = append(ids, r.id)
		}
		if all { // also what is not visible yet
			ids = nil
			for id := range ns.records {
				ids = append(ids, id)
			}
			slices.Sort(ids)
		}
	}
	var gone []*record
	for _, id := range ids {
		if r := ns.records[id]; r != nil && !r.gone {
			gone = append(gone, &record{id: id, gone: true, seen: now.Add(s.opts.Lag)})
		}
	}
	if err := s.bill("delete", in, writeUnits(0), true); err != nil {
		return err
	}
	ns.sweep(now)
	if len(gone) == 0 {
		return nil
	}
	return s.commit(name, gone, now)
}
