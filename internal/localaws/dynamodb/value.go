package dynamodb

import (
	"cmp"
	"slices"
	"strings"
)

// kind is the type of an attribute value.
type kind uint8

const (
	kindNone kind = iota // no value
	kindS
	kindN
	kindB
	kindBOOL
	kindNULL
	kindSS
	kindNS
	kindBS
	kindL
	kindM
)

// Limits: DynamoDB Developer Guide, "Quotas", read November 2026.
const (
	maxItemBytes   = 400 << 10
	maxNesting     = 32
	maxPartKeySize = 2048
	maxSortKeySize = 1024
)

// kindNames are the descriptors on the wire, kindTitles the words in AWS's
// messages about updates.
var (
	kindNames  = [...]string{"", "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"}
	kindTitles = [...]string{"", "STRING", "NUMBER", "BINARY", "BOOLEAN", "NULL", "STRING_SET", "NUMBER_SET", "BINARY_SET", "LIST", "MAP"}
)

// String is the descriptor on the wire.
func (k kind) String() string { return kindNames[k] }

// kindNamed returns the kind with a wire descriptor, kindNone if there is none.
func kindNamed(name string) kind {
	for k, n := range kindNames {
		if n == name {
			return kind(k) //nolint:gosec // eleven kinds
		}
	}
	return kindNone
}

// element is the kind of a set's elements, kindNone for other kinds.
func (k kind) element() kind {
	switch k {
	case kindSS:
		return kindS
	case kindNS:
		return kindN
	case kindBS:
		return kindB
	default:
		return kindNone
	}
}

// value is one attribute value. Values are immutable once built, so that
// items share them freely between versions, indexes and answers.
type value struct {
	kind kind
	flag bool    // BOOL
	str  string  // S; N in canonical text; B as raw bytes
	sub  *nested // sets, L and M
}

// nested is what a collection holds: list for sets and L, attrs for M.
type nested struct {
	list  []value
	attrs item
}

// attr is one named attribute.
type attr struct {
	name  string
	value value
}

// item is a set of attributes, sorted by name. It is immutable once stored.
type item []attr

func (v value) list() []value {
	if v.sub == nil {
		return nil
	}
	return v.sub.list
}

func (v value) attrs() item {
	if v.sub == nil {
		return nil
	}
	return v.sub.attrs
}

func listValue(k kind, list []value) value { return value{kind: k, sub: &nested{list: list}} }

func mapValue(it item) value { return value{kind: kindM, sub: &nested{attrs: it}} }

// find returns where name is, or would be inserted.
func (it item) find(name string) (int, bool) {
	return slices.BinarySearchFunc(it, name, func(a attr, name string) int { return strings.Compare(a.name, name) })
}

// lookup returns the value of the attribute called name.
func (it item) lookup(name string) (value, bool) {
	i, ok := it.find(name)
	if !ok {
		return value{}, false
	}
	return it[i].value, true
}

// with returns a copy of the item in which name has value v.
func (it item) with(name string, v value) item {
	i, ok := it.find(name)
	if ok {
		out := slices.Clone(it)
		out[i].value = v
		return out
	}
	out := make(item, 0, len(it)+1)
	out = append(out, it[:i]...)
	out = append(out, attr{name, v})
	return append(out, it[i:]...)
}

// without returns a copy of the item that lacks name.
func (it item) without(name string) item {
	i, ok := it.find(name)
	if !ok {
		return it
	}
	out := make(item, 0, len(it)-1)
	out = append(out, it[:i]...)
	return append(out, it[i+1:]...)
}

// only returns the item reduced to the attributes in names, which is sorted.
func (it item) only(names []string) item {
	out := make(item, 0, min(len(it), len(names)))
	for _, a := range it {
		if _, ok := slices.BinarySearch(names, a.name); ok {
			out = append(out, a)
		}
	}
	return out
}

// size is what AWS counts for storage and capacity.
func (it item) size() int {
	n := 0
	for _, a := range it {
		n += len(a.name) + a.value.size()
	}
	return n
}

func (v value) size() int {
	switch v.kind {
	case kindS, kindB:
		return len(v.str)
	case kindN:
		return numberSize(v.str)
	case kindSS, kindNS, kindBS:
		n := 0
		for _, e := range v.list() {
			n += e.size()
		}
		return n
	case kindL:
		n := 3
		for _, e := range v.list() {
			n += 1 + e.size()
		}
		return n
	case kindM:
		return 3 + len(v.attrs()) + v.attrs().size()
	default: // BOOL, NULL
		return 1
	}
}

// equal compares as DynamoDB's = does: sets without regard to order.
func (v value) equal(w value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case kindSS, kindNS, kindBS:
		if len(v.list()) != len(w.list()) {
			return false
		}
		for _, e := range v.list() {
			if !containsValue(w.list(), e) {
				return false
			}
		}
		return true
	case kindL:
		return slices.EqualFunc(v.list(), w.list(), value.equal)
	case kindM:
		return v.attrs().equal(w.attrs())
	default:
		return v.flag == w.flag && v.str == w.str
	}
}

func (it item) equal(other item) bool {
	return slices.EqualFunc(it, other, func(a, b attr) bool { return a.name == b.name && a.value.equal(b.value) })
}

func containsValue(list []value, v value) bool {
	return slices.ContainsFunc(list, v.equal)
}

// compare orders two values of one ordered kind; ok is false for others.
func (v value) compare(w value) (order int, ok bool) {
	if v.kind != w.kind {
		return 0, false
	}
	switch v.kind {
	case kindS, kindB:
		return strings.Compare(v.str, w.str), true
	case kindN:
		if v.str == w.str {
			return 0, true
		}
		return cmp.Compare(numberKey(v.str), numberKey(w.str)), true
	default:
		return 0, false
	}
}

// sortable returns the bytes by which a key value is ordered and found.
func (v value) sortable() string {
	if v.kind == kindN {
		return numberKey(v.str)
	}
	return v.str
}

// compact returns the item with all its texts in one fresh allocation, so that
// a stored item does not keep the request alive that brought it.
func (it item) compact() item {
	var b strings.Builder
	b.Grow(it.textSize())
	it.copyText(&b)
	text := b.String()
	return it.rebase(&text)
}

func (it item) textSize() int {
	n := 0
	for _, a := range it {
		n += len(a.name) + a.value.textSize()
	}
	return n
}

func (v value) textSize() int {
	n := len(v.str)
	for _, e := range v.list() {
		n += e.textSize()
	}
	return n + v.attrs().textSize()
}

func (it item) copyText(b *strings.Builder) {
	for _, a := range it {
		b.WriteString(a.name)
		a.value.copyText(b)
	}
}

func (v value) copyText(b *strings.Builder) {
	b.WriteString(v.str)
	for _, e := range v.list() {
		e.copyText(b)
	}
	v.attrs().copyText(b)
}

// rebase builds the copy whose texts are consumed from the front of text, in
// the order in which copyText wrote them.
func (it item) rebase(text *string) item {
	if it == nil {
		return nil
	}
	out := make(item, len(it))
	for i, a := range it {
		out[i].name = take(text, len(a.name))
		out[i].value = a.value.rebase(text)
	}
	return out
}

func (v value) rebase(text *string) value {
	v.str = take(text, len(v.str))
	if v.sub == nil {
		return v
	}
	sub := &nested{}
	if v.sub.list != nil {
		sub.list = make([]value, len(v.sub.list))
		for i, e := range v.sub.list {
			sub.list[i] = e.rebase(text)
		}
	}
	sub.attrs = v.sub.attrs.rebase(text)
	v.sub = sub
	return v
}

func take(text *string, n int) string {
	head := (*text)[:n]
	*text = (*text)[n:]
	return head
}
