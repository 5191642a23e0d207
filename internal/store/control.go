package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
)

// controlLife is how long an idle limiter or breaker is remembered.
const controlLife = 24 * time.Hour

// Limits is the rate limiters' memory, shared by all workers.
type Limits struct{ *Store }

func limitKey(name string) item { return key("LIMIT#"+name, "LIMIT") }

// Advance implements ratelimit.Store: at most two conditional updates, and none
// more to learn when the limiter is free.
func (l Limits) Advance(ctx context.Context, name string, floor, horizon time.Time, inc time.Duration) (time.Time, bool, error) {
	s := l.Store
	update := func(expression, condition string, values item) (*dynamodb.UpdateItemOutput, error) {
		values[":inc"], values[":ttl"] = num(int64(inc)), num(s.opts.Now().Add(controlLife).Unix())
		return s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.opts.Control, Key: limitKey(name),
			UpdateExpression: &expression, ConditionExpression: &condition, ExpressionAttributeValues: values,
			ExpressionAttributeNames:            map[string]string{"#free": "free", "#ttl": "ttl"},
			ReturnValues:                        "UPDATED_NEW",
			ReturnValuesOnConditionCheckFailure: "ALL_OLD",
		})
	}
	const tries = 20
	for range tries {
		out, err := update("SET #free = #free + :inc, #ttl = :ttl", "#free BETWEEN :floor AND :horizon",
			item{":floor": num(floor.UnixNano()), ":horizon": num(horizon.UnixNano())})
		if err == nil {
			return time.Unix(0, intOf(out.Attributes, "free")).Add(-inc), true, nil
		}
		old, lost := conditionFailed(err)
		if !lost {
			return time.Time{}, false, failure("store.advance", err)
		}
		if free := intOf(old, "free"); len(old) > 0 && free > horizon.UnixNano() {
			return time.Unix(0, free), false, nil
		}
		_, err = update("SET #free = :start, #ttl = :ttl", "(attribute_not_exists(#free) OR #free < :floor) AND :inc >= :zero",
			item{":floor": num(floor.UnixNano()), ":start": num(floor.Add(inc).UnixNano()), ":zero": num(0)})
		if err == nil {
			return floor, true, nil
		}
		if _, lost := conditionFailed(err); !lost {
			return time.Time{}, false, failure("store.advance", err)
		}
	}
	return time.Time{}, false, fault.Wrap(fault.Unavailable, "store.advance", errors.New("too many workers ask for the same limit at once"))
}

// Push implements ratelimit.Store: nobody calls before until.
func (l Limits) Push(ctx context.Context, name string, until time.Time) error {
	s := l.Store
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Control, Key: limitKey(name),
		UpdateExpression:         aws.String("SET #free = :until, #ttl = :ttl"),
		ConditionExpression:      aws.String("attribute_not_exists(#free) OR #free < :until"),
		ExpressionAttributeNames: map[string]string{"#free": "free", "#ttl": "ttl"},
		ExpressionAttributeValues: item{
			":until": num(until.UnixNano()), ":ttl": num(until.Add(controlLife).Unix()),
		},
	})
	if _, lost := conditionFailed(err); lost {
		return nil
	}
	return failure("store.push_limit", err)
}

// Breakers is the circuit breakers' memory, shared by all workers.
type Breakers struct{ *Store }

func breakerKey(name string) item { return key("BREAKER#"+name, "BREAKER") }

// Load implements breaker.Store.
func (b Breakers) Load(ctx context.Context, name string) (breaker.Record, error) {
	var r breaker.Record
	out, err := b.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &b.opts.Control, Key: breakerKey(name), ConsistentRead: aws.Bool(true)})
	if err == nil && len(out.Item) > 0 {
		err = json.Unmarshal([]byte(textOf(out.Item, "doc")), &r)
	}
	return r, failure("store.load_breaker", err)
}

// Save implements breaker.Store: it writes the next version of a record.
func (b Breakers) Save(ctx context.Context, name string, r breaker.Record) error {
	doc, err := json.Marshal(r)
	if err != nil {
		return failure("store.save_breaker", err)
	}
	it := breakerKey(name)
	it["doc"], it["version"] = str(string(doc)), num(r.Version)
	if !r.Manual() { // what a person opened stays open until a person closes it
		it["ttl"] = num(b.opts.Now().Add(controlLife).Unix())
	}
	_, err = b.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &b.opts.Control, Item: it,
		ConditionExpression:       aws.String("version = :before OR (attribute_not_exists(pk) AND :before = :zero)"),
		ExpressionAttributeValues: item{":before": num(r.Version - 1), ":zero": num(0)},
	})
	if _, lost := conditionFailed(err); lost {
		return fault.New(fault.Conflict, "store.save_breaker", "another worker changed this circuit breaker first")
	}
	return failure("store.save_breaker", err)
}
