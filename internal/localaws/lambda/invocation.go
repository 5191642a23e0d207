package lambda

import (
	"context"
	"errors"
	"sync"
)

// ErrDead is why a call of a killed or timed-out worker fails.
var ErrDead = errors.New("this worker is dead: the call has no effect")

// Invocation is one run of a handler, alive until it has answered, timed out
// or been killed. A nil Invocation is code outside any function: it lives and
// cannot be killed.
type Invocation struct {
	ID       string // the request id that the handler sees
	Function string

	once sync.Once
	dead chan struct{}
	end  context.CancelCauseFunc // of the sandbox
}

type invocationKey struct{}

// InvocationFrom returns the invocation that ctx belongs to, or nil.
func InvocationFrom(ctx context.Context) *Invocation {
	inv, _ := ctx.Value(invocationKey{}).(*Invocation)
	return inv
}

// Dead reports whether the worker was killed or timed out.
func (i *Invocation) Dead() bool {
	if i == nil {
		return false
	}
	select {
	case <-i.dead:
		return true
	default:
		return false
	}
}

// Kill ends the worker as a crash would: its context ends, calls that carry it
// fail from now on, its answer is thrown away and so is its sandbox.
func (i *Invocation) Kill() {
	if i == nil {
		return
	}
	i.once.Do(func() {
		close(i.dead)
		i.end(ErrDead)
	})
}
