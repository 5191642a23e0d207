package market

import (
	"strconv"
	"strings"
)

// Pattern is how a company forms addresses, in Hunter's notation.
type Pattern string

func patterns() (all []Pattern, weights []int) {
	return []Pattern{"{first}.{last}", "{f}{last}", "{first}", "{f}.{last}", "{first}{last}", "{first}_{last}", "{first}.{l}", "{last}", "{last}.{first}"},
		[]int{47, 21, 9, 8, 6, 3, 3, 1, 2}
}

func (m *Market) patternOf(c int) Pattern {
	all, weights := patterns()
	return all[m.weighted(weights, fCompanyPattern, c, 0)]
}

// local writes a name, spelled in letters, by the pattern.
func (p Pattern) local(first, last string) string {
	if first == "" || last == "" {
		return first + last
	}
	switch p {
	case "{f}{last}":
		return first[:1] + last
	case "{first}":
		return first
	case "{f}.{last}":
		return first[:1] + "." + last
	case "{first}{last}":
		return first + last
	case "{first}_{last}":
		return first + "_" + last
	case "{first}.{l}":
		return first + "." + last[:1]
	case "{last}":
		return last
	case "{last}.{first}":
		return last + "." + first
	}
	return first + "." + last
}

// long reports whether the company doubles German vowels in addresses.
func (m *Market) long(c int) bool {
	return m.countries[m.countryOf(c)].Code == "DE" && m.unit(fCompanyPattern, c, 1) < 0.75
}

// Guess is the address that the company's pattern gives for a name, whether or
// not anybody has it.
func (m *Market) Guess(first, last string, c int) string {
	long := m.long(c)
	return m.patternOf(c).local(fold(first, long), fold(last, long)) + "@" + m.Domain(c)
}

// bare is the person's local part at a company, before two colleagues with the
// same one are told apart. One in nine does not follow the company's pattern.
func (m *Market) bare(p, c int) string {
	culture, first, last := m.name(p, m.firstEmployer(p))
	s := &m.cultures[culture]
	f, l := s.first[first].ascii, s.last[last].ascii
	if m.long(c) {
		f, l = s.first[first].long, s.last[last].long
	}
	pattern := m.patternOf(c)
	if m.unit(fPersonPattern, p, c) < 0.11 {
		all, weights := patterns()
		pattern = all[m.weighted(weights, fPersonPattern, p, c+1)]
	}
	return pattern.local(f, l)
}

// address is the person's address at a company where they work or worked. Who
// comes after a colleague with the same local part gets a number: the own place
// in the staff, which nobody else has.
func (m *Market) address(p, c int) string {
	local, taken := m.bare(p, c), false
	for i, other := range m.Staff(c) {
		if other == p {
			if taken {
				local += strconv.Itoa(i + 1)
			}
			break
		}
		taken = taken || m.bare(other, c) == local
	}
	return local + "@" + m.Domain(c)
}

// Email is the person's true address: the one that reaches them today, or ""
// if they have no work mailbox.
func (m *Market) Email(p int) string {
	home := m.firstEmployer(p)
	c, _ := m.newEmployer(p, home)
	if m.dead(c) || m.unit(fPersonMailbox, p, 0) < 0.03 {
		return ""
	}
	return m.address(p, c)
}

// OldEmail is the address that died when the person left, "" if they never did.
func (m *Market) OldEmail(p int) string {
	home := m.firstEmployer(p)
	if _, left := m.newEmployer(p, home); !left {
		return ""
	}
	return m.address(p, home)
}

// Mailbox is what a mail server would know about an address.
type Mailbox struct {
	Domain   bool // the domain takes mail
	CatchAll bool // it accepts mail for any name
	Exists   bool // somebody reads this address
	Role     bool // it is shared: info, sales, support
	Person   int  // whose it is or, before they left, was; -1 for nobody
	Company  int  // -1 for an unknown domain
}

// Mailbox looks an address up.
func (m *Market) Mailbox(email string) Mailbox {
	out := Mailbox{Person: -1, Company: -1}
	local, domain, ok := strings.Cut(strings.ToLower(email), "@")
	c, known := m.CompanyByDomain(domain)
	if !ok || !known {
		return out
	}
	out.Company = c
	out.Domain = !m.dead(c)
	out.CatchAll = m.CatchAll(c)
	switch local {
	case "info", "sales", "support", "contact":
		out.Role, out.Exists = true, out.Domain
		return out
	}
	address := local + "@" + domain
	for _, p := range m.Staff(c) {
		if !strings.HasPrefix(local, m.bare(p, c)) || m.address(p, c) != address {
			continue
		}
		out.Person = p
		out.Exists = m.Email(p) == address
		return out
	}
	return out
}

// Deliverable reports whether mail to the address would not bounce: somebody
// reads it, or the domain takes mail for any name.
func (m *Market) Deliverable(email string) bool {
	b := m.Mailbox(email)
	return b.Domain && (b.Exists || b.CatchAll)
}

// CatchAll reports whether the company's domain accepts mail for any name.
func (m *Market) CatchAll(c int) bool { return m.unit(fCompanyCatchAll, c, 0) < 0.16 }
