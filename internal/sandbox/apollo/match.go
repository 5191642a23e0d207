package apollo

import (
	"encoding/json"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// question is one person to match, from the query string or from details[].
type question struct {
	ID           string `json:"id"`
	Email        string `json:"email"`
	First        string `json:"first_name"`
	Last         string `json:"last_name"`
	Name         string `json:"name"`
	Domain       string `json:"domain"`
	Organization string `json:"organization_name"`
	Profile      string `json:"linkedin_url"`
}

type matchAnswer struct {
	RequestID int64   `json:"request_id"`
	Person    *person `json:"person"`
}

type bulkAnswer struct {
	Status    string    `json:"status"`
	ErrorCode *string   `json:"error_code"`
	ErrorText *string   `json:"error_message"`
	Requested int       `json:"total_requested_enrichments"`
	Unique    int       `json:"unique_enriched_records"`
	Missing   int       `json:"missing_records"`
	Credits   float64   `json:"credits_consumed"`
	Matches   []*person `json:"matches"`
	RequestID int64     `json:"request_id"`
}

func (s *Server) match(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !flagsAllowed(q) {
		refuse(w, "The parameters cannot be read, or reveal_phone_number came without webhook_url.")
		return
	}
	ask := question{
		ID: q.Get("id"), Email: q.Get("email"), First: q.Get("first_name"), Last: q.Get("last_name"), Name: q.Get("name"),
		Domain: q.Get("domain"), Organization: q.Get("organization_name"), Profile: q.Get("linkedin_url"),
	}
	if ask == (question{}) {
		// A body is not read: the parameters belong in the query string.
		refuse(w, "No parameter that identifies a person.")
		return
	}
	if !s.solvent(w, 1) {
		return
	}
	id := requestID(r.URL.RawQuery)
	p, found := s.identify(ask)
	if !found {
		// Both forms of a miss are reported; clients must take either
		// (contract: unconfirmed).
		if id%2 == 0 {
			reply(w, http.StatusOK, map[string]any{"request_id": id})
			return
		}
		reply(w, http.StatusOK, matchAnswer{RequestID: id})
		return
	}
	if !s.bill(w, OpMatch, p.ID) {
		return
	}
	reply(w, http.StatusOK, matchAnswer{RequestID: id, Person: s.person(p)})
}

func (s *Server) bulkMatch(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Details []question `json:"details"`
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	failed := func(code, text string) {
		reply(w, http.StatusBadRequest, map[string]string{"status": "failed", "error_code": code, "error_message": text})
	}
	switch {
	case err != nil || len(body.Details) == 0 || !flagsAllowed(r.URL.Query()):
		failed("INVALID_REQUEST", "details must be a list of 1 to 10 people")
		return
	case len(body.Details) > 10:
		failed("RECORD_LIMIT_EXCEEDED", "at most 10 people in one request")
		return
	case !s.solvent(w, len(body.Details)):
		return
	}
	out := bulkAnswer{Status: "success", Requested: len(body.Details), Matches: []*person{}, RequestID: requestID(string(raw))}
	nulls := out.RequestID%2 == 0 // whether misses appear is unconfirmed: both
	unique := map[int]bool{}
	for _, ask := range body.Details {
		p, found := s.identify(ask)
		if !found {
			out.Missing++
			if nulls {
				out.Matches = append(out.Matches, nil)
			}
			continue
		}
		if !unique[p.Person] {
			unique[p.Person] = true
			if !s.bill(w, OpMatch, p.ID) {
				return
			}
			out.Credits++
		}
		out.Matches = append(out.Matches, s.person(p))
	}
	if !nulls {
		slices.Reverse(out.Matches) // nothing says that they come in the order of the question
	}
	out.Unique = len(unique)
	reply(w, http.StatusOK, out)
}

// flagsAllowed: phone numbers come by webhook only.
func flagsAllowed(q url.Values) bool {
	return q.Get("reveal_phone_number") != "true" || strings.HasPrefix(q.Get("webhook_url"), "https://")
}

// solvent answers for an exhausted balance. What the provider sends is
// unconfirmed; this is its 422 form.
func (s *Server) solvent(w http.ResponseWriter, need int) bool {
	if s.used()+need <= s.credits {
		return true
	}
	reply(w, http.StatusUnprocessableEntity, map[string]string{
		"status": "failed", "error_code": "INSUFFICIENT_CREDITS", "error_message": "You have insufficient credits for this request.",
	})
	return false
}

// identify finds the profile that a question means.
func (s *Server) identify(ask question) (market.Profile, bool) {
	none := market.Profile{}
	at := func(person, n int) (market.Profile, bool) {
		p := s.source.Profile(person, n)
		return p, !p.Truth.OptOut
	}
	if ask.ID != "" {
		person, n, ok := s.source.Person(ask.ID)
		if !ok {
			return none, false
		}
		return at(person, n)
	}
	if ask.Profile != "" {
		id, ok := profileID(ask.Profile)
		if !ok {
			return none, false
		}
		return s.identify(question{ID: id})
	}
	if ask.Email != "" {
		b := s.market.Mailbox(ask.Email)
		if b.Person < 0 || s.source.Profiles(b.Person) == 0 {
			return none, false
		}
		return at(b.Person, 0)
	}
	first, last := ask.First, ask.Last
	if first == "" && last == "" {
		first, last, _ = strings.Cut(ask.Name, " ")
	}
	if first == "" || last == "" {
		return none, false
	}
	c, ok := s.market.CompanyByDomain(strings.TrimPrefix(ask.Domain, "www."))
	if !ok {
		c, ok = s.market.CompanyByName(ask.Organization)
	}
	if !ok {
		return none, false
	}
	found := -1
	var number int
	s.source.ScanCompany(c, func(f market.Facet, n int) bool {
		if card := s.source.Card(f.Person, n); market.SameName(card.First, first) && market.SameName(card.Last, last) {
			found, number = f.Person, n
		}
		return found < 0
	})
	if found < 0 {
		return none, false
	}
	return at(found, number)
}

type person struct {
	ID             string       `json:"id"`
	First          string       `json:"first_name"`
	Last           string       `json:"last_name"`
	Name           string       `json:"name"`
	Profile        string       `json:"linkedin_url"`
	Title          string       `json:"title"`
	Headline       string       `json:"headline"`
	Email          *string      `json:"email"`
	EmailStatus    string       `json:"email_status"`
	Extrapolated   *float64     `json:"extrapolated_email_confidence"`
	Seniority      string       `json:"seniority"`
	Departments    []string     `json:"departments"`
	Subdepartments []string     `json:"subdepartments"`
	Functions      []string     `json:"functions"`
	City           string       `json:"city"`
	State          *string      `json:"state"`
	Country        string       `json:"country"`
	OrganizationID string       `json:"organization_id"`
	Employment     []employment `json:"employment_history"`
	Revealed       bool         `json:"revealed_for_current_team"`
	Organization   organization `json:"organization"`
}

type employment struct {
	ID               string  `json:"_id"`
	Current          bool    `json:"current"`
	OrganizationID   *string `json:"organization_id"`
	OrganizationName string  `json:"organization_name"`
	Title            string  `json:"title"`
	Start            string  `json:"start_date"`
	End              *string `json:"end_date"`
}

// status is the provider's word for an address.
func status(p market.Profile) string {
	switch {
	case p.Email == "":
		return "unavailable"
	case p.Verified:
		return "verified"
	}
	return "unverified"
}

func (s *Server) person(p market.Profile) *person {
	m := s.market
	title := m.Title(p.Title)
	country := m.Country(p.Country)
	city := country.Cities[p.City]
	out := &person{
		ID: p.ID, First: p.First, Last: p.Last, Name: p.First + " " + p.Last, Profile: profileURL(p), Title: title.Text, Headline: p.Headline,
		EmailStatus: status(p), Seniority: title.Level, Departments: departments(title.Family), Subdepartments: []string{}, Functions: []string{string(title.Family)},
		City: city.Name, State: text(city.State), Country: country.Name, OrganizationID: s.source.OrganizationID(p.Company), Revealed: true,
		Organization: s.organization(p.Company),
	}
	if p.Email != "" {
		out.Email = &p.Email
		if !p.Verified {
			out.Extrapolated = new(float64)
			*out.Extrapolated = 0.5
		}
	}
	out.Employment = append(out.Employment, employment{
		ID: p.ID[4:] + "0001", Current: true, OrganizationID: &out.OrganizationID, OrganizationName: m.CompanyName(p.Company), Title: title.Text, Start: p.Since.Format("2006-01-02"),
	})
	if t := p.Truth; t.Former >= 0 && t.Company == p.Company {
		end, id := p.Since.AddDate(0, -1, 0).Format("2006-01-02"), s.source.OrganizationID(t.Former)
		out.Employment = append(out.Employment, employment{
			ID: p.ID[4:] + "0002", OrganizationID: &id, OrganizationName: m.CompanyName(t.Former), Title: m.Title(t.OldTitle).Text,
			Start: p.Since.AddDate(-3, 0, 0).Format("2006-01-02"), End: &end,
		})
	}
	return out
}

func departments(f market.Family) []string {
	switch f {
	case market.General:
		return []string{"c_suite"}
	case market.Engineering, market.IT, market.Security, market.Data, market.Industrial:
		return []string{"master_engineering_technical"}
	case market.Product:
		return []string{"product_management"}
	case market.People:
		return []string{"master_human_resources"}
	}
	return []string{"master_" + strings.ReplaceAll(string(f), " ", "_")}
}

// profileURL keeps the form of a public profile address on a reserved domain.
func profileURL(p market.Profile) string {
	return "http://www.linkedin.example/in/" + slug(p.First+"-"+p.Last) + "-" + p.ID
}

func profileID(address string) (string, bool) {
	_, handle, ok := strings.Cut(strings.TrimSuffix(address, "/"), "/in/")
	if !ok {
		return "", false
	}
	return handle[strings.LastIndexByte(handle, '-')+1:], true
}

func slug(name string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == ' ' || r == '-' || r == '\'' }) {
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(market.Fold(word))
	}
	return b.String()
}

// requestID is a signed number, as the provider's: often negative.
func requestID(content string) int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, content) // a hash never fails
	return int64(h.Sum64())           //nolint:gosec // the sign is meant
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
