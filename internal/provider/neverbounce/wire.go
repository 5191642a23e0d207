package neverbounce

import (
	"slices"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
)

// What every answer has.
type wireEnvelope struct {
	Status  string `json:"status"`
	Message string `json:"message"` // of an error
}

type wireVerification struct {
	Result string   `json:"result"`
	Flags  []string `json:"flags"` // an open set
}

type wireCreate struct {
	InputLocation     string    `json:"input_location"`
	Filename          string    `json:"filename"`
	AutoParse         bool      `json:"auto_parse"`
	AutoStart         bool      `json:"auto_start"`
	RunSample         bool      `json:"run_sample"`
	AllowManualReview bool      `json:"allow_manual_review"`
	Input             []wireRow `json:"input"` // a list by the specification, whatever the Go client sends
}

type wireRow struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

type wireCreated struct {
	JobID int64 `json:"job_id"`
}

type wireJob struct {
	JobStatus string `json:"job_status"`
	Total     struct {
		Records   int `json:"records"`
		Processed int `json:"processed"`
	} `json:"total"`
}

type wireSearch struct {
	TotalPages int `json:"total_pages"`
	Results    []struct {
		ID        int64  `json:"id"`
		Filename  string `json:"filename"`
		CreatedAt string `json:"created_at"` // sorts as text
	} `json:"results"`
}

type wireResults struct {
	TotalPages int64 `json:"total_pages"`
	Results    []struct {
		Data         wireRow          `json:"data"` // the row as it was supplied
		Verification wireVerification `json:"verification"`
	} `json:"results"`
}

type wireAccount struct {
	Credits *struct {
		PaidUsed float64 `json:"paid_credits_used"`
		FreeUsed float64 `json:"free_credits_used"`
		PaidLeft float64 `json:"paid_credits_remaining"`
		FreeLeft float64 `json:"free_credits_remaining"`
	} `json:"credits_info"`
}

// roleAccount is the flag of an address that a group of people reads.
const roleAccount = "role_account"

// verdict maps a result. The reason is the provider's word as far as it is a
// documented one: no other text of an answer is passed on.
func (w wireVerification) verdict() provider.Verification {
	switch w.Result {
	case "valid":
		if slices.Contains(w.Flags, roleAccount) {
			return provider.Verification{Status: domain.EmailRisky, Reason: roleAccount}
		}
		return provider.Verification{Status: domain.EmailSafe, Reason: w.Result}
	case "invalid":
		return provider.Verification{Status: domain.EmailInvalid, Reason: w.Result}
	case "disposable", "catchall":
		return provider.Verification{Status: domain.EmailRisky, Reason: w.Result}
	case "unknown":
		return provider.Verification{Status: domain.EmailUnknown, Reason: w.Result}
	default:
		return provider.Verification{Status: domain.EmailUnknown, Reason: "undocumented"}
	}
}

// state maps job_status. A state that NeverBounce will invent is taken for one
// on the way to the end.
func (w wireJob) state() (provider.JobState, string) {
	switch w.JobStatus {
	case "complete":
		return provider.JobComplete, w.JobStatus
	case "failed":
		return provider.JobFailed, w.JobStatus
	case "waiting", "waiting_analyzed", "under_review":
		return provider.JobHeld, w.JobStatus
	case "queued", "running", "parsing", "uploading":
		return provider.JobRunning, w.JobStatus
	default:
		return provider.JobRunning, "undocumented"
	}
}
