// Package stepfunctions runs Step Functions state machines in this process:
// STANDARD, in JSONata, with the service's own API, histories, callbacks,
// inline and distributed maps, and redrive.
//
// An execution is durable by deterministic re-execution. What an execution
// learned from outside (task results, tokens, the items of a map run, results
// of children) is in the journal before it is used; everything else, also
// time, randomness and tokens, is computed from the execution's own identity
// and from the times of those records. A new process runs the interpreter
// again from the start state, feeds it the records and goes on live where they
// end.
//
// It imports the journal, the meter, the wire types and package jsonata. It is
// not for JSONPath machines, which are refused when they are created, and it
// knows no other service: Lambda, SQS and S3 are behind interfaces.
package stepfunctions

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/jsonata"
	"github.com/messageai/sluice/internal/localaws/meter"
)

// Integrations are the services that Task states call.
type Integrations interface {
	// InvokeLambda calls a function synchronously, by name or ARN, as role. A
	// service error is a *wire.Error, with Lambda's own code; an error that the
	// function returned is in the result.
	InvokeLambda(ctx context.Context, role *iam.Principal, function string, payload json.RawMessage) (LambdaResult, error)
	// SendMessage performs SQS's SendMessage with the JSON input of that
	// operation and returns its JSON output. Service errors are *wire.Error.
	SendMessage(ctx context.Context, role *iam.Principal, input json.RawMessage) (json.RawMessage, error)
}

// LambdaResult is the answer to a synchronous invocation.
type LambdaResult struct {
	StatusCode    int             // 200 if zero
	Payload       json.RawMessage // what the function returned, or its error object
	FunctionError string          // "Handled" or "Unhandled"; empty if the function succeeded
}

// Objects is the object store that distributed maps read items from and write
// results to. Errors are *wire.Error with S3's codes.
type Objects interface {
	GetObject(ctx context.Context, role *iam.Principal, bucket, key string) ([]byte, error)
	PutObject(ctx context.Context, role *iam.Principal, bucket, key string, body []byte) error
	// ListObjects returns one page, in key order, and the token of the next
	// page, empty after the last.
	ListObjects(ctx context.Context, role *iam.Principal, bucket, prefix, token string) (page []Object, next string, err error)
}

// Object is one listed object; its fields are the item that a map over
// listObjectsV2 hands to a child.
type Object struct {
	Etag         string // with quotes, as S3 gives it
	Key          string
	LastModified int64 // seconds since 1970
	Size         int64 // bytes
	StorageClass string
}

// Options configure a Service.
type Options struct {
	Region, Account string           // "us-east-1", "000000000000"
	Meter           *meter.Meter     // counts state transitions
	Journal         *journal.Journal // nil: executions die with the process
	Integrations    Integrations     // required by machines with Task states
	Objects         Objects          // required by machines that read items from S3 or write results there

	// Role resolves a machine's roleArn to what the machine may do; nil means
	// that every machine acts as the account's root.
	Role func(arn string) *iam.Principal

	// Ended, if set, is told that a top-level execution has ended, at least once
	// for each end: executions that ended before Resume are told there again. It
	// is called from the execution's goroutine and must not wait.
	Ended func(End)

	// KeepHistories is how many finished children of distributed maps keep
	// their history, input and output; 2,000 if zero. Top-level executions keep
	// theirs always.
	KeepHistories int

	// Interpreters are shared with other services; nil: the service has its own.
	Interpreters *jsonata.Interpreters
}

// End is how a top-level execution ended.
type End struct {
	ExecutionARN, MachineARN, Name, Status string
	Started, Stopped                       time.Time
	Input, Output                          json.RawMessage // no output unless it succeeded
	Error, Cause                           string
	Redrives                               int
}

// Service is the Step Functions service. It implements wire.Service; all
// methods may be called from many goroutines. Locks are taken in this order:
// the service's, an execution's, its map run's, a child's, the journal's.
type Service struct {
	opts    Options
	engine  *jsonata.Engine
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu         sync.Mutex
	machines   map[string]*machine
	executions map[string]*execution // by ARN
	byID       map[int64]*execution
	runs       map[string]*mapRun // by ARN
	lastID     int64
	retired    []*execution // finished children that still have their history, oldest first
}

// machine is a state machine with all its revisions: executions keep the one
// that they started with.
type machine struct {
	arn, name string
	created   time.Time
	deleted   bool
	revisions []*revision
}

// revision is one definition and role of a machine.
type revision struct {
	arn, name  string // of the machine
	number     int
	definition string
	roleArn    string
	graph      *graph
	made       time.Time
}

// New returns a service with the machines and executions that its journal
// remembers. Executions that were running go on when Resume is called.
func New(opts Options) (*Service, error) {
	if opts.KeepHistories == 0 {
		opts.KeepHistories = 2000
	}
	if opts.Interpreters == nil {
		var err error
		if opts.Interpreters, err = jsonata.NewInterpreters(); err != nil {
			return nil, err
		}
	}
	s := &Service{
		opts: opts, engine: opts.Interpreters.Engine(), machines: map[string]*machine{}, executions: map[string]*execution{},
		byID: map[int64]*execution{}, runs: map[string]*mapRun{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.restore(); err != nil {
		return nil, err
	}
	return s, nil
}

// Resume goes on with the executions that were running when the journal's
// last process ended. Call it once, when everything they call is there.
func (s *Service) Resume() {
	s.mu.Lock()
	var all []*execution
	for _, x := range s.byID {
		if x.parent == nil && x.done == nil {
			all = append(all, x)
		}
	}
	s.mu.Unlock()
	for _, x := range all {
		if x.status() == statusRunning {
			s.mu.Lock()
			s.launch(x, false)
			s.mu.Unlock()
		} else {
			x.tellEnd()
		}
	}
}

// launch launches an execution unless the service closes; then a later process
// does, as the journal tells. The caller holds mu.
func (s *Service) launch(x *execution, fresh bool) {
	if s.ctx.Err() == nil {
		x.launch(fresh)
	}
}

// Close stops all executions where they are and waits until they have; with
// a journal, a new service goes on from there.
func (s *Service) Close() error {
	s.mu.Lock() // nothing starts from here on
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	s.engine.Close()
	return nil
}

func (s *Service) role(arn string) *iam.Principal {
	if s.opts.Role == nil {
		return nil
	}
	return s.opts.Role(arn)
}

func (s *Service) arn(kind, name string) string {
	return "arn:aws:states:" + s.opts.Region + ":" + s.opts.Account + ":" + kind + ":" + name
}

func (s *Service) newID() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	return s.lastID
}

// newExecution makes a top-level execution.
func (s *Service) newExecution(r *revision, id int64, name, salt string, input json.RawMessage, started time.Time) *execution {
	return &execution{
		service: s, id: id, arn: s.arn("execution", r.name+":"+name), name: name, salt: salt,
		revision: r, graph: r.graph, started: started, input: input, outcome: outcome{status: statusRunning},
	}
}

// index makes an execution known.
func (s *Service) index(x *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.executions[x.arn] = x
	s.byID[x.id] = x
	s.lastID = max(s.lastID, x.id)
}

// revise adds a revision to a machine, which it creates if need be. The
// caller holds mu or is restore.
func (s *Service) revise(arn, name string, r *revision) {
	m := s.machines[arn]
	if m == nil {
		m = &machine{arn: arn, name: name, created: r.made}
		s.machines[arn] = m
	}
	if m.deleted {
		m.deleted, m.created = false, r.made
	}
	r.arn, r.name = arn, name
	m.revisions = append(m.revisions, r)
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return formatID(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]))
}

func formatID(high, low uint64) string {
	high, low = high&^0xf000|0x4000, low&^(0xc<<60)|8<<60
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&(1<<48-1))
}
