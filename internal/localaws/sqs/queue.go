package sqs

import (
	"container/heap"
	"sync"
	"time"
)

// queue is one queue. A message is in hidden while it is delayed or in flight,
// and otherwise in the backlog of its group; it is in age all the time. So
// every step costs the logarithm of the queue's length.
type queue struct {
	name string

	mu       sync.Mutex
	set      settings
	created  time.Time
	modified time.Time
	purged   time.Time
	deleted  bool

	messages map[uint64]*message
	nextKey  uint64
	hidden   messageHeap // by visibleAt
	age      messageHeap // by sentAt
	groups   backlogHeap // backlogs with messages, by turn of the first one
	backlogs map[string]*backlog
	nextTurn uint64
	ready    int
	inFlight int
	waiters  []chan struct{}
}

func newQueue(name string, set settings, now time.Time) *queue {
	return &queue{
		name: name, set: set, created: now, modified: now,
		nextKey:  uint64(now.UnixNano()), //nolint:gosec // so that keys differ from those of an earlier queue of this name
		messages: map[uint64]*message{}, backlogs: map[string]*backlog{},
		hidden: messageHeap{slot: slotHidden}, age: messageHeap{slot: slotAge},
	}
}

// state is where a message is.
type state uint8

const (
	delayed state = iota
	ready
	inFlight
	gone
)

// message is one delivery's worth of a message. Its exported fields are what
// the journal keeps; times are Unix nanoseconds. The queue's lock guards it.
type message struct {
	Key           uint64               `json:"k"` // tells duplicates with the same ID apart
	ID            string               `json:"i"`
	Body          string               `json:"b"`
	Attributes    map[string]Attribute `json:"a,omitempty"`
	Group         string               `json:"g,omitempty"`
	Trace         string               `json:"x,omitempty"`
	Sender        string               `json:"s"`
	SentAt        int64                `json:"t"`
	VisibleAt     int64                `json:"v"`
	ReceivedAt    int64                `json:"r,omitempty"` // the latest receive
	FirstReceived int64                `json:"f,omitempty"`
	Count         int                  `json:"n,omitempty"` // receives
	Source        string               `json:"o,omitempty"` // ARN of the queue it was dead-lettered from

	md5   string // of the body
	size  int    // body and attributes, bytes
	state state
	turn  uint64 // position among ready messages
	pos   [2]int // index in the heaps
}

// insert adds a message that becomes visible at m.VisibleAt.
func (q *queue) insert(m *message) {
	q.nextKey = max(q.nextKey, m.Key+1)
	q.messages[m.Key] = m
	heap.Push(&q.age, m)
	m.state = delayed
	if m.ReceivedAt != 0 {
		m.state = inFlight
		q.inFlight++
		q.backlogOf(m.Group).inFlight++
	}
	heap.Push(&q.hidden, m)
}

// hide takes a ready message out of sight until visibleAt, as in flight.
func (q *queue) hide(m *message, now, visibleAt int64) {
	m.state = inFlight
	q.inFlight++
	q.backlogOf(m.Group).inFlight++
	m.Count++
	m.ReceivedAt, m.VisibleAt = now, visibleAt
	if m.FirstReceived == 0 {
		m.FirstReceived = now
	}
	heap.Push(&q.hidden, m)
}

// show makes a message that has just left the hidden heap ready.
func (q *queue) show(m *message) {
	q.land(m)
	m.state = ready
	m.turn = q.nextTurn
	q.nextTurn++
	q.ready++
	b := q.backlogOf(m.Group)
	b.list = append(b.list, m)
	if b.pos < 0 {
		heap.Push(&q.groups, b)
	}
}

// land ends a message's flight, if it is in flight.
func (q *queue) land(m *message) {
	if m.state != inFlight {
		return
	}
	q.inFlight--
	b := q.backlogOf(m.Group)
	b.inFlight--
	q.release(b)
}

// remove forgets a message.
func (q *queue) remove(m *message) {
	switch m.state {
	case gone:
		return
	case ready:
		q.ready--
		m.state = gone
		b := q.backlogOf(m.Group)
		b.trim()
		q.resettle(b)
	case delayed, inFlight:
		heap.Remove(&q.hidden, m.pos[slotHidden])
		q.land(m)
	}
	q.detach(m)
}

// detach forgets a message that take returned.
func (q *queue) detach(m *message) {
	m.state = gone
	heap.Remove(&q.age, m.pos[slotAge])
	delete(q.messages, m.Key)
}

// advance applies what the passing of time has done: messages become visible,
// and old ones end.
func (q *queue) advance(now time.Time) {
	at := now.UnixNano()
	for len(q.hidden.items) > 0 && q.hidden.items[0].VisibleAt <= at {
		m, _ := heap.Pop(&q.hidden).(*message)
		q.show(m)
	}
	for len(q.age.items) > 0 && q.age.items[0].SentAt+int64(q.set.retention) <= at {
		q.remove(q.age.items[0])
	}
}

// take removes the next ready message from its backlog, or returns nil. Fair
// queues: while others wait, a group that holds much of what is in flight
// comes last; at most nine groups can be above a tenth.
func (q *queue) take() *message {
	var noisy []*backlog
	for len(q.groups.items) > 0 {
		b := q.groups.items[0]
		if b.group == "" || b.inFlight < noisyMinInFlight || b.inFlight*10 <= q.inFlight {
			break
		}
		heap.Pop(&q.groups)
		noisy = append(noisy, b)
	}
	var next *backlog
	switch {
	case len(q.groups.items) > 0:
		next = q.groups.items[0]
	case len(noisy) > 0:
		next = noisy[0]
	}
	for _, b := range noisy {
		heap.Push(&q.groups, b)
	}
	if next == nil {
		return nil
	}
	m := next.first()
	q.resettle(next)
	q.ready--
	return m
}

// resettle puts a backlog whose first message changed at its new place.
func (q *queue) resettle(b *backlog) {
	switch {
	case b.pos < 0:
	case len(b.list) > 0:
		heap.Fix(&q.groups, b.pos)
	default:
		heap.Remove(&q.groups, b.pos)
	}
	q.release(b)
}

// purge forgets all messages.
func (q *queue) purge(now time.Time) {
	q.purged = now
	q.messages, q.backlogs = map[uint64]*message{}, map[string]*backlog{}
	q.hidden.items, q.age.items, q.groups.items = nil, nil, nil
	q.ready, q.inFlight = 0, 0
}

// enlist returns a channel that is closed when there may be something to take.
func (q *queue) enlist() chan struct{} {
	w := make(chan struct{})
	q.waiters = append(q.waiters, w)
	return w
}

// dismiss takes a waiter off the list, if it was not woken.
func (q *queue) dismiss(w chan struct{}) {
	for i, other := range q.waiters {
		if other == w {
			q.waiters = append(q.waiters[:i], q.waiters[i+1:]...)
			return
		}
	}
}

// wake wakes up to n waiters, longest waiting first.
//
// Each waiter keeps a timer for the moment at which it saw that the next
// message becomes visible. Whoever changes that moment, or stops waiting,
// wakes one waiter to look again, so one of them always has the right time.
func (q *queue) wake(n int) {
	n = min(n, len(q.waiters))
	for _, w := range q.waiters[:n] {
		close(w)
	}
	q.waiters = q.waiters[n:]
}
