package stepfunctions

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

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
	case "ValidateStateMachineDefinition":
		return s.validateStateMachineDefinition(call)
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

// invalid is the answer to a request that its own constraints refuse.
func invalid(field, constraint string, args ...any) error {
	return refuse("ValidationException", "1 validation error detected: Value at '%s' failed to satisfy constraint: %s", field, fmt.Sprintf(constraint, args...))
}

// within checks the length of a request's text.
func within(field, value string, least, most int) error {
	switch n := utf8.RuneCountInString(value); {
	case n < least:
		return invalid(field, "Member must have length greater than or equal to %d", least)
	case n > most:
		return invalid(field, "Member must have length less than or equal to %d", most)
	}
	return nil
}

// checkArn refuses what is not the ARN of a resource of this service and kind.
func checkArn(arn, kind string) error {
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) < 7 || parts[0] != "arn" || parts[2] != "states" {
		return refuse("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: %s'", arn)
	}
	if parts[5] != kind {
		return refuse("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: %s'", parts[5])
	}
	return nil
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
		return 0, 0, "", invalid("maxResults", "Member must have value less than or equal to %d", most)
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
