package localaws

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/template"
)

// rulesJournal is the name under which the journal has the events that are
// handed over.
const rulesJournal = "events"

// maxEventData is how much input and output an event takes along, escaped
// (Step Functions developer guide, "Automating event delivery with EventBridge",
// November 2026).
const maxEventData = 248 << 10

// rules hands the ends of executions to the functions of the template's event
// rules: asynchronously, at least once, after the end. AWS calls its own
// delivery best effort; here an event is lost with the state folder only.
type rules struct {
	stack *Stack

	mu   sync.Mutex
	told map[string]bool // ends that were handed over
}

func (s *Stack) openRules() (*rules, error) {
	r := &rules{stack: s, told: map[string]bool{}}
	for _, raw := range s.journal.Past(rulesJournal) {
		var key string
		if err := json.Unmarshal(raw, &key); err != nil {
			return nil, fmt.Errorf("restore events: %w", err)
		}
		r.told[key] = true
	}
	return r, nil
}

// ended is stepfunctions.Options.Ended. It may be told of an end again after a
// restart.
func (r *rules) ended(e stepfunctions.End) {
	key := e.ExecutionARN + "@" + strconv.FormatInt(e.Stopped.UnixNano(), 10)
	r.mu.Lock()
	known := r.told[key]
	r.told[key] = true
	r.mu.Unlock()
	if known {
		return
	}
	if err := r.deliver(e, key); err != nil {
		r.stack.log.Error("event not delivered", slog.String("event", template.EventDetailType), slog.String("error", err.Error()))
	}
}

func (r *rules) deliver(e stepfunctions.End, key string) error {
	s := r.stack
	fields := map[string]string{
		"source": template.EventSource, "detail-type": template.EventDetailType, "account": s.opts.Account, "region": s.opts.Region,
		"resources": e.ExecutionARN, "detail.executionArn": e.ExecutionARN, "detail.stateMachineArn": e.MachineARN, "detail.name": e.Name, "detail.status": e.Status,
	}
	for _, rule := range s.tmpl.Rules {
		if !matches(rule.Pattern, fields) {
			continue
		}
		payload, err := s.endEvent(e, key)
		if err != nil {
			return err
		}
		copies := 1
		if s.opts.EventCopies != nil {
			copies = s.opts.EventCopies(e.ExecutionARN)
		}
		for _, function := range rule.Functions {
			for range copies {
				if _, err := s.lambda.InvokeAsync(function, payload); err != nil {
					return err
				}
			}
		}
	}
	return s.journal.Append(rulesJournal, key)
}

// matches reports whether every member that the pattern names has one of the
// values it allows.
func matches(pattern map[string][]string, fields map[string]string) bool {
	for path, allowed := range pattern {
		if !slices.Contains(allowed, fields[path]) {
			return false
		}
	}
	return true
}

// endEvent is the event as EventBridge delivers it.
func (s *Stack) endEvent(e stepfunctions.End, key string) ([]byte, error) {
	type included struct {
		Included bool `json:"included"`
	}
	detail := map[string]any{
		"executionArn": e.ExecutionARN, "stateMachineArn": e.MachineARN, "name": e.Name, "status": e.Status,
		"startDate": e.Started.UnixMilli(), "stopDate": e.Stopped.UnixMilli(), "input": nil, "inputDetails": included{}, "output": nil, "outputDetails": nil,
		"error": nil, "cause": nil, "stateMachineVersionArn": nil, "stateMachineAliasArn": nil, "redriveCount": e.Redrives, "redriveDate": nil,
		"redriveStatus": "REDRIVABLE", "redriveStatusReason": nil,
	}
	input, output := escaped(e.Input), escaped(e.Output)
	if input+output <= maxEventData {
		detail["input"], detail["inputDetails"] = string(e.Input), included{true}
	}
	if e.Status == "SUCCEEDED" {
		detail["redriveStatus"], detail["redriveStatusReason"] = "NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven"
		detail["outputDetails"] = included{output <= maxEventData}
		if output <= maxEventData {
			detail["output"] = string(e.Output)
		}
	}
	if e.Error != "" {
		detail["error"] = e.Error
	}
	if e.Cause != "" {
		detail["cause"] = e.Cause
	}
	return json.Marshal(map[string]any{
		"version": "0", "id": eventID(key), "detail-type": template.EventDetailType, "source": template.EventSource,
		"account": s.opts.Account, "time": e.Stopped.UTC().Format(time.RFC3339), "region": s.opts.Region,
		"resources": []string{e.ExecutionARN}, "detail": detail,
	})
}

// escaped is the length of a JSON text as a JSON string.
func escaped(text json.RawMessage) int {
	quoted, err := json.Marshal(string(text))
	if err != nil { // a string: cannot fail
		return len(text)
	}
	return len(quoted)
}
