package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

// DefaultClassify is what statuses mean unless a provider says otherwise:
// 400, 405..422: InvalidInput; 401: Unauthenticated; 402: QuotaExhausted; 403: Forbidden;
// 404, 410: NotFound; 408, 425, 5xx: Unavailable; 409: Conflict; 429: RateLimited;
// 451: Blocked; what is left (redirects, 1xx): BadResponse.
func DefaultClassify(_ string, resp *Response) error {
	switch s := resp.Status; {
	case s >= 200 && s < 300:
		return nil
	case s == http.StatusUnauthorized:
		return resp.Fault(fault.Unauthenticated, "the provider refused the key; put a valid one into its secret")
	case s == http.StatusPaymentRequired:
		return resp.Fault(fault.QuotaExhausted, "the provider's credits or plan are used up")
	case s == http.StatusForbidden:
		return resp.Fault(fault.Forbidden, "the key may not do this; check its scopes and the plan")
	case s == http.StatusNotFound, s == http.StatusGone:
		return resp.Fault(fault.NotFound, "the provider has no such record")
	case s == http.StatusConflict:
		return resp.Fault(fault.Conflict, "the provider holds a newer or another record")
	case s == http.StatusTooManyRequests:
		return resp.Fault(fault.RateLimited, "the provider asks us to slow down")
	case s == http.StatusUnavailableForLegalReasons:
		return resp.Fault(fault.Blocked, "the person asked not to be processed")
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s >= 500:
		return resp.Fault(fault.Unavailable, "the provider has a problem")
	case s >= 400:
		return resp.Fault(fault.InvalidInput, "the provider did not accept the request")
	default:
		return resp.Fault(fault.BadResponse, "the provider answered with an unexpected status")
	}
}

// Fault makes a fault about this answer, with its status and Retry-After. The
// message holds nothing of the body.
func (r *Response) Fault(kind fault.Kind, message string) *fault.Error {
	return &fault.Error{
		Kind: kind, Op: r.Provider + "." + r.Op, Provider: r.Provider,
		Message: fmt.Sprintf("%s (status %d)", message, r.Status), RetryAfter: r.RetryAfter(),
	}
}

// RetryAfter reads the header of that name, seconds or a date; zero if it is
// missing, malformed or in the past. Never more than 366 days.
func (r *Response) RetryAfter() time.Duration {
	const longest = 366 * 24 * time.Hour
	text := strings.TrimSpace(r.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) { // also refuses NaN
			return 0
		}
		return time.Duration(min(seconds, longest.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(at.Sub(r.At), longest))
	}
	return 0
}

// Decode reads the body as JSON into v. Unknown fields are ignored; anything
// that does not fit is a fault BadResponse that names place or field, not value.
func (r *Response) Decode(v any) error {
	err := json.Unmarshal(r.Body, v)
	if err == nil {
		return nil
	}
	message := "the answer is not the JSON that the provider documents"
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		message += ": field " + e.Field + " is not of type " + e.Type.String()
	} else if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		message += ": syntax error at byte " + strconv.FormatInt(e.Offset, 10)
	}
	return r.Fault(fault.BadResponse, message)
}
