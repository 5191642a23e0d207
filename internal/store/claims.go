package store

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
)

// prospectLife is how long an unconverted prospect is kept.
const prospectLife = 90 * 24 * time.Hour

// Claim says which chunk of which run discovered a prospect first, and which
// lead a person made of it later: "" if nobody did.
type Claim struct {
	Run, Campaign, Chunk, Lead string
	// Later are the objects with the rows of what was bought about the prospect
	// after its run, oldest first.
	Later []string
}

// ClaimProspect makes (team, source, profile) unique across all campaigns: the
// first claim wins and stays. It returns the claim that holds, which is the
// caller's own after a success or a repetition.
func (s *Store) ClaimProspect(ctx context.Context, ref domain.Ref, prospectID string) (Claim, error) {
	condition := notExists
	_, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.opts.Prospects, Item: s.claimItem(ref, prospectID), ConditionExpression: &condition,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		return Claim{Run: ref.Run, Campaign: ref.Campaign, Chunk: ref.Chunk}, nil
	}
	if old, lost := conditionFailed(err); lost {
		return Claim{Run: textOf(old, "run"), Campaign: textOf(old, "campaign"), Chunk: textOf(old, "chunk")}, nil
	}
	return Claim{}, failure("store.claim_prospect", err)
}

// MoveClaim moves a claim of ref's run from one of its chunks to ref's. It does
// nothing, without an error, to a claim that is not there any more.
func (s *Store) MoveClaim(ctx context.Context, ref domain.Ref, prospectID, from string) error {
	_, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.opts.Prospects, Item: s.claimItem(ref, prospectID),
		ConditionExpression:       aws.String("#run = :run AND #chunk = :from"),
		ExpressionAttributeNames:  map[string]string{"#run": "run", "#chunk": "chunk"},
		ExpressionAttributeValues: item{":run": str(ref.Run), ":from": str(from)},
	})
	if _, lost := conditionFailed(err); lost {
		return nil
	}
	return failure("store.move_claim", err)
}

func (s *Store) claimItem(ref domain.Ref, prospectID string) item {
	it := key(claimKey(ref.Team, prospectID), "CLAIM")
	it["run"], it["campaign"], it["chunk"] = str(ref.Run), str(ref.Campaign), str(ref.Chunk)
	it["ttl"] = num(s.opts.Now().Add(prospectLife).Unix())
	return it
}

// KeepClaims lets the claims of a chunk's leads outlive those of prospects: a
// person who is a lead is not discovered, and paid for, again.
func (s *Store) KeepClaims(ctx context.Context, ref domain.Ref, prospectIDs []string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, id := range prospectIDs {
		g.Go(func() error {
			it := key(claimKey(ref.Team, id), "CLAIM")
			it["run"], it["campaign"], it["chunk"] = str(ref.Run), str(ref.Campaign), str(ref.Chunk)
			_, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.opts.Prospects, Item: it})
			return err
		})
	}
	return failure("store.keep_claims", g.Wait())
}

// AddLater notes that rows about the prospects were kept in an object after
// their runs; once, however often it is called. A prospect that has ended by now
// is passed over.
func (s *Store) AddLater(ctx context.Context, team, key string, prospectIDs []string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, id := range prospectIDs {
		g.Go(func() error {
			return s.addLater(ctx, team, key, id)
		})
	}
	return failure("store.add_later", g.Wait())
}

func (s *Store) addLater(ctx context.Context, team, doc, prospectID string) error {
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Prospects, Key: key(claimKey(team, prospectID), "CLAIM"),
		UpdateExpression:         aws.String("SET #later = list_append(if_not_exists(#later, :none), :docs)"),
		ConditionExpression:      aws.String("attribute_exists(pk) AND NOT contains(#later, :doc)"),
		ExpressionAttributeNames: map[string]string{"#later": "later"},
		ExpressionAttributeValues: item{
			":none": &types.AttributeValueMemberL{}, ":docs": &types.AttributeValueMemberL{Value: []types.AttributeValue{str(doc)}}, ":doc": str(doc),
		},
	})
	if _, lost := conditionFailed(err); lost {
		return nil
	}
	return err
}

func claimKey(team, prospectID string) string { return "CLAIM#" + team + "#" + prospectID }

// ListShards is over how many partitions a campaign's prospects are spread.
func ListShards(maxProspects int) int { return 1 + (maxProspects-1)/100_000 }

func listKey(team, campaign string, shard int) string {
	return "LIST#" + team + "#" + campaign + "#" + strconv.Itoa(shard)
}
