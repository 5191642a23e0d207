// Package lambda hosts the functions of the local stack: sandboxes with one
// initialisation and one invocation at a time, concurrency limits, time-outs,
// asynchronous retries, event source mappings from SQS, and the Invoke API.
//
// Handlers run in this process and are the same values that a deployed
// function hands to the runtime. A sandbox is therefore one call of the
// function's constructor: whatever the handler keeps between invocations lives
// in what that call returned. A worker that is killed or timed out cannot be
// stopped by force; instead its [Sandbox] is thrown away, every call from it
// fails without effect, and what it returns is ignored. Who makes calls for a
// function asks [Sandbox.Enter] first.
//
// It imports aws-lambda-go and its siblings iam, journal, meter and wire. It is
// NOT for packaging, deploying or isolating code.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// Handler is what a function's constructor returns: aws-lambda-go's handler.
type Handler = awslambda.Handler

// The quotas that a caller can run into (Lambda quotas page, November 2026).
const (
	maxSyncPayload   = 6 << 20 // request of a synchronous call
	maxResponse      = maxSyncPayload + 100
	maxAsyncPayload  = 1 << 20 // event of an asynchronous call
	initLimit        = 10 * time.Second
	maxTimeout       = 15 * time.Minute
	defaultAccount   = 1000 // concurrent executions
	minUnreserved    = 100  // that reserved concurrency must leave
	closeGracePeriod = 5 * time.Second
)

// Function is one function of the stack.
type Function struct {
	Name     string
	ARN      string
	Env      map[string]string // as the function sees it
	Role     *iam.Principal
	MemoryMB int
	Timeout  time.Duration
	// Reserved is the reserved concurrency; nil shares the account's pool, and
	// zero throttles every invocation, as on AWS.
	Reserved *int
	// AllowLoops switches the detection of recursive loops off.
	AllowLoops bool
	// New starts a sandbox. An error stands for a process that exits before it
	// asks for work. ctx lives as long as the sandbox and belongs to it.
	New func(ctx context.Context, env map[string]string) (Handler, error)
}

// Options configures a [Service]. Region, Account and Functions are required.
type Options struct {
	Region, Account string
	Functions       []Function
	Mappings        []Mapping
	Queues          Queues // required if there are mappings
	Meter           *meter.Meter
	Journal         *journal.Journal // remembers accepted asynchronous events
	Logger          *slog.Logger     // nil discards
	Concurrency     int              // account limit; zero is 1,000
	// Process tells the processes apart that continue one another with the
	// same journal, so that request ids do not come twice.
	Process int
}

// Service runs functions. Its methods may be called from many goroutines.
type Service struct {
	opts       Options
	log        *slog.Logger
	functions  map[string]*function
	mappings   []*mapping
	unreserved int // concurrency left for functions without a reservation

	ctx     context.Context // the service's life; invocations do not end with their caller
	stop    context.CancelFunc
	running sync.WaitGroup
	ids     atomic.Uint64

	mu          sync.Mutex
	closed      bool
	sharedInUse int
	pending     map[string]asyncEvent // accepted by an earlier process, not finished
}

// function is a Function with its sandboxes; the fields below it are guarded
// by Service.mu.
type function struct {
	Function
	code        atomic.Int32 // calls of the function's own code that have not returned, abandoned ones too
	active      int
	idle        []*Sandbox // last in, first out, as AWS keeps few sandboxes warm
	inits       int
	invocations int
}

// New checks the functions and mappings and reads unfinished asynchronous
// events from the journal. Nothing runs before [Service.Start] except by Invoke.
func New(opts Options) (*Service, error) {
	if opts.Concurrency == 0 {
		opts.Concurrency = defaultAccount
	}
	log := opts.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Service{opts: opts, log: log, functions: map[string]*function{}, unreserved: opts.Concurrency}
	for _, f := range opts.Functions {
		if err := s.add(f); err != nil {
			return nil, fmt.Errorf("function %s: %w", f.Name, err)
		}
	}
	for _, m := range opts.Mappings {
		if err := s.addMapping(m); err != nil {
			return nil, fmt.Errorf("event source mapping of function %s: %w", m.Function, err)
		}
	}
	if err := s.replay(); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

func (s *Service) add(f Function) error {
	if _, ok := s.functions[f.Name]; ok {
		return errors.New("there are two of this name")
	}
	if f.New == nil {
		return errors.New("it has no code")
	}
	if f.MemoryMB < 128 || f.MemoryMB > 10240 {
		return fmt.Errorf("memory of %d MB is not within 128 and 10240", f.MemoryMB)
	}
	if f.Timeout < time.Second || f.Timeout > maxTimeout {
		return fmt.Errorf("time-out of %s is not within 1 s and 15 min", f.Timeout)
	}
	if f.Reserved != nil {
		s.unreserved -= *f.Reserved
		if *f.Reserved < 0 || s.unreserved < minUnreserved {
			return fmt.Errorf("reserved concurrency of %d leaves less than %d of the account's %d unreserved", *f.Reserved, minUnreserved, s.opts.Concurrency)
		}
	}
	s.functions[f.Name] = &function{Function: f}
	return nil
}

// Start begins polling for the event source mappings and goes on with
// asynchronous events of an earlier process. It does not wait.
func (s *Service) Start() {
	s.mu.Lock()
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	for id, e := range pending {
		s.goAsync(id, e)
	}
	for _, m := range s.mappings {
		s.running.Go(func() { m.poll(s.ctx) })
	}
}

// Close stops polling, kills what still runs, and waits for it to notice. It
// returns an error if a handler ignores its context for five seconds.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	grace := time.NewTimer(closeGracePeriod)
	defer grace.Stop()
	select {
	case <-done:
		return nil
	case <-grace.C:
		var late []string
		for name, f := range s.functions {
			if f.code.Load() > 0 {
				late = append(late, name)
			}
		}
		slices.Sort(late)
		return fmt.Errorf("close functions: a handler goes on although its context has ended: %s", strings.Join(late, ", "))
	}
}

// Counts says how often a function was invoked and how many sandboxes were
// initialised for it, failed ones included.
func (s *Service) Counts(name string) (invocations, inits int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.functions[name]
	if !ok {
		return 0, 0
	}
	return f.invocations, f.inits
}

// find returns the function of that name or the error that AWS answers.
func (s *Service) find(name string) (*function, error) {
	f, ok := s.functions[name]
	if !ok {
		return nil, wire.Errorf(404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:%s:%s:function:%s", s.opts.Region, s.opts.Account, name)
	}
	return f, nil
}

// nextID returns a request id: a UUID in form, a counter in content, so that
// two runs of the same seed are alike.
func (s *Service) nextID() string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", s.opts.Process, s.ids.Add(1))
}
