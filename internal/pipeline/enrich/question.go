package enrich

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
)

// question is one thing to ask the provider, about one row or several that
// share it.
type question struct {
	op     string // key of the price table
	key    string // name in the cache
	price  money.Price
	about  domain.Prospect
	leased bool // held against other workers, see [chunk.claim]
}

// answer is what the cache keeps of a provider's answer.
type answer struct {
	Found    bool               `json:"found,omitempty"`
	Prospect *domain.Prospect   `json:"prospect,omitempty"`
	Origin   *domain.Provenance `json:"origin,omitempty"` // of every field of Prospect that names no other
	Status   domain.EmailStatus `json:"status,omitempty"` // a verifier's verdict
	Cost     money.Micro        `json:"cost,omitempty"`
	Unclear  bool               `json:"unclear,omitempty"` // may have been charged, the answer was lost
	Blocked  bool               `json:"blocked,omitempty"` // the person asked not to be processed
	Failed   fault.Kind         `json:"failed,omitempty"`  // the provider cannot answer this
	Order    string             `json:"order,omitempty"`   // reservation that it was bought under
	// Also is what others paid for the same answer, by reservation: chunks that
	// asked at the same moment.
	Also map[string]money.Micro `json:"also,omitempty"`
	// Asking is the chunk that asks this at the moment: not an answer yet.
	Asking string `json:"asking,omitempty"`
	TookMS int64  `json:"-"`
	Cached bool   `json:"-"`
}

// ask puts questions of one kind to the provider, in one call. It returns one
// answer for each, in order, and the fault of those that have none. The error is for
// all of them.
func (c *chunk) askProvider(ctx context.Context, op string, questions []question) ([]answer, []error, error) {
	about := make([]domain.Prospect, len(questions))
	for i, q := range questions {
		about[i] = q.about
	}
	switch a := c.source.Adapter; op {
	case provider.OpFindPeople:
		return c.findPeople(ctx, a, about[0])
	case provider.OpFindEmail:
		return c.findEmail(ctx, a, about[0])
	case provider.OpVerifyEmail:
		return c.verify(ctx, a, about)
	case provider.OpEnrichPerson:
		return unpack(lookUp(a, provider.PersonEnricher.EnrichPeople)(ctx, about))
	case provider.OpEnrichCompany:
		return unpack(lookUp(a, provider.CompanyEnricher.EnrichCompanies)(ctx, about))
	case provider.OpFindPhone:
		return unpack(lookUp(a, provider.PhoneFinder.FindPhones)(ctx, about))
	case provider.OpFindTechnologies:
		return unpack(lookUp(a, provider.TechnologyFinder.FindTechnologies)(ctx, about))
	case provider.OpFindIntent:
		return unpack(lookUp(a, provider.IntentFinder.FindIntent)(ctx, about))
	}
	return nil, nil, fault.New(fault.Internal, "enrich.ask", "nobody knows how to ask "+op)
}

// lookUp binds a capability's method to the adapter, which has it if its
// definition is true.
func lookUp[T any](adapter any, method func(T, context.Context, []domain.Prospect) ([]provider.Answer, error)) func(context.Context, []domain.Prospect) ([]provider.Answer, error) {
	return func(ctx context.Context, about []domain.Prospect) ([]provider.Answer, error) {
		able, ok := adapter.(T)
		if !ok {
			return nil, fault.New(fault.Internal, "enrich.ask", "a provider declares what it cannot do")
		}
		answers, err := method(able, ctx, about)
		if err == nil && len(answers) != len(about) {
			return nil, fault.New(fault.BadResponse, "enrich.ask", fmt.Sprintf("%d answers to %d questions", len(answers), len(about)))
		}
		return answers, err
	}
}

func unpack(got []provider.Answer, err error) ([]answer, []error, error) {
	if err != nil {
		return nil, nil, err
	}
	answers, errs := make([]answer, len(got)), make([]error, len(got))
	for i, a := range got {
		answers[i], errs[i] = answer{Found: a.Found, Cost: a.Usage.Cost}, a.Err
		if a.Found {
			answers[i].Prospect = &a.Prospect
		}
	}
	return answers, errs, nil
}

func (c *chunk) findPeople(ctx context.Context, adapter any, p domain.Prospect) ([]answer, []error, error) {
	finder, ok := adapter.(provider.PersonFinder)
	if !ok {
		return nil, nil, fault.New(fault.Internal, "enrich.ask", "a provider declares what it cannot do")
	}
	people, usage, err := finder.FindPeople(ctx, p.Company.Domain, provider.Query{Titles: c.query.Titles})
	a := answer{Cost: usage.Cost}
	if len(people) > 0 {
		a.Found, a.Prospect = true, &people[0]
	}
	return []answer{a}, []error{nil}, err
}

func (c *chunk) findEmail(ctx context.Context, adapter any, p domain.Prospect) ([]answer, []error, error) {
	finder, ok := adapter.(provider.EmailFinder)
	if !ok {
		return nil, nil, fault.New(fault.Internal, "enrich.ask", "a provider declares what it cannot do")
	}
	got, err := finder.FindEmail(ctx, provider.EmailQuery{FirstName: p.Person.FirstName, LastName: p.Person.LastName, Domain: p.Company.Domain})
	a := answer{Found: got.Found, Cost: got.Usage.Cost}
	if got.Found {
		a.Prospect = &domain.Prospect{SeenAt: c.Now().UTC(), Contact: domain.Contact{Email: got.Email, EmailStatus: got.Status}}
	}
	return []answer{a}, []error{nil}, err
}

func (c *chunk) verify(ctx context.Context, adapter any, about []domain.Prospect) ([]answer, []error, error) {
	verifier, ok := adapter.(provider.EmailVerifier)
	if !ok {
		return nil, nil, fault.New(fault.Internal, "enrich.ask", "a provider declares what it cannot do")
	}
	emails := make([]string, len(about))
	for i, p := range about {
		emails[i] = p.Contact.Email
	}
	verdicts, err := verifier.VerifyEmails(ctx, emails)
	switch {
	case err != nil:
		return nil, nil, err
	case len(verdicts) != len(emails):
		return nil, nil, fault.New(fault.BadResponse, "enrich.ask", fmt.Sprintf("%d verdicts on %d addresses", len(verdicts), len(emails)))
	}
	answers, errs := make([]answer, len(verdicts)), make([]error, len(verdicts))
	for i, v := range verdicts {
		answers[i], errs[i] = answer{Found: v.Err == nil, Status: v.Status, Cost: v.Usage.Cost}, v.Err
	}
	return answers, errs, nil
}

// key names a question in the team's cache, by the identity that the provider
// knows the prospect by: the same person asked for in the same way has the
// same name, however they are spelled.
func (c *chunk) key(op string, p domain.Prospect) string {
	d := c.source.Definition
	by := d.Identity(op, p)
	identity := []string{string(by)}
	switch by {
	case provider.ByID:
		identity = append(identity, d.ID(p))
	case provider.ByEmail:
		identity = append(identity, strings.ToLower(p.Contact.Email))
	case provider.ByProfile:
		slug, _ := normalize.LinkedInSlug(p.Person.ProfileURL)
		identity = append(identity, slug)
	case provider.ByNameAtDomain:
		identity = append(identity, spelling(p.Person.FirstName), spelling(p.Person.LastName), strings.ToLower(p.Company.Domain))
	case provider.ByNameAtCompany:
		identity = append(identity, spelling(p.Person.FirstName), spelling(p.Person.LastName), normalize.CompanyKey(p.Company.Name))
	case provider.ByDomain:
		identity = append(identity, strings.ToLower(p.Company.Domain))
	case provider.ByCompanyName:
		identity = append(identity, normalize.CompanyKey(p.Company.Name))
	}
	if op == provider.OpFindPeople {
		titles := slices.Clone(c.query.Titles)
		slices.Sort(titles)
		identity = append(identity, strings.Join(titles, "|"))
	}
	return budget.Question(d.Name, op, identity...)
}

// exclusive reports that nobody else can be asking the same: the question names
// the prospect by the id under which this run has claimed it.
func (c *chunk) exclusive(op string, p domain.Prospect) bool {
	return p.Source == c.name && c.source.Definition.Identity(op, p) == provider.ByID
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
