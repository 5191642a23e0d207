package lusha

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

type companiesRequest struct {
	Companies []askedCompany `json:"companies"`
	Options   options        `json:"options"`
}

type askedCompany struct {
	Reference *string `json:"clientReferenceId"`
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Domain    string  `json:"domain"`
}

type company struct {
	Reference    *string        `json:"clientReferenceId,omitempty"`
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Domain       string         `json:"domain"`
	Description  string         `json:"description,omitempty"`
	Founded      int            `json:"yearFounded,omitempty"`
	Employees    map[string]int `json:"employeeCount,omitempty"`
	Revenue      map[string]any `json:"revenueRange,omitempty"`
	Industry     string         `json:"industry,omitempty"`
	Location     *location      `json:"location,omitempty"`
	Funding      map[string]any `json:"funding,omitempty"`
	Technologies []string       `json:"technologies,omitempty"`
}

func (s *Server) companies(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fail(w, http.StatusBadRequest, "Invalid request parameters")
		return
	}
	var ask companiesRequest
	if !read(w, body, &ask, "companies", func() int { return len(ask.Companies) }) {
		return
	}
	var found, failed []any
	var ids []string
	var reveals []charge
	for i, a := range ask.Companies {
		if a.ID == "" && a.Name == "" && a.Domain == "" {
			fail(w, http.StatusBadRequest, "Validation failed", fmt.Sprintf("companies.%d: id, name or domain is required", i))
			return
		}
		c, ok := s.lookUpCompany(a)
		if !ok {
			failed = append(failed, failure{a.Reference, &itemError{"NOT_FOUND", "Company not found"}})
			continue
		}
		out := s.company(c)
		out.Reference = a.Reference
		ids = append(ids, out.ID)
		reveals = append(reveals, charge{op: OpCompany, key: out.ID, credits: companyCredits, once: true})
		found = append(found, out)
	}
	credits, ok := s.settle(w, s.invoice(body, "company", ids, reveals))
	if ok {
		answer(w, body, found, failed, credits)
	}
}

func companyID(c int) string { return strconv.Itoa(firstCompany + c) }

func (s *Server) lookUpCompany(a askedCompany) (c int, ok bool) {
	switch {
	case a.ID != "":
		number, err := strconv.Atoi(a.ID)
		c = number - firstCompany
		ok = err == nil && c >= 0 && c < s.market.Companies()
	case a.Domain != "":
		c, ok = s.market.CompanyByDomain(strings.TrimPrefix(a.Domain, "www."))
	default:
		c, ok = s.market.CompanyByName(a.Name)
	}
	return c, ok && s.source.Places(c) > 0
}

// headCounts are the classes of the provider; the last one has no real end.
func headCounts() [][2]int {
	return [][2]int{{1, 10}, {11, 50}, {51, 200}, {201, 500}, {501, 1000}, {1001, 5000}, {5001, 10000}, {10001, 100000}, {100001, 10_000_000}}
}

func (s *Server) company(c int) company {
	truth := s.market.Company(c)
	place := s.place(truth.Country, truth.City)
	place.ZipCode = s.market.Country(truth.Country).Cities[truth.City].Postcode
	out := company{
		ID: companyID(c), Name: s.source.CompanyName(c), Domain: "www." + truth.Domain, Description: s.market.Description(truth), Founded: truth.Founded,
		Employees: s.employees(c), Industry: s.source.Label(c), Location: &place, Funding: funding(truth),
	}
	for _, t := range s.source.Technologies(truth) {
		out.Technologies = append(out.Technologies, strings.ToLower(t))
	}
	if n := s.source.Revenue(truth); n > 0 {
		low := int64(1_000_000)
		for low*10 <= n {
			low *= 10
		}
		out.Revenue = map[string]any{"min": low, "max": low * 10}
	}
	return out
}

// employees is the class of the head count, and for most companies the number.
func (s *Server) employees(c int) map[string]int {
	n := s.source.Employees(c)
	out := map[string]int{}
	for _, class := range headCounts() {
		if n >= class[0] && n <= class[1] {
			out["min"], out["max"] = class[0], class[1]
		}
	}
	if share("exact", c) < 700 {
		out["exact"] = n
	}
	return out
}

func funding(c market.Company) map[string]any {
	if c.FundingStage == "" {
		return nil
	}
	return map[string]any{
		"currency": "USD", "totalRoundsAmount": c.FundingUSD, "isIpo": false, "lastRoundType": c.FundingStage, "lastRoundDate": c.FundedAt.Format("Jan 2, 2006"),
	}
}
