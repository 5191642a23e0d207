package stepfunctions

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// Handle performs one call of the API. It implements wire.Service.
func (s *Service) Handle(_ context.Context, call *wire.Call) (any, error) {
	switch call.Operation {
	case "CreateStateMachine":
		return s.createStateMachine(call)
	case "UpdateStateMachine":
		return s.updateStateMachine(call)
	case "DeleteStateMachine":
		return s.deleteStateMachine(call)
	case "DescribeStateMachine":
		return s.describeStateMachine(call)
	case "ListStateMachines":
		return s.listStateMachines(call)
	case "StartExecution":
		return s.startExecution(call)
	case "StopExecution":
		return s.stopExecution(call)
	case "DescribeExecution":
		return s.describeExecution(call)
	case "ListExecutions":
		return s.listExecutions(call)
	case "GetExecutionHistory":
		return s.getExecutionHistory(call)
	case "RedriveExecution":
		return s.redriveExecution(call)
	case "SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat":
		return s.sendTask(call)
	case "DescribeMapRun":
		return s.describeMapRun(call)
	case "ListMapRuns":
		return s.listMapRuns(call)
	}
	return nil, refuse("UnknownOperationException", "Step Functions here has no operation %s", call.Operation)
}

func refuse(code, format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, code, format, args...)
}

// page cuts one page out of n entries: the bounds and the token of the next.
func page(n, size int, token string) (from, to int, next string, err error) {
	const most = 1000
	if token != "" {
		raw, err := base64.StdEncoding.DecodeString(token)
		if err == nil {
			from, err = strconv.Atoi(strings.TrimPrefix(string(raw), "from "))
		}
		if err != nil || from < 0 || from > n {
			return 0, 0, "", refuse("InvalidToken", "Invalid Token: '%s'", "the page token is not one of this service")
		}
	}
	if size <= 0 {
		size = 100
	}
	if size > most {
		return 0, 0, "", refuse("ValidationException", "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to %d", most)
	}
	to = min(n, from+size)
	if to < n {
		next = base64.StdEncoding.EncodeToString([]byte("from " + strconv.Itoa(to)))
	}
	return from, to, next, nil
}

// paged is an answer with a list under name and the token of the next page.
func paged(name string, list []map[string]any, next string) map[string]any {
	if list == nil {
		list = []map[string]any{}
	}
	out := map[string]any{name: list}
	if next != "" {
		out["nextToken"] = next
	}
	return out
}
