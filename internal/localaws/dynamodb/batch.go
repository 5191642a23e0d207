package dynamodb

import (
	"maps"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// Limits: API reference, "BatchGetItem" and "BatchWriteItem", read November 2026.
const (
	maxBatchWrites    = 25
	maxBatchGets      = 100
	maxBatchGetBytes  = 16_000_000 // 52 items of 300 KB are returned, says the reference
	maxBatchBodyBytes = 16 << 20
)

// batchWrite is one element of BatchWriteItem with the text it came as, which
// is returned if it is not processed.
type batchWrite struct {
	*write
	raw string
}

func (s *Service) batchWriteItem(call *wire.Call) (any, error) {
	p := newParser(call.Body)
	frame := newFrame()
	requests := map[string][]*request{}
	raws := map[*request]string{}
	total := 0
	p.object(func(name string) {
		if name != "RequestItems" {
			p.member(frame, name)
			return
		}
		p.object(func(table string) {
			table = tableName(table)
			requests[table] = nil
			p.array(func() {
				r, raw := p.batchElement(table)
				requests[table] = append(requests[table], r)
				raws[r] = raw
				total++
			})
		})
	})
	if err := p.end(); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(requests))
	for _, name := range names {
		if err := s.authorize(call, "BatchWriteItem", name, ""); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, invalid("The requestItems parameter is required for BatchWriteItem")
	}
	if err := frame.check(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := checkTableName(name, true, 1); err != nil {
			return nil, err
		}
		if n := len(requests[name]); n == 0 || n > maxBatchWrites {
			return nil, tooManyWrites(name)
		}
	}
	if total > maxBatchWrites {
		return nil, invalid("Too many items requested for the BatchWriteItem call")
	}
	if len(call.Body) > maxBatchBodyBytes {
		return nil, invalid("The batch write request size exceeds the maximum of %d bytes", maxBatchBodyBytes)
	}
	if p.refused != nil {
		return nil, p.refused
	}
	var writes []batchWrite
	for _, name := range names {
		for _, r := range requests[name] {
			w, err := s.prepareBatchWrite(r)
			if err != nil {
				return nil, err
			}
			writes = append(writes, batchWrite{w, raws[r]})
		}
	}
	if duplicateKeys(writes, func(w batchWrite) (*table, *record) { return w.t, w.to }) {
		return nil, invalid("Provided list of item keys contains duplicates")
	}
	return s.runBatch(frame, writes)
}

// batchElement reads {"PutRequest":{...}} or {"DeleteRequest":{...}}. Anything
// else gives a request without an operation, which is refused later.
func (p *parser) batchElement(table string) (*request, string) {
	r := &request{hasTable: true, table: table}
	p.next()
	start := p.i
	p.object(func(kind string) {
		if p.null() {
			return
		}
		if r.operation != "" {
			p.refuse(invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"))
		}
		switch kind {
		case "PutRequest":
			r.operation = "Put"
		case "DeleteRequest":
			r.operation = "Delete"
		}
		p.object(func(name string) { p.member(r, name) })
	})
	return r, p.s[min(start, p.i):p.i]
}

func tooManyWrites(table string) error {
	return invalid("1 validation error detected: Value '{%s=[...]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to 1]", table, maxBatchWrites)
}

func (s *Service) prepareBatchWrite(r *request) (*write, error) {
	if r.operation == "" {
		return nil, invalid("Supplied WriteRequest is empty, must contain exactly one of PutRequest or DeleteRequest")
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	w, err := s.prepare(r)
	if err != nil {
		return nil, err
	}
	return w, w.bind()
}

// duplicateKeys reports whether two elements concern one item.
func duplicateKeys[E any](list []E, keyOf func(E) (*table, *record)) bool {
	type itemKey struct {
		t          *table
		part, sort string
	}
	seen := make(map[itemKey]struct{}, len(list))
	for _, e := range list {
		t, r := keyOf(e)
		seen[itemKey{t, r.part, r.sort}] = struct{}{}
	}
	return len(seen) < len(list)
}

// batchRun is a BatchWriteItem under way.
type batchRun struct {
	sizes       bool // ItemCollectionMetrics are wanted
	used        tally
	unprocessed map[string][]string
	metrics     map[string][]any
	done        int
	busy        error // why nothing was done
}

// runBatch makes the writes, table by table; each table's are one journal
// record.
func (s *Service) runBatch(frame *request, writes []batchWrite) (any, error) {
	run := batchRun{sizes: frame.metrics == "SIZE", used: tally{writes: true}, unprocessed: map[string][]string{}, metrics: map[string][]any{}}
	for len(writes) > 0 {
		n := 1
		for n < len(writes) && writes[n].t == writes[0].t {
			n++
		}
		if err := s.runTableBatch(&run, writes[0].t, writes[:n]); err != nil {
			return nil, err
		}
		writes = writes[n:]
	}
	if run.done == 0 {
		return nil, run.busy
	}
	s.countAll(&run.used)
	var a answer
	a.member("UnprocessedItems")
	a.rawLists(run.unprocessed)
	a.reportAll(frame.capacity, &run.used, false)
	if len(run.metrics) > 0 {
		a.json("ItemCollectionMetrics", run.metrics)
	}
	return wire.Raw(a.bytes()), nil
}

// rawLists appends an object of lists of JSON texts.
func (a *answer) rawLists(lists map[string][]string) {
	var inner answer
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		inner.member(name)
		inner.elements(len(lists[name]), func(i int) { inner.b = append(inner.b, lists[name][i]...) })
	}
	a.b = append(a.b, inner.bytes()...)
}

func (s *Service) runTableBatch(run *batchRun, t *table, writes []batchWrite) error {
	if err := s.lock(t); err != nil {
		return err
	}
	defer t.mu.Unlock()
	name := t.def.TableName
	var changes []change
	for _, w := range writes {
		c, err := s.attempt(w.write, 1)
		if isThrottled(err) || isConflict(err) {
			run.unprocessed[name], run.busy = append(run.unprocessed[name], w.raw), err
			continue
		}
		if err != nil {
			return err
		}
		run.done++
		run.used.of(t).chargeChange(c, 1)
		if c.before != nil || c.after != nil {
			changes = append(changes, c)
		}
	}
	if len(changes) > 0 {
		if err := s.commit(time.Now(), changes, nil); err != nil {
			return err
		}
	}
	if !run.sizes {
		return nil
	}
	for _, w := range writes {
		if m := t.collectionMetrics(w.to); m != nil {
			run.metrics[name] = append(run.metrics[name], m)
		}
	}
	return nil
}

// batchGet is what BatchGetItem wants of one table.
type batchGet struct {
	*request
	gets []*get
	rest []item // keys not processed
}

func (s *Service) batchGetItem(call *wire.Call) (any, error) {
	p := newParser(call.Body)
	frame := newFrame()
	tables := map[string]*batchGet{}
	keys := map[*batchGet][]item{}
	total := 0
	p.object(func(name string) {
		if name != "RequestItems" {
			p.member(frame, name)
			return
		}
		p.object(func(table string) {
			b := &batchGet{request: &request{operation: "Get", hasTable: true, table: tableName(table), key: item{}}}
			tables[b.table] = b
			p.object(func(name string) {
				if name != "Keys" {
					p.member(b.request, name)
					return
				}
				p.array(func() { keys[b] = append(keys[b], p.attributes()); total++ })
			})
		})
	})
	if err := p.end(); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(tables))
	for _, name := range names {
		if err := s.authorize(call, "BatchGetItem", name, ""); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, invalid("The requestItems parameter is required for BatchGetItem")
	}
	if err := frame.check(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := tables[name].check(); err != nil {
			return nil, err
		}
		switch n := len(keys[tables[name]]); {
		case n > maxBatchGets:
			return nil, invalid("1 validation error detected: Value at 'RequestItems.%s.member.Keys' failed to satisfy constraint: Member must have length less than or equal to %d", name, maxBatchGets)
		case n == 0:
			return nil, invalid("1 validation error detected: Value at 'RequestItems.%s.member.Keys' failed to satisfy constraint: Member must have length greater than or equal to 1", name)
		}
	}
	if total > maxBatchGets {
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	if p.refused != nil {
		return nil, p.refused
	}
	for _, name := range names {
		b := tables[name]
		if err := s.bindBatchGet(b, keys[b]); err != nil {
			return nil, err
		}
	}
	return s.runBatchGet(frame, names, tables)
}

func (s *Service) bindBatchGet(b *batchGet, keys []item) error {
	first, err := s.prepareGet(b.request)
	if err != nil {
		return err
	}
	for _, key := range keys {
		g := &get{request: b.request, paths: first.paths, t: first.t}
		if g.key, err = g.t.keyRecord(key); err != nil {
			return err
		}
		b.gets = append(b.gets, g)
	}
	if duplicateKeys(b.gets, func(g *get) (*table, *record) { return g.t, g.key }) {
		return invalid("Provided list of item keys contains duplicates")
	}
	return nil
}

func (s *Service) runBatchGet(frame *request, names []string, tables map[string]*batchGet) (any, error) {
	var used tally
	var responses answer
	bytes, done := 0, 0
	var busy error
	for _, name := range names {
		b := tables[name]
		items := []item{}
		for _, g := range b.gets {
			found, err := s.find(g.t, g.key, b.consistent)
			if err != nil {
				return nil, err
			}
			full := bytes+sizeOfRecord(found) > maxBatchGetBytes
			if !full {
				if err := s.takeRead(g.t, g.key, found, b.consistent, 1); err != nil {
					full, busy = true, err
				}
			}
			if full {
				b.rest = append(b.rest, g.key.item)
				continue
			}
			done++
			used.of(g.t).charge(nil, readUnits(sizeOfRecord(found), b.consistent))
			if found != nil {
				bytes += found.size
				items = append(items, g.shown(found))
			}
		}
		responses.member(name)
		responses.items(items)
	}
	if done == 0 {
		return nil, busy
	}
	s.countAll(&used)
	var a answer
	a.member("Responses")
	a.b = append(a.b, responses.bytes()...)
	a.member("UnprocessedKeys")
	a.b = append(a.b, unprocessedKeys(names, tables)...)
	a.reportAll(frame.capacity, &used, false)
	return wire.Raw(a.bytes()), nil
}

// unprocessedKeys repeats the request for the keys that were not read.
func unprocessedKeys(names []string, tables map[string]*batchGet) []byte {
	var out answer
	for _, name := range names {
		b := tables[name]
		if len(b.rest) == 0 {
			continue
		}
		var shape answer
		shape.member("Keys")
		shape.items(b.rest)
		if b.consistent {
			shape.json("ConsistentRead", true)
		}
		if b.projection != nil {
			shape.json("ProjectionExpression", *b.projection)
		}
		if b.names != nil {
			shape.json("ExpressionAttributeNames", b.names)
		}
		out.member(name)
		out.b = append(out.b, shape.bytes()...)
	}
	return out.bytes()
}
