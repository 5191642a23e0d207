package providertest

import (
	"context"
	"testing"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Case is an adapter under test.
type Case struct {
	Definition provider.Definition
	Classify   transport.Classify // nil: transport.DefaultClassify
	Settings   provider.Settings
	Build      func(provider.Deps) (any, error)
	Calls      []Call // at least one per operation of the price table that calls the provider
}

// Call is one operation and what the provider may answer to it.
type Call struct {
	Op     string // key of the price table
	Invoke func(ctx context.Context, client any) (Answer, error)
	// Found is the body of a complete answer, status 200.
	Found []byte
	// Before are the complete answers to what the operation asks first, free of
	// charge, by the end of the path: the suite tests the request that follows.
	Before map[string][]byte
	// None are the answers that mean "nothing found": not errors.
	None []Reply
	// NeverEmpty: the operation has no "nothing found".
	NeverEmpty bool
	// Kinds are the statuses that this provider uses in a way of its own. The
	// zero Kind means that the status is a result, not an error.
	Kinds map[int]fault.Kind
	// Replies are further answers and the kinds they must become.
	Replies []Reply
	// Private is what the question holds and no error or log may show.
	Private []string
}

// Reply is one answer of a provider.
type Reply struct {
	Name   string
	Status int
	Header map[string]string
	Body   string
	Kind   fault.Kind // what it must become; "" for a result
}

// Answer is what the suite needs to know of a result.
type Answer struct {
	Found bool
	Usage provider.Usage
	// Value is the whole result, compared between concurrent calls; the suite
	// clears nothing in it, so leave Usage.Took out.
	Value any
}

// Run checks the adapter.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("definition", func(t *testing.T) { checkDefinition(t, c) })
	t.Run("no key", func(t *testing.T) { checkNoKey(t, c) })
	for _, call := range c.Calls {
		t.Run(call.Op, func(t *testing.T) {
			if len(call.Found) == 0 {
				t.Fatal("Call.Found is empty; give the body of a complete answer")
			}
			t.Run("found", func(t *testing.T) { checkFound(t, c, call) })
			t.Run("none", func(t *testing.T) { checkNone(t, c, call) })
			t.Run("key", func(t *testing.T) { checkKey(t, c, call) })
			if c.Definition.Auth.Kind == transport.AuthClientCredentials {
				t.Run("token", func(t *testing.T) { checkToken(t, c, call) })
			}
			t.Run("faults", func(t *testing.T) { checkFaults(t, c, call) })
			t.Run("hostile bodies", func(t *testing.T) { checkBodies(t, c, call) })
			t.Run("lost answer", func(t *testing.T) { checkLost(t, c, call) })
			t.Run("silence", func(t *testing.T) { checkSilence(t, c, call) })
			t.Run("cancel", func(t *testing.T) { checkCancel(t, c, call) })
			t.Run("concurrent", func(t *testing.T) { checkConcurrent(t, c, call) })
		})
	}
	t.Run("pages", func(t *testing.T) { checkPages(t, c) })
}

// Definition checks only what the adapter declares, for one that does not speak
// HTTP: its calls need no more than their Op. Its answers and faults are
// then for its own tests.
func Definition(t *testing.T, c Case) {
	t.Helper()
	checkDefinition(t, c)
}

// mayRepeat reports whether the operation may be sent twice in one call: it
// costs nothing, or the provider does not charge twice.
func (c Case) mayRepeat(op string) bool {
	return c.Definition.RepeatFree || c.Definition.Prices.Operations[op].Max() == 0
}

// want is the kind that a status must become.
func (c Call) want(status int) fault.Kind {
	if kind, own := c.Kinds[status]; own {
		return kind
	}
	switch status {
	case 401:
		return fault.Unauthenticated
	case 402:
		return fault.QuotaExhausted
	case 403:
		return fault.Forbidden
	case 404:
		return fault.NotFound
	case 429:
		return fault.RateLimited
	case 451:
		return fault.Blocked
	case 500, 503:
		return fault.Unavailable
	default:
		return fault.InvalidInput
	}
}
