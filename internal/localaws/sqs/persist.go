package sqs

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"time"
)

const journalName = "sqs"

// The kinds of journal records.
const (
	recordCreated    = "queue"
	recordAttributes = "attributes"
	recordDropped    = "dropped"
	recordPurged     = "purged"
	recordSent       = "sent"
	recordReceived   = "received" // also: visibility changed
	recordDeleted    = "deleted"
	recordMoved      = "moved"
)

// record is one change, as the journal keeps it.
type record struct {
	Kind       string            `json:"t"`
	Queue      string            `json:"q"`
	Attributes map[string]string `json:"a,omitempty"`
	At         int64             `json:"at,omitempty"` // Unix nanoseconds
	Messages   []*message        `json:"m,omitempty"`
	Received   []received        `json:"r,omitempty"`
	Keys       []uint64          `json:"k,omitempty"`
	To         string            `json:"to,omitempty"` // moved: the queue that has Messages now
}

// received is a message's state after a receive or a change of its visibility.
type received struct {
	Key       uint64 `json:"k"`
	Count     int    `json:"n"`
	At        int64  `json:"r"`
	VisibleAt int64  `json:"v"`
}

func (s *Service) append(r record) error { return s.opts.Journal.Append(journalName, r) }

// replay rebuilds the queues. Messages in flight stay so until their time-out.
func (s *Service) replay(past []json.RawMessage) error {
	for _, raw := range past {
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("replay sqs journal: %w", err)
		}
		if err := s.apply(r); err != nil {
			return fmt.Errorf("replay sqs journal: %w", err)
		}
	}
	return nil
}

func (s *Service) apply(r record) error {
	if r.Kind == recordCreated {
		set, err := newSettings(map[string]string{}, r.Attributes)
		if err != nil {
			return err
		}
		s.queues[r.Queue] = newQueue(r.Queue, set, time.Unix(0, r.At))
		return nil
	}
	q, ok := s.queues[r.Queue]
	if !ok && r.Kind == recordMoved {
		q, ok = &queue{}, true // dropped while the messages were between two queues
	}
	if !ok {
		return fmt.Errorf("record of kind %q for a queue that does not exist", r.Kind)
	}
	switch r.Kind {
	case recordAttributes:
		set, err := newSettings(map[string]string{}, r.Attributes)
		if err != nil {
			return err
		}
		at := time.Unix(0, r.At)
		q.advance(at)
		q.set, q.modified = set, at
	case recordDropped:
		delete(s.queues, r.Queue)
	case recordPurged:
		q.purge(time.Unix(0, r.At))
	case recordSent:
		q.restore(r.Messages)
	case recordReceived:
		for _, rc := range r.Received {
			q.restoreReceived(rc)
		}
	case recordDeleted:
		q.forget(r.Keys)
	case recordMoved:
		q.forget(r.Keys)
		if to, ok := s.queues[r.To]; ok {
			to.restore(r.Messages)
		}
	default:
		return fmt.Errorf("unknown record kind %q", r.Kind)
	}
	return nil
}

func (q *queue) restore(messages []*message) {
	for _, m := range messages {
		m.md5 = md5Hex(m.Body)
		o := outgoing{MessageBody: &m.Body, MessageAttributes: m.Attributes}
		m.size = o.size()
		q.insert(m)
	}
}

func (q *queue) restoreReceived(r received) {
	m, ok := q.messages[r.Key]
	if !ok {
		return // deleted while the receive was on its way into the journal
	}
	q.remove(m)
	m.Count, m.ReceivedAt, m.VisibleAt = r.Count, r.At, r.VisibleAt
	if m.FirstReceived == 0 {
		m.FirstReceived = r.At
	}
	q.insert(m)
}

func (q *queue) forget(keys []uint64) {
	for _, key := range keys {
		if m, ok := q.messages[key]; ok {
			q.remove(m)
		}
	}
}

// ReturnInFlight makes every message that is in flight visible at once. A stack
// calls it when it continues the state of a dead process: whoever had received
// the messages died with it, and on one machine nobody needs to wait for the
// visibility time-out to be sure.
func (s *Service) ReturnInFlight() {
	now := time.Now().UnixNano()
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, q := range s.queues {
		q.mu.Lock()
		for _, m := range q.hidden.items {
			if m.state == inFlight {
				m.VisibleAt = min(m.VisibleAt, now)
			}
		}
		heap.Init(&q.hidden)
		q.mu.Unlock()
	}
}
