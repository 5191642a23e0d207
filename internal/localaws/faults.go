package localaws

import (
	"context"
	"time"
)

// Faults plans what goes wrong with calls from inside functions, from clients made
// by [Stack.Config] and from state machines to SQS and Lambda. It is asked before
// every call, from many goroutines. Other calls that services make to one another,
// such as a queue's poller or the reader of a map's objects, are not asked about.
type Faults interface {
	// BeforeCall is told the signing name of the service ("dynamodb"; for calls
	// through [Transport] the host), the operation ("PutItem"; for [Transport]
	// the method and path) and who calls: the function's name, else the role's,
	// else "". A state machine has no worker that could be killed.
	BeforeCall(ctx context.Context, service, operation, caller string) Fault
}

// Mishap is one way for a call to go wrong.
type Mishap int

// The mishaps. The zero value is none.
const (
	NoMishap    Mishap = iota
	Throttle           // refused with the service's throttling error, no effect
	ServerError        // refused with HTTP 500, no effect
	KillBefore         // the worker dies before the call has an effect
	KillAfter          // the call has its effect, then the worker dies
	LoseAnswer         // the call has its effect, the client sees a reset connection
)

// Fault is what happens to one call: first the delay, in time of the caller's
// clock, then the mishap.
type Fault struct {
	Mishap Mishap
	Delay  time.Duration
}
