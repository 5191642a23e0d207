package market

import (
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
)

// Person is the truth about a person.
type Person struct {
	Index     int
	First     string
	Last      string
	Short     string // short form of the first name; "" if there is none
	Title     int    // index of [Market.Title]
	Company   int    // present employer
	Former    int    // the employer before the last move; -1 for none
	OldTitle  int    // the title at Former
	Since     time.Time
	Country   int
	City      int
	Interests []Interest
	PostedAt  time.Time // last public post; zero for none
	OptOut    bool      // asked data providers to stop processing their data
}

// Interest is how much a person cares about a topic, 0..1. It is hidden: what
// can be seen are the phrases that a source happens to show.
type Interest struct {
	Topic int
	Level float64
}

// Person returns the truth about person p.
func (m *Market) Person(p int) Person {
	home := m.firstEmployer(p)
	out := Person{Index: p, Company: home, Former: -1, OldTitle: -1, Title: m.firstTitle(p, home)}
	culture, first, last := m.name(p, home)
	s := &m.cultures[culture]
	out.First, out.Last = s.first[first].text, s.last[last].text
	out.Short = m.short[out.First]
	out.Since = m.daysAgo(430 + m.below(2600, fPersonSince, p, 0))
	if to, left := m.newEmployer(p, home); left {
		out.Former, out.OldTitle, out.Company = home, out.Title, to
		out.Title = m.nextTitle(p, out.Title, to)
		out.Since = m.daysAgo(20 + m.below(400, fPersonNewSince, p, 0))
	}
	out.Country, out.City = m.livesIn(p, home)
	out.Interests = m.interests(p, home)
	if m.unit(fPersonPosted, p, 0) < 0.55 {
		out.PostedAt = m.daysAgo(1 + m.below(240, fPersonPosted, p, 1))
	}
	out.OptOut = m.optOut(p)
	return out
}

func (m *Market) optOut(p int) bool { return m.unit(fPersonOptOut, p, 0) < 0.006 }

// newEmployer tells whether the person has left the first employer, and where
// they went.
func (m *Market) newEmployer(p, home int) (to int, left bool) {
	if m.unit(fPersonLeft, p, 0) >= 0.13 || m.Companies() < 2 {
		return home, false
	}
	to = m.below(m.Companies()-1, fPersonNewCompany, p, 0)
	if to >= home {
		to++
	}
	return to, true
}

func (m *Market) name(p, home int) (culture, first, last int) {
	culture = m.weighted(m.countries[m.countryOf(home)].Cultures, fPersonCulture, p, 0)
	s := &m.cultures[culture]
	last = m.below(len(s.last), fPersonLast, p, 0)
	return culture, m.below(len(s.first), fPersonFirst, p, 0), last
}

func (m *Market) livesIn(p, home int) (country, city int) {
	country = m.countryOf(home)
	if m.unit(fPersonAbroad, p, 0) < 0.07 {
		country = m.weighted(m.countryWeights, fPersonAbroad, p, 1)
	}
	cities := len(m.countries[country].Cities)
	if country == m.countryOf(home) && m.unit(fPersonCity, p, 0) < 0.7 {
		return country, m.below(cities, fCompanyCity, home, 0)
	}
	return country, m.below(cities, fPersonCity, p, 1)
}

// firstTitle is the post at the first employer. The first places of a company
// go to its leaders, so that no company has three CTOs.
func (m *Market) firstTitle(p, home int) int {
	slot := p - int(m.starts[home])
	kind := m.industries[m.industryOf(home)].mix
	family := General
	var level string
	switch {
	case slot == 0:
		level = []string{"founder", "c_suite", "c_suite", "owner"}[m.below(4, fPersonLevel, p, 0)]
	case slot == 1 && kind != hands:
		family, level = Engineering, "c_suite"
	case slot == 1:
		family, level = IT, pickText(m, p, "c_suite", "director", "director")
	case slot == 2 && kind == builders:
		family, level = Engineering, pickText(m, p, "vp", "vp", "director", "head")
	case slot == 2 && kind == hands:
		family, level = Industrial, pickText(m, p, "vp", "director", "director", "head")
	case slot == 3 && kind == builders:
		family, level = Product, pickText(m, p, "head", "head", "vp", "director", "c_suite")
	default:
		family = m.family(p, kind)
		level = []string{"vp", "head", "director", "manager", "senior", "entry"}[m.weighted([]int{10, 9, 20, 24, 24, 13}, fPersonLevel, p, 1)]
	}
	held := Employee
	if family == Engineering || family == Product {
		switch u := m.unit(fPersonKind, p, 0); {
		case u < 0.05:
			held = Consultant
		case u < 0.08 && slot > 3:
			held = Assistant
		}
	}
	return m.titleFor(family, level, held, fPersonTitle, p)
}

func pickText(m *Market, p int, texts ...string) string {
	return texts[m.below(len(texts), fPersonLevel, p, 2)]
}

func (m *Market) family(p int, kind roleMix) Family {
	families := []Family{Engineering, Product, IT, Security, Data, Industrial, Sales, Marketing, Finance, People, Operations}
	weights := []int{40, 16, 4, 5, 5, 0, 12, 7, 3, 4, 4}
	switch kind {
	case users:
		weights = []int{16, 9, 9, 3, 6, 2, 16, 12, 10, 6, 11}
	case hands:
		weights = []int{3, 2, 9, 1, 2, 26, 15, 10, 10, 7, 15}
	}
	return families[m.weighted(weights, fPersonFamily, p, 0)]
}

// titleFor chooses a wording. A family without that level gives the nearest.
func (m *Market) titleFor(family Family, level string, kind Kind, f field, p int) int {
	if all := m.posts[post{family, level, kind}]; len(all) > 0 {
		// Vendors' own search words are the most frequent titles.
		at := m.below(len(all), f, p, 0)
		if m.unit(f, p, 1) < 0.25 {
			at = 0
		}
		return int(all[at])
	}
	if kind != Employee {
		return m.titleFor(family, level, Employee, f, p)
	}
	best, gap := 0, 100.0
	for i, t := range m.titles {
		if t.Family == family && t.Kind == Employee {
			if d := max(t.Rank-rank(level), rank(level)-t.Rank); d < gap {
				best, gap = i, d
			}
		}
	}
	return best
}

// nextTitle is the post after a move: the same work, now and then one step up
// or down.
func (m *Market) nextTitle(p, old, to int) int {
	t := m.titles[old]
	level := t.Level
	switch u := m.unit(fPersonNewLevel, p, 0); {
	case u < 0.25:
		level = stepUp(level)
	case u < 0.35:
		level = stepDown(level)
	}
	family := t.Family
	if family == Engineering && m.industries[m.industryOf(to)].mix == hands {
		family = IT
	}
	return m.titleFor(family, level, Employee, fPersonNewTitle, p)
}

func stepUp(level string) string {
	switch level {
	case "entry":
		return "senior"
	case "senior":
		return "manager"
	case "manager":
		return "director"
	case "director", "head":
		return "vp"
	}
	return "c_suite"
}

func stepDown(level string) string {
	switch level {
	case "founder", "owner", "c_suite":
		return "vp"
	case "vp":
		return "director"
	case "director", "head":
		return "manager"
	case "manager":
		return "senior"
	}
	return "entry"
}

// earlierTitle is the post that the person held at the same company before.
func (m *Market) earlierTitle(p, title int) int {
	t := m.titles[title]
	level := stepDown(t.Level)
	if m.unit(fPersonEarlier, p, 1) < 0.3 {
		level = stepUp(t.Level)
	}
	return m.titleFor(t.Family, level, Employee, fPersonEarlier, p)
}

// interests are four topics: from the person's work, from the company's
// themes, or from anywhere.
func (m *Market) interests(p, home int) []Interest {
	themes := m.themes(home, m.industryOf(home))
	work := m.workTopics(m.titles[m.firstTitle(p, home)].Family)
	out := make([]Interest, 0, 4)
	for i := range 4 {
		var t int
		switch u := m.unit(fPersonTopicFrom, p, i); {
		case u < 0.40:
			t = work[m.below(len(work), fPersonTopic, p, i)]
		case u < 0.72:
			t = themes[m.below(len(themes), fPersonTopic, p, i)]
		default:
			t = m.below(len(m.topics), fPersonTopic, p, i)
		}
		known := false
		for _, o := range out {
			known = known || o.Topic == t
		}
		if !known {
			out = append(out, Interest{Topic: t, Level: 0.15 + 0.85*m.unit(fPersonTopicLevel, p, i)})
		}
	}
	return out
}

func (m *Market) workTopics(f Family) []int {
	switch f {
	case Engineering:
		return []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 22, 21}
	case Product:
		return []int{4, 6, 7, 9, 11, 19, 20}
	case Security:
		return []int{3, 2, 14, 6}
	case IT:
		return []int{5, 3, 17, 21, 2}
	case Data:
		return []int{9, 7, 5, 6}
	case Industrial:
		return []int{16, 18, 15, 6, 22}
	case Sales, Marketing:
		return []int{10, 11, 20, 19, 26}
	case Finance:
		return []int{14, 19, 23, 5}
	case People:
		return []int{22, 0, 25}
	}
	return []int{19, 23, 14, 22, 7, 5}
}

// Signals are the dated signs of life of a person and of the present employer,
// newest first; those of the future are deadlines. No source knows them all.
func (m *Market) Signals(p Person) []domain.Signal {
	var out []domain.Signal
	add := func(kind, text string, at time.Time) {
		if !at.IsZero() {
			out = append(out, domain.Signal{Kind: kind, Text: text, At: at})
		}
	}
	c := m.Company(p.Company)
	add("compliance", "audit ahead", c.AuditAt)
	add("funding", c.FundingStage, c.FundedAt)
	add("launch", "product launch", c.LaunchedAt)
	if c.Hiring {
		add("hiring", "headcount grew by more than a fifth in six months", m.today)
	}
	if p.Former >= 0 {
		add("jobchange", m.titles[p.Title].Text, p.Since)
	}
	if len(p.Interests) > 0 {
		add("update", m.Phrase(p.Interests[0].Topic, p.Index), p.PostedAt)
	}
	slices.SortStableFunc(out, func(a, b domain.Signal) int { return b.At.Compare(a.At) })
	return out
}

// Headline is what the person's public profile says: the post, the employer,
// and some of what they care about.
func (m *Market) Headline(p Person, title, company int) string {
	var b strings.Builder
	b.WriteString(m.titles[title].Text + " at " + m.CompanyName(company))
	for i, in := range p.Interests {
		if m.unit(fSourceSays, p.Index, i) < in.Level*0.95 {
			b.WriteString(" | " + m.Phrase(in.Topic, p.Index+i))
		}
	}
	return b.String()
}
