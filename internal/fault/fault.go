// Package fault is the one error vocabulary of Sluice: every error that
// somebody reacts to has a [Kind], and the Kind is also the Step Functions
// error name. It imports the standard library only.
//
// Make an [Error] where the cause is known (transport, store, policy) and only
// wrap with %w elsewhere. React with [KindOf]; never match text.
package fault

import (
	"context"
	"errors"
	"time"
)

// Kind says how to react to an error.
type Kind string

// The kinds. Adding one means changing the state machine's Retry and Catch
// lists and docs/errors.md in the same commit.
const (
	InvalidInput    Kind = "InvalidInput"    // our caller's data is wrong: the record fails, no retry
	NotFound        Kind = "NotFound"        // something that must exist does not
	Conflict        Kind = "Conflict"        // a conditional write was lost: read again or treat as done
	RateLimited     Kind = "RateLimited"     // throttled, by them or by our limiter: wait RetryAfter
	QuotaExhausted  Kind = "QuotaExhausted"  // credits or plan used up until a date: use the next provider
	CapReached      Kind = "CapReached"      // the run's or team's money cap forbids the next call: the run pauses
	Unavailable     Kind = "Unavailable"     // 5xx, network, time-out: try again later
	Unclear         Kind = "Unclear"         // the request may have taken effect: look before repeating
	CircuitOpen     Kind = "CircuitOpen"     // our breaker is open: use the next provider
	Unauthenticated Kind = "Unauthenticated" // the key was rejected: somebody must act
	Forbidden       Kind = "Forbidden"       // the key may not do this: somebody must act
	BadResponse     Kind = "BadResponse"     // the provider answered outside its contract
	Blocked         Kind = "Blocked"         // law or terms forbid it: a terminal outcome, not an incident
	Internal        Kind = "Internal"        // a bug, a panic, anything unknown
)

// Kinds returns every kind, in the order of the list above.
func Kinds() []Kind {
	return []Kind{
		InvalidInput, NotFound, Conflict, RateLimited, QuotaExhausted, CapReached, Unavailable,
		Unclear, CircuitOpen, Unauthenticated, Forbidden, BadResponse, Blocked, Internal,
	}
}

// Error is an error with a kind. Its text holds the operation, the kind and a
// message that is safe to log: no personal data, no body, no secret.
type Error struct {
	Kind       Kind
	Op         string        // a constant such as "hunter.find_email"
	Provider   string        // empty if no provider is involved
	Message    string        // what happened and what to do, for a person
	RetryAfter time.Duration // zero: not known
	// Acted: the request may have taken effect, and been charged, though repeating
	// it is safe. Where it is not, the kind is Unclear.
	Acted bool
	Err   error // cause; never a provider's body
}

// New makes an [*Error].
func New(kind Kind, op, message string) *Error {
	return &Error{Kind: kind, Op: op, Message: message}
}

// Wrap makes an [*Error] around a cause.
func Wrap(kind Kind, op string, err error) *Error {
	return &Error{Kind: kind, Op: op, Err: err}
}

func (e *Error) Error() string {
	s := e.Op + ": " + string(e.Kind)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err: of the first [*Error] in its chain, else
// Unavailable for an expired or cancelled context, else Internal; "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Unavailable
	}
	return Internal
}

// Is reports whether err is of one of the kinds.
func Is(err error, kinds ...Kind) bool {
	k := KindOf(err)
	for _, want := range kinds {
		if k == want && err != nil {
			return true
		}
	}
	return false
}

// MayHaveActed reports whether a request that may be repeated failed in a way
// that leaves open whether it took effect.
func MayHaveActed(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Acted
}

// RetryAfter returns how long the first [*Error] in err's chain asks to wait,
// zero if it does not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// Message returns the text for a person: the message of the first [*Error] in
// the chain, else a sentence that gives nothing away.
func Message(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Message != "" {
		return e.Message
	}
	return "something went wrong on our side; the log has the details under the request id"
}
