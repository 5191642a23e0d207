// Package reap is the stage behind the dead-letter queues: a message that no
// worker could handle fails its waiting task at once, so that its chunk does
// not hang until a time-out. It imports fault and task.
package reap

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/task"
)

// Answers is what the stage needs of Step Functions.
type Answers interface {
	Fail(ctx context.Context, token string, kind fault.Kind, cause string) error
}

// Stage reaps dead letters.
type Stage struct {
	Answers Answers
	Log     *slog.Logger
}

// Handle fails the task of each message. A message without a task is logged
// and dropped: nobody waits for it, and its lead stays listed as not pushed.
func (s *Stage) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var out events.SQSEventResponse
	for _, record := range batch.Records {
		var m task.Message
		if err := json.Unmarshal([]byte(record.Body), &m); err != nil || m.Token == "" {
			s.Log.ErrorContext(ctx, "dead letter without a task", "message", record.MessageId, "run", m.Run, "chunk", m.Chunk)
			continue
		}
		s.Log.ErrorContext(ctx, "dead letter", "message", record.MessageId, "run", m.Run, "chunk", m.Chunk, "provider", m.Provider)
		if err := s.Answers.Fail(ctx, m.Token, fault.Internal, "no worker could handle the message"); err != nil {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
		}
	}
	return out, nil
}
