package zoominfo

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// text is a value that ZoomInfo writes as text here and as a number there.
type text string

func (t text) String() string { return strings.TrimSpace(string(t)) }

// UnmarshalJSON takes a scalar; null is "".
func (t *text) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err == nil {
		if s != nil {
			*t = text(*s)
		}
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	*t = text(n)
	return nil
}

// texts is a list that may come as one text, its items separated by commas.
type texts []string

// UnmarshalJSON takes both forms.
func (t *texts) UnmarshalJSON(data []byte) error {
	var all []string
	if err := json.Unmarshal(data, &all); err == nil {
		*t = all
		return nil
	}
	var one string
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*t = list(one)
	return nil
}

func (t texts) first() string {
	if len(t) == 0 {
		return ""
	}
	return t[0]
}

// wireRecord is one element of the answer to an enrichment.
type wireRecord struct {
	ID         text            `json:"id"`
	Type       string          `json:"type"`
	Attributes json.RawMessage `json:"attributes"`
	Meta       struct {
		MatchStatus string   `json:"matchStatus"`
		Input       question `json:"input"`
	} `json:"meta"`
}

func parseRecords(resp *transport.Response) ([]wireRecord, error) {
	var w struct {
		Data []wireRecord `json:"data"`
	}
	if err := resp.Decode(&w); err != nil {
		return nil, err
	}
	return w.Data, nil
}

// answer is what one record says; bought reports whether it costs a credit if
// it is new.
func (r wireRecord) answer(resp *transport.Response) (a provider.Answer, bought bool) {
	status := strings.ToUpper(r.Meta.MatchStatus)
	said := func(words ...string) bool {
		for _, word := range words {
			if !strings.Contains(status, word) {
				return false
			}
		}
		return true
	}
	switch {
	case said("OPT", "OUT"):
		a.Err = resp.Fault(fault.Blocked, "the person asked not to be processed")
	case said("LIMIT", "EXCEEDED"):
		a.Err = resp.Fault(fault.QuotaExhausted, "the credits of the contract were used up before this record")
	case said("INPUT"):
		a.Err = resp.Fault(fault.InvalidInput, "the provider did not accept what is known of this record")
	case r.Type == "NoMatch", said("NO_MATCH"), said("NON_MATCH"):
	case r.Type == "Contact", r.Type == "Company":
		p, err := r.prospect(resp, said("COMPANY", "ONLY"))
		return provider.Answer{Found: err == nil, Prospect: p, Err: err}, true
	default:
		a.Err = resp.Fault(fault.BadResponse, "a record is of a kind that is not documented")
	}
	return a, false
}

// prospect reads a record that matched.
func (r wireRecord) prospect(resp *transport.Response, companyOnly bool) (domain.Prospect, error) {
	part := *resp
	part.Body = r.Attributes
	s := sheet{p: &domain.Prospect{Source: name, SeenAt: resp.At.UTC()}, at: resp.At.UTC()}
	if r.Type == "Company" {
		var w wireCompany
		if err := part.Decode(&w); err != nil {
			return domain.Prospect{}, err
		}
		w.fill(s)
		return *s.p, nil
	}
	var w wirePerson
	if err := part.Decode(&w); err != nil {
		return domain.Prospect{}, err
	}
	w.Company.fill(s)
	if !companyOnly {
		if s.p.ProfileID = r.ID.String(); s.p.ProfileID == "" {
			return domain.Prospect{}, resp.Fault(fault.BadResponse, "a person in the answer has no id")
		}
		w.fill(s)
	}
	return *s.p, nil
}

type wirePerson struct {
	FirstName      *string `json:"firstName"`
	LastName       *string `json:"lastName"`
	Title          *string `json:"jobTitle"`
	Level          texts   `json:"managementLevel"` // a list here, one text in a search
	Email          *string `json:"email"`
	Phone          *string `json:"phone"`
	PhoneDoNotCall bool    `json:"directPhoneDoNotCall"`
	Mobile         *string `json:"mobilePhone"`
	MobileNoCall   bool    `json:"mobilePhoneDoNotCall"`
	City           *string `json:"city"`
	State          *string `json:"state"`
	Country        *string `json:"country"`
	Since          *string `json:"positionStartDate"`
	URLs           []struct {
		URL string `json:"url"`
	} `json:"externalUrls"`
	Company wireCompany `json:"company"` // asked for as companyName and so on
}

func (w wirePerson) fill(s sheet) {
	p := &s.p.Person
	s.text("person.firstName", &p.FirstName, w.FirstName)
	s.text("person.lastName", &p.LastName, w.LastName)
	s.text("person.title", &p.Title, w.Title)
	s.text("person.city", &p.City, w.City)
	s.text("person.region", &p.Region, w.State)
	s.text("person.country", &p.Country, w.Country)
	level := seniority(w.Level)
	s.text("person.seniority", &p.Seniority, &level)
	for _, u := range w.URLs {
		if profile, ok := profileURL(u.URL); ok {
			s.text("person.profileUrl", &p.ProfileURL, &profile)
			break
		}
	}
	if address := normalizedEmail(w.Email); address != "" {
		s.text("contact.email", &s.p.Contact.Email, &address)
	}
	number := w.number()
	s.text("contact.phone", &s.p.Contact.Phone, &number)
	if since, ok := date(w.Since); ok {
		s.signal("jobchange", p.Title, since)
	}
}

// number is the number to call, the direct one before the mobile one; "" if there
// is none that may be called.
func (w wirePerson) number() string {
	country := value(w.Country)
	if country == "" {
		country = value(w.Company.Country)
	}
	for _, n := range []struct {
		text  *string
		never bool
	}{{w.Phone, w.PhoneDoNotCall}, {w.Mobile, w.MobileNoCall}} {
		if n.never {
			continue
		}
		if number, ok := normalize.Phone(value(n.text), country); ok {
			return number.E164
		}
		if _, ok := normalize.E164(value(n.text)); ok { // of a range that our tables do not know
			return value(n.text)
		}
	}
	return ""
}

func normalizedEmail(text *string) string {
	address, _ := normalize.Email(value(text))
	return address
}

// profileURL is a LinkedIn profile in one form.
func profileURL(text string) (string, bool) {
	slug, ok := normalize.LinkedInSlug(text)
	return "https://www.linkedin.com/in/" + slug, ok
}

// seniority reads levels such as "VP Level Exec", the highest first.
func seniority(levels texts) string {
	for _, level := range levels {
		switch word := strings.ToLower(level); {
		case strings.HasPrefix(word, "c level"), strings.HasPrefix(word, "c-level"):
			return string(normalize.CSuite)
		case strings.HasPrefix(word, "vp"):
			return string(normalize.VP)
		case word == "director":
			return string(normalize.Director)
		case word == "manager":
			return string(normalize.Manager)
		case strings.HasPrefix(word, "non"):
			return string(normalize.Entry)
		}
	}
	return ""
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
	s.p.Provenance[field] = domain.Provenance{Source: name, FetchedAt: s.at}
}

func (s sheet) text(field string, to, from *string) {
	if text := value(from); text != "" {
		*to = text
		s.note(field)
	}
}

func (s sheet) signal(kind, text string, at time.Time) {
	s.p.Signals = append(s.p.Signals, domain.Signal{Kind: kind, Text: text, At: at, Source: name})
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

// date reads a day, with or without a time of day.
func date(text *string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, value(text)); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// whole returns a number of at most most, zero for what is none.
func whole(t text, most float64) int64 {
	n, err := strconv.ParseFloat(t.String(), 64)
	if err != nil || !(n >= 1 && n <= most) {
		return 0
	}
	return int64(n)
}
