package lambda

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"runtime"
	"strings"

	"github.com/aws/aws-lambda-go/lambda/messages"
)

// describeError turns a handler's error into what aws-lambda-go's runtime loop
// reports: the type's bare name, which state machines match in ErrorEquals,
// unless the error is a ready-made [messages.InvokeResponse_Error].
func describeError(err error) *messages.InvokeResponse_Error {
	if ready, ok := err.(messages.InvokeResponse_Error); ok { //nolint:errorlint // the runtime does not unwrap either
		return &ready
	}
	return &messages.InvokeResponse_Error{Message: err.Error(), Type: typeName(err)}
}

func describePanic(v any) *messages.InvokeResponse_Error {
	if ready, ok := v.(messages.InvokeResponse_Error); ok {
		return &ready
	}
	return &messages.InvokeResponse_Error{
		Message:    fmt.Sprint(v),
		Type:       typeName(v),
		StackTrace: stack(),
		ShouldExit: true,
	}
}

func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// stack returns the frames of the panicking goroutine, the innermost first, with
// paths and labels as short as the runtime makes them.
func stack() []*messages.InvokeResponse_Error_StackFrame {
	pcs := make([]uintptr, 32)
	pcs = pcs[:runtime.Callers(4, pcs)]
	frames := runtime.CallersFrames(pcs)
	var trace []*messages.InvokeResponse_Error_StackFrame
	for {
		frame, more := frames.Next()
		parts := strings.Split(frame.File, "/")
		keep := strings.Count(frame.Function, "/") + 2
		_, label, _ := strings.Cut(path.Base(frame.Function), ".")
		trace = append(trace, &messages.InvokeResponse_Error_StackFrame{
			Path: strings.Join(parts[max(0, len(parts)-keep):], "/"), Line: int32(frame.Line), Label: label, //nolint:gosec // a source line fits
		})
		if !more {
			return trace
		}
	}
}

func encodeFailure(fail *messages.InvokeResponse_Error) []byte {
	payload, err := json.Marshal(fail)
	if err != nil { // strings and numbers only: cannot fail
		return []byte(`{"errorMessage":"the error could not be encoded","errorType":"Runtime.SerializationError"}`)
	}
	return payload
}
