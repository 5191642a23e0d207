package dynamodb

import (
	"encoding/json"
	"fmt"
	"time"
)

// A journal record is an object with one of these members: "c" a table's
// definition, created or changed; "d" a deleted table's name; "w" the writes
// of one call, all or none of which are there: [table, "i" or "k", item or
// key], with "k" for a deletion. Beside "w", "t" holds the token of a
// transaction, see tokenUse.

type journalRecord struct {
	Definition *definition         `json:"c,omitempty"`
	Deleted    string              `json:"d,omitempty"`
	Writes     [][]json.RawMessage `json:"w,omitempty"`
	Token      *tokenUse           `json:"t,omitempty"`
}

func (s *Service) remember(r journalRecord) error {
	if err := s.opts.Journal.Append(serviceName, r); err != nil {
		return fmt.Errorf("remember table: %w", err)
	}
	return nil
}

// commit writes the changes to the journal and then makes them. All tables
// concerned are locked.
func (s *Service) commit(now time.Time, changes []change, token *tokenUse) error {
	if s.opts.Journal != nil {
		raw, err := encodeWrites(changes, token)
		if err != nil {
			return err
		}
		if err := s.opts.Journal.Append(serviceName, raw); err != nil {
			return fmt.Errorf("remember writes: %w", err)
		}
	}
	for _, c := range changes {
		c.apply(now)
	}
	return nil
}

func encodeWrites(changes []change, token *tokenUse) (json.RawMessage, error) {
	b := []byte(`{"w":[`)
	for i, c := range changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = appendText(b, c.t.def.TableName)
		if c.after != nil {
			b = appendItem(append(b, `,"i",`...), c.after.item)
		} else {
			b = appendItem(append(b, `,"k",`...), c.t.keyOf(c.before.item))
		}
		b = append(b, ']')
	}
	b = append(b, ']')
	if token != nil {
		raw, err := json.Marshal(token)
		if err != nil {
			return nil, fmt.Errorf("remember writes: %w", err)
		}
		b = append(append(b, `,"t":`...), raw...)
	}
	return append(b, '}'), nil
}

// replay restores what earlier processes did.
func (s *Service) replay(past []json.RawMessage) error {
	now := time.Now()
	for i, raw := range past {
		var r journalRecord
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("replay DynamoDB journal record %d: %w", i, err)
		}
		switch {
		case r.Definition != nil:
			s.redefine(*r.Definition, now)
		case r.Deleted != "":
			delete(s.tables, r.Deleted)
		}
		for _, w := range r.Writes {
			if err := s.redo(w, now); err != nil {
				return fmt.Errorf("replay DynamoDB journal record %d: %w", i, err)
			}
		}
		if r.Token != nil {
			s.tokens.restore(r.Token, now)
		}
	}
	for _, t := range s.tables {
		t.showPending(now.Add(t.delay)) // a restart takes longer than an index or a replica lags
		if r := t.replica; r != nil {
			r.showArrivals(now.Add(r.behind))
			r.showPending(now.Add(r.behind + r.delay))
		}
	}
	return nil
}

// redefine creates a table or changes the time to live of an existing one.
func (s *Service) redefine(def definition, now time.Time) {
	if t := s.tables[def.TableName]; t != nil {
		t.setTimeToLive(def.TimeToLive, now)
		return
	}
	s.tables[def.TableName] = newTable(def, s.opts)
}

func (s *Service) redo(w []json.RawMessage, now time.Time) error {
	var name, form string
	if len(w) != 3 {
		return fmt.Errorf("a write has %d parts", len(w))
	}
	if err := json.Unmarshal(w[0], &name); err != nil {
		return err
	}
	if err := json.Unmarshal(w[1], &form); err != nil {
		return err
	}
	t := s.tables[name]
	if t == nil {
		return fmt.Errorf("a write to table %s, which does not exist", name)
	}
	p := newParser(w[2])
	r := t.record(p.attributes().compact())
	if p.err != nil || p.refused != nil {
		return fmt.Errorf("an item of table %s cannot be read", name)
	}
	before := t.items.get(r)
	if form == "k" {
		r = nil
	}
	t.plan(before, r).apply(now)
	return nil
}
