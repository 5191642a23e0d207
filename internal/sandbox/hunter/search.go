package hunter

import (
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

type knownDomain struct {
	Domain       string    `json:"domain"`
	Disposable   bool      `json:"disposable"`
	Webmail      bool      `json:"webmail"`
	AcceptAll    bool      `json:"accept_all"`
	Pattern      *string   `json:"pattern"`
	Organization *string   `json:"organization"`
	Industry     *string   `json:"industry"`
	Country      *string   `json:"country"`
	State        *string   `json:"state"`
	Headcount    *string   `json:"headcount"`
	CompanyType  *string   `json:"company_type"`
	Technologies []string  `json:"technologies"`
	Emails       []address `json:"emails"`
}

type address struct {
	Value        string        `json:"value"`
	Type         string        `json:"type"`
	Confidence   int           `json:"confidence"`
	First        *string       `json:"first_name"`
	Last         *string       `json:"last_name"`
	Position     *string       `json:"position"`
	Seniority    *string       `json:"seniority"`
	Department   *string       `json:"department"`
	LinkedIn     *string       `json:"linkedin"`
	Twitter      *string       `json:"twitter"`
	Phone        *string       `json:"phone_number"`
	Verification *verification `json:"verification"`
	Sources      []any         `json:"sources"`
}

// searchQuery is a domain search as the endpoint's parameters say it.
type searchQuery struct {
	domain, company string
	kind            string // personal, generic or "" for both
	seniority       []string
	department      []string
	limit, offset   int
}

// readSearch refuses what the endpoint does not take. A limit above ten needs a
// paid plan.
func (s *Server) readSearch(r *http.Request) (searchQuery, string) {
	q := r.URL.Query()
	out := searchQuery{domain: strings.ToLower(strings.TrimPrefix(q.Get("domain"), "www.")), company: q.Get("company"), kind: q.Get("type"), limit: 10}
	list := func(name string) []string {
		return strings.FieldsFunc(q.Get(name), func(r rune) bool { return r == ',' })
	}
	out.seniority, out.department = list("seniority"), list("department")
	for name, to := range map[string]*int{"limit": &out.limit, "offset": &out.offset} {
		if text := q.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return out, "The " + name + " must be a number."
			}
			*to = n
		}
	}
	switch {
	case out.domain == "" && out.company == "":
		return out, "You are missing the domain or company parameter."
	case out.limit < 1 || out.limit > 100:
		return out, "The limit must be between 1 and 100."
	case s.free && out.limit > 10:
		return out, "The limit must be 10 or less on the free plan."
	case out.kind != "" && out.kind != "personal" && out.kind != "generic":
		return out, "The type must be personal or generic."
	case slices.ContainsFunc(out.seniority, func(x string) bool { return !slices.Contains([]string{"junior", "senior", "executive"}, x) }):
		return out, "The seniority must be junior, senior or executive."
	}
	return out, ""
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	q, wrong := s.readSearch(r)
	if wrong != "" {
		fail(w, http.StatusBadRequest, "wrong_params", wrong)
		return
	}
	c, known := s.market.CompanyByDomain(q.domain)
	if q.domain == "" {
		c, known = s.market.CompanyByName(q.company)
	}
	out := knownDomain{Domain: q.domain, Technologies: []string{}, Emails: []address{}}
	total := 0
	switch {
	case known:
		out = s.describe(c)
		all := s.addresses(c, q)
		total = len(all)
		out.Emails = all[min(len(all), q.offset):min(len(all), q.offset+q.limit)]
	case hash(q.domain+q.company)%2 == 0:
		// Whether a miss is a 404 or empty data is unconfirmed: both happen here.
		fail(w, http.StatusNotFound, "not_found", "No data for this domain.")
		return
	}
	question := fmt.Sprintf("%s|%s|%v|%v|%d|%d", out.Domain, q.kind, q.seniority, q.department, q.limit, q.offset)
	credits := (len(out.Emails) + 9) / 10
	if credits > 0 && !s.charged(OpSearch, question+"|1") && !s.solvent(w, float64(credits), "searches") {
		return
	}
	for n := range credits {
		if !s.charge(w, OpSearch, fmt.Sprintf("%s|%d", question, n+1), 1) {
			return
		}
	}
	reply(w, http.StatusOK, map[string]any{"data": out, "meta": map[string]any{
		"results": total, "limit": q.limit, "offset": q.offset, "params": map[string]any{
			"domain": text(q.domain), "company": text(q.company), "type": text(q.kind), "seniority": nil, "department": nil,
		},
	}})
}

// describe is what Hunter knows of a company.
func (s *Server) describe(c int) knownDomain {
	truth := s.market.Company(c)
	country := s.market.Country(truth.Country)
	kind := "privately held"
	out := knownDomain{
		Domain: truth.Domain, AcceptAll: truth.CatchAll, Organization: text(s.source.CompanyName(c)), Industry: text(s.source.Label(c)),
		Country: &country.Code, State: text(country.Cities[truth.City].State), Headcount: text(headcount(s.source.Employees(c))), CompanyType: &kind,
		Technologies: []string{}, Emails: []address{},
	}
	if s.source.KnowsPattern(c) {
		out.Pattern = text(string(truth.Pattern))
	}
	for _, t := range truth.Technologies[:len(truth.Technologies)/2] {
		out.Technologies = append(out.Technologies, strings.ToLower(t))
	}
	return out
}

func headcount(n int) string {
	low := 1
	for _, high := range []int{10, 50, 200, 500, 1000, 5000, 10_000} {
		if n <= high {
			return fmt.Sprintf("%d-%d", low, high)
		}
		low = high + 1
	}
	return "10001+"
}

// addresses are those that Hunter has seen on pages, the surest first. Whoever
// asked it to stop is not among them.
func (s *Server) addresses(c int, q searchQuery) []address {
	var out []address
	for _, p := range s.market.Staff(c) {
		profile := s.source.Profile(p, 0)
		if s.source.Profiles(p) == 0 || !seen(p) || profile.Truth.OptOut || profile.Company != c || q.kind == "generic" {
			continue
		}
		email := s.market.Email(p)
		if profile.Truth.Company != c {
			email = s.market.OldEmail(p) // left since, and still on an old page
		}
		if a, ok := s.row(profile, email); ok && q.takes(a) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b address) int { return b.Confidence - a.Confidence })
	if q.kind != "personal" && len(q.seniority)+len(q.department) == 0 && !s.market.Company(c).Dead {
		out = append(out, address{Value: "info@" + s.market.Domain(c), Type: "generic", Confidence: 50, Sources: []any{}})
	}
	return out
}

func (q searchQuery) takes(a address) bool {
	return (len(q.seniority) == 0 || slices.Contains(q.seniority, *a.Seniority)) && (len(q.department) == 0 || slices.Contains(q.department, *a.Department))
}

// row is an address with its owner, as a page showed them.
func (s *Server) row(p market.Profile, email string) (address, bool) {
	title := s.market.Title(p.Title)
	level, work := seniority(title.Level), department(title.Family)
	out := address{
		Value: email, Type: "personal", Confidence: 60 + p.Person%40, First: &p.First, Last: &p.Last, Position: &title.Text, Seniority: &level,
		Department: &work, Verification: &verification{}, Sources: []any{},
	}
	switch b := s.market.Mailbox(email); {
	case email == "":
		return out, false
	case b.CatchAll:
		out.Verification = s.verified(p.Person, "accept_all")
	case b.Exists && p.Person%3 > 0:
		out.Verification = s.verified(p.Person, "valid")
	}
	return out, true
}

func (s *Server) verified(person int, status string) *verification {
	date := s.market.Today().AddDate(0, 0, -person%200).Format("2006-01-02")
	return &verification{Date: &date, Status: &status}
}

func seniority(level string) string {
	switch level {
	case "owner", "founder", "c_suite", "partner", "vp":
		return "executive"
	case "entry", "intern":
		return "junior"
	}
	return "senior"
}

func department(f market.Family) string {
	switch f {
	case market.General:
		return "executive"
	case market.Engineering, market.IT, market.Security, market.Data, market.Product:
		return "it"
	case market.People:
		return "hr"
	case market.Industrial:
		return "operations"
	}
	return string(f)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s) // a hash never fails
	return h.Sum64()
}
