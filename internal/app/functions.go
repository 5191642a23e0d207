package app

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/config"
	"github.com/messageai/sluice/internal/lambdax"
	"github.com/messageai/sluice/internal/pipeline/convert"
	"github.com/messageai/sluice/internal/pipeline/discover"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/pipeline/finalize"
	"github.com/messageai/sluice/internal/pipeline/plan"
	"github.com/messageai/sluice/internal/pipeline/push"
	"github.com/messageai/sluice/internal/pipeline/reap"
	"github.com/messageai/sluice/internal/pipeline/score"
	"github.com/messageai/sluice/internal/pipeline/single"
	"github.com/messageai/sluice/internal/task"
)

// API builds the function that serves the HTTP API.
func API(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, prospectsTable, ledgerTable, controlTable, bucket, keyID, secretPrefix, "SLUICE_STATE_MACHINE")
	if err != nil {
		return nil, err
	}
	all, err := p.definitions()
	if err != nil {
		return nil, err
	}
	now, err := p.onDemand(all)
	if err != nil {
		return nil, err
	}
	handler := api.New(api.Options{
		OnDemand: now, Batches: p.store, Health: p.store, Breakers: breakers{p.kit},
		Campaigns: p.store, Prospects: p.store, Access: p.store, Team: p.store, Cache: p.store, Machine: p.machine, Keys: p.secrets, Connections: connections{p.kit},
		StateMachine: p.conf.StateMachine, Queues: p.conf.Queues, Providers: all, Waterfall: p.conf.Waterfall, CRMs: p.conf.CRMs, Embedder: p.conf.Embedder,
		NewID: uuid.NewString, Now: p.now, Log: p.log,
	})
	return stage(p, lambdax.ServeHTTP(handler)), nil
}

// Plan builds the function of the Plan state.
func Plan(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, ledgerTable, controlTable, bucket, keyID, secretPrefix, "SLUICE_EMBEDDER")
	if err != nil {
		return nil, err
	}
	embedder, price, err := p.kit.embedder(p.conf.Embedder)
	if err != nil {
		return nil, err
	}
	all, err := p.definitions()
	if err != nil {
		return nil, err
	}
	s := &plan.Stage{
		Store: p.store, Budget: p.budget(), Embedder: embedder, EmbedPrice: price, Embeds: p.conf.Embedder,
		Sources: all, Enrichers: p.conf.Waterfall, CRMs: p.conf.CRMs, Queues: p.conf.Queues, Keys: p.secrets,
	}
	return stage(p, s.Run), nil
}

// worker builds a queue worker around a step.
func (p *parts) worker(step func(task.Message) string, do func(context.Context, task.Job) (any, error)) lambda.Handler {
	w := &task.Worker{Step: step, Do: do, Ledger: p.store, Parking: p.store, Answers: p.machine, Log: p.log, Now: p.now}
	return stage(p, w.Handle)
}

// Discover builds the worker of the Discover state.
func Discover(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, prospectsTable, ledgerTable, controlTable, bucket, keyID, secretPrefix)
	if err != nil {
		return nil, err
	}
	sources, err := p.kit.sources()
	if err != nil {
		return nil, err
	}
	s := &discover.Stage{Store: p.store, Budget: p.budget(), Sources: sources, Now: p.now}
	return p.worker(discover.Step, s.Do), nil
}

// companiesInMemory is how many answers about companies a worker keeps: some
// kilobytes each, twice as many at most.
const companiesInMemory = 2_000

// Enrich builds the worker of the Enrich state.
func Enrich(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, prospectsTable, ledgerTable, controlTable, bucket, keyID, secretPrefix)
	if err != nil {
		return nil, err
	}
	sources, err := p.kit.enrichers(p.conf.Waterfall)
	if err != nil {
		return nil, err
	}
	s := &enrich.Stage{Store: p.store, Budget: p.budget(), Sources: sources, Log: p.log, Now: p.now, Memory: enrich.NewMemory(companiesInMemory, p.now), Mail: p.kit.mail(), OutagePatience: p.conf.OutagePatience}
	jobs := &single.Batch{Store: p.store, Enrich: s.Do, Send: p.machine.Send, Queues: p.conf.Queues}
	return p.worker(enrich.Step, jobs.Do), nil
}

// Score builds the function of the Prescore and Score states.
func Score(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, prospectsTable, ledgerTable, controlTable, bucket, keyID, secretPrefix, "SLUICE_EMBEDDER")
	if err != nil {
		return nil, err
	}
	embedder, price, err := p.kit.embedder(p.conf.Embedder)
	if err != nil {
		return nil, err
	}
	index, err := p.kit.index(p.conf.VectorIndex)
	if err != nil {
		return nil, err
	}
	all, err := p.definitions()
	if err != nil {
		return nil, err
	}
	s := &score.Stage{
		Store: p.store, Budget: p.budget(), Embedder: embedder, EmbedPrice: price, Embeds: p.conf.Embedder, Index: index, Enrichers: all, Now: p.now, Log: p.log,
	}
	return stage(p, s.Run), nil
}

// Convert builds the function of the Convert state.
func Convert(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, prospectsTable, ledgerTable, bucket, keyID)
	if err != nil {
		return nil, err
	}
	return stage(p, (&convert.Stage{Store: p.store, Now: p.now}).Run), nil
}

// PushHubSpot builds the worker of the Push state for HubSpot.
func PushHubSpot(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, ledgerTable, controlTable, bucket, keyID, secretPrefix)
	if err != nil {
		return nil, err
	}
	crm, err := p.kit.crm("hubspot")
	if err != nil {
		return nil, err
	}
	all, err := p.definitions()
	if err != nil {
		return nil, err
	}
	s := &push.Stage{Store: p.store, CRM: crm, Name: "hubspot", Log: p.log, MayExport: func(source string) bool {
		d, known := all[source]
		return !known || d.Terms.MayExport
	}}
	return p.worker(push.Step, s.Do), nil
}

// Finalize builds the function of the Finalize states.
func Finalize(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, coreTable, ledgerTable, bucket, keyID)
	if err != nil {
		return nil, err
	}
	return stage(p, (&finalize.Stage{Store: p.store, Watch: p.watch(), Log: p.log}).Run), nil
}

// Reap builds the worker behind the dead-letter queues.
func Reap(_ context.Context, env config.Env, cfg aws.Config, outside Outside) (lambda.Handler, error) {
	p, err := assemble(env, cfg, outside, ledgerTable)
	if err != nil {
		return nil, err
	}
	return stage(p, (&reap.Stage{Answers: p.machine, Ledger: p.store, Log: p.log}).Handle), nil
}
