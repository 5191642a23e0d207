package market

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strings"
	"time"
)

// Source is how one data provider sees the market. What it knows is fixed by
// the seed: asking twice gives the same answer.
type Source struct {
	Name string
	// Shares, 0..1.
	Covers          float64 // people (or places) that it knows
	MissedMoves     float64 // people who left and are still filed under the old employer
	OldTitles       float64 // people filed under an earlier post
	Twins           float64 // people (or places) that have a second profile
	WrongSizes      float64 // companies with a wrong head count
	WrongIndustry   float64 // companies filed under a wrong industry
	Verified        float64 // people whose address it has and calls verified
	Guessed         float64 // people whose address it has only guessed
	WrongVerified   float64 // verified addresses that nobody has
	Phones          float64 // people whose direct number it has
	WrongPhones     float64 // direct numbers that are somebody else's
	TechnologyShare float64 // software in use that it has noticed
	Intent          float64 // companies about to buy that it has noticed
	// Regions and Large scale Verified and Phones where the source is stronger
	// or weaker: by region of the employer, and for employers of more than 500.
	// No entry, and zero, stand for 1.
	Regions map[string]float64
	Large   float64

	market *Market
	key    uint64
}

// sources are the providers that the market knows.
func sources() []*Source {
	return []*Source{
		{
			Name: "apollo", Covers: 0.88, MissedMoves: 0.55, OldTitles: 0.07, Twins: 0.03, WrongSizes: 0.12, WrongIndustry: 0.05,
			Verified: 0.66, Guessed: 0.08, WrongVerified: 0.03,
		},
		{Name: "hunter", Covers: 0.72, MissedMoves: 0.7, OldTitles: 0.1, WrongSizes: 0.2, WrongIndustry: 0.1},
		{Name: "googleplaces", Covers: 0.74, Twins: 0.07},
		{
			Name: "zoominfo", Covers: 0.82, MissedMoves: 0.4, OldTitles: 0.05, WrongSizes: 0.08, WrongIndustry: 0.04,
			Verified: 0.62, Guessed: 0.06, WrongVerified: 0.02, Phones: 0.45, WrongPhones: 0.08, TechnologyShare: 0.8, Intent: 0.7,
			Regions: map[string]float64{"Western Europe": 0.35, "Northern Europe": 0.3, "Asia": 0.3, "Oceania": 0.6, "South America": 0.3}, Large: 1.35,
		},
		{
			Name: "lusha", Covers: 0.7, MissedMoves: 0.45, OldTitles: 0.06, WrongSizes: 0.15, WrongIndustry: 0.08,
			Verified: 0.4, Guessed: 0.04, WrongVerified: 0.03, Phones: 0.3, WrongPhones: 0.06, TechnologyShare: 0.4,
			Regions: map[string]float64{"Western Europe": 1.7, "Northern Europe": 1.7}, Large: 0.7,
		},
		{
			Name: "clearbit", Covers: 0.6, MissedMoves: 0.6, OldTitles: 0.12, WrongSizes: 0.1, WrongIndustry: 0.05, TechnologyShare: 0.6,
			Verified: 0.5, Guessed: 0.1, WrongVerified: 0.05,
		},
	}
}

// Source returns a provider's view of the market. An unknown name is a
// programming error and panics.
func (m *Market) Source(name string) *Source {
	s := m.sources[name]
	if s == nil {
		panic("market: no source named " + name)
	}
	return s
}

func hashText(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // a hash never fails
	return mix(h.Sum64())
}

// unit is the source's own draw, independent of other sources'.
func (s *Source) unit(f field, entity, n int) float64 {
	return float64(mix(s.market.bits(f, entity, n)^s.key)>>11) / (1 << 53)
}

// Profiles is how many profiles the source has of a person: 0, 1 or 2.
func (s *Source) Profiles(person int) int {
	switch {
	case s.unit(fSourceListed, person, 0) >= s.Covers:
		return 0
	case s.unit(fSourceTwin, person, 0) < s.Twins:
		return 2
	}
	return 1
}

// Places is [Source.Profiles] for a company on a map.
func (s *Source) Places(company int) int { return s.Profiles(company) }

// ID is the source's id of profile n (0 or 1) of an entity, as 24 hex digits.
// It tells nothing without the market and cannot be guessed from another one.
func (s *Source) ID(entity, n int) string {
	check := mix(s.key ^ mix(uint64(entity)<<1|uint64(n)))  //nolint:gosec // not negative
	small := uint32(mix(check^s.key)) ^ uint32(entity<<1|n) //nolint:gosec // at most 2^22
	var raw [12]byte
	binary.BigEndian.PutUint64(raw[:], check)
	binary.BigEndian.PutUint32(raw[8:], small)
	return hex.EncodeToString(raw[:])
}

// entity is the inverse of [Source.ID]; limit is the number of entities.
func (s *Source) entity(id string, limit int) (entity, n int, ok bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 12 {
		return 0, 0, false
	}
	check := binary.BigEndian.Uint64(raw)
	small := binary.BigEndian.Uint32(raw[8:]) ^ uint32(mix(check^s.key)) //nolint:gosec // the low half is meant
	entity, n = int(small>>1), int(small&1)
	return entity, n, entity < limit && s.ID(entity, n) == id
}

// Person finds the person and the number of the profile behind an id.
func (s *Source) Person(id string) (person, n int, ok bool) {
	person, n, ok = s.entity(id, s.market.people)
	return person, n, ok && n < s.Profiles(person)
}

// PlaceID is the source's id of place n (0 or 1) of a company, in the form of
// a map service.
func (s *Source) PlaceID(company, n int) string { return "ChIJ" + s.ID(company, n) }

// Place finds the company and the number of the place behind an id.
func (s *Source) Place(id string) (company, n int, ok bool) {
	id, ok = strings.CutPrefix(id, "ChIJ")
	if !ok {
		return 0, 0, false
	}
	company, n, ok = s.entity(id, s.market.Companies())
	return company, n, ok && n < s.Places(company)
}

// OrganizationID is the source's id of a company.
func (s *Source) OrganizationID(c int) string { return s.organizations().ID(c, 0) }

// Organization finds the company behind an id.
func (s *Source) Organization(id string) (int, bool) {
	c, _, ok := s.organizations().entity(id, s.market.Companies())
	return c, ok
}

// organizations is the same source with another key, so that no id of a
// company is the id of a person.
func (s *Source) organizations() *Source {
	o := *s
	o.key = mix(s.key + 1)
	return &o
}

// Facet is the part of a profile that a search filters by; cheap to compute.
type Facet struct {
	Person    int
	Title     int
	Company   int
	Country   int
	City      int
	Employees int // as the source believes
}

// facet returns profile n of a person as a search index has it. home is the
// person's first employer, which a scan over all people knows.
func (s *Source) facet(person, n, home int) Facet {
	m := s.market
	f := Facet{Person: person, Company: home, Title: m.firstTitle(person, home)}
	if to, left := m.newEmployer(person, home); left && !s.missed(person, n) {
		f.Title, f.Company = m.nextTitle(person, f.Title, to), to
	} else if s.oldTitle(person, n) {
		f.Title = m.earlierTitle(person, f.Title)
	}
	f.Country, f.City = m.livesIn(person, home)
	f.Employees = s.Employees(f.Company)
	return f
}

func (s *Source) missed(person, n int) bool { return s.unit(fSourceStale, person, n) < s.MissedMoves }

// oldTitle: a second profile is usually the older one.
func (s *Source) oldTitle(person, n int) bool {
	return s.unit(fSourceOldTitle, person, n) < s.OldTitles+0.4*float64(n)
}

// Scan calls yield for every profile of the source until it returns false.
func (s *Source) Scan(yield func(f Facet, n int) bool) {
	m := s.market
	for home := range m.Companies() {
		for p := m.starts[home]; p < m.starts[home+1]; p++ {
			for n := range s.Profiles(int(p)) {
				if !yield(s.facet(int(p), n, home), n) {
					return
				}
			}
		}
	}
}

// ScanCompany is [Source.Scan] for the people that may be filed under one company.
func (s *Source) ScanCompany(c int, yield func(f Facet, n int) bool) {
	for _, p := range s.market.Staff(c) {
		home := s.market.firstEmployer(p)
		for n := range s.Profiles(p) {
			if f := s.facet(p, n, home); f.Company == c && !yield(f, n) {
				return
			}
		}
	}
}

// Order is a number that puts profiles into the source's order of relevance.
func (s *Source) Order(person, n int) uint64 {
	return mix(s.market.bits(fSourceOrder, person, n) ^ s.key)
}

// Card is the part of a profile that a search result shows.
type Card struct {
	Facet
	N           int // which profile of the person
	ID          string
	First, Last string
	HasEmail    bool // what a search promises, not always kept
	RefreshedAt time.Time
}

// Card returns profile n of a person as a search result shows it.
func (s *Source) Card(person, n int) Card {
	m := s.market
	home := m.firstEmployer(person)
	f := s.facet(person, n, home)
	out := Card{Facet: f, N: n, ID: s.ID(person, n)}
	culture, first, last := m.name(person, home)
	out.First, out.Last = m.cultures[culture].first[first].text, m.cultures[culture].last[last].text
	if n == 1 { // the second profile spells the name in another way
		if short := m.short[out.First]; short != "" {
			out.First = short
		} else {
			out.First, out.Last = plain(out.First), plain(out.Last)
		}
	}
	out.HasEmail = s.unit(fSourceEmail, person, 0) < s.verified(f.Company)+s.Guessed
	if s.unit(fSourceHasEmail, person, n) < 0.03 {
		out.HasEmail = !out.HasEmail
	}
	age := 3 + int(s.unit(fSourceRefreshed, person, n)*150)
	if now, _ := m.newEmployer(person, home); now != f.Company {
		age += 200 // nobody has looked since they left
	}
	out.RefreshedAt = m.daysAgo(age).Add(time.Duration(m.below(86_400_000, fSourceRefreshed, person, n)) * time.Millisecond)
	return out
}

// Profile is what the source tells about a person.
type Profile struct {
	Card
	Headline string
	Since    time.Time // at the employer it believes in
	Email    string    // "" for none
	Verified bool      // it calls the address verified
	Truth    Person
}

// Profile returns profile n of a person.
func (s *Source) Profile(person, n int) Profile {
	m := s.market
	truth := m.Person(person)
	card := s.Card(person, n)
	out := Profile{Card: card, Truth: truth, Headline: m.Headline(truth, card.Title, card.Company), Since: truth.Since}
	if truth.Company != card.Company {
		out.Since = m.daysAgo(700 + m.below(1500, fPersonSince, person, 0))
	}
	out.Email, out.Verified = s.email(person, n, card.Company, truth)
	return out
}

// email is the address that the source holds.
func (s *Source) email(person, n, company int, truth Person) (email string, verified bool) {
	m := s.market
	u := s.unit(fSourceEmail, person, 0) // both profiles lead to the same address
	sure := s.verified(company)
	if truth.OptOut || u >= sure+s.Guessed {
		return "", false
	}
	if u >= sure {
		return m.Guess(truth.First, truth.Last, company), false
	}
	switch {
	case company != truth.Company:
		return m.OldEmail(person), s.unit(fSourceWrongEmail, person, n) < 0.6
	case s.unit(fSourceWrongEmail, person, 2) < s.WrongVerified:
		return m.Guess(truth.Last, truth.First, company), true // an address that nobody has
	}
	e := m.Email(person)
	return e, e != ""
}

// plain is a name as somebody types it who has no accents on the keyboard.
func plain(name string) string {
	out := []rune(name)
	for i, r := range out {
		low := []rune(plainLetterKeepCase(r))
		if len(low) == 1 {
			out[i] = low[0]
		}
	}
	return string(out)
}

// Rating is a company's public rating (1 to 5 in steps of a tenth) and the
// number of people who gave one; 0 and 0 for none.
func (s *Source) Rating(c int) (rating float64, count int) {
	count = int(s.unit(fCompanyRating, c, 0) * 120)
	if count == 0 {
		return 0, 0
	}
	return float64(28+int(s.unit(fCompanyRating, c, 1)*23)) / 10, count
}

// Closed reports that the company has shut its place: for good, or for now.
func (s *Source) Closed(c int) (forGood, forNow bool) {
	u := s.unit(fCompanyClosed, c, 0)
	return u < 0.02, u >= 0.02 && u < 0.03
}

// Employees is the head count that the source gives for a company.
func (s *Source) Employees(c int) int {
	n := s.market.employeesOf(c)
	if s.unit(fSourceSize, c, 0) < s.WrongSizes {
		n = max(1, int(float64(n)*[]float64{0.25, 0.45, 2.2, 4}[int(s.unit(fSourceSizeBy, c, 0)*4)]))
	}
	return n
}

// CompanyName is the company's name in the source's spelling: one in four
// carries its legal form.
func (s *Source) CompanyName(c int) string {
	m := s.market
	name := m.CompanyName(c)
	if s.unit(fSourceLabel, c, 1) >= 0.25 {
		return name
	}
	return name + legalForm(m.countries[m.countryOf(c)].Code)
}

func legalForm(country string) string {
	switch country {
	case "US":
		return ", Inc."
	case "GB", "IE":
		return " Ltd"
	case "CA":
		return " Inc."
	case "DE":
		return " GmbH"
	case "FR":
		return " SAS"
	case "NL":
		return " B.V."
	case "ES":
		return " S.L."
	case "SE":
		return " AB"
	case "IN":
		return " Pvt. Ltd."
	case "AU":
		return " Pty Ltd"
	}
	return " Ltda."
}

// Label is the industry under which the source files a company.
func (s *Source) Label(c int) string {
	m := s.market
	i := m.industryOf(c)
	if s.unit(fSourceIndustry, c, 0) < s.WrongIndustry {
		i = int(s.unit(fSourceIndustry, c, 1) * float64(len(m.industries)))
	}
	labels := m.industries[i].Labels
	at := int(s.unit(fSourceLabel, c, 0) * float64(len(labels)+1))
	return labels[at%len(labels)] // the first label twice as often as the others
}

// Revenue is the yearly revenue in dollars that the source gives, 0 if it has none.
func (s *Source) Revenue(c Company) int64 {
	if s.unit(fSourceRevenue, c.Index, 0) < 0.35 {
		return 0
	}
	return c.RevenueUSD / 100_000 * 100_000
}

// KnowsPattern reports whether the source has worked out how the company forms
// addresses.
func (s *Source) KnowsPattern(c int) bool { return s.unit(fSourcePattern, c, 0) < 0.66 }
