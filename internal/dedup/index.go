package dedup

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Index remembers the keys of rows, to find the row that a later one repeats.
// It keeps 64 bits of a SHA-256 per key, not the key: 20 to 30 bytes for each, so
// a million rows with five keys take at most 150 MB and hold no personal data.
// With five million keys the odds that any two different ones collide are about
// one in 1.5 million (n²/2^65).
//
// It is not safe for concurrent use. The zero value is not usable; see [NewIndex].
type Index struct {
	shards [shardCount]shard
}

// shardCount: tables grow one at a time, so that growth never needs room for
// everything twice.
const shardCount = 64

type shard struct {
	slots []entry
	used  int
}

type entry struct {
	hash uint64 // 0: free
	row  uint32
	mark uint32 // 0: none
}

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{} }

// Match is the earlier row that a row repeats.
type Match struct {
	Row  int
	Rule Rule
}

// Seen looks a row up by its keys and remembers it. If an earlier row has one of
// the keys, the earliest such row is returned, with the first rule that leads to
// it, and the keys of the new row are remembered for that row. Rows are numbered
// by the caller, from 0 to 2^32-1, rising.
func (x *Index) Seen(row int, keys []Key) (Match, bool) {
	var scratch [8]digest
	digests := scratch[:0]
	best, found := Match{}, false
	for _, k := range keys {
		d := digestOf(k)
		digests = append(digests, d)
		if at, ok := x.find(d); ok && (!found || int(at) < best.Row) {
			best, found = Match{Row: int(at), Rule: k.Rule}, true
		}
	}
	owner := uint32(row) //nolint:gosec // G115: documented range
	if found {
		owner = uint32(best.Row) //nolint:gosec // G115: it came out of a uint32
	}
	for _, d := range digests {
		x.add(d, owner)
	}
	return best, found
}

type digest struct {
	hash uint64
	mark uint32
}

func digestOf(k Key) digest {
	buf := make([]byte, 0, 128)
	for i, r := range rules {
		if r == k.Rule {
			buf = append(buf, byte(i))
		}
	}
	buf = append(buf, k.Text...)
	sum := sha256.Sum256(buf)
	d := digest{hash: binary.LittleEndian.Uint64(sum[:8])}
	if d.hash == 0 {
		d.hash = 1
	}
	if k.Mark != "" {
		m := sha256.Sum256(append(buf[:0], k.Mark...))
		d.mark = max(1, binary.LittleEndian.Uint32(m[:4]))
	}
	return d
}

// find returns the earliest row with the key whose mark does not contradict.
func (x *Index) find(d digest) (row uint32, found bool) {
	s := &x.shards[d.hash%shardCount]
	if len(s.slots) == 0 {
		return 0, false
	}
	for i := s.home(d.hash); s.slots[i].hash != 0; i = s.next(i) {
		e := &s.slots[i]
		if e.hash == d.hash && (e.mark == 0 || d.mark == 0 || e.mark == d.mark) && (!found || e.row < row) {
			row, found = e.row, true
		}
	}
	return row, found
}

func (x *Index) add(d digest, row uint32) {
	s := &x.shards[d.hash%shardCount]
	if 5*(s.used+1) > 4*len(s.slots) { // at most four fifths full
		s.grow()
	}
	if s.put(entry{d.hash, row, d.mark}) {
		s.used++
	}
}

// home maps a hash to a slot by its upper bits; the lower ones chose the shard.
func (s *shard) home(hash uint64) int {
	at, _ := bits.Mul64(hash, uint64(len(s.slots)))
	return int(at) //nolint:gosec // G115: below the length of a slice
}

func (s *shard) next(i int) int {
	if i++; i == len(s.slots) {
		return 0
	}
	return i
}

func (s *shard) grow() {
	old := s.slots
	s.slots = make([]entry, max(64, len(old)+len(old)/2))
	for _, e := range old {
		if e.hash != 0 {
			s.put(e)
		}
	}
}

// maxNamesakes bounds the entries of one key, so that a list with one name and
// one company in every row stays linear.
const maxNamesakes = 32

// put stores an entry unless the same key and mark is there, which is then of
// an earlier row.
func (s *shard) put(e entry) bool {
	i, namesakes := s.home(e.hash), 0
	for ; s.slots[i].hash != 0; i = s.next(i) {
		if s.slots[i].hash != e.hash {
			continue
		}
		if namesakes++; s.slots[i].mark == e.mark || namesakes == maxNamesakes {
			return false
		}
	}
	s.slots[i] = e
	return true
}
