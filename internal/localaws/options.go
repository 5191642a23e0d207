package localaws

import (
	"context"
	"io/fs"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/jsonata"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/sqs"
)

// Factory starts one sandbox of a function, as main does before lambda.Start:
// env is the function's environment and cfg calls the stack as the function's
// role, from this sandbox alone: once it is thrown away its calls fail, and while
// it is frozen they wait, whatever context they have. Clients of anything else
// are told from others by the context of the invocation, or by ctx: see
// [SandboxTransport].
type Factory func(ctx context.Context, env map[string]string, cfg aws.Config) (lambda.Handler, error)

// Options configures a [Stack]. Dir is required.
type Options struct {
	// Dir is the folder of the template; state machine definitions are found
	// relative to it.
	Dir fs.FS
	// TemplatePath is the template's path in Dir; "" is template.yaml.
	TemplatePath string
	// Template is the template itself, instead of TemplatePath.
	Template []byte
	// Parameters override the template's defaults.
	Parameters map[string]string
	// Region, Account and StackName are us-east-1, 123456789012 and sluice if "".
	Region, Account, StackName string

	// Functions has the code of every function of the template, by the last
	// element of its CodeUri. Nil: the stack is there for its data, and
	// whatever is invoked fails.
	Functions map[string]Factory

	// StateDir is the folder that outlives the process: journal.jsonl and
	// objects/. "" keeps everything in memory.
	StateDir string

	Tables  dynamodb.Dials                     // throttling, conflicts and lags of DynamoDB
	Faults  Faults                             // nil: nothing goes wrong
	Disturb func(queue string) sqs.Disturbance // of messages sent to a queue; nil: nothing
	// EventCopies says how often an event about an execution is delivered; nil
	// is once. AWS promises at least once.
	EventCopies func(executionARN string) int

	Logger *slog.Logger // nil discards

	// Interpreters are shared with other stacks, to open many quickly; nil: the
	// stack has its own.
	Interpreters *jsonata.Interpreters
}
