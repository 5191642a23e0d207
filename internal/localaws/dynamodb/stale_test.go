package dynamodb_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/localaws/journal"
)

const (
	behind  = 400 * time.Millisecond
	keys    = 40
	current = "new"
)

// seen is what every operation that reads shows of an item: "" for nothing.
func seen(t *testing.T, s *dynamodb.Service, pk int, consistent bool) map[string]string {
	t.Helper()
	out := map[string]string{}
	note := func(what string, items ...any) {
		for _, it := range items {
			out[what] += it.(map[string]any)["v"].(map[string]any)["S"].(string)
		}
		if len(items) == 0 {
			out[what] = ""
		}
	}
	get := must(t, s, "GetItem", fmt.Sprintf(`{"TableName":"ccc","Key":{"pk":{"S":"%d"},"sk":{"N":"1"}},"ConsistentRead":%t}`, pk, consistent))
	if it, ok := get["Item"]; ok {
		note("GetItem", it)
	} else {
		note("GetItem")
	}
	batch := must(t, s, "BatchGetItem", fmt.Sprintf(`{"RequestItems":{"ccc":{"Keys":[{"pk":{"S":"%d"},"sk":{"N":"1"}}],"ConsistentRead":%t}}}`, pk, consistent))
	note("BatchGetItem", batch["Responses"].(map[string]any)["ccc"].([]any)...)
	condition := fmt.Sprintf(`"KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"%d"}},"ConsistentRead":%t}`, pk, consistent)
	note("Query", must(t, s, "Query", `{"TableName":"ccc",`+condition)["Items"].([]any)...)
	if !consistent {
		byG := fmt.Sprintf(`{"TableName":"ccc","IndexName":"bygn","KeyConditionExpression":"g = :g","ExpressionAttributeValues":{":g":{"S":"g%d"}}}`, pk)
		note("index", must(t, s, "Query", byG)["Items"].([]any)...)
	}
	return out
}

// shares counts, over many keys, what the operations show.
func shares(t *testing.T, s *dynamodb.Service, consistent bool) map[string]map[string]int {
	t.Helper()
	out := map[string]map[string]int{}
	for pk := range keys {
		for what, v := range seen(t, s, pk, consistent) {
			if out[what] == nil {
				out[what] = map[string]int{}
			}
			out[what][v]++
		}
	}
	return out
}

func putAll(t *testing.T, s *dynamodb.Service, v string) {
	t.Helper()
	for pk := range keys {
		putC(t, s, fmt.Sprintf(`{"pk":{"S":"%d"},"sk":{"N":"1"},"g":{"S":"g%d"},"n":{"N":"1"},"v":{"S":"%s"}}`, pk, pk, v))
	}
}

// mixed proves that reads show what was and what is, and nothing else.
func mixed(t *testing.T, when string, got map[string]map[string]int, was, is string) {
	t.Helper()
	for what, counts := range got {
		if counts[was] < keys/5 || counts[is] < keys/5 || counts[was]+counts[is] != keys {
			t.Errorf("%s: %s shows %v, want some %q and some %q", when, what, counts, was, is)
		}
	}
}

func settled(t *testing.T, when string, got map[string]map[string]int, is string) {
	t.Helper()
	for what, counts := range got {
		if diff := cmp.Diff(map[string]int{is: keys}, counts); diff != "" {
			t.Errorf("%s: %s: %s", when, what, diff)
		}
	}
}

func TestReadsThatAreNotConsistentMayBeStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{StaleReads: behind, Seed: 7}})
		again := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{StaleReads: behind, Seed: 7}})
		other := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{StaleReads: behind, Seed: 8}})
		same := func(s *dynamodb.Service) (all []map[string]string) {
			for pk := range keys {
				all = append(all, seen(t, s, pk, false))
			}
			return all
		}
		for _, s := range []*dynamodb.Service{s, again, other} {
			putAll(t, s, "old")
		}
		mixed(t, "made", shares(t, s, false), "", "old")
		settled(t, "made, consistent", shares(t, s, true), "old")
		time.Sleep(behind)
		settled(t, "made a while ago", shares(t, s, false), "old")
		for _, s := range []*dynamodb.Service{s, again, other} {
			putAll(t, s, current)
		}
		mixed(t, "changed", shares(t, s, false), "old", current)
		settled(t, "changed, consistent", shares(t, s, true), current)
		if diff := cmp.Diff(same(s), same(again)); diff != "" {
			t.Errorf("the same seed: %s", diff)
		}
		if cmp.Equal(same(s), same(other)) {
			t.Error("another seed shows the same")
		}
		time.Sleep(behind - time.Millisecond)
		mixed(t, "changed almost long enough ago", shares(t, s, false), "old", current)
		time.Sleep(time.Millisecond)
		settled(t, "changed a while ago", shares(t, s, false), current)
		for pk := range keys {
			must(t, s, "DeleteItem", fmt.Sprintf(`{"TableName":"ccc","Key":{"pk":{"S":"%d"},"sk":{"N":"1"}}}`, pk))
		}
		mixed(t, "deleted", shares(t, s, false), current, "")
		settled(t, "deleted, consistent", shares(t, s, true), "")
		time.Sleep(behind)
		settled(t, "deleted a while ago", shares(t, s, false), "")
	})
}

// A condition is never decided on a stale state, and neither is a transaction.
func TestWritesSeeWhatIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTables(t, dynamodb.Options{Dials: dynamodb.Dials{StaleReads: behind}})
		for pk := range keys {
			putH(t, s, fmt.Sprintf(`{"pk":{"S":"%d"}}`, pk))
			if _, err := send(t, s, "PutItem", fmt.Sprintf(`{"TableName":"hhh","Item":{"pk":{"S":"%d"}},"ConditionExpression":"attribute_not_exists(pk)"}`, pk)); errorCode(err) != "ConditionalCheckFailedException" {
				t.Errorf("%d: put twice: %v", pk, err)
			}
			out := must(t, s, "TransactGetItems", fmt.Sprintf(`{"TransactItems":[{"Get":{"TableName":"hhh","Key":{"pk":{"S":"%d"}}}}]}`, pk))
			want(t, "transaction", out, fmt.Sprintf(`{"Responses":[{"Item":{"pk":{"S":"%d"}}}]}`, pk))
		}
		scanned := map[float64]int{}
		for range keys {
			scanned[must(t, s, "Scan", `{"TableName":"hhh"}`)["Count"].(float64)]++
			time.Sleep(behind / keys)
		}
		if scanned[0]+scanned[keys] != keys || scanned[0] == 0 || scanned[keys] == 0 {
			t.Errorf("scans count %v", scanned)
		}
	})
}

// What expired stays gone, and a restart is longer than a replica is behind.
func TestStaleReadsOfWhatExpiredAndWasRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	synctest.Test(t, func(t *testing.T) {
		run := func(do func(s *dynamodb.Service)) {
			j, err := journal.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			do(newService(t, dynamodb.Options{Journal: j, Dials: dynamodb.Dials{StaleReads: behind, TTLLag: time.Nanosecond}}))
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
		count := func(s *dynamodb.Service) map[float64]int {
			got := map[float64]int{}
			for range keys {
				got[must(t, s, "Scan", `{"TableName":"hhh"}`)["Count"].(float64)]++
				time.Sleep(time.Millisecond)
			}
			return got
		}
		run(func(s *dynamodb.Service) {
			must(t, s, "CreateTable", `{"TableName":"hhh","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`)
			must(t, s, "UpdateTimeToLive", `{"TableName":"hhh","TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true}}`)
			putH(t, s, `{"pk":{"S":"stays"}}`)
			putH(t, s, fmt.Sprintf(`{"pk":{"S":"goes"},"ttl":{"N":"%d"}}`, time.Now().Add(time.Minute).Unix()))
		})
		run(func(s *dynamodb.Service) {
			if diff := cmp.Diff(map[float64]int{2: keys}, count(s)); diff != "" {
				t.Errorf("restored: %s", diff)
			}
			time.Sleep(time.Minute)
			if got := count(s); got[1] == 0 || got[2] == 0 {
				t.Errorf("just expired: %v", got)
			}
			time.Sleep(behind)
			if diff := cmp.Diff(map[float64]int{1: keys}, count(s)); diff != "" {
				t.Errorf("expired a while ago: %s", diff)
			}
		})
	})
}
