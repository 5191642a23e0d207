package market

import (
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
)

// Judge knows who truly fits one ICP. The rule uses what no source shows
// directly: the present employer and post, the true industry and size, and the
// level of interest in what the ICP cares about.
type Judge struct {
	m          *Market
	roles      []wanted
	industries map[int]bool
	sizes      [][2]int
	people     map[int]bool // countries of the person
	companies  map[int]bool // countries of the company
	topics     map[int]bool
}

// enoughInterest is the sum of interest levels, over the topics that the ICP
// names, from which somebody counts as moved by it.
const enoughInterest = 1.05

// Judge reads an ICP. A part that the ICP leaves empty does not restrict.
func (m *Market) Judge(icp domain.ICP) *Judge {
	j := &Judge{
		m: m, industries: map[int]bool{}, topics: map[int]bool{},
		people: m.placesNamed(icp.Demographics.Location), companies: m.placesNamed(icp.Firmographics.Geography),
	}
	for _, title := range icp.Demographics.JobTitles {
		if w, ok := read(title); ok {
			j.roles = append(j.roles, w)
		}
	}
	for _, name := range icp.Firmographics.Industry {
		for i, ind := range m.industries {
			if strings.EqualFold(ind.Name, name) || slices.Contains(ind.Also, strings.ToLower(name)) {
				j.industries[i] = true
			}
		}
	}
	for _, size := range icp.Firmographics.CompanySize {
		if r, ok := parseRange(size); ok {
			j.sizes = append(j.sizes, r)
		}
	}
	psy := icp.Psychographics
	text := strings.ToLower(strings.Join(slices.Concat(psy.PainPoints, psy.Goals, psy.Motivations, psy.Values), " | "))
	for i, t := range m.topics {
		for _, w := range t.words {
			if strings.Contains(text, w) {
				j.topics[i] = true
			}
		}
	}
	return j
}

// placesNamed reads "United States, Western Europe".
func (m *Market) placesNamed(text string) map[int]bool {
	out := map[int]bool{}
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		for i, c := range m.countries {
			if strings.EqualFold(c.Name, name) || strings.EqualFold(c.Code, name) || strings.EqualFold(c.Region, name) {
				out[i] = true
			}
		}
	}
	return out
}

// parseRange reads "51-200", "51,200" and "1000+".
func parseRange(s string) ([2]int, bool) {
	s = strings.NewReplacer(" ", "", ",", "-", "–", "-").Replace(s)
	if low, ok := strings.CutSuffix(s, "+"); ok {
		n, err := strconv.Atoi(low)
		return [2]int{n, 1 << 40}, err == nil
	}
	low, high, _ := strings.Cut(s, "-")
	a, errA := strconv.Atoi(low)
	b, errB := strconv.Atoi(high)
	return [2]int{a, b}, errA == nil && errB == nil && a <= b
}

// Truth is what is really so about a profile that a source gave.
type Truth struct {
	PersonIndex  int    // -1 for a profile of a company
	CompanyIndex int    // where the person works today, or the company itself
	Fits         bool   // the lead is what the ICP asks for
	Email        string // the address that reaches the person today, "" for none
	LeftCompany  bool   // the profile names an employer that the person has left
	OptOut       bool   // the person asked data providers to stop
}

// Truth returns the truth about a source's profile; false for an id that the
// source did not give.
func (j *Judge) Truth(source, profileID string) (Truth, bool) {
	s := j.m.sources[source]
	if s == nil {
		return Truth{}, false
	}
	if source == "googleplaces" {
		c, _, ok := s.Place(profileID)
		return Truth{PersonIndex: -1, CompanyIndex: c, Fits: ok && j.FitsCompany(c)}, ok
	}
	p, n, ok := s.Person(profileID)
	if !ok {
		return Truth{}, false
	}
	person := j.m.Person(p)
	f := s.facet(p, n, j.m.firstEmployer(p))
	left := f.Company != person.Company
	return Truth{
		PersonIndex: p, CompanyIndex: person.Company, Email: j.m.Email(p), LeftCompany: left, OptOut: person.OptOut,
		Fits: !left && j.Fits(person),
	}, true
}

// FitsCompany reports whether the company is what the ICP asks for.
func (j *Judge) FitsCompany(c int) bool {
	if len(j.industries) > 0 && !j.industries[j.m.industryOf(c)] {
		return false
	}
	if len(j.companies) > 0 && !j.companies[j.m.countryOf(c)] {
		return false
	}
	n := j.m.employeesOf(c)
	return len(j.sizes) == 0 || slices.ContainsFunc(j.sizes, func(r [2]int) bool { return r[0] <= n && n <= r[1] })
}

// Fits reports whether the person is what the ICP asks for.
func (j *Judge) Fits(p Person) bool {
	return j.FitsRole(p) && j.FitsCompany(p.Company) && (len(j.people) == 0 || j.people[p.Country]) &&
		(len(j.topics) == 0 || j.Interest(p) >= enoughInterest)
}

// FitsRole reports whether the person holds a post with the say that the ICP's
// titles imply.
func (j *Judge) FitsRole(p Person) bool {
	if len(j.roles) == 0 {
		return true
	}
	t := j.m.titles[p.Title]
	if t.Kind != Employee {
		return false
	}
	return slices.ContainsFunc(j.roles, func(w wanted) bool { return t.Family == w.family && t.Rank >= w.rank-0.4 })
}

// Interest is the sum of the person's levels of interest in what the ICP names.
func (j *Judge) Interest(p Person) float64 {
	sum := 0.0
	for _, in := range p.Interests {
		if j.topics[in.Topic] {
			sum += in.Level
		}
	}
	return sum
}

// Ref names a profile of a source.
type Ref struct{ Source, ProfileID string }

// SamePerson reports whether two profiles are of one person.
func (m *Market) SamePerson(a, b Ref) bool {
	p, okA := m.behind(a)
	q, okB := m.behind(b)
	return okA && okB && p == q
}

func (m *Market) behind(r Ref) (int, bool) {
	s := m.sources[r.Source]
	if s == nil || r.Source == "googleplaces" {
		return 0, false
	}
	p, _, ok := s.Person(r.ProfileID)
	return p, ok
}
