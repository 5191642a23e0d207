package scheduler

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// ServeHTTP serves CreateSchedule, GetSchedule, UpdateSchedule, DeleteSchedule
// and ListSchedules. The caller comes from the wire.Call in the context.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := wire.FromContext(r.Context())
	out, err := s.serve(r, call)
	if err != nil {
		WriteError(w, call, err)
		return
	}
	write(w, call, http.StatusOK, out)
}

func (s *Service) serve(r *http.Request, call *wire.Call) (any, error) {
	q := r.URL.Query()
	name, ok := strings.CutPrefix(r.URL.Path, "/schedules")
	name, named := strings.CutPrefix(name, "/")
	if !ok || strings.Contains(name, "/") {
		return nil, wire.Errorf(http.StatusNotFound, "UnknownOperationException", "the local scheduler has no %s %s", r.Method, r.URL.Path)
	}
	group := q.Get("groupName") + q.Get("ScheduleGroup")
	if group != "" && group != defaultGroup {
		return nil, wire.Errorf(http.StatusNotFound, "ResourceNotFoundException", "Schedule group %s does not exist.", group)
	}
	switch {
	case !named && r.Method == http.MethodGet:
		limit := 100
		if text := q.Get("MaxResults"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > 100 {
				return nil, invalid("MaxResults %s is not within 1 and 100.", text)
			}
			limit = n
		}
		return s.list(call, q.Get("NamePrefix"), q.Get("State"), q.Get("NextToken"), limit)
	case named && r.Method == http.MethodGet:
		return s.get(call, name)
	case named && r.Method == http.MethodDelete:
		return s.delete(call, name)
	case named && (r.Method == http.MethodPost || r.Method == http.MethodPut):
		var in struct {
			Schedule
			ClientToken string
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 2*maxInput))
		if err == nil {
			err = json.Unmarshal(body, &in)
		}
		if err != nil {
			return nil, wire.Errorf(http.StatusBadRequest, "SerializationException", "the request body is not valid for this operation")
		}
		in.Name = name
		if r.Method == http.MethodPut {
			return s.update(call, in.Schedule)
		}
		return s.create(call, in.Schedule, in.ClientToken)
	}
	return nil, wire.Errorf(http.StatusNotFound, "UnknownOperationException", "the local scheduler has no %s %s", r.Method, r.URL.Path)
}

// OperationOf names the operation of a request.
func OperationOf(r *http.Request) string {
	if r.Method == http.MethodGet && strings.Trim(r.URL.Path, "/") == "schedules" {
		return "ListSchedules"
	}
	return map[string]string{
		http.MethodPost: "CreateSchedule", http.MethodGet: "GetSchedule", http.MethodPut: "UpdateSchedule", http.MethodDelete: "DeleteSchedule",
	}[r.Method]
}

// WriteError writes err in the REST-JSON protocol of the Scheduler API.
func WriteError(w http.ResponseWriter, call *wire.Call, err error) {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		e = wire.Errorf(http.StatusInternalServerError, "InternalServerException", "%s", err)
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	write(w, call, e.Status, map[string]string{"Message": e.Message})
}

func write(w http.ResponseWriter, call *wire.Call, status int, v any) {
	payload, err := json.Marshal(v)
	if err != nil { // strings and numbers only: cannot fail
		status, payload = http.StatusInternalServerError, []byte(`{}`)
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", call.RequestID)
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(payload) // a client that hung up is not our error
}
