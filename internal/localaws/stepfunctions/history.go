package stepfunctions

import (
	"encoding/json"
	"strings"
	"time"
)

// maxEvents is the hard limit of a history (service quotas, 2026).
const maxEvents = 25_000

const historyIsFull = "The execution reached the maximum number of history events (25000)."

// event is one entry of a history. Its details are one of the structs below,
// or nil.
type event struct {
	id, previous int64
	at           time.Time
	kind         string
	details      any
}

// text is JSON that the API shows as a string, and that the journal keeps as
// one, so that it comes back byte for byte.
type text json.RawMessage

// MarshalJSON returns the JSON text as a JSON string.
func (t text) MarshalJSON() ([]byte, error) { return quoted(string(t)), nil }

// UnmarshalJSON is the reverse.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	err := json.Unmarshal(raw, &s)
	*t = text(s)
	return err
}

type dataDetails struct {
	Truncated bool `json:"truncated"`
}

type startedDetails struct {
	Input   text        `json:"input"`
	Data    dataDetails `json:"inputDetails"`
	RoleArn string      `json:"roleArn"`
}

type enteredDetails struct {
	Input text        `json:"input"`
	Data  dataDetails `json:"inputDetails"`
	Name  string      `json:"name"`
}

type exitedDetails struct {
	Assigned map[string]text `json:"assignedVariables,omitempty"`
	Known    *dataDetails    `json:"assignedVariablesDetails,omitempty"`
	Name     string          `json:"name"`
	Output   text            `json:"output"`
	Data     dataDetails     `json:"outputDetails"`
}

type outputDetails struct {
	Output   text        `json:"output"`
	Data     dataDetails `json:"outputDetails"`
	Resource string      `json:"resource,omitempty"`
	Type     string      `json:"resourceType,omitempty"`
}

type failedDetails struct {
	Cause    string `json:"cause,omitempty"`
	Error    string `json:"error,omitempty"`
	Location string `json:"location,omitempty"`
	State    string `json:"state,omitempty"`
	Resource string `json:"resource,omitempty"`
	Type     string `json:"resourceType,omitempty"`
}

type credentialDetails struct {
	RoleArn string `json:"roleArn"`
}

type scheduledDetails struct {
	Parameters  text               `json:"parameters"`
	Region      string             `json:"region"`
	Resource    string             `json:"resource"`
	Type        string             `json:"resourceType"`
	Timeout     int64              `json:"timeoutInSeconds,omitempty"`
	Heartbeat   int64              `json:"heartbeatInSeconds,omitempty"`
	Credentials *credentialDetails `json:"taskCredentials,omitempty"`
}

type lambdaScheduledDetails struct {
	Input       text               `json:"input"`
	Data        dataDetails        `json:"inputDetails"`
	Resource    string             `json:"resource"`
	Timeout     int64              `json:"timeoutInSeconds,omitempty"`
	Credentials *credentialDetails `json:"taskCredentials,omitempty"`
}

type resourceDetails struct {
	Resource string `json:"resource"`
	Type     string `json:"resourceType"`
}

type lengthDetails struct {
	Length int `json:"length"`
}

type iterationDetails struct {
	Index int    `json:"index"`
	Name  string `json:"name"`
}

type mapRunDetails struct {
	MapRunArn    string `json:"mapRunArn"`
	RedriveCount int    `json:"redriveCount,omitempty"`
}

type redrivenDetails struct {
	RedriveCount int `json:"redriveCount"`
}

// emit adds an event after previous to the history and returns its id. While
// a redriven execution runs through what its history already tells, nothing is
// added and previous is returned.
func (f *frame) emit(kind string, previous int64, details any) int64 {
	x := f.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.mute && !f.live {
		return previous
	}
	return x.addEvent(kind, previous, f.clock, details)
}

// follow emits an event after the frame's last one.
func (f *frame) follow(kind string, details any) int64 {
	f.previous = f.emit(kind, f.previous, details)
	return f.previous
}

// addEvent is emit for a holder of x.mu.
func (x *execution) addEvent(kind string, previous int64, at time.Time, details any) int64 {
	id := int64(1)
	if n := len(x.events); n > 0 {
		id = x.events[n-1].id + 1
	}
	x.events = append(x.events, event{id: id, previous: previous, at: at, kind: kind, details: details})
	if id == maxEvents-1 && x.outcome.status == statusRunning {
		x.end(outcome{status: statusFailed, errorName: "States.Runtime", cause: historyIsFull})
	}
	return id
}

// view is the API's form of an event.
func (e event) view(withData bool) (map[string]any, error) {
	out := map[string]any{"id": e.id, "previousEventId": e.previous, "timestamp": seconds(e.at), "type": e.kind}
	if e.details == nil {
		return out, nil
	}
	raw, err := json.Marshal(e.details)
	if err != nil {
		return nil, err
	}
	var details map[string]json.RawMessage
	if err := json.Unmarshal(raw, &details); err != nil {
		return nil, err
	}
	if !withData {
		for _, name := range []string{"input", "output", "parameters", "assignedVariables", "cause"} {
			delete(details, name)
		}
	}
	name := strings.ToLower(e.kind[:1]) + e.kind[1:]
	switch {
	case strings.HasSuffix(e.kind, "StateEntered"):
		name = "stateEntered"
	case strings.HasSuffix(e.kind, "StateExited"):
		name = "stateExited"
	}
	out[name+"EventDetails"] = details
	return out, nil
}

// seconds is a time as the JSON protocol has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
