package lusha

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

type contactsRequest struct {
	Contacts []askedContact `json:"contacts"`
	Reveal   []string       `json:"reveal"`
	Options  options        `json:"options"`
}

type options struct {
	Partial bool `json:"includePartialProfiles"`
}

type askedContact struct {
	Reference     *string `json:"clientReferenceId"`
	ID            string  `json:"id"`
	LinkedIn      string  `json:"linkedinUrl"`
	Email         string  `json:"email"`
	FirstName     string  `json:"firstName"`
	LastName      string  `json:"lastName"`
	CompanyName   string  `json:"companyName"`
	CompanyDomain string  `json:"companyDomain"`
}

// problem is what the provider's validation says of the item; "" for nothing.
func (a askedContact) problem() string {
	switch {
	case a.Email != "" && !strings.Contains(a.Email, "@"):
		return "email must be an email"
	case a.ID != "", a.LinkedIn != "", a.Email != "":
		return ""
	case a.FirstName == "" || a.LastName == "" || a.CompanyName == "" && a.CompanyDomain == "":
		return "id, linkedinUrl, email, or firstName and lastName with companyName or companyDomain is required"
	}
	return ""
}

type contact struct {
	Reference   *string           `json:"clientReferenceId,omitempty"`
	ID          string            `json:"id"`
	FirstName   string            `json:"firstName"`
	LastName    string            `json:"lastName"`
	FullName    string            `json:"fullName"`
	JobTitle    jobTitle          `json:"jobTitle"`
	Location    location          `json:"location"`
	Emails      []map[string]any  `json:"emails"`
	Phones      []map[string]any  `json:"phones"`
	Company     map[string]string `json:"company"`
	SocialLinks map[string]string `json:"socialLinks"`
	Previous    []map[string]any  `json:"previousEmployment"`
	Updated     string            `json:"updateDate"`
}

type jobTitle struct {
	Title       string   `json:"title"`
	Departments []string `json:"departments"`
	Seniority   string   `json:"seniority"`
}

type location struct {
	Country   string `json:"country"`
	ISO       string `json:"countryIso2"`
	State     string `json:"state,omitempty"`
	City      string `json:"city"`
	Continent string `json:"continent"`
	IsEU      *bool  `json:"isEuContact,omitempty"`
	ZipCode   string `json:"zipCode,omitempty"`
}

func (s *Server) contacts(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fail(w, http.StatusBadRequest, "Invalid request parameters")
		return
	}
	var ask contactsRequest
	if !read(w, body, &ask, "contacts", func() int { return len(ask.Contacts) }) {
		return
	}
	var problems []string
	for i, a := range ask.Contacts {
		if text := a.problem(); text != "" {
			problems = append(problems, fmt.Sprintf("contacts.%d: %s", i, text))
		}
	}
	if ask.Reveal == nil { // left out means both
		ask.Reveal = []string{"emails", "phones"}
	}
	for _, reveal := range ask.Reveal {
		if reveal != "emails" && reveal != "phones" {
			problems = append(problems, "each value in reveal must be one of: emails, phones")
		}
	}
	if len(problems) > 0 {
		fail(w, http.StatusBadRequest, "Validation failed", problems...)
		return
	}
	s.enrichContacts(w, body, ask)
}

func (s *Server) enrichContacts(w http.ResponseWriter, body []byte, ask contactsRequest) {
	emails, phones := slices.Contains(ask.Reveal, "emails"), slices.Contains(ask.Reveal, "phones")
	var found, failed []any
	var ids []string
	var reveals []charge
	for _, a := range ask.Contacts {
		p, problem := s.identify(a)
		if problem != nil {
			if problem.Code == "COMPLIANCE_RESTRICTED" && s.options.Blunt {
				fail(w, http.StatusUnavailableForLegalReasons, "Unavailable for legal reasons")
				return
			}
			failed = append(failed, failure{a.Reference, problem})
			continue
		}
		out := s.contact(p)
		out.Reference = a.Reference
		ids = append(ids, out.ID)
		if emails {
			if out.Emails = s.emails(p); len(out.Emails) > 0 {
				reveals = append(reveals, charge{op: OpEmail, key: out.ID, credits: emailCredits, once: true})
			}
		}
		if phones {
			if out.Phones = s.phones(p); len(out.Phones) > 0 {
				reveals = append(reveals, charge{op: OpPhone, key: out.ID, credits: phoneCredits, once: true})
			}
		}
		found = append(found, out)
	}
	credits, ok := s.settle(w, s.invoice(body, strings.Join(ask.Reveal, "+"), ids, reveals))
	if ok {
		answer(w, body, found, failed, credits)
	}
}

// Shares of contacts, in per mille, that do not go as they should.
const (
	failsOnce  = 10
	noScore    = 5
	hasPrivate = 150 // have a private address beside others, or alone
	typeHidden = 60  // have an address of which the type is unknown
	doNotCall  = 80
)

// identify finds the profile that a question means, or why there is none.
func (s *Server) identify(a askedContact) (market.Profile, *itemError) {
	person, n, ok := s.lookUp(a)
	if !ok {
		return market.Profile{}, &itemError{"NOT_FOUND", "Contact not found"}
	}
	p := s.source.Profile(person, n)
	number := 2*person + n
	switch {
	case p.Truth.OptOut:
		return p, &itemError{"COMPLIANCE_RESTRICTED", "Contact is restricted due to compliance"}
	case share("score", number) < noScore:
		return p, &itemError{"NO_SCORE", "Contact has no score"}
	case !s.options.Steady && share("fails", number) < failsOnce && s.firstTime(number):
		return p, &itemError{"ENRICH_FAILED", "Contact could not be enriched"}
	}
	return p, nil
}

func (s *Server) firstTime(number int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.failed[number]
	s.failed[number] = true
	return first
}

// Lusha's ids are numbers; those of companies are smaller.
const (
	firstContact = 4_380_000_000
	firstCompany = 16_300_000
)

func contactID(person, n int) string { return strconv.Itoa(firstContact + 2*person + n) }

// byID finds the profile behind an id.
func (s *Server) byID(id string) (person, n int, ok bool) {
	number, err := strconv.Atoi(id)
	number -= firstContact
	if err != nil || number < 0 || number/2 >= s.market.People() {
		return 0, 0, false
	}
	return number / 2, number % 2, number%2 < s.source.Profiles(number/2)
}

func (s *Server) lookUp(a askedContact) (person, n int, ok bool) {
	switch {
	case a.ID != "":
		return s.byID(a.ID)
	case a.LinkedIn != "":
		u, err := url.Parse(a.LinkedIn)
		if err != nil || !strings.Contains(u.Host, "linkedin.") || !strings.HasPrefix(u.Path, "/in/") {
			return 0, 0, false
		}
		return s.byID(u.Path[strings.LastIndexByte(u.Path, '-')+1:])
	case a.Email != "":
		box := s.market.Mailbox(a.Email)
		return box.Person, 0, box.Person >= 0 && s.source.Profiles(box.Person) > 0
	}
	c, ok := s.market.CompanyByDomain(strings.TrimPrefix(a.CompanyDomain, "www."))
	if a.CompanyDomain == "" {
		c, ok = s.market.CompanyByName(a.CompanyName)
	}
	if !ok {
		return 0, 0, false
	}
	ok = false
	s.source.ScanCompany(c, func(f market.Facet, number int) bool {
		if card := s.source.Card(f.Person, number); market.SameName(card.First, a.FirstName) && market.SameName(card.Last, a.LastName) {
			person, n, ok = f.Person, number, true
		}
		return !ok
	})
	return person, n, ok
}
