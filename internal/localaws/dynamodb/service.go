// Package dynamodb is the local stack's DynamoDB: tables in memory, remembered
// by a journal, behind the JSON protocol that the AWS SDK speaks.
//
// It keeps what code can come to rely on: expressions, conditional and
// transactional writes, pages, limits, indexes, time to live, and the capacity
// that AWS would bill. It imports its siblings wire, meter and journal and,
// for the arithmetic of numbers, apd. It is not a database for production, and
// the legacy parameters from before expressions (AttributesToGet, Expected,
// QueryFilter, ...), PartiQL, streams, backups and UpdateTable are not in it.
package dynamodb

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// Options configures a [Service].
type Options struct {
	Region  string // part of ARNs
	Account string // part of ARNs
	Meter   *meter.Meter
	Journal *journal.Journal
	Dials
}

// Dials say how far the service is from an ideal one. The zero value serves
// everything at once, but keeps expired items for two days.
type Dials struct {
	// TTLLag is how long past its expiry an item stays readable. Zero means
	// 48 hours, because that is what callers must survive on AWS; a
	// nanosecond removes items when they expire.
	TTLLag time.Duration
	// IndexDelay is how long after a write the global secondary indexes show
	// it. Zero means at once.
	IndexDelay time.Duration
	// StaleReads is how far a read that is not strongly consistent may be behind,
	// of tables as of indexes: about every other one is, by all of it. Zero means
	// that none is. Tables take twice the memory.
	StaleReads time.Duration
	// Seed decides which reads are stale.
	Seed uint64
	// PartitionReads and PartitionWrites are the capacity units that each
	// partition key value of a table or global index serves per second (on AWS
	// 3,000 and 1,000); what exceeds them is throttled. Scans are not. Zero
	// means no limit.
	PartitionReads, PartitionWrites float64
	// TransactionTime is how long a TransactWriteItems takes, during which
	// other writes and transactions on its items fail by a conflict. Zero means
	// no time, so that there are no conflicts.
	TransactionTime time.Duration
}

const defaultTTLLag = 48 * time.Hour

// Service is the local DynamoDB. Its methods may be called from many
// goroutines.
type Service struct {
	opts     Options
	reserved []string

	mu     sync.RWMutex // guards tables; taken before a table.s lock, never after it
	tables map[string]*table

	tokens        tokens
	reads, writes limits
}

// New returns a service with the tables and items that the journal remembers.
func New(opts Options) (*Service, error) {
	if opts.TTLLag == 0 {
		opts.TTLLag = defaultTTLLag
	}
	s := &Service{opts: opts, reserved: strings.Fields(reservedWords), tables: map[string]*table{}}
	slices.Sort(s.reserved)
	s.tokens.done = map[string]*tokenUse{}
	s.reads.perSecond, s.reads.kind = opts.PartitionReads, "Read"
	s.writes.perSecond, s.writes.kind = opts.PartitionWrites, "Write"
	return s, s.replay(opts.Journal.Past(serviceName))
}

const serviceName = "dynamodb"

// Handle runs one operation.
func (s *Service) Handle(ctx context.Context, call *wire.Call) (any, error) {
	switch call.Operation {
	case "GetItem":
		return s.getItem(call)
	case "PutItem", "UpdateItem", "DeleteItem":
		return s.writeItem(call)
	case "Query", "Scan":
		return s.readPage(call)
	case "BatchGetItem":
		return s.batchGetItem(call)
	case "BatchWriteItem":
		return s.batchWriteItem(call)
	case "TransactGetItems":
		return s.transactGetItems(call)
	case "TransactWriteItems":
		return s.transactWriteItems(ctx, call)
	case "CreateTable":
		return s.createTable(call)
	case "DeleteTable":
		return s.deleteTable(call)
	case "DescribeTable":
		return s.describeTable(call)
	case "ListTables":
		return s.listTables(call)
	case "UpdateTimeToLive":
		return s.updateTimeToLive(call)
	case "DescribeTimeToLive":
		return s.describeTimeToLive(call)
	default:
		return nil, wire.Errorf(http.StatusBadRequest, "UnknownOperationException", "the local DynamoDB has no operation %s", call.Operation)
	}
}

func invalid(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "ValidationException", format, args...)
}

func badParameter(format string, args ...any) error {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

func (s *Service) tableARN(name string) string {
	return "arn:aws:dynamodb:" + s.opts.Region + ":" + s.opts.Account + ":table/" + name
}

// authorize checks the caller's right to an operation on a table or, if index
// is not empty, on one of its indexes.
func (s *Service) authorize(call *wire.Call, operation, table, index string) error {
	if call.Principal == nil {
		return nil // the root needs no ARN built for it
	}
	resource := s.tableARN(table)
	if index != "" {
		resource += "/index/" + index
	}
	return call.Authorize("dynamodb:"+operation, resource)
}

// table finds a table for an operation on items.
func (s *Service) table(name string) (*table, error) {
	s.mu.RLock()
	t := s.tables[name]
	s.mu.RUnlock()
	if t == nil {
		return nil, notFound()
	}
	return t, nil
}

func notFound() error {
	return wire.Errorf(http.StatusBadRequest, "ResourceNotFoundException", "Requested resource not found")
}

// tableName takes the name out of a table's ARN, which AWS accepts instead.
func tableName(name string) string {
	if strings.HasPrefix(name, "arn:") {
		if _, after, ok := strings.Cut(name, ":table/"); ok {
			return after
		}
	}
	return name
}
