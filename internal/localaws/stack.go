package localaws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/httpapi"
	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/kms"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/s3"
	"github.com/messageai/sluice/internal/localaws/scheduler"
	"github.com/messageai/sluice/internal/localaws/secretsmanager"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/template"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// Stack is everything that the template describes, running in this process.
// Its methods may be called from many goroutines.
type Stack struct {
	opts    Options
	log     *slog.Logger
	meter   *meter.Meter
	journal *journal.Journal
	tmpl    *template.Template
	process int // how many processes have continued the state, this one included

	tables  *dynamodb.Service
	queues  *sqs.Service
	objects *s3.Service
	secrets *secretsmanager.Service
	keys    *kms.Service
	states  *stepfunctions.Service
	lambda  *lambda.Service
	clock   *scheduler.Service
	apis    []*httpapi.API
	door    *frontDoor
	close   func() error
}

// New creates the stack's resources, or finds them again in Options.StateDir.
// Functions can be invoked at once; pollers and interrupted executions go on
// with [Stack.Start].
func New(ctx context.Context, opts Options) (_ *Stack, err error) {
	defaults := template.Options{Region: opts.Region, Account: opts.Account, StackName: opts.StackName}.WithDefaults()
	opts.Region, opts.Account, opts.StackName = defaults.Region, defaults.Account, defaults.StackName
	s := &Stack{opts: opts, log: opts.Logger, meter: &meter.Meter{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if opts.StateDir != "" {
		if err := os.MkdirAll(opts.StateDir, 0o700); err != nil {
			return nil, fmt.Errorf("make state folder: %w", err)
		}
		if s.journal, err = journal.Open(filepath.Join(opts.StateDir, "journal.jsonl")); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, s.journal.Close())
			}
		}()
	}
	if err := s.openStores(); err != nil {
		return nil, err
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	if err := s.openCompute(); err != nil {
		return nil, err
	}
	if err := s.create(ctx); err != nil {
		return nil, err
	}
	s.meter.Restore(meter.Reading{}) // creating a stack costs nothing
	s.close = sync.OnceValue(func() error {
		return errors.Join(s.clock.Close(), s.states.Close(), s.lambda.Close(), s.queues.Close(), s.journal.Close())
	})
	return s, nil
}

// openStores opens the services that hold data.
func (s *Stack) openStores() error {
	region, account := s.opts.Region, s.opts.Account
	var errs [5]error
	s.tables, errs[0] = dynamodb.New(dynamodb.Options{Region: region, Account: account, Meter: s.meter, Journal: s.journal, Dials: s.opts.Tables})
	s.queues, errs[1] = sqs.New(sqs.Options{Region: region, Account: account, Meter: s.meter, Journal: s.journal, Disturb: s.opts.Disturb})
	objects := s3.Options{Region: region, Account: account, Meter: s.meter, Journal: s.journal}
	if s.opts.StateDir != "" {
		objects.Dir = filepath.Join(s.opts.StateDir, "objects")
	}
	s.objects, errs[2] = s3.New(objects)
	s.secrets, errs[3] = secretsmanager.New(secretsmanager.Options{Region: region, Account: account, Meter: s.meter, Journal: s.journal})
	s.keys, errs[4] = kms.New(kms.Options{Region: region, Account: account, Meter: s.meter, Journal: s.journal})
	return errors.Join(errs[:]...)
}

func (s *Stack) load(ctx context.Context) error {
	text := s.opts.Template
	if text == nil {
		path := s.opts.TemplatePath
		if path == "" {
			path = "template.yaml"
		}
		var err error
		if text, err = fs.ReadFile(s.opts.Dir, path); err != nil {
			return fmt.Errorf("read template: %w", err)
		}
	}
	var failed error
	tmpl, err := template.Load(text, template.Options{
		Region: s.opts.Region, Account: s.opts.Account, StackName: s.opts.StackName, Parameters: s.opts.Parameters,
		SecretARN: s.secrets.ARN,
		KeyID: func(logicalID string) string {
			id, err := s.keyID(ctx, logicalID)
			failed = errors.Join(failed, err)
			return id
		},
	})
	s.tmpl = tmpl
	return errors.Join(err, failed)
}

// openCompute opens state machines, functions and HTTP APIs, and the front door.
func (s *Stack) openCompute() error {
	region, account := s.opts.Region, s.opts.Account
	roles := map[string]*iam.Principal{} // by ARN
	s.door = &frontDoor{process: s.process, hosts: map[string]http.Handler{}, principals: map[string]*iam.Principal{}}
	for _, role := range s.tmpl.Roles {
		roles[role.ARN] = role
		s.door.principals[accessKey(role)] = role
	}
	role := func(arn string) *iam.Principal {
		if role, ok := roles[arn]; ok {
			return role
		}
		return &iam.Principal{ARN: arn} // may do nothing; nil would be root
	}
	events, err := s.openRules()
	if err != nil {
		return err
	}
	s.states, err = stepfunctions.New(stepfunctions.Options{
		Region: region, Account: account, Meter: s.meter, Journal: s.journal,
		Integrations: &integrations{
			functionARN: func(name string) string { return "arn:aws:lambda:" + region + ":" + account + ":function:" + name },
			functions:   func() *lambda.Service { return s.lambda },
			queues:      s.queues,
			faults:      s.opts.Faults,
		},
		Objects: objects{s.objects}, Role: role, Ended: events.ended, Interpreters: s.opts.Interpreters,
	})
	if err != nil {
		return err
	}
	hosted, err := s.hosted()
	if err != nil {
		return err
	}
	mappings := make([]lambda.Mapping, len(s.tmpl.Mappings))
	for i, m := range s.tmpl.Mappings {
		mappings[i] = lambda.Mapping(m)
	}
	s.lambda, err = lambda.New(lambda.Options{
		Region: region, Account: account, Functions: hosted, Mappings: mappings, Queues: pollers{s.queues, region},
		Meter: s.meter, Journal: s.journal, Logger: s.log, Process: s.process,
	})
	if err != nil {
		return err
	}
	schedules := make([]scheduler.Schedule, len(s.tmpl.Schedules))
	for i, t := range s.tmpl.Schedules {
		schedules[i] = scheduled(t)
	}
	s.clock, err = scheduler.New(scheduler.Options{
		Region: region, Account: account, Targets: scheduleTargets{s}, Journal: s.journal, Role: role, Schedules: schedules,
	})
	if err != nil {
		return err
	}
	for _, a := range s.tmpl.APIs {
		api, err := s.api(a)
		if err != nil {
			return fmt.Errorf("HTTP API %s: %w", a.LogicalID, err)
		}
		s.apis = append(s.apis, api)
	}
	s.door.json = map[string]wire.Service{
		"dynamodb": s.tables, "sqs": traced{s.queues}, "secretsmanager": s.secrets, "kms": s.keys, "states": s.states,
	}
	s.door.rest = map[string]http.Handler{"s3": s.objects, "lambda": s.lambda, "scheduler": s.clock}
	return nil
}

func (s *Stack) api(a template.HTTPAPI) (*httpapi.API, error) {
	host := strings.TrimPrefix(a.Endpoint, "https://")
	opts := httpapi.Options{Account: s.opts.Account, ID: a.ID, Host: host, Functions: s.lambda, Meter: s.meter}
	for _, r := range a.Routes {
		opts.Routes = append(opts.Routes, httpapi.Route(r))
	}
	if a.CORS != nil {
		cors := httpapi.CORS(*a.CORS)
		opts.CORS = &cors
	}
	api, err := httpapi.New(opts)
	if err == nil {
		s.door.hosts[host] = api
	}
	return api, err
}

// Start begins polling the event sources, fires schedules and resumes what an
// earlier process left unfinished. It does not wait.
func (s *Stack) Start() {
	s.states.Resume()
	s.lambda.Start()
	s.clock.Start()
}

// Close stops schedules, executions and pollers, kills running invocations, and closes the
// journal. Executions stop first, so that none of them records as a failure
// what is only the end of this process. A second call does nothing.
func (s *Stack) Close() error { return s.close() }

// Config returns a configuration whose clients call the stack as a role, given
// by its own logical id or by that of its function or state machine; "" is the
// account's root. It reads neither environment nor files.
func (s *Stack) Config(principal string) (aws.Config, error) {
	if principal == "" {
		return s.config(nil, "", nil), nil
	}
	for _, role := range s.tmpl.Roles {
		if role.Name == principal || role.Name == principal+"Role" {
			return s.config(role, principal, nil), nil
		}
	}
	for _, f := range s.tmpl.Functions {
		if f.LogicalID == principal {
			return s.config(f.Role, principal, nil), nil
		}
	}
	return aws.Config{}, fmt.Errorf("configure clients: the template has no role, function or state machine %q", principal)
}

// HTTPAPI returns the template's HTTP API, the first by logical id if there are
// several, or nil if there is none.
func (s *Stack) HTTPAPI() http.Handler {
	if len(s.apis) == 0 {
		return nil
	}
	return s.apis[0]
}

// Handler returns the front door, to be served on a socket: every AWS service,
// and the HTTP APIs by their host names.
func (s *Stack) Handler() http.Handler { return s.door }

// Functions returns the function host, for direct invocation and counts.
func (s *Stack) Functions() *lambda.Service { return s.lambda }

// Meter returns what AWS would bill since the stack was made.
func (s *Stack) Meter() *meter.Meter { return s.meter }

// Template returns the resolved template. It must not be changed.
func (s *Stack) Template() *template.Template { return s.tmpl }

// Output returns the value of an output of the template, or "".
func (s *Stack) Output(name string) string { return s.tmpl.Outputs[name] }
