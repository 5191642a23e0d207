package store

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// RetryPrefix is where the rows are that an attempt at a run works on; one
// object is one child execution.
func RetryPrefix(run string, attempt int) string {
	return "runs/" + run + "/retry/" + strconv.Itoa(attempt) + "/"
}

// RetryKey is the object of one chunk that is run again.
func RetryKey(run, chunk string, attempt int) string { return RetryPrefix(run, attempt) + chunk }

// RetryRun lets a run that has ended go on as the given attempt, from 1.
// Repeating it changes nothing; a run that goes on, or whose attempts are not
// that far, is a fault Conflict.
func (s *Store) RetryRun(ctx context.Context, ref domain.Ref, attempt int) error {
	r, err := s.Run(ctx, ref)
	if err != nil {
		return err
	}
	if r.Attempt == attempt || r.Attempt == attempt-1 && r.Status.Ended() {
		if _, err := s.updateSpend(ctx, spendPK(ref.Run), "REMOVE runover", "attribute_exists(runover)", nil); err != nil {
			return failure("store.retry_run", err)
		}
	}
	switch {
	case r.Attempt == attempt:
		return nil
	case r.Attempt != attempt-1 || !r.Status.Ended():
		return fault.New(fault.Conflict, "store.retry_run", "the run is not one whose next attempt this is; read it again")
	}
	status := r.Status
	r.Attempt, r.EndedAt, r.Totals, r.Status, r.Reason = attempt, time.Time{}, nil, domain.RunRunning, ""
	doc, err := json.Marshal(r)
	if err != nil {
		return failure("store.retry_run", err)
	}
	_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Core, Key: key(runPK(ref), "RUN#"+ref.Run),
		UpdateExpression:         aws.String("SET doc = :doc, #status = :running, reason = :none"),
		ConditionExpression:      aws.String("#status = :was"),
		ExpressionAttributeNames: map[string]string{"#status": "status"},
		ExpressionAttributeValues: item{
			":doc": str(string(doc)), ":running": str(string(domain.RunRunning)), ":was": str(string(status)), ":none": str(""),
		},
	})
	if _, lost := conditionFailed(err); !lost {
		return failure("store.retry_run", err)
	}
	if r, err = s.Run(ctx, ref); err != nil || r.Attempt == attempt {
		return err // somebody else has begun the same attempt
	}
	return fault.New(fault.Conflict, "store.retry_run", "the run changed at this moment; read it again")
}

// LastDoc is where the last step of a chunk that answered has left its rows:
// where it was discovered, if none has.
func (s *Store) LastDoc(ctx context.Context, ref domain.Ref) (string, error) {
	unit, err := s.unit(ctx, ref)
	doc, last := ChunkKey(ref.Run, ref.Chunk), -1
	for step, answer := range answersOf(unit) {
		var out struct {
			Doc string `json:"doc"`
		}
		turn, ok := enrichTurn(step)
		if !ok || turn <= last || json.Unmarshal(answer, &out) != nil || out.Doc == "" {
			continue
		}
		doc, last = out.Doc, turn
	}
	return doc, failure("store.last_doc", err)
}

// enrichTurn is the turn in a name made by [EnrichStep].
func enrichTurn(step string) (int, bool) {
	rest, ok := strings.CutPrefix(step, "enriched-")
	number, _, named := strings.Cut(rest, "-")
	n, err := strconv.Atoi(number)
	return n, ok && named && err == nil
}

func (s *Store) unit(ctx context.Context, ref domain.Ref) (item, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), chunkUnit(ref.Chunk)), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// ReopenChunk lets a chunk be worked on again by an attempt at its run. What it
// counted when it failed is forgotten, and so are the answers of its steps, all
// of which can be repeated; a chunk that was converted keeps its counts. The
// rows must be where the attempt looks for them. Repeating it changes nothing.
//
// A worker of the run before may still be alive and asking providers. The attempt
// takes its step away, and gets to the chunk when its lease is over: no worker
// outlives its lease.
func (s *Store) ReopenChunk(ctx context.Context, ref domain.Ref, attempt int, converted bool) error {
	for {
		unit, err := s.unit(ctx, ref)
		if err != nil {
			return failure("store.reopen_chunk", err)
		}
		if _, reopened := unit["attempt"]; reopened && int(intOf(unit, "attempt")) >= attempt {
			return nil
		}
		done, err := s.reopenChunk(ctx, ref, unit, attempt, converted)
		if err != nil || done {
			return failure("store.reopen_chunk", err)
		}
	}
}

// reopenChunk reopens a chunk unless it has changed since it was read.
func (s *Store) reopenChunk(ctx context.Context, ref domain.Ref, unit item, attempt int, converted bool) (done bool, err error) {
	update := "SET #attempt = :attempt"
	condition := "(attribute_not_exists(#attempt) OR #attempt < :attempt)"
	names := map[string]string{"#attempt": "attempt"}
	values := item{":attempt": num(int64(attempt))}
	if !converted {
		names["#owner"] = "owner"
		if owner, at := unit["owner"]; at {
			update += ", #owner = :nobody"
			condition += " AND #owner = :owner"
			values[":owner"], values[":nobody"] = owner, str("attempt "+strconv.Itoa(attempt))
		} else {
			condition += " AND attribute_not_exists(#owner)"
		}
		gone := []string{"doc"}
		for step := range answersOf(unit) {
			gone = append(gone, "out_"+step)
		}
		for i, name := range gone {
			short := "#a" + strconv.Itoa(i)
			names[short], gone[i] = name, short
		}
		update += " REMOVE " + strings.Join(gone, ", ")
	}
	_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), chunkUnit(ref.Chunk)),
		UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if _, lost := conditionFailed(err); lost {
		return false, nil
	}
	return err == nil, err
}

// deadLetters begins the attributes that name a provider's dead letters.
const deadLetters = "dead_"

// SaveDeadLetter records that no worker could handle a message about a chunk,
// or about a shard of the discovery. A message counts once.
func (s *Store) SaveDeadLetter(ctx context.Context, ref domain.Ref, provider, message string, shard bool) error {
	unit := chunkUnit(ref.Chunk)
	if shard {
		unit = shardUnit(ref.Chunk)
	}
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), unit), UpdateExpression: aws.String("ADD #dead :message"),
		ExpressionAttributeNames:  map[string]string{"#dead": deadLetters + provider},
		ExpressionAttributeValues: item{":message": &types.AttributeValueMemberSS{Value: []string{message}}},
	})
	return failure("store.save_dead_letter", err)
}

// retried fills in what chunkOf cannot read from a chunk's document.
func (c *Chunk) retried(it item) {
	c.Attempt = int(intOf(it, "attempt"))
	for attribute := range it {
		provider, ok := strings.CutPrefix(attribute, deadLetters)
		if set, is := it[attribute].(*types.AttributeValueMemberSS); ok && is {
			if c.DeadLetters == nil {
				c.DeadLetters = map[string]int{}
			}
			c.DeadLetters[provider] = len(set.Value)
		}
	}
}

// Again are the chunks of a run that has ended which can be run again, by name:
// those that were given up, that the run's end left without one, and whose leads
// some of the CRMs have not got. An attempt that takes them up sees those that
// it has taken up already.
func (l Ledger) Again(crms []string, attempt int) map[string]Chunk {
	again := map[string]Chunk{}
	for _, sh := range l.Shards {
		for n := range sh.Chunks {
			name := ChunkName(sh.ID, n)
			c := l.Chunks[name]
			c.Name = name
			unpushed := c.Converted > 0 && slices.ContainsFunc(crms, func(crm string) bool {
				_, pushed := c.CRM[crm]
				return !pushed
			})
			if c.Counts == nil || c.Failure != "" || unpushed || c.Attempt == attempt {
				again[name] = c
			}
		}
	}
	return again
}
