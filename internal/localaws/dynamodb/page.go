package dynamodb

import (
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// maxPageBytes ends a Query or Scan: API reference, "Query". The item that
// exceeds it is the page's last, as recorded on AWS in the tests of dynalite 4
// (query.js, scan.js).
const maxPageBytes = 1 << 20

// reading is one checked Query or Scan.
type reading struct {
	*request
	parsed *parsed
	t      *table
	ix     *index // nil for the table itself
	keyRange
	fetch bool // a local index lacks attributes that were asked for
}

// page is what a reading returned.
type page struct {
	items   []item
	count   int
	scanned int
	bytes   int
	last    *record // where the next page starts, nil after the last one
	fetched float64 // units for what a local index had to get from the table
}

// readPage runs Query and Scan.
func (s *Service) readPage(call *wire.Call) (any, error) {
	r, err := s.requestOf(call, call.Operation)
	if err != nil {
		return nil, err
	}
	rd, err := s.prepareReading(r)
	if err != nil {
		return nil, err
	}
	pg, err := s.read(rd)
	if err != nil {
		return nil, err
	}
	if r.operation == "Query" {
		from := partition{rd.t, nil, rd.keyRange.start.part}
		if rd.ix != nil && rd.ix.global {
			from.ix = rd.ix
		}
		if err := s.reads.take(s, share{from, readUnits(pg.bytes, r.consistent) + pg.fetched}); err != nil {
			return nil, err
		}
	}
	used := consumption{t: rd.t}
	used.charge(rd.ix, readUnits(pg.bytes, r.consistent))
	if pg.fetched > 0 {
		used.charge(nil, pg.fetched)
	}
	s.count(&used)
	var a answer
	if r.selects != "COUNT" && r.projection == nil {
		a.grow(pg.bytes)
	}
	a.member("Count")
	a.b = strconv.AppendInt(a.b, int64(pg.count), 10)
	a.member("ScannedCount")
	a.b = strconv.AppendInt(a.b, int64(pg.scanned), 10)
	if r.selects != "COUNT" {
		a.member("Items")
		a.items(pg.items)
	}
	if pg.last != nil {
		a.item("LastEvaluatedKey", rd.startKey(pg.last))
	}
	a.report(r.capacity, &used)
	return wire.Raw(a.bytes()), nil
}

func (rd *reading) keys() keySchema {
	if rd.ix != nil {
		return rd.ix.keys
	}
	return rd.t.keys
}

// keyNames lists the attributes of a LastEvaluatedKey.
func (rd *reading) keyNames() []string {
	names := slices.Clone(rd.t.keys.names())
	if rd.ix != nil {
		names = append(names, rd.ix.keys.names()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (rd *reading) startKey(r *record) item { return r.item.only(rd.keyNames()) }

// prepareReading checks everything about a Query or Scan that does not depend
// on the items.
func (s *Service) prepareReading(r *request) (*reading, error) {
	if r.operation == "Scan" {
		if err := r.checkSegments(); err != nil {
			return nil, err
		}
	} else if r.keyCondition == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	e, err := s.parse(r)
	if err != nil {
		return nil, err
	}
	t, err := s.table(r.table)
	if err != nil {
		return nil, err
	}
	rd := &reading{request: r, parsed: e, t: t}
	if r.index != nil {
		if rd.ix = t.index(*r.index); rd.ix == nil {
			return nil, invalid("The table does not have the specified index: %s", *r.index)
		}
		if rd.ix.global && r.consistent {
			return nil, invalid("Consistent reads are not supported on global secondary indexes")
		}
	}
	if err := rd.checkSelect(); err != nil {
		return nil, err
	}
	if r.operation == "Scan" {
		rd.keyRange = segmentRange(r)
	} else if err := rd.bindQuery(); err != nil {
		return nil, err
	}
	return rd, rd.bindStart()
}

func (r *request) checkSegments() error {
	switch {
	case r.segment != nil && r.segments == nil:
		return invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case r.segment == nil && r.segments != nil:
		return invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case r.segment != nil && *r.segment >= *r.segments:
		return invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *r.segment, *r.segments)
	}
	return nil
}

// segmentRange is the part of the hashes that a scan, or a segment of it,
// reads.
func segmentRange(r *request) keyRange {
	k := keyRange{start: position{depth: 1}, end: position{hash: math.MaxUint64, depth: 1, after: true}}
	if r.segment == nil {
		return k
	}
	n, i := uint64(*r.segments), uint64(*r.segment) //nolint:gosec // both are checked to be positive
	if i > 0 {
		k.start.hash, _ = bits.Div64(i, 0, n)
	}
	if i+1 < n {
		k.end.hash, _ = bits.Div64(i+1, 0, n)
		k.end.after = false
	}
	return k
}

func (rd *reading) bindQuery() error {
	k, err := newKeyRange(rd.parsed.keyCondition, rd.keys())
	if err != nil {
		return err
	}
	rd.keyRange = *k
	if rd.parsed.filter == nil {
		return nil
	}
	keys := rd.keys()
	mentioned(rd.parsed.filter, func(name string) {
		if keys.has(name) && err == nil {
			err = invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
		}
	})
	return err
}

// checkSelect checks Select against the projection and the index.
func (rd *reading) checkSelect() error {
	if rd.projection != nil && rd.selects != "" && rd.selects != "SPECIFIC_ATTRIBUTES" {
		return invalid("Cannot specify the ProjectionExpression when choosing to get %s", rd.selects)
	}
	switch rd.selects {
	case "SPECIFIC_ATTRIBUTES":
		if rd.projection == nil {
			return badParameter("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
		}
	case "ALL_PROJECTED_ATTRIBUTES":
		if rd.ix == nil {
			return badParameter("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
		}
	case "ALL_ATTRIBUTES":
		if rd.ix != nil && !rd.ix.all {
			if rd.ix.global {
				return badParameter("Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", rd.ix.name)
			}
			rd.fetch = true
		}
	}
	if rd.ix == nil || rd.ix.all {
		return nil
	}
	for _, p := range rd.parsed.projection {
		if _, ok := slices.BinarySearch(rd.ix.projects, p[0].name); ok {
			continue
		}
		if rd.ix.global {
			return badParameter("Global secondary index %s does not project [%s]", rd.ix.name, p[0].name)
		}
		rd.fetch = true
	}
	return nil
}

// bindStart checks ExclusiveStartKey and narrows the range to what follows it.
func (rd *reading) bindStart() error {
	if rd.request.start == nil {
		return nil
	}
	names := rd.keyNames()
	if len(rd.request.start) != len(names) {
		return invalid("The provided starting key is invalid")
	}
	for _, name := range names {
		v, ok := rd.request.start.lookup(name)
		want := rd.t.keys.kindOf(name)
		if !rd.t.keys.has(name) {
			want = rd.ix.keys.kindOf(name)
		}
		if !ok || v.kind != want {
			return invalid("The provided starting key is invalid")
		}
	}
	base := rd.t.record(rd.request.start)
	from := base
	if rd.ix != nil {
		from = rd.ix.entry(base, tieOf(base))
	}
	if !rd.includes(from) {
		switch {
		case rd.operation == "Scan":
			return invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment.")
		case from.part != rd.keyRange.start.part:
			return invalid("The provided starting key is outside query boundaries based on provided conditions")
		default:
			return invalid("The provided starting key does not match the range key predicate")
		}
	}
	if rd.backward {
		rd.keyRange.end = from.at(false)
	} else {
		rd.keyRange.start = from.at(true)
	}
	return nil
}

// read collects one page.
func (s *Service) read(rd *reading) (*page, error) {
	t, err := s.view(rd.t, rd.consistent, rd.keyRange.start.part, "")
	if err != nil {
		return nil, err
	}
	if t != rd.t {
		late := *rd
		if late.t = t; rd.ix != nil {
			late.ix = t.index(rd.ix.name)
		}
		rd = &late
	}
	if err := s.rlock(rd.t); err != nil {
		return nil, err
	}
	defer rd.t.mu.RUnlock()
	entries := &rd.t.items
	if rd.ix != nil {
		entries = &rd.ix.entries
	}
	pg := &page{}
	yield := func(r *record) bool {
		if !rd.includes(r) {
			return false
		}
		pg.scanned++
		pg.bytes += r.size
		rd.collect(pg, r)
		if pg.bytes > maxPageBytes || rd.limit != nil && pg.scanned == *rd.limit {
			pg.last = r
			return false
		}
		return true
	}
	if rd.backward {
		entries.descend(rd.keyRange.end, yield)
	} else {
		entries.ascend(rd.keyRange.start, yield)
	}
	return pg, nil
}

// collect adds a record to the page if the filter lets it through.
func (rd *reading) collect(pg *page, r *record) {
	it := r.item
	if rd.fetch {
		if base := rd.t.items.get(rd.t.record(it)); base != nil {
			it = base.item
			pg.fetched += readUnits(base.size, rd.consistent)
		}
	}
	if rd.parsed.filter != nil && !rd.parsed.filter.holds(it) {
		return
	}
	pg.count++
	if rd.selects == "COUNT" {
		return
	}
	if rd.parsed.projection != nil {
		it = project(it, rd.parsed.projection)
	}
	pg.items = append(pg.items, it)
}
