// Package dedup tells whether two prospects are the same person, by match keys
// that are equal exactly: e-mail, profile, name and domain, name and phone, name
// and company.
//
// The rules are precise rather than complete: colleagues share company, domain,
// city and switchboard, so a name is part of every key that is not the person's
// own, free-mail domains and role mailboxes are no keys, and two work addresses
// that belong to two people of one name keep them apart.
//
// It is pure and imports domain and normalize. It does not merge records and
// does no fuzzy matching.
package dedup

import (
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

// Rule names the reason why two prospects are the same.
type Rule string

// The rules, in the order in which they are tried and named.
const (
	SameEmail       Rule = "same e-mail"
	SameProfile     Rule = "same profile"
	SameNameDomain  Rule = "same name and company domain"
	SameNamePhone   Rule = "same name and phone"
	SameNameCompany Rule = "same name and company"
)

// rules in the order of their numbers in a [Key].
var rules = [...]Rule{SameEmail, SameProfile, SameNameDomain, SameNamePhone, SameNameCompany}

// Key is one way to recognise a prospect. Two prospects that share a key of one
// rule are the same, unless both carry a Mark and the marks differ.
type Key struct {
	Rule Rule
	Text string
	// Mark is set on keys that contain a name and tells namesakes apart by
	// their work address; "" if there is none.
	Mark string
}

// Keys returns the match keys of a prospect, in the order of the rules; none if
// nothing identifies it. The prospect's fields need not be normalised.
func Keys(p domain.Prospect) []Key {
	keys := make([]Key, 0, 5)
	email := normalize.EmailKey(p.Contact.Email)
	role := email != "" && normalize.RoleMailbox(email)
	if email != "" && !role {
		keys = append(keys, Key{Rule: SameEmail, Text: email})
	}
	if profile, ok := normalize.ProfileURL(p.Person.ProfileURL); ok {
		keys = append(keys, Key{Rule: SameProfile, Text: profile})
	}
	names := nameKeys(p)
	if len(names) == 0 {
		return keys
	}
	at, phone, company := companyDomain(p, email), phoneKey(p), normalize.CompanyKey(p.Company.Name)
	mark := ""
	if p.Person.LastName != "" {
		mark = mailboxMark(p.Person, email, role)
	} else if at != "" {
		// Branches of one firm share its name and domain, not its town.
		at += "|" + normalize.Fold(p.Company.City)
		company = ""
	}
	for _, part := range [...]struct {
		rule Rule
		text string
	}{{SameNameDomain, at}, {SameNamePhone, phone}, {SameNameCompany, company}} {
		if part.text == "" {
			continue
		}
		for _, name := range names {
			keys = append(keys, Key{Rule: part.rule, Text: name + "|" + part.text, Mark: mark})
		}
	}
	return keys
}

// nameKeys returns the spellings under which the prospect's name is looked up;
// for a company without a person, the company's name.
func nameKeys(p domain.Prospect) []string {
	if p.Person.FirstName == "" && p.Person.LastName == "" {
		if key := normalize.CompanyKey(p.Company.Name); key != "" {
			return []string{"company|" + key}
		}
		return nil
	}
	var names []string
	for _, name := range [...]string{
		normalize.NameKey(p.Person.FirstName, p.Person.LastName), normalize.GermanNameKey(p.Person.FirstName, p.Person.LastName),
	} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// companyDomain is the domain of the prospect's employer, "" if none is known
// that is the employer's alone.
func companyDomain(p domain.Prospect, email string) string {
	for _, source := range [...]string{p.Company.Domain, p.Company.Website, normalize.EmailDomain(email)} {
		if source == "" {
			continue
		}
		if d, ok := normalize.Domain(source); ok && !normalize.FreeMail(d) && !normalize.SharedHost(d) {
			return d
		}
	}
	return ""
}

func phoneKey(p domain.Prospect) string {
	phone := p.Contact.Phone
	if phone == "" && p.Person.LastName == "" && p.Person.FirstName == "" {
		phone = p.Company.Phone
	}
	if _, ok := normalize.E164(phone); ok || phone == "" {
		return phone
	}
	for _, country := range [...]string{p.Person.Country, p.Company.Country} {
		if n, ok := normalize.Phone(phone, country); ok {
			return n.E164
		}
	}
	return ""
}

// standardMailbox marks an address that is made of the name in a usual way:
// one person may well have several of them.
const standardMailbox = "standard"

// mailboxMark tells namesakes of one firm apart: john.smith@ and jsmith@ are
// likely one man, john.smith2@ is another.
func mailboxMark(person domain.Person, email string, role bool) string {
	host := normalize.EmailDomain(email)
	if email == "" || role || normalize.FreeMail(host) {
		return ""
	}
	local := strings.ReplaceAll(normalize.Fold(email[:len(email)-len(host)-1]), " ", "")
	for _, spell := range [...]func(string) string{normalize.Fold, normalize.FoldGerman} {
		first, last := spell(person.FirstName), strings.ReplaceAll(spell(person.LastName), " ", "")
		given, _, _ := strings.Cut(first, " ")
		first = strings.ReplaceAll(first, " ", "")
		if given == "" || last == "" {
			continue
		}
		for _, usual := range [...]string{
			first, last, first + last, last + first, given, given + last, last + given,
			given[:1] + last, given + last[:1], last + given[:1], last[:1] + given, given[:1] + last[:1],
		} {
			if local == usual {
				return standardMailbox
			}
		}
	}
	return local + "@" + host
}

// Same reports whether two prospects are the same person, and by which rule. It
// is symmetric and holds for a prospect and itself if anything identifies it.
func Same(a, b domain.Prospect) (Rule, bool) {
	others := Keys(b)
	for _, k := range Keys(a) {
		for _, other := range others {
			if k.matches(other) {
				return k.Rule, true
			}
		}
	}
	return "", false
}

func (k Key) matches(other Key) bool {
	return k.Rule == other.Rule && k.Text == other.Text && (k.Mark == "" || other.Mark == "" || k.Mark == other.Mark)
}
