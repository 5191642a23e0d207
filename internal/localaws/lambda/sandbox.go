package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// Result is the answer of an invocation. FunctionError is "" or, if the payload
// describes an error of the function, "Unhandled": custom runtimes know no
// other kind.
type Result struct {
	RequestID     string
	Payload       []byte
	FunctionError string
}

// Invoke runs a function and waits for its answer. An error means that the
// function did not run: it is an AWS error such as TooManyRequestsException, or
// ctx ended; in that case the function goes on, as on AWS.
func (s *Service) Invoke(ctx context.Context, name string, payload []byte) (Result, error) {
	if len(payload) > maxSyncPayload {
		return Result{}, tooLarge(maxSyncPayload)
	}
	f, err := s.find(name)
	if err != nil {
		return Result{}, err
	}
	if err := checkPayload(payload); err != nil {
		return Result{}, err
	}
	done, err := s.start(ctx, f, s.nextID(), payload)
	if err != nil {
		return Result{}, err
	}
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	}
}

func tooLarge(limit int) error {
	return wire.Errorf(413, "RequestEntityTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", limit)
}

func checkPayload(payload []byte) error {
	if len(payload) > 0 && !json.Valid(payload) {
		return wire.Errorf(400, "InvalidRequestContentException", "Could not parse request body into json")
	}
	return nil
}

// takeIdle returns the sandbox that was used last, or nil. One that was killed
// after it had answered is gone.
func (f *function) takeIdle() *Sandbox {
	for n := len(f.idle); n > 0; n = len(f.idle) {
		sb := f.idle[n-1]
		f.idle[n-1] = nil
		f.idle = f.idle[:n-1]
		if sb.ctx.Err() == nil {
			return sb
		}
	}
	return nil
}

// start takes a concurrency slot and runs the invocation in the background. Of
// ctx only the trace matters.
func (s *Service) start(ctx context.Context, f *function, id string, payload []byte) (<-chan Result, error) {
	trace, err := f.extend(ctx, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, wire.Errorf(503, "ServiceException", "the stack is closed")
	}
	if f.Reserved != nil && f.active >= *f.Reserved {
		s.mu.Unlock()
		return nil, throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
	}
	if f.Reserved == nil && s.sharedInUse >= s.unreserved {
		s.mu.Unlock()
		return nil, throttled("ConcurrentInvocationLimitExceeded")
	}
	f.active++
	f.invocations++
	if f.Reserved == nil {
		s.sharedInUse++
	}
	sb := f.takeIdle()
	s.running.Add(1) // under the lock, so that Close cannot have begun to wait
	s.mu.Unlock()

	if len(payload) == 0 {
		payload = []byte("{}")
	}
	done := make(chan Result, 1)
	go func() {
		defer s.running.Done()
		done <- s.run(f, sb, &Invocation{ID: id, Function: f.Name, Trace: trace}, payload)
	}()
	return done, nil
}

func throttled(reason string) error {
	e := wire.Errorf(429, "TooManyRequestsException", "Rate Exceeded.")
	e.Members = map[string]any{"Reason": reason}
	return e
}

// run initialises a sandbox if there is none, invokes the handler, meters, and
// gives the slot back.
func (s *Service) run(f *function, sb *Sandbox, inv *Invocation, payload []byte) Result {
	started := time.Now()
	deadline := started.Add(f.Timeout)
	var fail *messages.InvokeResponse_Error
	if sb == nil {
		sb, deadline, fail = s.initialise(f, inv)
	} else {
		inv.sandbox = sb
		sb.thaw(inv)
	}
	var out []byte
	if fail == nil {
		out, fail = s.invoke(f, inv, deadline, payload)
	}
	result := Result{RequestID: inv.ID, Payload: out}
	if fail == nil && len(out) > maxResponse {
		fail = &messages.InvokeResponse_Error{
			Type:    "Function.ResponseSizeTooLarge",
			Message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse),
		}
	}
	if fail != nil {
		result.FunctionError, result.Payload = "Unhandled", encodeFailure(fail)
		s.log.Warn("function failed", slog.String("function", f.Name), slog.String("request_id", inv.ID), slog.String("kind", fail.Type))
	}
	keep := fail == nil || !fail.ShouldExit
	if keep {
		sb.freeze()
	} else {
		inv.Kill() // whatever the abandoned handler still tries must have no effect
	}

	billed := max(1, math.Ceil(float64(time.Since(started))/float64(time.Millisecond)))
	s.opts.Meter.Add(meter.LambdaRequests, 1)
	s.opts.Meter.Add(meter.LambdaGBMilliseconds, billed*float64(f.MemoryMB)/1024)
	s.mu.Lock()
	f.active--
	if f.Reserved == nil {
		s.sharedInUse--
	}
	if keep {
		f.idle = append(f.idle, sb)
	}
	s.mu.Unlock()
	return result
}

// outcome is what a goroutine that ran the function's code came to.
type outcome struct {
	handler Handler
	payload []byte
	fail    *messages.InvokeResponse_Error
}

// initialise starts a sandbox, whose invocation must end by the deadline it
// returns. If that fails, Lambda tries once more as a part of the invocation,
// within the function's time-out (Lambda developer guide, "Lambda execution
// environment lifecycle", November 2026), and reports a second failure in the
// answer.
func (s *Service) initialise(f *function, inv *Invocation) (*Sandbox, time.Time, *messages.InvokeResponse_Error) {
	sb, fail := s.boot(f, inv, time.Now().Add(initLimit), initLimit)
	deadline := time.Now().Add(f.Timeout)
	if fail != nil && s.ctx.Err() == nil {
		sb, fail = s.boot(f, inv, deadline, f.Timeout)
	}
	return sb, deadline, fail
}

// boot runs a function's constructor in a new sandbox.
func (s *Service) boot(f *function, inv *Invocation, deadline time.Time, limit time.Duration) (*Sandbox, *messages.InvokeResponse_Error) {
	s.mu.Lock()
	f.inits++
	s.mu.Unlock()
	sb := newSandbox(s.ctx)
	inv.sandbox = sb
	sb.thaw(inv)
	o := s.guard(f, inv, deadline, limit, func() (o outcome) {
		handler, err := f.New(sb.ctx, f.Env)
		if err != nil {
			// The process would have printed this and exited.
			s.log.Error("function did not start", slog.String("function", f.Name), slog.String("error", err.Error()))
			return outcome{fail: exited(inv, "exit status 1")}
		}
		return outcome{handler: handler}
	})
	if o.fail != nil {
		o.fail.ShouldExit = true
		inv.Kill()
	}
	sb.handler = o.handler
	return sb, o.fail
}

func (s *Service) invoke(f *function, inv *Invocation, deadline time.Time, payload []byte) ([]byte, *messages.InvokeResponse_Error) {
	ctx, cancel := context.WithDeadline(context.WithValue(inv.sandbox.ctx, invocationKey{}, inv), deadline)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: inv.ID, InvokedFunctionArn: f.ARN})
	o := s.guard(f, inv, deadline, f.Timeout, func() outcome {
		payload, err := inv.sandbox.handler.Invoke(ctx, payload)
		if err != nil {
			return outcome{fail: describeError(err)}
		}
		// aws-lambda-go writes the next answer of the sandbox over this one.
		return outcome{payload: bytes.Clone(payload)}
	})
	return o.payload, o.fail
}

// guard runs code in a goroutine of its own until it returns, the deadline
// passes or the invocation is killed, whichever is first. At the deadline
// itself the time-out wins, however quickly the code noticed.
func (s *Service) guard(f *function, inv *Invocation, deadline time.Time, limit time.Duration, code func() outcome) outcome {
	done := make(chan outcome, 1)
	s.running.Add(1) // run holds the group open, so this cannot race with Close
	f.code.Add(1)
	go func() {
		defer s.running.Done()
		defer f.code.Add(-1)
		defer func() {
			if v := recover(); v != nil {
				done <- outcome{fail: describePanic(v)}
			}
		}()
		done <- code()
	}()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var o outcome
	select {
	case o = <-done:
	case <-timer.C:
	case <-inv.sandbox.ctx.Done(): // killed, or the service closes
	}
	switch {
	case inv.Dead():
		return outcome{fail: exited(inv, "signal: killed")}
	case !time.Now().Before(deadline):
		return outcome{fail: &messages.InvokeResponse_Error{
			Type:       "Sandbox.Timedout",
			Message:    fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.ID, limit.Seconds()),
			ShouldExit: true,
		}}
	}
	return o
}

func exited(inv *Invocation, how string) *messages.InvokeResponse_Error {
	return &messages.InvokeResponse_Error{
		Type:       "Runtime.ExitError",
		Message:    fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", inv.ID, how),
		ShouldExit: true,
	}
}
