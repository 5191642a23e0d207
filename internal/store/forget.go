package store

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/fault"
)

// Subjected is an answer that says whom it is about, so that it can be forgotten
// by that. What keeps no subjects is not found by any.
type Subjected interface{ Subjects() []string }

// subjectsAttribute holds the short keyed hashes of an answer's subjects.
const subjectsAttribute = "subjects"

// mark puts the subjects of an answer beside it, where a scan can see them:
// useless to anybody without the team's key.
func (s *Store) mark(ctx context.Context, team string, it item, answer any) error {
	about, ok := answer.(Subjected)
	if !ok || len(about.Subjects()) == 0 {
		return nil
	}
	set := &types.AttributeValueMemberBS{}
	for _, subject := range about.Subjects() {
		short, err := s.subject(ctx, team, subject)
		if err != nil {
			return err
		}
		set.Value = append(set.Value, short)
	}
	it[subjectsAttribute] = set
	return nil
}

// subject is a subject as it is kept: eight bytes, of which two of a team's
// cache are the same by chance once in 10^11 for a million subjects. An answer
// that is forgotten for another one is bought again.
func (s *Store) subject(ctx context.Context, team, subject string) ([]byte, error) {
	sum, err := s.seal.hash(ctx, team, subject)
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(sum[:16])
}

// forgottenLife is as long as the records from which the cache can be filled.
const forgottenLife = 31 * 24 * time.Hour

func forgottenPK(team string) string { return "FORGOTTEN#" + team }

// Forget removes answers about a subject from the team's cache and notes it, so
// that no record fills them in again. The cache is not indexed by subject: all
// of it is looked through, as far as one call gets until ctx's deadline is near.
// Then next is where to go on: "" at the end. Answers that are written at the
// same moment may stay.
func (s *Store) Forget(ctx context.Context, team, subject, next string) (forgotten int, more string, err error) {
	short, err := s.subject(ctx, team, subject)
	if err != nil {
		return 0, "", failure("store.forget", err)
	}
	in := &dynamodb.ScanInput{
		TableName: &s.opts.Control, ProjectionExpression: aws.String("pk, sk"),
		FilterExpression:          aws.String("begins_with(pk, :team) AND contains(" + subjectsAttribute + ", :subject)"),
		ExpressionAttributeValues: item{":team": str(cachePK(team, "")), ":subject": bin(short)},
	}
	if next == "" {
		it := key(forgottenPK(team), hex.EncodeToString(short))
		now := s.opts.Now()
		it["at"], it["ttl"] = num(now.UnixMilli()), num(now.Add(forgottenLife).Unix())
		if _, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.opts.Control, Item: it}); err != nil {
			return 0, "", failure("store.forget", err)
		}
	} else if in.ExclusiveStartKey, err = s.openCursor(ctx, team, next); err != nil {
		return 0, "", err
	}
	for {
		out, err := s.db.Scan(ctx, in)
		if err != nil {
			return forgotten, "", failure("store.forget", err)
		}
		for _, it := range out.Items {
			if _, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.opts.Control, Key: key(textOf(it, "pk"), textOf(it, "sk"))}); err != nil {
				return forgotten, "", failure("store.forget", err)
			}
			forgotten++
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return forgotten, "", nil
		}
		if end, ok := ctx.Deadline(); ok && end.Sub(s.opts.Now()) < forgetMargin {
			more, err = s.sealCursor(ctx, team, out.LastEvaluatedKey)
			return forgotten, more, failure("store.forget", err)
		}
	}
}

// forgetMargin is left of a caller's time when a look through the cache stops.
const forgetMargin = 5 * time.Second

// A cursor names an item that may be another team's: it is sealed.
const cursorContext = "forget cursor"

func (s *Store) sealCursor(ctx context.Context, team string, at item) (string, error) {
	plain, err := json.Marshal([]string{textOf(at, "pk"), textOf(at, "sk")})
	if err != nil {
		return "", err
	}
	sealed, err := s.seal.seal(ctx, team, cursorContext, plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func (s *Store) openCursor(ctx context.Context, team, cursor string) (item, error) {
	bad := fault.New(fault.InvalidInput, "store.forget", "the cursor is not one that this API gave out; leave it away to begin anew")
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, bad
	}
	plain, err := s.seal.open(ctx, team, cursorContext, sealed)
	if err != nil {
		return nil, bad
	}
	var at []string
	if err := json.Unmarshal(plain, &at); err != nil || len(at) != 2 {
		return nil, bad
	}
	return key(at[0], at[1]), nil
}

// Forgotten reports for subjects when they were forgotten last, of those that
// were.
func (s *Store) Forgotten(ctx context.Context, team string) (func(subject string) (time.Time, error), error) {
	times := map[string]time.Time{}
	err := s.query(ctx, s.opts.Control, forgottenPK(team), "", func(it item) error {
		times[textOf(it, "sk")] = time.UnixMilli(intOf(it, "at"))
		return nil
	})
	if err != nil {
		return nil, failure("store.forgotten", err)
	}
	return func(subject string) (time.Time, error) {
		if len(times) == 0 {
			return time.Time{}, nil
		}
		short, err := s.subject(ctx, team, subject)
		return times[hex.EncodeToString(short)], err
	}, nil
}
