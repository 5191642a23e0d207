package jsonata

import (
	"context"
	"crypto/md5"  //nolint:gosec // $hash offers it
	"crypto/sha1" //nolint:gosec // $hash offers it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// vm is one interpreter with the library loaded. It serves one goroutine.
type vm struct {
	limit    time.Duration // of one evaluation
	rt       *goja.Runtime
	compiled map[string]goja.Value
	broken   bool // interrupted: must not be used again
	now      func() time.Time
	random   func() float64

	compileFn, variablesFn, rootlessFn, evaluateFn, parseFn goja.Callable
}

func (p *Interpreters) newVM() (*vm, error) {
	v := &vm{limit: p.limit, rt: goja.New(), compiled: map[string]goja.Value{}, now: time.Now}
	v.rt.SetTimeSource(func() time.Time { return v.now() })
	v.rt.SetMaxCallStackSize(callStackLimit)
	host := v.rt.NewObject()
	window := v.rt.NewObject() // where the library looks for base64
	err := errors.Join(
		window.Set("btoa", func(s string) string { return base64.StdEncoding.EncodeToString(latin1(s)) }),
		window.Set("atob", v.atob),
		host.Set("hash", v.hash),
		host.Set("random", v.randomNumber),
		host.Set("uuid", v.uuid),
	)
	if err != nil {
		return nil, fmt.Errorf("load jsonata: %w", err)
	}
	if _, err := v.rt.RunProgram(p.library); err != nil {
		return nil, fmt.Errorf("load jsonata: %w", err)
	}
	made, err := v.rt.RunProgram(p.shim)
	if err != nil {
		return nil, fmt.Errorf("load jsonata: %w", err)
	}
	start, ok := goja.AssertFunction(made)
	if !ok {
		return nil, errors.New("load jsonata: the shim is not a function")
	}
	api, err := start(goja.Undefined(), v.rt.Get("jsonata"), host, v.rt.ToValue(p.keepEval), v.rt.ToValue(p.steps), v.rt.ToValue(p.depth))
	if err != nil {
		return nil, fmt.Errorf("load jsonata: %w", err)
	}
	if err := v.rt.Set("window", window); err != nil {
		return nil, fmt.Errorf("load jsonata: %w", err)
	}
	functions := api.ToObject(v.rt)
	for name, f := range map[string]*goja.Callable{
		"compile": &v.compileFn, "variables": &v.variablesFn, "rootless": &v.rootlessFn,
		"evaluate": &v.evaluateFn, "parse": &v.parseFn,
	} {
		if *f, ok = goja.AssertFunction(functions.Get(name)); !ok {
			return nil, fmt.Errorf("load jsonata: the shim lacks %s", name)
		}
	}
	return v, nil
}

// compile returns the library's object for a source text.
func (v *vm) compile(source string) (goja.Value, error) {
	if x := v.compiled[source]; x != nil {
		return x, nil
	}
	x, err := v.compileFn(goja.Undefined(), v.rt.ToValue(source))
	if err != nil {
		return nil, v.failure(err)
	}
	if len(v.compiled) >= cachedPerVM {
		clear(v.compiled)
	}
	v.compiled[source] = x
	return x, nil
}

// inspect reads the syntax tree of an expression.
func (v *vm) inspect(source string) (x facts, err error) {
	compiled, err := v.compile(source)
	if err != nil {
		return x, err
	}
	found, err := v.variablesFn(goja.Undefined(), compiled)
	if err != nil {
		return x, v.failure(err)
	}
	var names []string
	if err := v.rt.ExportTo(found, &names); err != nil {
		return x, fmt.Errorf("inspect expression: %w", err)
	}
	x.steps = steps(source)
	for _, name := range names {
		if section, ok := strings.CutPrefix(name, "states."); ok {
			x.named = append(x.named, section)
		} else {
			x.variables = append(x.variables, name)
		}
	}
	x.sections = x.named
	if slices.Contains(x.variables, "states") {
		x.sections = stateSections
	}
	reference, err := v.rootlessFn(goja.Undefined(), compiled)
	if err != nil {
		return x, v.failure(err)
	}
	x.rootless = reference.String()
	return x, nil
}

func (v *vm) evaluate(ctx context.Context, source string, input, bindings goja.Value) (json.RawMessage, bool, error) {
	compiled, err := v.compile(source)
	if err != nil {
		return nil, false, err
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	// The timer's end is awaited, so that a late interrupt cannot hit the next evaluation.
	fired := make(chan struct{})
	timer := time.AfterFunc(v.limit, func() {
		v.rt.Interrupt("time limit")
		close(fired)
	})
	value, err := v.evaluateFn(goja.Undefined(), compiled, input, bindings)
	if !timer.Stop() {
		<-fired
		v.broken = true
	}
	if err != nil {
		return nil, false, v.failure(err)
	}
	if goja.IsUndefined(value) {
		return nil, false, nil
	}
	out, err := v.encode(nil, value)
	return out, err == nil, err
}

func (v *vm) parse(text goja.Value) (goja.Value, error) {
	value, err := v.parseFn(goja.Undefined(), text)
	if err != nil {
		return nil, v.failure(err)
	}
	return value, nil
}

// failure turns what a script threw into an *Error.
func (v *vm) failure(err error) error {
	if _, ok := errors.AsType[*goja.InterruptedError](err); ok {
		v.broken = true
		return &Error{Code: "U1001", Message: "Expression evaluation timeout: Check for infinite loop"}
	}
	if _, ok := errors.AsType[*goja.StackOverflowError](err); ok {
		v.broken = true
		return &Error{Code: "U1001", Message: "Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive."}
	}
	thrown, ok := errors.AsType[*goja.Exception](err)
	if !ok {
		return fmt.Errorf("evaluate: %w", err)
	}
	if goja.IsUndefined(thrown.Value()) || goja.IsNull(thrown.Value()) {
		return &Error{Message: "the expression threw nothing"}
	}
	object := thrown.Value().ToObject(v.rt)
	e := &Error{Message: thrown.Value().String()}
	if code := object.Get("code"); code != nil && !goja.IsUndefined(code) {
		e.Code = code.String()
	}
	if message := object.Get("message"); message != nil && !goja.IsUndefined(message) {
		e.Message = message.String()
	}
	return e
}

// encode appends the JSON form of value, with keys in the order in which they
// were made, as JSON.stringify, but refuses functions.
func (v *vm) encode(out []byte, value goja.Value) ([]byte, error) {
	object, ok := value.(*goja.Object)
	if !ok {
		switch x := value.Export().(type) {
		case nil:
			return append(out, "null"...), nil
		case bool:
			return strconv.AppendBool(out, x), nil
		case int64:
			return strconv.AppendInt(out, x, 10), nil
		case float64:
			if x-x != 0 { // infinite or not a number: AWS fails only if it is used further
				return append(out, "null"...), nil
			}
			return append(out, value.String()...), nil
		case string:
			return AppendString(out, x), nil
		}
		return nil, ErrUnsupportedResult
	}
	if _, ok := goja.AssertFunction(object); ok {
		return nil, ErrUnsupportedResult
	}
	var err error
	if object.ClassName() == "Array" {
		out = append(out, '[')
		for i := range int(object.Get("length").ToInteger()) {
			if i > 0 {
				out = append(out, ',')
			}
			item := object.Get(strconv.Itoa(i))
			if item == nil || goja.IsUndefined(item) {
				out = append(out, "null"...)
			} else if out, err = v.encode(out, item); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	}
	out = append(out, '{')
	first := true
	for _, key := range object.Keys() {
		if key == "_jsonata_lambda" || key == "_jsonata_function" {
			return nil, ErrUnsupportedResult
		}
		item := object.Get(key)
		if item == nil || goja.IsUndefined(item) {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(AppendString(out, key), ':')
		if out, err = v.encode(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// AppendString appends s as a JSON string, escaping only what JSON demands.
func AppendString(out []byte, s string) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c < utf8.RuneSelf:
			out = append(out, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		i++
	}
	return append(out, '"')
}

func latin1(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		out = append(out, byte(r))
	}
	return out
}

func (v *vm) atob(s string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", errors.New("the string is not base64")
	}
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes), nil
}

func (v *vm) hash(call goja.FunctionCall) goja.Value {
	if goja.IsUndefined(call.Argument(0)) {
		return goja.Undefined()
	}
	var h hash.Hash
	switch name := call.Argument(1).String(); name {
	case "MD5":
		h = md5.New() //nolint:gosec // what the caller asked for
	case "SHA-1":
		h = sha1.New() //nolint:gosec // what the caller asked for
	case "SHA-256":
		h = sha256.New()
	case "SHA-384":
		h = sha512.New384()
	case "SHA-512":
		h = sha512.New()
	default:
		panic(v.rt.NewTypeError("The second argument of $hash must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512"))
	}
	h.Write([]byte(call.Argument(0).String()))
	return v.rt.ToValue(hex.EncodeToString(h.Sum(nil)))
}

// randomNumber is $random: with a seed it gives the first number of Java's
// generator for that seed, as the service runs on Java (observed nowhere, but
// documented to be the same for the same seed).
func (v *vm) randomNumber(call goja.FunctionCall) goja.Value {
	if goja.IsUndefined(call.Argument(0)) {
		return v.rt.ToValue(v.random())
	}
	const multiplier, mask = 0x5DEECE66D, 1<<48 - 1
	seed := (uint64(call.Argument(0).ToInteger()) ^ multiplier) & mask //nolint:gosec // wraps as Java's long
	next := func(bits int) uint64 {
		seed = (seed*multiplier + 0xB) & mask
		return seed >> (48 - bits)
	}
	high := next(26)
	return v.rt.ToValue(float64(high<<27+next(27)) / (1 << 53))
}

func (v *vm) uuid(goja.FunctionCall) goja.Value {
	var b [16]byte
	for i := range b {
		b[i] = byte(v.random() * 256)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return v.rt.ToValue(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}
