package app

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/bulk"
	"github.com/messageai/sluice/internal/config"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
)

// Lists builds what verifies lists of addresses. It is no function: a list takes
// longer than one may run, so it is the owner's command that drives it.
func Lists(env config.Env, cfg aws.Config, outside Outside) (*bulk.Verifier, error) {
	p, err := assemble(env, cfg, outside, coreTable, prospectsTable, ledgerTable, controlTable, bucket, secretPrefix)
	if err != nil {
		return nil, err
	}
	v := &bulk.Verifier{Store: p.store, Budget: p.budget(), Mail: p.kit.mail(), Now: p.now, NewID: uuid.NewString}
	for _, e := range catalog.All() {
		if !can(e.Definition, provider.CanVerifyEmail) {
			continue
		}
		adapter, d, err := p.kit.build(e.Definition.Name)
		if err != nil {
			return nil, err
		}
		if jobs, ok := adapter.(provider.BulkVerifier); ok && can(d, provider.CanVerifyInBulk) {
			v.Definition, v.Jobs = d, jobs
		} else {
			v.Others = append(v.Others, d)
		}
	}
	if v.Jobs == nil {
		return nil, fault.New(fault.Internal, "app.lists", "no provider verifies lists")
	}
	return v, nil
}
