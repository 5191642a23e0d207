package practice_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/practice"
)

// Reads that are not strongly consistent, and those of indexes, may be behind.
// What a campaign finds, pays and pushes does not depend on them.
func TestReadsThatAreBehindChangeNothing(t *testing.T) {
	run := func(dials dynamodb.Dials) (out api.CampaignStatus, reads int64) {
		var count atomic.Int64
		synctest.Test(t, func(t *testing.T) {
			w := open(t, practice.Options{Seed: 5, Generous: true, Latency: 50 * time.Millisecond, Tables: dials, Wrap: func(_ string, next aws.HTTPClient) aws.HTTPClient {
				return &eventual{next, &count}
			}})
			out = wait(t, w, start(t, w, api.CampaignOptions{MaxProspects: 1000}).CampaignID)
			check(t, w, out)
		})
		return out, count.Load()
	}
	exact, reads := run(dynamodb.Dials{})
	if reads == 0 {
		t.Fatal("the campaign makes no read that could be behind; this test proves nothing")
	}
	for _, dials := range []dynamodb.Dials{
		{StaleReads: 500 * time.Millisecond, IndexDelay: 500 * time.Millisecond, Seed: 1},
		{StaleReads: 20 * time.Hour, IndexDelay: 20 * time.Hour, Seed: 2}, // half of those reads see nothing of the run
	} {
		late, _ := run(dials)
		if diff := cmp.Diff(exact.Rows, late.Rows) + cmp.Diff(exact.Spend, late.Spend) + cmp.Diff(exact.CRM, late.CRM); diff != "" {
			t.Errorf("%+v (-exact +late):\n%s", dials, diff)
		}
	}
}

// eventual counts the reads of DynamoDB that do not ask for the latest state.
type eventual struct {
	next  aws.HTTPClient
	count *atomic.Int64
}

// Do implements aws.HTTPClient.
func (e *eventual) Do(req *http.Request) (*http.Response, error) {
	_, operation, isJSON := strings.Cut(req.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	if isJSON && (operation == "GetItem" || operation == "Query" || operation == "BatchGetItem") && req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		if !bytes.Contains(body, []byte(`"ConsistentRead":true`)) {
			e.count.Add(1)
		}
	}
	return e.next.Do(req)
}
