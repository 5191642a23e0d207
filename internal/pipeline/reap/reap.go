// Package reap is the stage behind the dead-letter queues: a message that no
// worker could handle fails its waiting task at once, so that its chunk does
// not hang until a time-out, and is noted in the run's ledger, where people look
// for causes. It imports domain, fault, money, store and task.
package reap

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

// Answers is what the stage needs of Step Functions.
type Answers interface {
	Fail(ctx context.Context, token string, kind fault.Kind, cause string) error
}

// Ledger is where dead letters are noted.
type Ledger interface {
	Reserved(ctx context.Context, ref domain.Ref, provider string) (store.Left, error)
	Settle(ctx context.Context, ref domain.Ref, r store.Reservation, actual money.Micro) error
	SaveDeadLetter(ctx context.Context, ref domain.Ref, provider, message string, shard bool) error
}

// Stage reaps dead letters.
type Stage struct {
	Answers Answers
	Ledger  Ledger
	Log     *slog.Logger
}

// Handle fails the task of each message. A message without a task is logged
// and dropped: nobody waits for it, and its lead stays listed as not pushed.
func (s *Stage) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var out events.SQSEventResponse
	for _, record := range batch.Records {
		var m task.Message
		if err := json.Unmarshal([]byte(record.Body), &m); err != nil || m.Token == "" && m.Campaign != store.JobCampaign {
			s.Log.ErrorContext(ctx, "dead letter without a task", "message", record.MessageId, "run", m.Run, "chunk", m.Chunk)
			continue
		}
		s.Log.ErrorContext(ctx, "dead letter", "message", record.MessageId, "run", m.Run, "chunk", m.Chunk, "provider", m.Provider)
		// Noted first: a task that has failed is not asked about again.
		if err := s.Ledger.SaveDeadLetter(ctx, m.Ref, m.Provider, record.MessageId, len(m.Shard) > 0); err != nil {
			s.Log.ErrorContext(ctx, "dead letter not noted", "message", record.MessageId, "run", m.Run, "error", err)
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
			continue
		}
		if m.Token == "" { // a job's part ends by the note
			if err := s.settle(ctx, m); err != nil {
				s.Log.ErrorContext(ctx, "dead letter's money not settled", "message", record.MessageId, "run", m.Run, "error", err)
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
			}
			continue
		}
		if err := s.Answers.Fail(ctx, m.Token, fault.Internal, "no worker could handle the message"); err != nil {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
		}
	}
	return out, nil
}

// settle counts what the last worker of a job's part may have spent as spent. A run
// does so at its end; a job has none.
func (s *Stage) settle(ctx context.Context, m task.Message) error {
	left, err := s.Ledger.Reserved(ctx, m.Ref, m.Provider)
	if err != nil || left.Open == nil {
		return err
	}
	return s.Ledger.Settle(ctx, m.Ref, *left.Open, left.Open.Max)
}
