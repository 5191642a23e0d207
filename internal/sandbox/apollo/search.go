package apollo

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/messageai/sluice/internal/sandbox/market"
)

type searchAnswer struct {
	Total  int            `json:"total_entries"`
	People []searchPerson `json:"people"`
}

type searchPerson struct {
	ID            string     `json:"id"`
	FirstName     string     `json:"first_name"`
	LastName      string     `json:"last_name_obfuscated"`
	Title         string     `json:"title"`
	LastRefreshed string     `json:"last_refreshed_at"`
	HasEmail      bool       `json:"has_email"`
	HasCity       bool       `json:"has_city"`
	HasState      bool       `json:"has_state"`
	HasCountry    bool       `json:"has_country"`
	HasPhone      string     `json:"has_direct_phone"`
	Organization  searchFirm `json:"organization"`
}

type searchFirm struct {
	Name         string `json:"name"`
	HasIndustry  bool   `json:"has_industry"`
	HasPhone     bool   `json:"has_phone"`
	HasRevenue   bool   `json:"has_revenue"`
	HasEmployees bool   `json:"has_employee_count"`
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, "The query string cannot be read.")
		return
	}
	q, err := readQuery(values)
	if err != nil {
		refuse(w, err.Error())
		return
	}
	if len(values) == 0 && r.ContentLength > 2 {
		refuse(w, "This endpoint takes its parameters in the query string.")
		return
	}
	values.Del("page")
	values.Del("per_page")
	hits := s.results.Of(values.Encode(), func() []market.Hit { return s.find(q) })
	from := min(len(hits), (q.page-1)*q.perPage)
	shown, total := hits[from:min(len(hits), from+q.perPage)], len(hits)
	out := searchAnswer{Total: total, People: make([]searchPerson, 0, len(shown))}
	for _, h := range shown {
		out.People = append(out.People, s.shown(s.source.Card(h.Entity, h.N)))
	}
	reply(w, http.StatusOK, out)
}

// shown is a profile as a search shows it: no address, no number, no full name.
func (s *Server) shown(p market.Card) searchPerson {
	phone := "Maybe: please request direct dial via people/bulk_match"
	if p.Person%3 == 0 {
		phone = "Yes"
	}
	return searchPerson{
		ID: p.ID, FirstName: p.First, LastName: obfuscate(p.Last), Title: s.market.Title(p.Title).Text,
		LastRefreshed: p.RefreshedAt.Format("2006-01-02T15:04:05.000-07:00"),
		HasEmail:      p.HasEmail, HasCity: true, HasState: s.market.Country(p.Country).Cities[p.City].State != "", HasCountry: true, HasPhone: phone,
		Organization: searchFirm{Name: s.source.CompanyName(p.Company), HasIndustry: true, HasPhone: true, HasRevenue: true, HasEmployees: true},
	}
}

// obfuscate shows the first two letters and the last one.
func obfuscate(name string) string {
	_, first := utf8.DecodeRuneInString(name)
	_, second := utf8.DecodeRuneInString(name[first:])
	_, last := utf8.DecodeLastRuneInString(name)
	if first+second+last > len(name) {
		return name[:first] + "***"
	}
	return name[:first+second] + "***" + name[len(name)-last:]
}

// find scans the market once for a search.
func (s *Server) find(q query) []market.Hit {
	f := s.filter(q)
	var hits []market.Hit
	take := func(facet market.Facet, n int) bool {
		if f.accepts(facet, n) {
			hits = append(hits, market.Hit{Entity: facet.Person, N: n, Order: s.source.Order(facet.Person, n)})
		}
		return true
	}
	if len(q.domains)+len(q.orgIDs) > 0 {
		for c := range f.companies {
			s.source.ScanCompany(c, take)
		}
	} else {
		s.source.Scan(take)
	}
	return hits
}

// filter is a query worked out against the market's tables, so that a scan
// compares numbers.
type filter struct {
	s            *Server
	q            query
	titles       []bool // by title; nil for any
	countries    []bool // of the person; nil for any
	cities       [][]bool
	orgCountries []bool
	companies    map[int]bool
	seniority    map[string]bool
}

func (s *Server) filter(q query) *filter {
	f := &filter{s: s, q: q, companies: map[int]bool{}}
	m := s.market
	if len(q.titles) > 0 {
		wordings := make([]market.Wording, len(q.titles))
		for i, t := range q.titles {
			wordings[i] = market.ReadWording(t)
		}
		f.titles = make([]bool, m.Titles())
		for i := range f.titles {
			title := m.Title(i)
			f.titles[i] = slices.ContainsFunc(wordings, func(w market.Wording) bool { return title.Matches(w, q.similar) })
		}
	}
	if len(q.locations) > 0 {
		f.countries, f.cities = s.places(q.locations)
	}
	if len(q.orgLocations) > 0 {
		f.orgCountries, _ = s.places(q.orgLocations)
	}
	for _, d := range q.domains {
		if c, ok := m.CompanyByDomain(d); ok {
			f.companies[c] = true
		}
	}
	for _, id := range q.orgIDs {
		if c, ok := s.source.Organization(id); ok {
			f.companies[c] = true
		}
	}
	f.seniority = map[string]bool{}
	for _, level := range q.seniorities {
		f.seniority[level] = true
	}
	return f
}

// places resolves "United States", "California, US" or "Austin" to countries
// and cities. A place that nobody knows matches nobody.
func (s *Server) places(names []string) (countries []bool, cities [][]bool) {
	countries = make([]bool, s.market.Countries())
	cities = make([][]bool, s.market.Countries())
	for i := range countries {
		c := s.market.Country(i)
		cities[i] = make([]bool, len(c.Cities))
		for _, name := range names {
			first, _, _ := strings.Cut(name, ",")
			if name == strings.ToLower(c.Name) || name == strings.ToLower(c.Code) {
				countries[i] = true
			}
			for j, city := range c.Cities {
				if first == strings.ToLower(city.Name) || first == strings.ToLower(city.State) && first != "" {
					cities[i][j] = true
				}
			}
		}
	}
	return countries, cities
}

func (f *filter) accepts(p market.Facet, n int) bool {
	if f.titles != nil && !f.titles[p.Title] {
		return false
	}
	if len(f.seniority) > 0 && !f.seniority[f.s.market.Title(p.Title).Level] {
		return false
	}
	if f.countries != nil && !f.countries[p.Country] && !f.cities[p.Country][p.City] {
		return false
	}
	if len(f.q.sizes) > 0 && !slices.ContainsFunc(f.q.sizes, func(r [2]int) bool { return r[0] <= p.Employees && p.Employees <= r[1] }) {
		return false
	}
	if f.orgCountries != nil && !f.orgCountries[f.s.market.CountryOf(p.Company)] {
		return false
	}
	return f.acceptsRest(p, n)
}

// acceptsRest is the expensive half, for what rarely is asked.
func (f *filter) acceptsRest(p market.Facet, n int) bool {
	q := f.q
	if len(q.technologies)+len(q.keywords) == 0 && q.revenueMin == 0 && q.revenueMax == 0 && len(q.emailStatus) == 0 {
		return true
	}
	company := f.s.market.Company(p.Company)
	if q.revenueMin > 0 && company.RevenueUSD < q.revenueMin || q.revenueMax > 0 && company.RevenueUSD > q.revenueMax {
		return false
	}
	if len(q.technologies) > 0 && !slices.ContainsFunc(company.Technologies, func(t string) bool { return slices.Contains(q.technologies, uid(t)) }) {
		return false
	}
	if len(q.emailStatus) > 0 && !slices.Contains(q.emailStatus, status(f.s.source.Profile(p.Person, n))) {
		return false
	}
	if len(q.keywords) > 0 {
		text := strings.ToLower(f.s.market.Title(p.Title).Text + " " + f.s.source.CompanyName(p.Company) + " " +
			f.s.source.Label(p.Company) + " " + strings.Join(f.s.market.Keywords(company), " "))
		for _, k := range q.keywords {
			if !strings.Contains(text, k) {
				return false
			}
		}
	}
	return true
}
