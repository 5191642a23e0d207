package store

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"strconv"
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

// shareItems is how many attributes of a limiter's item the runs that share it
// are spread over. Two runs in one attribute count as one.
const shareItems = 16

// Advance implements ratelimit.Store: at most two conditional updates, and none
// more to learn when the limiter is free.
func (l Limits) Advance(ctx context.Context, name string, floor, horizon time.Time, inc time.Duration) (time.Time, bool, error) {
	start, _, ok, err := l.advance(ctx, name, "", horizon, floor, horizon, inc)
	return start, ok, err
}

// AdvanceShare implements ratelimit.Sharing.
func (l Limits) AdvanceShare(ctx context.Context, name, share string, lead, floor, horizon time.Time, inc time.Duration) (time.Time, int, bool, error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(share)) // a hash never fails
	return l.advance(ctx, name, shareItem(h.Sum32()%shareItems), lead, floor, horizon, inc)
}

func shareItem(n uint32) string { return "share" + strconv.Itoa(int(n)) }

// shares counts those that have booked time behind floor.
func shares(limiter item, floor time.Time) (n int) {
	for i := range uint32(shareItems) {
		if intOf(limiter, shareItem(i)) > floor.UnixNano() {
			n++
		}
	}
	return n
}

// advance books inc in the limiter's time, and notes its end as the share's.
func (l Limits) advance(ctx context.Context, name, share string, lead, floor, horizon time.Time, inc time.Duration) (time.Time, int, bool, error) {
	s := l.Store
	names := map[string]string{"#free": "free", "#ttl": "ttl"}
	turn := ""
	if share != "" {
		names["#share"], turn = share, " AND (attribute_not_exists(#share) OR #share <= :lead)"
	}
	update := func(end, condition string, values item) (*dynamodb.UpdateItemOutput, error) {
		values[":ttl"] = num(s.opts.Now().Add(controlLife).Unix())
		expression := "SET #free = " + end + ", #ttl = :ttl"
		if share != "" {
			expression += ", #share = " + end
		}
		return s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.opts.Control, Key: limitKey(name),
			UpdateExpression: &expression, ConditionExpression: &condition, ExpressionAttributeValues: values,
			ExpressionAttributeNames:            names,
			ReturnValues:                        "ALL_NEW",
			ReturnValuesOnConditionCheckFailure: "ALL_OLD",
		})
	}
	const tries = 20
	for range tries {
		values := item{":inc": num(int64(inc)), ":floor": num(floor.UnixNano()), ":horizon": num(horizon.UnixNano())}
		if share != "" {
			values[":lead"] = num(lead.UnixNano())
		}
		out, err := update("#free + :inc", "#free BETWEEN :floor AND :horizon"+turn, values)
		if err == nil {
			return time.Unix(0, intOf(out.Attributes, "free")).Add(-inc), shares(out.Attributes, floor), true, nil
		}
		old, lost := conditionFailed(err)
		if !lost {
			return time.Time{}, 0, false, failure("store.advance", err)
		}
		switch free, booked := intOf(old, "free"), intOf(old, share); {
		case len(old) == 0:
		case free > horizon.UnixNano():
			return time.Unix(0, free), shares(old, floor), false, nil
		case share != "" && booked > lead.UnixNano():
			return time.Unix(0, booked), shares(old, floor), false, nil
		}
		// Nobody has booked anything that is still to come: it is anybody's turn.
		out, err = update(":start", "attribute_not_exists(#free) OR #free < :floor",
			item{":floor": num(floor.UnixNano()), ":start": num(floor.Add(inc).UnixNano())})
		if err == nil {
			return floor, shares(out.Attributes, floor), true, nil
		}
		if _, lost := conditionFailed(err); !lost {
			return time.Time{}, 0, false, failure("store.advance", err)
		}
	}
	return time.Time{}, 0, false, fault.Wrap(fault.Unavailable, "store.advance", errors.New("too many workers ask for the same limit at once"))
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
