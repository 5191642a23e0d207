package market

import "fmt"

// large is the head count from which an employer counts as large to a source.
const large = 500

// strength scales what the source knows of a company's people.
func (s *Source) strength(c int) float64 {
	out := 1.0
	if by, ok := s.Regions[s.market.countries[s.market.countryOf(c)].Region]; ok {
		out = by
	}
	if s.Large != 0 && s.market.employeesOf(c) > large {
		out *= s.Large
	}
	return out
}

// verified is the share of a company's people whose verified address the source has.
func (s *Source) verified(c int) float64 {
	if s.Regions == nil && s.Large == 0 {
		return s.Verified
	}
	return min(s.Verified*s.strength(c), 0.95)
}

// Line is a telephone number that reaches one person.
type Line struct {
	Number string // E.164
	Mobile bool
}

// Phone is the person's direct number; a fifth of all have none.
func (m *Market) Phone(p int) Line {
	if m.unit(fPersonPhone, p, 0) < 0.2 {
		return Line{}
	}
	return m.line(p)
}

// line is the number that belongs to index p, from ranges that are kept free
// for fiction where there are such.
func (m *Market) line(p int) Line {
	home := m.firstEmployer(p)
	country := &m.countries[m.countryOf(home)]
	n := m.below(10_000_000, fPersonPhone, p, 1)
	line := Line{Mobile: m.unit(fPersonPhoneType, p, 0) < 0.6}
	switch country.Code {
	case "US", "CA":
		line.Number = fmt.Sprintf("+1%03d5550%03d", 200+n%700, n/1000%1000)
	case "GB":
		line.Number = fmt.Sprintf("+447700900%03d", n%1000)
	default:
		line.Number = fmt.Sprintf("%s9%08d", country.Dial, n)
	}
	return line
}

// Phone is the direct number that the source has of a person, right or wrong;
// zero if it has none.
func (s *Source) Phone(person int) Line {
	m := s.market
	truth := m.Person(person)
	if truth.OptOut || s.unit(fSourcePhone, person, 0) >= min(s.Phones*s.strength(truth.Company), 0.9) {
		return Line{}
	}
	if s.unit(fSourceWrongPhone, person, 0) < s.WrongPhones {
		return m.line((person + 1) % m.people)
	}
	return m.Phone(person)
}

// Technologies is the software that the source has noticed at a company.
func (s *Source) Technologies(c Company) []string {
	var out []string
	for i, t := range c.Technologies {
		if s.unit(fSourceTech, c.Index, i) < s.TechnologyShare {
			out = append(out, t)
		}
	}
	return out
}

// Surge is a topic that a company reads about more than usual.
type Surge struct {
	Topic string
	Score int // 60..100
	At    int // days ago
}

// Surges is the truth: a quarter of all companies are about to buy something
// that has to do with their themes.
func (m *Market) Surges(c Company) []Surge {
	var out []Surge
	for i, t := range c.Themes {
		if m.unit(fCompanyIntent, c.Index, i) < 0.1 {
			out = append(out, Surge{
				Topic: m.topics[t].phrases[0], Score: 60 + m.below(41, fCompanyIntent, c.Index, 10+i), At: 1 + m.below(20, fCompanyIntent, c.Index, 20+i),
			})
		}
	}
	return out
}

// Surges are those that the source has noticed.
func (s *Source) Surges(c Company) []Surge {
	var out []Surge
	for i, surge := range s.market.Surges(c) {
		if s.unit(fSourceIntent, c.Index, i) < s.Intent {
			out = append(out, surge)
		}
	}
	return out
}
