package clearbit

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// Sizes of a page; the largest is unconfirmed.
const (
	defaultPage = 5
	maxPage     = 20
)

type searchAnswer struct {
	Page    int     `json:"page"`
	Size    int     `json:"page_size"`
	Total   int     `json:"total"`
	Results []found `json:"results"`
}

type found struct {
	ID        string  `json:"id"`
	Name      name    `json:"name"`
	Title     *string `json:"title"`
	Role      *string `json:"role"`
	SubRole   *string `json:"subRole,omitempty"` // since 2018-11-16
	Seniority *string `json:"seniority"`
	Company   struct {
		Name string `json:"name"`
	} `json:"company"`
	Email    *string `json:"email"`
	Phone    *string `json:"phone"`
	Verified bool    `json:"verified"`
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	domain := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(q.Get("domain"))), "www.")
	if domain == "" {
		fail(w, http.StatusUnprocessableEntity, "params_invalid", "A domain is required.")
		return
	}
	page, ok := number(q, "page", 1, 1_000_000)
	size, sized := number(q, "page_size", defaultPage, maxPage)
	if !ok || !sized {
		fail(w, http.StatusUnprocessableEntity, "params_invalid", "page and page_size must be numbers in their ranges.")
		return
	}
	if !s.counted(w, OpProspector, q.Encode()) {
		return
	}
	c, known := s.market.CompanyByDomain(domain)
	if !known && draw("search", domain) < 500 {
		fail(w, http.StatusNotFound, "unknown_record", "Unknown company.")
		return
	}
	out := searchAnswer{Page: page, Size: size, Results: []found{}}
	if known {
		q.Del("page")
		q.Del("page_size")
		hits := s.results.Of(q.Encode(), func() []market.Hit { return s.hits(c, q) })
		from := min(len(hits), (page-1)*size)
		out.Total = len(hits)
		for _, h := range hits[from:min(len(hits), from+size)] {
			out.Results = append(out.Results, s.shown(s.source.Profile(h.Entity, h.N), r.Header.Get("Api-Version") != "2018-08-15"))
		}
	}
	reply(w, http.StatusOK, out)
}

func number(q url.Values, key string, otherwise, most int) (int, bool) {
	if !q.Has(key) {
		return otherwise, true
	}
	n, err := strconv.Atoi(q.Get(key))
	return n, err == nil && n >= 1 && n <= most
}

// hits are the people of a company that a search asks for.
func (s *Server) hits(c int, q url.Values) []market.Hit {
	var wordings []market.Wording
	for _, t := range all(q, "title", "titles[]") {
		wordings = append(wordings, market.ReadWording(t))
	}
	roles, seniorities := all(q, "role", "roles[]"), all(q, "seniority", "seniorities[]")
	cities, states, countries := all(q, "city", "cities[]"), all(q, "state", "states[]"), all(q, "country", "countries[]")
	among := func(wanted []string, have ...string) bool {
		return len(wanted) == 0 || slices.ContainsFunc(have, func(h string) bool { return h != "" && slices.Contains(wanted, strings.ToLower(h)) })
	}
	var out []market.Hit
	s.source.ScanCompany(c, func(f market.Facet, n int) bool {
		title, card := s.market.Title(f.Title), s.source.Card(f.Person, n)
		country := s.market.Country(f.Country)
		city := country.Cities[f.City]
		switch {
		case s.market.Person(f.Person).OptOut,
			len(wordings) > 0 && !slices.ContainsFunc(wordings, func(w market.Wording) bool { return title.Matches(w, true) }),
			!among(roles, role(title.Family)), !among(seniorities, seniority(title.Level)),
			!among(cities, city.Name), !among(states, city.State), !among(countries, country.Name, country.Code),
			q.Get("name") != "" && !market.SameName(q.Get("name"), card.First+" "+card.Last):
		default:
			out = append(out, market.Hit{Entity: f.Person, N: n, Order: s.source.Order(f.Person, n)})
		}
		return true
	})
	return out
}

// all are the values of a parameter, given alone or as a list, in lower case.
func all(q url.Values, one, many string) []string {
	var out []string
	for _, v := range slices.Concat(q[one], q[many]) {
		out = append(out, strings.ToLower(v))
	}
	return out
}

func (s *Server) shown(p market.Profile, newest bool) found {
	title := s.market.Title(p.Title)
	out := found{
		ID: "e_" + p.ID, Name: name{p.First + " " + p.Last, p.First, p.Last}, Title: text(title.Text), Role: text(role(title.Family)),
		Seniority: text(seniority(title.Level)), Email: text(p.Email), Verified: p.Email != "" && p.Verified,
	}
	if newest {
		out.SubRole = out.Role
	}
	out.Company.Name = s.market.CompanyName(p.Company)
	return out
}
