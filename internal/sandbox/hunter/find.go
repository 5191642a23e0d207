package hunter

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

type found struct {
	First        string       `json:"first_name"`
	Last         string       `json:"last_name"`
	Email        *string      `json:"email"`
	Score        *int         `json:"score"`
	Domain       string       `json:"domain"`
	AcceptAll    bool         `json:"accept_all"`
	Position     *string      `json:"position"`
	Twitter      *string      `json:"twitter"`
	LinkedIn     *string      `json:"linkedin_url"`
	Phone        *string      `json:"phone_number"`
	Company      string       `json:"company"`
	Sources      []any        `json:"sources"`
	Verification verification `json:"verification"`
}

type verification struct {
	Date   *string `json:"date"`
	Status *string `json:"status"`
}

func (s *Server) find(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	first, last := q.Get("first_name"), q.Get("last_name")
	if first == "" && last == "" {
		first, last, _ = strings.Cut(q.Get("full_name"), " ")
	}
	domain := strings.ToLower(strings.TrimPrefix(q.Get("domain"), "www."))
	switch {
	case domain == "" && q.Get("company") == "":
		fail(w, http.StatusBadRequest, "wrong_params", "You are missing the domain or company parameter.")
		return
	case first == "" || last == "":
		fail(w, http.StatusBadRequest, "wrong_params", "You are missing the first_name and last_name, or full_name, parameter.")
		return
	}
	if d := q.Get("max_duration"); d != "" {
		if n, err := strconv.Atoi(d); err != nil || n < 3 || n > 20 {
			fail(w, http.StatusBadRequest, "invalid_max_duration", "max_duration must be between 3 and 20.")
			return
		}
	}
	c, known := s.market.CompanyByDomain(domain)
	if domain == "" {
		c, known = s.market.CompanyByName(q.Get("company"))
	}
	if !known {
		// Whether a miss is a 404 or empty data is unconfirmed: both happen here.
		fail(w, http.StatusNotFound, "not_found", "No data for this domain.")
		return
	}
	out := found{First: first, Last: last, Domain: s.market.Domain(c), Company: s.market.CompanyName(c), AcceptAll: s.market.CatchAll(c), Sources: []any{}}
	person, profile := s.person(c, first, last)
	if person >= 0 && profile.Truth.OptOut {
		claimed(w)
		return
	}
	question := out.Domain + "|" + market.Fold(first) + "|" + market.Fold(last)
	if !s.charged(OpFind, question) && !s.solvent(w, 1, "searches") {
		return
	}
	if person >= 0 && s.source.KnowsPattern(c) {
		if s.source.Profiles(person) > 0 {
			email := s.address(profile, c, first, last)
			score := 62 + person%37
			status := "valid"
			switch b := s.market.Mailbox(email); {
			case b.CatchAll:
				status, score = "accept_all", score-20
			case !b.Exists:
				// Hunter does not look again each time: the date is old.
				status, score = "", score-15
			}
			out.Email, out.Score = &email, &score
			title := s.market.Title(profile.Title).Text
			out.Position = &title
			if status != "" {
				date := s.market.Today().AddDate(0, 0, -person%200).Format("2006-01-02")
				out.Verification = verification{Date: &date, Status: &status}
			}
		}
	}
	if out.Email != nil && !s.charge(w, OpFind, question, 1) {
		return
	}
	reply(w, http.StatusOK, map[string]any{"data": out, "meta": map[string]any{"params": map[string]any{
		"first_name": first, "last_name": last, "full_name": nil, "domain": text(domain), "company": text(q.Get("company")), "max_duration": nil,
	}}})
}

// person finds somebody of that name who works or worked at the company; -1
// if there is nobody.
func (s *Server) person(c int, first, last string) (int, market.Profile) {
	for _, p := range s.market.Staff(c) {
		t := s.market.Person(p)
		if (market.SameName(t.First, first) || t.Short != "" && market.SameName(t.Short, first)) && market.SameName(t.Last, last) {
			return p, s.source.Profile(p, 0)
		}
	}
	return -1, market.Profile{}
}

// address is the address that Hunter would give: one it has seen, else what
// the pattern says, right or wrong.
func (s *Server) address(p market.Profile, c int, first, last string) string {
	if seen(p.Person) {
		if e := s.market.Email(p.Person); e != "" && p.Truth.Company == c {
			return e
		}
	}
	return s.market.Guess(first, last, c)
}

// seen reports whether the person's address stands on a page that Hunter has read.
func seen(person int) bool { return person%5 < 2 }

// claimed is the answer for somebody who asked Hunter to stop.
func claimed(w http.ResponseWriter) {
	fail(w, http.StatusUnavailableForLegalReasons, "claimed_email",
		"The person behind this data has asked us to stop processing it, directly or indirectly. You should not process it either.")
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
