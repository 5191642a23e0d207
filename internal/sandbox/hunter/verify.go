package hunter

import (
	"hash/fnv"
	"io"
	"net/http"
	"strings"
)

type verdict struct {
	Status     string `json:"status"`
	Result     string `json:"result"` // deprecated, still sent
	Score      int    `json:"score"`
	Email      string `json:"email"`
	Regexp     bool   `json:"regexp"`
	Gibberish  bool   `json:"gibberish"`
	Disposable bool   `json:"disposable"`
	Webmail    bool   `json:"webmail"`
	MX         bool   `json:"mx_records"`
	SMTPServer bool   `json:"smtp_server"`
	SMTPCheck  bool   `json:"smtp_check"`
	AcceptAll  bool   `json:"accept_all"`
	Block      bool   `json:"block"`
	Sources    []any  `json:"sources"`
}

// How slow mail servers show: shares of addresses, in per mille.
const (
	runningShare = 50 // 202 twice before the result
	brokenShare  = 20 // 222 once before the result
	shyShare     = 30 // the server never tells: unknown
)

func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	email := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("email")))
	local, domain, ok := strings.Cut(email, "@")
	if email == "" {
		fail(w, http.StatusBadRequest, "wrong_params", "You are missing the email parameter.")
		return
	}
	if !ok || local == "" || !strings.Contains(domain, ".") || strings.ContainsAny(email, " ,;") || strings.Contains(domain, "@") {
		fail(w, http.StatusBadRequest, "invalid_email", "The supplied email is invalid.")
		return
	}
	box := s.market.Mailbox(email)
	if box.Person >= 0 && s.market.Person(box.Person).OptOut {
		claimed(w)
		return
	}
	if !s.charged(OpVerify, email) && !s.solvent(w, 0.5, "verifications") {
		return
	}
	share := temper(email)
	switch {
	case s.prompt:
	case share < runningShare:
		// Still running: may be asked again as often as one likes, and is
		// counted once, with the result.
		if s.times(email) <= 2 {
			reply(w, http.StatusAccepted, map[string]any{"data": map[string]any{"email": email}, "meta": params(email)})
			return
		}
	case share < runningShare+brokenShare:
		if s.times(email) <= 1 {
			fail(w, 222, "verification_failed", "The remote mail server answered unexpectedly. Please try again later.")
			return
		}
	}
	v := verdict{Email: email, Regexp: true, Sources: []any{}, MX: box.Domain, SMTPServer: box.Domain, AcceptAll: box.CatchAll && box.Domain, Score: 50}
	switch {
	case !box.Domain:
		v.Status, v.Result, v.Score = "invalid", "undeliverable", 0
	case share >= 1000-shyShare:
		v.Status, v.Result, v.Block = "unknown", "risky", true
	case box.CatchAll:
		v.Status, v.Result, v.SMTPCheck, v.Score = "accept_all", "risky", true, 70
	case box.Exists:
		v.Status, v.Result, v.SMTPCheck, v.Score = "valid", "deliverable", true, 88+int(share%12)
	default:
		v.Status, v.Result, v.Score = "invalid", "undeliverable", 5
	}
	if !s.charge(w, OpVerify, email, 0.5) {
		return
	}
	reply(w, http.StatusOK, map[string]any{"data": v, "meta": params(email)})
}

func params(email string) map[string]any {
	return map[string]any{"params": map[string]string{"email": email}}
}

// times counts the questions about an address whose server takes its time.
func (s *Server) times(email string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[email]++
	return s.asked[email]
}

// temper is a number below 1000 that says how an address's server behaves.
func temper(email string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, "verify|"+email) // a hash never fails
	x := h.Sum64()
	return (x ^ x>>32) % 1000
}
