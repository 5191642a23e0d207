// Package jsonata evaluates JSONata 2.0.6, the version that Step Functions
// documents, with the functions that Step Functions adds ($partition, $range,
// $hash, $random, $uuid, $parse) and without $eval.
//
// It runs the reference implementation (jsonata.min.js from npm, MIT licence
// beside it) in the goja interpreter, because no Go implementation agrees with
// it closely enough. The library is asynchronous only so that host functions
// may return promises; ours never do, so the keywords are taken out when it is
// loaded, which halves the cost of an evaluation. The official test suite runs
// against exactly this.
//
// It imports goja and the standard library. It is not meant for the Lambda
// binaries, and it knows nothing of state machines beyond the shape of the
// $states variable.
package jsonata

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
)

//go:embed jsonata.min.js
var librarySource string

//go:embed shim.js
var shimSource string

const (
	timeLimit      = 30 * time.Second // of wall time, against what steps do not count: regular expressions, long texts, paths through large inputs
	stepLimit      = 200_000          // nodes evaluated where there is a function or a range, for the 1 s of AWS: the same on every machine, and where time is simulated
	depthLimit     = 100              // nodes inside nodes; measured on AWS (floci-io/floci issue 2737, August 2026)
	callStackLimit = 8000             // JavaScript calls, enough for that depth
	cachedPerVM    = 2000             // compiled expressions; beyond that a cache starts anew
)

// Error is a failed compilation or evaluation, with JSONata's own error code,
// such as T1006, where there is one.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}

// ErrUnsupportedResult reports that an expression's result is or contains a
// function, which has no JSON form.
var ErrUnsupportedResult = errors.New("the result is a function")

// Engine compiles and evaluates expressions. It is safe for many goroutines
// and keeps as many interpreters as there are processors; further evaluations
// wait their turn.
type Engine struct {
	*Interpreters
	slots chan *vm // an entry is an idle interpreter, or nil for the right to take one
}

// Interpreters are the interpreters that no engine uses at the moment, with
// what they have compiled. Starting one takes as long as hundreds of
// evaluations, so engines that come and go share them. It is safe for many
// goroutines and never waits.
type Interpreters struct {
	library, shim *goja.Program
	limit         time.Duration // of one evaluation
	steps, depth  int           // of one evaluation
	keepEval      bool          // only to run the official suite

	mu    sync.Mutex
	idle  []*vm
	facts map[string]facts // by source
}

// New returns an engine with interpreters of its own.
func New() (*Engine, error) {
	shared, err := NewInterpreters()
	if err != nil {
		return nil, err
	}
	return shared.Engine(), nil
}

// NewInterpreters loads the library; interpreters start when they are needed.
func NewInterpreters() (*Interpreters, error) {
	sync := strings.NewReplacer("async ", "", "async(", "(", "await ", "", "Promise.all(", "(").Replace(librarySource)
	library, err := goja.Compile("jsonata.min.js", sync, false)
	if err != nil {
		return nil, fmt.Errorf("load jsonata: %w", err)
	}
	shim, err := goja.Compile("shim.js", shimSource, true)
	if err != nil {
		return nil, fmt.Errorf("load jsonata: %w", err)
	}
	return &Interpreters{library: library, shim: shim, limit: timeLimit, steps: stepLimit, depth: depthLimit, facts: map[string]facts{}}, nil
}

// Engine returns an engine that takes these interpreters; Close gives them back.
func (p *Interpreters) Engine() *Engine {
	e := &Engine{Interpreters: p, slots: make(chan *vm, runtime.GOMAXPROCS(0))}
	for range cap(e.slots) {
		e.slots <- nil
	}
	return e
}

// Close waits until no session has an interpreter and lets other engines have
// them.
func (e *Engine) Close() {
	for range cap(e.slots) {
		if v := <-e.slots; v != nil {
			v.now, v.random = time.Now, nil // they may hold on to much
			e.mu.Lock()
			e.idle = append(e.idle, v)
			e.mu.Unlock()
		}
	}
	for range cap(e.slots) {
		e.slots <- nil
	}
}

// take returns an idle interpreter, or a new one.
func (p *Interpreters) take() (*vm, error) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		return p.newVM()
	}
	v := p.idle[last]
	p.idle = p.idle[:last]
	p.mu.Unlock()
	return v, nil
}

// acquire waits for an interpreter. It must be given back with release.
func (e *Engine) acquire(ctx context.Context) (*vm, error) {
	select {
	case v := <-e.slots:
		if v != nil {
			return v, nil
		}
		v, err := e.take()
		if err != nil {
			e.slots <- nil
		}
		return v, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// release gives v back; an interpreter that was interrupted is thrown away,
// because its state is undefined.
func (e *Engine) release(v *vm) {
	if v.broken {
		v = nil
	}
	e.slots <- v
}

// Expr is a compiled expression. It may be used by many goroutines.
type Expr struct {
	engine *Engine
	source string
	facts
}

// facts are what the syntax tree of an expression tells. They never change.
type facts struct {
	variables []string // names that it reads, among others
	named     []string // parts of $states that it names, as in $states.input
	sections  []string // parts of $states that it can read: those, or all if it uses $states otherwise
	steps     []string // of a plain path; nil if it is not one
	rootless  string   // the first reference to a context at top level
}

// Source returns the expression's text.
func (x *Expr) Source() string { return x.source }

// Reads reports whether the expression can read a section of $states.
func (x *Expr) Reads(section string) bool { return slices.Contains(x.sections, section) }

// Names reports whether the expression names a section of $states, as in
// $states.input. Step Functions refuses to create a machine with an expression
// that names a section which its field does not have.
func (x *Expr) Names(section string) bool { return slices.Contains(x.named, section) }

// Rootless returns an error if the expression refers to $, $$ or an unqualified
// name where there is no context. Step Functions gives expressions no input
// document and refuses such a reference when a machine is created.
func (x *Expr) Rootless() error {
	if x.rootless == "" {
		return nil
	}
	return Unsupported(x.rootless)
}

// Unsupported is the service's answer to a reference to something that an
// expression does not have.
func Unsupported(reference string) *Error {
	return &Error{Message: "Reference to '" + reference + "' at the top level is not supported."}
}

// Compile parses source. A syntax error is an *Error. Compiling the same
// source again is cheap.
func (e *Engine) Compile(source string) (*Expr, error) {
	x := &Expr{engine: e, source: source}
	var known bool
	e.mu.Lock()
	x.facts, known = e.facts[source]
	e.mu.Unlock()
	if known {
		return x, nil
	}
	v, err := e.acquire(context.Background())
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	if x.facts, err = v.inspect(source); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.facts) >= cachedPerVM {
		clear(e.facts)
	}
	e.facts[source] = x.facts
	return x, nil
}

// Sections of the $states variable, in the order in which Step Functions
// shows them.
var stateSections = []string{"input", "result", "errorOutput", "context"}
