package openai

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Classify tells what an answer means, as transport asks of every adapter. A
// 400 is left to the client, which may halve the request.
func Classify(op string, resp *transport.Response) error {
	switch resp.Status {
	case http.StatusBadRequest:
		return nil
	case http.StatusNotFound:
		return resp.Fault(fault.Forbidden, "this OpenAI key has no access to the model, or the base URL is wrong")
	case http.StatusTooManyRequests:
		if exhausted(resp.Body) {
			e := resp.Fault(fault.QuotaExhausted, "the OpenAI account has no credit left; add some on its billing page")
			e.RetryAfter = 0
			return e
		}
		e := resp.Fault(fault.RateLimited, "OpenAI asks to slow down")
		if e.RetryAfter == 0 {
			e.RetryAfter = reset(resp.Header)
		}
		return e
	}
	return transport.DefaultClassify(op, resp)
}

// exhausted reports insufficient_quota in type or code; one of them may be null.
func exhausted(body []byte) bool {
	var answer struct {
		Error struct {
			Type string
			Code any
		}
	}
	const name = "insufficient_quota"
	return json.Unmarshal(body, &answer) == nil && (answer.Error.Type == name || answer.Error.Code == name)
}

// reset is how long the limit that was hit needs, from headers that hold
// durations such as 6m0s and may be missing; at most an hour.
func reset(h http.Header) time.Duration {
	longest := time.Duration(0)
	for _, name := range []string{"Requests", "Tokens"} {
		d, err := time.ParseDuration(h.Get("X-Ratelimit-Reset-" + name))
		if err == nil && h.Get("X-Ratelimit-Remaining-"+name) == "0" {
			longest = max(longest, d)
		}
	}
	return min(longest, time.Hour)
}
