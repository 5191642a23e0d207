package upstream

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/money"
)

// Journal keeps records across a killed process. Append must have written the
// record when it returns; Past returns what earlier processes appended for the
// service, oldest first. A nil Journal remembers nothing.
type Journal interface {
	Append(service string, record any) error
	Past(service string) []json.RawMessage
}

// Bill is what a provider has charged so far, including in earlier processes
// that share the journal.
type Bill struct {
	Total    money.Micro
	ByOp     map[string]OpBill
	Repeated int         // charges whose operation and key had been charged before
	Wasted   money.Micro // what the repeated charges cost
}

// OpBill is one operation's part of a [Bill].
type OpBill struct {
	Charges int
	Total   money.Micro
}

// ledger is the account of one provider. Keys are kept as hashes: a million of
// them fit in little memory, and no person's data reaches the journal.
type ledger struct {
	mu      sync.Mutex
	name    string
	journal Journal
	bill    Bill
	charged map[uint64]int32
	monthly map[string]int // charges by month and operation
}

type charge struct {
	Op    string      `json:"op"`
	Month string      `json:"t"` // 2006-01
	Key   uint64      `json:"k"`
	Micro money.Micro `json:"m"`
}

func openLedger(name string, journal Journal) (*ledger, error) {
	l := &ledger{
		name: "sandbox." + name, journal: journal, charged: map[uint64]int32{}, monthly: map[string]int{},
		bill: Bill{ByOp: map[string]OpBill{}},
	}
	if journal == nil {
		return l, nil
	}
	for _, raw := range journal.Past(l.name) {
		var c charge
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, fmt.Errorf("replay the bill of %s: %w", name, err)
		}
		l.book(c)
	}
	return l, nil
}

func chargeKey(op, key string) uint64 {
	h := fnv.New64a()
	// Hashes never fail; the zero keeps two pairs from sharing their text.
	_, _ = h.Write([]byte(op + "\x00" + key))
	return mix(h.Sum64())
}

func (l *ledger) book(c charge) {
	l.bill.Total += c.Micro
	op := l.bill.ByOp[c.Op]
	op.Charges++
	op.Total += c.Micro
	l.bill.ByOp[c.Op] = op
	l.monthly[c.Month+" "+c.Op]++
	l.charged[c.Key]++
	if l.charged[c.Key] > 1 {
		l.bill.Repeated++
		l.bill.Wasted += c.Micro
	}
}

// charge books an amount, after writing it to the journal. With once, a key
// that was charged before is left alone and false returned.
func (l *ledger) charge(op, key string, amount money.Micro, once bool) (bool, error) {
	c := charge{Op: op, Month: month(), Key: chargeKey(op, key), Micro: amount}
	l.mu.Lock()
	defer l.mu.Unlock()
	if once && l.charged[c.Key] > 0 {
		return false, nil
	}
	if l.journal != nil {
		if err := l.journal.Append(l.name, c); err != nil {
			return false, fmt.Errorf("charge %s: %w", op, err)
		}
	}
	l.book(c)
	return true, nil
}

func (l *ledger) chargedTimes(op, key string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.charged[chargeKey(op, key)])
}

func (l *ledger) count(op string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.monthly[month()+" "+op]
}

func month() string { return time.Now().UTC().Format("2006-01") }

func (l *ledger) snapshot() Bill {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bill
	b.ByOp = maps.Clone(b.ByOp)
	return b
}
