package hubspot

import (
	"net/http"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Classify is HubSpot's own meaning of statuses (error handling guide, 2026-11).
// What concerns single records is a result of the operations that can tell them
// apart: 400, 404 and 409 of a write.
func Classify(op string, resp *transport.Response) error {
	writes := op == opUpsert || op == opUpdate
	switch s := resp.Status; {
	case s == http.StatusBadRequest && writes, s == http.StatusNotFound && op == opUpdate, s == http.StatusConflict && (writes || op == opProperties):
		return nil
	case s == http.StatusBadRequest && op == opRead:
		return resp.Fault(fault.NotFound, unprepared)
	case s == http.StatusUnauthorized:
		return resp.Fault(fault.Unauthenticated, "HubSpot rejected the key; put a new service key into its secret")
	case s == http.StatusForbidden:
		return resp.Fault(fault.Forbidden, "the HubSpot key lacks a scope; it needs read and write of contacts, companies and their schemas")
	case s == http.StatusLocked: // a large write holds the records
		return after(2*time.Second, resp.Fault(fault.Unavailable, "HubSpot has locked the records for a moment"))
	case s == http.StatusTooManyRequests && parseAnswer(resp.Body).PolicyName == "DAILY":
		// The API does not tell the account's time zone.
		return resp.Fault(fault.QuotaExhausted, "the HubSpot account's calls of the day are used up; they come back at midnight in the account's time zone")
	case s == http.StatusTooManyRequests: // no Retry-After is documented
		return after(interval(resp.Header), resp.Fault(fault.RateLimited, "HubSpot asks to slow down"))
	case s == 477: // HubSpot's own: the account moves between data centres, up to 24 h
		return after(time.Minute, resp.Fault(fault.Unavailable, "HubSpot is moving the account between data centres"))
	}
	return transport.DefaultClassify(op, resp)
}

const unprepared = "HubSpot does not know the properties that Sluice writes, or they have no unique values; run the preparation of the CRM again"

// after sets a wait where HubSpot states none.
func after(wait time.Duration, e *fault.Error) error {
	if e.RetryAfter == 0 {
		e.RetryAfter = wait
	}
	return e
}

// interval is the window of the limit that was hit, ten seconds if it is not told.
func interval(h http.Header) time.Duration {
	ms, err := strconv.Atoi(h.Get("X-HubSpot-RateLimit-Interval-Milliseconds"))
	if err != nil || ms <= 0 || ms > 60_000 {
		return 10 * time.Second
	}
	return time.Duration(ms) * time.Millisecond
}
