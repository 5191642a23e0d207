package store

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Tokens is the memory of providers' access tokens, shared by all workers and
// sealed under the data key of the team whose secret they were asked for with.
type Tokens struct{ Store *Store }

// deployment is the account to which secrets belong that no team has put. It has
// a data key as teams have.
const deployment = "deployment"

func tokenPK(account, name string) string { return "TOKEN#" + account + "#" + name }

// Load implements transport.TokenStore.
func (t Tokens) Load(ctx context.Context, account, name string) (transport.Token, error) {
	s, account := t.Store, cmp.Or(account, deployment)
	pk := tokenPK(account, name)
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.opts.Control, Key: key(pk, "TOKEN"), ConsistentRead: aws.Bool(true)})
	if err != nil || out.Item == nil {
		return transport.Token{}, failure("store.load_token", err)
	}
	plain, err := s.seal.open(ctx, account, pk, bytesOf(out.Item, "token"))
	if err != nil {
		return transport.Token{}, failure("store.load_token", err)
	}
	var token transport.Token
	return token, failure("store.load_token", json.Unmarshal(plain, &token))
}

// Save implements transport.TokenStore.
func (t Tokens) Save(ctx context.Context, account, name string, token transport.Token) error {
	s, account := t.Store, cmp.Or(account, deployment)
	pk := tokenPK(account, name)
	plain, err := json.Marshal(token)
	if err != nil {
		return failure("store.save_token", err)
	}
	sealed, err := s.seal.seal(ctx, account, pk, plain)
	if err != nil {
		return failure("store.save_token", err)
	}
	it := key(pk, "TOKEN")
	it["token"], it["version"], it["ttl"] = bin(sealed), num(token.Version), num(s.opts.Now().Add(controlLife).Unix())
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.opts.Control, Item: it,
		ConditionExpression:       aws.String("attribute_not_exists(pk) AND :before = :none OR version = :before"),
		ExpressionAttributeValues: item{":before": num(token.Version - 1), ":none": num(0)},
	})
	if _, lost := conditionFailed(err); lost {
		return fault.New(fault.Conflict, "store.save_token", "another worker has renewed the token")
	}
	return failure("store.save_token", err)
}
