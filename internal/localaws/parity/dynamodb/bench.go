package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// bench is what a case works with. After the first call that had to succeed
// and did not, err is set and it does nothing more.
type bench struct {
	*parity.Probe
	ctx   context.Context
	db    *sdk.Client
	table *string
	err   error
}

// on is a case about one operation, with a table of the schema.
func on(schema sdk.CreateTableInput, operation, name string, run func(b *bench)) parity.Case {
	return parity.Case{Service: "dynamodb", Operation: operation, Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		b := &bench{Probe: p, ctx: ctx, db: sdk.NewFromConfig(p.Config), table: aws.String(p.Name("t"))}
		b.create("t", schema)
		if b.err == nil {
			run(b)
		}
		return b.err
	}}
}

// create makes a table and waits for it.
func (b *bench) create(what string, schema sdk.CreateTableInput) {
	schema.TableName = aws.String(b.Name(what))
	b.do(&schema)
	if b.err == nil {
		b.err = sdk.NewTableExistsWaiter(b.db, func(o *sdk.TableExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
		}).Wait(b.ctx, &sdk.DescribeTableInput{TableName: schema.TableName}, 40*time.Second)
	}
}

// call makes a call and notes its answer or its error.
func (b *bench) call(what string, in any) {
	if b.err != nil {
		return
	}
	out, err := b.send(in)
	if err == nil {
		b.Note(what, answer(out))
		return
	}
	b.Failed(what, err)
	if e, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok && e.Item != nil {
		b.Note(what+": item", plain(e.Item))
	}
	if e, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for i := range e.CancellationReasons {
			e.CancellationReasons[i].Message = nil
		}
		b.Note(what+": reasons", plain(e.CancellationReasons))
	}
}

// answer is what is noted of an answer. Lists whose order DynamoDB leaves open
// are sorted.
func answer(out any) any {
	noted := plain(out)
	members, ok := noted.(map[string]any)
	if !ok {
		return noted
	}
	if used, ok := members["ConsumedCapacity"].([]any); ok {
		inOrder(used)
	}
	switch out.(type) {
	case *sdk.ScanOutput:
		if items, ok := members["Items"].([]any); ok {
			inOrder(items)
		}
	case *sdk.BatchGetItemOutput:
		if tables, ok := members["Responses"].(map[string]any); ok {
			for _, items := range tables {
				inOrder(items.([]any))
			}
		}
	}
	return noted
}

// do makes a call that has to succeed and returns its answer.
func (b *bench) do(in any) any {
	if b.err != nil {
		return nil
	}
	out, err := b.send(in)
	b.err = err
	return out
}

// put stores items.
func (b *bench) put(items ...item) {
	for _, it := range items {
		b.do(&sdk.PutItemInput{Item: av(it)})
	}
}

// stored notes the item with a key as a consistent read shows it.
func (b *bench) stored(key item) {
	b.call("stored", &sdk.GetItemInput{Key: av(key), ConsistentRead: aws.Bool(true)})
}

// send makes a call, on the case's table unless the input names another.
func (b *bench) send(in any) (any, error) {
	switch in := in.(type) {
	case *sdk.PutItemInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.PutItem(b.ctx, &ask)
	case *sdk.GetItemInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.GetItem(b.ctx, &ask)
	case *sdk.UpdateItemInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.UpdateItem(b.ctx, &ask)
	case *sdk.DeleteItemInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.DeleteItem(b.ctx, &ask)
	case *sdk.QueryInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.Query(b.ctx, &ask)
	case *sdk.ScanInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.Scan(b.ctx, &ask)
	case *sdk.BatchGetItemInput:
		return b.db.BatchGetItem(b.ctx, in)
	case *sdk.BatchWriteItemInput:
		return b.db.BatchWriteItem(b.ctx, in)
	case *sdk.TransactGetItemsInput:
		return b.db.TransactGetItems(b.ctx, in)
	case *sdk.TransactWriteItemsInput:
		return b.db.TransactWriteItems(b.ctx, in)
	default:
		return b.manage(in)
	}
}

// manage makes a call of the control plane.
func (b *bench) manage(in any) (any, error) {
	switch in := in.(type) {
	case *sdk.CreateTableInput:
		return b.db.CreateTable(b.ctx, in)
	case *sdk.DescribeTableInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.DescribeTable(b.ctx, &ask)
	case *sdk.DeleteTableInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.DeleteTable(b.ctx, &ask)
	case *sdk.ListTablesInput:
		return b.db.ListTables(b.ctx, in)
	case *sdk.UpdateTimeToLiveInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.UpdateTimeToLive(b.ctx, &ask)
	case *sdk.DescribeTimeToLiveInput:
		ask := *in
		ask.TableName = cmp.Or(in.TableName, b.table)
		return b.db.DescribeTimeToLive(b.ctx, &ask)
	default:
		return nil, fmt.Errorf("no case calls an operation with %T yet", in)
	}
}
