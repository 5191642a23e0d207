package clearbit

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// pendingWait is how long a queued lookup takes: two to five minutes are advised.
const pendingWait = 3 * time.Minute

// Classify is Clearbit's own meaning of statuses; see the package comment.
func Classify(op string, resp *transport.Response) error {
	switch resp.Status {
	case http.StatusNotFound:
		if errorType(resp.Body) == "unknown_route" {
			return resp.Fault(fault.Forbidden, "the provider knows no such address; check the base URLs, or the product has been switched off")
		}
		return nil
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if op == provider.OpReadAccount {
			return nil // the key was accepted, the question is none
		}
	case http.StatusTooManyRequests:
		e := resp.Fault(fault.RateLimited, "the provider asks us to slow down")
		if e.RetryAfter == 0 {
			e.RetryAfter = untilReset(resp)
		}
		return e
	}
	return transport.DefaultClassify(op, resp)
}

// pending reports that a lookup is queued.
func pending(resp *transport.Response) bool { return resp.Status == http.StatusAccepted }

// queued is the fault of a queued lookup.
func queued(resp *transport.Response) error {
	e := resp.Fault(fault.Unavailable, "the lookup is queued; ask again in a few minutes")
	if e.RetryAfter == 0 {
		e.RetryAfter = pendingWait
	}
	return e
}

// untilReset is the time until the present window of the rate limit ends, a
// second longer because it is told in whole ones; zero if that is not told or is
// further away than any window.
func untilReset(resp *transport.Response) time.Duration {
	at, ok := resetsAt(resp)
	wait := at.Sub(resp.At) + time.Second
	if !ok || wait <= 0 || wait > time.Hour {
		return 0
	}
	return wait
}

func resetsAt(resp *transport.Response) (time.Time, bool) {
	seconds, err := strconv.ParseInt(strings.TrimSpace(resp.Header.Get("X-Ratelimit-Reset")), 10, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0).UTC(), true
}

type wireError struct {
	Type string `json:"type"`
}

// errorType returns the type of an error, the first of several; "" if the body
// has none. The list is bare or the value of "error".
func errorType(body []byte) string {
	var w struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &w) == nil && len(w.Error) > 0 {
		body = w.Error
	}
	var one wireError
	if json.Unmarshal(body, &one) == nil {
		return one.Type
	}
	var list []wireError
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		return list[0].Type
	}
	return ""
}
