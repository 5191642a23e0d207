package clearbit

import (
	"fmt"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/sandbox/market"
)

type person struct {
	ID            string      `json:"id"`
	Name          name        `json:"name"`
	Email         string      `json:"email"`
	Location      *string     `json:"location"`
	TimeZone      *string     `json:"timeZone"`
	UTCOffset     *int        `json:"utcOffset"`
	Geo           *geo        `json:"geo"`
	Employment    employment  `json:"employment"`
	LinkedIn      handle      `json:"linkedin"`
	Twitter       twitterUser `json:"twitter"`
	Fuzzy         bool        `json:"fuzzy"`
	EmailProvider bool        `json:"emailProvider"`
	IndexedAt     string      `json:"indexedAt"`
}

type name struct {
	Full   string `json:"fullName"`
	Given  string `json:"givenName"`
	Family string `json:"familyName"`
}

type geo struct {
	City        string  `json:"city"`
	State       *string `json:"state"`
	StateCode   *string `json:"stateCode"`
	Country     string  `json:"country"`
	CountryCode string  `json:"countryCode"`
	Lat         float64 `json:"lat"`
	Lng         float64 `json:"lng"`
}

type employment struct {
	Domain    string  `json:"domain"`
	Name      string  `json:"name"`
	Title     *string `json:"title"`
	Role      *string `json:"role"`
	Seniority *string `json:"seniority"`
}

type handle struct {
	Handle *string `json:"handle"`
}

// twitterUser is a person's account: its id is a number.
type twitterUser struct {
	Handle *string `json:"handle"`
	ID     *int64  `json:"id"`
}

// twitterFirm is a company's account: its id is text.
type twitterFirm struct {
	Handle *string `json:"handle"`
	ID     *string `json:"id"`
}

type company struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	LegalName   *string     `json:"legalName"`
	Domain      string      `json:"domain"`
	Aliases     []string    `json:"domainAliases"`
	Category    category    `json:"category"`
	Description *string     `json:"description"`
	Tags        []string    `json:"tags"`
	Founded     int         `json:"foundedYear"`
	Location    string      `json:"location"`
	Geo         geo         `json:"geo"`
	Type        string      `json:"type"`
	Ticker      *string     `json:"ticker"`
	Phone       *string     `json:"phone"`
	Metrics     metrics     `json:"metrics"`
	Tech        []string    `json:"tech"`
	LinkedIn    handle      `json:"linkedin"`
	Twitter     twitterFirm `json:"twitter"`
	Parent      parent      `json:"parent"`
	IndexedAt   string      `json:"indexedAt"`
}

type category struct {
	Sector        *string `json:"sector"`
	IndustryGroup *string `json:"industryGroup"`
	Industry      string  `json:"industry"`
	SubIndustry   *string `json:"subIndustry"`
}

type metrics struct {
	Employees      *int   `json:"employees"`
	EmployeesRange string `json:"employeesRange"`
	Raised         *int64 `json:"raised"`
	Revenue        *int64 `json:"annualRevenue"`
	Estimated      string `json:"estimatedAnnualRevenue"`
	FiscalYearEnd  *int   `json:"fiscalYearEnd"`
}

type parent struct {
	Domain *string `json:"domain"`
}

// record is a person as the source sees them.
func (s *Server) record(at someone, email string) *person {
	p, m := at.profile, s.market
	out := &person{
		ID: uuid(p.ID), Name: name{p.First + " " + p.Last, p.First, p.Last}, Email: email,
		Employment: s.employment(p), IndexedAt: stamp(at.indexed),
	}
	out.LinkedIn.Handle = text("in/" + slug(p.First) + "-" + slug(p.Last) + "-" + p.ID[:8])
	if draw("geo", p.ID) < 900 {
		country := m.Country(p.Country)
		city := country.Cities[p.City]
		out.Geo = place(country, city)
		out.Location = text(city.Name + ", " + country.Code)
	}
	if n := draw("twitter", p.ID); n < 200 {
		out.Twitter.Handle, out.Twitter.ID = text(slug(p.First)+slug(p.Last)), new(int64)
		*out.Twitter.ID = 2_006_000 + int64(p.Person)
	}
	return out
}

func (s *Server) employment(p market.Profile) employment {
	title := s.market.Title(p.Title)
	out := employment{Domain: s.market.Domain(p.Company), Name: s.market.CompanyName(p.Company)}
	if draw("title", p.ID) < 960 {
		out.Title, out.Role, out.Seniority = text(title.Text), text(role(title.Family)), text(seniority(title.Level))
	}
	return out
}

// firm is a company as the source sees it.
func (s *Server) firm(c int) *company {
	m := s.market
	truth := m.Company(c)
	country := m.Country(truth.Country)
	city := country.Cities[truth.City]
	id := s.source.OrganizationID(c)
	employees := s.source.Employees(c)
	revenue := s.source.Revenue(truth)
	out := &company{
		ID: uuid(id), Name: m.CompanyName(c), LegalName: text(s.source.CompanyName(c)), Domain: truth.Domain, Aliases: []string{},
		Category: category{Industry: s.source.Label(c)}, Description: text(m.Description(truth)), Tags: m.Keywords(truth), Founded: truth.Founded,
		Location: truth.Street + ", " + city.Name + ", " + country.Code, Geo: *place(country, city), Type: "private",
		Metrics:   metrics{EmployeesRange: headCount(employees), Estimated: turnover(truth.RevenueUSD)},
		Tech:      []string{},
		IndexedAt: stamp(s.firmIndexed(c)),
	}
	if draw("phone", id) < 600 {
		out.Phone = text(truth.Phone)
	}
	if draw("employees", id) < 900 {
		out.Metrics.Employees = &employees
	}
	if revenue > 0 && draw("revenue", id) < 200 { // known of few, estimated for all
		out.Metrics.Revenue = &revenue
	}
	if truth.FundingStage != "" {
		out.Metrics.Raised = &truth.FundingUSD
	}
	for _, t := range s.source.Technologies(truth) {
		out.Tech = append(out.Tech, strings.ReplaceAll(strings.ToLower(t), " ", "_"))
	}
	out.LinkedIn.Handle = text("company/" + strings.TrimSuffix(truth.Domain, ".example"))
	if draw("twitter", id) < 500 {
		out.Twitter = twitterFirm{text(slug(out.Name)), text(fmt.Sprint(2_006_000 + c))}
	}
	return out
}

// firmIndexed is when the source last looked at a company.
func (s *Server) firmIndexed(c int) time.Time {
	return s.market.Today().AddDate(0, 0, -int(draw("indexed", s.source.OrganizationID(c))/16))
}

func place(country market.Country, city market.City) *geo {
	return &geo{City: city.Name, State: text(city.State), Country: country.Name, CountryCode: country.Code, Lat: city.Lat, Lng: city.Lng}
}

// headCount is the range that the provider files a head count under.
func headCount(n int) string {
	switch {
	case n <= 10:
		return "1-10"
	case n <= 50:
		return "11-50"
	case n <= 250:
		return "51-250"
	case n <= 1000:
		return "251-1K"
	case n <= 5000:
		return "1K-5K"
	case n <= 10_000:
		return "5K-10K"
	}
	return "10K-50K"
}

// turnover is the range that the provider estimates a revenue in.
func turnover(n int64) string {
	bounds := []struct {
		below int64
		text  string
	}{
		{1, "$0-$1M"},
		{10, "$1M-$10M"},
		{50, "$10M-$50M"},
		{100, "$50M-$100M"},
		{250, "$100M-$250M"},
		{500, "$250M-$500M"},
		{1000, "$500M-$1B"},
		{10_000, "$1B-$10B"},
	}
	for _, b := range bounds {
		if n < b.below*1_000_000 {
			return b.text
		}
	}
	return "$10B+"
}

// seniority is the provider's word: executives begin with vice presidents.
func seniority(level string) string {
	switch level {
	case "owner", "founder", "partner", "c_suite", "vp":
		return "executive"
	case "head", "director":
		return "director"
	case "manager":
		return "manager"
	}
	return ""
}

// role is the provider's word for a line of work.
func role(f market.Family) string {
	switch f {
	case market.General:
		return "leadership"
	case market.IT, market.Security:
		return "information_technology"
	case market.Data, market.Industrial:
		return "engineering"
	}
	return strings.ReplaceAll(string(f), " ", "_")
}

// uuid writes an id of 24 hex digits in the form of the provider's.
func uuid(id string) string {
	return id[:8] + "-" + id[8:12] + "-4" + id[12:15] + "-8" + id[15:18] + "-" + id[18:24] + id[:6]
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func slug(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\'' {
			return '-'
		}
		return r
	}, market.Fold(s))
}

// text is null for what is not known.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
