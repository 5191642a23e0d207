// Package lambdax is what every Lambda handler shares: errors leave a function
// under their fault kind, so that the state machine can react to them, and
// panics are logged before they do. It imports aws-lambda-go and fault.
package lambdax

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/messageai/sluice/internal/fault"
)

// Handler adapts a stage's function to Lambda. A payload that does not decode
// is InvalidInput; the payload itself is never logged. An input that says for
// whom it is (a chunk of a run, for example) says so in the context, too.
func Handler[In, Out any](log *slog.Logger, run func(context.Context, In) (Out, error)) lambda.Handler {
	return handler(func(ctx context.Context, payload []byte) (answer []byte, err error) {
		defer func() {
			if p := recover(); p != nil {
				log.ErrorContext(ctx, "panic", "stack", string(debug.Stack()))
				err = named(fault.Wrap(fault.Internal, "lambda.handle", errors.New("the function panicked")))
			}
		}()
		var in In
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, named(fault.New(fault.InvalidInput, "lambda.decode", "the input is not what this function takes; see events/ for samples"))
		}
		if work, ok := any(in).(interface {
			Within(ctx context.Context) context.Context
		}); ok {
			ctx = work.Within(ctx)
		}
		out, err := run(ctx, in)
		if err != nil {
			log.WarnContext(ctx, "function failed", "kind", string(fault.KindOf(err)), "error", err)
			return nil, named(err)
		}
		if answer, err = json.Marshal(out); err != nil {
			return nil, named(fmt.Errorf("encode answer: %w", err))
		}
		return answer, nil
	})
}

// named gives an error the name that the state machine sees.
func named(err error) error {
	return messages.InvokeResponse_Error{Type: string(fault.KindOf(err)), Message: fault.Message(err)}
}

type handler func(ctx context.Context, payload []byte) ([]byte, error)

func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }
