// Package app is the composition root: it builds each function from its
// environment, once per cold start. It may import everything but localaws,
// sandbox and practice; a function's main imports nothing else.
package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"google.golang.org/grpc"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/config"
	"github.com/messageai/sluice/internal/email/mx"
	"github.com/messageai/sluice/internal/lambdax"
	"github.com/messageai/sluice/internal/orchestrate"
	"github.com/messageai/sluice/internal/secrets"
	"github.com/messageai/sluice/internal/store"
)

// Outside is how a function reaches providers. The zero value is the real
// network.
type Outside struct {
	Transport http.RoundTripper // nil: the network
	DNS       mx.DNS            // nil: the resolver of the system
	GRPC      []grpc.DialOption // further options, for an index in this process
	Log       *slog.Logger      // nil: JSON lines on standard output
	Generous  bool              // accounts without binding quotas: do not limit calls
	// Opened is told of connections that live as long as the function's sandbox:
	// Lambda freezes them with it, a test closes them. May be nil.
	Opened func(io.Closer)
}

// Function builds a function's handler from its environment.
type Function func(ctx context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error)

// Functions are all functions, by the name of their folder.
func Functions() map[string]Function {
	return map[string]Function{
		"api": API, "plan": Plan, "discover": Discover, "enrich": Enrich, "score": Score, "convert": Convert,
		"push-hubspot": PushHubSpot, "finalize": Finalize, "reap": Reap,
	}
}

// Main runs a function in Lambda. It ends the process if the function cannot
// be built: the log then says what is missing.
func Main(build Function) {
	ctx := context.Background()
	log := logger()
	env := config.Environ()
	handler, err := build(ctx, env, account(env), Outside{Log: log})
	if err != nil {
		log.ErrorContext(ctx, "the function could not start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

// account is the AWS account as Lambda hands it to a function: region and
// credentials of its role in the environment. The SDK's own search for them
// would find the same after 30 ms, and weighs half a megabyte.
func account(env config.Env) aws.Config {
	return aws.Config{
		Region:                     env["AWS_REGION"],
		Credentials:                credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	}
}

func logger() *slog.Logger { return slog.New(slog.NewJSONHandler(os.Stdout, nil)) }

// parts are what functions are made of.
type parts struct {
	env     config.Env
	conf    config.Function
	cfg     aws.Config
	outside Outside
	store   *store.Store
	machine *orchestrate.Client
	secrets *secrets.Store
	log     *slog.Logger
	now     func() time.Time
	kit     *kit
}

// assemble reads the environment and makes the parts; it does no I/O.
func assemble(env config.Env, cfg aws.Config, outside Outside, needs ...string) (*parts, error) {
	conf, err := env.Function(needs...)
	if err != nil {
		return nil, err
	}
	p := &parts{env: env, conf: conf, cfg: cfg, outside: outside, log: outside.Log, now: time.Now}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.store = store.New(cfg, store.Options{
		Core: conf.CoreTable, Prospects: conf.ProspectsTable, Ledger: conf.LedgerTable, Control: conf.ControlTable,
		Bucket: conf.Bucket, KeyID: conf.KeyID, Now: p.now,
	})
	p.machine = orchestrate.New(cfg)
	p.secrets = secrets.New(cfg, conf.SecretPrefix, p.store, p.now)
	p.kit = newKit(p)
	return p, nil
}

// budget is how the function's paid calls are made; alerts are told on the way.
func (p *parts) budget() budget.Budget { return budget.Budget{Ledger: p.watch()} }

func (p *parts) watch() *budget.Watch {
	return budget.NewWatch(p.store, p.store, "Sluice/"+p.conf.Stage, p.log, p.now)
}

// Environment variables that most functions need.
const (
	coreTable      = "SLUICE_TABLE_CORE"
	prospectsTable = "SLUICE_TABLE_PROSPECTS"
	ledgerTable    = "SLUICE_TABLE_LEDGER"
	controlTable   = "SLUICE_TABLE_CONTROL"
	bucket         = "SLUICE_BUCKET"
	keyID          = "SLUICE_KEY_ID"
	secretPrefix   = "SLUICE_SECRET_PREFIX" //nolint:gosec // the name of a variable, not a secret
)

// stage adapts a stage's Run to Lambda.
func stage[In, Out any](p *parts, run func(context.Context, In) (Out, error)) lambda.Handler {
	return lambdax.Handler(p.log, func(ctx context.Context, in In) (Out, error) {
		out, err := run(ctx, in)
		p.kit.report(ctx)
		return out, err
	})
}
