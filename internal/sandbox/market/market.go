package market

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Options of a market. The zero value has seed 0, 20,000 people and no dates
// before the year one: set Now.
type Options struct {
	Seed   uint64
	People int       // zero: 20,000; at most 8,000,000
	Now    time.Time // the market's today; only the day counts
}

// Market is one generated market. It is read-only and safe for concurrent use.
type Market struct {
	seed   uint64
	people int
	today  time.Time

	// The tables, read once, so that no draw builds them again.
	industries      []Industry
	countries       []Country
	topics          []topic
	titles          []Title
	cultures        []stock
	bands           [][2]int
	industryWeights []int
	countryWeights  []int
	bandWeights     []int
	nameHeads       []string
	nameTails       []string
	nameKinds       []string
	nameStep        int
	nameStart       int
	posts           map[post][]uint16 // title indexes by family, level and kind
	short           map[string]string
	sources         map[string]*Source

	starts []uint32 // first person of each company, and the end

	indexOnce sync.Once
	byDomain  map[string]uint32
	movers    []move // people who left their first employer, by present employer
}

// stock is a culture with its spellings worked out.
type stock struct{ first, last []spelled }

type post struct {
	family Family
	level  string
	kind   Kind
}

type move struct{ to, person uint32 }

// New generates the market.
func New(o Options) (*Market, error) {
	if o.People == 0 {
		o.People = 20_000
	}
	if o.People < 1 || o.People > 8_000_000 {
		return nil, fmt.Errorf("generate market: %d people asked for; choose 1 to 8,000,000", o.People)
	}
	m := &Market{
		seed: mix(o.Seed ^ 0x5bf03635f0a31e1d), people: o.People, today: o.Now.UTC().Truncate(24 * time.Hour),
		industries: industries(), countries: countries(), topics: topics(), titles: titles(),
		bands: sizeBands(), bandWeights: []int{6, 15, 28, 22, 13, 11, 5},
		nameHeads: companyHeads(), nameTails: companyTails(), nameKinds: companyKinds(),
		posts: map[post][]uint16{}, short: shortForms(), sources: map[string]*Source{},
	}
	for _, i := range m.industries {
		m.industryWeights = append(m.industryWeights, i.weight)
	}
	for _, c := range m.countries {
		m.countryWeights = append(m.countryWeights, c.weight)
	}
	for i, t := range m.titles {
		p := post{t.Family, t.Level, t.Kind}
		m.posts[p] = append(m.posts[p], uint16(i)) //nolint:gosec // there are a few hundred titles
	}
	for _, c := range cultures() {
		var s stock
		for _, n := range c.first {
			s.first = append(s.first, spell(n))
		}
		for _, n := range c.last {
			s.last = append(s.last, spell(n))
		}
		m.cultures = append(m.cultures, s)
	}
	for _, s := range sources() {
		s.market = m
		s.key = mix(m.seed ^ hashText(s.Name))
		m.sources[s.Name] = s
	}
	names := len(m.nameHeads) * len(m.nameTails) * len(m.nameKinds)
	m.nameStart = int(mix(m.seed+1) % uint64(names))
	m.nameStep = 1 + int(mix(m.seed+2)%uint64(names-1))
	for gcd(m.nameStep, names) != 1 {
		m.nameStep++
	}
	most := names * len(nameEras())
	for at, c := 0, 0; ; c++ {
		m.starts = append(m.starts, uint32(at)) //nolint:gosec // at most 8,000,000
		if at >= o.People {
			break
		}
		if c >= most {
			return nil, fmt.Errorf("generate market: more companies than the %d names", most)
		}
		at = min(o.People, at+m.knownAt(c))
	}
	return m, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// People is the number of people; their indexes are 0 to People()-1.
func (m *Market) People() int { return m.people }

// Companies is the number of companies; their indexes are 0 to Companies()-1.
func (m *Market) Companies() int { return len(m.starts) - 1 }

// Today is the market's day, at midnight UTC.
func (m *Market) Today() time.Time { return m.today }

// Industry returns an industry by index.
func (m *Market) Industry(i int) Industry { return m.industries[i] }

// Country returns a country by index.
func (m *Market) Country(i int) Country { return m.countries[i] }

// Countries is the number of countries; their indexes are 0 to Countries()-1.
func (m *Market) Countries() int { return len(m.countries) }

// CountryOf returns the index of a company's country.
func (m *Market) CountryOf(c int) int { return m.countryOf(c) }

// Title returns a title by index.
func (m *Market) Title(i int) Title { return m.titles[i] }

// Titles is the number of titles; their indexes are 0 to Titles()-1.
func (m *Market) Titles() int { return len(m.titles) }

// Phrase is a wording of a topic; n chooses among them.
func (m *Market) Phrase(t, n int) string {
	phrases := m.topics[t].phrases
	return phrases[n%len(phrases)]
}

func (m *Market) daysAgo(n int) time.Time { return m.today.AddDate(0, 0, -n) }

// firstEmployer is the company whose block holds the person.
func (m *Market) firstEmployer(p int) int {
	return sort.Search(len(m.starts), func(c int) bool { return int(m.starts[c]) > p }) - 1
}

// CompanyByDomain finds a company by its domain.
func (m *Market) CompanyByDomain(domain string) (int, bool) {
	m.index()
	c, ok := m.byDomain[strings.ToLower(domain)]
	return int(c), ok
}

// CompanyByName finds a company by its name, with or without a legal form.
func (m *Market) CompanyByName(name string) (int, bool) {
	words := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(name, ",", " "), ".", ""))
	if len(words) < 2 {
		return 0, false
	}
	return m.CompanyByDomain(words[0] + "-" + words[1] + ".example")
}

// index builds what look-ups by domain need, once.
func (m *Market) index() {
	m.indexOnce.Do(func() {
		m.byDomain = make(map[string]uint32, m.Companies())
		for c := range m.Companies() {
			m.byDomain[m.Domain(c)] = uint32(c) //nolint:gosec // far fewer than 2^32
			for p := m.starts[c]; p < m.starts[c+1]; p++ {
				if to, left := m.newEmployer(int(p), c); left {
					m.movers = append(m.movers, move{uint32(to), p}) //nolint:gosec // far fewer than 2^32
				}
			}
		}
		slices.SortFunc(m.movers, func(a, b move) int {
			if a.to != b.to {
				return int(a.to) - int(b.to)
			}
			return int(a.person) - int(b.person)
		})
	})
}

// Staff returns the people who work at the company or have worked there
// before their last move, by index.
func (m *Market) Staff(c int) []int {
	m.index()
	var out []int
	for p := m.starts[c]; p < m.starts[c+1]; p++ {
		out = append(out, int(p))
	}
	from := sort.Search(len(m.movers), func(i int) bool { return int(m.movers[i].to) >= c })
	for _, mv := range m.movers[from:] {
		if int(mv.to) != c {
			break
		}
		out = append(out, int(mv.person))
	}
	return out
}

func companyHeads() []string {
	return strings.Fields(`Amber Arbor Argent Aspen Atlas Aurora Axle Azure Basalt Beacon Birch Blue Bold Bright Bronze Cedar Cinder Citrine
		Clear Cliff Cloud Cobalt Copper Coral Crest Crimson Crystal Dawn Delta Drift Dune Ember Ever Falcon Fern Field Flint Forge Fox Frost
		Garnet Glacier Golden Granite Gray Green Grove Harbor Haven Hazel Heron High Hollow Indigo Iron Ivory Jade Juniper Kestrel Lake Lark
		Laurel Lime Linden Lumen Lunar Maple Marble Meadow Mint Mist Moon Moss Nimbus North Nova Oak Ocean Onyx Opal Orchid Osprey Otter Pearl
		Pebble Pine Pixel Plum Polar Prism Quartz Quill Rain Raven Red Ridge River Robin Rose Rowan Ruby Sable Sage Sand Scarlet Shadow Silver
		Sky Slate Snow Solar Spark Spruce Star Steel Stone Storm Summit Sun Swift Teal Terra Thistle Timber Topaz True Twin Velvet Vivid Wave Willow Wind Winter Zephyr`)
}

// nameEras tell companies apart whose names are otherwise the same, in markets so
// large that the names do not suffice. No head begins with one.
func nameEras() []string { return []string{"", "New", "Old", "Great"} }

func companyTails() []string {
	return strings.Fields(`arc band bay bell berg bird bloom board bolt bridge brook byte cast chart code coil core craft dale deck dock dot drive edge
		fall fern field flare flow fold ford forge form frame gate gear glade glow grain grid grove hall hill hive hook house keel key lane leaf
		light line link lock loft loop mark mast mesh mill mind mint mode nest node notch path peak pine pier plane point pond port post press
		quay quest rail reach reef ring rise road rock root row sail scope seed shape shift shore signal site smith spire spring stack stage stem
		step stone stream string sync tide tower track trail vale vault view wake ward watch way well wheel wing wire wood works yard`)
}

func companyKinds() []string {
	return strings.Fields(`Labs Systems Group Technologies Networks Works Partners Digital Solutions Dynamics
		Industries Studio Holdings Ventures Collective International One Global`)
}
