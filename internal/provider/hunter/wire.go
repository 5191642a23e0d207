package hunter

import (
	"time"

	"github.com/messageai/sluice/internal/domain"
)

// Nullable fields are pointers: Hunter sends null for what it does not know.

type wireFound struct {
	Data *struct {
		Email        *string      `json:"email"`
		Score        *float64     `json:"score"` // 0..100
		Verification *wireVerdict `json:"verification"`
	} `json:"data"`
}

// wireVerdict is the verdict of an earlier day.
type wireVerdict struct {
	Status *string `json:"status"`
	Date   *string `json:"date"` // 2006-01-02
}

// verdictLife is how long a verdict is good for: two addresses in a hundred go
// bad every month.
const verdictLife = 30 * 24 * time.Hour

// emailStatus is what an earlier verdict is worth at a later time: that a
// mailbox was there once does not make it safe, that a domain takes everything
// or a mailbox is gone rarely changes.
func (v *wireVerdict) emailStatus(at time.Time) domain.EmailStatus {
	status := emailStatus(value(v.Status))
	if status != domain.EmailSafe && status != domain.EmailUnknown {
		return status
	}
	if day, err := time.Parse(time.DateOnly, value(v.Date)); err == nil && at.Sub(day).Abs() < verdictLife {
		return status
	}
	return domain.EmailUnchecked
}

type wireVerified struct {
	Data *struct {
		Status string `json:"status"`
	} `json:"data"`
}

// wireDomain is what Hunter knows of a domain.
type wireDomain struct {
	Data *struct {
		Domain       *string       `json:"domain"`
		Disposable   bool          `json:"disposable"`
		Webmail      bool          `json:"webmail"`
		AcceptAll    bool          `json:"accept_all"`
		Pattern      *string       `json:"pattern"` // "{first}.{last}": of most addresses there
		Organization *string       `json:"organization"`
		Industry     *string       `json:"industry"`
		Country      *string       `json:"country"`
		Headcount    *string       `json:"headcount"` // a range: "201-500"
		Technologies []string      `json:"technologies"`
		Emails       []wireAddress `json:"emails"`
	} `json:"data"`
}

type wireAddress struct {
	Value        *string      `json:"value"`
	Type         *string      `json:"type"` // personal or generic
	FirstName    *string      `json:"first_name"`
	LastName     *string      `json:"last_name"`
	Position     *string      `json:"position"`
	Department   *string      `json:"department"`
	LinkedIn     *string      `json:"linkedin"`
	Phone        *string      `json:"phone_number"`
	Verification *wireVerdict `json:"verification"`
}

// wireAccount has no "calls", which are deprecated, and nobody's name.
type wireAccount struct {
	Data *struct {
		Plan     *string `json:"plan_name"`
		Reset    *string `json:"reset_date"`
		Requests map[string]struct {
			Used      float64 `json:"used"`
			Available float64 `json:"available"`
		} `json:"requests"`
	} `json:"data"`
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
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
