package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Shard is how far the discovery of one shard has come.
type Shard struct {
	ID         string `json:"id"`
	Source     string `json:"source"`
	Search     int    `json:"search,omitempty"` // number of the search in work
	Cursor     string `json:"cursor"`           // of the page in work
	Offset     int    `json:"offset"`           // rows of that page that are done with
	Seen       int    `json:"seen"`             // rows in
	Duplicates int    `json:"duplicates"`
	Chunks     []int  `json:"chunks"` // rows of each chunk that was written
	Done       bool   `json:"done"`
}

// Chunk is how far one chunk has come.
type Chunk struct {
	Name      string                      `json:"name"`
	Counts    *domain.Counts              `json:"counts,omitempty"` // nil until converted; In is its rows
	Enriched  int                         `json:"enriched"`
	Converted int                         `json:"converted"`
	Verified  int                         `json:"verified,omitempty"` // rows with an address that a verifier found safe
	CRM       map[string]domain.PushTally `json:"crm,omitempty"`
	Failure   string                      `json:"failure,omitempty"` // why it ended early
	Cause     string                      `json:"cause,omitempty"`   // the same in words
	Doc       string                      `json:"doc,omitempty"`     // where its rows were then
	Seen      domain.Experiences          `json:"seen,omitempty"`    // what enriching it taught about providers

	// What people did with its prospects afterwards.
	ByHand    []string                    `json:"-"` // made leads: "<state before>#<prospect>"
	CRMByHand map[string]domain.PushTally `json:"-"`

	Attempt     int            `json:"-"` // at the run that took it up again; zero: the first
	DeadLetters map[string]int `json:"-"` // messages that no worker could handle, by provider
	Turns       []Turn         `json:"-"` // of enrichment, in order
}

func shardUnit(id string) string   { return "SHARD#" + id }
func chunkUnit(name string) string { return "CHUNK#" + name }

// unitOf returns the ledger item that a step of ref works on: the shard of a
// discovery, else the chunk.
func unitOf(ref domain.Ref, step string) string {
	if step == StepDiscover {
		return shardUnit(ref.Chunk)
	}
	return chunkUnit(ref.Chunk)
}

// StepDiscover is the step whose unit is a shard.
const StepDiscover = "discover"

// Begin takes the lease of a step until a time, for owner, unless the step was
// finished before. It returns what the finished steps of the chunk or shard
// answered, by step. A step that another owner is at work on is a fault
// Conflict.
func (s *Store) Begin(ctx context.Context, ref domain.Ref, step, owner string, until time.Time) (done map[string]json.RawMessage, err error) {
	now := s.opts.Now()
	out, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), unitOf(ref, step)),
		UpdateExpression:         aws.String("SET #lease = :until, #owner = :owner"),
		ConditionExpression:      aws.String("attribute_not_exists(#out) AND (attribute_not_exists(#lease) OR #lease < :now OR #owner = :owner)"),
		ExpressionAttributeNames: map[string]string{"#lease": "lease", "#owner": "owner", "#out": "out_" + step},
		ExpressionAttributeValues: item{
			":until": num(until.UnixMilli()), ":now": num(now.UnixMilli()), ":owner": str(owner),
		},
		ReturnValues:                        "ALL_NEW",
		ReturnValuesOnConditionCheckFailure: "ALL_OLD",
	})
	if old, lost := conditionFailed(err); lost {
		if textOf(old, "out_"+step) != "" {
			return answersOf(old), nil
		}
		return nil, atWork(old, now, "store.begin", "another worker is at this step")
	}
	if err != nil {
		return nil, failure("store.begin", err)
	}
	return answersOf(out.Attributes), nil
}

// atWork is the fault of coming upon a unit's lease: it is over after RetryAfter.
func atWork(unit item, now time.Time, op, message string) error {
	return &fault.Error{Kind: fault.Conflict, Op: op, Message: message, RetryAfter: time.UnixMilli(intOf(unit, "lease")).Sub(now)}
}

// answersOf returns what the finished steps of a unit answered.
func answersOf(unit item) map[string]json.RawMessage {
	answers := map[string]json.RawMessage{}
	for name := range unit {
		if step, ok := strings.CutPrefix(name, "out_"); ok {
			answers[step] = json.RawMessage(textOf(unit, name))
		}
	}
	return answers
}

// Finish records a step's answer and gives the lease back. If another owner
// took the lease meanwhile it is a fault Conflict.
func (s *Store) Finish(ctx context.Context, ref domain.Ref, step, owner string, output any) error {
	answer, err := json.Marshal(output)
	if err != nil {
		return fmt.Errorf("store.finish: %w", err)
	}
	return s.updateUnit(ctx, ref, unitOf(ref, step), owner, "SET #out = :out REMOVE #lease, #owner",
		map[string]string{"#out": "out_" + step, "#lease": "lease"}, item{":out": str(string(answer))})
}

// Release gives the lease of a step back without finishing it.
func (s *Store) Release(ctx context.Context, ref domain.Ref, step, owner string) error {
	return s.updateUnit(ctx, ref, unitOf(ref, step), owner, "REMOVE #lease, #owner", map[string]string{"#lease": "lease"}, nil)
}

func (s *Store) updateUnit(ctx context.Context, ref domain.Ref, unit, owner, update string, names map[string]string, values item) error {
	names["#owner"] = "owner"
	if values == nil {
		values = item{}
	}
	values[":owner"] = str(owner)
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), unit),
		UpdateExpression: &update, ConditionExpression: aws.String("#owner = :owner"),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if _, lost := conditionFailed(err); lost {
		return fault.New(fault.Conflict, "store.update_unit", "another worker has taken over this step")
	}
	return failure("store.update_unit", err)
}

// EndEnriching lets no worker begin to enrich a chunk any more: [Store.Begin] tells it
// that the step [StepScored] is done. While a worker is at the chunk it is a fault
// Conflict, with the time until that worker's lease is over. Repeating it changes
// nothing.
func (s *Store) EndEnriching(ctx context.Context, ref domain.Ref) error {
	now := s.opts.Now()
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), chunkUnit(ref.Chunk)),
		UpdateExpression:          aws.String("SET #out = :out"),
		ConditionExpression:       aws.String("attribute_exists(#out) OR attribute_not_exists(#lease) OR #lease < :now"),
		ExpressionAttributeNames:  map[string]string{"#out": "out_" + StepScored, "#lease": "lease"},
		ExpressionAttributeValues: item{":out": str("{}"), ":now": num(now.UnixMilli())},

		ReturnValuesOnConditionCheckFailure: "ALL_OLD",
	})
	if old, lost := conditionFailed(err); lost {
		return atWork(old, now, "store.end_enriching", "a worker that was given up is still enriching the chunk")
	}
	return failure("store.end_enriching", err)
}

// ShardProgress reads how far a shard has come; a zero Shard if it has not begun.
func (s *Store) ShardProgress(ctx context.Context, ref domain.Ref) (Shard, error) {
	var d document
	sh := Shard{ID: ref.Chunk}
	found, err := s.get(ctx, s.opts.Ledger, spendPK(ref.Run), shardUnit(ref.Chunk), &d)
	if err == nil && found && d.Doc != "" {
		err = json.Unmarshal([]byte(d.Doc), &sh)
	}
	return sh, failure("store.shard_progress", err)
}

// SaveShard records how far a shard has come, under the lease of owner.
func (s *Store) SaveShard(ctx context.Context, ref domain.Ref, owner string, sh Shard) error {
	doc, err := json.Marshal(sh)
	if err != nil {
		return fmt.Errorf("store.save_shard: %w", err)
	}
	return s.updateUnit(ctx, ref, shardUnit(ref.Chunk), owner, "SET #doc = :doc", map[string]string{"#doc": "doc"}, item{":doc": str(string(doc))})
}

// SaveChunk records a chunk's counts. Repeating it overwrites them with the same.
func (s *Store) SaveChunk(ctx context.Context, ref domain.Ref, c Chunk) error {
	return s.putChunk(ctx, ref, c, "")
}

// FailChunk records why a chunk ended early, unless it was converted already.
func (s *Store) FailChunk(ctx context.Context, ref domain.Ref, c Chunk) error {
	err := s.putChunk(ctx, ref, c, "attribute_not_exists(#doc)")
	if _, lost := conditionFailed(err); lost {
		return nil
	}
	return err
}

// SavePush records what a push of a chunk did in one CRM, or that of one lead
// of it which a person made.
func (s *Store) SavePush(ctx context.Context, ref domain.Ref, crm, lead string, tally domain.PushTally) error {
	attribute := "crm_" + crm
	if lead != "" {
		attribute = byHand + crm + "#" + lead
	}
	return s.setChunk(ctx, ref, attribute, tally, "")
}

// byHand begins the attributes with what pushes of single leads did.
const byHand = "hand_"

// SaveConversion records that a person made a lead of a chunk's prospect, which
// was in the state from. Repeating it changes nothing.
func (s *Store) SaveConversion(ctx context.Context, ref domain.Ref, prospectID string, from domain.State) error {
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), chunkUnit(ref.Chunk)),
		UpdateExpression:          aws.String("ADD #hand :one"),
		ExpressionAttributeNames:  map[string]string{"#hand": "byhand"},
		ExpressionAttributeValues: item{":one": &types.AttributeValueMemberSS{Value: []string{string(from) + "#" + prospectID}}},
	})
	return failure("store.save_conversion", err)
}

// chunkDoc is a [Chunk] as it is stored. What it taught is most of it, and is
// packed: each later write to the item, as of a push, is billed by its size.
type chunkDoc struct {
	Chunk
	Taught []byte `json:"taught,omitempty"` // Seen
}

func (s *Store) putChunk(ctx context.Context, ref domain.Ref, c Chunk, condition string) error {
	d := chunkDoc{Chunk: c}
	if d.Seen = nil; len(c.Seen) > 0 {
		var err error
		if d.Taught, err = pack(inJSON(c.Seen)); err != nil {
			return fmt.Errorf("store.save_chunk: %w", err)
		}
	}
	return s.setChunk(ctx, ref, "doc", d, condition)
}

func (s *Store) setChunk(ctx context.Context, ref domain.Ref, attribute string, v any, condition string) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store.save_chunk: %w", err)
	}
	in := &dynamodb.UpdateItemInput{
		TableName: &s.opts.Ledger, Key: key(spendPK(ref.Run), chunkUnit(ref.Chunk)),
		UpdateExpression:          aws.String("SET #doc = :doc"),
		ExpressionAttributeNames:  map[string]string{"#doc": attribute},
		ExpressionAttributeValues: item{":doc": str(string(doc))},
	}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	_, err = s.db.UpdateItem(ctx, in)
	if _, lost := conditionFailed(err); lost {
		return err
	}
	return failure("store.save_chunk", err)
}

// Ledger is everything that a run's partition knows about its progress.
type Ledger struct {
	Shards []Shard
	Chunks map[string]Chunk // by name; those that some step has begun
	Spend  Spend
}

// Ledger reads a run's progress: one Query.
func (s *Store) Ledger(ctx context.Context, ref domain.Ref) (Ledger, error) {
	l := Ledger{Chunks: map[string]Chunk{}}
	err := s.query(ctx, s.opts.Ledger, spendPK(ref.Run), "", func(it item) error {
		sk := textOf(it, "sk")
		if name, ok := strings.CutPrefix(sk, "CHUNK#"); ok {
			c, err := s.chunkOf(name, it)
			l.Chunks[name] = c
			return err
		}
		if id, ok := strings.CutPrefix(sk, "SHARD#"); ok {
			sh := Shard{ID: id}
			if doc := textOf(it, "doc"); doc != "" {
				if err := json.Unmarshal([]byte(doc), &sh); err != nil {
					return err
				}
			}
			l.Shards = append(l.Shards, sh)
		}
		if sk == "SPEND" {
			l.Spend = spendOf(it)
		}
		return nil
	})
	return l, failure("store.ledger", err)
}

func (s *Store) chunkOf(name string, it item) (Chunk, error) {
	c := Chunk{Name: name}
	c.retried(it)
	c.turned(it)
	if doc := textOf(it, "doc"); doc != "" {
		d := chunkDoc{Chunk: c}
		if err := json.Unmarshal([]byte(doc), &d); err != nil {
			return c, err
		}
		if c = d.Chunk; d.Taught != nil {
			if err := unpack(d.Taught, maxObject, func(plain []byte) error { return json.Unmarshal(plain, &c.Seen) }); err != nil {
				return c, err
			}
		}
	}
	if set, ok := it["byhand"].(*types.AttributeValueMemberSS); ok {
		c.ByHand = set.Value
	}
	for attribute := range it {
		crm, ofChunk := strings.CutPrefix(attribute, "crm_")
		rest, ofLead := strings.CutPrefix(attribute, byHand)
		if !ofChunk && !ofLead {
			continue
		}
		var tally domain.PushTally
		if err := json.Unmarshal([]byte(textOf(it, attribute)), &tally); err != nil {
			return c, err
		}
		if ofLead {
			crm, _, _ = strings.Cut(rest, "#")
			c.CRMByHand = added(c.CRMByHand, crm, tally)
		} else {
			c.CRM = added(c.CRM, crm, tally)
		}
	}
	return c, nil
}

func added(sums map[string]domain.PushTally, crm string, tally domain.PushTally) map[string]domain.PushTally {
	if sums == nil {
		sums = map[string]domain.PushTally{}
	}
	sums[crm] = sums[crm].Plus(tally)
	return sums
}

// ChunkName is the name of a shard's n-th chunk.
func ChunkName(shard string, n int) string { return fmt.Sprintf("%s-%05d", shard, n) }

// Totals sums a ledger. A row of a chunk without counts is in work if a step
// has begun the chunk, else queued; ended says that nothing moves any more, so
// that such rows are failed.
func (l Ledger) Totals(ended bool) domain.Totals {
	t := domain.Totals{BySource: map[string]int{}, CRM: map[string]domain.PushTally{}}
	for _, sh := range l.Shards {
		t.BySource[sh.Source] += sh.Seen
		t.Rows.In += sh.Seen
		t.Rows.Duplicate += sh.Duplicates
		written := 0
		for n, rows := range sh.Chunks {
			written += rows
			c, begun := l.Chunks[ChunkName(sh.ID, n)]
			addChunk(&t, c, begun, rows, ended)
		}
		if rest := sh.Seen - sh.Duplicates - written; rest > 0 {
			addRows(&t.Rows, rest, false, ended)
		}
	}
	return t
}

func addChunk(t *domain.Totals, c Chunk, begun bool, rows int, ended bool) {
	if c.Counts == nil {
		addRows(&t.Rows, rows, begun, ended)
	} else {
		counts := *c.Counts
		counts.In = 0 // the shard has counted them in
		for _, moved := range c.ByHand {
			from, _, _ := strings.Cut(moved, "#")
			if counts.Add(domain.State(from), -1) == nil { // only states of ours are recorded
				counts.Qualified++
				t.Converted++
			}
		}
		t.Rows = t.Rows.Plus(counts)
	}
	t.Enriched += c.Enriched
	t.Verified += c.Verified
	addTurns(t, c.Turns)
	t.Converted += c.Converted
	for _, of := range []map[string]domain.PushTally{c.CRM, c.CRMByHand} {
		for crm, tally := range of {
			t.CRM = added(t.CRM, crm, tally)
		}
	}
}

func addRows(c *domain.Counts, n int, begun, ended bool) {
	switch {
	case ended:
		c.Failed += n
	case begun:
		c.InWork += n
	default:
		c.Queued += n
	}
}

// Parked is a message that waits for its run to be resumed.
type Parked struct {
	ID    string `dynamodbav:"id"`
	Queue string `dynamodbav:"queue"` // URL
	Body  string `dynamodbav:"body"`
}

// Park keeps a message under an id until its run is resumed.
func (s *Store) Park(ctx context.Context, ref domain.Ref, id, queue string, body []byte) error {
	return failure("store.park", s.put(ctx, s.opts.Ledger, parkedPK(ref), id, Parked{ID: id, Queue: queue, Body: string(body)}, ""))
}

func parkedPK(ref domain.Ref) string { return "RUN#" + ref.Run + "#PARKED" }

// Parked returns a run's parked messages.
func (s *Store) Parked(ctx context.Context, ref domain.Ref) ([]Parked, error) {
	var all []Parked
	err := s.query(ctx, s.opts.Ledger, parkedPK(ref), "", func(it item) error {
		all = append(all, Parked{ID: textOf(it, "id"), Queue: textOf(it, "queue"), Body: textOf(it, "body")})
		return nil
	})
	return all, failure("store.parked", err)
}

// DropParked removes a run's parked messages: nobody will resume it.
func (s *Store) DropParked(ctx context.Context, ref domain.Ref) error {
	parked, err := s.Parked(ctx, ref)
	for _, p := range parked {
		if _, err := s.Unpark(ctx, ref, p.ID); err != nil {
			return err
		}
	}
	return err
}

// Unpark removes a parked message; it reports whether it was still there.
func (s *Store) Unpark(ctx context.Context, ref domain.Ref, id string) (bool, error) {
	out, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.opts.Ledger, Key: key(parkedPK(ref), id), ReturnValues: "ALL_OLD"})
	if err != nil {
		return false, failure("store.unpark", err)
	}
	return len(out.Attributes) > 0, nil
}
