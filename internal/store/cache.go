package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// cacheBatch is BatchGetItem's limit.
const cacheBatch = 100

func cachePK(team, question string) string { return "CACHE#" + team + "#" + question }

// Answers reads what providers answered to questions before, as far as it may
// still be used. Questions without an answer are absent from the result.
// Without latest, which costs twice as much, an answer of the last second may
// be missing.
func (s *Store) Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error) {
	found := make(map[string]json.RawMessage, len(questions))
	for start := 0; start < len(questions); start += cacheBatch {
		batch := questions[start:min(start+cacheBatch, len(questions))]
		keys := make([]map[string]types.AttributeValue, len(batch))
		for i, q := range batch {
			keys[i] = key(cachePK(team, q), "CACHE")
		}
		if err := s.answers(ctx, team, keys, latest, found); err != nil {
			return nil, failure("store.answers", err)
		}
	}
	return found, nil
}

func (s *Store) answers(ctx context.Context, team string, keys []map[string]types.AttributeValue, latest bool, found map[string]json.RawMessage) error {
	now := s.opts.Now().Unix()
	prefix := len(cachePK(team, ""))
	pending := map[string]types.KeysAndAttributes{s.opts.Control: {Keys: keys, ConsistentRead: &latest}}
	for attempt := 0; len(pending) > 0; attempt++ {
		if attempt > 0 {
			if err := sleep(ctx, time.Duration(attempt)*50*time.Millisecond); err != nil {
				return err
			}
		}
		out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: pending})
		if err != nil {
			return err
		}
		for _, it := range out.Responses[s.opts.Control] {
			if intOf(it, "ttl") <= now { // TTL deletes late
				continue
			}
			answer, err := s.answerOf(ctx, team, it)
			if err != nil {
				return err
			}
			found[textOf(it, "pk")[prefix:]] = answer
		}
		pending = out.UnprocessedKeys
	}
	return nil
}

// PutAnswer keeps a provider's answer to a question, sealed, for as long as
// the provider's terms allow. It replaces an earlier answer.
func (s *Store) PutAnswer(ctx context.Context, team, question string, answer any, life time.Duration) error {
	it, err := s.answerItem(ctx, team, question, answer, life)
	if err == nil {
		_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.opts.Control, Item: it})
	}
	return failure("store.put_answer", err)
}

// PutFirstAnswer is [Store.PutAnswer], except that an answer which may still be
// used is left alone and returned.
func (s *Store) PutFirstAnswer(ctx context.Context, team, question string, answer any, life time.Duration) (earlier json.RawMessage, err error) {
	it, err := s.answerItem(ctx, team, question, answer, life)
	if err != nil {
		return nil, failure("store.put_first_answer", err)
	}
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.opts.Control, Item: it,
		ConditionExpression:                 aws.String("attribute_not_exists(pk) OR #ttl <= :now"),
		ExpressionAttributeNames:            map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues:           map[string]types.AttributeValue{":now": num(s.opts.Now().Unix())},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var taken *types.ConditionalCheckFailedException
	if errors.As(err, &taken) {
		earlier, err = s.answerOf(ctx, team, taken.Item)
	}
	return earlier, failure("store.put_first_answer", err)
}

// DropAnswer forgets the answer to a question.
func (s *Store) DropAnswer(ctx context.Context, team, question string) error {
	_, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.opts.Control, Key: key(cachePK(team, question), "CACHE")})
	return failure("store.drop_answer", err)
}

func (s *Store) answerItem(ctx context.Context, team, question string, answer any, life time.Duration) (map[string]types.AttributeValue, error) {
	plain, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	packed, err := packSmall(plain)
	if err != nil {
		return nil, err
	}
	pk := cachePK(team, question)
	sealed, err := s.seal.seal(ctx, team, pk, packed)
	if err != nil {
		return nil, err
	}
	it := key(pk, "CACHE")
	it["answer"], it["ttl"] = bin(sealed), num(s.opts.Now().Add(life).Unix())
	return it, s.mark(ctx, team, it, answer)
}

func (s *Store) answerOf(ctx context.Context, team string, it map[string]types.AttributeValue) (answer json.RawMessage, err error) {
	packed, err := s.seal.open(ctx, team, textOf(it, "pk"), bytesOf(it, "answer"))
	if err != nil {
		return nil, err
	}
	err = unpack(packed, maxObject, func(plain []byte) error {
		answer = bytes.Clone(plain)
		return nil
	})
	return answer, err
}
