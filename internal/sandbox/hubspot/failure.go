package hubspot

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// failure is an error answer.
type failure struct {
	status   int
	category string
	message  string
	errors   []detail
	context  map[string][]string
	policy   string        // 429 only
	wait     time.Duration // 477 only
}

// detail is one entry of a failure's errors.
type detail struct {
	Message string              `json:"message"`
	Code    string              `json:"code,omitempty"`
	In      string              `json:"in,omitempty"`
	Context map[string][]string `json:"context,omitempty"`
}

// errorBody is HubSpot's error form; every member is optional by contract.
type errorBody struct {
	Status        string              `json:"status"`
	Message       string              `json:"message"`
	CorrelationID string              `json:"correlationId"`
	Category      string              `json:"category,omitempty"`
	Errors        []detail            `json:"errors,omitempty"`
	Context       map[string][]string `json:"context,omitempty"`
	ErrorType     string              `json:"errorType,omitempty"`
	PolicyName    string              `json:"policyName,omitempty"`
}

func badRequest(message string) *failure {
	return &failure{status: http.StatusBadRequest, category: "VALIDATION_ERROR", message: message}
}

func notFound(message string) *failure {
	return &failure{status: http.StatusNotFound, category: "OBJECT_NOT_FOUND", message: message}
}

func unauthorized() *failure {
	return &failure{
		status: http.StatusUnauthorized, category: "INVALID_AUTHENTICATION",
		message: "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
	}
}

func missingScope(scope string) *failure {
	return &failure{
		status: http.StatusForbidden, category: "MISSING_SCOPES",
		message: "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
		errors:  []detail{{Message: "One or more of the following scopes are required.", Context: map[string][]string{"requiredGranularScopes": {scope}}}},
	}
}

func throttled(policy string) *failure {
	messages := map[string]string{
		policyDaily:       "You have reached your daily limit.",
		policyTenSecondly: "You have reached your ten_secondly_rolling limit.",
		policySecondly:    "You have reached your secondly limit.",
	}
	return &failure{status: http.StatusTooManyRequests, message: messages[policy], policy: policy}
}

// writeFailure answers with a failure. It must be called without the lock.
func (s *Server) writeFailure(w http.ResponseWriter, f *failure) {
	s.mu.Lock()
	s.requests++
	n := s.requests
	s.mu.Unlock()
	body := errorBody{
		Status: "error", Message: f.message, Category: f.category, Errors: f.errors, Context: f.context,
		CorrelationID: fmt.Sprintf("5f6b0a9e-1d0c-4a37-9a56-%012x", n),
	}
	if f.policy != "" {
		body.ErrorType, body.PolicyName = "RATE_LIMIT", f.policy
	}
	if f.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.wait/time.Second)))
	}
	writeJSON(w, f.status, body)
}

// Throttled answers with HubSpot's 429 for the ten-second window: no
// Retry-After, the interval is in the headers.
func (s *Server) Throttled(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.limiter.headers(w.Header(), time.Now())
	s.mu.Unlock()
	w.Header().Set("X-HubSpot-RateLimit-Remaining", "0")
	s.writeFailure(w, throttled(policyTenSecondly))
}

// Exhausted answers with HubSpot's 429 for the account's daily limit.
func (s *Server) Exhausted(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.limiter.headers(w.Header(), time.Now())
	s.mu.Unlock()
	w.Header().Set("X-HubSpot-RateLimit-Daily-Remaining", "0")
	s.writeFailure(w, throttled(policyDaily))
}

// Failed answers a 5xx in HubSpot's form.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	s.writeFailure(w, &failure{status: status, category: "INTERNAL_ERROR", message: "internal error"})
}

// Locked answers 423, as while a large write holds the records.
func (s *Server) Locked(w http.ResponseWriter, _ *http.Request) {
	s.writeFailure(w, &failure{status: http.StatusLocked, category: "LOCKED", message: "The resource is temporarily locked. Retry after at least 2 seconds."})
}

// Migrating answers 477 with a Retry-After, as while HubSpot moves the account
// to another data centre.
func (s *Server) Migrating(w http.ResponseWriter, _ *http.Request, wait time.Duration) {
	s.writeFailure(w, &failure{status: 477, category: "MIGRATION_IN_PROGRESS", message: "This account is being moved between data centres.", wait: max(wait, time.Second)})
}
