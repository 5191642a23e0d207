package hunter

import "github.com/messageai/sluice/internal/domain"

// Nullable fields are pointers: Hunter sends null for what it does not know.

type wireFound struct {
	Data *struct {
		Email        *string  `json:"email"`
		Score        *float64 `json:"score"` // 0..100
		Verification *struct {
			Status *string `json:"status"`
		} `json:"verification"`
	} `json:"data"`
}

type wireVerified struct {
	Data *struct {
		Status string `json:"status"`
	} `json:"data"`
}

type wireErrors struct {
	Errors []struct {
		Details string `json:"details"`
	} `json:"errors"`
}

// emailStatus maps Hunter's verdict. An address at a webmail service or in a
// catch-all domain may well work, but no server vouches for the mailbox.
func emailStatus(verdict string) domain.EmailStatus {
	switch verdict {
	case "valid":
		return domain.EmailSafe
	case "invalid":
		return domain.EmailInvalid
	case "accept_all", "webmail", "disposable":
		return domain.EmailRisky
	default: // "unknown", and whatever Hunter will invent
		return domain.EmailUnknown
	}
}

// reason is the verdict as far as it is one that Hunter documents: any other
// text of an answer is not passed on.
func reason(verdict string) string {
	switch verdict {
	case "valid", "invalid", "accept_all", "webmail", "disposable", "unknown":
		return verdict
	default:
		return "undocumented"
	}
}
