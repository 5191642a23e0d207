package zoominfo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// input is a question about a contact or a company. Ids must be whole numbers.
type input struct {
	PersonID     *int64 `json:"personId,omitempty"`
	EmailAddress string `json:"emailAddress,omitempty"`
	FirstName    string `json:"firstName,omitempty"`
	LastName     string `json:"lastName,omitempty"`
	FullName     string `json:"fullName,omitempty"`
	ExternalURL  string `json:"externalURL,omitempty"`
	JobTitle     string `json:"jobTitle,omitempty"`
	CompanyID    *int64 `json:"companyId,omitempty"`
	CompanyName  string `json:"companyName,omitempty"`
	Website      string `json:"companyWebsite,omitempty"` // of a company only
}

// record is one element of the answer to a batch.
type record struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Meta       meta           `json:"meta"`
}

type meta struct {
	MatchStatus string `json:"matchStatus"`
	Input       input  `json:"input"`
}

func none(status string, in input) record {
	return record{ID: "0", Type: "NoMatch", Meta: meta{status, in}}
}

const maxBatch = 25

// batch answers an enrichment: all of it or, for what concerns one record, in
// that record. The order is not that of the questions.
func (s *Server) batch(w http.ResponseWriter, op string, inputs []input, wanted []string, known map[string]bool, answer func(input) (record, string)) {
	switch {
	case len(wanted) == 0:
		refuse(w, http.StatusBadRequest, "PFAPI0002", "Required request parameters are missing: outputFields")
		return
	case len(inputs) == 0 || len(inputs) > maxBatch:
		refuse(w, http.StatusBadRequest, "PFAPI0002", "Between 1 and 25 records are allowed")
		return
	case slices.ContainsFunc(wanted, func(f string) bool { return !known[f] }):
		refuse(w, http.StatusBadRequest, "PFAPI0009", "OutputFields invalid or disallowed")
		return
	case slices.ContainsFunc(wanted, func(f string) bool { return slices.Contains(s.options.Denied, f) }):
		refuse(w, http.StatusBadRequest, "PFAPI0001", "Disallowed field requested in query")
		return
	case s.left() <= 0:
		s.broke(w)
		return
	}
	data := make([]record, 0, len(inputs))
	for _, in := range inputs {
		r, key := answer(in)
		if key != "" {
			switch paid, err := s.buy(op, key, true); {
			case err != nil:
				http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
				return
			case !paid:
				r = none("LIMIT_EXCEEDED", in)
			}
		}
		data = append(data, r)
	}
	slices.SortStableFunc(data, func(a, b record) int { return strings.Compare(shuffled(a), shuffled(b)) })
	reply(w, mediaType, http.StatusOK, map[string]any{"data": data})
}

func shuffled(r record) string {
	raw, _ := json.Marshal(r.Meta.Input) // text and numbers always encode
	return strconv.FormatUint(draw(string(raw)), 36)
}

// left is how many credits the contract still has.
func (s *Server) left() int {
	used := 0
	for _, op := range []string{OpContact, OpCompany, OpTechnology, OpIntent} {
		used += s.front.Charges(op)
	}
	return s.options.Credits - used
}

func (s *Server) broke(w http.ResponseWriter) {
	refuse(w, http.StatusBadRequest, "PFAPI0011", "Credit Limit Reached")
}

// buy takes a credit for a record, or finds it under management; paid is false
// if there is no credit left.
func (s *Server) buy(op, key string, once bool) (paid bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if once && s.front.Charged(op, key) > 0 {
		return true, nil
	}
	if s.left() <= 0 {
		return false, nil
	}
	return true, s.front.Charge(op, key, s.options.Price)
}

func (s *Server) enrichContacts(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Inputs   []input  `json:"matchPersonInput"`
		Wanted   []string `json:"outputFields"`
		Required []string `json:"requiredFields"`
	}
	if !document(w, r, "ContactEnrich", &body) {
		return
	}
	if slices.ContainsFunc(body.Inputs, func(in input) bool { return in.Website != "" }) {
		refuse(w, http.StatusBadRequest, "PFAPI0005", "Invalid field requested")
		return
	}
	s.batch(w, OpContact, body.Inputs, body.Wanted, contactFields(), func(in input) (record, string) {
		if !identifies(in) {
			return none("INVALID_INPUT", in), ""
		}
		p, found := s.identify(in)
		switch {
		case !found:
			return none(s.missed(in), in), ""
		case p.Truth.OptOut && p.Person%2 == 0:
			return none("OPT_OUT", in), ""
		case p.Truth.OptOut:
			return none("CONTACT_OPTED_OUT", in), "" // its other name in the same specification
		}
		attributes := s.contact(p, body.Wanted)
		if slices.ContainsFunc(body.Required, func(field string) bool { return !filled(attributes, field) }) {
			return none("NON_MATCH_BY_REQUIRED_FIELDS", in), ""
		}
		id := strconv.FormatInt(personID(p.Person, p.N), 10)
		return record{ID: id, Type: "Contact", Attributes: attributes, Meta: meta{"FULL_MATCH", in}}, id
	})
}

// missed tells why nobody was found: the company may be known.
func (s *Server) missed(in input) string {
	if _, ok := s.market.CompanyByName(in.CompanyName); ok && draw(in.LastName)%4 == 0 {
		return "COMPANY_ONLY_MATCH"
	}
	return "NO_MATCH"
}

func identifies(in input) bool {
	named := in.FullName != "" || in.FirstName != "" && in.LastName != ""
	return in.PersonID != nil || strings.Count(in.EmailAddress, "@") == 1 || in.ExternalURL != "" || named && (in.CompanyName != "" || in.CompanyID != nil)
}

// identify finds the profile that a question means.
func (s *Server) identify(in input) (market.Profile, bool) {
	var id int64
	switch {
	case in.PersonID != nil:
		id = *in.PersonID
	case in.EmailAddress != "":
		box := s.market.Mailbox(in.EmailAddress)
		if box.Person < 0 || s.source.Profiles(box.Person) == 0 {
			return market.Profile{}, false
		}
		id = personID(box.Person, 0)
	case in.ExternalURL != "":
		last := in.ExternalURL[strings.LastIndexByte(in.ExternalURL, '-')+1:]
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return market.Profile{}, false
		}
		id = n
	default:
		id = s.byName(in)
	}
	person, n, ok := s.personOf(id)
	if !ok {
		return market.Profile{}, false
	}
	return s.source.Profile(person, n), true
}

func (s *Server) byName(in input) (id int64) {
	first, last := in.FirstName, in.LastName
	if first == "" {
		first, last, _ = strings.Cut(in.FullName, " ")
	}
	c, ok := s.market.CompanyByName(in.CompanyName)
	if in.CompanyID != nil {
		c, ok = s.firmOf(*in.CompanyID)
	}
	if !ok {
		return 0
	}
	s.source.ScanCompany(c, func(f market.Facet, n int) bool {
		if card := s.source.Card(f.Person, n); market.SameName(card.First, first) && market.SameName(card.Last, last) {
			id = personID(f.Person, n)
		}
		return id == 0
	})
	return id
}

func (s *Server) enrichCompanies(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Inputs   []input  `json:"matchCompanyInput"`
		Wanted   []string `json:"outputFields"`
		Required []string `json:"requiredFields"`
	}
	if !document(w, r, "CompanyEnrich", &body) {
		return
	}
	s.batch(w, OpCompany, body.Inputs, body.Wanted, companyFields(), func(in input) (record, string) {
		if in.CompanyID == nil && in.CompanyName == "" && in.Website == "" {
			return none("INVALID_INPUT", in), ""
		}
		c, ok := s.knownFirm(in.Website, in.CompanyName)
		if in.CompanyID != nil {
			c, ok = s.firmOf(*in.CompanyID)
		}
		if !ok {
			return none("NO_MATCH", in), ""
		}
		id := strconv.FormatInt(firmID(c), 10)
		return record{ID: id, Type: "Company", Attributes: only(s.firm(c), body.Wanted), Meta: meta{"FULL_MATCH", in}}, id
	})
}

// bareDomain takes a website as the matches do: with or without scheme and www.
func bareDomain(website string) string {
	for _, prefix := range []string{"https://", "http://", "www."} {
		website = strings.TrimPrefix(strings.ToLower(website), prefix)
	}
	domain, _, _ := strings.Cut(website, "/")
	return domain
}
