package enrich

import (
	"context"
	"strings"
	"unicode"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
)

// The kinds of questions, in the order in which they are asked about a row.
const (
	opPeople = "people" // who at this company?
	opPerson = "person" // who exactly is this?
	opEmail  = "email"  // what is the work address?
	opVerify = "verify" // does the address receive mail?
)

// question is one thing to ask a provider about one row.
type question struct {
	op    string
	wants string // field that it would fill, for the row's list of missing ones
	key   string // name in the cache
	price money.Price
	call  func(ctx context.Context) (answer, error)
	apply func(row *domain.Row, a answer)
}

// answer is what the cache keeps of a provider's answer.
type answer struct {
	Found    bool               `json:"found,omitempty"`
	Prospect *domain.Prospect   `json:"prospect,omitempty"`
	Origin   *domain.Provenance `json:"origin,omitempty"` // of every field of Prospect that names no other
	Email    string             `json:"email,omitempty"`
	Status   domain.EmailStatus `json:"status,omitempty"`
	Cost     money.Micro        `json:"cost,omitempty"`
	Unclear  bool               `json:"unclear,omitempty"` // may have been charged, the answer was lost
	Blocked  bool               `json:"blocked,omitempty"` // the person asked not to be processed
	Failed   fault.Kind         `json:"failed,omitempty"`  // the provider cannot answer this
	Order    string             `json:"order,omitempty"`   // reservation that it was bought under
	// Also is what others paid for the same answer, by reservation: chunks that
	// asked at the same moment.
	Also   map[string]money.Micro `json:"also,omitempty"`
	TookMS int64                  `json:"-"`
	Cached bool                   `json:"-"`
}

// next returns the question to ask about a row, if there is one left for this
// provider. It depends on the row alone, so that a row can be replayed.
func (c *chunk) next(row *domain.Row) (question, bool) {
	if row.State != domain.InWork {
		return question{}, false
	}
	p := row.Prospect
	d := c.source.Definition
	asked := func(op string) bool {
		for _, call := range row.Calls {
			if call.Provider == d.Name && call.Op == op {
				return true
			}
		}
		return false
	}
	switch {
	case c.source.People != nil && p.Person.Name() == "" && p.Company.Domain != "" && !asked(opPeople):
		return c.peopleQuestion(p), true
	case c.source.Person != nil && p.Contact.Email == "" && identifies(d.Name, p) && !asked(opPerson):
		return c.personQuestion(p), true
	case c.source.Emails != nil && p.Contact.Email == "" && p.Person.FirstName != "" && p.Person.LastName != "" && p.Company.Domain != "" && !asked(opEmail):
		return c.emailQuestion(p), true
	case c.source.Verifier != nil && p.Contact.Email != "" && p.Contact.EmailStatus == domain.EmailUnchecked && !asked(opVerify):
		return c.verifyQuestion(p), true
	}
	return question{}, false
}

// identifies reports whether a provider can know whom we mean.
func identifies(name string, p domain.Prospect) bool {
	return p.Refs[name] != "" || p.Person.LastName != "" && p.Company.Domain != ""
}

// highestPrice is the most that all further questions about a row can cost.
func (c *chunk) highestPrice(row *domain.Row) money.Micro {
	prices := c.source.Definition.Prices.Operations
	p := row.Prospect
	var sum money.Micro
	if c.source.Person != nil && p.Contact.Email == "" {
		sum += prices[provider.OpEnrichPerson].Max()
	}
	if c.source.Emails != nil && p.Contact.Email == "" {
		sum += prices[provider.OpFindEmail].Max()
	}
	if c.source.Verifier != nil && p.Contact.EmailStatus == domain.EmailUnchecked {
		sum += prices[provider.OpVerifyEmail].Max()
	}
	if c.source.People != nil && p.Person.Name() == "" {
		sum += prices[provider.OpFindPeople].Max()
	}
	return sum
}

func (c *chunk) peopleQuestion(p domain.Prospect) question {
	d := c.source.Definition
	return question{
		op: opPeople, wants: "person", price: d.Prices.Operations[provider.OpFindPeople],
		key: budget.Question(d.Name, opPeople, p.Company.Domain, strings.Join(c.query.Titles, "|")),
		call: func(ctx context.Context) (answer, error) {
			people, usage, err := c.source.People.FindPeople(ctx, p.Company.Domain, provider.Query{Titles: c.query.Titles})
			if err != nil || len(people) == 0 {
				return answer{Cost: usage.Cost}, err
			}
			return answer{Found: true, Prospect: &people[0], Cost: usage.Cost}, nil
		},
		apply: func(row *domain.Row, a answer) { c.log(row, opPeople, "person", a); merge(row, d.Name, a) },
	}
}

func (c *chunk) personQuestion(p domain.Prospect) question {
	d := c.source.Definition
	identity := []string{"id", p.Refs[d.Name]}
	if p.Refs[d.Name] == "" {
		identity = []string{"name", spelling(p.Person.Name()), p.Company.Domain, p.Person.ProfileURL}
	}
	return question{
		op: opPerson, wants: "email", price: d.Prices.Operations[provider.OpEnrichPerson],
		key: budget.Question(d.Name, opPerson, identity...),
		call: func(ctx context.Context) (answer, error) {
			got, err := c.source.Person.EnrichPerson(ctx, p)
			if err != nil || !got.Found {
				return answer{Cost: got.Usage.Cost}, err
			}
			return answer{Found: true, Prospect: &got.Prospect, Cost: got.Usage.Cost}, nil
		},
		apply: func(row *domain.Row, a answer) { c.log(row, opPerson, "email", a); merge(row, d.Name, a) },
	}
}

// spelling is what spellings of one name have in common: accents and case do not
// tell people apart. Scripts whose names only sound alike in Latin letters stay.
func spelling(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) {
			return strings.ToLower(name)
		}
	}
	return normalize.Fold(name)
}

func (c *chunk) emailQuestion(p domain.Prospect) question {
	d := c.source.Definition
	return question{
		op: opEmail, wants: "email", price: d.Prices.Operations[provider.OpFindEmail],
		key: budget.Question(d.Name, opEmail, spelling(p.Person.FirstName), spelling(p.Person.LastName), p.Company.Domain),
		call: func(ctx context.Context) (answer, error) {
			got, err := c.source.Emails.FindEmail(ctx, provider.EmailQuery{FirstName: p.Person.FirstName, LastName: p.Person.LastName, Domain: p.Company.Domain})
			return answer{Found: got.Found, Email: got.Email, Status: got.Status, Cost: got.Usage.Cost}, err
		},
		apply: func(row *domain.Row, a answer) {
			c.log(row, opEmail, "email", a)
			if a.Found {
				row.Prospect.Contact.Email, row.Prospect.Contact.EmailStatus = a.Email, a.Status
				c.note(row, "contact.email")
			}
		},
	}
}

func (c *chunk) verifyQuestion(p domain.Prospect) question {
	d := c.source.Definition
	return question{
		op: opVerify, wants: "email status", price: d.Prices.Operations[provider.OpVerifyEmail],
		key: budget.Question(d.Name, opVerify, strings.ToLower(p.Contact.Email)),
		call: func(ctx context.Context) (answer, error) {
			got, err := c.source.Verifier.VerifyEmail(ctx, p.Contact.Email)
			return answer{Found: err == nil, Status: got.Status, Cost: got.Usage.Cost}, err
		},
		apply: func(row *domain.Row, a answer) {
			c.log(row, opVerify, "email status", a)
			if a.Found {
				row.Prospect.Contact.EmailStatus = a.Status
			}
		},
	}
}

// log adds the call to the row's enrichment log and names what it did not bring.
func (c *chunk) log(row *domain.Row, op, wants string, a answer) {
	name := c.source.Definition.Name
	call := domain.Call{Provider: name, Op: op, Outcome: "none", Cost: a.Cost, TookMS: a.TookMS, Cached: a.Cached}
	switch {
	case a.Found:
		call.Outcome = "found"
		delete(row.Missing, wants)
	case a.Unclear:
		call.Outcome = "unclear"
		miss(row, wants, name+": the answer was lost after it may have been charged; not asked again")
	case a.Blocked:
		call.Outcome = string(fault.Blocked)
		row.State, row.Reason = domain.Suppressed, "the person asked "+name+" not to be processed"
	case a.Failed != "":
		call.Outcome = string(a.Failed)
		miss(row, wants, name+": "+string(a.Failed))
	default:
		miss(row, wants, name+": no match")
	}
	row.Calls = append(row.Calls, call)
}

func miss(row *domain.Row, field, why string) {
	if row.Missing == nil {
		row.Missing = map[string]string{}
	}
	row.Missing[field] = why
}

// note records where a field came from, and until when it may be kept.
func (c *chunk) note(row *domain.Row, field string) {
	p := &row.Prospect
	if p.Provenance == nil {
		p.Provenance = map[string]domain.Provenance{}
	}
	origin := domain.Provenance{Source: c.source.Definition.Name, FetchedAt: c.Now().UTC()}
	if t := c.source.Definition.Terms; t.StoreFor > 0 {
		origin.ExpiresAt = origin.FetchedAt.Add(t.StoreFor)
	}
	p.Provenance[field] = origin
}
