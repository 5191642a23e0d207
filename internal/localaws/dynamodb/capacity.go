package dynamodb

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/messageai/sluice/internal/localaws/meter"
)

const (
	writeUnitBytes = 1 << 10
	readUnitBytes  = 4 << 10
)

// writeUnits is what a write costs: one unit for each started KiB of the
// larger of the item before and after it.
func writeUnits(before, after *record) float64 {
	size := 1
	if before != nil {
		size = max(size, before.size)
	}
	if after != nil {
		size = max(size, after.size)
	}
	return math.Ceil(float64(size) / writeUnitBytes)
}

// readUnits is what a read of so many bytes costs.
func readUnits(bytes int, consistent bool) float64 {
	units := math.Ceil(float64(max(bytes, 1)) / readUnitBytes)
	if !consistent {
		units /= 2
	}
	return units
}

// consumption is the capacity that a call consumed on one table.
type consumption struct {
	t       *table
	writes  bool
	table   float64
	indexes map[*index]float64 // nil until one is charged
}

func (c *consumption) charge(ix *index, units float64) {
	if ix == nil {
		c.table += units
		return
	}
	if c.indexes == nil {
		c.indexes = map[*index]float64{}
	}
	c.indexes[ix] += units
}

// chargeChange charges a write, factor times: 2 within transactions.
func (c *consumption) chargeChange(ch change, factor float64) {
	c.table += ch.units * factor
	for _, ic := range ch.indexes {
		if ic.units > 0 {
			c.charge(ic.ix, ic.units*factor)
		}
	}
}

func (c *consumption) total() float64 {
	sum := c.table
	for _, units := range c.indexes {
		sum += units
	}
	return sum
}

// count adds the consumption to the meter.
func (s *Service) count(c *consumption) {
	unit := meter.ReadUnits
	if c.writes {
		unit = meter.WriteUnits
	}
	s.opts.Meter.Add(unit, c.total())
}

type capacityUnits struct {
	CapacityUnits      float64
	ReadCapacityUnits  float64 `json:",omitempty"`
	WriteCapacityUnits float64 `json:",omitempty"`
}

// describe builds the ConsumedCapacity shape. split adds the units under their
// kind's name, as the transactional operations do.
func (c *consumption) describe(level string, split bool) any {
	units := func(n float64) capacityUnits {
		u := capacityUnits{CapacityUnits: n}
		if split && c.writes {
			u.WriteCapacityUnits = n
		} else if split {
			u.ReadCapacityUnits = n
		}
		return u
	}
	out := struct {
		TableName string
		capacityUnits
		Table                  *capacityUnits           `json:",omitempty"`
		LocalSecondaryIndexes  map[string]capacityUnits `json:",omitempty"`
		GlobalSecondaryIndexes map[string]capacityUnits `json:",omitempty"`
	}{TableName: c.t.def.TableName, capacityUnits: units(c.total())}
	if level != "INDEXES" {
		return out
	}
	table := units(c.table)
	out.Table = &table
	out.LocalSecondaryIndexes, out.GlobalSecondaryIndexes = map[string]capacityUnits{}, map[string]capacityUnits{}
	for ix, n := range c.indexes {
		if ix.global {
			out.GlobalSecondaryIndexes[ix.name] = units(n)
		} else {
			out.LocalSecondaryIndexes[ix.name] = units(n)
		}
	}
	return out
}

// report adds ConsumedCapacity to an answer if the call asked for it.
func (a *answer) report(level string, c *consumption) {
	if level == "TOTAL" || level == "INDEXES" {
		a.json("ConsumedCapacity", c.describe(level, false))
	}
}

// tally is the consumption of a call on several tables.
type tally struct {
	writes bool
	list   []*consumption
}

func (y *tally) of(t *table) *consumption {
	for _, c := range y.list {
		if c.t == t {
			return c
		}
	}
	c := &consumption{t: t, writes: y.writes}
	y.list = append(y.list, c)
	return c
}

// countAll adds everything to the meter.
func (s *Service) countAll(y *tally) {
	for _, c := range y.list {
		s.count(c)
	}
}

func (a *answer) reportAll(level string, y *tally, split bool) {
	if level != "TOTAL" && level != "INDEXES" {
		return
	}
	slices.SortFunc(y.list, func(c, d *consumption) int { return compareTables(c.t, d.t) })
	list := make([]any, len(y.list))
	for i, c := range y.list {
		list[i] = c.describe(level, split)
	}
	a.json("ConsumedCapacity", list)
}

// json adds a member by encoding/json. The values it is used for, numbers and
// names, can always be encoded.
func (a *answer) json(name string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("dynamodb: encode " + name + ": " + err.Error())
	}
	a.member(name)
	a.b = append(a.b, raw...)
}

// collectionMetrics adds ItemCollectionMetrics, which only tables with local
// indexes have. The table is locked.
func (t *table) collectionMetrics(key *record) any {
	if len(t.def.LocalSecondaryIndexes) == 0 {
		return nil
	}
	size := 0
	from := position{hash: key.hash, part: key.part, depth: 2}
	add := func(r *record) bool {
		if r.part != key.part {
			return false
		}
		size += r.size
		return true
	}
	t.items.ascend(from, add)
	for _, ix := range t.indexes {
		if !ix.global {
			ix.entries.ascend(from, add)
		}
	}
	part, _ := key.item.lookup(t.keys.part)
	low := math.Floor(float64(size) / (1 << 30))
	return map[string]any{
		"ItemCollectionKey":   json.RawMessage(appendItem(nil, item{{t.keys.part, part}})),
		"SizeEstimateRangeGB": []float64{low, low + 1},
	}
}
