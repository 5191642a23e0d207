package sqs

import "container/heap"

// backlog is the ready messages of one MessageGroupId, in the order in which
// they became visible. Messages without a group share the backlog "". The first
// of list is never gone; later ones may be.
type backlog struct {
	group    string
	list     []*message
	inFlight int
	pos      int // in the queue's heap, -1 while it is not there
}

// first removes and returns the first message of a list that has one.
func (b *backlog) first() *message {
	m := b.list[0]
	b.drop()
	b.trim()
	return m
}

// trim drops messages from the front of the list that are gone.
func (b *backlog) trim() {
	for len(b.list) > 0 && b.list[0].state == gone {
		b.drop()
	}
}

func (b *backlog) drop() {
	b.list[0] = nil
	b.list = b.list[1:]
	if len(b.list) == 0 {
		b.list = nil
	}
}

func (q *queue) backlogOf(group string) *backlog {
	b, ok := q.backlogs[group]
	if !ok {
		b = &backlog{group: group, pos: -1}
		q.backlogs[group] = b
	}
	return b
}

// release forgets a backlog that nothing refers to any more.
func (q *queue) release(b *backlog) {
	if b.group != "" && len(b.list) == 0 && b.inFlight == 0 {
		delete(q.backlogs, b.group)
	}
}

// backlogHeap orders backlogs by their first message.
type backlogHeap struct{ items []*backlog }

var _ heap.Interface = (*backlogHeap)(nil)

func (h *backlogHeap) Len() int           { return len(h.items) }
func (h *backlogHeap) Less(i, j int) bool { return h.items[i].list[0].turn < h.items[j].list[0].turn }

func (h *backlogHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].pos, h.items[j].pos = i, j
}

func (h *backlogHeap) Push(x any) {
	b, _ := x.(*backlog)
	b.pos = len(h.items)
	h.items = append(h.items, b)
}

func (h *backlogHeap) Pop() any {
	last := len(h.items) - 1
	b := h.items[last]
	h.items[last] = nil
	h.items = h.items[:last]
	b.pos = -1
	return b
}

// The heaps of messages, and where in message.pos each keeps the index.
const (
	slotHidden = iota
	slotAge
)

// messageHeap orders messages by the time that its slot stands for.
type messageHeap struct {
	items []*message
	slot  int
}

func (h *messageHeap) Len() int { return len(h.items) }

func (h *messageHeap) Less(i, j int) bool {
	a, b := h.items[i], h.items[j]
	x, y := a.VisibleAt, b.VisibleAt
	if h.slot == slotAge {
		x, y = a.SentAt, b.SentAt
	}
	return x < y || x == y && a.Key < b.Key
}

func (h *messageHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].pos[h.slot], h.items[j].pos[h.slot] = i, j
}

func (h *messageHeap) Push(x any) {
	m, _ := x.(*message)
	m.pos[h.slot] = len(h.items)
	h.items = append(h.items, m)
}

func (h *messageHeap) Pop() any {
	last := len(h.items) - 1
	m := h.items[last]
	h.items[last] = nil
	h.items = h.items[:last]
	return m
}
