package store

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

const learnedSK = "LEARNED"

// learnedRuns is how many runs are remembered as counted, so that none counts
// twice.
const learnedRuns = 50

// fade is the number of questions from which what is known about a provider in
// a segment is halved: it shall notice when the provider changes.
const fade = 5_000

// learned is what a team knows about its providers.
type learned struct {
	Known domain.Experiences `json:"known"`
	Runs  []string           `json:"runs"`
	n     int                // version
}

// Learned returns what the team's runs have taught about providers.
func (s *Store) Learned(ctx context.Context, team string) (domain.Experiences, error) {
	l, err := s.learned(ctx, team)
	return l.Known, failure("store.learned", err)
}

func (s *Store) learned(ctx context.Context, team string) (learned, error) {
	l := learned{Known: domain.Experiences{}}
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.opts.Core, Key: key("TEAM#"+team, learnedSK), ConsistentRead: aws.Bool(true)})
	if err != nil || out.Item == nil {
		return l, err
	}
	l.n = int(intOf(out.Item, "version"))
	return l, json.Unmarshal([]byte(textOf(out.Item, "doc")), &l)
}

// Learn adds what a run has taught, once however often it is called.
func (s *Store) Learn(ctx context.Context, ref domain.Ref, seen domain.Experiences) error {
	if len(seen) == 0 {
		return nil
	}
	const attempts = 8 // other runs of the team may end at the same time
	for range attempts {
		l, err := s.learned(ctx, ref.Team)
		if err != nil {
			return failure("store.learn", err)
		}
		if slices.Contains(l.Runs, ref.Run) {
			return nil
		}
		l.Known.Add(seen)
		for at, e := range l.Known {
			if e.First.Asked+e.Later.Asked > fade {
				l.Known[at] = domain.Experience{First: e.First.Half(), Later: e.Later.Half()}
			}
		}
		l.Runs = append(l.Runs, ref.Run)
		l.Runs = l.Runs[max(0, len(l.Runs)-learnedRuns):]
		doc, err := json.Marshal(l)
		if err != nil {
			return failure("store.learn", err)
		}
		it := key("TEAM#"+ref.Team, learnedSK)
		it["doc"], it["version"] = str(string(doc)), num(int64(l.n+1))
		_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &s.opts.Core, Item: it,
			ConditionExpression:       aws.String("attribute_not_exists(pk) OR version = :n"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":n": num(int64(l.n))},
		})
		if _, lost := conditionFailed(err); !lost {
			return failure("store.learn", err)
		}
	}
	return fault.New(fault.Conflict, "store.learn", "other runs of the team keep ending at the same moment; repeat it")
}
