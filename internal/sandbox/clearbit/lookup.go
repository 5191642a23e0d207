package clearbit

import (
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// fresh is how old a record may be to be answered with at once.
const fresh = 30 * 24 * time.Hour

// combinedAnswer is a person with the company of the address's domain.
type combinedAnswer struct {
	Person  *person  `json:"person"`
	Company *company `json:"company"`
}

func (s *Server) person(w http.ResponseWriter, r *http.Request) {
	email, ok := emailOf(w, r)
	if !ok {
		return
	}
	at := s.byEmail(email)
	if s.settled(w, OpPerson, email, at.known, at.indexed, false) {
		reply(w, http.StatusOK, s.record(at, email))
	}
}

func (s *Server) combined(w http.ResponseWriter, r *http.Request) {
	email, ok := emailOf(w, r)
	if !ok {
		return
	}
	at := s.byEmail(email)
	_, name, _ := strings.Cut(email, "@")
	c, known := s.knows(name)
	if !s.settled(w, OpCombined, email, at.known || known, at.indexed, r.URL.Query().Get("cached") == "true") {
		return
	}
	var out combinedAnswer
	if at.known {
		out.Person = s.record(at, email)
	}
	if known {
		out.Company = s.firm(c)
	}
	reply(w, http.StatusOK, out)
}

func (s *Server) company(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(r.URL.Query().Get("domain"))), "www.")
	switch {
	case name == "":
		fail(w, http.StatusUnprocessableEntity, "params_invalid", "A domain is required.")
		return
	case !strings.Contains(name, ".") || strings.ContainsAny(name, " /@"):
		fail(w, http.StatusBadRequest, "params_invalid", "The domain is not one.")
		return
	}
	c, known := s.knows(name)
	if s.settled(w, OpCompany, name, known, s.firmIndexed(c), false) {
		reply(w, http.StatusOK, s.firm(c))
	}
}

func emailOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	email := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("email")))
	local, name, ok := strings.Cut(email, "@")
	switch {
	case email == "":
		fail(w, http.StatusBadRequest, "params_invalid", "An email is required.")
		return "", false
	case !ok || local == "" || !strings.Contains(name, ".") || strings.ContainsAny(email, " ,;") || strings.Contains(name, "@"):
		fail(w, http.StatusUnprocessableEntity, "email_invalid", "The email is not one.")
		return "", false
	}
	return email, true
}

// settled counts a lookup and reports whether its record may be sent; else it
// has answered: no money, still queued, no such record. A lookup goes into the
// queue if its record is old or not there yet.
func (s *Server) settled(w http.ResponseWriter, op, question string, known bool, indexed time.Time, stored bool) bool {
	if !s.counted(w, op, question) {
		return false
	}
	switch {
	case !stored && s.queued(op+"|"+question, known && s.market.Today().Sub(indexed) <= fresh),
		stored && !known && draw("stored", question) < 500: // or a 404, see the package comment
		w.WriteHeader(http.StatusAccepted)
		return false
	case !known:
		fail(w, http.StatusNotFound, "unknown_record", "Unknown record.")
		return false
	}
	return true
}

// queued reports whether a lookup still waits for its turn.
func (s *Server) queued(question string, isFresh bool) bool {
	if s.prompt {
		return false
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	done, before := s.ready[question]
	switch {
	case !before && isFresh:
		return false
	case !before, now.Sub(done) > fresh: // what was done a month ago is old again
		done = now.Add(delay(question))
		s.ready[question] = done
	}
	return now.Before(done)
}

// delay is how long the queue takes: seconds mostly, for some more than the
// three tries that are advised.
func delay(question string) time.Duration {
	switch n := draw("queue", question); {
	case n < 700:
		return time.Duration(2+n%60) * time.Second
	case n < 980:
		return time.Duration(60+n%90) * time.Second
	default:
		return 20 * time.Minute
	}
}

// knows finds a company that the source covers.
func (s *Server) knows(name string) (int, bool) {
	c, ok := s.market.CompanyByDomain(name)
	return c, ok && s.source.Places(c) > 0
}

// someone is what the source has under an address.
type someone struct {
	known   bool
	profile market.Profile
	indexed time.Time
}

func (s *Server) byEmail(email string) someone {
	box := s.market.Mailbox(email)
	if box.Person < 0 || s.source.Profiles(box.Person) == 0 {
		return someone{}
	}
	p := s.source.Profile(box.Person, 0)
	return someone{known: !p.Truth.OptOut, profile: p, indexed: p.RefreshedAt}
}

// draw is a number below 1000 that depends on a text alone.
func draw(what, text string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, what+"|"+text) // a hash never fails
	x := h.Sum64()
	return (x ^ x>>32) % 1000
}
