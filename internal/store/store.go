package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/fxamacker/cbor/v2"

	"github.com/messageai/sluice/internal/fault"
)

// Options name the resources that a store works on. A function that does not
// use a table leaves its name empty.
type Options struct {
	Core, Prospects, Ledger, Control string // table names
	Bucket                           string
	KeyID                            string // KMS key that wraps data keys
	Now                              func() time.Time
}

// Store is the product's data. Safe for concurrent use.
type Store struct {
	db   *dynamodb.Client
	s3   *s3.Client
	opts Options
	seal *sealer

	rows  rowForm
	calls calls
}

// New makes a store on cfg. It does no I/O.
func New(cfg aws.Config, opts Options) *Store {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{db: dynamodb.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg), opts: opts, rows: newRowForm()}
	s.seal = &sealer{store: s, kms: kms.NewFromConfig(cfg), turn: make(chan struct{}, 1), keys: map[string]*dataKey{}}
	return s
}

// rowForm is CBOR as rows are stored in it.
type rowForm struct {
	write cbor.EncMode
	read  cbor.DecMode
}

// newRowForm keeps times to the nanosecond, since receipts are recomputed from
// them, and reads any text: one that is cut in the middle of a character must
// not make its whole chunk unreadable.
func newRowForm() rowForm {
	write, err := cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		panic(err) // only options that contradict one another fail
	}
	read, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err) // only options that contradict one another fail
	}
	return rowForm{write: write, read: read}
}

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func bin(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func key(pk, sk string) item { return item{"pk": str(pk), "sk": str(sk)} }

func textOf(it item, name string) string {
	if v, ok := it[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func intOf(it item, name string) int64 {
	if v, ok := it[name].(*types.AttributeValueMemberN); ok {
		if n, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

func bytesOf(it item, name string) []byte {
	if v, ok := it[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

// conditionFailed reports whether err is a lost conditional write, and returns
// the item that was in the way if the request asked for it.
func conditionFailed(err error) (old item, lost bool) {
	if e, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return e.Item, true
	}
	return nil, false
}

// failure wraps an SDK error: a throttle or an outage of AWS is Unavailable; a
// call that the role may not make, or that AWS does not understand, is a bug.
func failure(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("%s: %w", op, err)
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		switch e.ErrorCode() {
		case "AccessDeniedException", "AccessDenied", "ValidationException":
			return fault.Wrap(fault.Internal, op, err)
		}
	}
	return fault.Wrap(fault.Unavailable, op, err)
}

// get reads one item into v (nil: only whether it exists).
func (s *Store) get(ctx context.Context, table, pk, sk string, v any) (bool, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key(pk, sk), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return false, err
	}
	if len(out.Item) == 0 {
		return false, nil
	}
	if v == nil {
		return true, nil
	}
	return true, attributevalue.UnmarshalMap(out.Item, v)
}

// put writes one item made of v's attributes and the key.
func (s *Store) put(ctx context.Context, table, pk, sk string, v any, condition string) error {
	it, err := attributevalue.MarshalMap(v)
	if err != nil {
		return err
	}
	it["pk"], it["sk"] = str(pk), str(sk)
	in := &dynamodb.PutItemInput{TableName: &table, Item: it}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	_, err = s.db.PutItem(ctx, in)
	return err
}

// query reads all items of a partition whose sort key starts with prefix.
func (s *Store) query(ctx context.Context, table, pk, prefix string, each func(item) error) error {
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName:                 &table,
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: item{":pk": str(pk), ":sk": str(prefix)},
		ConsistentRead:            aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			if err := each(it); err != nil {
				return err
			}
		}
	}
	return nil
}

const notExists = "attribute_not_exists(pk)"
