// Package practice is practice mode: the whole product from the deploy
// template, in this process, with simulated providers over a synthetic market.
// The demo, the development server, the benchmark and the end-to-end tests run
// it. It imports app, localaws, sandbox and what they need; nothing that is
// deployed imports it.
package practice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/app"
	"github.com/messageai/sluice/internal/bulk"
	"github.com/messageai/sluice/internal/config"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/jsonata"
	hosting "github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/apollo"
	"github.com/messageai/sluice/internal/provider/hunter"
	"github.com/messageai/sluice/internal/sandbox"
	"github.com/messageai/sluice/internal/sandbox/hubspot"
	"github.com/messageai/sluice/internal/sandbox/openai"
	"github.com/messageai/sluice/internal/sandbox/pinecone"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	"github.com/messageai/sluice/internal/sandbox/zoominfo"
	"github.com/messageai/sluice/internal/store"
)

// Team is the team that practice mode plays.
const Team = "practice"

// Key is the API key of practice mode. It is no secret: it opens nothing but a
// simulation on this machine.
const Key = "sk_practice"

// Stage is the label in profiles that says for whom the processor worked:
// "function" and its name for the product's code.
const Stage = "stage"

// Chunk is the label in profiles that says about which chunk a function was
// invoked, if it was about one.
const Chunk = "chunk"

// chunkOf finds the chunk in a function's payload: the state machine's, or a
// queue's one message.
var chunkOf = regexp.MustCompile(`\\?"chunk\\?":\\?"([a-z0-9-]+)`)

// Options configure a world. The zero value is seed 0, in memory, without
// latency or faults, with the providers' published quotas.
type Options struct {
	Seed       uint64
	People     int           // in the market; zero: the sandbox's default
	Latency    time.Duration // of every provider
	Generous   bool          // accounts at the providers have quotas that do not bind
	StateDir   string        // "" keeps everything in memory; its lock is the file of that name with .lock
	Fresh      bool          // begin anew, whatever StateDir holds
	Parameters map[string]string
	Enrichers  []string                   // that have a key; none: apollo and hunter
	Credits    map[string]int             // that an account has, by provider; one that is not named has plenty
	Providers  map[string]upstream.Faults // by provider
	Faults     localaws.Faults            // of AWS calls and provider calls
	Tables     dynamodb.Dials             // throttling, conflicts and lags of DynamoDB
	Disturb    func(queue string) sqs.Disturbance
	Logger     *slog.Logger // of functions; nil discards

	// Interpreters are shared with other worlds, to open many quickly.
	Interpreters *jsonata.Interpreters

	// Wrap stands between a function (by the name of its folder) and AWS,
	// Outside between all functions and the providers, so that a test can see
	// and change what passes. nil: nothing is between.
	Wrap    func(function string, next aws.HTTPClient) aws.HTTPClient
	Outside func(next http.RoundTripper) http.RoundTripper
}

// World is a running practice mode.
type World struct {
	Stack   *localaws.Stack
	Sandbox *sandbox.Sandbox
	HubSpot *hubspot.Server
	Store   *store.Store // as the account's owner

	pinecone *pinecone.Server
	journal  *journal.Journal
	lock     *os.File
	close    func() error

	mu     sync.Mutex
	opened []io.Closer // by functions
}

func (w *World) keep(c io.Closer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened = append(w.opened, c)
}

// Open makes a world, or continues the one in Options.StateDir. Nothing runs
// before [World.Start].
func Open(ctx context.Context, opts Options) (_ *World, err error) {
	w := &World{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.shut())
		}
	}()
	if opts.StateDir != "" {
		if w.lock, err = lock(opts.StateDir + ".lock"); err != nil {
			return nil, err
		}
		if opts.Fresh {
			if err := os.RemoveAll(opts.StateDir); err != nil {
				return nil, fmt.Errorf("clear state folder: %w", err)
			}
		}
		if err := os.MkdirAll(opts.StateDir, 0o700); err != nil {
			return nil, fmt.Errorf("make state folder: %w", err)
		}
		if w.journal, err = journal.Open(filepath.Join(opts.StateDir, "providers.jsonl")); err != nil {
			return nil, err
		}
	}
	if err := w.openProviders(opts); err != nil {
		return nil, err
	}
	if err := w.openStack(ctx, opts); err != nil {
		return nil, err
	}
	if err := w.connect(ctx, opts.Enrichers); err != nil {
		return nil, fmt.Errorf("connect providers: %w", err)
	}
	w.close = sync.OnceValue(w.shut)
	return w, nil
}

// remember is the journal as simulators want it: a nil interface without one.
func (w *World) remember() upstream.Journal {
	if w.journal == nil {
		return nil
	}
	return w.journal
}

func (w *World) openProviders(opts Options) (err error) {
	// The accounts charge what our price tables say a credit costs.
	plans := map[string]sandbox.Plan{
		"apollo":       {Unlimited: opts.Generous, CreditPrice: apollo.Definition().Prices.Operations[provider.OpEnrichPerson].Unit},
		"hunter":       {Unlimited: opts.Generous, CreditPrice: hunter.Definition().Prices.Operations[provider.OpFindEmail].Unit},
		"googleplaces": {Unlimited: opts.Generous},
		"hubspot":      {Unlimited: opts.Generous},
		"openai":       {Unlimited: opts.Generous},
		"clearbit":     {Unlimited: opts.Generous},
		"lusha":        {Unlimited: opts.Generous},
		"neverbounce":  {Unlimited: opts.Generous},
		"zerobounce":   {Unlimited: opts.Generous},
		"zoominfo":     {Unlimited: opts.Generous},
	}
	for name, credits := range opts.Credits {
		plan := plans[name]
		plan.Credits = credits
		plans[name] = plan
	}
	w.Sandbox, err = sandbox.New(sandbox.Options{
		Seed: opts.Seed, People: opts.People, Latency: opts.Latency, Journal: w.remember(), Plans: plans, Faults: opts.Providers,
	})
	if err != nil {
		return err
	}
	generous := hubspot.Limits{}
	if opts.Generous {
		generous = hubspot.Limits{TenSecondly: -1, Daily: -1, Search: -1}
	}
	w.HubSpot, err = hubspot.New(hubspot.Options{Key: w.Sandbox.Key("hubspot"), Journal: w.remember(), Limits: generous})
	if err != nil {
		return err
	}
	if err := w.Sandbox.Mount("api.hubapi.com", "hubspot", w.HubSpot); err != nil {
		return err
	}
	front, err := w.Sandbox.Server("openai", nil)
	if err != nil {
		return err
	}
	embeddings, err := openai.New(openai.Options{Key: w.Sandbox.Key("openai"), Charge: front.Charge})
	if err != nil {
		return err
	}
	if err := w.Sandbox.Mount("api.openai.com", "openai", embeddings); err != nil {
		return err
	}
	bill, err := w.Sandbox.Server("pinecone", nil)
	if err != nil {
		return err
	}
	w.pinecone, err = pinecone.New(pinecone.Options{Key: w.Sandbox.Key("pinecone"), Journal: w.remember(), Unlimited: opts.Generous, Charge: bill.Charge})
	return err
}

func (w *World) openStack(ctx context.Context, opts Options) (err error) {
	topics := zoominfo.Topics(w.Sandbox.Market())
	parameters := map[string]string{
		"VectorIndex": "pinecone", "PineconeIndexHost": w.pinecone.Host(),
		"ZoomInfoIntentTopics": strings.Join(topics[:min(50, len(topics))], ","), // as many as a question may name
	}
	for k, v := range opts.Parameters {
		parameters[k] = v
	}
	providers := w.Sandbox.RoundTripper()
	if opts.Outside != nil {
		providers = opts.Outside(providers)
	}
	outside := app.Outside{
		GRPC: []grpc.DialOption{
			grpc.WithContextDialer(w.pinecone.Dialer()),
			grpc.WithChainUnaryInterceptor(mortal),
		},
		DNS: w.Sandbox.DNS(), Log: opts.Logger, Generous: opts.Generous, Opened: w.keep,
	}
	functions := map[string]localaws.Factory{}
	for name, build := range app.Functions() {
		functions[name] = func(ctx context.Context, env map[string]string, cfg aws.Config) (hosting.Handler, error) {
			if opts.Wrap != nil {
				cfg.HTTPClient = opts.Wrap(name, cfg.HTTPClient)
			}
			outside := outside // each sandbox has connections of its own
			outside.Transport = localaws.SandboxTransport(ctx, providers, opts.Faults)
			h, err := build(ctx, env, cfg, outside)
			return labelled{h, name}, err
		}
	}
	options := localaws.Options{
		Dir: sluice.Deploy, Parameters: parameters, Functions: functions, Tables: opts.Tables, Faults: opts.Faults, Disturb: opts.Disturb, Logger: opts.Logger, Interpreters: opts.Interpreters,
	}
	if opts.StateDir != "" {
		options.StateDir = filepath.Join(opts.StateDir, "aws")
	}
	w.Stack, err = localaws.New(ctx, options)
	return err
}

// labelled marks what runs for a function in profiles.
type labelled struct {
	hosting.Handler
	function string
}

// Invoke implements lambda.Handler.
func (l labelled) Invoke(ctx context.Context, payload []byte) (out []byte, err error) {
	labels := pprof.Labels(Stage, "function "+l.function)
	if found := chunkOf.FindAllSubmatch(payload, 2); len(found) == 1 {
		labels = pprof.Labels(Stage, "function "+l.function, Chunk, string(found[0][1]))
	}
	pprof.Do(ctx, labels, func(ctx context.Context) {
		out, err = l.Handler.Invoke(ctx, payload)
	})
	return out, err
}

// mortal keeps a killed worker from reaching the vector index.
func mortal(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if hosting.InvocationFrom(ctx).Dead() {
		return status.Error(codes.Canceled, "the worker is dead")
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// connect puts the simulators' keys where a user puts real ones, and gives the
// team its API key.
func (w *World) connect(ctx context.Context, enrichers []string) error {
	if len(enrichers) == 0 {
		enrichers = []string{"apollo", "hunter"}
	}
	cfg, err := w.Stack.Config("")
	if err != nil {
		return err
	}
	w.Store = store.New(cfg, store.Options{
		Core: w.Stack.Output("CoreTable"), Prospects: w.Stack.Output("ProspectsTable"), Ledger: w.Stack.Output("LedgerTable"),
		Control: w.Stack.Output("ControlTable"), Bucket: w.Stack.Output("RunsBucket"), KeyID: w.Stack.Output("DataKey"),
	})
	client := secretsmanager.NewFromConfig(cfg)
	for _, name := range append([]string{"googleplaces", "hubspot", "openai", "pinecone"}, enrichers...) {
		if err := PutKey(ctx, client, w.Stack.Output("SecretPrefix"), name, w.Sandbox.Key(name)); err != nil {
			return err
		}
	}
	return w.Store.PutAPIKey(ctx, Key, store.APIKey{Team: Team, Name: "practice", Scopes: []string{"read", "write"}})
}

// Lists verifies lists of addresses at the world's providers, as the account's
// owner.
func (w *World) Lists() (*bulk.Verifier, error) {
	cfg, err := w.Stack.Config("")
	if err != nil {
		return nil, err
	}
	return app.Lists(config.Env{
		"SLUICE_STAGE": "dev", "SLUICE_TABLE_CORE": w.Stack.Output("CoreTable"), "SLUICE_TABLE_PROSPECTS": w.Stack.Output("ProspectsTable"),
		"SLUICE_TABLE_LEDGER": w.Stack.Output("LedgerTable"), "SLUICE_TABLE_CONTROL": w.Stack.Output("ControlTable"), "SLUICE_BUCKET": w.Stack.Output("RunsBucket"),
		"SLUICE_KEY_ID": w.Stack.Output("DataKey"), "SLUICE_SECRET_PREFIX": w.Stack.Output("SecretPrefix"),
	}, cfg, app.Outside{Transport: w.Sandbox.RoundTripper(), DNS: w.Sandbox.DNS()})
}

// PutKey puts a provider's API key into its secret.
func PutKey(ctx context.Context, client *secretsmanager.Client, prefix, provider, key string) error {
	fields := map[string]string{"apiKey": key}
	if provider == "zoominfo" {
		fields = map[string]string{"clientId": key, "clientSecret": key}
	}
	value, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	_, err = client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(prefix + "/providers/" + provider), SecretString: aws.String(string(value)),
	})
	return err
}

// Enrichers are the simulated providers that enrich or verify.
func Enrichers() []string {
	return []string{"apollo", "clearbit", "hunter", "lusha", "neverbounce", "zerobounce", "zoominfo"}
}

// Start starts the queues' pollers and continues interrupted runs.
func (w *World) Start() { w.Stack.Start() }

// API is the product's HTTP API, as API Gateway serves it.
func (w *World) API() http.Handler { return w.Stack.HTTPAPI() }

// Close stops everything.
func (w *World) Close() error { return w.close() }

func (w *World) shut() error {
	var errs []error
	if w.Stack != nil {
		errs = append(errs, w.Stack.Close())
	}
	for _, c := range w.opened {
		errs = append(errs, c.Close())
	}
	if w.pinecone != nil {
		w.pinecone.Close()
	}
	errs = append(errs, w.journal.Close())
	if w.lock != nil {
		errs = append(errs, w.lock.Close())
	}
	return errors.Join(errs...)
}

var errLocked = fault.New(fault.Conflict, "practice.open", "another sluice process uses this state folder; wait for it, or give another folder with --state")
