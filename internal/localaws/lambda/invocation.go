package lambda

import (
	"context"
	"sync"
)

// ErrDead is why a call of a killed or timed-out worker fails.
var ErrDead error = dead{}

type dead struct{}

func (dead) Error() string { return "this worker is dead: the call has no effect" }

// CanceledError tells the SDK not to try again: a process that is gone does not.
func (dead) CanceledError() bool { return true }

// Invocation is one run of a handler, alive until it has answered, timed out
// or been killed. A nil Invocation is code outside any function: it lives and
// cannot be killed.
type Invocation struct {
	ID       string // the request id that the handler sees
	Function string
	Trace    string // the trace header that its calls carry on

	sandbox *Sandbox
}

type invocationKey struct{}

// InvocationFrom returns the invocation that ctx belongs to, or nil.
func InvocationFrom(ctx context.Context) *Invocation {
	inv, _ := ctx.Value(invocationKey{}).(*Invocation)
	return inv
}

// Dead reports whether the worker was killed or timed out.
func (i *Invocation) Dead() bool { return i != nil && i.sandbox.ctx.Err() != nil }

// Kill ends the worker as a crash would: its context ends, calls from its
// sandbox fail from now on, its answer is thrown away and so is its sandbox.
func (i *Invocation) Kill() {
	if i != nil {
		i.sandbox.end(ErrDead)
	}
}

// Sandbox is where one initialised handler lives. Between invocations it is
// frozen: calls that its goroutines begin then wait for the next invocation. A
// nil Sandbox is code outside any function.
type Sandbox struct {
	ctx     context.Context // ends when the sandbox is thrown away
	end     context.CancelCauseFunc
	handler Handler

	mu      sync.Mutex
	running *Invocation   // nil while frozen
	thawed  chan struct{} // closed when an invocation begins
}

type sandboxKey struct{}

// SandboxFrom returns the sandbox that ctx belongs to, or nil. The context that
// a function's constructor gets has one.
func SandboxFrom(ctx context.Context) *Sandbox {
	sb, _ := ctx.Value(sandboxKey{}).(*Sandbox)
	return sb
}

// newSandbox returns a frozen sandbox that lives within ctx.
func newSandbox(ctx context.Context) *Sandbox {
	sb := &Sandbox{thawed: make(chan struct{})}
	sb.ctx, sb.end = context.WithCancelCause(context.WithValue(ctx, sandboxKey{}, sb))
	return sb
}

// thaw lets the sandbox run for an invocation.
func (sb *Sandbox) thaw(inv *Invocation) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.running = inv
	close(sb.thawed)
}

func (sb *Sandbox) freeze() {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.running, sb.thawed = nil, make(chan struct{})
}

// Enter says for which invocation a call with the context ctx is made: the one
// that ctx belongs to, else the one that runs in the sandbox. It waits while the
// sandbox is frozen, and fails with [ErrDead] once it is thrown away, whatever
// context the handler made up.
func (sb *Sandbox) Enter(ctx context.Context) (*Invocation, error) {
	inv := InvocationFrom(ctx)
	if sb == nil {
		return inv, nil
	}
	for {
		if sb.ctx.Err() != nil {
			return inv, ErrDead
		}
		sb.mu.Lock()
		running, thawed := sb.running, sb.thawed
		sb.mu.Unlock()
		if running != nil {
			if inv == nil {
				inv = running
			}
			return inv, nil
		}
		select {
		case <-thawed:
		case <-sb.ctx.Done():
		case <-ctx.Done():
			return inv, context.Cause(ctx)
		}
	}
}
