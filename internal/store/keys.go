package store

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

const keysSK = "KEYS"

// keyring is a team's provider keys as they are stored: one small item, so that
// every worker can look at it every few seconds for half a read unit.
type keyring struct {
	keys map[string]domain.ProviderKey // by provider
	n    int64                         // version of the item
}

// ProviderKeys returns which provider keys of its own a team has. Unless it
// shall be fresh, the read is eventually consistent: it costs half as much and
// may miss what was written within the last second or so.
func (s *Store) ProviderKeys(ctx context.Context, team string, fresh bool) (map[string]domain.ProviderKey, error) {
	r, err := s.keyring(ctx, team, fresh)
	return r.keys, failure("store.provider_keys", err)
}

func (s *Store) keyring(ctx context.Context, team string, consistent bool) (keyring, error) {
	r := keyring{keys: map[string]domain.ProviderKey{}}
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.opts.Core, Key: key("TEAM#"+team, keysSK), ConsistentRead: aws.Bool(consistent)})
	if err != nil || out.Item == nil {
		return r, err
	}
	r.n = intOf(out.Item, "version")
	return r, json.Unmarshal([]byte(textOf(out.Item, "doc")), &r.keys)
}

// SetProviderKey replaces what is known of a team's key at a provider, if it is
// still what was given; nil stands for whatever it is. A lost race with another
// person is a fault Conflict.
func (s *Store) SetProviderKey(ctx context.Context, team, provider string, was *domain.ProviderKey, next domain.ProviderKey) error {
	const attempts = 8 // keys of other providers may change at the same time
	for range attempts {
		r, err := s.keyring(ctx, team, true)
		if err != nil {
			return failure("store.set_provider_key", err)
		}
		if was != nil && r.keys[provider].Version != was.Version {
			break
		}
		r.keys[provider] = next
		doc, err := json.Marshal(r.keys)
		if err != nil {
			return failure("store.set_provider_key", err)
		}
		it := key("TEAM#"+team, keysSK)
		it["doc"], it["version"] = str(string(doc)), num(r.n+1)
		_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &s.opts.Core, Item: it,
			ConditionExpression:       aws.String("attribute_not_exists(pk) OR version = :n"),
			ExpressionAttributeValues: item{":n": num(r.n)},
		})
		if _, lost := conditionFailed(err); !lost {
			return failure("store.set_provider_key", err)
		}
	}
	return fault.New(fault.Conflict, "store.set_provider_key", "somebody else changed this key at the same moment; look at it and try again")
}

// Usage is what a team's calls to a provider amount to in a month.
type Usage struct {
	Calls   int64       // that were answered, of providers that charge
	Settled money.Micro // what they cost
}

// UsageByProvider returns this month's usage of a team, and the month as
// YYYY-MM in UTC.
func (s *Store) UsageByProvider(ctx context.Context, team string) (map[string]Usage, string, error) {
	pk := s.budgetPK(team)
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.opts.Ledger, Key: key(pk, "SPEND")})
	if err != nil {
		return nil, "", failure("store.usage", err)
	}
	usage := map[string]Usage{}
	for name := range out.Item {
		provider, settled := strings.CutPrefix(name, "p_")
		if settled {
			u := usage[provider]
			u.Settled = money.Micro(intOf(out.Item, name))
			usage[provider] = u
		} else if provider, calls := strings.CutPrefix(name, callsPrefix); calls {
			u := usage[provider]
			u.Calls = intOf(out.Item, name)
			usage[provider] = u
		}
	}
	return usage, pk[strings.LastIndexByte(pk, '#')+1:], nil
}

// callsPrefix begins the attributes of a month that count calls by provider.
const callsPrefix = "n_"

// calls counts answered calls in this process until a settlement takes them
// along: a write for each would cost more than all else. What a worker counted
// and never settled is lost with it; what it cost is not.
type calls struct {
	mu sync.Mutex
	n  map[callsOf]int64
}

type callsOf struct{ team, provider string }

// CountCall counts a call to a provider for a team. The next settlement of the
// team with the provider writes the number down.
func (s *Store) CountCall(team, provider string) { s.calls.add(callsOf{team, provider}, 1) }

func (c *calls) add(of callsOf, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[callsOf]int64{}
	}
	c.n[of] += n
}

func (c *calls) take(of callsOf) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n[of]
	delete(c.n, of)
	return n
}
