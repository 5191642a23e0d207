package dynamodb

import (
	"cmp"
	"slices"
	"strings"
)

// record is one item in a table or an index, with the keys it is ordered by.
// A tree is ordered by the hash of the partition key, so that a scan has a
// stable order that can be split into segments, then by the keys themselves.
type record struct {
	hash uint64
	part string // sortable partition key
	sort string // sortable sort key
	tie  string // index entries: what identifies the base item
	item item   // index entries: the projected attributes
	size int    // of item
}

// hashOf spreads partition keys: FNV-1a with a finalizer, because FNV's high
// bits, which order the tree, hardly differ between short similar keys.
func hashOf(part string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(part) {
		h = (h ^ uint64(part[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// position is a point between records: before or after all that agree with it
// in its first depth keys (hash, part, sort, tie).
type position struct {
	hash            uint64
	part, sort, tie string
	depth           int
	after           bool
}

// before reports whether r lies before the position.
func (q *position) before(e entry) bool {
	order := cmp.Compare(e.hash, q.hash)
	if order == 0 && q.depth > 1 {
		order = strings.Compare(e.rec.part, q.part)
	}
	if order == 0 && q.depth > 2 {
		order = strings.Compare(e.rec.sort, q.sort)
	}
	if order == 0 && q.depth > 3 {
		order = strings.Compare(e.rec.tie, q.tie)
	}
	return order < 0 || order == 0 && q.after
}

// at returns the position just before or after a record with r's keys.
func (r *record) at(after bool) position {
	return position{r.hash, r.part, r.sort, r.tie, 4, after}
}

func (r *record) sameKey(o *record) bool {
	return r.hash == o.hash && r.part == o.part && r.sort == o.sort && r.tie == o.tie
}

// tree is a B-tree of records. A sorted slice would cost a million moves per
// insertion at a million items; a tree of 32..64 wide nodes is four levels.
type tree struct {
	root  *node
	count int
	bytes int64
}

const (
	maxEntries = 63
	minEntries = maxEntries / 2
)

type entry struct {
	hash uint64 // of rec, so that most comparisons need not follow the pointer
	rec  *record
}

type node struct {
	entries  []entry
	children []*node // empty in leaves
}

// search returns the index of the first entry that is not before q.
func (n *node) search(q *position) int {
	lo, hi := 0, len(n.entries)
	for lo < hi {
		mid := (lo + hi) / 2
		if q.before(n.entries[mid]) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// get returns the record with key's keys, nil if there is none.
func (t *tree) get(key *record) *record {
	q := key.at(false)
	for n := t.root; n != nil; {
		i := n.search(&q)
		if i < len(n.entries) && n.entries[i].rec.sameKey(key) {
			return n.entries[i].rec
		}
		if len(n.children) == 0 {
			return nil
		}
		n = n.children[i]
	}
	return nil
}

// set stores r in place of a record with the same keys, if there is one.
func (t *tree) set(r *record) {
	if t.root == nil {
		t.root = &node{}
	}
	q := r.at(false)
	old := t.root.insert(&q, r)
	if len(t.root.entries) > maxEntries {
		middle, right := t.root.split()
		t.root = &node{entries: []entry{middle}, children: []*node{t.root, right}}
	}
	t.bytes += int64(r.size)
	if old == nil {
		t.count++
		return
	}
	t.bytes -= int64(old.size)
}

func (n *node) insert(q *position, r *record) (old *record) {
	i := n.search(q)
	if i < len(n.entries) && n.entries[i].rec.sameKey(r) {
		old = n.entries[i].rec
		n.entries[i].rec = r
		return old
	}
	if len(n.children) == 0 {
		n.entries = slices.Insert(n.entries, i, entry{r.hash, r})
		return nil
	}
	old = n.children[i].insert(q, r)
	if len(n.children[i].entries) > maxEntries {
		middle, right := n.children[i].split()
		n.entries = slices.Insert(n.entries, i, middle)
		n.children = slices.Insert(n.children, i+1, right)
	}
	return old
}

// split cuts the upper half off.
func (n *node) split() (entry, *node) {
	half := len(n.entries) / 2
	middle := n.entries[half]
	right := &node{entries: append(make([]entry, 0, maxEntries+1), n.entries[half+1:]...)}
	clear(n.entries[half:])
	n.entries = n.entries[:half]
	if len(n.children) > 0 {
		right.children = append(make([]*node, 0, maxEntries+2), n.children[half+1:]...)
		clear(n.children[half+1:])
		n.children = n.children[:half+1]
	}
	return middle, right
}

// remove deletes the record with key's keys, if there is one.
func (t *tree) remove(key *record) {
	if t.root == nil {
		return
	}
	q := key.at(false)
	old := t.root.remove(&q, key)
	if len(t.root.entries) == 0 && len(t.root.children) > 0 {
		t.root = t.root.children[0]
	}
	if old != nil {
		t.count--
		t.bytes -= int64(old.size)
	}
}

func (n *node) remove(q *position, key *record) (old *record) {
	i := n.search(q)
	found := i < len(n.entries) && n.entries[i].rec.sameKey(key)
	switch {
	case len(n.children) == 0:
		if found {
			old = n.entries[i].rec
			n.entries = slices.Delete(n.entries, i, i+1)
		}
		return old
	case found:
		old = n.entries[i].rec
		n.entries[i] = n.children[i].removeLast()
	default:
		old = n.children[i].remove(q, key)
	}
	n.refill(i)
	return old
}

func (n *node) removeLast() entry {
	if len(n.children) == 0 {
		last := n.entries[len(n.entries)-1]
		n.entries = slices.Delete(n.entries, len(n.entries)-1, len(n.entries))
		return last
	}
	i := len(n.children) - 1
	last := n.children[i].removeLast()
	n.refill(i)
	return last
}

// refill brings child i back to the least number of entries: one moves over
// from a neighbour, or the two become one.
func (n *node) refill(i int) {
	child := n.children[i]
	if len(child.entries) >= minEntries {
		return
	}
	if i > 0 && len(n.children[i-1].entries) > minEntries {
		left := n.children[i-1]
		last := len(left.entries) - 1
		child.entries = slices.Insert(child.entries, 0, n.entries[i-1])
		n.entries[i-1] = left.entries[last]
		left.entries = slices.Delete(left.entries, last, last+1)
		if len(left.children) > 0 {
			child.children = slices.Insert(child.children, 0, left.children[last+1])
			left.children = slices.Delete(left.children, last+1, last+2)
		}
		return
	}
	if i+1 < len(n.children) && len(n.children[i+1].entries) > minEntries {
		right := n.children[i+1]
		child.entries = append(child.entries, n.entries[i])
		n.entries[i] = right.entries[0]
		right.entries = slices.Delete(right.entries, 0, 1)
		if len(right.children) > 0 {
			child.children = append(child.children, right.children[0])
			right.children = slices.Delete(right.children, 0, 1)
		}
		return
	}
	if i == len(n.children)-1 {
		i--
	}
	left, right := n.children[i], n.children[i+1]
	left.entries = append(append(left.entries, n.entries[i]), right.entries...)
	left.children = append(left.children, right.children...)
	n.entries = slices.Delete(n.entries, i, i+1)
	n.children = slices.Delete(n.children, i+1, i+2)
}

// ascend yields the records after q in order until yield returns false.
func (t *tree) ascend(q position, yield func(*record) bool) {
	if t.root != nil {
		t.root.ascend(&q, yield)
	}
}

func (n *node) ascend(q *position, yield func(*record) bool) bool {
	for i := n.search(q); i <= len(n.entries); i++ {
		if len(n.children) > 0 && !n.children[i].ascend(q, yield) {
			return false
		}
		if i < len(n.entries) && !yield(n.entries[i].rec) {
			return false
		}
	}
	return true
}

// descend yields the records before q in reverse order until yield returns
// false.
func (t *tree) descend(q position, yield func(*record) bool) {
	if t.root != nil {
		t.root.descend(&q, yield)
	}
}

func (n *node) descend(q *position, yield func(*record) bool) bool {
	for i := n.search(q); i >= 0; i-- {
		if len(n.children) > 0 && !n.children[i].descend(q, yield) {
			return false
		}
		if i > 0 && !yield(n.entries[i-1].rec) {
			return false
		}
	}
	return true
}
