package lusha

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

type wireContactsRequest struct {
	Contacts []wireAskedContact `json:"contacts"`
	Reveal   []string           `json:"reveal"`
	Options  wireOptions        `json:"options"`
}

type wireCompaniesRequest struct {
	Companies []wireAskedCompany `json:"companies"`
	Options   wireOptions        `json:"options"`
}

// wireOptions never asks for partial profiles: they cost the search and hold
// nothing that could be used.
type wireOptions struct {
	Partial bool `json:"includePartialProfiles"`
}

type wireAskedContact struct {
	Reference     string `json:"clientReferenceId"`
	ID            string `json:"id,omitempty"`
	LinkedIn      string `json:"linkedinUrl,omitempty"`
	Email         string `json:"email,omitempty"`
	FirstName     string `json:"firstName,omitempty"`
	LastName      string `json:"lastName,omitempty"`
	CompanyName   string `json:"companyName,omitempty"`
	CompanyDomain string `json:"companyDomain,omitempty"`
}

type wireAskedCompany struct {
	Reference string `json:"clientReferenceId"`
	Name      string `json:"name,omitempty"`
	Domain    string `json:"domain,omitempty"`
}

type wireBilling struct {
	Credits *float64 `json:"creditsCharged"`
}

// wireHead is what all results have.
type wireHead struct {
	Reference string `json:"clientReferenceId"`
	ID        string `json:"id"`
	Error     *struct {
		Code string `json:"code"`
	} `json:"error"`
}

func (w wireHead) head() wireHead { return w }

// verdict says whether the result is an answer, a miss (false), or why it is
// neither.
func (w wireHead) verdict(resp *transport.Response) (found bool, err error) {
	if w.Error == nil {
		return w.ID != "", nil
	}
	switch w.Error.Code {
	case "NOT_FOUND", "NO_SCORE":
		return false, nil
	case "COMPLIANCE_RESTRICTED":
		return false, resp.Fault(fault.Blocked, "the person asked not to be processed, or the law of their country forbids it")
	case "ENRICH_FAILED":
		return false, resp.Fault(fault.Unavailable, "the provider could not complete this prospect; ask again later")
	}
	return false, resp.Fault(fault.BadResponse, "the provider refuses this prospect with a code that it does not document")
}

type wireContact struct {
	wireHead
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	JobTitle  struct {
		Title       string   `json:"title"`
		Departments []string `json:"departments"`
		Seniority   string   `json:"seniority"`
	} `json:"jobTitle"`
	Location wireLocation `json:"location"`
	Emails   []wireEmail  `json:"emails"`
	Phones   []wirePhone  `json:"phones"`
	Company  struct {
		Name     string `json:"name"`
		Domain   string `json:"domain"`
		Industry string `json:"industry"`
	} `json:"company"`
	SocialLinks struct {
		LinkedIn string `json:"linkedin"`
	} `json:"socialLinks"`
}

type wireLocation struct {
	City    string `json:"city"`
	State   string `json:"state"`
	Country string `json:"country"`
	ISO     string `json:"countryIso2"`
}

type wireEmail struct {
	Email string `json:"email"`
	Type  string `json:"type"`
}

type wirePhone struct {
	Number    string `json:"number"`
	Type      string `json:"type"`
	DoNotCall bool   `json:"doNotCall"`
}

// credits counts a reveal also where nothing of it can be used, such as a
// private address: it is charged all the same.
func (w wireContact) credits(op string, r rates) int64 {
	switch {
	case op == provider.OpEnrichPerson && len(w.Emails) > 0:
		return r.search + r.email
	case op == provider.OpFindPhone && len(w.Phones) > 0:
		return r.search + r.phone
	}
	return r.search
}

func (w wireContact) prospect(at time.Time) domain.Prospect {
	p := domain.Prospect{Source: "lusha", ProfileID: w.ID, SeenAt: at}
	s := sheet{p: &p, at: at}
	s.text("person.firstName", &p.Person.FirstName, w.FirstName)
	s.text("person.lastName", &p.Person.LastName, w.LastName)
	s.text("person.title", &p.Person.Title, w.JobTitle.Title)
	s.text("person.seniority", &p.Person.Seniority, seniority(w.JobTitle.Seniority))
	if len(w.JobTitle.Departments) > 0 {
		s.text("person.department", &p.Person.Department, w.JobTitle.Departments[0])
	}
	if address, ok := normalize.ProfileURL(w.SocialLinks.LinkedIn); ok {
		s.text("person.profileUrl", &p.Person.ProfileURL, address)
	}
	s.text("person.city", &p.Person.City, w.Location.City)
	s.text("person.region", &p.Person.Region, w.Location.State)
	s.text("person.country", &p.Person.Country, cmp.Or(w.Location.Country, w.Location.ISO))
	s.text("company.name", &p.Company.Name, w.Company.Name)
	s.text("company.industry", &p.Company.Industry, w.Company.Industry)
	if name, ok := normalize.Domain(w.Company.Domain); ok {
		s.text("company.domain", &p.Company.Domain, name)
	}
	s.text("contact.email", &p.Contact.Email, w.workEmail(p.Company.Domain))
	s.text("contact.phone", &p.Contact.Phone, w.directPhone())
	return p
}

// seniority reads Lusha's rank, of which the lowest two are no words of a title.
func seniority(rank string) string {
	switch word := strings.ToLower(strings.TrimSpace(rank)); word {
	case string(normalize.Entry), string(normalize.Intern):
		return word
	}
	return string(normalize.ParseSeniority(rank))
}

// workEmail is the best address for work: one that is called so before one of
// an unknown type, then one at the employer's domain, then the first.
func (w wireContact) workEmail(employer string) string {
	best, top := "", 0
	for _, e := range w.Emails {
		address, ok := normalize.Email(e.Email)
		if !ok || e.Type == "private" {
			continue
		}
		at := normalize.EmailDomain(address)
		rank := 1
		switch {
		case e.Type == "work":
			rank = 3
		case normalize.FreeMail(at):
			continue
		}
		if domain, ok := normalize.Domain(at); ok && domain == employer {
			rank++
		}
		if rank > top {
			best, top = address, rank
		}
	}
	return best
}

// directPhone is the number that most likely reaches the person and may be
// called, in international form. What is no telephone number is left out.
func (w wireContact) directPhone() string {
	best, top := "", 0
	for _, phone := range w.Phones {
		rank := 4 - slices.Index([]string{"mobile", "direct", "work", phone.Type}, phone.Type)
		if phone.DoNotCall || rank <= top {
			continue
		}
		if n, ok := normalize.Phone(phone.Number, cmp.Or(w.Location.ISO, w.Location.Country)); ok {
			best, top = n.E164, rank
		} else if _, ok := normalize.E164(phone.Number); ok { // of a range that our tables do not know
			best, top = phone.Number, rank
		}
	}
	return best
}

type wireCompany struct {
	wireHead
	Name        string    `json:"name"`
	Domain      string    `json:"domain"`
	Description string    `json:"description"`
	Founded     *float64  `json:"yearFounded"`
	Employees   wireRange `json:"employeeCount"`
	Revenue     wireRange `json:"revenueRange"`
	Industry    string    `json:"industry"`
	SubIndustry string    `json:"subIndustry"`
	// Funding is documented as "present when known", without fields: what is not
	// as in the vendor's example counts as not known.
	Funding      json.RawMessage `json:"funding"`
	Technologies []string        `json:"technologies"`
	Location     wireLocation    `json:"location"`
}

type wireRange struct {
	Exact *float64 `json:"exact"`
	Min   *float64 `json:"min"`
	Max   *float64 `json:"max"`
}

// openEnd is what the largest class of head counts ends with: nobody has so
// many employees.
const openEnd = 10_000_000

// middle returns the exact number, or what stands for the range; zero if
// neither is known. open is the upper end that means none.
func (w wireRange) middle(open int64) int64 {
	if n := whole(w.Exact); n > 0 {
		return n
	}
	low, high := whole(w.Min), whole(w.Max)
	if high < low || high >= open {
		return low
	}
	return normalize.Range{Min: low, Max: high}.Middle()
}

func (w wireCompany) credits(_ string, r rates) int64 { return r.search + r.company }

// prospect leaves out the company's id; see the package comment.
func (w wireCompany) prospect(at time.Time) domain.Prospect {
	p := domain.Prospect{Source: "lusha", SeenAt: at}
	s := sheet{p: &p, at: at}
	to := &p.Company
	s.text("company.name", &to.Name, w.Name)
	s.text("company.description", &to.Description, w.Description)
	s.text("company.industry", &to.Industry, cmp.Or(w.SubIndustry, w.Industry))
	s.text("company.city", &to.City, w.Location.City)
	s.text("company.country", &to.Country, cmp.Or(w.Location.Country, w.Location.ISO))
	if name, ok := normalize.Domain(w.Domain); ok {
		s.text("company.domain", &to.Domain, name)
	}
	if n := w.Employees.middle(openEnd); n > 0 && n < 1<<31 {
		to.Employees = int(n)
		s.note("company.employees")
	}
	if n := w.Revenue.middle(1 << 53); n > 0 {
		to.RevenueUSD = n
		s.note("company.revenueUsd")
	}
	if n := whole(w.Founded); n > 0 && n <= 9999 {
		to.Founded = int(n)
		s.note("company.founded")
	}
	if len(w.Technologies) > 0 {
		to.Technologies = w.Technologies
		s.note("company.technologies")
	}
	var funding struct {
		Type string `json:"lastRoundType"`
		Date string `json:"lastRoundDate"`
	}
	if json.Unmarshal(w.Funding, &funding) == nil {
		s.text("company.fundingStage", &to.FundingStage, funding.Type)
		if day, err := time.Parse("Jan 2, 2006", funding.Date); err == nil {
			p.Signals = append(p.Signals, domain.Signal{Kind: "funding", Text: cmp.Or(to.FundingStage, "funding round"), At: day, Source: "lusha"})
		}
	}
	return p
}

// whole returns a number as far as it is a sensible whole one, else zero.
func whole(n *float64) int64 {
	if n == nil || !(*n >= 1 && *n < 1e15) {
		return 0
	}
	return int64(*n)
}

// sheet fills a prospect and notes where each field came from.
type sheet struct {
	p  *domain.Prospect
	at time.Time
}

func (s sheet) note(field string) {
	if s.p.Provenance == nil {
		s.p.Provenance = map[string]domain.Provenance{}
	}
	s.p.Provenance[field] = domain.Provenance{Source: "lusha", FetchedAt: s.at}
}

func (s sheet) text(field string, to *string, from string) {
	if text := strings.TrimSpace(from); text != "" {
		*to = text
		s.note(field)
	}
}
