package apollo

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

type organization struct {
	ID            string       `json:"id"`
	Name          string       `json:"name"`
	Domain        string       `json:"primary_domain"`
	Website       string       `json:"website_url"`
	Phone         string       `json:"phone"`
	Industry      string       `json:"industry"`
	Keywords      []string     `json:"keywords"`
	Employees     int          `json:"estimated_num_employees"`
	Founded       int          `json:"founded_year"`
	Revenue       *int64       `json:"annual_revenue"`
	RevenueText   *string      `json:"annual_revenue_printed"`
	Technologies  []string     `json:"technology_names"`
	Current       []technology `json:"current_technologies"`
	Funding       *int64       `json:"total_funding"`
	FundingStage  *string      `json:"latest_funding_stage"`
	FundingDate   *string      `json:"latest_funding_round_date"`
	Growth        *float64     `json:"organization_headcount_six_month_growth"`
	Description   string       `json:"short_description"`
	City          string       `json:"city"`
	State         *string      `json:"state"`
	Country       string       `json:"country"`
	StreetAddress string       `json:"street_address"`
}

type technology struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	Category string `json:"category"`
}

func uid(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "_") }

// organizationQuestion is one company to complete, from the query string or
// from details[].
type organizationQuestion struct {
	Domain  string `json:"domain"`
	Name    string `json:"name"`
	Website string `json:"website"`
}

type organizationsAnswer struct {
	Status           string          `json:"status"`
	ErrorCode        *string         `json:"error_code"`
	ErrorText        *string         `json:"error_message"`
	RequestedRecords *int            `json:"total_requested_records"`
	RequestedDomains *int            `json:"total_requested_domains"`
	UniqueDomains    *int            `json:"unique_domains"`
	UniqueRecords    *int            `json:"unique_records"`
	Unique           int             `json:"unique_enriched_records"`
	Missing          int             `json:"missing_records"`
	Organizations    []*organization `json:"organizations"`
}

func (s *Server) organizationEnrich(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ask := organizationQuestion{Domain: q.Get("domain"), Name: q.Get("name"), Website: q.Get("website")}
	if ask == (organizationQuestion{}) || wrongDomain(ask.Domain) {
		refuse(w, "Required parameter 'domain' missing")
		return
	}
	if !s.solvent(w, 1) {
		return
	}
	c, known := s.company(ask)
	if !known {
		if requestID(r.URL.RawQuery)%2 == 0 { // which form a miss has is not documented: both
			reply(w, http.StatusOK, map[string]any{})
			return
		}
		reply(w, http.StatusOK, map[string]any{"organization": nil})
		return
	}
	if !s.bill(w, OpOrganization, s.source.OrganizationID(c)) {
		return
	}
	reply(w, http.StatusOK, map[string]any{"organization": s.organization(c)})
}

func (s *Server) organizationsEnrich(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Details []organizationQuestion `json:"details"`
	}
	failed := func(code, text string) {
		reply(w, http.StatusBadRequest, map[string]string{"status": "failed", "error_code": code, "error_message": text})
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil && len(raw) > 0 {
		err = json.Unmarshal(raw, &body)
	}
	asks := body.Details // they come before domains[]
	byDomain := len(asks) == 0
	if byDomain {
		for _, d := range r.URL.Query()["domains[]"] {
			asks = append(asks, organizationQuestion{Domain: d})
		}
	}
	for _, ask := range asks {
		if ask == (organizationQuestion{}) || wrongDomain(ask.Domain) {
			asks = nil
			break
		}
	}
	switch {
	case err != nil || len(asks) == 0:
		failed("INVALID_REQUEST", "invalid request, missing domains")
		return
	case len(asks) > 10:
		failed("RECORD_LIMIT_EXCEEDED", "domain count cannot be more than 10")
		return
	case !s.solvent(w, len(asks)):
		return
	}
	n := len(asks)
	out := organizationsAnswer{Status: "success", Organizations: []*organization{}, RequestedDomains: &n, UniqueDomains: &n}
	if !byDomain {
		out.RequestedRecords, out.UniqueRecords, out.RequestedDomains, out.UniqueDomains = &n, &n, nil, nil
	}
	nulls := requestID(r.URL.RawQuery+string(raw))%2 == 0 // whether misses appear is not documented: both
	paid := map[int]bool{}
	for _, ask := range asks {
		c, known := s.company(ask)
		switch {
		case !known:
			out.Missing++
			if nulls {
				out.Organizations = append(out.Organizations, nil)
			}
			continue
		case !paid[c]:
			paid[c] = true
			if !s.bill(w, OpOrganization, s.source.OrganizationID(c)) {
				return
			}
		}
		o := s.organization(c)
		out.Organizations = append(out.Organizations, &o)
	}
	out.Unique = len(paid)
	reply(w, http.StatusOK, out)
}

// wrongDomain: a domain is written without www., @ and path.
func wrongDomain(d string) bool {
	_, err := domains([]string{d})
	return err != nil
}

// company finds the company that a question means, if the source knows it.
func (s *Server) company(ask organizationQuestion) (int, bool) {
	name := ask.Domain
	if name == "" && ask.Website != "" {
		_, host, _ := strings.Cut(ask.Website, "://")
		name, _, _ = strings.Cut(strings.TrimPrefix(host, "www."), "/")
	}
	c, ok := s.market.CompanyByDomain(name)
	if name == "" {
		c, ok = s.market.CompanyByName(ask.Name)
	}
	return c, ok && s.source.Places(c) > 0
}

func (s *Server) organization(c int) organization {
	m := s.market
	truth := m.Company(c)
	country := m.Country(truth.Country)
	city := country.Cities[truth.City]
	out := organization{
		ID: s.source.OrganizationID(c), Name: s.source.CompanyName(c), Domain: truth.Domain, Website: "http://www." + truth.Domain, Phone: truth.Phone,
		Industry: s.source.Label(c), Keywords: m.Keywords(truth), Employees: s.source.Employees(c), Founded: truth.Founded,
		Technologies: truth.Technologies, Description: m.Description(truth),
		City: city.Name, State: text(city.State), Country: country.Name, StreetAddress: truth.Street,
	}
	for _, t := range truth.Technologies {
		out.Current = append(out.Current, technology{UID: uid(t), Name: t, Category: "Other"})
	}
	if n := s.source.Revenue(truth); n > 0 {
		printed := strconv.FormatFloat(float64(n)/1e6, 'f', -1, 64) + "M"
		out.Revenue, out.RevenueText = &n, &printed
	}
	if truth.FundingStage != "" {
		out.Funding, out.FundingStage, out.FundingDate = &truth.FundingUSD, &truth.FundingStage, text(truth.FundedAt.Format("2006-01-02T15:04:05.000-07:00"))
	}
	if truth.Employees > 20 {
		growth := 0.04
		if truth.Hiring {
			growth = 0.27
		}
		out.Growth = &growth
	}
	return out
}
