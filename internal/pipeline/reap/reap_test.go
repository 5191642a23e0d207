package reap_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/reap"
	"github.com/messageai/sluice/internal/store"
)

// failed are the tasks that were told to fail; a token "broken" cannot be told.
type failed map[string]fault.Kind

func (f failed) Fail(_ context.Context, token string, kind fault.Kind, _ string) error {
	if token == "broken" {
		return errors.New("no answer from Step Functions")
	}
	f[token] = kind
	return nil
}

// noted are the dead letters in the ledger, by chunk, provider and message.
type noted map[string]bool

func (n noted) SaveDeadLetter(_ context.Context, ref domain.Ref, provider, message string, shard bool) error {
	if ref.Run == "unwritable" {
		return errors.New("no answer from DynamoDB")
	}
	n[fmt.Sprint(ref.Run, "/", ref.Chunk, "/", provider, "/", message, "/", shard)] = true
	return nil
}

// Reserved tells of a job's part that its last worker has left money set aside.
func (n noted) Reserved(_ context.Context, ref domain.Ref, provider string) (left store.Left, err error) {
	switch ref.Run {
	case "job_1":
		left.Open = &store.Reservation{ID: ref.Chunk + "/" + provider + "/0", Provider: provider, Max: 70}
	case "job_3":
		err = errors.New("no answer from DynamoDB")
	}
	return left, err
}

func (n noted) Settle(_ context.Context, ref domain.Ref, r store.Reservation, actual money.Micro) error {
	n[fmt.Sprint(ref.Run, " pays ", int64(actual), " for ", r.ID)] = true
	return nil
}

func TestDeadLettersFailTheirTasks(t *testing.T) {
	t.Parallel()
	told := failed{}
	var log strings.Builder
	ledger := noted{}
	s := &reap.Stage{Answers: told, Ledger: ledger, Log: slog.New(slog.NewTextHandler(&log, nil))}
	out, err := s.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"token":"t1","runId":"r1","chunk":"c1","provider":"hunter","queue":"q"}`},
		{MessageId: "m2", Body: `not JSON, with ann@private.example in it`},
		{MessageId: "m3", Body: `{"runId":"r1","leads":["l_1"],"queue":"q"}`}, // nobody waits
		{MessageId: "m4", Body: `{"token":"broken","runId":"r1"}`},
		{MessageId: "m5", Body: `{"token":"t5","runId":"r2","chunk":"s1","provider":"apollo","shard":{"id":"s1"}}`},
		{MessageId: "m7", Body: `{"campaignId":"enrichment","runId":"job_1","chunk":"b0000","provider":"lusha"}`}, // a job has no task
		{MessageId: "m8", Body: `{"campaignId":"enrichment","runId":"job_2","chunk":"b0000","provider":"lusha"}`}, // nothing is set aside
		{MessageId: "m9", Body: `{"campaignId":"enrichment","runId":"job_3","chunk":"b0000","provider":"lusha"}`},
		{MessageId: "m6", Body: `{"token":"t6","runId":"unwritable","chunk":"c1"}`},
	}})
	want := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: "m4"}, {ItemIdentifier: "m9"}, {ItemIdentifier: "m6"}}}
	if diff := cmp.Diff(want, out); diff != "" || err != nil {
		t.Errorf("%v; failures (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(failed{"t1": fault.Internal, "t5": fault.Internal}, told); diff != "" {
		t.Errorf("failed tasks (-want +got):\n%s", diff)
	}
	notes := noted{
		"r1/c1/hunter/m1/false": true, "r1///m4/false": true, "r2/s1/apollo/m5/true": true, "job_1/b0000/lusha/m7/false": true,
		"job_2/b0000/lusha/m8/false": true, "job_3/b0000/lusha/m9/false": true, "job_1 pays 70 for b0000/lusha/0": true,
	}
	if diff := cmp.Diff(notes, ledger); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
	if strings.Contains(log.String(), "private.example") {
		t.Error("the log holds the body of a message")
	}
	for _, id := range []string{"m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"} {
		if !strings.Contains(log.String(), "message="+id) {
			t.Errorf("the log does not name dead letter %s", id)
		}
	}
}
