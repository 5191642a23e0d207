package zoominfo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// criteria are the attributes of a search that the simulator knows. All are text.
type criteria struct {
	JobTitle    string `json:"jobTitle,omitempty"`
	Country     string `json:"country,omitempty"`
	Keywords    string `json:"industryKeywords,omitempty"`
	Description string `json:"companyDescription,omitempty"`
	Least       string `json:"employeeRangeMin,omitempty"`
	Most        string `json:"employeeRangeMax,omitempty"`
	Website     string `json:"companyWebsite,omitempty"`
	CompanyName string `json:"companyName,omitempty"`
	CompanyID   string `json:"companyId,omitempty"`
	FirstName   string `json:"firstName,omitempty"`
	LastName    string `json:"lastName,omitempty"`
}

// page reads page[number] and page[size].
func page(w http.ResponseWriter, r *http.Request) (number, size int, ok bool) {
	number, size = 1, 25
	var errs [2]error
	for name, values := range r.URL.Query() {
		switch name {
		case "page[number]":
			number, errs[0] = strconv.Atoi(values[0])
		case "page[size]":
			size, errs[1] = strconv.Atoi(values[0])
		case "sort":
		default:
			number = 0
		}
	}
	if errs[0] != nil || errs[1] != nil || number < 1 || number > 100 || size < 1 || size > 100 {
		refuse(w, http.StatusBadRequest, "PFAPI0002", "Page number cannot be greater than max value 100")
		return 0, 0, false
	}
	return number, size, true
}

// paged answers with one page of all elements; links lack a part of the path.
func paged(w http.ResponseWriter, path string, shown []any, number, size, total int) {
	last := max(1, (total+size-1)/size)
	link := func(n int) string {
		return path + "?page[number]=" + strconv.Itoa(n) + "&page[size]=" + strconv.Itoa(size)
	}
	reply(w, mediaType, http.StatusOK, map[string]any{
		"data": shown, "meta": map[string]any{"totalResults": total, "page": map[string]int{"number": number, "total": last}},
		"links": map[string]string{"first": link(1), "last": link(last)},
	})
}

func (s *Server) searchContacts(w http.ResponseWriter, r *http.Request) {
	var c criteria
	if !document(w, r, "ContactSearch", &c) {
		return
	}
	number, size, ok := page(w, r)
	if !ok {
		return
	}
	if c == (criteria{}) {
		refuse(w, http.StatusBadRequest, "PFAPI0004", "There is not sufficient info for your request. Please provide at least one input field.")
		return
	}
	accepts, err := s.filter(c)
	if err != nil {
		refuse(w, http.StatusBadRequest, "PFAPI0006", "Input parameter is invalid")
		return
	}
	key, _ := json.Marshal(c) // text always encodes
	hits := s.results.Of(string(key), func() []market.Hit { return s.find(c, accepts) })
	shown := []any{}
	for _, h := range hits[min(len(hits), (number-1)*size):min(len(hits), number*size)] {
		shown = append(shown, s.shown(s.source.Card(h.Entity, h.N)))
	}
	paged(w, "/data/v1/contacts/search", shown, number, size, len(hits))
}

// shown is a profile as a search shows it: the whole name, but no way to reach
// the person.
func (s *Server) shown(p market.Card) any {
	title := s.market.Title(p.Title)
	return map[string]any{
		"id": strconv.FormatInt(personID(p.Person, p.N), 10), "type": "Contact",
		"attributes": map[string]any{
			"firstName": p.First, "lastName": p.Last, "jobTitle": title.Text, "managementLevel": level(title.Level), // text here, a list in an enrichment
			"contactAccuracyScore": 75 + p.Person%25, "hasEmail": p.HasEmail, "hasCompanyIndustry": true,
			"lastUpdatedDate":  p.RefreshedAt.Format("2006-01-02T15:04:05Z"),
			"managementStatus": map[string]bool{"underManagement": s.front.Charged(OpContact, strconv.FormatInt(personID(p.Person, p.N), 10)) > 0},
			"company":          map[string]any{"id": firmID(p.Company), "name": s.source.CompanyName(p.Company)},
		},
	}
}

func (s *Server) find(c criteria, accepts func(market.Facet, int) bool) []market.Hit {
	var hits []market.Hit
	take := func(f market.Facet, n int) bool {
		if accepts(f, n) {
			hits = append(hits, market.Hit{Entity: f.Person, N: n, Order: s.source.Order(f.Person, n)})
		}
		return true
	}
	if c.Website+c.CompanyName+c.CompanyID == "" {
		s.source.Scan(take)
		return hits
	}
	firm, ok := s.market.CompanyByDomain(bareDomain(c.Website))
	if c.Website == "" {
		firm, ok = s.market.CompanyByName(c.CompanyName)
	}
	if c.CompanyID != "" {
		id, err := strconv.ParseInt(c.CompanyID, 10, 64)
		if firm, ok = s.firmOf(id); err != nil {
			ok = false
		}
	}
	if ok {
		s.source.ScanCompany(firm, take)
	}
	return hits
}

// filter works a search out against the market's tables.
func (s *Server) filter(c criteria) (func(market.Facet, int) bool, error) {
	least, most := 0, 1<<31
	var err error
	if c.Least != "" {
		least, err = strconv.Atoi(c.Least)
	}
	if c.Most != "" && err == nil {
		most, err = strconv.Atoi(c.Most)
	}
	if err != nil {
		return nil, err
	}
	var wordings []market.Wording
	for t := range strings.SplitSeq(c.JobTitle, " OR ") {
		if t != "" {
			wordings = append(wordings, market.ReadWording(t))
		}
	}
	titles := make([]bool, s.market.Titles())
	for i := range titles {
		titles[i] = len(wordings) == 0 || slices.ContainsFunc(wordings, func(w market.Wording) bool { return s.market.Title(i).Matches(w, true) })
	}
	lands := make([]bool, s.market.Countries())
	for i := range lands {
		lands[i] = c.Country == "" || slices.ContainsFunc(strings.Split(c.Country, ","), func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), s.market.Country(i).Name) })
	}
	words := s.words(c)
	return func(f market.Facet, n int) bool {
		if !titles[f.Title] || !lands[s.market.CountryOf(f.Company)] || f.Employees < least || f.Employees > most || !words(f.Company) {
			return false
		}
		if c.FirstName+c.LastName == "" {
			return true
		}
		card := s.source.Card(f.Person, n)
		return (c.FirstName == "" || market.SameName(c.FirstName, card.First)) && (c.LastName == "" || market.SameName(c.LastName, card.Last))
	}, nil
}

// words is the expensive half of a filter: industries, any of them, and words of
// the description, all of them.
func (s *Server) words(c criteria) func(firm int) bool {
	var industries []string
	for word := range strings.SplitSeq(strings.ToLower(c.Keywords), " or ") {
		if word != "" {
			industries = append(industries, word)
		}
	}
	described := strings.Fields(strings.ToLower(c.Description))
	return func(firm int) bool {
		if len(industries)+len(described) == 0 {
			return true
		}
		company := s.market.Company(firm)
		about := s.market.Industry(company.Industry)
		text := strings.ToLower(strings.Join(append([]string{s.source.Label(firm), about.Name}, about.Also...), " | "))
		if len(industries) > 0 && !slices.ContainsFunc(industries, func(word string) bool { return strings.Contains(text, word) }) {
			return false
		}
		text = strings.ToLower(s.market.Description(company))
		return !slices.ContainsFunc(described, func(word string) bool { return !strings.Contains(text, word) })
	}
}

// searchCompanies finds by website or by name; a name finds its neighbours in the
// alphabet of the index, too.
func (s *Server) searchCompanies(w http.ResponseWriter, r *http.Request) {
	var c criteria
	if !document(w, r, "CompanySearch", &c) {
		return
	}
	number, size, ok := page(w, r)
	if !ok {
		return
	}
	if c.Website+c.CompanyName == "" {
		refuse(w, http.StatusBadRequest, "PFAPI0004", "There is not sufficient info for your request. Please provide at least one input field.")
		return
	}
	shown := []any{}
	show := func(firm int) {
		all := s.firm(firm)
		shown = append(shown, map[string]any{
			"id": strconv.FormatInt(firmID(firm), 10), "type": "Company", "attributes": only(all, []string{"name", "website", "city", "country", "employeeCount"}),
		})
	}
	if firm, found := s.knownFirm(c.Website, c.CompanyName); found {
		if c.Website == "" { // somebody else of a similar name, first
			show((firm + 1) % s.market.Companies())
		}
		show(firm)
	}
	total := len(shown)
	paged(w, "/data/v1/companies/search", shown[min(total, (number-1)*size):min(total, number*size)], number, size, total)
}
