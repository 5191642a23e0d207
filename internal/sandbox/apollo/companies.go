package apollo

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// company is a company as the search shows it: less than what enriching brings.
type company struct {
	ID             string  `json:"id"`
	OrganizationID *string `json:"organization_id,omitempty"` // of an account
	Name           string  `json:"name"`
	Domain         *string `json:"domain,omitempty"` // of an account
	PrimaryDomain  *string `json:"primary_domain,omitempty"`
	Website        *string `json:"website_url,omitempty"`
	Phone          string  `json:"phone"`
	Founded        int     `json:"founded_year,omitempty"`
}

type companiesAnswer struct {
	Breadcrumbs []any      `json:"breadcrumbs"`
	Partial     bool       `json:"partial_results_only"`
	Pagination  pagination `json:"pagination"`
	Accounts    []company  `json:"accounts"`
	Companies   []company  `json:"organizations"`
	IDs         []string   `json:"model_ids"`
}

type pagination struct {
	Page    int `json:"page"`
	PerPage int `json:"per_page"`
	Total   int `json:"total_entries"`
	Pages   int `json:"total_pages"`
}

// companyQuery is a company search as the endpoint's parameters say it.
type companyQuery struct {
	locations     []string
	sizes         [][2]int
	tags          []string
	domains       []string
	page, perPage int
}

func readCompanyQuery(values url.Values) (companyQuery, error) {
	q := companyQuery{page: 1, perPage: 25}
	var err error
	for name, all := range values {
		switch name {
		case "organization_locations[]":
			q.locations = lower(all)
		case "organization_num_employees_ranges[]":
			q.sizes, err = ranges(all)
		case "q_organization_keyword_tags[]":
			q.tags = lower(all)
		case "q_organization_domains_list[]":
			q.domains, err = domains(all)
		case "page":
			q.page, err = strconv.Atoi(all[0])
		case "per_page":
			q.perPage, err = strconv.Atoi(all[0])
		default:
			err = errors.New("is not a parameter of this endpoint (lists are written name[]=)")
		}
		if err != nil {
			return companyQuery{}, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	if q.page < 1 || q.page > 500 || q.perPage < 1 || q.perPage > 100 {
		return companyQuery{}, errors.New("page must be 1 to 500 and per_page 1 to 100")
	}
	return q, nil
}

func (s *Server) companySearch(w http.ResponseWriter, r *http.Request) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	var q companyQuery
	if err == nil {
		q, err = readCompanyQuery(values)
	}
	if err != nil {
		refuse(w, err.Error())
		return
	}
	if !s.solvent(w, 1) {
		return
	}
	values.Del("page")
	values.Del("per_page")
	hits := s.results.Of("companies?"+values.Encode(), func() []market.Hit { return s.findCompanies(q) })
	from := min(len(hits), (q.page-1)*q.perPage)
	shown := hits[from:min(len(hits), from+q.perPage)]
	if len(shown) > 0 && !s.bill(w, OpCompanies, r.URL.RawQuery) { // nothing found costs nothing
		return
	}
	out := companiesAnswer{
		Breadcrumbs: []any{}, Accounts: []company{}, Companies: []company{}, IDs: []string{},
		Pagination: pagination{Page: q.page, PerPage: q.perPage, Total: len(hits), Pages: (len(hits) + q.perPage - 1) / q.perPage},
	}
	for _, h := range shown {
		c := s.market.Company(h.Entity)
		id, site := s.source.OrganizationID(c.Index), "http://www."+c.Domain
		one := company{ID: id, Name: s.source.CompanyName(c.Index), PrimaryDomain: &c.Domain, Website: &site, Phone: c.Phone, Founded: c.Founded}
		out.IDs = append(out.IDs, id)
		if h.Entity%25 != 7 {
			out.Companies = append(out.Companies, one)
			continue
		}
		// Saved by the team: under the team's own id, in another list.
		out.Accounts = append(out.Accounts, company{ID: "63f5" + id[4:], OrganizationID: &id, Name: one.Name, Domain: &c.Domain, Phone: c.Phone})
	}
	reply(w, http.StatusOK, out)
}

func (s *Server) findCompanies(q companyQuery) []market.Hit {
	m := s.market
	countries, cities := s.places(q.locations)
	var hits []market.Hit
	for n := range m.Companies() {
		if s.source.Places(n) == 0 || len(q.domains) > 0 && !slices.Contains(q.domains, m.Domain(n)) {
			continue
		}
		size := s.source.Employees(n)
		if len(q.sizes) > 0 && !slices.ContainsFunc(q.sizes, func(r [2]int) bool { return r[0] <= size && size <= r[1] }) {
			continue
		}
		c := m.Company(n)
		if len(q.locations) > 0 && !countries[c.Country] && !cities[c.Country][c.City] {
			continue
		}
		words := append(m.Keywords(c), strings.ToLower(s.source.Label(n)))
		if len(q.tags) > 0 && !slices.ContainsFunc(q.tags, func(t string) bool { return slices.Contains(words, t) }) {
			continue
		}
		hits = append(hits, market.Hit{Entity: n, Order: s.source.Order(n, 1)})
	}
	return hits
}
