package stepfunctions

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// Lengths of what a caller says of an error (API reference, 2026).
const (
	maxError = 256
	maxCause = 32768
)

// sendTask performs SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat.
func (s *Service) sendTask(call *wire.Call) (any, error) {
	var in struct{ TaskToken, Output, Error, Cause string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := cmp.Or(
		within("taskToken", in.TaskToken, 1, 2048), within("output", in.Output, 0, maxPayload),
		within("error", in.Error, 0, maxError), within("cause", in.Cause, 0, maxCause),
	); err != nil {
		return nil, err
	}
	x, redrive, key, err := s.resolve(in.TaskToken)
	if err != nil {
		return nil, err
	}
	if err := call.Authorize("states:"+call.Operation, x.machineOf()); err != nil {
		return nil, err
	}
	r := &record{At: time.Now().UnixNano()}
	switch call.Operation {
	case "SendTaskSuccess":
		if !json.Valid([]byte(in.Output)) || len(in.Output) > maxPayload {
			return nil, refuse("InvalidOutput", "Invalid Output: 'the output is not JSON of at most 262144 bytes'")
		}
		r.Output = text(in.Output)
	case "SendTaskFailure":
		r.Kind, r.Error, r.Cause = recordFailed, in.Error, in.Cause
	default:
		r.Kind = recordBeat
	}
	x.mu.Lock()
	sent := x.records[key+":s"]
	epoch := x.redrive
	if sent != nil {
		epoch = sent.Number
	}
	over := x.outcome.status != statusRunning || x.records[key] != nil || redrive != epoch || x.closed(key)
	x.mu.Unlock()
	timedOut := refuse("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	if over {
		return nil, timedOut
	}
	if r.Kind == recordBeat {
		key += ":h"
	}
	held, err := x.put(key, r)
	switch {
	case errors.Is(err, errStopped) || err == nil && held != r:
		return nil, timedOut
	case err != nil:
		return nil, err
	}
	return nil, nil
}

// resolve finds what a task token stands for.
func (s *Service) resolve(token string) (x *execution, redrive int, key string, err error) {
	invalid := refuse("InvalidToken", "Invalid Token: 'Invalid token'")
	raw, decodeErr := base64.StdEncoding.DecodeString(token)
	parts := strings.SplitN(string(raw), ".", 4)
	if decodeErr != nil || len(parts) != 4 {
		return nil, 0, "", invalid
	}
	id, idErr := strconv.ParseInt(parts[1], 10, 64)
	redrive, redriveErr := strconv.Atoi(parts[2])
	if idErr != nil || redriveErr != nil {
		return nil, 0, "", invalid
	}
	s.mu.Lock()
	x = s.byID[id]
	s.mu.Unlock()
	if x == nil {
		return nil, 0, "", refuse("TaskDoesNotExist", "Task Does Not Exist: 'Task does not exist'")
	}
	if makeToken(x, redrive, parts[3]) != token {
		return nil, 0, "", invalid
	}
	return x, redrive, parts[3], nil
}
