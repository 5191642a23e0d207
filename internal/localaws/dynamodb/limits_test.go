package dynamodb_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
)

const (
	putA   = `{"TableName":"hhh","Item":{"pk":{"S":"a"}}}`
	putB   = `{"TableName":"hhh","Item":{"pk":{"S":"b"}}}`
	getA   = `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ConsistentRead":true}`
	hotKey = "ProvisionedThroughputExceededException"
)

// errorsOf runs an operation several times and returns the codes of its errors.
func errorsOf(t *testing.T, s *dynamodb.Service, times int, operation, body string) []string {
	t.Helper()
	var codes []string
	for range times {
		_, err := send(t, s, operation, body)
		codes = append(codes, errorCode(err))
	}
	return codes
}

func TestPartitionsAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{PartitionReads: 2, PartitionWrites: 3}})
		if got, want := errorsOf(t, s, 5, "PutItem", putA), []string{"", "", "", hotKey, hotKey}; !slices.Equal(got, want) {
			t.Errorf("writes: %q", got)
		}
		if got, want := errorsOf(t, s, 3, "GetItem", getA), []string{"", "", hotKey}; !slices.Equal(got, want) {
			t.Errorf("reads of the same partition, which count apart: %q", got)
		}
		if got, want := errorsOf(t, s, 1, "PutItem", putB), []string{""}; !slices.Equal(got, want) {
			t.Errorf("writes of another partition: %q", got)
		}
		_, refused := send(t, s, "PutItem", putA)
		reasons := map[string]any{"ThrottlingReasons": []map[string]string{{
			"reason": "TableWriteKeyRangeThroughputExceeded", "resource": "arn:aws:dynamodb:eu-west-1:111122223333:table/hhh",
		}}}
		if diff := cmp.Diff(reasons, refused.Members); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		if got := errorsOf(t, s, 1, "PutItem", putA); got[0] != "" {
			t.Errorf("in the next second: %q", got)
		}
		query := `{"TableName":"hhh","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"a"}},"ConsistentRead":true}`
		if got, want := errorsOf(t, s, 3, "Query", query), []string{"", "", hotKey}; !slices.Equal(got, want) {
			t.Errorf("queries: %q", got)
		}
	})
}

// What a condition refuses costs as much as what it lets through.
func TestRefusedWritesAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{PartitionWrites: 2}})
		body := `{"TableName":"hhh","Key":{"pk":{"S":"a"}},"ConditionExpression":"attribute_exists(pk)"}`
		got := errorsOf(t, s, 3, "DeleteItem", body)
		if want := []string{"ConditionalCheckFailedException", "ConditionalCheckFailedException", hotKey}; !slices.Equal(got, want) {
			t.Errorf("refused deletions: %q", got)
		}
	})
}

func TestBatchesAreThrottledByItem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{PartitionReads: 1, PartitionWrites: 1}})
		must(t, s, "PutItem", putB)
		time.Sleep(time.Second)
		must(t, s, "PutItem", putB)
		both := `{"RequestItems":{"hhh":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}},{"PutRequest":{"Item":{"pk":{"S":"b"},"v":{"N":"2"}}}}]}}`
		want(t, "write", must(t, s, "BatchWriteItem", both), `{"UnprocessedItems":{"hhh":[{"PutRequest":{"Item":{"pk":{"S":"b"},"v":{"N":"2"}}}}]}}`)
		if got := errorsOf(t, s, 1, "BatchWriteItem", both); got[0] != hotKey {
			t.Errorf("batch of which nothing can be written: %q", got)
		}
		must(t, s, "GetItem", `{"TableName":"hhh","Key":{"pk":{"S":"b"}},"ConsistentRead":true}`)
		ask := `{"RequestItems":{"hhh":{"Keys":[{"pk":{"S":"a"}},{"pk":{"S":"b"}}],"ConsistentRead":true}}}`
		want(t, "get", must(t, s, "BatchGetItem", ask), `{"Responses":{"hhh":[{"pk":{"S":"a"}}]},"UnprocessedKeys":{"hhh":{"Keys":[{"pk":{"S":"b"}}],"ConsistentRead":true}}}`)
		if got := errorsOf(t, s, 1, "BatchGetItem", ask); got[0] != hotKey {
			t.Errorf("batch of which nothing can be read: %q", got)
		}
	})
}

func TestTransactionsAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{PartitionReads: 1, PartitionWrites: 1}})
		must(t, s, "PutItem", putB)
		_, err := send(t, s, "TransactWriteItems", `{"TransactItems":[{"Put":`+putA+`},{"Put":`+putB+`}]}`)
		if got := reasonCodes(t, err); !slices.Equal(got, []string{"None", "ThrottlingError"}) {
			t.Errorf("write: %v, reasons %q", err, got)
		}
		want(t, "what the transaction did", must(t, s, "GetItem", getA), `{}`)
		_, err = send(t, s, "TransactGetItems", `{"TransactItems":[{"Get":`+getA+`}]}`)
		if got := reasonCodes(t, err); !slices.Equal(got, []string{"ThrottlingError"}) {
			t.Errorf("get: %v, reasons %q", err, got)
		}
	})
}

// A hot key of an index throttles the writes of its table.
func TestHotIndexPartition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{PartitionWrites: 2}})
		put := func(n int, g string) string {
			_, err := send(t, s, "PutItem", fmt.Sprintf(`{"TableName":"ccc","Item":{"pk":{"S":"p%d"},"sk":{"N":"1"},"g":{"S":"%s"}}}`, n, g))
			if err != nil && n == 2 {
				if diff := cmp.Diff(map[string]any{"ThrottlingReasons": []map[string]string{{
					"reason": "IndexWriteKeyRangeThroughputExceeded", "resource": "arn:aws:dynamodb:eu-west-1:111122223333:table/ccc/index/byg",
				}}}, err.Members); diff != "" {
					t.Errorf("reasons (-want +got):\n%s", diff)
				}
			}
			return errorCode(err)
		}
		got := []string{put(0, "hot"), put(1, "hot"), put(2, "hot"), put(3, "cold")}
		if want := []string{"", "", hotKey, ""}; !slices.Equal(got, want) {
			t.Errorf("writes: %q", got)
		}
	})
}

func TestTransactionConflicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{TransactionTime: 20 * time.Millisecond}})
		var first error
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := send(t, s, "TransactWriteItems", `{"TransactItems":[{"Put":`+putA+`},{"Put":{"TableName":"ccc","Item":{"pk":{"S":"p"},"sk":{"N":"1"}}}}]}`); err != nil {
				first = err
			}
		}()
		time.Sleep(10 * time.Millisecond)
		want(t, "read of an item that a transaction holds", must(t, s, "GetItem", getA), `{}`)
		if got := errorsOf(t, s, 1, "PutItem", putA); got[0] != "TransactionConflictException" {
			t.Errorf("write of an item that a transaction holds: %q", got)
		}
		want(t, "batch", must(t, s, "BatchWriteItem", `{"RequestItems":{"hhh":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}},{"PutRequest":{"Item":{"pk":{"S":"c"}}}}]}}`),
			`{"UnprocessedItems":{"hhh":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}}]}}`)
		_, err := send(t, s, "TransactWriteItems", `{"TransactItems":[{"Put":`+putB+`},{"Put":`+putA+`}]}`)
		if got := reasonCodes(t, err); !slices.Equal(got, []string{"None", "TransactionConflict"}) {
			t.Errorf("transaction: %v, reasons %q", err, got)
		}
		_, err = send(t, s, "TransactGetItems", `{"TransactItems":[{"Get":`+getA+`}]}`)
		if got := reasonCodes(t, err); !slices.Equal(got, []string{"TransactionConflict"}) {
			t.Errorf("transactional read: %v, reasons %q", err, got)
		}
		<-done
		if first != nil {
			t.Errorf("the first transaction: %v", first)
		}
		want(t, "what the first transaction did", must(t, s, "GetItem", getA), `{"Item":{"pk":{"S":"a"}}}`)
		want(t, "write afterwards", must(t, s, "PutItem", putA), `{}`)
	})
}
