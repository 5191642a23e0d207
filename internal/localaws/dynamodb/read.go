package dynamodb

import (
	"github.com/messageai/sluice/internal/localaws/wire"
)

// get is one checked read of an item by its key.
type get struct {
	*request
	paths []path
	t     *table
	key   *record
}

func (s *Service) prepareGet(r *request) (*get, error) {
	e, err := s.parse(r)
	if err != nil {
		return nil, err
	}
	t, err := s.table(r.table)
	if err != nil {
		return nil, err
	}
	return &get{request: r, paths: e.projection, t: t}, nil
}

func (g *get) bind() (err error) {
	g.key, err = g.t.keyRecord(g.request.key)
	return err
}

// shown is what the read returns of a found record.
func (g *get) shown(found *record) item {
	if g.paths != nil {
		return project(found.item, g.paths)
	}
	return found.item
}

func sizeOfRecord(r *record) int {
	if r == nil {
		return 0
	}
	return r.size
}

func (s *Service) getItem(call *wire.Call) (any, error) {
	r, err := s.requestOf(call, "Get")
	if err != nil {
		return nil, err
	}
	g, err := s.prepareGet(r)
	if err != nil {
		return nil, err
	}
	if err := g.bind(); err != nil {
		return nil, err
	}
	found, err := s.find(g.t, g.key, r.consistent)
	if err != nil {
		return nil, err
	}
	if err := s.takeRead(g.t, g.key, found, r.consistent, 1); err != nil {
		return nil, err
	}
	used := consumption{t: g.t, table: readUnits(sizeOfRecord(found), r.consistent)}
	s.count(&used)
	var a answer
	if found != nil {
		a.grow(found.size)
		a.item("Item", g.shown(found))
	}
	a.report(r.capacity, &used)
	return wire.Raw(a.bytes()), nil
}

// find reads one record.
func (s *Service) find(t *table, key *record, consistent bool) (*record, error) {
	t, err := s.view(t, consistent, key.part, key.sort)
	if err != nil {
		return nil, err
	}
	if err := s.rlock(t); err != nil {
		return nil, err
	}
	defer t.mu.RUnlock()
	return t.items.get(key), nil
}
