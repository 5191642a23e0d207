package pinecone_test

import (
	"testing"

	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/pinecone"
	"github.com/messageai/sluice/internal/provider/providertest"
)

// The suite's wire checks are for HTTP; this adapter speaks gRPC and has its
// own. What it declares is checked like everybody's.
func TestDefinition(t *testing.T) {
	t.Parallel()
	d := pinecone.Definition()
	c := providertest.Case{
		Definition: d, Settings: provider.Settings{"index_host": "https://192.0.2.53"},
		Build: func(deps provider.Deps) (any, error) { return pinecone.New(deps) },
	}
	for op := range d.Prices.Operations {
		c.Calls = append(c.Calls, providertest.Call{Op: op})
	}
	providertest.Definition(t, c)
}
