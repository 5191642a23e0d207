package hubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// entry is one journal record: everything that one call changed.
type entry struct {
	Type     string    `json:"type,omitempty"`
	Property *Property `json:"property,omitempty"`
	Put      []saved   `json:"put,omitempty"`
	Links    []link    `json:"links,omitempty"`
}

// saved is a record in the journal.
type saved struct {
	ID      string            `json:"id"`
	Props   map[string]string `json:"props"`
	Created time.Time         `json:"created"`
	Updated time.Time         `json:"updated"`
}

func (s *Server) append(e entry) error {
	if s.opts.Journal == nil {
		return nil
	}
	if err := s.opts.Journal.Append(service, e); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	return nil
}

// restore replays the journal and reports whether it held anything.
func (s *Server) restore() (bool, error) {
	if s.opts.Journal == nil {
		return false, nil
	}
	past := s.opts.Journal.Past(service)
	for i, raw := range past {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return false, fmt.Errorf("restore hubspot: record %d: %w", i, err)
		}
		t := s.objects[e.Type]
		if t == nil && (e.Property != nil || len(e.Put) > 0) {
			return false, fmt.Errorf("restore hubspot: record %d: unknown object type %q", i, e.Type)
		}
		if e.Property != nil {
			t.addProperty(*e.Property)
		}
		for _, p := range e.Put {
			t.put(p.ID, &record{id: p.ID, props: p.Props, created: p.Created, updated: p.Updated})
			n, err := strconv.ParseInt(p.ID, 10, 64)
			if err != nil {
				return false, fmt.Errorf("restore hubspot: record %d: %w", i, err)
			}
			s.nextID = max(s.nextID, n)
		}
		for _, l := range e.Links {
			s.addLink(l)
		}
	}
	return len(past) > 0, nil
}

// commit journals the current versions of the given records.
func (s *Server) commit(t *table, ids []string, links []link) *failure {
	e := entry{Type: t.info.name, Links: links}
	for _, id := range ids {
		r := t.records[id]
		e.Put = append(e.Put, saved{ID: r.id, Props: r.props, Created: r.created, Updated: r.updated})
	}
	if len(e.Put) == 0 && len(e.Links) == 0 {
		return nil
	}
	if err := s.append(e); err != nil {
		return internal(err)
	}
	return nil
}

func internal(error) *failure {
	return &failure{status: http.StatusInternalServerError, category: "INTERNAL_ERROR", message: "internal error"}
}
