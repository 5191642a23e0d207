package dynamodb

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// keySchema names the attributes that records are ordered by.
type keySchema struct {
	part, sort         string // sort is empty if there is none
	partKind, sortKind kind
	all                []string // part and, if there is one, sort
}

// names lists the key attributes, partition key first. It is shared: clone it
// to change it.
func (k keySchema) names() []string { return k.all }

func (k keySchema) has(name string) bool { return name == k.part || name == k.sort && name != "" }

func (k keySchema) kindOf(name string) kind {
	if name == k.part {
		return k.partKind
	}
	return k.sortKind
}

// table is one table with its indexes.
type table struct {
	def     definition
	keys    keySchema
	indexes []*index
	lag     time.Duration // Options.TTLLag
	delay   time.Duration // Options.IndexDelay
	replica *table        // what a stale read sees; nil unless Options.StaleReads
	behind  time.Duration // of a replica

	mu      sync.RWMutex
	deleted bool
	items   tree
	expiry  tree                 // by TTL second in hash; part and sort as in items
	pending []pendingEntry       // index changes that are not visible yet, by due
	held    map[itemKey]struct{} // items that a transaction is working on

	arrivals []arrival // of a replica: writes that it does not show yet, by due

	// wake is the first moment, in Unix nanoseconds, at which an item may
	// expire or a pending change or an arrival is due.
	wake atomic.Int64
}

// index is a secondary index.
type index struct {
	name     string
	keys     keySchema
	global   bool
	all      bool     // projection ALL
	projects []string // sorted names of all projected attributes, unless all
	entries  tree
}

type pendingEntry struct {
	due    time.Time
	change indexChange
}

func newTable(def definition, opts Options) *table {
	t := &table{def: def, keys: def.keysOf(def.KeySchema), lag: opts.TTLLag, delay: opts.IndexDelay}
	t.wake.Store(math.MaxInt64)
	for i, d := range slices.Concat(def.LocalSecondaryIndexes, def.GlobalSecondaryIndexes) {
		ix := &index{
			name: d.IndexName, keys: def.keysOf(d.KeySchema), global: i >= len(def.LocalSecondaryIndexes),
			all: d.Projection.ProjectionType == "ALL",
		}
		if !ix.all {
			ix.projects = slices.Concat(t.keys.names(), ix.keys.names(), d.Projection.NonKeyAttributes)
			slices.Sort(ix.projects)
			ix.projects = slices.Compact(ix.projects)
		}
		t.indexes = append(t.indexes, ix)
	}
	if opts.StaleReads > 0 {
		t.replica = newReplica(def, opts)
	}
	return t
}

// index finds an index by name.
func (t *table) index(name string) *index {
	for _, ix := range t.indexes {
		if ix.name == name {
			return ix
		}
	}
	return nil
}

// record builds the record of an item whose keys are valid.
func (t *table) record(it item) *record {
	r := &record{item: it, size: it.size()}
	r.setKeys(t.keys, it)
	return r
}

func (r *record) setKeys(k keySchema, it item) {
	v, _ := it.lookup(k.part)
	r.part = v.sortable()
	r.hash = hashOf(r.part)
	if k.sort != "" {
		v, _ := it.lookup(k.sort)
		r.sort = v.sortable()
	}
}

// keyRecord checks a request's key and returns a record with only that in it.
func (t *table) keyRecord(key item) (*record, error) {
	if len(key) != len(t.keys.names()) {
		return nil, invalid("The provided key element does not match the schema")
	}
	for _, a := range key {
		if !t.keys.has(a.name) || a.value.kind != t.keys.kindOf(a.name) {
			return nil, invalid("The provided key element does not match the schema")
		}
		if err := t.checkKeyValue(a); err != nil {
			return nil, err
		}
	}
	r := &record{item: key}
	r.setKeys(t.keys, key)
	return r, nil
}

// checkKeyValue checks the length of a primary key's value.
func (t *table) checkKeyValue(a attr) error {
	switch n := len(a.value.str); {
	case n == 0 && a.value.kind != kindN:
		what := "string"
		if a.value.kind == kindB {
			what = "binary"
		}
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", what, a.name)
	case a.value.kind == kindN:
		return nil
	case a.name == t.keys.part && n > maxPartKeySize:
		return badParameter("Size of hashkey has exceeded the maximum size limit of %d bytes", maxPartKeySize)
	case a.name == t.keys.sort && n > maxSortKeySize:
		return badParameter("Aggregated size of all range keys has exceeded the size limit of %d bytes", maxSortKeySize)
	}
	return nil
}

// checkItem checks the keys of an item that a request wants to store whole.
func (t *table) checkItem(it item) error {
	for _, name := range t.keys.names() {
		v, ok := it.lookup(name)
		if !ok {
			return badParameter("Missing the key %s in the item", name)
		}
		if want := t.keys.kindOf(name); v.kind != want {
			return badParameter("Type mismatch for key %s expected: %s actual: %s", name, want, v.kind)
		}
		if err := t.checkKeyValue(attr{name, v}); err != nil {
			return err
		}
	}
	return t.checkIndexKeys(it)
}

// checkIndexKeys checks the types and lengths of an item's index keys.
func (t *table) checkIndexKeys(it item) error {
	for _, ix := range t.indexes {
		for _, name := range ix.keys.names() {
			v, ok := it.lookup(name)
			if !ok || t.keys.has(name) {
				continue
			}
			if want := ix.keys.kindOf(name); v.kind != want {
				return badParameter("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", name, want, v.kind, ix.name)
			}
			limit := maxSortKeySize
			if name == ix.keys.part {
				limit = maxPartKeySize
			}
			switch {
			case v.kind != kindN && v.str == "":
				return invalid("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: %s, IndexKey: %s", ix.name, name)
			case v.kind != kindN && len(v.str) > limit:
				return badParameter("Size of index key %s has exceeded the maximum size limit of %d bytes. IndexName: %s", name, limit, ix.name)
			}
		}
	}
	return nil
}

// keyOf reduces an item to the table's key.
func (t *table) keyOf(it item) item {
	return it.only(slices.Sorted(slices.Values(t.keys.names())))
}

// tieOf identifies a base record within an index.
func tieOf(base *record) string {
	if base == nil {
		return ""
	}
	return strconv.Itoa(len(base.part)) + ":" + base.part + base.sort
}

// entry builds an index's entry for a base record, nil if the item is not in
// the index. tie is tieOf(base).
func (ix *index) entry(base *record, tie string) *record {
	if base == nil {
		return nil
	}
	for _, name := range ix.keys.names() {
		if _, ok := base.item.lookup(name); !ok {
			return nil
		}
	}
	e := &record{item: base.item, size: base.size, tie: tie}
	if !ix.all {
		e.item = base.item.only(ix.projects)
		e.size = e.item.size()
	}
	e.setKeys(ix.keys, base.item)
	return e
}

// indexChange is what a write does to one index. Both records are nil if it
// does nothing.
type indexChange struct {
	ix            *index
	before, after *record
	units         float64
}

// change is a write that has been decided upon but not yet made. before is nil
// for a new item, after for a deletion.
type change struct {
	t             *table
	before, after *record
	indexes       []indexChange
	units         float64 // write units of the table itself
}

// plan works out what replacing before by after does to the indexes and costs.
func (t *table) plan(before, after *record) change {
	c := change{t: t, before: before, after: after, units: writeUnits(before, after)}
	if len(t.indexes) == 0 {
		return c
	}
	tie := tieOf(cmp.Or(after, before)) // both have the same keys
	for _, ix := range t.indexes {
		ic := indexChange{ix: ix, before: ix.entry(before, tie), after: ix.entry(after, tie)}
		switch {
		case ic.before == nil && ic.after == nil:
			continue
		case ic.before == nil || ic.after == nil:
			ic.units = writeUnits(ic.before, ic.after)
		case !ic.before.sameKey(ic.after):
			ic.units = writeUnits(ic.before, nil) + writeUnits(nil, ic.after)
		case ic.before.item.equal(ic.after.item):
			if !ix.all {
				continue
			}
			ic.units = 0 // nothing to bill, but let go of the old version
		default:
			ic.units = writeUnits(ic.before, ic.after)
		}
		c.indexes = append(c.indexes, ic)
	}
	return c
}

// apply makes the change. The table is locked.
func (c change) apply(now time.Time) {
	t := c.t
	if c.before != nil {
		t.forgetExpiry(c.before)
	}
	if c.after != nil {
		t.items.set(c.after)
		t.noteExpiry(c.after, now)
	} else if c.before != nil {
		t.items.remove(c.before)
	}
	for _, ic := range c.indexes {
		if t.delay > 0 && ic.ix.global {
			due := now.Add(t.delay)
			t.pending = append(t.pending, pendingEntry{due, ic})
			t.wakeBy(due)
			continue
		}
		ic.apply()
	}
	if t.replica != nil {
		t.replica.send(c, now)
	}
}

func (ic indexChange) apply() {
	if ic.before != nil && (ic.after == nil || !ic.before.sameKey(ic.after)) {
		ic.ix.entries.remove(ic.before)
	}
	if ic.after != nil {
		ic.ix.entries.set(ic.after)
	}
}
