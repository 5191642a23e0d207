package jsonata

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/dop251/goja"
)

// Scope is what expressions see.
type Scope struct {
	Input     json.RawMessage            // the input document; nil (always, in Step Functions) is undefined
	States    map[string]json.RawMessage // sections of $states; the variable is undefined if nil
	Variables map[string]json.RawMessage // by name without $

	Now    func() time.Time // $now and $millis; time.Now if nil
	Random func() float64   // $random without a seed, and $uuid; in [0, 1); random if nil
}

// Session evaluates several expressions in one scope on one interpreter, so
// that each part of the scope is parsed at most once. It is for one goroutine
// and must be closed, soon: others wait for the interpreter, which it takes at
// the first expression that needs one.
type Session struct {
	engine *Engine
	vm     *vm
	ctx    context.Context
	scope  Scope
	parsed map[string]goja.Value // of variables, and of sections under "states." + name
}

// Session starts a session. ctx bounds the waiting for an interpreter.
func (e *Engine) Session(ctx context.Context, scope Scope) *Session {
	if scope.Now == nil {
		scope.Now = time.Now
	}
	if scope.Random == nil {
		scope.Random = rand.Float64
	}
	return &Session{engine: e, ctx: ctx, scope: scope}
}

// Close gives the interpreter back.
func (s *Session) Close() {
	if s.vm != nil {
		s.engine.release(s.vm)
		s.vm = nil
	}
}

// ready takes an interpreter, or a new one if an evaluation of this session
// had to be interrupted.
func (s *Session) ready() error {
	if s.vm != nil && !s.vm.broken {
		return nil
	}
	s.Close()
	v, err := s.engine.acquire(s.ctx)
	if err != nil {
		return err
	}
	v.now, v.random = s.scope.Now, s.scope.Random
	s.vm, s.parsed = v, map[string]goja.Value{}
	return nil
}

// SetSection replaces one section of $states.
func (s *Session) SetSection(name string, value json.RawMessage) {
	s.scope.States[name] = value
	delete(s.parsed, "states."+name)
}

// Evaluate evaluates x and returns its result as JSON; defined is false if the
// result is undefined, JSONata's "nothing". Failures are *Error values,
// [ErrUnsupportedResult], or the context's error.
func (s *Session) Evaluate(x *Expr) (result json.RawMessage, defined bool, err error) {
	if x.steps != nil {
		if value, ok := s.scope.pick(x.steps); ok {
			return value, true, nil
		}
	}
	if err := s.ready(); err != nil {
		return nil, false, err
	}
	bindings := s.vm.rt.NewObject()
	for _, name := range x.variables {
		raw, ok := s.scope.Variables[name]
		if !ok {
			continue
		}
		value, err := s.value(name, raw)
		if err != nil {
			return nil, false, err
		}
		if err := bindings.Set(name, value); err != nil {
			return nil, false, err
		}
	}
	if s.scope.States != nil && len(x.sections) > 0 {
		states := s.vm.rt.NewObject()
		for _, name := range stateSections {
			raw, ok := s.scope.States[name]
			if !ok || !slices.Contains(x.sections, name) {
				continue
			}
			value, err := s.value("states."+name, raw)
			if err != nil {
				return nil, false, err
			}
			if err := states.Set(name, value); err != nil {
				return nil, false, err
			}
		}
		if err := bindings.Set("states", states); err != nil {
			return nil, false, err
		}
	}
	input := goja.Undefined()
	if s.scope.Input != nil {
		if input, err = s.value("", s.scope.Input); err != nil {
			return nil, false, err
		}
	}
	return s.vm.evaluate(s.ctx, x.source, input, bindings)
}

func (s *Session) value(key string, raw json.RawMessage) (goja.Value, error) {
	if v, ok := s.parsed[key]; ok {
		return v, nil
	}
	v, err := s.vm.parse(s.vm.rt.ToValue(string(raw)))
	if err == nil {
		s.parsed[key] = v
	}
	return v, err
}

// Evaluate evaluates the expression alone, in a session of its own.
func (x *Expr) Evaluate(ctx context.Context, scope Scope) (result json.RawMessage, defined bool, err error) {
	s := x.engine.Session(ctx, scope)
	defer s.Close()
	return s.Evaluate(x)
}
