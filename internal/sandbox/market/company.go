package market

import (
	"fmt"
	"strings"
	"time"
)

// Company is the truth about a company.
type Company struct {
	Index        int
	Name         string
	Domain       string
	Industry     int // index of [Market.Industry]
	Employees    int
	RevenueUSD   int64
	Country      int // index of [Market.Country]
	City         int // index in the country's cities
	Street       string
	Phone        string
	Lat, Lng     float64
	Founded      int
	FundingStage string // "" for none
	FundingUSD   int64  // total raised
	FundedAt     time.Time
	Technologies []string
	Themes       []int // what the company talks about
	Pattern      Pattern
	CatchAll     bool // accepts mail for any name
	Dead         bool // the domain takes no mail at all
	ServiceArea  bool // has no address that customers may visit
	Hiring       bool // more than a fifth of growth in half a year
	LaunchedAt   time.Time
	AuditAt      time.Time // a compliance deadline
}

// sizeBands are the employee ranges that data sources use.
func sizeBands() [][2]int {
	return [][2]int{{1, 10}, {11, 50}, {51, 200}, {201, 500}, {501, 1000}, {1001, 5000}, {5001, 20000}}
}

func (m *Market) industryOf(c int) int { return m.weighted(m.industryWeights, fCompanyIndustry, c, 0) }
func (m *Market) countryOf(c int) int  { return m.weighted(m.countryWeights, fCompanyCountry, c, 0) }

func (m *Market) employeesOf(c int) int {
	band := m.bands[m.weighted(m.bandWeights, fCompanySize, c, 0)]
	// The square of a draw crowds companies at the lower end of their band.
	u := m.unit(fCompanySizeWithin, c, 0)
	return band[0] + int(float64(band[1]+1-band[0])*u*u)
}

// knownAt is how many people of a company the market has.
func (m *Market) knownAt(c int) int {
	n := m.employeesOf(c)
	most := 4
	switch {
	case n > 1000:
		most = 24
	case n > 500:
		most = 18
	case n > 200:
		most = 15
	case n > 50:
		most = 12
	case n > 10:
		most = 8
	}
	return min(n, most/2+m.below(most/2+1, fCompanyKnown, c, 0))
}

// stem is the company's name as one word; unique, because the words are drawn
// by a bijection of the index.
func (m *Market) stem(c int) (first, second, kind string) {
	n := len(m.nameHeads) * len(m.nameTails) * len(m.nameKinds)
	at := (c*m.nameStep + m.nameStart) % n
	if first = m.nameHeads[at%len(m.nameHeads)]; c >= n {
		first = nameEras()[c/n] + strings.ToLower(first)
	}
	at /= len(m.nameHeads)
	second = m.nameTails[at%len(m.nameTails)]
	return first, second, m.nameKinds[at/len(m.nameTails)]
}

// Domain returns the company's domain.
func (m *Market) Domain(c int) string {
	first, second, kind := m.stem(c)
	return strings.ToLower(first+second+"-"+kind) + ".example"
}

// CompanyName returns the company's name without legal form.
func (m *Market) CompanyName(c int) string {
	first, second, kind := m.stem(c)
	return first + second + " " + kind
}

// Company returns the truth about company c.
func (m *Market) Company(c int) Company {
	industry, country := m.industryOf(c), m.countryOf(c)
	place := &m.countries[country]
	city := m.below(len(place.Cities), fCompanyCity, c, 0)
	out := Company{
		Index: c, Name: m.CompanyName(c), Domain: m.Domain(c), Industry: industry, Employees: m.employeesOf(c),
		Country: country, City: city, Pattern: m.patternOf(c),
		CatchAll: m.CatchAll(c), Dead: m.dead(c),
		ServiceArea: m.unit(fCompanyServiceArea, c, 0) < 0.08, Hiring: m.unit(fCompanyHiring, c, 0) < 0.3,
		Founded: 1975 + m.below(46, fCompanyFounded, c, 0),
	}
	out.RevenueUSD = int64(out.Employees) * int64(90_000+m.below(160_000, fCompanyRevenue, c, 0))
	out.Street = fmt.Sprintf("%d %s", 1+m.below(240, fCompanyStreet, c, 0),
		[]string{"Mill Lane", "Harbour Street", "Station Road", "Market Street", "Foundry Row", "Canal Street"}[m.below(6, fCompanyStreet, c, 1)])
	at := place.Cities[city]
	out.Lat = at.Lat + (m.unit(fCompanyGeo, c, 0)-0.5)*0.12
	out.Lng = at.Lng + (m.unit(fCompanyGeo, c, 1)-0.5)*0.12
	out.Phone = m.phone(place, at, c)
	ind := &m.industries[industry]
	for i := range 3 + m.below(3, fCompanyTech, c, 0) {
		t := ind.Tech[(m.below(len(ind.Tech), fCompanyTech, c, 1)+i)%len(ind.Tech)]
		if i < len(ind.Tech) {
			out.Technologies = append(out.Technologies, t)
		}
	}
	out.Themes = m.themes(c, industry)
	if ind.mix == builders && m.unit(fCompanyFunding, c, 0) < 0.6 {
		stage := m.below(5, fCompanyFunding, c, 1)
		out.FundingStage = []string{"Seed", "Series A", "Series B", "Series C", "Private Equity"}[stage]
		out.FundingUSD = []int64{2_000_000, 9_000_000, 28_000_000, 70_000_000, 150_000_000}[stage] / 10 * int64(5+m.below(11, fCompanyFunding, c, 2))
		out.FundedAt = m.daysAgo(5 + m.below(900, fCompanyFunded, c, 0))
	}
	if m.unit(fCompanyLaunch, c, 0) < 0.25 {
		out.LaunchedAt = m.daysAgo(3 + m.below(300, fCompanyLaunch, c, 1))
	}
	if m.unit(fCompanyAudit, c, 0) < 0.12 {
		out.AuditAt = m.daysAgo(-m.below(200, fCompanyAudit, c, 1))
	}
	return out
}

// themes are three topics of the company, mostly of its industry.
func (m *Market) themes(c, industry int) []int {
	pool := m.industries[industry].Themes
	out := make([]int, 0, 3)
	for i := range 3 {
		t := pool[m.below(len(pool), fCompanyTheme, c, i)]
		if m.unit(fCompanyTheme, c, 10+i) < 0.2 {
			t = m.below(len(m.topics), fCompanyTheme, c, 20+i)
		}
		out = append(out, t)
	}
	return out
}

func (m *Market) dead(c int) bool { return m.unit(fCompanyDead, c, 0) < 0.015 }

// Description is the company's text about itself. It tells its industry and
// its themes in words, as a website would.
func (m *Market) Description(c Company) string {
	ind := &m.industries[c.Industry]
	does := ind.Does[m.below(len(ind.Does), fCompanyText, c.Index, 0)]
	verb := []string{"offers", "runs", "provides", "is known for"}[m.below(4, fCompanyText, c.Index, 1)]
	return fmt.Sprintf("%s %s %s. Founded in %d in %s, it serves customers in %s. Current work: %s; %s.", c.Name, verb, does, c.Founded,
		m.countries[c.Country].Cities[c.City].Name, m.countries[c.Country].Region,
		m.Phrase(c.Themes[0], c.Index), m.Phrase(c.Themes[1], c.Index+1))
}

// Keywords are the words under which a data source files the company.
func (m *Market) Keywords(c Company) []string {
	words := []string{strings.ToLower(m.industries[c.Industry].Name)}
	for _, t := range c.Themes {
		words = append(words, strings.ToLower(m.topics[t].phrases[0]))
	}
	return words
}

// phone is a number from the ranges that are kept free for fiction where the
// country has such ranges in the city's area.
func (m *Market) phone(country *Country, city City, c int) string {
	n := m.below(100, fCompanyPhone, c, 0)
	switch country.Code {
	case "US", "CA":
		return fmt.Sprintf("+1 %s-555-01%02d", city.Area, n)
	case "GB":
		if len(city.Area) == 2 {
			return fmt.Sprintf("+44 20 7946 0%03d", m.below(1000, fCompanyPhone, c, 1))
		}
		return fmt.Sprintf("+44 %s 496 0%03d", city.Area, m.below(1000, fCompanyPhone, c, 1))
	}
	return fmt.Sprintf("%s %s %03d %04d", country.Dial, city.Area, 200+m.below(700, fCompanyPhone, c, 1), m.below(10000, fCompanyPhone, c, 2))
}
