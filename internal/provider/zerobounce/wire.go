package zerobounce

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Only what is used is decoded: ZeroBounce's numbers and booleans may be texts,
// and any may be null.

// wireComplaint is an error, in one of the places where it may be. The message
// may be written Message, which the decoder takes for the same.
type wireComplaint struct {
	Error   loose `json:"error"`
	Message loose `json:"message"`
}

func (w wireComplaint) text() string { return string(w.Error) + string(w.Message) }

// complaint reads the error of an answer that may hold anything.
func complaint(resp *transport.Response) wireComplaint {
	var w wireComplaint
	if resp.Decode(&w) != nil {
		return wireComplaint{}
	}
	return w
}

type wireVerdict struct {
	wireComplaint
	Address   string `json:"address"`
	Status    string `json:"status"`
	SubStatus string `json:"sub_status"`
	CatchAll  loose  `json:"catchall_domain"`
}

type wireQuestion struct {
	Batch   []wireAddress `json:"email_batch"`
	Timeout int           `json:"timeout"`
}

type wireAddress struct {
	Email string `json:"email_address"`
	IP    string `json:"ip_address"` // required, and may be empty
}

type wireBatch struct {
	wireComplaint
	Verdicts []wireVerdict `json:"email_batch"`
	Errors   []wireItem    `json:"errors"`
}

type wireItem struct {
	wireComplaint
	Email string `json:"email_address"`
}

// all reports whether the error is about the whole batch.
func (w wireItem) all() bool { return strings.EqualFold(w.Email, "all") }

// badKey is the balance that means that the key is wrong.
const badKey = "-1"

type wireCredits struct {
	wireComplaint
	Credits loose `json:"Credits"`
}

// left is the balance; false if the answer holds none.
func (w wireCredits) left() (int, bool) {
	n, err := strconv.Atoi(string(w.Credits))
	return n, err == nil && n >= 0
}

// loose is a scalar as text, whatever its type in JSON, or the texts of a list;
// "" for null and for anything else.
type loose string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *loose) UnmarshalJSON(raw []byte) error {
	var texts []string
	switch {
	case raw[0] == '"':
		return json.Unmarshal(raw, (*string)(l))
	case raw[0] == '[':
		if json.Unmarshal(raw, &texts) == nil {
			*l = loose(strings.Join(texts, "; "))
		}
	case raw[0] != '{' && string(raw) != "null":
		*l = loose(raw)
	}
	return nil
}

// verdict maps status and sub-status. The reason is the more exact of the two,
// as far as it is a documented one: no other text of an answer is passed on.
func (w wireVerdict) verdict() provider.Verification {
	status, reason := w.judge()
	return provider.Verification{Status: status, Reason: reason}
}

func (w wireVerdict) judge() (domain.EmailStatus, string) {
	subs, known := subStatuses(w.Status)
	documented := w.SubStatus == "" || slices.Contains(subs, w.SubStatus)
	reason := w.Status
	switch {
	case !known:
		return domain.EmailUnknown, "undocumented"
	case !documented:
		reason = "undocumented"
	case w.SubStatus != "":
		reason = w.SubStatus
	}
	switch w.Status {
	case "valid":
		switch {
		case !documented, w.SubStatus == "accept_all", w.SubStatus == "role_based_accept_all":
			return domain.EmailRisky, reason
		case strings.EqualFold(string(w.CatchAll), "true"):
			return domain.EmailRisky, "catchall_domain"
		}
		return domain.EmailSafe, reason
	case "catch-all":
		return domain.EmailRisky, reason
	case "unknown", "allowed":
		return domain.EmailUnknown, reason
	case "do_not_mail":
		switch w.SubStatus {
		case "role_based", "role_based_catch_all", "disposable":
			return domain.EmailRisky, reason
		}
	}
	return domain.EmailInvalid, reason // invalid, spamtrap, abuse, blocked, and what else is not to be mailed
}

// free reports whether the verdict costs nothing.
func (w wireVerdict) free() bool { return w.Status == "unknown" }

// subStatuses are those that ZeroBounce documents for a status (2026-11); known
// is false for a status that it does not document.
func subStatuses(status string) (subs []string, known bool) {
	switch status {
	case "valid":
		return []string{"alias_address", "leading_period_removed", "alternate", "gold", "role_based_accept_all", "accept_all", "ai_agent_mailbox"}, true
	case "invalid":
		return []string{
			"does_not_accept_mail", "failed_syntax_check", "possible_typo", "mailbox_not_found", "no_dns_entries",
			"mailbox_quota_exceeded", "unroutable_ip_address",
		}, true
	case "catch-all":
		return []string{"ai_agent_mailbox"}, true
	case "unknown":
		return []string{
			"antispam_system", "exception_occurred", "failed_smtp_connection", "forcible_disconnect", "greylisted",
			"mail_server_did_not_respond", "mail_server_temporary_error", "timeout_exceeded",
		}, true
	case "do_not_mail":
		return []string{"role_based", "role_based_catch_all", "disposable", "mx_forward", "global_suppression", "possible_trap", "toxic"}, true
	case "spamtrap", "abuse", "blocked", "allowed":
		return nil, true
	}
	return nil, false
}
