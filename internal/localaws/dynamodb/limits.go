package dynamodb

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// partition is what AWS limits: all that has one partition key value in a table
// or, if ix is not nil, in a global index. Local indexes lie in the table's
// partitions.
type partition struct {
	t   *table
	ix  *index
	key string // sortable
}

// limits counts the units that each partition has taken within the present
// second, of reads or of writes. A call is let through while its partitions are
// below the limit, however much it then takes: AWS too knows the cost of a call
// only when it is done.
type limits struct {
	perSecond float64 // zero is no limit
	kind      string  // Read or Write

	mu     sync.Mutex
	second int64
	taken  map[partition]float64
}

// share is what a call takes from one partition.
type share struct {
	partition
	units float64
}

// take takes from all partitions or, if one is exhausted, from none.
func (l *limits) take(s *Service, shares ...share) error {
	if l.perSecond == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Unix(); now != l.second {
		l.second, l.taken = now, map[partition]float64{}
	}
	for _, sh := range shares {
		if l.taken[sh.partition] >= l.perSecond {
			return s.throttled(l.kind, sh.partition)
		}
	}
	for _, sh := range shares {
		l.taken[sh.partition] += sh.units
	}
	return nil
}

// throttled is the answer of an on-demand table to a hot partition: Developer
// Guide, "Key range throughput exceeded", read November 2026.
func (s *Service) throttled(kind string, p partition) error {
	reason, resource := "Table", s.tableARN(p.t.def.TableName)
	if p.ix != nil {
		reason, resource = "Index", resource+"/index/"+p.ix.name
	}
	e := wire.Errorf(http.StatusBadRequest, throughputExceeded,
		"Throughput exceeds the current capacity for one or more global secondary indexes or partitions of the table. Retry with exponential backoff.")
	e.Members = map[string]any{"ThrottlingReasons": []map[string]string{{"reason": reason + kind + "KeyRangeThroughputExceeded", "resource": resource}}}
	return e
}

const throughputExceeded = "ProvisionedThroughputExceededException"

func isThrottled(err error) bool {
	e, ok := errors.AsType[*wire.Error](err)
	return ok && e.Code == throughputExceeded
}

// takeRead takes the units of reading one item.
func (s *Service) takeRead(t *table, key, found *record, consistent bool, factor float64) error {
	return s.reads.take(s, share{partition{t, nil, key.part}, factor * readUnits(sizeOfRecord(found), consistent)})
}

// takeWrite takes the units of a write, also of one that its condition refuses.
// A hot partition of an index refuses writes to the table.
func (s *Service) takeWrite(key string, c change, factor float64) error {
	if s.writes.perSecond == 0 {
		return nil
	}
	base := share{partition{c.t, nil, key}, c.units * factor}
	shares := []share{base}
	for _, ic := range c.indexes {
		switch b, a := ic.before, ic.after; {
		case !ic.ix.global:
			shares[0].units += ic.units * factor
		case b != nil && a != nil && b.part != a.part:
			shares = append(shares, share{partition{c.t, ic.ix, b.part}, factor * writeUnits(b, nil)}, share{partition{c.t, ic.ix, a.part}, factor * writeUnits(nil, a)})
		case a != nil:
			shares = append(shares, share{partition{c.t, ic.ix, a.part}, factor * ic.units})
		default:
			shares = append(shares, share{partition{c.t, ic.ix, b.part}, factor * ic.units})
		}
	}
	return s.writes.take(s, shares...)
}
