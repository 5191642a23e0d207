package lambda

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// journalName is this service's name in the journal.
const journalName = "lambda"

// Asynchronous invocation as the developer guide has it (November 2026): two
// more attempts after an error of the function, a minute and two minutes later;
// throttles are retried for up to six hours with growing pauses.
const (
	asyncAge       = 6 * time.Hour
	firstPause     = time.Second
	longestPause   = 5 * time.Minute
	asyncRetryStep = time.Minute
	asyncAttempts  = 3
)

type asyncEvent struct {
	Function string          `json:"function"`
	Payload  json.RawMessage `json:"payload,omitempty"`
	Accepted time.Time       `json:"accepted"` // its age goes on while no process works on it
}

// asyncRecord is the journal's record: an event accepted, or (Event nil) done with.
type asyncRecord struct {
	ID    string      `json:"id"`
	Event *asyncEvent `json:"event,omitempty"`
}

func (s *Service) replay() error {
	s.pending = map[string]asyncEvent{}
	for _, raw := range s.opts.Journal.Past(journalName) {
		var r asyncRecord
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("restore asynchronous events: %w", err)
		}
		if r.Event == nil {
			delete(s.pending, r.ID)
		} else if _, ok := s.functions[r.Event.Function]; ok {
			s.pending[r.ID] = *r.Event
		}
	}
	return nil
}

// InvokeAsync accepts an event and returns its request id. The event survives
// the process if there is a journal; it is dropped, with a line in the log,
// after three failed attempts.
func (s *Service) InvokeAsync(name string, payload []byte) (string, error) {
	if len(payload) > maxAsyncPayload {
		return "", tooLarge(maxAsyncPayload)
	}
	if _, err := s.find(name); err != nil {
		return "", err
	}
	if err := checkPayload(payload); err != nil {
		return "", err
	}
	id, event := s.nextID(), asyncEvent{Function: name, Payload: payload, Accepted: time.Now()}
	if err := s.opts.Journal.Append(journalName, asyncRecord{ID: id, Event: &event}); err != nil {
		return "", err
	}
	if !s.goAsync(id, event) {
		return "", wire.Errorf(503, "ServiceException", "the stack is closed")
	}
	return id, nil
}

// goAsync works on an event in the background; false if the service is closed.
func (s *Service) goAsync(id string, event asyncEvent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Go(func() { s.attempt(id, event) })
	return true
}

func (s *Service) attempt(id string, event asyncEvent) {
	f := s.functions[event.Function]
	if event.Accepted.IsZero() { // by a version that did not write it down
		event.Accepted = time.Now()
	}
	expires := event.Accepted.Add(asyncAge)
	failures, pause := 0, firstPause
	for failures < asyncAttempts && time.Now().Before(expires) {
		done, err := s.start(s.ctx, f, id, event.Payload)
		if err != nil { // throttled
			if !s.sleep(pause) {
				return
			}
			pause = min(2*pause, longestPause)
			continue
		}
		result := <-done
		if s.ctx.Err() != nil {
			return // the journal still has the event
		}
		if result.FunctionError == "" {
			break
		}
		if failures++; failures < asyncAttempts && !s.sleep(time.Duration(failures)*asyncRetryStep) {
			return
		}
	}
	if failures == asyncAttempts || !time.Now().Before(expires) {
		s.log.Error("asynchronous event dropped", slog.String("function", f.Name), slog.String("request_id", id), slog.Int("attempts", failures))
	}
	if err := s.opts.Journal.Append(journalName, asyncRecord{ID: id}); err != nil {
		s.log.Error("asynchronous event not marked as done", slog.String("error", err.Error()))
	}
}

// sleep waits; false if the service was closed meanwhile.
func (s *Service) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}
