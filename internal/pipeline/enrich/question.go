package enrich

import (
	"context"
	"fmt"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/waterfall"
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
	waterfall.Answer
	Order string `json:"order,omitempty"` // reservation that it was bought under
	// Also is what others paid for the same answer, by reservation: chunks that
	// asked at the same moment.
	Also map[string]money.Micro `json:"also,omitempty"`
	// Asking is the chunk that asks this at the moment: not an answer yet.
	Asking string `json:"asking,omitempty"`
	// Queued: the provider has counted the question and works on the answer. It is
	// paid for, and to be asked again at nothing: not an answer yet.
	Queued bool `json:"queued,omitempty"`

	subjects []string
	sale     provider.Sale
}

// Subjects tells the store by whom the answer can be found again.
func (a answer) Subjects() []string { return a.subjects }

// failed is the answer of a provider that cannot answer.
func failed(kind fault.Kind, cost money.Micro) answer {
	return answer{Answer: waterfall.Answer{Failed: kind, Cost: cost}}
}

// unclear is the answer that was lost after it may have been charged.
func unclear(cost money.Micro) answer {
	return answer{Answer: waterfall.Answer{Unclear: true, Cost: cost}}
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
		answers[i], errs[i] = answer{Answer: waterfall.Answer{Found: a.Found, Cost: a.Usage.Cost}}, a.Err
		answers[i].sale = a.Sale
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
	a := answer{Answer: waterfall.Answer{Cost: usage.Cost}}
	if len(people) > 0 {
		a.Found, a.Prospect = true, &people[0]
	}
	return []answer{a}, []error{err}, nil // it may cost something although it failed
}

func (c *chunk) findEmail(ctx context.Context, adapter any, p domain.Prospect) ([]answer, []error, error) {
	finder, ok := adapter.(provider.EmailFinder)
	if !ok {
		return nil, nil, fault.New(fault.Internal, "enrich.ask", "a provider declares what it cannot do")
	}
	got, err := finder.FindEmail(ctx, provider.EmailQuery{FirstName: p.Person.FirstName, LastName: p.Person.LastName, Domain: p.Company.Domain})
	a := answer{Answer: waterfall.Answer{Found: got.Found, Cost: got.Usage.Cost, Confidence: got.Confidence}}
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
		answers[i], errs[i] = answer{Answer: waterfall.Answer{Found: v.Err == nil, Status: v.Status, Reason: v.Reason, Cost: v.Usage.Cost}}, v.Err
	}
	return answers, errs, nil
}

// key names a question in the team's cache, by the identity that the provider
// knows the prospect by.
func (c *chunk) key(op string, p domain.Prospect) string {
	d := c.source.Definition
	return budget.Question(d.Name, op, waterfall.Identity(d, op, p, c.query.Titles)...)
}

// exclusive reports that nobody else can be asking the same: the question names
// the prospect by the id under which this run has claimed it.
func (c *chunk) exclusive(op string, p domain.Prospect) bool {
	return p.Source == c.name && c.source.Definition.Identity(op, p) == provider.ByID
}
